//! The host's own deliveries: messages for people and the audit log's entries.
//!
//! [`Post`] is the [`Courier`] of the program. Each protocol is a file: webhooks and chat rooms over
//! [`http`], [`mail`], [`syslog`], and [`file`]. What is sent, and when it is tried again, is the
//! engine's; which addresses may be reached is `egress`'s.

mod chat;
mod file;
mod http;
mod limited;
mod mail;
mod syslog;
mod webhook;

use std::path::PathBuf;

use async_trait::async_trait;
use grantry_egress::{DialSettings, Dialer, EgressError, SetupError, Target};
use grantry_model::approval::AddressException;
use grantry_model::delivery::{
    AppAnswer, AppMessage, AppWebhook, AuditBatch, ChannelSettings, Courier, Destination,
    MailSecurity, NoticeMessage, SinkSettings, SyslogTransport, Undelivered,
};
use grantry_model::gate::Licence;
use grantry_model::secret::Secret;

/// Delivers over the network and into the audit folder.
pub struct Post {
    dialer: Dialer,
    extra_roots_pem: Vec<String>,
    /// Where file sinks write.
    folder: PathBuf,
}

impl Post {
    /// A courier whose file sinks write into `folder`.
    ///
    /// # Errors
    /// When a root certificate cannot be read.
    pub fn new(settings: &DialSettings, folder: PathBuf) -> Result<Self, SetupError> {
        let extra_roots_pem = settings.extra_roots_pem.clone();
        Ok(Self { dialer: Dialer::new(settings)?, extra_roots_pem, folder })
    }

    async fn check(&self, place: Place<'_>) -> Result<(), Undelivered> {
        let (target, exceptions) = place?;
        match self.dialer.check(&target, exceptions).await {
            Ok(_) => Ok(()),
            // A receiver that is away when it is configured may be there later.
            Err(EgressError::Connect(_)) => Ok(()),
            Err(error) => Err(undelivered(error)),
        }
    }
}

type Place<'a> = Result<(Target, &'a [AddressException]), Undelivered>;

fn of_url<'a>(url: &str, exceptions: &'a [AddressException]) -> Place<'a> {
    Ok((Target::parse(url).map_err(undelivered)?, exceptions))
}

fn of_secret_url<'a>(secret: Option<&Secret>, exceptions: &'a [AddressException]) -> Place<'a> {
    let url = secret.ok_or_else(|| Undelivered::later("the URL is missing"))?;
    of_url(url.expose(), exceptions)
}

/// What the check says, in the words of deliveries.
pub(crate) fn undelivered(error: EgressError) -> Undelivered {
    match error {
        EgressError::Denied { code, detail } => {
            Undelivered::NotAllowed { code: code.to_owned(), detail }
        }
        EgressError::Connect(detail) => Undelivered::later(detail),
    }
}

#[async_trait]
impl Courier for Post {
    async fn check_channel(
        &self,
        destination: &Destination<ChannelSettings>,
    ) -> Result<(), Undelivered> {
        self.check(match &destination.settings {
            ChannelSettings::Email { host, port, security, address_exceptions, .. } => {
                let is_plain = *security == MailSecurity::None;
                let target = Target::of_host(host, *port, is_plain).map_err(undelivered);
                target.map(|target| (target, address_exceptions.as_slice()))
            }
            ChannelSettings::Slack { address_exceptions }
            | ChannelSettings::Teams { address_exceptions } => {
                of_secret_url(destination.secret.as_ref(), address_exceptions)
            }
            ChannelSettings::Webhook { url, address_exceptions } => of_url(url, address_exceptions),
        })
        .await
    }

    async fn check_sink(&self, destination: &Destination<SinkSettings>) -> Result<(), Undelivered> {
        self.check(match &destination.settings {
            SinkSettings::Webhook { url, address_exceptions } => of_url(url, address_exceptions),
            SinkSettings::Syslog { host, port, transport, address_exceptions } => {
                let is_plain = *transport != SyslogTransport::Tls;
                let target = Target::of_host(host, *port, is_plain).map_err(undelivered);
                target.map(|target| (target, address_exceptions.as_slice()))
            }
            SinkSettings::File { .. } => return Ok(()),
        })
        .await
    }

    async fn tell(
        &self,
        destination: &Destination<ChannelSettings>,
        message: &NoticeMessage,
    ) -> Result<(), Undelivered> {
        match &destination.settings {
            ChannelSettings::Email { .. } => mail::send(self, destination, message).await,
            ChannelSettings::Slack { address_exceptions } => {
                let (target, exceptions) =
                    of_secret_url(destination.secret.as_ref(), address_exceptions)?;
                http::post(&self.dialer, &target, exceptions, &[], chat::slack(message)).await
            }
            ChannelSettings::Teams { address_exceptions } => {
                let (target, exceptions) =
                    of_secret_url(destination.secret.as_ref(), address_exceptions)?;
                http::post(&self.dialer, &target, exceptions, &[], chat::teams(message)).await
            }
            ChannelSettings::Webhook { url, address_exceptions } => {
                let (target, exceptions) = of_url(url, address_exceptions)?;
                let body = webhook::notice(message);
                let headers =
                    webhook::headers(&message.id, message.now, &body, &destination.signing)?;
                http::post(&self.dialer, &target, exceptions, &headers, body).await
            }
        }
    }

    async fn carry_out(
        &self,
        destination: &Destination<AppWebhook>,
        _: Licence,
        message: &AppMessage,
    ) -> Result<AppAnswer, Undelivered> {
        let AppWebhook { url, address_exceptions } = &destination.settings;
        let (target, exceptions) = of_url(url, address_exceptions)?;
        let (id, body) = (&message.id, &message.body);
        let headers = webhook::headers(id, message.now, body, &destination.signing)?;
        http::ask(&self.dialer, &target, exceptions, &headers, body.clone()).await
    }

    async fn stream(
        &self,
        destination: &Destination<SinkSettings>,
        batch: &AuditBatch,
    ) -> Result<(), Undelivered> {
        match &destination.settings {
            SinkSettings::Webhook { url, address_exceptions } => {
                let (target, exceptions) = of_url(url, address_exceptions)?;
                let body = webhook::batch(batch);
                let headers = webhook::headers(&batch.id, batch.now, &body, &destination.signing)?;
                http::post(&self.dialer, &target, exceptions, &headers, body).await
            }
            SinkSettings::Syslog { host, port, transport, address_exceptions } => {
                let is_plain = *transport != SyslogTransport::Tls;
                let target = Target::of_host(host, *port, is_plain).map_err(undelivered)?;
                syslog::send(&self.dialer, &target, address_exceptions, *transport, batch).await
            }
            SinkSettings::File { name, file_bytes_max } => {
                let lines: Vec<String> = batch.lines.iter().map(|line| line.json.clone()).collect();
                let (folder, name, max) = (self.folder.clone(), name.clone(), *file_bytes_max);
                let last = batch.lines.last().map_or(0, |line| line.sequence);
                let write = tokio::task::spawn_blocking(move || {
                    file::append(&folder, &name, max, last, &lines)
                });
                match write.await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(Undelivered::later(format!("cannot write: {error}"))),
                    Err(_) => Err(Undelivered::later("writing was interrupted")),
                }
            }
        }
    }
}
