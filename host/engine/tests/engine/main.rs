//! The engine against a scripted connector, on SQLite and (where a server is named) PostgreSQL.

mod aggregation;
mod courier;
mod credentials;
mod deletion;
mod deliveries;
mod external_changes;
mod gate;
mod host;
mod lying;
mod manual;
mod mappings;
mod open_operations;
mod platform;
mod provisioning;
mod removals;
mod resource_people;
mod run_changes;
mod run_log;
mod schedules;
mod scripted;
mod streams;
mod uploads;
