//! Where a request goes: a URL, parsed once. Everything after works with the parsed form, so that
//! no two parsers can disagree about the host.

use std::net::IpAddr;

use url::{Host, Url};

use super::Refusal;

/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 16 * 1024;

/// A parsed http or https URL with a host.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    url: Url,
    /// Lower case, IDNA applied, IPv6 in brackets: as `grantry_model::approval::origin_of` writes it
    /// into what was approved.
    pub(crate) host: String,
    /// The host, where it is a literal address in any notation.
    pub(crate) literal: Option<IpAddr>,
    pub(crate) port: u16,
    /// http rather than https.
    pub(crate) is_plain: bool,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let invalid = |why: &str| Refusal::denied("url_invalid", why.to_owned());
        if text.len() > URL_BYTES_MAX {
            return Err(invalid("the URL is too long"));
        }
        let url = Url::parse(text).map_err(|_| invalid("the URL cannot be parsed"))?;
        let is_plain = match url.scheme() {
            "https" => false,
            "http" => true,
            scheme => {
                let detail = format!("scheme `{scheme}` of a URL");
                return Err(Refusal::denied("scheme_not_allowed", detail));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            let detail = "a URL with a user name or password".to_owned();
            return Err(Refusal::denied("userinfo_not_allowed", detail));
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

    /// The path, normalized, still percent-encoded.
    pub(crate) fn path(&self) -> &str {
        self.url.path()
    }

    /// Path and query, as the request line has them.
    pub(crate) fn path_and_query(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// Adds a parameter to the query.
    pub(crate) fn add_parameter(&mut self, name: &str, value: &str) {
        self.url.query_pairs_mut().append_pair(name, value);
    }

    /// What the `Host` header says.
    pub(crate) fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}
