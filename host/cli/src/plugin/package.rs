//! A component with its signature: from this machine, or from a registry.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use grantry_egress::DialSettings;
use grantry_model::approval::AddressException;
use grantry_model::registry::{PackageRegistry as _, Reference, RegistryAccess, registry_name};
use grantry_model::secret::Secret;
use grantry_registry::Registries;

use super::read;
use crate::options::RegistryOptions;

/// Holds a registry's password or access token.
const PASSWORD_VARIABLE: &str = "GRANTRY_REGISTRY_PASSWORD";

/// What was found.
pub(super) struct Package {
    pub(super) component: Vec<u8>,
    /// The text of the `.minisig` file.
    pub(super) signature: Option<String>,
    /// Where it came from, if not from this machine.
    pub(super) source: Option<String>,
}

/// What is meant: a file that is there, or a reference.
pub(super) enum Place {
    File(PathBuf),
    Registry(Reference),
}

impl Place {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let path = Path::new(text);
        if path.exists() {
            return Ok(Self::File(path.to_owned()));
        }
        let reference = Reference::parse(text);
        let reference = reference.map_err(|error| {
            anyhow!("cannot read `{text}`: there is no such file, and as a name in a registry it {error}")
        })?;
        Ok(Self::Registry(reference))
    }
}

/// The component with its signature.
pub(super) async fn load(at: &str, options: &RegistryOptions) -> anyhow::Result<Package> {
    match Place::parse(at)? {
        Place::File(file) => {
            let (component, signature) = (read(&file)?, signature(&file)?);
            Ok(Package { component, signature, source: None })
        }
        Place::Registry(reference) => {
            let (registries, access) = (registries(options)?, access(options, &reference)?);
            let pulled = registries.pull(&reference, &access).await;
            let pulled = pulled.with_context(|| format!("cannot pull `{reference}`"))?;
            let source = Some(reference.pinned(&pulled.manifest).to_string());
            Ok(Package { component: pulled.component, signature: pulled.signature, source })
        }
    }
}

/// Where a component's signature is: minisign looks for it there too.
pub(super) fn signature_file(component: &Path) -> PathBuf {
    let mut path = component.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// The signature beside a component's file, if there is one.
pub(super) fn signature(component: &Path) -> anyhow::Result<Option<String>> {
    let path = signature_file(component);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// What speaks to registries.
pub(super) fn registries(options: &RegistryOptions) -> anyhow::Result<Registries> {
    let mut settings = DialSettings::default();
    if let Some(file) = &options.ca_file {
        let pem = std::fs::read_to_string(file);
        settings.extra_roots_pem.push(pem.with_context(|| format!("read `{}`", file.display()))?);
    }
    Registries::new(&settings).context("cannot use the certificates of `--ca-file`")
}

/// How the reference's registry is reached from here. The credential goes to the registry that it is
/// for, and to no other that a reference names.
pub(super) fn access(
    options: &RegistryOptions,
    reference: &Reference,
) -> anyhow::Result<RegistryAccess> {
    let exception = |at: &std::net::SocketAddr| AddressException { ip: at.ip(), port: at.port() };
    let named = |host: &String| {
        registry_name(host)
            .with_context(|| format!("`{host}` is no host name with a dot or a port"))
    };
    let host = options.host.as_ref().map(named).transpose()?;
    let credential = match &options.username {
        None => None,
        Some(_) if host.is_none() => {
            bail!("say in `GRANTRY_REGISTRY` or `--registry` which registry the user name is for")
        }
        Some(_) if host.as_ref() != Some(&reference.registry) => None,
        Some(username) => {
            let password = std::env::var(PASSWORD_VARIABLE);
            let password = password.with_context(|| format!("`{PASSWORD_VARIABLE}` is not set"))?;
            Some((username.clone(), Secret::new(password)))
        }
    };
    let address_exceptions = options.addresses.iter().map(exception).collect();
    Ok(RegistryAccess { is_plain: options.plain_http, address_exceptions, credential })
}
