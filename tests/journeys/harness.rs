//! Tests of the harness itself: a judge has to be judged first.

mod directory;
mod http;
mod postgres;
mod quirks;
mod recorder;
mod scim_server;
