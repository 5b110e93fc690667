//! The project's chores: `cargo xtask <command>`.
//!
//! Each command is a module with a `run(arguments)`; this file only picks one.

mod bench;
mod ci;
mod command;
mod demo;
mod peers;
mod plugins;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo [--exit] [--port N]    Grantry with a directory to try it on; --exit ends after the story
  test [--long] [-- FILTER]   build plugins and host, start the peers, run all tests
  tidy                        check what no compiler checks: crate edges, headers, documents
  ci                          fmt, tidy, bindings, clippy, test, demo: what every change passes
  bench [NAME …] [--json]     figures of a release build beside their baselines
  plugins                     build every plugin into target/guests/out
  plugins --bindings          write the SDKs' bindings from wit/         (needs --features bindings)
  plugins --check-bindings    fail if they are not what wit/ says        (needs --features bindings)
  plugins --ensure-toolchain  install the guest toolchain (Debian, as root), or say how";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.split_first() {
        Some((&"plugins", rest)) => plugins::run(rest),
        Some((&"demo", rest)) => demo::run(rest),
        Some((&"test", rest)) => test::run(rest),
        Some((&"tidy", [])) => tidy::run(),
        Some((&"ci", [])) => ci::run(),
        Some((&"bench", rest)) => bench::run(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

/// 3 when a tool is missing that the person can install, else 1.
fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<plugins::ToolchainMissing>() { 3 } else { 1 }
}
