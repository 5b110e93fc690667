//! The options for keys, signatures and registries.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::ServerOptions;

/// How a registry is reached from this machine.
#[derive(Debug, Args)]
pub(crate) struct RegistryOptions {
    /// The registry that the user name is for, such as `registry.example.com`: no other is told it.
    #[arg(long = "registry", env = "GRANTRY_REGISTRY", value_name = "HOST[:PORT]")]
    pub host: Option<String>,
    /// Who asks the registry. The password or access token is in `GRANTRY_REGISTRY_PASSWORD`.
    #[arg(long, env = "GRANTRY_REGISTRY_USERNAME", value_name = "NAME")]
    pub username: Option<String>,
    /// Let requests to the registry go to this private address too.
    #[arg(long = "address", value_name = "IP:PORT")]
    pub addresses: Vec<SocketAddr>,
    /// Speak to the registry without TLS: to addresses given with `--address` only.
    #[arg(long)]
    pub plain_http: bool,
    /// Certificates (PEM) of roots that are trusted beside the public ones.
    #[arg(long, env = "GRANTRY_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InspectOptions {
    /// The component's file, or a reference such as `registry.example.com/scim:1.0.0`.
    #[arg(value_name = "FILE|REFERENCE")]
    pub at: String,
    /// Hold the signature against this public key: its file, or its text.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    #[command(flatten)]
    pub registry: RegistryOptions,
}

#[derive(Debug, Args)]
pub(crate) struct InstallOptions {
    /// The component's file, whose signature is in `FILE.minisig`; or a reference such as
    /// `registry.example.com/scim:1.0.0`, which the server pulls itself.
    #[arg(value_name = "FILE|REFERENCE")]
    pub at: String,
    /// Install it although nobody whom the server trusts signed it. The server's audit log says so.
    #[arg(long)]
    pub allow_unsigned: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub(crate) struct KeygenOptions {
    /// Where the secret key goes; the public one is written beside it, with `.pub` at the end.
    #[arg(value_name = "KEYFILE")]
    pub file: PathBuf,
    /// Protect the key by the file's mode alone, not by a password too: for build machines.
    #[arg(long)]
    pub unencrypted: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SignOptions {
    /// The component. Its signature is written beside it, as `FILE.minisig`.
    pub file: PathBuf,
    /// The secret key's file, of `keygen` or of minisign. Its password is asked for, or in
    /// `GRANTRY_KEY_PASSWORD`.
    #[arg(long, value_name = "KEYFILE")]
    pub key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PublishOptions {
    /// The component, with its signature in `FILE.minisig`.
    pub file: PathBuf,
    /// Where to, such as `registry.example.com/connectors/scim:1.0.0`.
    pub reference: String,
    /// Publish it without a signature: servers then refuse it, unless an admin insists.
    #[arg(long)]
    pub unsigned: bool,
    #[command(flatten)]
    pub registry: RegistryOptions,
}

#[derive(Debug, Args)]
pub(crate) struct TrustOptions {
    /// What you call the publisher.
    pub name: String,
    /// Its public key: the file, or its text. Have it from the publisher itself.
    #[arg(long, value_name = "KEY")]
    pub key: String,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeOptions {
    /// The publisher's id: `publishers` lists it.
    pub id: String,
    /// Why, for those who read the audit log.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    pub server: ServerOptions,
}
