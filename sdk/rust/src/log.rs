//! The plugin's log. Never log a person's data or a response body.

pub use crate::bindings::grantry::plugin::log::Level;

/// Writes a message with fields.
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    // There is no host outside of WebAssembly, in a native test.
    if cfg!(target_arch = "wasm32") {
        crate::bindings::grantry::plugin::log::log(level, message, &fields);
    }
}

/// For the author of the plugin.
pub fn debug(message: &str) {
    write(Level::Debug, message, &[]);
}

/// For the admin: something worth to know.
pub fn info(message: &str) {
    write(Level::Info, message, &[]);
}

/// For the admin: something that should be looked at.
pub fn warn(message: &str) {
    write(Level::Warn, message, &[]);
}
