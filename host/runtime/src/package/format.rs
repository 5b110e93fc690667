//! What the bytes are, and what the component imports and exports, read from its outermost sections
//! without compiling anything.

use grantry_model::package::PackageRejection;
use grantry_model::text::printable;
use wasmparser::{Encoding, Parser, Payload};

use crate::link::CONTRACT;

/// Most imports and exports that are read.
const NAMES_MAX: usize = 1_000;

/// A component's outside.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) imports: Vec<String>,
    /// The version of `grantry:plugin/lifecycle` that it exports.
    pub(super) contract: String,
}

/// Reads the outline, or tells what the bytes are instead.
pub(super) fn outline(bytes: &[u8]) -> Result<Outline, PackageRejection> {
    let refuse = |what: &str| Err(PackageRejection::NotAComponent(what.to_owned()));
    match bytes {
        [] => return refuse("the file is empty"),
        [0x7f, b'E', b'L', b'F', ..] => {
            return refuse("an ELF file, perhaps a precompiled component");
        }
        [0, b'a', b's', b'm', ..] => {}
        _ if bytes.trim_ascii_start().starts_with(b"(") => {
            return refuse("text; hand in the binary component");
        }
        _ => return refuse("the file does not begin with the bytes of WebAssembly"),
    }
    let mut exports = Vec::new();
    let mut outline = Outline::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| malformed(&error))? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return refuse("a core module; make a component of it first");
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(|error| malformed(&error))?;
                    outline.imports.push(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(|error| malformed(&error))?;
                    exports.push(export.name.name.to_owned());
                }
            }
            _ => {}
        }
        if outline.imports.len() + exports.len() > NAMES_MAX {
            return refuse("too many imports and exports");
        }
    }
    outline.contract = contract(&exports)?;
    Ok(outline)
}

/// The version of the contract, from the export that every plugin has.
fn contract(exports: &[String]) -> Result<String, PackageRejection> {
    let prefix = format!("{CONTRACT}/lifecycle@");
    let version = exports.iter().find_map(|name| name.strip_prefix(prefix.as_str()));
    match version {
        Some(version) if version.starts_with("0.1.") => Ok(printable(version, 40)),
        Some(version) => {
            let export = format!("{prefix}{}", printable(version, 40));
            Err(PackageRejection::ImportNotAllowed(export))
        }
        None => Err(PackageRejection::BadManifest(format!("it exports no `{CONTRACT}/lifecycle`"))),
    }
}

fn malformed(error: &wasmparser::BinaryReaderError) -> PackageRejection {
    PackageRejection::NotAComponent(printable(&error.to_string(), 200))
}
