//! The two programs that the demo runs, and their orderly end.
//!
//! They are in process groups of their own: Ctrl-C reaches the demo alone, which then stops them one
//! after the other.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a program may take to end before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// Between two looks at something that happens soon.
pub const SOON: Duration = Duration::from_millis(20);
const LOG_TAIL_BYTES: usize = 4_000;

/// A running program.
struct Service {
    name: &'static str,
    process: Child,
    log: PathBuf,
}

impl Service {
    fn start(name: &'static str, command: &mut Command, log: PathBuf) -> Result<Self> {
        let file = File::create(&log).with_context(|| format!("create `{}`", log.display()))?;
        let process = command
            .stdin(Stdio::piped())
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start {name}"))?;
        Ok(Self { name, process, log })
    }

    /// An error with the end of the log, if the program has ended.
    fn check(&mut self) -> Result<()> {
        let Some(status) = self.process.try_wait()? else { return Ok(()) };
        let log = std::fs::read(&self.log).unwrap_or_default();
        let tail = &log[log.len().saturating_sub(LOG_TAIL_BYTES)..];
        bail!("{} ended: {status}\n{}", self.name, String::from_utf8_lossy(tail).trim_end())
    }

    fn stop(&mut self) {
        drop(self.process.stdin.take());
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let began = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if began.elapsed() > STOP_LIMIT {
                eprintln!("{} did not end within {STOP_LIMIT:?} and is killed", self.name);
                let _ = self.process.kill();
                let _ = self.process.wait();
                return;
            }
            thread::sleep(SOON);
        }
    }
}

/// All running programs. Clones share them.
#[derive(Clone, Default)]
pub struct Services(Arc<Mutex<Vec<Service>>>);

impl Services {
    /// Starts a program that prints one line when it is ready, and returns that line. Its
    /// standard error goes into the log.
    pub fn start_told(
        &self,
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> Result<String> {
        let mut service = Service::start(name, command.stdout(Stdio::piped()), log.into())?;
        let stdout = service.process.stdout.take().context("the output is not a pipe")?;
        self.running().push(service);
        let mut output = BufReader::new(stdout);
        let mut line = String::new();
        output.read_line(&mut line)?;
        self.check()?;
        thread::spawn(move || discard(output));
        Ok(line.trim().into())
    }

    /// Starts a program that is ready once `is_ready` says so.
    pub fn start_polled(
        &self,
        name: &'static str,
        command: &mut Command,
        log: &Path,
        limit: Duration,
        is_ready: impl Fn() -> bool,
    ) -> Result<()> {
        let service = Service::start(name, command.stdout(Stdio::null()), log.into())?;
        self.running().push(service);
        let began = Instant::now();
        while !is_ready() {
            self.check()?;
            if began.elapsed() > limit {
                bail!("{name} is not ready after {limit:?}; its log is `{}`", log.display());
            }
            thread::sleep(SOON);
        }
        Ok(())
    }

    /// An error if one of them has ended.
    pub fn check(&self) -> Result<()> {
        self.running().iter_mut().try_for_each(Service::check)
    }

    /// Ends all of them, the last one first.
    pub fn stop(&self) {
        let mut running = self.running();
        while let Some(mut service) = running.pop() {
            service.stop();
        }
    }

    fn running(&self) -> MutexGuard<'_, Vec<Service>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a program from blocking on a full pipe.
fn discard(mut output: impl Read) {
    let _ = std::io::copy(&mut output, &mut std::io::sink());
}
