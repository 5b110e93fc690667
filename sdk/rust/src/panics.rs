//! A panic ends a call as a trap. Its message is logged first, as nothing else would show it.

/// Called by every export before the plugin's own code.
pub(crate) fn log_them() {
    if cfg!(target_arch = "wasm32") {
        std::panic::set_hook(Box::new(|panic| {
            crate::log::warn(&format!("the plugin panicked: {panic}"));
        }));
    }
}
