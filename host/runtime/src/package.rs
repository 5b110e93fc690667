//! [`Inspector`]: looks at an uploaded component before anybody trusts it (PLG-1, PLG-2).
//!
//! In this order: what it is ([`format`]), what it wants to import, whether it compiles (apart, under
//! limits), whether it links, and what it says of itself when asked without any capability
//! ([`manifest`]).

mod format;
mod manifest;

use std::sync::Arc;

use async_trait::async_trait;
use grantry_model::fault::Fault;
use grantry_model::package::{PackageInspector, PackageRejection, PackageReport};
use grantry_model::plugin::Digest;

use crate::Runtime;
use crate::calls::Describe;
use crate::http::Access;
use crate::link;
use format::Outline;

/// Checks, compiles and describes uploaded components.
pub struct Inspector {
    runtime: Arc<Runtime>,
}

impl Inspector {
    /// An inspector that fills this runtime's cache.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Self { runtime }
    }
}

#[async_trait]
impl PackageInspector for Inspector {
    async fn inspect(&self, component: &[u8]) -> Result<PackageReport, PackageRejection> {
        let size_bytes = u64::try_from(component.len()).unwrap_or(u64::MAX);
        if size_bytes > self.runtime.component_bytes_max {
            return Err(PackageRejection::TooLarge(self.runtime.component_bytes_max));
        }
        let component: Arc<[u8]> = component.into();
        let (digest, outline) = looked_at(component.clone()).await?;
        let imports = outline.imports.iter().map(String::as_str);
        link::policy(imports, self.runtime.accepts_inert_sockets)?;
        let plugin = self.runtime.plugins.compile(&digest, component).await?;
        let described =
            self.runtime.call_plugin(plugin.clone(), None, Access::ReadOnly, Describe).await;
        let manifest = described.map_err(|failure| undescribed(failure.fault))?.value;
        manifest::check(&manifest)?;
        Ok(PackageReport {
            digest,
            size_bytes,
            contract: outline.contract,
            interfaces: plugin.interfaces(),
            imports: plugin.imports.clone(),
            manifest,
        })
    }
}

/// Digest and outline; a large component takes a while, so apart from the threads that serve.
async fn looked_at(component: Arc<[u8]>) -> Result<(Digest, Outline), PackageRejection> {
    let work = move || Ok((Digest::of(&component), format::outline(&component)?));
    let looked = tokio::task::spawn_blocking(work).await;
    looked.map_err(|error| PackageRejection::Unavailable(error.to_string()))?
}

fn undescribed(fault: Fault) -> PackageRejection {
    match fault {
        Fault::Host(why) => PackageRejection::Unavailable(why),
        fault => PackageRejection::BadManifest(format!("`describe` failed: {fault}")),
    }
}
