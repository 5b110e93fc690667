//! The command line.

mod plugin;
mod signing;
mod sync;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use plugin::{
    ApprovalOptions, Call, Language, NewOptions, PluginCommand, RunOptions, TestOptions,
};
pub(crate) use signing::{
    InspectOptions, InstallOptions, KeygenOptions, PublishOptions, RegistryOptions, RevokeOptions,
    SignOptions, TrustOptions,
};
pub(crate) use sync::{
    KindOption, ModeOption, OneSchedule, PlanOptions, ScheduleCommand, SelectionOptions,
    SyncCommand,
};

/// Self-hosted access governance with sandboxed connectors.
#[derive(Debug, Parser)]
#[command(name = "grantry", version, about, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Print results and errors as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// How the log on standard error looks; by default text for a terminal, JSON otherwise.
    #[arg(long, global = true, value_enum, env = "GRANTRY_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  grantry serve                                     everything, on http://127.0.0.1:8080
  grantry serve --database-url postgres://grantry@db/grantry --listen 0.0.0.0:8080
  grantry plugin inspect scim.wasm                  what a plugin asks for, before you trust it
  grantry plugin run scim.wasm accounts --connection directory.json --secret /auth/token=TOKEN
  grantry plugin sign scim.wasm --key publisher.key
  grantry plugin publish scim.wasm registry.example.com/connectors/scim:1.0.0
  GRANTRY_TOKEN=… grantry plugin install registry.example.com/connectors/scim:1.0.0
  grantry sync run Directory --watch                read a target now, and see it happen
  grantry doctor                                    what is wrong, and how to mend it

The log's detail is set with RUST_LOG, such as RUST_LOG=info,grantry_engine=debug.
Exit codes: 0 done, 1 failed, 2 wrong usage; `sync run` and `sync watch` have more: see their help.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the HTTP API and carry out background work.
    Serve(ServeOptions),
    /// Carry out background work only, beside other processes on the same database.
    Worker(WorkerOptions),
    /// Bring the database to this program's schema, and stop.
    Migrate(DataOptions),
    /// Look for what is wrong, and say how to mend it.
    Doctor(DoctorOptions),
    /// Make, look at, run, sign, publish, install and list plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Read integrations' targets, and set when that happens by itself.
    #[command(subcommand)]
    Sync(SyncCommand),
    /// Check and export the audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Let an admin in again, on this machine.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// The compile process: reads a component, writes machine code. Started by `serve`.
    #[command(hide = true)]
    CompilePlugin,
}

