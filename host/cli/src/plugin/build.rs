//! `grantry plugin build`: from a crate to a component.

use std::path::Path;

use serde_json::json;

use crate::output::Output;

pub(super) fn run(folder: &Path, output: Output) -> anyhow::Result<()> {
    let component = grantry_guest_build::build(folder)?;
    let size_bytes = std::fs::metadata(&component)?.len();
    let built = json!({ "component": component, "size_bytes": size_bytes });
    let words = format!("{} ({} KiB)", component.display(), size_bytes.div_ceil(1024));
    output.print(&built, |_| words)
}
