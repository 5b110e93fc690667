//! `cargo xtask test [--long] [-- FILTER]`: every test, with its guests and its peers.
//!
//! Tests run by cargo-nextest where it is installed and by `cargo test` elsewhere; they have to pass
//! under both. What the tests find in the environment is listed in CONTRIBUTING.md.

mod tally;

use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Result, bail, ensure};

use crate::command;
use crate::peers::Peers;
use crate::plugins;
use tally::Tally;

/// The nightly size: how often the program is killed, and how large a list is.
const LONG: [(&str, &str); 3] =
    [("GRANTRY_KILLS", "50"), ("GRANTRY_LIST_MB", "100"), ("GRANTRY_HISTORIES", "1000")];

/// What the command line asks for.
#[derive(Debug, Default, PartialEq)]
struct Options<'a> {
    /// The nightly size of the random tests.
    is_long: bool,
    /// Words that the names of the tests to run hold; empty: all tests.
    filter: &'a [&'a str],
}

/// Runs `cargo xtask test …`.
pub fn run(arguments: &[&str]) -> Result<()> {
    let options = parse(arguments)?;
    plugins::ensure_toolchain()?;
    plugins::build()?;
    build_host()?;

    println!("starting the peers: PostgreSQL, and a SCIM server for the tests that want one");
    let peers = Peers::start()?;
    let runner = Runner::find();
    println!("running the tests with {runner:?}");
    let mut tally = Tally::default();
    let mut host = runner.command(command::cargo(), &options);
    tally.run(with_environment(&mut host, &peers, options.is_long))?;
    tally.run(&mut runner.command(command::native_guest_cargo(), &options))?;
    if options.filter.is_empty() {
        tally.run(doctests(&mut command::cargo()))?;
        tally.run(doctests(&mut command::native_guest_cargo()))?;
    }
    println!("{tally}");
    ensure!(tally.is_success(), "not every test passed");
    Ok(())
}

/// Builds every program and test of the host workspace, with the features of a test run.
pub fn build_host() -> Result<()> {
    println!("building the host");
    command::run(command::cargo().args(["build", "--workspace", "--all-targets", "--locked"]))
}

fn parse<'a>(arguments: &'a [&'a str]) -> Result<Options<'a>> {
    match arguments {
        [] => Ok(Options::default()),
        ["--", filter @ ..] => Ok(Options { is_long: false, filter }),
        ["--long", rest @ ..] => Ok(Options { is_long: true, ..parse(rest)? }),
        [other, ..] => bail!("`test` does not know `{other}`; a filter follows `--`"),
    }
}

/// What the tests find in the environment.
fn with_environment<'a>(command: &'a mut Command, peers: &Peers, is_long: bool) -> &'a mut Command {
    command.env("GRANTRY_GUESTS", command::guests_folder());
    command.env("GRANTRY_BIN", command::program("grantry"));
    command.envs(peers.variables().iter().cloned());
    if is_long {
        command.envs(LONG);
    }
    command
}

fn doctests(command: &mut Command) -> &mut Command {
    command.args(["test", "--workspace", "--doc", "--locked", "--quiet"])
}

/// What runs the tests.
#[derive(Debug, Clone, Copy)]
enum Runner {
    Nextest,
    CargoTest,
}

impl Runner {
    fn find() -> Self {
        let has_nextest = command::output(command::cargo().args(["nextest", "--version"])).is_ok();
        if has_nextest { Self::Nextest } else { Self::CargoTest }
    }

    /// Completes `cargo …` so that it runs all tests whose names hold one of the words.
    fn command(self, mut cargo: Command, options: &Options) -> Command {
        match self {
            Self::Nextest => {
                cargo.args(["nextest", "run", "--workspace", "--locked"]);
                cargo.args(["--no-fail-fast", "--no-tests=pass", "--config-file"]);
                cargo.arg(command::root().join(".config/nextest.toml"));
                cargo.args(["--profile", if options.is_long { "long" } else { "default" }]);
            }
            Self::CargoTest => {
                cargo.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
                cargo.args(["--lib", "--bins", "--tests"]);
            }
        }
        // Some tests wait for the time of day or a peer: one more than the cores keeps these busy.
        let threads = available_parallelism().map_or(1, usize::from) + 1;
        for variable in ["NEXTEST_TEST_THREADS", "RUST_TEST_THREADS"] {
            cargo.env(variable, threads.to_string());
        }
        cargo.arg("--").args(options.filter);
        cargo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_after_two_dashes_are_a_filter() {
        let arguments = ["--long", "--", "kill"];
        let options = parse(&arguments).unwrap();
        assert_eq!(options, Options { is_long: true, filter: &["kill"] });
    }

    #[test]
    fn a_filter_without_dashes_is_refused() {
        let error = parse(&["kill"]).unwrap_err();
        assert_eq!(error.to_string(), "`test` does not know `kill`; a filter follows `--`");
    }
}