/// Where everything is kept.
#[derive(Debug, Args)]
pub(crate) struct DataOptions {
    /// The folder for the database file, the key file and compiled plugins.
    #[arg(long, env = "GRANTRY_DATA_DIR", default_value = "./grantry-data", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// `postgres://…`, or `sqlite://PATH`; by default a SQLite file in the data folder. Better given
    /// in the environment if it holds a password.
    #[arg(long, env = "GRANTRY_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// The keys that secrets are sealed with; by default `keys` in the data folder. Made at the
    /// first start. Processes on one database share it. Back it up apart from the database.
    #[arg(long, env = "GRANTRY_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// How what runs plugins and delivers messages reaches the outside.
#[derive(Debug, Args)]
pub(crate) struct EgressOptions {
    /// Plugins' requests go through this HTTP proxy (CONNECT), as `http://[USER:PASSWORD@]HOST:PORT`.
    /// Better given in the environment if it holds a password.
    // Not parsed here: the command line's own words about a wrong value repeat it.
    #[arg(long, env = "GRANTRY_PLUGIN_PROXY", hide_env_values = true, value_name = "URL")]
    pub plugin_proxy: Option<String>,
    /// Certificates (PEM) of roots that deliveries trust beside the public ones, such as a company's
    /// own: of mail servers, webhooks and syslog servers.
    #[arg(long, env = "GRANTRY_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerOptions {
    #[command(flatten)]
    pub data: DataOptions,
    #[command(flatten)]
    pub egress: EgressOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    pub data: DataOptions,
    #[command(flatten)]
    pub egress: EgressOptions,
    /// Where to listen.
    #[arg(long, env = "GRANTRY_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Where people's browsers reach this server, without a path: issuers send them back there. By
    /// default the address that it listens on. With `https`, cookies are for TLS only.
    #[arg(long, env = "GRANTRY_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,
    /// Also write the first admin's token to this file (mode 0600), at the first start.
    #[arg(long, env = "GRANTRY_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// Requests per second that one caller may send; twice as many at once.
    #[arg(long, env = "GRANTRY_REQUESTS_PER_SECOND", default_value_t = 50, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests_per_second: u32,
    /// Failed authentications per second that one address may cause; twenty times as many at once.
    #[arg(long, env = "GRANTRY_FAILURES_PER_SECOND", default_value_t = 1, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub failures_per_second: u32,
}

/// An origin: scheme, host and perhaps a port.
fn public_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.trim_end_matches('/')).unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_plain) {
        return Err("give scheme and host, such as `https://grantry.example.com`".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub data: DataOptions,
    /// The address that `serve` would listen on.
    #[arg(long, env = "GRANTRY_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Make a person an admin with a fresh token, which is printed once: by default the admin of the
    /// first start. Works on the database directly; the audit log has it.
    Recover(AdminRecoverOptions),
}

#[derive(Debug, Args)]
pub(crate) struct AdminRecoverOptions {
    #[command(flatten)]
    pub data: DataOptions,
    /// The id of the person who shall be the admin.
    #[arg(long, value_name = "ID")]
    pub person: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no row was edited, removed or swapped. Exits with 1 and the first bad row if one was.
    /// Reads the database directly, or an exported file; no server is needed.
    Verify(AuditVerifyOptions),
    /// Print the public key that checkpoints are signed with. Keep it elsewhere.
    Key(DataOptions),
    /// Write the log of a running server to standard output.
    Export {
        /// How it looks.
        #[arg(long, value_enum, default_value = "jsonl")]
        format: AuditFormat,
        #[command(flatten)]
        server: ServerOptions,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AuditVerifyOptions {
    #[command(flatten)]
    pub data: DataOptions,
    /// Check this export (JSON Lines) instead of the database.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Hold the log against the checkpoints in this file too: what a receiver of the log kept.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// The row that the file begins with, for a receiver that did not get the log from its first
    /// row on. What it says of the row before is believed, unless a checkpoint speaks of it.
    #[arg(long, value_name = "ROW", requires = "file", value_parser = clap::value_parser!(i64).range(1..))]
    pub first_row: Option<i64>,
    /// Check signatures with this key (64 hex digits) instead of the one of the key file.
    #[arg(long, value_name = "HEX")]
    pub public_key: Vec<String>,
}

/// How an export looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// One JSON object a line: what `verify --file` reads.
    Jsonl,
    /// For spreadsheets.
    Csv,
}

/// Which server, as whom.
#[derive(Debug, Args)]
pub(crate) struct ServerOptions {
    /// The server.
    #[arg(long, env = "GRANTRY_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub url: String,
    /// An admin's token. Better given in the environment: other users of the machine can read
    /// command lines.
    #[arg(long, env = "GRANTRY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: String,
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_public_url_is_an_origin() {
        for url in ["https://grantry.example.com", "http://127.0.0.1:8080", "https://[::1]:8443/"] {
            assert!(public_url(url).is_ok(), "{url}");
        }
        for url in [
            "grantry.example.com",
            "https://",
            "https://a/b",
            "https://u@a",
            "ftp://a",
            "https://a?b",
        ] {
            assert!(public_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn every_command_and_option_explains_itself() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
            for argument in command.get_arguments() {
                let name = argument.get_id();
                assert!(argument.get_help().is_some(), "`{name}` has no help");
            }
            command.get_subcommands().for_each(check);
        }
        check(&Options::command());
    }
}
