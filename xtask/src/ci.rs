//! `cargo xtask ci`: everything that a change has to pass, in the order of what fails fastest.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::command::{self, cargo, native_guest_cargo};
use crate::{demo, test, tidy};

/// A step's name and what it does.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 6] = [
    ("fmt", check_format),
    ("tidy", tidy::run),
    ("bindings", check_bindings),
    ("clippy", check_lints),
    ("test", run_tests),
    ("demo", run_demo),
];

/// Runs `cargo xtask ci`; the first step that fails ends it.
pub fn run() -> Result<()> {
    let mut table = String::new();
    for (name, step) in STEPS {
        println!("\n=== {name}");
        let began = Instant::now();
        step().with_context(|| format!("ci: {name}"))?;
        table.push_str(&format!("{name:8} {:6.1} s\n", began.elapsed().as_secs_f64()));
    }
    println!("\n=== everything passed\n{table}");
    Ok(())
}

fn check_format() -> Result<()> {
    command::run(cargo().args(["fmt", "--all", "--check"]))?;
    command::run(native_guest_cargo().args(["fmt", "--all", "--check"]))
}

/// The generator is a feature of this program, so another build of it looks.
fn check_bindings() -> Result<()> {
    let xtask = ["run", "--quiet", "--locked", "--package", "xtask", "--features", "bindings"];
    command::run(cargo().args(xtask).args(["--", "plugins", "--check-bindings"]))
}

fn check_lints() -> Result<()> {
    const CLIPPY: [&str; 8] = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--keep-going",
        "--",
        "-D",
        "warnings",
    ];
    command::run(cargo().args(CLIPPY))?;
    command::run(native_guest_cargo().args(CLIPPY))
}

fn run_tests() -> Result<()> {
    test::run(&[])
}

/// The whole story on a free port.
fn run_demo() -> Result<()> {
    demo::run(&["--exit", "--port", "0"])
}
