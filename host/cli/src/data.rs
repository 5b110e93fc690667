//! The data folder: its files and who may read them.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use grantry_model::clock::Random;
use grantry_store::seal::KeyRing;
use rustix::fs::Mode;

use crate::options::DataOptions;

/// Where everything is kept.
pub(crate) struct DataFolder {
    pub folder: PathBuf,
    pub key_file: PathBuf,
    pub database_url: String,
}

impl DataFolder {
    /// The places; nothing is made or read.
    pub(crate) fn of(options: &DataOptions) -> Self {
        let folder = options.data_dir.clone();
        let key_file = options.key_file.clone().unwrap_or_else(|| folder.join("keys"));
        let database_url = options
            .database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", folder.join("grantry.db").display()));
        Self { folder, key_file, database_url }
    }

    /// Makes the folder, for its owner only, and lets this process make no file for others: the
    /// database holds what nobody else is to read.
    pub(crate) fn make(&self) -> anyhow::Result<()> {
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.with_context(|| format!("cannot make the data folder `{}`", self.folder.display()))
    }

    /// Where compiled components are kept.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.join("compiled")
    }

    /// Where file sinks of the audit log write.
    pub(crate) fn audit_folder(&self) -> PathBuf {
        self.folder.join("audit")
    }

    /// The SQLite file, where the database is one.
    pub(crate) fn sqlite_file(&self) -> Option<&Path> {
        self.database_url.strip_prefix("sqlite://").map(Path::new)
    }

    /// The keys, if their file is there.
    pub(crate) fn keys(&self) -> anyhow::Result<Option<KeyRing>> {
        let path = self.key_file.display();
        let text = match std::fs::read_to_string(&self.key_file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read the key file `{path}`"));
            }
        };
        let mode = std::fs::metadata(&self.key_file)?.permissions().mode();
        if mode & 0o077 != 0 {
            bail!("other users can read the key file `{path}`: run `chmod 600 {path}`");
        }
        let keys = KeyRing::parse(&text).with_context(|| format!("in the key file `{path}`"))?;
        Ok(Some(keys))
    }

    /// Makes a key file with a new key.
    pub(crate) fn make_keys(&self, random: &dyn Random) -> anyhow::Result<KeyRing> {
        let text = KeyRing::generate(random);
        write_private(&self.key_file, &text, false)?;
        Ok(KeyRing::parse(&text)?)
    }
}

/// Writes a file that only its owner can read, durably. An existing one is refused or replaced.
pub(crate) fn write_private(path: &Path, text: &str, replaces: bool) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        if replaces {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        let mut file = options.open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::SystemRandom;

    fn data(folder: &Path) -> DataFolder {
        DataFolder::of(&DataOptions {
            data_dir: folder.join("data"),
            database_url: None,
            key_file: None,
        })
    }

    #[test]
    fn keys_are_made_once_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = data(folder.path());
        data.make().unwrap();
        assert!(data.keys().unwrap().is_none());
        data.make_keys(&SystemRandom).unwrap();
        let mode = std::fs::metadata(&data.key_file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(data.keys().unwrap().is_some());
        assert!(data.make_keys(&SystemRandom).is_err());
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let data = data(folder.path());
        data.make().unwrap();
        data.make_keys(&SystemRandom).unwrap();
        std::fs::set_permissions(&data.key_file, Permissions::from_mode(0o644)).unwrap();
        let error = data.keys().err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
