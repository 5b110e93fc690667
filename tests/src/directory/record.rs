//! What a directory remembers of a request.

/// One request as it arrived, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Upper case.
    pub method: String,
    /// Below the base path, such as `/Users`; other paths in full.
    pub path: String,
    /// Without the question mark; empty if there was none.
    pub query: String,
    /// In the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// As text; what is not UTF-8 is replaced.
    pub body: String,
    /// What was answered; `None` if the connection was closed instead.
    pub status: Option<u16>,
    /// True if the directory's state is another one after it.
    pub is_applied: bool,
}

impl RecordedRequest {
    /// The first header of this name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}
