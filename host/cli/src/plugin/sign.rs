//! `grantry plugin keygen` and `sign`: keys and signatures in minisign's format (ADR 16), so that
//! `minisign -Vm FILE` checks them too.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantry_model::package::PackageReport;
use grantry_model::signature::{Claim, PublicKey, Signature};
use minisign::{KeyPair, SecretKey, SecretKeyBox};
use serde_json::json;

use super::{inspect, package, read};
use crate::options::{KeygenOptions, SignOptions};
use crate::output::Output;

/// Holds the password of a secret key, where nobody can be asked.
const PASSWORD_VARIABLE: &str = "GRANTRY_KEY_PASSWORD";

pub(super) fn make_key(options: &KeygenOptions, output: Output) -> anyhow::Result<()> {
    let mut public_file = options.file.as_os_str().to_owned();
    public_file.push(".pub");
    let public_file = Path::new(&public_file);
    for file in [options.file.as_path(), public_file] {
        ensure!(!file.exists(), "`{}` is there already: keys are not replaced", file.display());
    }
    let pair = match options.unencrypted {
        true => KeyPair::generate_unencrypted_keypair(),
        false => KeyPair::generate_encrypted_keypair(password()),
    }?;
    let (secret, public) = (pair.sk.to_box(None)?.to_string(), pair.pk.to_box()?.to_string());
    write(&options.file, &secret, 0o600)?;
    write(public_file, &public, 0o644)?;
    let key = PublicKey::parse(&public)?;
    let made = json!({
        "secret_key": options.file, "public_key_file": public_file,
        "key_id": key.key_id(), "public_key": key,
    });
    output.print(&made, |_| {
        format!(
            "Secret key    {}: keep it, and keep it to yourself\nPublic key    {}\nKey           {}\n{}",
            options.file.display(),
            public_file.display(),
            key.key_id(),
            key.as_str()
        )
    })
}

pub(super) async fn run(options: &SignOptions, output: Output) -> anyhow::Result<()> {
    let component = read(&options.file)?;
    let report = inspect::report(&component, &options.file.display().to_string()).await?;
    let key = secret_key(&options.key)?;
    let claim = claim(&report);
    let signed = minisign::sign(None, &key, component.as_slice(), Some(&claim.comment()), None);
    let text = signed.context("cannot sign")?.to_string();
    let signature = Signature::parse(&text)?;
    let file = package::signature_file(&options.file);
    std::fs::write(&file, &text).with_context(|| format!("cannot write `{}`", file.display()))?;
    let said = json!({
        "signature": file, "key_id": signature.key_id(), "name": claim.name,
        "version": claim.version, "digest": claim.digest,
    });
    output.print(&said, |_| {
        let Claim { name, version, digest } = &claim;
        let key = signature.key_id();
        format!("Signed {name} {version} with key {key}\nsha256 {digest}\n{}", file.display())
    })
}

/// What is signed.
fn claim(report: &PackageReport) -> Claim {
    let manifest = &report.manifest;
    let (name, version) = (manifest.name.clone(), manifest.version.clone());
    Claim { name, version, digest: report.digest.clone() }
}

/// A signature of another component is found before it is published or shown, without any key.
pub(super) fn check_said(signature: &Signature, report: &PackageReport) -> anyhow::Result<()> {
    let is_of_this = signature.said().is_some_and(|said| said == claim(report));
    ensure!(is_of_this, "the signature is not for this component: sign it anew");
    Ok(())
}

/// A public key: the text, or that of the file of this name.
pub(super) fn public_key(text: &str) -> anyhow::Result<PublicKey> {
    if let Ok(key) = PublicKey::parse(text) {
        return Ok(key);
    }
    let content = std::fs::read_to_string(text);
    let content =
        content.with_context(|| format!("`{text}` is neither a public key nor a file"))?;
    PublicKey::parse(&content).map_err(|error| anyhow!("`{text}` {error}"))
}

fn secret_key(file: &Path) -> anyhow::Result<SecretKey> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read `{}`", file.display()))?;
    let unusable = || format!("cannot use the secret key in `{}`", file.display());
    let key = SecretKeyBox::from_string(&text).with_context(unusable)?;
    match is_encrypted(&text) {
        true => key.into_secret_key(password()),
        false => key.into_unencrypted_secret_key(),
    }
    .with_context(unusable)
}

/// Whether the key is behind a password: its second field names scrypt then.
fn is_encrypted(text: &str) -> bool {
    let line = text.lines().nth(1).unwrap_or_default();
    let bytes = STANDARD.decode(line.trim()).unwrap_or_default();
    bytes.get(2..4) != Some(&[0, 0])
}

/// The key's password from the environment; `None` has it asked for on the terminal.
fn password() -> Option<String> {
    std::env::var(PASSWORD_VARIABLE).ok()
}

fn write(file: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let written = options.write(true).create_new(true).mode(mode).open(file);
    let written = written.and_then(|mut opened| opened.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write `{}`", file.display()))
}
