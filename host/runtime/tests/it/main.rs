//! What the runtime promises, shown with hand-made guests: one test binary.

mod support;
mod tickets;

mod answers;
mod cache;
mod capabilities;
mod credentials;
mod egress;
mod hostile;
mod packages;
mod proxy;
mod runner;
mod tls;
