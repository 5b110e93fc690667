//! The options of `grantry plugin`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::ServerOptions;
use super::signing::{
    InspectOptions, InstallOptions, KeygenOptions, PublishOptions, RevokeOptions, SignOptions,
    TrustOptions,
};

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Check a component on this machine and show what it is, who signed it and what it asks for.
    /// Nothing is installed, and no server is needed.
    Inspect(InspectOptions),
    /// Make a folder with a connector that works, to change into yours.
    New(NewOptions),
    /// Build a plugin in Rust, JavaScript, TypeScript or Python into `dist/NAME.wasm`.
    /// Runs the folder's own tools: build only what you trust.
    Build {
        /// The plugin's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Say whether the host would install a component, and what is wrong with what it says of itself.
    /// For authors; no server and no connection are needed. Exits with 1 if something is wrong.
    Check {
        /// The component.
        file: PathBuf,
    },
    /// Hold a component against the conformance suite, with a target: docs/plugin-guide.md lists what
    /// it judges. Exits with 1 if the plugin breaks a rule.
    Test(TestOptions),
    /// Run one call of a component in the real sandbox, without server and database.
    Run(RunOptions),
    /// Make a key to sign plugins with.
    Keygen(KeygenOptions),
    /// Sign a component: its bytes, under its name and version.
    Sign(SignOptions),
    /// Put a signed component into an OCI registry.
    Publish(PublishOptions),
    /// Install a component on a running server.
    Install(InstallOptions),
    /// Let a running server trust a publisher's signatures.
    Trust(TrustOptions),
    /// List the publishers that a running server trusts, and those that it does not any more.
    Publishers {
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Let a running server trust a publisher's key no more, for ever.
    Revoke(RevokeOptions),
    /// List the plugins of a running server.
    List {
        #[command(flatten)]
        server: ServerOptions,
    },
}

/// What a person gives and approves beside the connection.
#[derive(Debug, Args)]
pub(crate) struct ApprovalOptions {
    /// A secret of the connection, from the environment: its place and the name of the variable,
    /// such as `/auth/token=DIRECTORY_TOKEN`.
    #[arg(long = "secret", value_name = "PLACE=VARIABLE", value_parser = place_and_variable)]
    pub secrets: Vec<(String, String)>,
    /// Approve a host that the plugin asks for, such as `api.example.com`. The hosts that the
    /// connection names are approved with it.
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// Let requests go to this private address too.
    #[arg(long = "address", value_name = "IP:PORT")]
    pub addresses: Vec<SocketAddr>,
    /// Let requests go to the loopback addresses that the connection names, by plain http too.
    #[arg(long)]
    pub allow_loopback: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NewOptions {
    /// The plugin's name: lower case letters, digits and hyphens.
    pub name: String,
    /// In which language.
    #[arg(long, value_enum)]
    pub lang: Language,
    /// The folder to make; by default one of the plugin's name.
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// A checkout of Grantry's repository, for Rust: its SDK is a crate that is not published yet.
    /// The others' SDKs are written into the folder.
    #[arg(long, value_name = "DIR", env = "GRANTRY_CHECKOUT")]
    pub sdk: Option<PathBuf>,
}

/// The languages that there is an SDK for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust.
    Rust,
    /// JavaScript or TypeScript, on QuickJS.
    Js,
    /// Python, on CPython.
    Python,
}

#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunOptions {
    /// The component.
    pub file: PathBuf,
    /// What to call.
    #[arg(value_enum)]
    pub call: Call,
    /// What the call is about: see the examples.
    pub arguments: Vec<String>,
    /// The connection, as JSON. Leave secrets out and give them with `--secret`.
    #[arg(long, value_name = "FILE")]
    pub connection: PathBuf,
    #[command(flatten)]
    pub approval: ApprovalOptions,
    /// Rows to read at most.
    #[arg(long, default_value_t = 50, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rows: u32,
    /// Only this kind.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Ask what a change would send, and change nothing.
    #[arg(long)]
    pub plan: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TestOptions {
    /// The component.
    pub file: PathBuf,
    /// What to test with: the connection, and what may be written (JSON).
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    #[command(flatten)]
    pub approval: ApprovalOptions,
    /// Change the target: grants, revocations, new objects. What is made is removed again.
    #[arg(long)]
    pub allow_writes: bool,
    /// Only the checks of this group.
    #[arg(long, value_name = "GROUP",
        value_parser = ["manifest", "connection", "reading", "faults", "writing", "calls"])]
    pub only: Option<String>,
}

const RUN_EXAMPLES: &str = "\
Examples, each with `--connection FILE`:
  grantry plugin run scim.wasm test-connection
  grantry plugin run scim.wasm accounts --rows 10
  grantry plugin run scim.wasm assignments --kind Group --json     one JSON object a line
  grantry plugin run scim.wasm get User 7f3a
  grantry plugin run scim.wasm grant g1:member User 7f3a           changes the target
  grantry plugin run scim.wasm revoke g1:member User 7f3a --plan   says what would be sent
  grantry plugin run scim.wasm create User userName=ada active=true

After a change it is read back. The key-value store of the plugin lives as long as the command.";

/// The calls that an author makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Call {
    /// Whether the connection works.
    TestConnection,
    /// The kinds of this tenant.
    Schema,
    /// Objects of kinds that are accounts.
    Accounts,
    /// All other objects.
    Resources,
    /// The rights on resources.
    Entitlements,
    /// Who holds them.
    Assignments,
    /// One object: `get KIND ID`.
    Get,
    /// How many there are: `count KIND`.
    Count,
    /// `grant ENTITLEMENT KIND ID`.
    Grant,
    /// `revoke ENTITLEMENT KIND ID`.
    Revoke,
    /// `create KIND NAME=VALUE…`.
    Create,
    /// `update KIND ID NAME=VALUE…`.
    Update,
    /// `delete KIND ID`.
    Delete,
    /// `enable KIND ID`.
    Enable,
    /// `disable KIND ID`.
    Disable,
}

impl Call {
    /// Whether it reads listings: only those look at `--kind`.
    pub(crate) fn is_listing(self) -> bool {
        matches!(self, Self::Accounts | Self::Resources | Self::Entitlements | Self::Assignments)
    }

    /// Whether it changes the target: only those can be planned.
    pub(crate) fn is_change(self) -> bool {
        matches!(
            self,
            Self::Grant
                | Self::Revoke
                | Self::Create
                | Self::Update
                | Self::Delete
                | Self::Enable
                | Self::Disable
        )
    }
}

/// `/auth/token=VARIABLE`; the first slash may be left out.
fn place_and_variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((place, variable)) if !place.is_empty() && !variable.is_empty() => {
            let place = place.trim_start_matches('/');
            Ok((format!("/{place}"), variable.to_owned()))
        }
        _ => Err("give a place and a variable, such as `/auth/token=DIRECTORY_TOKEN`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_place_and_a_variable() {
        let expected = ("/auth/token".to_owned(), "T".to_owned());
        assert_eq!(place_and_variable("auth/token=T"), Ok(expected.clone()));
        assert_eq!(place_and_variable("/auth/token=T"), Ok(expected));
        assert!(place_and_variable("T").is_err());
        assert!(place_and_variable("=T").is_err());
    }
}
