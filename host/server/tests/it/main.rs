//! The server's tests: the whole router on a SQLite file, with a fake plugin behind the model's traits.
//!
//! Each file is about one promise of the API; `host.rs` is what they stand on.

mod access_profiles;
mod authentication;
mod bodies;
mod connections;
mod data_sources;
mod entitlement_search;
mod entitlement_types;
mod entitlement_words;
mod events;
mod fake;
mod fake_issuer;
mod flat_files;
mod host;
mod idempotency;
mod integrations;
mod issuers;
mod listed_requests;
mod lists;
mod mappings;
mod memberships;
mod notifications;
mod openapi;
mod owners;
mod paths;
mod people;
mod permission_matrix;
mod removals;
mod request_rules;
mod requests;
mod resources;
mod schedules;
mod service;
mod sessions;
mod settings;
mod tasks;
mod uploads;
mod versions;
