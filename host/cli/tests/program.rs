//! The program itself: exit codes, what the first start leaves behind, and a graceful end.

use std::io::BufReader;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn grantry(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grantry"));
    command.args(arguments).env("GRANTRY_DATA_DIR", data).env_remove("RUST_LOG");
    command
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    grantry(data, arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {output:?}"))
}

/// A port that was free a moment ago.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Starts the server, waits for its announcement, asks it to stop; returns what it announced.
fn start_and_stop(data: &Path, address: &str, token_file: &Path) -> Value {
    let mut child = grantry(data, &["--json", "serve", "--listen", address, "--admin-token-file"])
        .arg(token_file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let announcement = BufReader::new(child.stdout.take().unwrap());
    let announced = serde_json::Deserializer::from_reader(announcement).into_iter().next();
    let announced = announced.expect("the server announces itself").unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    announced
}

#[test]
fn wrong_usage_is_2_and_failure_is_1() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["serve", "--listen", "nonsense"]).status.code(), Some(2));
    assert_eq!(run(folder.path(), &["unknown"]).status.code(), Some(2));
    let inspected = run(folder.path(), &["--json", "plugin", "inspect", "/does/not/exist"]);
    assert_eq!(inspected.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&inspected.stderr).unwrap();
    assert!(error["error"].as_str().unwrap().contains("cannot read"));
}

#[test]
fn a_file_that_is_no_component_is_refused_with_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.wasm");
    std::fs::write(&file, "(component)").unwrap();
    let inspected = run(folder.path(), &["plugin", "inspect", file.to_str().unwrap()]);
    assert_eq!(inspected.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&inspected.stderr).contains("not_a_component"));
}

#[test]
fn migrating_twice_applies_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = json(&run(&data, &["--json", "migrate"]))["applied"].clone();
    assert_eq!(first[0], 1);
    assert_eq!(json(&run(&data, &["--json", "migrate"]))["applied"], serde_json::json!([]));
}

#[test]
fn the_first_start_tells_a_token_once_and_keeps_everything_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (data, token_file) = (folder.path().join("data"), folder.path().join("token"));
    let address = free_address();
    let first = start_and_stop(&data, &address, &token_file);
    let told = first["admin_token"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(&token_file).unwrap().trim(), told);
    let private = [token_file.clone(), data.join("keys"), data.join("grantry.db")];
    for path in private {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }

    let second = start_and_stop(&data, &address, &token_file);
    assert_eq!(second["admin_token"], Value::Null);

    let healthy = run(&data, &["--json", "doctor", "--listen", &address]);
    let findings = json(&healthy);
    let good = |finding: &Value| finding["status"] == "good";
    assert!(findings.as_array().unwrap().iter().all(good), "{findings}");

    let recovered = json(&run(&data, &["--json", "admin", "recover"]));
    assert_ne!(recovered["admin_token"].as_str().unwrap(), told);
    let nobody = run(&data, &["--json", "admin", "recover", "--person", "nobody"]);
    assert_eq!(nobody.status.code(), Some(1));

    std::fs::remove_file(data.join("keys")).unwrap();
    let without_keys = run(&data, &["serve", "--listen", &address]);
    assert_eq!(without_keys.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&without_keys.stderr).contains("key file"));
}
