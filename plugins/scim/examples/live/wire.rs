//! The least HTTP/1.1 client that will do: one connection a request, closed by the server.

use std::io::{Read, Write};
use std::net::TcpStream;

use grantry_sdk::http::{HttpError, RawRequest, Response, Transport};

/// Sends with a bearer token.
pub struct Wire {
    /// The token.
    pub token: String,
}

impl Transport for Wire {
    fn send(&self, request: &RawRequest) -> Result<Response, HttpError> {
        let rest = request.url.strip_prefix("http://").expect("plain http");
        let (host, path) = rest.split_once('/').expect("a path");
        let mut head =
            format!("{} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n", request.method);
        head += &format!("authorization: Bearer {}\r\n", self.token);
        for (name, value) in &request.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", request.body.len());
        let answer = exchange(host, head.as_bytes(), &request.body);
        parse(&answer.map_err(|error| HttpError::Connect(error.to_string()))?)
    }
}

fn exchange(host: &str, head: &[u8], body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(host)?;
    stream.write_all(head)?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn parse(answer: &[u8]) -> Result<Response, HttpError> {
    let broken = || HttpError::Protocol("not HTTP".into());
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(broken)?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let body = answer[end + 4..].to_vec();
    assert!(!headers.iter().any(|(name, _)| name == "transfer-encoding"), "chunked");
    Ok(Response { status: status.ok_or_else(broken)?, headers, body })
}
