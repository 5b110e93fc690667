//! One request with what became of it on both sides of the proxy.

use super::fault::Fault;

/// A recorded request. Bodies are text; what is not UTF-8 is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Place in the order of arrival, from 0.
    pub number: usize,
    /// Upper case.
    pub method: String,
    /// The whole path, without the query.
    pub path: String,
    /// Without the question mark; empty if there was none.
    pub query: String,
    /// The request's headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub body: String,
    /// The fault that struck.
    pub fault: Option<Fault>,
    /// What the target answered; `None` if it never saw the request or did not answer.
    pub target_status: Option<u16>,
    /// The target's body, whether or not the client got it.
    pub target_body: String,
    /// What the client was answered; `None` if it was cut off or went away first.
    pub answered_status: Option<u16>,
}

impl Exchange {
    /// The first header of this name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// True unless the method is safe (RFC 9110 section 9.2.1) or the path is a search by POST.
    #[must_use]
    pub fn is_state_changing(&self) -> bool {
        let is_safe = ["GET", "HEAD", "OPTIONS", "TRACE"].contains(&self.method.as_str());
        !is_safe && !self.path.ends_with("/.search")
    }

    /// True if the client was told for certain that nothing happened: 4xx, or 501 (unsupported).
    #[must_use]
    pub fn was_refused(&self) -> bool {
        self.answered_status.is_some_and(|status| status / 100 == 4 || status == 501)
    }

    /// True if the target itself reported success.
    #[must_use]
    pub fn was_applied(&self) -> bool {
        self.target_status.is_some_and(|status| status / 100 == 2)
    }
}
