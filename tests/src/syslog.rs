//! A syslog server over TCP or TLS that takes nothing but RFC 5424 messages with octet counting (RFC
//! 6587 section 3.4.1, RFC 5425 section 4.3), read strictly by the grammar. Collectors are forgiving; the grammar is not.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail, ensure};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::tls::Certificate;

/// One message, as far as the tests look at it. Absent fields (`-`) are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Of 24.
    pub facility: u8,
    /// 0 is the worst.
    pub severity: u8,
    /// As it was sent; it has the form that the grammar wants.
    pub timestamp: String,
    /// What sent it.
    pub app_name: String,
    /// What it is about.
    pub message_id: String,
    /// The text.
    pub text: String,
}

#[derive(Debug, Default)]
struct Taken {
    messages: Vec<Message>,
    faults: Vec<String>,
}

/// A running server; dropping it ends its thread.
#[derive(Debug)]
pub struct SyslogServer {
    address: SocketAddr,
    taken: Arc<Mutex<Taken>>,
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SyslogServer {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start() -> Result<Self> {
        Self::launch(None)
    }

    /// Listens on a free port of 127.0.0.1, with TLS. A connection has to be ended as RFC 5425 section
    /// 4.4 wants it, with `close_notify`.
    ///
    /// # Errors
    /// When there is no port or no thread, or the certificate cannot be used.
    pub fn start_with_tls(certificate: &Certificate) -> Result<Self> {
        let chain = vec![CertificateDer::from_pem_slice(certificate.chain_pem.as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes())?;
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
        Self::launch(Some(Arc::new(config.with_single_cert(chain, key)?)))
    }

    fn launch(tls: Option<Arc<ServerConfig>>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (taken, is_stopped) = (Arc::<Mutex<Taken>>::default(), Arc::<AtomicBool>::default());
        let (shared, stop) = (taken.clone(), is_stopped.clone());
        let thread = std::thread::Builder::new().name("syslog".to_owned()).spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                match &tls {
                    None => take(stream, &shared),
                    Some(tls) => match ServerConnection::new(tls.clone()) {
                        Ok(connection) => take(StreamOwned::new(connection, stream), &shared),
                        Err(error) => return fault(&shared, error.to_string()),
                    },
                }
            }
        })?;
        Ok(Self { address, taken, is_stopped, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The messages so far, in order.
    ///
    /// # Errors
    /// With what the grammar forbids, if any such came in, and with what broke a connection.
    pub fn messages(&self) -> Result<Vec<Message>> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(taken.faults.is_empty(), "{:#?}", taken.faults);
        Ok(taken.messages.clone())
    }
}

impl Drop for SyslogServer {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        // Wakes the thread; it fails only when the thread has already ended.
        drop(TcpStream::connect(self.address));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Reads a connection to its end.
fn take(mut stream: impl Read, shared: &Mutex<Taken>) {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes).context("read the connection");
    let parsed = read.and_then(|_| messages(&bytes));
    match parsed {
        Ok(messages) => {
            shared.lock().unwrap_or_else(PoisonError::into_inner).messages.extend(messages);
        }
        Err(error) => fault(shared, format!("{error:#}")),
    }
}

fn fault(shared: &Mutex<Taken>, text: String) {
    shared.lock().unwrap_or_else(PoisonError::into_inner).faults.push(text);
}

/// `MSG-LEN SP SYSLOG-MSG`, again and again, and nothing between.
fn messages(mut bytes: &[u8]) -> Result<Vec<Message>> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|&byte| byte == b' ').context("no length")?;
        let length = number(std::str::from_utf8(&bytes[..space])?, usize::MAX)?;
        let rest = &bytes[space + 1..];
        ensure!(length > 0 && length <= rest.len(), "{length} of {} bytes", rest.len());
        let (message, after) = rest.split_at(length);
        messages.push(parse(std::str::from_utf8(message).context("not UTF-8")?)?);
        bytes = after;
    }
    Ok(messages)
}

