//! Where a request goes: a URL, parsed once. Everything after works with the parsed form, so that
//! no two parsers can disagree about the host.

use std::net::IpAddr;

use url::{Host, Url};

use crate::EgressError;

/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 16 * 1024;

/// A parsed http or https URL with a host.
#[derive(Debug, Clone)]
pub struct Target {
    url: Url,
    /// Lower case, IDNA applied, IPv6 in brackets: as `grantry_model::approval::origin_of` writes it
    /// into what was approved.
    pub host: String,
    /// The host, where it is a literal address in any notation.
    pub literal: Option<IpAddr>,
    /// The port, also where the URL does not say it.
    pub port: u16,
    /// Without TLS.
    pub is_plain: bool,
}

impl Target {
    /// Parses a URL.
    ///
    /// # Errors
    /// With `url_invalid`, `scheme_not_allowed` or `userinfo_not_allowed`.
    pub fn parse(text: &str) -> Result<Self, EgressError> {
        let invalid = |why: &str| EgressError::denied("url_invalid", why.to_owned());
        if text.len() > URL_BYTES_MAX {
            return Err(invalid("the URL is too long"));
        }
        let url = Url::parse(text).map_err(|_| invalid("the URL cannot be parsed"))?;
        let is_plain = match url.scheme() {
            "https" => false,
            "http" => true,
            scheme => {
                let detail = format!("scheme `{scheme}` of a URL");
                return Err(EgressError::denied("scheme_not_allowed", detail));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            let detail = "a URL with a user name or password".to_owned();
            return Err(EgressError::denied("userinfo_not_allowed", detail));
        }
        let literal = match url.host() {
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            None => return Err(invalid("the URL has no host")),
        };
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let port = url.port_or_known_default().unwrap_or(443);
        Ok(Self { url, host, literal, port, is_plain })
    }

    /// A host and a port, for protocols that have no URL.
    ///
    /// # Errors
    /// With `url_invalid` where the host is not one.
    pub fn of_host(host: &str, port: u16, is_plain: bool) -> Result<Self, EgressError> {
        let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(EgressError::denied("url_invalid", "the host's name".to_owned()));
        }
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let scheme = if is_plain { "http" } else { "https" };
        Self::parse(&format!("{scheme}://{host}:{port}/"))
    }

    /// The path, normalized, still percent-encoded.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// Path and query, as the request line has them.
    pub fn path_and_query(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// Adds a parameter to the query.
    pub fn add_parameter(&mut self, name: &str, value: &str) {
        self.url.query_pairs_mut().append_pair(name, value);
    }

    /// What the `Host` header says.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_as_a_url_reads_it() {
        let target = Target::of_host("Mail.Example.com", 25, false).unwrap();
        assert_eq!((target.host.as_str(), target.port), ("mail.example.com", 25));
        assert!(Target::of_host("::1", 25, true).unwrap().literal.is_some());
        for host in ["", "a/b", "a@b", "a b", "a?b", "[::1]", "a:b:c"] {
            assert!(Target::of_host(host, 25, false).is_err(), "{host}");
        }
    }
}
