//! Compiled code of components that an author runs again and again: CPython takes ten seconds to compile.
//!
//! Kept under `$XDG_CACHE_HOME/grantry` (`~/.cache`), with a key of its own. Whoever could write there
//! could have this program run any code, so a folder of somebody else's is not used: then, and where
//! there is none, the code goes when the command ends.

use std::fs::{self, DirBuilder, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use grantry_store::seal::{KEY_BYTES, KeyRing};
use tempfile::{NamedTempFile, TempDir};

use crate::ambient::SystemRandom;
use crate::wiring;

/// Compiled components that are kept, the newest ones.
const COMPONENTS_MAX: usize = 8;

/// A folder for compiled code with the key that authenticates it.
pub(super) struct CompiledCode {
    pub(super) folder: PathBuf,
    pub(super) key: [u8; KEY_BYTES],
    _throwaway: Option<TempDir>,
}

impl CompiledCode {
    /// The author's own, or one that goes with this value.
    pub(super) fn open() -> anyhow::Result<Self> {
        if let Some(folder) = home()
            && let Ok(kept) = Self::kept(folder)
        {
            return Ok(kept);
        }
        let throwaway = tempfile::tempdir()?;
        let key = wiring::throwaway_keys()?.derive("author");
        let folder = throwaway.path().join("compiled");
        Ok(Self { folder, key, _throwaway: Some(throwaway) })
    }

    fn kept(folder: PathBuf) -> anyhow::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        // Who owns the folder around it could put another one into its place.
        let around = folder.parent().context("a folder for compiled code is in another")?;
        let us = rustix::process::geteuid().as_raw();
        let found = fs::symlink_metadata(&folder)?;
        let is_ours = found.is_dir() && [found.uid(), fs::metadata(around)?.uid()] == [us, us];
        ensure!(is_ours, "the folder is somebody else's");
        fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        let key = key(&folder)?;
        tidy(&folder)?;
        Ok(Self { folder, key, _throwaway: None })
    }
}

fn home() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let folder = PathBuf::from(std::env::var_os(name)?);
        folder.is_absolute().then_some(folder)
    };
    let cache = absolute("XDG_CACHE_HOME");
    cache.or_else(|| Some(absolute("HOME")?.join(".cache"))).map(|cache| cache.join("grantry"))
}

/// The folder's key; made with its first use.
fn key(folder: &Path) -> anyhow::Result<[u8; KEY_BYTES]> {
    let file = folder.join("key");
    if !file.exists() {
        let mut new = NamedTempFile::new_in(folder)?;
        new.write_all(KeyRing::generate(&SystemRandom).as_bytes())?;
        // Fails if another command was first: then its key counts.
        let _ = new.persist_noclobber(&file);
    }
    let text = fs::read_to_string(&file).context("the key cannot be read")?;
    Ok(KeyRing::parse(&text)?.derive("compiled components of an author"))
}

/// Removes all but the newest.
fn tidy(folder: &Path) -> std::io::Result<()> {
    let mut compiled: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "cwasm")
            && let Ok(found) = fs::metadata(&path)
        {
            compiled.push((found.modified()?, path));
        }
    }
    compiled.sort_unstable();
    for (_, path) in compiled.iter().rev().skip(COMPONENTS_MAX) {
        // Another command may have done it.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_command_has_the_same_key_and_the_newest_code() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("grantry");
        let first = CompiledCode::kept(folder.clone()).unwrap();
        for number in 0..COMPONENTS_MAX + 3 {
            fs::write(folder.join(format!("{number}.cwasm")), "").unwrap();
        }
        let second = CompiledCode::kept(folder.clone()).unwrap();
        assert_eq!(first.key, second.key);
        let mode = fs::metadata(&folder).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        let left = fs::read_dir(&folder).unwrap().count();
        assert_eq!(left, COMPONENTS_MAX + 1, "the components and the key");
    }

    #[test]
    fn a_link_to_a_folder_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let link = home.path().join("grantry");
        std::os::unix::fs::symlink(home.path(), &link).unwrap();
        assert!(CompiledCode::kept(link).is_err());
    }
}
