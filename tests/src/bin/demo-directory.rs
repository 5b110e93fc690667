//! A small SCIM 2.0 directory to try Grantry with; what it holds is gone when it ends.

use anyhow::{Context, Result};
use clap::Parser;
use grantry_tests::directory::Directory;
use tokio::io::AsyncReadExt;

/// A SCIM 2.0 directory with invented people and groups, on 127.0.0.1.
#[derive(Debug, Parser)]
struct Arguments {
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Bearer token that clients must send.
    #[arg(long, default_value = "demo-token", env = "DEMO_DIRECTORY_TOKEN")]
    token: String,
    /// Number of people.
    #[arg(long, default_value_t = 200)]
    users: usize,
    /// Number of groups.
    #[arg(long, default_value_t = 30)]
    groups: usize,
    /// End when stdin closes, not only on Ctrl-C; for a program that starts this one.
    #[arg(long)]
    until_stdin_closes: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let directory = Directory::builder()
        .people(arguments.users)
        .groups(arguments.groups)
        .token(&arguments.token)
        .port(arguments.port)
        .start()
        .with_context(|| format!("listen on port {}", arguments.port))?;
    println!("listening on {}", directory.base_url());
    if arguments.until_stdin_closes {
        let mut discarded = [0; 64];
        let mut input = tokio::io::stdin();
        while input.read(&mut discarded).await.context("wait for stdin to close")? > 0 {}
        return Ok(());
    }
    tokio::signal::ctrl_c().await.context("wait for Ctrl-C")
}
