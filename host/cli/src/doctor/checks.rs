//! The checks, one function each.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use grantry_store::SCHEMA_VERSION;
use rustix::process::{Resource, getrlimit};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;

use super::Finding;
use crate::data::DataFolder;
use crate::wiring;

/// The smallest component: nothing inside.
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const COMPILE_TIME_MAX: Duration = Duration::from_secs(30);
/// Address space that the pool of plugin instances reserves, roughly: 4 GiB a memory.
const POOL_BYTES: u64 = 64 * 4 * 4 * 1024 * 1024 * 1024;

pub(super) fn data_folder(data: &DataFolder) -> Finding {
    const CHECK: &str = "data folder";
    let path = data.folder.display();
    let Ok(metadata) = std::fs::metadata(&data.folder) else {
        let detail = format!("`{path}` does not exist");
        return Finding::warning(CHECK, detail, "the first `grantry serve` makes it");
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let detail = format!("other users can look into `{path}` (mode {mode:o})");
        return Finding::bad(CHECK, detail, format!("run `chmod 700 {path}`"));
    }
    if rustix::fs::access(&data.folder, rustix::fs::Access::WRITE_OK).is_err() {
        let detail = format!("`{path}` cannot be written");
        return Finding::bad(CHECK, detail, "run Grantry as the folder's owner");
    }
    Finding::good(CHECK, format!("`{path}` is there, for its owner only"))
}

pub(super) fn key_file(data: &DataFolder) -> Finding {
    const CHECK: &str = "key file";
    let path = data.key_file.display();
    match data.keys() {
        Ok(Some(_)) => Finding::good(CHECK, format!("`{path}` holds keys, for its owner only")),
        Ok(None) => {
            let fix = "the first `grantry serve` makes it; if there was one, restore it from your \
                       backup: without it the stored secrets cannot be opened";
            Finding::warning(CHECK, format!("`{path}` does not exist"), fix)
        }
        Err(error) => {
            let fix = "restore the file from your backup, and let only its owner read it";
            Finding::bad(CHECK, format!("{error:#}"), fix)
        }
    }
}

pub(super) async fn database(data: &DataFolder) -> Vec<Finding> {
    const CHECK: &str = "database";
    if data.sqlite_file().is_some_and(|file| !file.exists()) {
        let fix = "the first `grantry serve` makes it";
        return vec![Finding::warning(CHECK, "there is no database file yet", fix)];
    }
    let db = match wiring::database(data).await {
        Ok(db) => db,
        Err(error) => {
            let fix = "start the database, and check `--database-url` and its password";
            return vec![Finding::bad(CHECK, format!("{error:#}"), fix)];
        }
    };
    let schema = match db.schema_version().await {
        Ok(SCHEMA_VERSION) => {
            Finding::good(CHECK, format!("answers, with schema {SCHEMA_VERSION}"))
        }
        Ok(older) if older < SCHEMA_VERSION => {
            let detail = format!("has schema {older}, this program wants {SCHEMA_VERSION}");
            return vec![Finding::warning(CHECK, detail, "run `grantry migrate`, or just `serve`")];
        }
        Ok(newer) => {
            let detail = format!("has schema {newer}, this program knows {SCHEMA_VERSION}");
            return vec![Finding::bad(CHECK, detail, "use the newer program that migrated it")];
        }
        Err(error) => {
            let fix = "run `grantry migrate`, unless this is the database of something else";
            return vec![Finding::bad(CHECK, error.to_string(), fix)];
        }
    };
    let trusted = grantry_verify::Trusted::default();
    let fix = "run `grantry audit verify`, and compare with your exports to find who changed it";
    let audit = match grantry_verify::database::verify(&data.database_url, &trusted).await {
        Ok(report) => match report.fault {
            None => Finding::good("audit log", "every row fits to the one before it"),
            Some(fault) => {
                Finding::bad("audit log", format!("row {}: {}", fault.sequence, fault.what), fix)
            }
        },
        Err(error) => Finding::bad("audit log", error.to_string(), "mend the database first"),
    };
    vec![schema, audit]
}

pub(super) async fn compile_process() -> Finding {
    const CHECK: &str = "compile process";
    let compile = async {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(wiring::COMPILE_COMMAND)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(EMPTY_COMPONENT).await?;
        }
        child.wait().await
    };
    let fix = "let this program start itself: look at seccomp, noexec mounts and process limits";
    match tokio::time::timeout(COMPILE_TIME_MAX, compile).await {
        Ok(Ok(status)) if status.success() => Finding::good(CHECK, "compiles"),
        Ok(Ok(status)) => Finding::bad(CHECK, format!("ended with {status}"), fix),
        Ok(Err(error)) => Finding::bad(CHECK, format!("cannot be run: {error}"), fix),
        Err(_) => Finding::bad(CHECK, "does not end", fix),
    }
}

pub(super) fn address_space() -> Finding {
    const CHECK: &str = "address space";
    match getrlimit(Resource::As).current {
        Some(limit) if limit < POOL_BYTES => {
            let detail = "is limited, so plugins cannot have a pool: their calls take longer";
            Finding::warning(CHECK, detail, "start Grantry with `ulimit -v unlimited`")
        }
        _ => Finding::good(CHECK, "is large enough for a pool of plugin instances"),
    }
}

pub(super) async fn address(listen: SocketAddr) -> Finding {
    const CHECK: &str = "address";
    match TcpListener::bind(listen).await {
        Ok(_) => Finding::good(CHECK, format!("{listen} is free")),
        Err(error) => {
            let fix = "fine if Grantry is running; otherwise choose another with `--listen`";
            Finding::warning(CHECK, format!("cannot listen on {listen}: {error}"), fix)
        }
    }
}
