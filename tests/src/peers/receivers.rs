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
/// reader of mail would see.
const MAIL: &str = r#"
import asyncio, email, email.policy, sys
from aiosmtpd.smtp import SMTP, AuthResult

tried = set()

def authenticate(server, session, envelope, mechanism, data):
    known = [data.login.decode(), data.password.decode()] == sys.argv[1:]
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
            "user": session.auth_data, "envelope_from": envelope.mail_from, "envelope_to": envelope.rcpt_tos,
            "from": mail["from"], "to": mail["to"], "subject": mail["subject"],
            "id": mail["message-id"], "date": mail["date"], "text": mail.get_content(),
        }
        with open("mails", "a") as file:
            file.write(json.dumps(line) + "\n")
        return "250 stored"

async def main():
    loop = asyncio.get_running_loop()
    make = lambda: SMTP(
        Mailboxes(), hostname="mail.test", enable_SMTPUTF8=True,
        authenticator=authenticate, auth_require_tls=False)
    server = await loop.create_server(make, "127.0.0.1", 0)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()

asyncio.run(main())
"#;

/// `PUT /NAME` tells the key of a hook and its next answers; until then a webhook waits for its
/// answer. After those it answers 204.
const WEBHOOKS: &str = r#"
import threading
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
ready(server.server_port)
server.serve_forever()
"#;

/// A mail server without TLS; dropping it ends it.
#[derive(Debug)]
pub struct MailServer {
    address: SocketAddr,
    folder: PathBuf,
    _process: PeerProcess,
}

impl MailServer {
    /// Starts an empty one; installs it first if needed.
    ///
    /// # Errors
    /// When it cannot be installed or does not start within a minute (with the end of its log).
    pub async fn start() -> Result<Self> {
        let (process, address, folder) =
            start("aiosmtpd", MAIL, &[MAIL_USER, MAIL_PASSWORD]).await?;
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
        let (process, address, _) = start("standardwebhooks", WEBHOOKS, &[]).await?;
        Ok(Self { address, http, _process: process })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a hook.
    #[must_use]
    pub fn url(&self, hook: &str) -> String {
        format!("http://{}/{hook}", self.address)
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
) -> Result<(PeerProcess, SocketAddr, PathBuf)> {
    let program = tokio::task::spawn_blocking(|| python::RECEIVERS.program("python")).await??;
    let folder = tempfile::Builder::new().prefix("grantry-receiver-").tempdir()?;
    let place = folder.path().to_owned();
    std::fs::write(place.join("receiver.py"), format!("{READY}{script}"))?;
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
