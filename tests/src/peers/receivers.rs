//! Receivers by other hands: PyPI's aiosmtpd takes mails, PyPI's standardwebhooks (the reference
//! implementation of the specification) checks webhooks. Both are libraries: a short script makes a
//! server of each.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::process::{PeerCommand, PeerProcess};
use super::python;
use crate::tls::Certificate;
use crate::wait;

const READY_LIMIT: Duration = Duration::from_secs(60);

/// Tells the test which port the system gave.
const READY: &str = r#"
import json, os

def ready(port):
    with open("port.new", "w") as file:
        file.write(str(port))
    os.rename("port.new", "port")
"#;

/// The user name that the mail server knows. Mail without signing in is taken too.
pub const MAIL_USER: &str = "grantry";
/// The password of [`MAIL_USER`].
pub const MAIL_PASSWORD: &str = "p\u{e4}ss, of the tests";

/// `reject@…` never gets mail, `later@…` not at its first try. Each mail is a line of JSON, with what a
/// reader of mail would see, and whether it came over TLS.
const MAIL: &str = r#"
import asyncio, email, email.policy, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult

tried = set()

def authenticate(server, session, envelope, mechanism, data):
    known = [data.login.decode(), data.password.decode()] == sys.argv[1:3]
    return AuthResult(success=known, handled=False, auth_data=data.login.decode())

class Mailboxes:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("reject@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later@") and address not in tried:
            tried.add(address)
            return "451 4.7.1 come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        line = {
            "tls": session.ssl is not None or implicit is not None, "user": session.auth_data, "envelope_from": envelope.mail_from, "envelope_to": envelope.rcpt_tos,
            "from": mail["from"], "to": mail["to"], "subject": mail["subject"],
            "id": mail["message-id"], "date": mail["date"], "text": mail.get_content(),
        }
        with open("mails", "a") as file:
            file.write(json.dumps(line) + "\n")
        return "250 stored"

security = sys.argv[3]
context = None
if security != "none":
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("certificate.pem", "key.pem")
implicit = context if security == "tls" else None
upgrade = context if security == "starttls" else None

async def main():
    loop = asyncio.get_running_loop()
    make = lambda: SMTP(
        Mailboxes(), hostname="mail.test", enable_SMTPUTF8=True,
        authenticator=authenticate, auth_require_tls=upgrade is not None,
        tls_context=upgrade, require_starttls=upgrade is not None)
    server = await loop.create_server(make, "127.0.0.1", 0, ssl=implicit)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()

asyncio.run(main())
"#;

/// `PUT /NAME` tells the key of a hook and its next answers; until then a webhook waits for its
/// answer. After those it answers 204.
const WEBHOOKS: &str = r#"
import os.path, ssl, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from standardwebhooks import Webhook

hooks, seen, changed = {}, [], threading.Condition()

class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if status == 503:
            self.send_header("retry-after", "1")
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers["content-length"]))

    def do_GET(self):
        with changed:
            name = self.path[1:]
            self.answer(200, json.dumps([one for one in seen if one["hook"] == name]).encode())

    def do_PUT(self):
        with changed:
            hooks[self.path[1:]] = json.loads(self.body())
            changed.notify_all()
        self.answer(204)

    def do_POST(self):
        body, name = self.body(), self.path[1:]
        with changed:
            changed.wait_for(lambda: name in hooks, timeout=20)
            hook = hooks[name]
            try:
                Webhook(hook["key"]).verify(body, dict(self.headers))
                fault = None
            except Exception as error:
                fault = repr(error)
            status = hook["answers"].pop(0) if hook["answers"] else 204
            seen.append({
                "hook": name, "id": self.headers["webhook-id"], "fault": fault, "status": status,
                "signatures": len(self.headers["webhook-signature"].split()),
                "text": body.decode(),
            })
        self.answer(status)

