//! Tests of the harness itself: a judge has to be judged first.

mod http;
mod postgres;
mod scim_server;
