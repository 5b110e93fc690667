//! The compile process by itself, for this crate's tests and for hosts without a subcommand for it.

use std::process::ExitCode;

fn main() -> ExitCode {
    grantry_runtime::compile_main()
}