server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
if os.path.exists("key.pem"):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("certificate.pem", "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
ready(server.server_port)
server.serve_forever()
"#;

/// A mail server; dropping it ends it.
#[derive(Debug)]
pub struct MailServer {
    address: SocketAddr,
    folder: PathBuf,
    _process: PeerProcess,
}

impl MailServer {
    /// Starts an empty one without TLS; installs it first if needed.
    ///
    /// # Errors
    /// When it cannot be installed or does not start within a minute (with the end of its log).
    pub async fn start() -> Result<Self> {
        Self::launch("none", None).await
    }

    /// Starts an empty one that speaks TLS from the first byte.
    ///
    /// # Errors
    /// As [`MailServer::start`].
    pub async fn start_with_tls(certificate: &Certificate) -> Result<Self> {
        Self::launch("tls", Some(certificate)).await
    }

    /// Starts an empty one that takes neither mail nor passwords before STARTTLS.
    ///
    /// # Errors
    /// As [`MailServer::start`].
    pub async fn start_with_starttls(certificate: &Certificate) -> Result<Self> {
        Self::launch("starttls", Some(certificate)).await
    }

    async fn launch(security: &str, certificate: Option<&Certificate>) -> Result<Self> {
        let arguments = [MAIL_USER, MAIL_PASSWORD, security];
        let (process, address, folder) = start("aiosmtpd", MAIL, &arguments, certificate).await?;
        Ok(Self { address, folder, _process: process })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The mails that it took, in order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn mails(&self) -> Result<Vec<Value>> {
        let Ok(text) = std::fs::read_to_string(self.folder.join("mails")) else {
            return Ok(Vec::new());
        };
        // A line without its end is being written.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).context("read a mail")).collect()
    }
}

/// A receiver of webhooks; dropping it ends it.
#[derive(Debug)]
pub struct WebhookReceiver {
    address: SocketAddr,
    scheme: &'static str,
    http: reqwest::Client,
    _process: PeerProcess,
}

impl WebhookReceiver {
    /// Starts one that knows no hook; installs it first if needed.
    ///
    /// # Errors
    /// When it cannot be installed or does not start within a minute (with the end of its log).
    pub async fn start() -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let (process, address, _) = start("standardwebhooks", WEBHOOKS, &[], None).await?;
        Ok(Self { address, scheme: "http", http, _process: process })
    }

    /// Starts one that knows no hook and speaks https.
    ///
    /// # Errors
    /// As [`WebhookReceiver::start`].
    pub async fn start_with_tls(certificate: &Certificate) -> Result<Self> {
        // The tests' own door to it; what the host makes of the certificate is what is tested.
        let builder = reqwest::Client::builder().no_proxy();
        let http = builder.tls_danger_accept_invalid_certs(true).build()?;
        let (process, address, _) =
            start("standardwebhooks", WEBHOOKS, &[], Some(certificate)).await?;
        Ok(Self { address, scheme: "https", http, _process: process })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a hook.
    #[must_use]
    pub fn url(&self, hook: &str) -> String {
        format!("{}://{}/{hook}", self.scheme, self.address)
    }

    /// Tells it what a hook is signed with and how it answers next; after that with 204. What came
    /// in before has waited for this.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn expect(&self, hook: &str, key: &str, answers: &[u16]) -> Result<()> {
        let plan = json!({ "key": key, "answers": answers });
        self.http.put(self.url(hook)).json(&plan).send().await?.error_for_status()?;
        Ok(())
    }

    /// What came in at a hook, in order: `id`, `fault` (of the signature), `status`, `signatures`
    /// (how many) and `text`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn seen(&self, hook: &str) -> Result<Vec<Value>> {
        Ok(self.http.get(self.url(hook)).send().await?.json().await?)
    }
}

async fn start(
    name: &'static str,
    script: &str,
    arguments: &[&str],
    certificate: Option<&Certificate>,
) -> Result<(PeerProcess, SocketAddr, PathBuf)> {
    let program = tokio::task::spawn_blocking(|| python::RECEIVERS.program("python")).await??;
    let folder = tempfile::Builder::new().prefix("grantry-receiver-").tempdir()?;
    let place = folder.path().to_owned();
    std::fs::write(place.join("receiver.py"), format!("{READY}{script}"))?;
    if let Some(certificate) = certificate {
        std::fs::write(place.join("certificate.pem"), &certificate.chain_pem)?;
        std::fs::write(place.join("key.pem"), &certificate.key_pem)?;
    }
    let mut command_line = vec![program.into(), "receiver.py".into()];
    command_line.extend(arguments.iter().map(Into::into));
    let command = PeerCommand { name, command_line, folder, stop_signal: "KILL" };
    let mut process = PeerProcess::start(command)?;
    let port = wait::until(name, READY_LIMIT, async || {
        if process.has_ended() {
            bail!("{name} ended at start; {}", process.log_tail());
        }
        port(&place)
    })
    .await?;
    Ok((process, SocketAddr::from(([127, 0, 0, 1], port)), place))
}

fn port(place: &Path) -> Result<Option<u16>> {
    let text = std::fs::read_to_string(place.join("port")).ok();
    text.map(|text| text.parse().context("read the receiver's port")).transpose()
}
