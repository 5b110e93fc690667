//! The real systems that one test run shares, started by the program `grantry-test-peers`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::command;

const PROGRAM: &str = "grantry-test-peers";
/// Its last line. What comes before are `KEY=VALUE` lines for the tests' environment.
const READY: &str = "GRANTRY_TEST_PEERS=ready";
/// More lines than any version of the program prints before it is ready.
const LINES_MAX: usize = 100;

/// Running peers; they end when this is dropped, or when this process ends in any way.
pub struct Peers {
    process: Child,
    variables: Vec<(String, String)>,
}

impl Peers {
    /// Starts the peers. What is missing on the machine is installed with a word on stderr.
    pub fn start() -> Result<Self> {
        let mut process = Command::new(command::program(PROGRAM))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {PROGRAM}"))?;
        let stdout = process.stdout.take().context("the peers' output is not a pipe")?;
        let mut peers = Self { process, variables: Vec::new() };
        for line in BufReader::new(stdout).lines().take(LINES_MAX) {
            let line = line?;
            if line == READY {
                return Ok(peers);
            }
            let (key, value) =
                line.split_once('=').with_context(|| format!("{PROGRAM} said `{line}`"))?;
            peers.variables.push((key.into(), value.into()));
        }
        bail!("{PROGRAM} ended before the peers were ready")
    }

    /// What the tests need to know, as environment variables.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
