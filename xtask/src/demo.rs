//! `cargo xtask demo [--exit] [--port N]`: Grantry with a directory to try it on.
//!
//! Builds what is missing, starts `grantry serve` and the demo directory, tells the story of
//! [`story`] and leaves both running until Ctrl-C; `--exit` ends them after the story.

mod client;
mod services;
mod story;
mod telling;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{command, plugins};
use client::Client;
use services::Services;
use story::Directory;
use telling::Telling;

const PORT: u16 = 8080;
const DIRECTORY_TOKEN: &str = "demo-directory-token";
/// How long the server may take to make its database and to listen.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at programs that are left running.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, PartialEq)]
struct Options {
    ends_after_story: bool,
    port: u16,
}

/// Runs `cargo xtask demo …`.
pub fn run(arguments: &[&str]) -> Result<()> {
    let options = parse(arguments)?;
    let port = free_port(options.port)?;
    let telling = Telling::begin();
    telling.step("Build the plugins and the host");
    plugins::ensure_toolchain()?;
    plugins::build()?;
    command::run(command::cargo().args(["build", "--workspace", "--bins", "--locked"]))?;

    let services = Services::default();
    let is_told = Arc::new(AtomicBool::new(false));
    end_on_signal(services.clone(), is_told.clone())?;
    let outcome = play(&telling, &services, port, options.ends_after_story).and_then(|()| {
        is_told.store(true, Ordering::SeqCst);
        if options.ends_after_story { Ok(()) } else { wait(&services) }
    });
    services.stop();
    outcome
}

fn parse(arguments: &[&str]) -> Result<Options> {
    match arguments {
        [] => Ok(Options { ends_after_story: false, port: PORT }),
        ["--exit", rest @ ..] => Ok(Options { ends_after_story: true, ..parse(rest)? }),
        ["--port", port, rest @ ..] => {
            let port = port.parse().with_context(|| format!("`{port}` is not a port"))?;
            Ok(Options { port, ..parse(rest)? })
        }
        [other, ..] => bail!("`demo` does not know `{other}`"),
    }
}

/// The port if it is free, or any free one for 0. Better now than after minutes of building.
fn free_port(port: u16) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| {
        format!("port {port} of 127.0.0.1 is taken; choose another with `--port N`")
    })?;
    Ok(listener.local_addr()?.port())
}

/// Ctrl-C and a termination end both programs, then this one.
fn end_on_signal(services: Services, is_told: Arc<AtomicBool>) -> Result<()> {
    let handler = move || {
        services.stop();
        std::process::exit(if is_told.load(Ordering::SeqCst) { 0 } else { 130 });
    };
    ctrlc::set_handler(handler).context("could not listen for Ctrl-C")
}

fn play(telling: &Telling, services: &Services, port: u16, is_brief: bool) -> Result<()> {
    let data = fresh_folder(port)?;
    let directory = start_directory(telling, services, &data)?;
    let url = format!("http://127.0.0.1:{port}");
    let token = start_server(telling, services, &data, &url)?;
    let plugin = command::guests_folder().join("scim.wasm");
    story::tell(telling, &Client::new(&url, &token), &plugin, &directory)?;
    if !is_brief {
        show_places(telling, &url, &token, &directory, &data);
    }
    Ok(())
}

/// One folder a port. What an earlier demo left there is removed.
fn fresh_folder(port: u16) -> Result<PathBuf> {
    let folder = command::target_folder().join("demo").join(port.to_string());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("remove the data of the last demo")?;
    }
    std::fs::create_dir_all(&folder).context("make a folder for the data")?;
    Ok(folder)
}

fn start_directory(telling: &Telling, services: &Services, data: &Path) -> Result<Directory> {
    telling.step("Start a SCIM directory");
    let mut command = Command::new(command::program("demo-directory"));
    command.args(["--port", "0", "--token", DIRECTORY_TOKEN, "--until-stdin-closes"]);
    let log = data.join("directory.log");
    let line = services.start_told("the directory", &mut command, &log)?;
    let url = line.strip_prefix("listening on ").context("the directory does not say where")?;
    telling.say(format!("an invented company of 200 people in 30 groups at {url}"));
    Ok(Directory { url: url.into(), token: DIRECTORY_TOKEN.into() })
}

/// Starts the server and returns the admin's token.
fn start_server(telling: &Telling, services: &Services, data: &Path, url: &str) -> Result<String> {
    telling.step("Start Grantry on SQLite");
    let token_file = data.join("admin-token");
    let address = url.trim_start_matches("http://");
    let mut command = Command::new(command::program("grantry"));
    command.arg("serve").arg("--data-dir").arg(data.join("data"));
    command.args(["--listen", address]).arg("--admin-token-file").arg(&token_file);
    command.env("GRANTRY_LOG_FORMAT", "text");
    let probe = Client::new(url, "");
    let is_ready = || token_file.exists() && probe.answers("/readyz");
    let log = data.join("server.log");
    services.start_polled("grantry", &mut command, &log, START_LIMIT, is_ready)?;
    telling.say(format!("{url}, data and logs in {}", data.display()));
    let token = std::fs::read_to_string(&token_file).context("read the admin's token")?;
    Ok(token.trim().into())
}

fn show_places(telling: &Telling, url: &str, token: &str, directory: &Directory, data: &Path) {
    telling.step(&format!("Grantry runs at {url}"));
    telling.say(format!("API             {url}/api/docs ({url}/api/v1/openapi.json)"));
    telling.say(format!("admin's token   {token}"));
    telling.say(format!("the directory   {} (token {})", directory.url, directory.token));
    telling.say(format!("data and logs   {}", data.display()));
    telling.say("");
    telling.say("The README has a five-minute tour for it. Ctrl-C ends both.");
}

/// Waits for Ctrl-C, or for a program that ends by itself.
fn wait(services: &Services) -> Result<()> {
    loop {
        services.check()?;
        thread::sleep(WATCH_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_any_order() {
        let expected = Options { ends_after_story: true, port: 9000 };
        assert_eq!(parse(&["--port", "9000", "--exit"]).unwrap(), expected);
        assert_eq!(parse(&["--exit", "--port", "9000"]).unwrap(), expected);
    }

    #[test]
    fn a_taken_port_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = free_port(port).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("port {port} of 127.0.0.1 is taken; choose another with `--port N`")
        );
    }
}