/// Digits without a sign or a leading zero.
fn number(text: &str, max: usize) -> Result<usize> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    ensure!(is_plain && !text.is_empty() && (text == "0" || !text.starts_with('0')), "`{text}`");
    let number = text.parse()?;
    ensure!(number <= max, "{number} is more than {max}");
    Ok(number)
}

/// RFC 5424 section 6. Structured data has to be absent: nothing that we test sends any.
fn parse(message: &str) -> Result<Message> {
    let rest = message.strip_prefix('<').context("no priority")?;
    let (priority, rest) = rest.split_once('>').context("no end of the priority")?;
    let priority = u8::try_from(number(priority, 191)?)?;
    let rest = rest.strip_prefix("1 ").context("not version 1")?;
    let parts: Vec<&str> = rest.splitn(7, ' ').collect();
    let &[timestamp, host, app, process, id, structured, text] = parts.as_slice() else {
        bail!("parts are missing: {message}");
    };
    check_timestamp(timestamp)?;
    for (part, max) in [(host, 255), (app, 48), (process, 128), (id, 32)] {
        let is_printable = part.bytes().all(|byte| (33..=126).contains(&byte));
        ensure!(is_printable && !part.is_empty() && part.len() <= max, "`{part}` in {message}");
    }
    ensure!(structured == "-", "structured data: {message}");
    let value = |part: &str| if part == "-" { String::new() } else { part.to_owned() };
    Ok(Message {
        facility: priority / 8,
        severity: priority % 8,
        timestamp: timestamp.to_owned(),
        app_name: value(app),
        message_id: value(id),
        text: text.to_owned(),
    })
}

/// In UTC with `T` and `Z` in capitals; at most six digits of a fraction.
fn check_timestamp(text: &str) -> Result<()> {
    let (seconds, fraction) = match text.strip_suffix('Z').context("not in UTC")?.split_once('.') {
        Some((seconds, fraction)) => (seconds, fraction),
        None => (text.trim_end_matches('Z'), "0"),
    };
    let is_fraction = (1..=6).contains(&fraction.len());
    ensure!(is_fraction && fraction.bytes().all(|byte| byte.is_ascii_digit()), "`{text}`");
    let is_like = |(byte, like): (u8, u8)| match like {
        b'9' => byte.is_ascii_digit(),
        like => byte == like,
    };
    let form = b"9999-99-99T99:99:99";
    ensure!(seconds.len() == form.len() && seconds.bytes().zip(*form).all(is_like), "`{text}`");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_grammar_allows_is_taken() {
        let two = b"52 <108>1 2026-11-22T06:00:00.123Z - grantry - a.b - {}46 <0>1 2026-11-22T06:00:00Z h grantry 7 - - \xc3\xa4 b";
        let taken = messages(two).unwrap();
        assert_eq!((taken[0].facility, taken[0].severity, &*taken[0].text), (13, 4, "{}"));
        assert_eq!((&*taken[1].message_id, &*taken[1].text), ("", "\u{e4} b"));
    }

    #[test]
    fn what_it_does_not_allow_is_not() {
        for message in [
            "<192>1 2026-11-22T06:00:00Z - grantry - a - {}",
            "<013>1 2026-11-22T06:00:00Z - grantry - a - {}",
            "<13>2 2026-11-22T06:00:00Z - grantry - a - {}",
            "<13>1 2026-11-22t06:00:00Z - grantry - a - {}",
            "<13>1 2026-11-22T06:00:00.1234567Z - grantry - a - {}",
            "<13>1 2026-11-22T06:00:00Z  - grantry - a - {}",
            "<13>1 2026-11-22T06:00:00Z - grantry - \u{e4} - {}",
        ] {
            assert!(parse(message).is_err(), "{message}");
        }
        for bytes in [&b"3 <1>"[..], b"03 abc", b"9 <1>", b"\n"] {
            assert!(messages(bytes).is_err(), "{bytes:?}");
        }
    }
}
