//! Every limit of the server in one place, with generous defaults.

use std::time::Duration;

/// What the server accepts.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most bytes of a JSON body.
    pub body_bytes_max: usize,
    /// Most bytes of an uploaded component: JavaScript and Python components have 8 to 40 MiB.
    pub component_bytes_max: usize,
    /// How long the headers of a request may take to arrive; also how long a connection may idle.
    pub header_timeout: Duration,
    /// How long a JSON body may take to arrive.
    pub body_timeout: Duration,
    /// How long an uploaded component may take to arrive.
    pub component_timeout: Duration,
    /// How long an uploaded list may take to arrive.
    pub upload_timeout: Duration,
    /// Most open connections.
    pub connections_max: usize,
    /// Most open event streams.
    pub streams_max: usize,
    /// Longest life of an event stream.
    pub stream_timeout: Duration,
    /// How many requests a principal may send.
    pub requests: Rate,
    /// How many failed authentications an address may cause.
    pub failures: Rate,
    /// How many sign-ins of an address may fail at once; one more is allowed each minute.
    pub sign_in_failures: u32,
    /// How many failures of an address are written to the audit log at once; one more each minute.
    /// The others are counted in the next row.
    pub audited_failures: u32,
    /// How long open requests may take to end when the server stops.
    pub grace: Duration,
}

/// A token bucket: so many at once, and so many a second after that.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// A second.
    pub per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 1024 * 1024,
            component_bytes_max: 64 * 1024 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            component_timeout: Duration::from_secs(300),
            upload_timeout: Duration::from_secs(600),
            connections_max: 1_024,
            streams_max: 256,
            stream_timeout: Duration::from_secs(3_600),
            requests: Rate { burst: 100, per_second: 50 },
            failures: Rate { burst: 20, per_second: 1 },
            sign_in_failures: 10,
            audited_failures: 20,
            grace: Duration::from_secs(20),
        }
    }
}
