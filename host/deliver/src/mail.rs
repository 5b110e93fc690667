//! E-mail by SMTP: lettre speaks the protocol on a connection that went through the check.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};

use grantry_egress::{NetworkStream, Target};
use grantry_model::delivery::{
    ChannelSettings, Destination, MailSecurity, NoticeMessage, Undelivered,
};
use grantry_model::text::printable;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use crate::limited::Limited;
use crate::{Post, undelivered};

/// Time for a whole mail.
const MAIL_TIMEOUT: Duration = Duration::from_secs(60);
/// Ways to authenticate, the best first.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];
/// Bytes of all answers of a server to one mail, and of its certificates.
const ANSWERS_BYTES_MAX: usize = 1024 * 1024;
/// Longest answer of a server that is kept as an error, in characters.
const ANSWER_CHARACTERS_MAX: usize = 300;

/// Sends one mail to one address.
pub(crate) async fn send(
    post: &Post,
    destination: &Destination<ChannelSettings>,
    message: &NoticeMessage,
) -> Result<(), Undelivered> {
    let mail = compose(destination, message)?;
    let sending = converse(post, destination, &mail);
    let sent = timeout(MAIL_TIMEOUT, sending).await;
    sent.map_err(|_| Undelivered::later("the mail server did not answer within a minute"))?
}

fn compose(
    destination: &Destination<ChannelSettings>,
    message: &NoticeMessage,
) -> Result<Message, Undelivered> {
    let ChannelSettings::Email { from, .. } = &destination.settings else {
        return Err(Undelivered::later("not a mail channel"));
    };
    let mailbox = |text: &str| {
        text.parse::<Mailbox>().map_err(|_| Undelivered::Refused("not a mail address".to_owned()))
    };
    let created_ms = u64::try_from(message.created.0).unwrap_or(0);
    Message::builder()
        .from(mailbox(from)?)
        .to(mailbox(&message.recipient)?)
        // A value of a field may hold a line break: it must not begin a header.
        .subject(printable(&message.title, 300))
        .date(UNIX_EPOCH + Duration::from_millis(created_ms))
        .message_id(Some(format!("<{}@grantry.invalid>", message.id)))
        .header(ContentType::TEXT_PLAIN)
        .body(message.text.clone())
        .map_err(|error| Undelivered::Refused(error.to_string()))
}

async fn converse(
    post: &Post,
    destination: &Destination<ChannelSettings>,
    mail: &Message,
) -> Result<(), Undelivered> {
    let ChannelSettings::Email { host, port, security, username, address_exceptions, .. } =
        &destination.settings
    else {
        return Err(Undelivered::later("not a mail channel"));
    };
    let is_plain = *security == MailSecurity::None;
    let target = Target::of_host(host, *port, is_plain).map_err(undelivered)?;
    let stream = match security {
        MailSecurity::Starttls => {
            post.dialer.connect_for_upgrade(&target, address_exceptions).await
        }
        MailSecurity::Tls | MailSecurity::None => {
            post.dialer.connect(&target, address_exceptions).await
        }
    };
    let stream = stream.map_err(undelivered)?;
    let stream = Box::new(MailStream(Limited::new(stream, ANSWERS_BYTES_MAX)));
    let name = ClientId::Domain("grantry.invalid".to_owned());
    let mut connection =
        AsyncSmtpConnection::connect_with_transport(stream, &name).await.map_err(failed)?;
    if *security == MailSecurity::Starttls {
        if !connection.can_starttls() {
            connection.abort().await;
            return Err(Undelivered::later("the mail server does not offer STARTTLS"));
        }
        connection.starttls(tls(post, &target)?, &name).await.map_err(failed)?;
    }
    if username.is_some() && destination.secret.is_none() {
        // Without it the server would refuse the mail for good.
        connection.abort().await;
        return Err(Undelivered::later(
            "the mail server's password cannot be opened: send it again",
        ));
    }
    if let (Some(username), Some(password)) = (username, &destination.secret) {
        let credentials = Credentials::new(username.clone(), password.expose().to_owned());
        // A refused password may be mended: the mail waits.
        connection.auth(&MECHANISMS, &credentials).await.map_err(|error| {
            Undelivered::later(format!("the mail server refuses the password: {}", words(&error)))
        })?;
    }
    let sent = connection.send(mail.envelope(), &mail.formatted()).await;
    // The mail is accepted or not: a failing farewell changes nothing.
    let _ = connection.quit().await;
    sent.map(drop).map_err(failed)
}

fn tls(post: &Post, target: &Target) -> Result<TlsParameters, Undelivered> {
    let unusable = |error: lettre::transport::smtp::Error| Undelivered::later(words(&error));
    let mut tls = TlsParameters::builder(certified_name(target))
        .certificate_store(CertificateStore::WebpkiRoots);
    for pem in &post.extra_roots_pem {
        tls = tls.add_root_certificate(Certificate::from_pem(pem.as_bytes()).map_err(unusable)?);
    }
    tls.build().map_err(unusable)
}

/// What the certificate has to be for: an address has no brackets there.
fn certified_name(target: &Target) -> String {
    target.literal.map_or_else(|| target.host.clone(), |ip| ip.to_string())
}

fn failed(error: lettre::transport::smtp::Error) -> Undelivered {
    if error.is_permanent() {
        return Undelivered::Refused(words(&error));
    }
    Undelivered::later(words(&error))
}

fn words(error: &lettre::transport::smtp::Error) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    printable(&format!("{error}{}", source.unwrap_or_default()), ANSWER_CHARACTERS_MAX)
}

/// Lets lettre speak on our connection.
#[derive(Debug)]
struct MailStream(Limited<NetworkStream>);

impl AsyncTokioStream for MailStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.stream.peer_address()
    }
}

impl AsyncRead for MailStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for MailStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_for_names_and_for_addresses_without_brackets() {
        for host in ["mail.example.com", "192.0.2.1", "2001:db8::1"] {
            assert_eq!(certified_name(&Target::of_host(host, 587, true).unwrap()), host);
        }
    }
}
