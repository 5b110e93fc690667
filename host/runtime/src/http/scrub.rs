//! Takes secrets out of what a guest gets to see: response headers and bodies, error texts, logs.
//!
//! A host that the admin approved may echo a credential, by mistake or not. Each secret is looked
//! for as it is and in the encodings in which it usually comes back (base64 in its three alignments,
//! base64url, hex, percent, JSON). What no list of encodings can catch is written in the operating
//! guide: an approved host that wants to hand the credential to the plugin can.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use url::form_urlencoded;

/// What stands in for a secret.
const REPLACEMENT: &str = "[secret]";
/// Shorter secrets are not looked for: they would be found in every text.
const SECRET_BYTES_MIN: usize = 6;

/// Finds the secrets of one integration.
#[derive(Debug)]
pub struct Scrubber {
    patterns: Option<AhoCorasick>,
}

impl Scrubber {
    /// Looks for these texts and their encodings.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let long = secrets.into_iter().filter(|secret| secret.len() >= SECRET_BYTES_MIN);
        let mut patterns: Vec<Vec<u8>> = long.flat_map(encodings).collect();
        patterns.sort_unstable();
        patterns.dedup();
        if patterns.is_empty() {
            return Self { patterns: None };
        }
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            // Hex and percent-encoding come in both cases.
            .ascii_case_insensitive(true)
            .build(patterns);
        Self { patterns: built.ok() }
    }

    /// Replaces what is found; tells whether something was.
    pub fn bytes(&self, bytes: &mut Vec<u8>) -> bool {
        let Some(patterns) = &self.patterns else { return false };
        if !patterns.is_match(bytes.as_slice()) {
            return false;
        }
        let mut clean = Vec::with_capacity(bytes.len());
        let push = |_: &aho_corasick::Match, _: &[u8], out: &mut Vec<u8>| {
            out.extend_from_slice(REPLACEMENT.as_bytes());
            true
        };
        patterns.replace_all_with_bytes(bytes.as_slice(), &mut clean, push);
        *bytes = clean;
        true
    }

    /// The same for text.
    pub fn text(&self, text: &mut String) -> bool {
        let Some(patterns) = &self.patterns else { return false };
        if !patterns.is_match(text.as_str()) {
            return false;
        }
        let mut bytes = std::mem::take(text).into_bytes();
        self.bytes(&mut bytes);
        *text = String::from_utf8_lossy(&bytes).into_owned();
        true
    }
}

/// The texts under which a secret may come back.
fn encodings(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let mut found = vec![bytes.to_vec(), hex::encode(bytes).into_bytes()];
    found.extend(base64_cores(bytes));
    found.push(percent(bytes, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
    found.push(percent(bytes, |byte| byte.is_ascii_alphanumeric()));
    found.push(percent(bytes, |_| false));
    found.push(form_urlencoded::byte_serialize(bytes).collect::<String>().into_bytes());
    if let Ok(json) = serde_json::to_string(secret) {
        let inner = json.trim_start_matches('"').trim_end_matches('"');
        found.push(inner.as_bytes().to_vec());
        found.push(inner.replace('/', "\\/").into_bytes());
    }
    found
}

/// The part of the secret's base64 that does not depend on its neighbours, for each of the three
/// places at which it may begin in a longer text (`Basic` puts a user name before the password).
fn base64_cores(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut cores = Vec::new();
    for before in 0..3_usize {
        let mut text = vec![0_u8; before];
        text.extend_from_slice(secret);
        // The first characters hold bits of the neighbour before, the last one of the one behind.
        let first = (before * 8).div_ceil(6);
        let last = text.len() * 8 / 6;
        for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
            if let Some(core) = encoded.as_bytes().get(first..last) {
                cores.push(core.to_vec());
            }
        }
    }
    cores
}

fn percent(bytes: &[u8], is_kept: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len() * 3);
    for &byte in bytes {
        match is_kept(byte) {
            true => encoded.push(byte),
            false => encoded.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    const SECRET: &str = "s3cr+t/\"käse\" & a-value.~*";

    fn scrubbed(text: &str) -> String {
        let mut text = text.to_owned();
        Scrubber::new([SECRET]).text(&mut text);
        text
    }

    #[test]
    fn a_secret_is_found_in_every_encoding() {
        for prefix in ["", "u", "us", "use", "user:"] {
            for suffix in ["", "x", "xy", "xyz"] {
                let plain = format!("{prefix}{SECRET}{suffix}");
                for encoded in [STANDARD.encode(&plain), URL_SAFE_NO_PAD.encode(&plain)] {
                    assert!(scrubbed(&encoded).contains(REPLACEMENT), "{prefix} {suffix}");
                }
            }
        }
        assert_eq!(scrubbed(&format!("a {SECRET} b")), "a [secret] b");
        assert_eq!(scrubbed(&hex::encode(SECRET)), REPLACEMENT);
        assert_eq!(scrubbed(&hex::encode_upper(SECRET)), REPLACEMENT);
        let form: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        assert_eq!(scrubbed(&form), REPLACEMENT);
        assert_eq!(scrubbed(&form.to_lowercase()), REPLACEMENT);
        let every_byte: String = SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect();
        assert_eq!(scrubbed(&every_byte), REPLACEMENT);
        assert_eq!(scrubbed(&serde_json::to_string(SECRET).unwrap()), "\"[secret]\"");
    }

    #[test]
    fn other_text_stays() {
        assert_eq!(scrubbed("nothing to see"), "nothing to see");
        let mut short = "abc".to_owned();
        assert!(!Scrubber::new(["abc"]).text(&mut short));
    }
}
