//! `grantry`: the one program, which puts all crates together.
//!
//! Each subcommand is a file. `wiring.rs` builds the engine from its parts; `ambient.rs` is the only
//! place that reads the clock and the system's randomness. Exit codes: 0 done, 1 failed, 2 wrong usage.

mod admin;
mod ambient;
mod audit;
mod data;
mod doctor;
mod lists;
mod migrate;
mod options;
mod output;
mod plugin;
mod serve;
mod stop;
mod sync;
mod wiring;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;

use options::{Command, Options};
use output::Output;

fn main() -> ExitCode {
    let options = Options::parse();
    // The compile process runs untrusted input under tight limits: nothing else is started for it.
    if matches!(options.command, Command::CompilePlugin) {
        return grantry_runtime::compile_main();
    }
    output::start_log(options.log_format);
    let output = Output { is_json: options.json };
    match run(options.command, output) {
        Ok(code) => code,
        Err(error) => {
            output.fail(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, output: Output) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve(options) => serve::run(&options, output).await,
            Command::Worker(options) => worker::run(&options).await,
            Command::Migrate(options) => migrate::run(&options, output).await,
            Command::Doctor(options) => doctor::run(&options, output).await,
            Command::Audit(command) => audit::run(command, output).await,
            Command::Sync(command) => sync::run(command, output).await,
            Command::Plugin(command) => plugin::run(command, output).await,
            Command::Admin(command) => admin::run(command, output).await,
            Command::CompilePlugin => Ok(ExitCode::FAILURE),
        }
    })
}
