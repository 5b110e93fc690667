//! What a plugin looks like in a registry: the CNCF's layout of Wasm artifacts (one layer with the
//! component), with the signature as an annotation of the manifest (ADR 16).

use std::collections::BTreeMap;

use grantry_model::plugin::Digest;
use grantry_model::registry::RegistryFault;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{COMPONENT_BYTES_MAX, Result};

/// The media type of manifests.
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const COMPONENT_TYPE: &str = "application/wasm";
/// The manifest's annotation with the text of the `.minisig` file.
pub const SIGNATURE_ANNOTATION: &str = "io.grantry.plugin.minisig";
const TITLE: &str = "org.opencontainers.image.title";
const VERSION: &str = "org.opencontainers.image.version";

/// A plugin to be pushed.
#[derive(Debug)]
pub struct Artifact<'a> {
    /// The plugin's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// What it imports, by full name.
    pub imports: &'a [String],
    /// The component.
    pub component: &'a [u8],
    /// The text of its signature.
    pub signature: Option<&'a str>,
}

/// A manifest, as far as it is read here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    schema_version: u32,
    #[serde(default = "manifest_type")]
    media_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// What a manifest is that does not say it.
fn manifest_type() -> String {
    MANIFEST_TYPE.to_owned()
}

/// Where bytes are, and which.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

/// The component that a manifest names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        let digest = format!("sha256:{}", Digest::of(bytes));
        Self { media_type: media_type.to_owned(), digest, size: bytes.len() as u64 }
    }
}

/// The manifest with the configuration that belongs to it. The same plugin has the same ones.
pub(crate) fn write(artifact: &Artifact<'_>) -> (Vec<u8>, Vec<u8>) {
    let component = Descriptor::of(COMPONENT_TYPE, artifact.component);
    let config = json!({
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [component.digest],
        "component": { "exports": [], "imports": artifact.imports, "target": null },
    });
    let config = config.to_string().into_bytes();
    let mut annotations = BTreeMap::from([
        (TITLE.to_owned(), artifact.name.to_owned()),
        (VERSION.to_owned(), artifact.version.to_owned()),
    ]);
    if let Some(signature) = artifact.signature {
        annotations.insert(SIGNATURE_ANNOTATION.to_owned(), signature.to_owned());
    }
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST_TYPE.to_owned(),
        config: Descriptor::of(CONFIG_TYPE, &config),
        layers: vec![component],
        annotations,
    };
    let manifest = serde_json::to_vec(&manifest).expect("texts and numbers are JSON");
    (manifest, config)
}

/// The component and the signature that a manifest names.
pub(crate) fn read(bytes: &[u8]) -> Result<(Layer, Option<String>)> {
    let wrong = |why: &str| RegistryFault::NotAPlugin(why.to_owned());
    let manifest: Manifest =
        serde_json::from_slice(bytes).map_err(|_| wrong("its manifest is not an OCI image's"))?;
    if manifest.schema_version != 2 || manifest.media_type != MANIFEST_TYPE {
        return Err(wrong("its manifest is not an OCI image's"));
    }
    if manifest.config.media_type != CONFIG_TYPE {
        return Err(wrong("its configuration is not that of a WebAssembly artifact"));
    }
    let [layer] = manifest.layers.as_slice() else {
        return Err(wrong("it has not exactly one layer"));
    };
    if layer.media_type != COMPONENT_TYPE {
        return Err(wrong("its layer is not `application/wasm`"));
    }
    let digest = layer.digest.strip_prefix("sha256:").and_then(Digest::parse);
    let digest = digest.ok_or_else(|| wrong("its layer has no SHA-256 digest"))?;
    if layer.size > COMPONENT_BYTES_MAX {
        return Err(RegistryFault::TooLarge(COMPONENT_BYTES_MAX));
    }
    let mut annotations = manifest.annotations;
    Ok((Layer { digest, size: layer.size }, annotations.remove(SIGNATURE_ANNOTATION)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(signature: Option<&'static str>) -> Artifact<'static> {
        Artifact { name: "scim", version: "1.0.0", imports: &[], component: b"\0asm", signature }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (manifest, config) = write(&artifact(Some("untrusted comment: x\n")));
        let (layer, signature) = read(&manifest).unwrap();
        assert_eq!(layer, Layer { digest: Digest::of(b"\0asm"), size: 4 });
        assert_eq!(signature.as_deref(), Some("untrusted comment: x\n"));
        assert_eq!((manifest, config), write(&artifact(Some("untrusted comment: x\n"))));
        assert_eq!(read(&write(&artifact(None)).0).unwrap().1, None);
    }

    #[test]
    fn what_is_no_plugin_is_refused() {
        let good = String::from_utf8(write(&artifact(None)).0).unwrap();
        let digest = Digest::of(b"\0asm");
        for (from, to) in [
            (COMPONENT_TYPE, "application/vnd.oci.image.layer.v1.tar+gzip"),
            (CONFIG_TYPE, "application/vnd.oci.image.config.v1+json"),
            (MANIFEST_TYPE, "application/vnd.oci.image.index.v1+json"),
            ("\"schemaVersion\":2", "\"schemaVersion\":1"),
            ("\"layers\":[", "\"layers\":[] , \"more\":["),
            (digest.as_str(), "00"),
            ("\"size\":4", "\"size\":-4"),
        ] {
            let changed = good.replace(from, to);
            assert_ne!(changed, good, "{from}");
            assert!(matches!(read(changed.as_bytes()), Err(RegistryFault::NotAPlugin(_))), "{to}");
        }
        let large = good.replace("\"size\":4", "\"size\":99999999999");
        assert_eq!(
            read(large.as_bytes()).unwrap_err(),
            RegistryFault::TooLarge(COMPONENT_BYTES_MAX)
        );
        for junk in [&b""[..], b"[]", b"null", b"{}", b"\xff"] {
            assert!(matches!(read(junk), Err(RegistryFault::NotAPlugin(_))));
        }
    }
}
