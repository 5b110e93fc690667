//! A peer's process, which never outlives the test that started it.
//!
//! Between the test and the peer stands a small shell, the keeper, holding one end of a pipe. When
//! the other end closes (the value is dropped, the test panics, its process gets `kill -9`) the
//! keeper stops the peer by its pid and removes its folder. A death signal (`PR_SET_PDEATHSIG`)
//! was not taken: it follows the thread that spawned, and it cannot remove a folder.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tempfile::TempDir;

const STOP_LIMIT: Duration = Duration::from_secs(10);
const LOG_TAIL_BYTES: usize = 4_000;

/// `$1` is the signal, `$2` the folder to remove, the rest the peer's command line.
const KEEPER: &str = r#"
signal=$1 folder=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- &
peer=$!
(read -r _ <&3; : >"$folder/stopping"; kill -s "$signal" "$peer") &
watcher=$!
wait "$peer"
status=$?
if [ -e "$folder/stopping" ]; then rm -rf -- "$folder"; else kill -s KILL "$watcher"; fi
exit "$status"
"#;

/// What to start.
#[derive(Debug)]
pub struct PeerCommand {
    /// For messages.
    pub name: &'static str,
    /// Program and arguments.
    pub command_line: Vec<OsString>,
    /// The peer's working folder and home of its log; removed with it.
    pub folder: TempDir,
    /// How the peer is asked to end, such as `KILL` or `QUIT`.
    pub stop_signal: &'static str,
}

/// A running peer; dropping it ends it and waits for its end.
#[derive(Debug)]
pub struct PeerProcess {
    name: &'static str,
    keeper: Child,
    folder: TempDir,
}

impl PeerProcess {
    /// Starts the peer; whether it is ready is for the caller to find out.
    ///
    /// # Errors
    /// When the log cannot be made or the shell cannot be started.
    pub fn start(peer: PeerCommand) -> Result<Self> {
        let folder = peer.folder;
        let log = File::create(log_path(folder.path()))
            .with_context(|| format!("make the log of {}", peer.name))?;
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper", peer.stop_signal])
            .arg(folder.path())
            .args(peer.command_line)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().context("share the log")?)
            .stderr(log)
            // Ctrl-C and a test runner's signals must not reach the peer before its keeper.
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", peer.name))?;
        Ok(Self { name: peer.name, keeper, folder })
    }

    /// True once the peer has ended by itself.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.keeper.try_wait(), Ok(None))
    }

    /// The end of the peer's log, for an error message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = std::fs::read(log_path(self.folder.path())).unwrap_or_default();
        let start = log.len().saturating_sub(LOG_TAIL_BYTES);
        format!("log of {}:\n{}", self.name, String::from_utf8_lossy(&log[start..]))
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let started = Instant::now();
        while started.elapsed() < STOP_LIMIT {
            if !matches!(self.keeper.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        eprintln!("{} did not stop within {} s", self.name, STOP_LIMIT.as_secs());
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("log")
}
