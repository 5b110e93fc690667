//! The HTTP API: routes, problem documents, OpenAPI, and the listener.
//!
//! A handler gets a [`context::Ctx`], parses, calls one use case of the engine and maps the result;
//! what may be done is decided in the engine, never here. Every route is registered through
//! [`openapi::router`]. Start with [`Server`], then `routes/`.

mod access;
mod attempts;
pub mod authentication;
mod body;
mod context;
mod cookies;
mod credentials;
mod csv;
mod events;
mod export;
mod headers;
mod json;
mod limits;
pub mod openapi;
mod path;
pub mod problem;
mod query;
mod rate;
mod reply;
mod routes;
mod serve;
mod state;
mod unit;
mod wire;

pub use limits::{Limits, Rate};
pub use serve::serve;
pub use state::Server;
