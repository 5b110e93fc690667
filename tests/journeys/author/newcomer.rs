//! The way of each template's README: new, build, check, the unit tests, run, and the whole suite.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use grantry_tests::directory::Directory;
use grantry_tests::peers::{node, python};
use tempfile::TempDir;

use super::{GROUPS, PEOPLE, grantry, json_lines, text};

const NAME: &str = "my-directory";
const COMPONENT: &str = "my-directory/dist/my-directory.wasm";

/// Somebody with an empty folder and a checkout of this repository.
struct Newcomer {
    desk: TempDir,
    checkout: PathBuf,
    path: OsString,
}

impl Newcomer {
    fn new() -> Result<Self> {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let path = std::env::var_os("PATH").context("a path")?;
        Ok(Self { desk: tempfile::tempdir()?, checkout, path })
    }

    fn folder(&self) -> PathBuf {
        self.desk.path().join(NAME)
    }

    /// Has the programs of this folder from now on.
    fn install(&mut self, programs: &Path) -> Result<()> {
        let programs = std::iter::once(programs.to_owned());
        let folders = programs.chain(std::env::split_paths(&self.path));
        self.path = std::env::join_paths(folders.collect::<Vec<_>>())?;
        Ok(())
    }

    fn run(&self, words: &[&str]) -> Result<Output> {
        let mut command = grantry()?;
        command.args(words).current_dir(self.desk.path()).env("PATH", &self.path);
        command.env("GRANTRY_CHECKOUT", &self.checkout).env("DIRECTORY_TOKEN", "demo-token");
        // With what the repository's own plugins left there the standard library is not built again.
        command.env("CARGO_TARGET_DIR", self.checkout.join("target/guests"));
        command.output().context("run grantry")
    }

    fn done(&self, words: &[&str]) -> Result<Output> {
        let output = self.run(words)?;
        ensure!(output.status.success(), "{words:?}: {}", text(&output));
        Ok(output)
    }

    fn begin(&self, language: &str) -> Result<()> {
        self.done(&["plugin", "new", "--lang", language, NAME])?;
        let again = self.run(&["plugin", "new", "--lang", language, NAME])?;
        ensure!(text(&again).contains("exists already"), "{}", text(&again));
        Ok(())
    }

    /// A program in the new folder, such as its unit tests.
    fn does(&self, program: impl Into<OsString>, words: &[&str]) -> Result<()> {
        let mut command = Command::new(program.into());
        command.args(words).current_dir(self.folder()).env("PATH", &self.path);
        command.env("CARGO_TARGET_DIR", self.checkout.join("target/guests-native"));
        let output = command.output().with_context(|| format!("start {command:?}"))?;
        ensure!(output.status.success(), "{command:?}: {}", text(&output));
        Ok(())
    }

    /// Builds and checks it.
    fn build(&self) -> Result<()> {
        self.done(&["plugin", "build", NAME])?;
        self.done(&["plugin", "check", COMPONENT]).map(drop)
    }

    /// Reads a directory with it, and holds it against the suite.
    fn try_out(&self) -> Result<()> {
        let directory =
            Directory::builder().people(PEOPLE).groups(GROUPS).token("demo-token").start()?;
        for file in ["connection.json", "conformance.json"] {
            let file = self.folder().join(file);
            let at_port_9000 = std::fs::read_to_string(&file)?;
            let moved = at_port_9000.replace("127.0.0.1:9000", &directory.address().to_string());
            std::fs::write(&file, moved)?;
        }
        let connection = ["--connection", "my-directory/connection.json"];
        let approval = ["--secret", "/token=DIRECTORY_TOKEN", "--allow-loopback"];
        let run = |words: &[&str]| {
            self.done(&[&["plugin", "run", COMPONENT], words, &connection, &approval].concat())
        };
        ensure!(text(&run(&["test-connection"])?).contains("The connection works."));
        assert_eq!(json_lines(&run(&["accounts", "--json"])?)?.len(), PEOPLE);
        assert_eq!(json_lines(&run(&["entitlements", "--json"])?)?.len(), GROUPS);
        let held = json_lines(&run(&["assignments", "--json", "--rows", "500"])?)?;
        assert_eq!(held.len(), directory.memberships().len());
        let before = directory.memberships();
        let test = ["plugin", "test", COMPONENT, "--config", "my-directory/conformance.json"];
        self.done(&[test.as_slice(), &["--allow-loopback", "--allow-writes"]].concat())?;
        assert_eq!(directory.memberships(), before);
        Ok(())
    }
}

#[test]
fn a_newcomer_has_a_working_connector_in_rust() -> Result<()> {
    let newcomer = Newcomer::new()?;
    newcomer.begin("rust")?;
    newcomer.build()?;
    newcomer.try_out()?;
    newcomer.does("cargo", &["test", "--quiet"])
}

#[test]
fn a_newcomer_has_a_working_connector_in_typescript() -> Result<()> {
    let mut newcomer = Newcomer::new()?;
    newcomer.begin("js")?;
    let (node, place) = node::PLUGIN_TOOLS.installed()?;
    if let Some(programs) = node.parent().filter(|folder| folder.is_absolute()) {
        newcomer.install(programs)?;
    }
    let refused = newcomer.run(&["plugin", "build", NAME])?;
    assert!(text(&refused).contains("run `npm ci --ignore-scripts` in"), "{}", text(&refused));
    // What `npm ci` would install, from the same lock file.
    std::os::unix::fs::symlink(place.join("node_modules"), newcomer.folder().join("node_modules"))?;
    newcomer.build()?;
    newcomer.try_out()?;
    newcomer.does(&node, &["node_modules/typescript/bin/tsc"])?;
    newcomer.does(&node, &["grantry/sdk/unit-tests.mjs"])
}

#[test]
fn a_newcomer_has_a_working_connector_in_python() -> Result<()> {
    let mut newcomer = Newcomer::new()?;
    newcomer.begin("python")?;
    let refused = newcomer.run(&["plugin", "build", NAME])?;
    assert!(text(&refused).contains("pip install -r requirements.txt"), "{}", text(&refused));
    // What pip would install.
    let wanted = std::fs::read_to_string(newcomer.folder().join("requirements.txt"))?;
    assert_eq!(wanted.lines().collect::<Vec<_>>(), python::PLUGIN_TOOLS.requirements);
    let program = python::PLUGIN_TOOLS.program("componentize-py")?;
    newcomer.install(program.parent().context("a program is in a folder")?)?;
    newcomer.build()?;
    newcomer.try_out()?;
    newcomer.does("python3", &["test/test_plugin.py"])
}
