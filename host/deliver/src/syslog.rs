//! Syslog: RFC 5424 messages over TLS or TCP with octet counting (RFC 5425, RFC 6587), or UDP.
//!
//! The protocol has no confirmation. Over TCP and TLS a batch counts as delivered when the receiver
//! took all of it and closed its side after ours, or kept quiet for a while; over UDP when it was sent.

use std::time::Duration;

use grantry_egress::{Dialer, Target};
use grantry_model::approval::AddressException;
use grantry_model::clock::UnixMs;
use grantry_model::delivery::{AuditBatch, AuditLine, SyslogTransport, Undelivered};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::undelivered;

/// Facility 13, "log audit".
const FACILITY: u8 = 13;
const SEVERITY_WARNING: u8 = 4;
const SEVERITY_INFORMATIONAL: u8 = 6;
/// Time for a whole batch.
const BATCH_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the receiver's close is waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Largest payload of a datagram, in bytes.
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// Sends a batch.
pub(crate) async fn send(
    dialer: &Dialer,
    target: &Target,
    exceptions: &[AddressException],
    transport: SyslogTransport,
    batch: &AuditBatch,
) -> Result<(), Undelivered> {
    let sending = async {
        match transport {
            SyslogTransport::Udp => datagrams(dialer, target, exceptions, batch).await,
            SyslogTransport::Tls | SyslogTransport::Tcp => {
                octets(dialer, target, exceptions, batch).await
            }
        }
    };
    let sent = timeout(BATCH_TIMEOUT, sending).await;
    sent.map_err(|_| Undelivered::later("the receiver did not take it within 30 seconds"))?
}

async fn octets(
    dialer: &Dialer,
    target: &Target,
    exceptions: &[AddressException],
    batch: &AuditBatch,
) -> Result<(), Undelivered> {
    let mut stream = dialer.connect(target, exceptions).await.map_err(undelivered)?;
    let mut bytes = Vec::new();
    for line in &batch.lines {
        let message = message(line);
        bytes.extend_from_slice(format!("{} ", message.len()).as_bytes());
        bytes.extend_from_slice(message.as_bytes());
    }
    stream.write_all(&bytes).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    stream.shutdown().await.map_err(broken)?;
    // A receiver that went away in the middle resets the connection: its close tells it from one
    // that took everything.
    let mut rest = [0_u8; 512];
    match timeout(CLOSE_TIMEOUT, stream.read(&mut rest)).await {
        Ok(Err(error)) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(broken(error)),
        _ => Ok(()),
    }
}

async fn datagrams(
    dialer: &Dialer,
    target: &Target,
    exceptions: &[AddressException],
    batch: &AuditBatch,
) -> Result<(), Undelivered> {
    let addresses = dialer.check(target, exceptions).await.map_err(undelivered)?;
    let address = addresses.first().ok_or_else(|| Undelivered::later("no address"))?;
    let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).await.map_err(broken)?;
    socket.connect(address).await.map_err(broken)?;
    for line in &batch.lines {
        let mut message = message(line);
        if message.len() > DATAGRAM_BYTES_MAX {
            let end = (0..=DATAGRAM_BYTES_MAX).rev().find(|&at| message.is_char_boundary(at));
            message.truncate(end.unwrap_or(0));
        }
        socket.send(message.as_bytes()).await.map_err(broken)?;
    }
    Ok(())
}

fn broken(error: std::io::Error) -> Undelivered {
    Undelivered::later(format!("the connection broke off: {}", error.kind()))
}

/// One message (RFC 5424 section 6). The entry is the text, as JSON: a structured-data element would
/// need a registered enterprise number.
fn message(line: &AuditLine) -> String {
    let severity = if line.is_allowed { SEVERITY_INFORMATIONAL } else { SEVERITY_WARNING };
    let priority = FACILITY * 8 + severity;
    // At most 32 printable ASCII characters.
    let id: String = line.event.chars().filter(char::is_ascii_graphic).take(32).collect();
    let id = if id.is_empty() { "-" } else { id.as_str() };
    format!("<{priority}>1 {} - grantry - {id} - {}", timestamp(line.at), line.json)
}

/// RFC 3339 in UTC with milliseconds.
fn timestamp(at: UnixMs) -> String {
    let (days, ms) = (at.0.div_euclid(86_400_000), at.0.rem_euclid(86_400_000));
    // Civil date of a day count, by the proleptic Gregorian calendar: eras of 400 years that begin
    // on 1 March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_those_of_the_calendar() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_078_099_199_999, "2004-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_795_321_381_000, "2026-11-22T04:23:01.000Z"),
        ] {
            assert_eq!(timestamp(UnixMs(ms)), expected);
        }
    }

    #[test]
    fn a_refusal_is_a_warning() {
        let line = AuditLine {
            sequence: 1,
            at: UnixMs(0),
            event: "authz.denied".into(),
            is_allowed: false,
            json: "{}".into(),
        };
        let expected = "<108>1 1970-01-01T00:00:00.000Z - grantry - authz.denied - {}";
        assert_eq!(message(&line), expected);
    }
}
