//! What a registry asks for in `WWW-Authenticate` (RFC 9110, distribution's token authentication).

/// Longest challenge that is read, in bytes.
const CHALLENGE_BYTES_MAX: usize = 4 * 1024;

/// How a registry wants to be shown who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User name and password with every request.
    Basic,
    /// A token of this service.
    Bearer {
        /// Where tokens are given.
        realm: String,
        /// For whom.
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads the header, if it is of a kind that is known.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        if header.len() > CHALLENGE_BYTES_MAX {
            return None;
        }
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        for (name, value) in parameters(rest)? {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                _ => {}
            }
        }
        Some(Self::Bearer { realm: realm?, service })
    }
}

/// `name="value"` or `name=value`, with commas between.
fn parameters(mut rest: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if rest.is_empty() {
            return Some(found);
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((name.trim().to_owned(), value.trim().to_owned()));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_names_realm_and_service() {
        let header = "Bearer realm=\"https://auth.example/token\",service=\"registry.example\",\
                      scope=\"repository:a/b:pull,push\"";
        let (realm, service) = ("https://auth.example/token".into(), "registry.example".into());
        let expected = Challenge::Bearer { realm, service: Some(service) };
        assert_eq!(Challenge::parse(header), Some(expected));
        let bare = Challenge::Bearer { realm: "https://a".into(), service: None };
        assert_eq!(Challenge::parse("bearer realm=https://a"), Some(bare));
        assert_eq!(Challenge::parse("Basic realm=\"peer\""), Some(Challenge::Basic));
    }

    #[test]
    fn what_is_no_challenge_is_none() {
        let long = format!("Bearer realm=\"{}\"", "x".repeat(CHALLENGE_BYTES_MAX));
        for header in ["", "Bearer", "Bearer realm", "Bearer realm=\"x", "Negotiate x", &long] {
            assert_eq!(Challenge::parse(header), None, "{header}");
        }
    }
}
