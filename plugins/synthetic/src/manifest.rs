//! What the plugin is. It asks for nothing.

use grantry_sdk::lifecycle::{KindClass, KindSchema, Manifest};

use crate::connection;

/// The answer to `describe`.
pub fn describe() -> Manifest {
    let kind =
        |name: &str, class| KindSchema { is_countable: true, ..KindSchema::new(name, class, name) };
    Manifest {
        name: "synthetic".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        publisher: "Grantry".into(),
        application_type: "Synthetic directory".into(),
        description: "A directory made of numbers, for tests and benchmarks".into(),
        example_connection: connection::example().to_string(),
        connection_schema: connection::schema().to_string(),
        kinds: vec![kind("User", KindClass::Account), kind("Group", KindClass::Group)],
        ..Manifest::default()
    }
}
