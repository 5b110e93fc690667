//! Making and starting a throw-away cluster.
//!
//! PostgreSQL refuses to run as root, so root runs it as the user `postgres` of the package.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use url::Url;

use crate::peers::process::{PeerCommand, PeerProcess};
use crate::peers::{START_ATTEMPTS_MAX, debian, free_port};
use crate::wait;

const SYSTEM_USER: &str = "postgres";
const INSTALLATIONS: &str = "/usr/lib/postgresql";
const READY_LIMIT: Duration = Duration::from_secs(60);

/// Settings of a database that nobody misses: no waiting for the disk, room for many tests.
const SETTINGS: [&str; 7] = [
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "max_connections=300",
    "log_min_messages=fatal",
];

/// A running cluster and its administrator's URL.
pub(super) async fn start() -> Result<(Url, PeerProcess)> {
    let programs = tokio::task::spawn_blocking(programs).await??;
    for _ in 0..START_ATTEMPTS_MAX {
        let password = password()?;
        let folder = tokio::task::spawn_blocking({
            let (programs, password) = (programs.clone(), password.clone());
            move || initialize(&programs, &password)
        });
        let port = free_port()?;
        let mut process = PeerProcess::start(command(&programs, folder.await??, port))?;
        let url = Url::parse(&format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres"))?;
        if is_ready(&mut process, &url).await? {
            return Ok((url, process));
        }
        if !process.log_tail().contains("could not bind") {
            bail!("PostgreSQL ended at start; {}", process.log_tail());
        }
    }
    bail!("PostgreSQL found its port taken {START_ATTEMPTS_MAX} times")
}

/// False if the process ended before it answered.
async fn is_ready(process: &mut PeerProcess, url: &Url) -> Result<bool> {
    wait::until("PostgreSQL", READY_LIMIT, async || {
        if process.has_ended() {
            return Ok(Some(false));
        }
        let Ok(connection) = PgConnection::connect(url.as_str()).await else { return Ok(None) };
        connection.close().await?;
        Ok(Some(true))
    })
    .await
    .with_context(|| process.log_tail())
}

fn command(programs: &Path, folder: TempDir, port: u16) -> PeerCommand {
    let mut command_line = as_system_user();
    command_line.push(programs.join("postgres").into());
    command_line.extend(["-D".into(), folder.path().join("data").into()]);
    command_line.extend(["-p".into(), port.to_string().into()]);
    let sockets = format!("unix_socket_directories={}", folder.path().display());
    for setting in SETTINGS.into_iter().chain([sockets.as_str()]) {
        command_line.extend(["-c".into(), setting.into()]);
    }
    // QUIT is PostgreSQL's immediate shutdown: nothing is saved, all its processes end.
    PeerCommand { name: "PostgreSQL", command_line, folder, stop_signal: "QUIT" }
}

/// An initialised cluster in a new folder.
fn initialize(programs: &Path, password: &str) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("grantry-postgres-").tempdir()?;
    let password_file = folder.path().join("password");
    fs::write(&password_file, password).context("write the administrator's password")?;
    fs::set_permissions(&password_file, fs::Permissions::from_mode(0o600))?;
    if debian::is_root() {
        let user = debian::user_id(Some(SYSTEM_USER))?;
        chown(folder.path(), Some(user), None).context("hand the folder to PostgreSQL's user")?;
        chown(&password_file, Some(user), None)
            .context("hand the password to PostgreSQL's user")?;
    }
    let mut command_line = as_system_user();
    command_line.push(programs.join("initdb").into());
    let (program, arguments) = command_line.split_first().expect("a program was just pushed");
    let output = Command::new(program)
        .args(arguments)
        .args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"])
        .arg("--pwfile")
        .arg(&password_file)
        .arg("-D")
        .arg(folder.path().join("data"))
        .current_dir(folder.path())
        .output()
        .context("run `initdb`")?;
    ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(folder)
}

/// The start of a command line that PostgreSQL accepts to run under.
fn as_system_user() -> Vec<OsString> {
    if !debian::is_root() {
        return Vec::new();
    }
    let user = format!("--reuid={SYSTEM_USER}");
    let group = format!("--regid={SYSTEM_USER}");
    vec!["setpriv".into(), user.into(), group.into(), "--init-groups".into()]
}

/// The folder of `postgres` and `initdb`, installed if there is none.
fn programs() -> Result<PathBuf> {
    debian::ensure_installed("postgresql", "the database of the tests", || {
        installed_programs().is_some()
    })?;
    installed_programs().context("PostgreSQL's programs are gone")
}

/// Debian's newest server (a newer client alone does not count), or whatever `PATH` holds.
fn installed_programs() -> Option<PathBuf> {
    let is_complete = |folder: &PathBuf| {
        ["postgres", "initdb"].iter().all(|program| folder.join(program).is_file())
    };
    let entries = fs::read_dir(INSTALLATIONS).into_iter().flatten().flatten();
    let mut versions: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable_by(|left, right| right.cmp(left));
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions
        .into_iter()
        .map(|version| Path::new(INSTALLATIONS).join(format!("{version}/bin")))
        .chain(std::env::split_paths(&path))
        .find(is_complete)
}

fn password() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("make a password: {error}"))?;
    Ok(hex::encode(bytes))
}
