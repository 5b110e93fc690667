//! Server-sent events as the client reads them: the parts of the format that our server sends.

use reqwest::Response;

use crate::client::Result;

/// Longest event that is read, in bytes: more than any of ours has.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// An open stream of events.
pub struct Events {
    response: Response,
    buffer: Buffer,
}

impl Events {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, buffer: Buffer::default() }
    }

    /// The next event: its name and its data. `None` when the stream ends.
    pub async fn next(&mut self) -> Result<Option<(String, String)>> {
        loop {
            if let Some(event) = self.buffer.take() {
                return Ok(Some(event));
            }
            match self.response.chunk().await? {
                Some(bytes) if self.buffer.bytes.len() + bytes.len() <= EVENT_BYTES_MAX => {
                    self.buffer.bytes.extend_from_slice(&bytes);
                }
                Some(_) | None => return Ok(None),
            }
        }
    }
}

/// What has arrived and is not an event yet.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    /// The first whole event. Comments, which keep the connection open, are none.
    fn take(&mut self) -> Option<(String, String)> {
        loop {
            let end = self.bytes.windows(2).position(|pair| pair == b"\n\n")?;
            let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block);
            let field = |name: &str| {
                let values = block.lines().filter_map(|line| line.strip_prefix(name));
                let values = values.map(|value| value.strip_prefix(' ').unwrap_or(value));
                values.collect::<Vec<_>>().join("\n")
            };
            let (event, data) = (field("event:"), field("data:"));
            if !data.is_empty() {
                return Some((event, data));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_out_of_what_arrives_in_pieces() {
        let mut buffer = Buffer::default();
        let stream = ": keep\n\nevent: progress\ndata: {\"a\":1}\n\nevent:end\ndata:{}\n\n";
        let mut events = Vec::new();
        for byte in stream.bytes() {
            buffer.bytes.push(byte);
            events.extend(buffer.take());
        }
        let expected = [("progress", "{\"a\":1}"), ("end", "{}")];
        let expected = expected.map(|(event, data)| (event.to_owned(), data.to_owned()));
        assert_eq!(events, expected);
    }
}
