//! Counts what passed and failed over several test runs, while their output goes by.

use std::fmt;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::command;

/// The sum over all runs so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    passed: u64,
    failed: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Tally {
    /// True while nothing failed.
    pub fn is_success(&self) -> bool {
        self.failed == 0
    }

    /// Runs a test command, shows its output and adds what its summaries say.
    ///
    /// # Errors
    /// When the command fails for another reason than a failed test, such as a compiler error.
    pub fn run(&mut self, command: &mut Command) -> Result<()> {
        println!("\n$ {}", command::words(command));
        if std::io::stderr().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {}", command::words(command)))?;
        let stdout = child.stdout.take().context("the output is not a pipe")?;
        let stderr = child.stderr.take().context("the output is not a pipe")?;
        let other = thread::spawn(move || Self::watch(stderr, std::io::stderr()));
        let mut here = Self::watch(stdout, std::io::stdout())?;
        here.add(&other.join().ok().context("a reader of the output ended early")??);
        let status = child.wait()?;
        ensure!(status.success() || !here.is_success(), "the tests did not run: {status}");
        self.add(&here);
        Ok(())
    }

    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Passes the lines on, and counts.
    fn watch(from: impl Read, mut to: impl Write) -> Result<Self> {
        let mut tally = Self::default();
        for line in BufReader::new(from).split(b'\n') {
            let line = line?;
            to.write_all(&line)?;
            to.write_all(b"\n")?;
            tally.count(&without_colours(&String::from_utf8_lossy(&line)));
        }
        Ok(tally)
    }

    /// Adds a summary line of nextest or of Rust's own test harness.
    fn count(&mut self, line: &str) {
        let line = line.trim();
        if line.starts_with("Summary [") || line.starts_with("test result:") {
            self.passed += number_before(line, " passed");
            self.failed += [" failed", " timed out", " exec failed"]
                .into_iter()
                .map(|word| number_before(line, word))
                .sum::<u64>();
        }
    }
}

/// The number right before the word; 0 if it is not there.
fn number_before(line: &str, word: &str) -> u64 {
    let number = line.split_once(word).and_then(|(before, _)| before.rsplit(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The text without `ESC [ … m`.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(line: &str) -> (u64, u64) {
        let mut tally = Tally::default();
        tally.count(&without_colours(line));
        (tally.passed, tally.failed)
    }

    #[test]
    fn summaries_of_both_runners_are_counted() {
        let nextest = "\u{1b}[31;1m     Summary\u{1b}[0m [  41.250s] \u{1b}[1m9\u{1b}[0m tests run: \u{1b}[1m5\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, 3 failed, 1 timed out, 0 skipped";
        assert_eq!(counted(nextest), (5, 4));
        let harness = "test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.30s";
        assert_eq!(counted(harness), (12, 1));
    }

    #[test]
    fn other_lines_do_not_count() {
        assert_eq!(counted("test three_passed_two_failed ... ok"), (0, 0));
        assert_eq!(counted("        PASS [   0.004s] xtask 3 passed"), (0, 0));
    }
}
