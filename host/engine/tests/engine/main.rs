//! The engine against a scripted connector, on SQLite and (where a server is named) PostgreSQL.

mod aggregation;
mod courier;
mod credentials;
mod deletion;
mod deliveries;
mod expiry;
mod external_changes;
mod gate;
mod host;
mod leases;
mod lying;
mod manual;
mod mappings;
mod open_operations;
mod platform;
mod policies;
mod provisioning;
mod removals;
mod resource_people;
mod run_changes;
mod run_log;
mod schedules;
mod scripted;
mod side_effects;
mod streams;
mod uploads;
