//! The one test binary: whole journeys through real peers, and the harness's own tests.

mod author;
mod bridge;
mod credentials;
mod deliveries;
mod fuzz;
mod harness;
mod hostile;
mod issuers;
mod jumpcloud;
mod kills;
mod lists;
mod platform;
mod provisioning;
mod proxy;
mod registry;
mod schedules;
mod scim;
mod storage;
mod tickets;
