//! Whether a request may go where it wants to: the approved origins, methods and paths.
//!
//! Pure. Addresses are judged later, when the name is resolved (`grantry_egress`).

use grantry_egress::Target;
use grantry_model::approval::{AllowedHost, AllowedOrigin, Granted};

use super::{Access, Refusal};

/// The contract's methods.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// Those that change nothing.
const SAFE_METHODS: [&str; 2] = ["GET", "HEAD"];

/// Whether repeating a request of this method does no harm.
pub(crate) fn is_safe(method: &str) -> bool {
    SAFE_METHODS.contains(&method)
}

/// Accepts the request's method and place, or says why not; tells whether a stored credential may go
/// there.
pub(crate) fn check(
    granted: &Granted,
    access: Access,
    method: &str,
    target: &Target,
) -> Result<bool, Refusal> {
    if !METHODS.contains(&method) {
        return Err(Refusal::denied("method_not_allowed", "a method outside the contract".into()));
    }
    if access == Access::ReadOnly && !is_safe(method) {
        let detail = format!("{method} in a call that only reads");
        return Err(Refusal::denied("method_not_allowed", detail));
    }
    let mut origins: Vec<&AllowedOrigin> = granted.origins.iter().collect();
    let place = format!("{}:{}", target.host, target.port);
    origins.retain(|origin| is_host(&origin.host, target));
    refuse_none(&origins, "host_not_allowed", &place)?;
    origins.retain(|origin| origin.is_plain == target.is_plain);
    refuse_none(&origins, "scheme_not_allowed", &place)?;
    origins.retain(|origin| origin.port == target.port);
    refuse_none(&origins, "port_not_allowed", &place)?;
    origins
        .retain(|origin| origin.methods.is_empty() || origin.methods.iter().any(|m| m == method));
    refuse_none(&origins, "method_not_allowed", &format!("{method} {place}"))?;
    origins.retain(|origin| is_below(target.path(), &origin.path_prefix));
    refuse_none(&origins, "path_not_allowed", &place)?;
    Ok(origins.iter().any(|origin| origin.takes_credentials))
}

fn refuse_none(left: &[&AllowedOrigin], code: &'static str, detail: &str) -> Result<(), Refusal> {
    match left {
        [] => Err(Refusal::denied(code, detail.to_owned())),
        _ => Ok(()),
    }
}

fn is_host(allowed: &AllowedHost, target: &Target) -> bool {
    match allowed {
        AllowedHost::Exact(name) => *name == target.host,
        AllowedHost::Suffix(suffix) => {
            let suffix = suffix.trim_start_matches('.');
            let label = target.host.strip_suffix(suffix).and_then(|rest| rest.strip_suffix('.'));
            target.literal.is_none() && !suffix.is_empty() && label.is_some_and(|l| !l.is_empty())
        }
    }
}

/// A prefix binds literally. The parser has resolved `..` and `%2e%2e` before; what a target might
/// resolve after decoding a slash is refused.
fn is_below(path: &str, prefix: &str) -> bool {
    if prefix.is_empty() || prefix == "/" {
        return true;
    }
    let lower = path.to_ascii_lowercase();
    let hides_a_climb = (lower.contains("%2f") || lower.contains("%5c"))
        && (lower.contains("..") || lower.contains("%2e"));
    // Some targets cut a parameter off a segment before they resolve it (`..;x/`).
    let climbs = lower.replace("%2e", ".").split('/').any(|segment| segment.starts_with(".."));
    path.starts_with(prefix) && !hides_a_climb && !climbs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn granted() -> Granted {
        let origin = |host| AllowedOrigin {
            host,
            port: 443,
            is_plain: false,
            methods: Vec::new(),
            path_prefix: "/api/".to_owned(),
            takes_credentials: true,
        };
        Granted {
            origins: vec![
                origin(AllowedHost::Exact("example.com".to_owned())),
                origin(AllowedHost::Suffix(".example.org".to_owned())),
            ],
            address_exceptions: Vec::new(),
            bind_address: None,
            bypasses_proxy: false,
            platform_actions: Vec::new(),
            kv: false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever is let through is https, to an approved host, below the approved path.
        #[test]
        fn nothing_else_passes(
            scheme in "(https?|HTTPS|ftp|)",
            mark in "(://|:/|:|:///|:\\\\\\\\)",
            user in "([a-z.]{0,5}[@:]|)",
            host in "(example\\.com|a\\.example\\.org|example\\.com\\.|[a-z.%\\[\\]0-9:@#?/]{0,12})",
            port in "(:[0-9]{0,6}|)",
            path in "(/api/|/)[a-z./%2eEfF\\\\]{0,12}",
        ) {
            let text = format!("{scheme}{mark}{user}{host}{port}{path}");
            if let Ok(target) = Target::parse(&text)
                && check(&granted(), Access::ReadOnly, "GET", &target).is_ok()
            {
                let is_exact = target.host == "example.com";
                prop_assert!(is_exact || target.host.ends_with(".example.org"), "{text}");
                prop_assert!(!target.is_plain && target.port == 443, "{text}");
                prop_assert!(target.path().starts_with("/api/"), "{text}");
            }
        }

        #[test]
        fn a_path_that_a_target_may_climb_out_of_is_refused(
            climb in "(\\.\\.|%2e%2e|%2E\\.|\\.%2e);[a-z]{0,3}",
        ) {
            let target = Target::parse(&format!("https://example.com/api/{climb}/admin")).unwrap();
            prop_assert!(check(&granted(), Access::ReadOnly, "GET", &target).is_err());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,64}") {
            let _ = Target::parse(&text);
        }
    }
}
