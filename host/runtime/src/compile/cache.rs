//! Compiled components on disk, authenticated.
//!
//! Loading machine code means running it, so a file counts only if its MAC, made with a key that is
//! not beside it, fits the digest, the engine and the bytes. The bytes that were checked are the
//! bytes that are loaded: the file is read once into memory, checked there, and copied from there.
//! Mapping the file instead (0.2 ms, shared pages) would let a later change of the file change
//! running code; a copy costs a few milliseconds once per plugin and process.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use grantry_model::plugin::Digest;
use wasmtime::Engine;

use super::Compiled;

const MAGIC: &[u8; 8] = b"GRANTRY1";
const HEADER_BYTES: usize = MAGIC.len() + blake3::OUT_LEN + 4;
/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// The cache of one engine.
pub(crate) struct ArtifactCache {
    directory: PathBuf,
    key: [u8; 32],
    engine: String,
}

impl ArtifactCache {
    /// Makes the directory if need be; closes it to others.
    pub(crate) fn open(directory: &Path, key: [u8; 32], engine: &Engine) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
        let directory = directory.to_owned();
        Ok(Self { directory, key, engine: compatibility(engine) })
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join(format!("{digest}-{}.cwasm", self.engine))
    }

    /// Stores machine code; replaces what was there.
    pub(crate) fn store(&self, digest: &Digest, compiled: &Compiled) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(&self.directory)?;
        file.write_all(MAGIC)?;
        file.write_all(self.mac(digest, compiled.core_instances, &compiled.artifact).as_bytes())?;
        file.write_all(&compiled.core_instances.to_le_bytes())?;
        file.write_all(&compiled.artifact)?;
        file.persist(self.path(digest))?;
        Ok(())
    }

    /// The stored machine code; `None` if there is none or if it is not what was stored.
    pub(crate) fn load(&self, digest: &Digest) -> io::Result<Option<Compiled>> {
        let file = match fs::File::open(self.path(digest)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let compiled = self.checked(digest, bytes);
        if compiled.is_none() {
            tracing::warn!(plugin.digest = %digest, "a compiled component was changed: ignored");
        }
        Ok(compiled)
    }

    fn checked(&self, digest: &Digest, mut bytes: Vec<u8>) -> Option<Compiled> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (mac, rest) = rest.split_first_chunk::<{ blake3::OUT_LEN }>()?;
        let (core_instances, artifact) = rest.split_first_chunk::<4>()?;
        let core_instances = u32::from_le_bytes(*core_instances);
        // `blake3::Hash` compares in constant time.
        if self.mac(digest, core_instances, artifact) != blake3::Hash::from_bytes(*mac) {
            return None;
        }
        Some(Compiled { artifact: bytes.split_off(HEADER_BYTES), core_instances })
    }

    fn mac(&self, digest: &Digest, core_instances: u32, artifact: &[u8]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(b"grantry compiled component, version 1");
        mac.update(digest.as_str().as_bytes());
        mac.update(self.engine.as_bytes());
        mac.update(&core_instances.to_le_bytes());
        mac.update(artifact);
        mac.finalize()
    }
}

/// What compiled code depends on: wasmtime's version, the processor and the engine's settings.
fn compatibility(engine: &Engine) -> String {
    struct Blake3(blake3::Hasher);
    impl Hasher for Blake3 {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Blake3(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().to_hex().chars().take(32).collect()
}
