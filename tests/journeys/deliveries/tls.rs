//! Deliveries over TLS: to receivers with a certificate of a root that the operator named, and not to
//! those whose certificate is of another root or for another name.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, Result};
use grantry_tests::host::{Api, Database, Host, program};
use grantry_tests::peers::receivers::{MAIL_PASSWORD, MAIL_USER};
use grantry_tests::peers::{MailServer, WebhookReceiver};
use grantry_tests::syslog::SyslogServer;
use grantry_tests::tls::{Certificate, Root};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{exceptions, last_row, test, text, until};

/// Where the receivers listen, and what their certificates are for.
const ADDRESS: &str = "127.0.0.1";
const UNKNOWN_ROOT: &str = "UnknownIssuer";
const OTHER_NAME: &str = "not valid for name";

/// A host that trusts a root of its own.
struct Scene {
    root: Root,
    host: Host,
}

impl Scene {
    async fn new() -> Result<Self> {
        let root = Root::new("The company's root")?;
        let file = root.file().to_str().context("a path of UTF-8")?.to_owned();
        let host = Host::start_with(Database::Sqlite, vec![("GRANTRY_CA_FILE", file)]).await?;
        Ok(Self { root, host })
    }

    /// Certificates that are not to be believed, with the words for why.
    fn doubtful(&self) -> Result<[(Certificate, &'static str); 2]> {
        let unknown = Root::new("Somebody's root")?.certify(ADDRESS)?;
        Ok([(unknown, UNKNOWN_ROOT), (self.root.certify("receiver.example.com")?, OTHER_NAME)])
    }
}

async fn mail_channel(api: &Api, address: SocketAddr, security: &str) -> Result<Value> {
    let channel = json!({
        "name": format!("Mails to {address}"),
        "settings": {
            "kind": "email",
            "host": ADDRESS,
            "port": address.port(),
            "security": security,
            "username": MAIL_USER,
            "from": "grantry@example.com",
            "address_exceptions": exceptions(address),
        },
        "secret": MAIL_PASSWORD,
        "recipients": { "addresses": ["operations@example.com"] },
    });
    api.post("/notifications/channels", &channel).await?.ok()
}

/// The first error of a message that waits for its next try.
async fn failure(api: &Api, channel: &Value) -> Result<String> {
    let delivery = test(api, channel, "waiting", &json!({})).await?;
    let path = format!("/notifications/deliveries/{}", text(&delivery, "id")?);
    let delivery = until(api, &path, "the try", |one| one["last_error"].is_string()).await?;
    assert_eq!(delivery["state"], "waiting", "{delivery}");
    text(&delivery, "last_error")
}

async fn start_mail(security: &str, certificate: &Certificate) -> Result<MailServer> {
    match security {
        "tls" => MailServer::start_with_tls(certificate).await,
        _ => MailServer::start_with_starttls(certificate).await,
    }
}

async fn mails_arrive_and_doubtful_servers_get_none(security: &str) -> Result<()> {
    let scene = Scene::new().await?;
    let api = scene.host.api();
    let server = start_mail(security, &scene.root.certify(ADDRESS)?).await?;
    let channel = mail_channel(api, server.address(), security).await?;
    let delivery = test(api, &channel, "delivered", &json!({})).await?;
    let mails = server.mails()?;
    let [mail] = mails.as_slice() else { panic!("one mail: {mails:#?}") };
    assert_eq!((&mail["tls"], &mail["user"]), (&json!(true), &json!(MAIL_USER)), "{mail}");
    assert_eq!(mail["subject"], delivery["title"], "{mail}");

    for (certificate, why) in scene.doubtful()? {
        let server = start_mail(security, &certificate).await?;
        let channel = mail_channel(api, server.address(), security).await?;
        let error = failure(api, &channel).await?;
        assert!(error.contains(why), "{error}");
        assert!(server.mails()?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn mails_go_over_tls_to_servers_that_prove_their_name() -> Result<()> {
    mails_arrive_and_doubtful_servers_get_none("tls").await
}

#[tokio::test]
async fn mails_go_over_starttls_to_servers_that_prove_their_name() -> Result<()> {
    mails_arrive_and_doubtful_servers_get_none("starttls").await
}

/// Somebody in between may take the offer out of the answer: then nothing is told either.
#[tokio::test]
async fn a_mail_server_that_does_not_offer_starttls_gets_no_mail() -> Result<()> {
    let scene = Scene::new().await?;
    let server = MailServer::start().await?;
    let channel = mail_channel(scene.host.api(), server.address(), "starttls").await?;
    let error = failure(scene.host.api(), &channel).await?;
    assert_eq!(error, "the mail server does not offer STARTTLS");
    assert!(server.mails()?.is_empty());
    Ok(())
}

fn webhook(receiver: &WebhookReceiver) -> Value {
    json!({
        "name": format!("Monitoring at {}", receiver.address()),
        "settings": {
            "kind": "webhook",
            "url": receiver.url("hook"),
            "address_exceptions": exceptions(receiver.address()),
        },
    })
}

#[tokio::test]
async fn webhooks_go_over_https_to_receivers_that_prove_their_name() -> Result<()> {
    let scene = Scene::new().await?;
    let api = scene.host.api();
    let receiver = WebhookReceiver::start_with_tls(&scene.root.certify(ADDRESS)?).await?;
    let channel = api.post("/notifications/channels", &webhook(&receiver)).await?.ok()?;
    receiver.expect("hook", &text(&channel, "signing_key")?, &[]).await?;
    let delivery = test(api, &channel, "delivered", &json!({})).await?;
    let seen = receiver.seen("hook").await?;
    let [message] = seen.as_slice() else { panic!("one message: {seen:#?}") };
    assert_eq!((&message["id"], &message["fault"]), (&delivery["id"], &Value::Null), "{message}");

    for (certificate, why) in scene.doubtful()? {
        let receiver = WebhookReceiver::start_with_tls(&certificate).await?;
        let channel = api.post("/notifications/channels", &webhook(&receiver)).await?.ok()?;
        receiver.expect("hook", &text(&channel, "signing_key")?, &[]).await?;
        let error = failure(api, &channel).await?;
        assert!(error.contains(why), "{error}");
        assert!(receiver.seen("hook").await?.is_empty());
    }
    Ok(())
}

async fn syslog_sink(api: &Api, server: &SyslogServer) -> Result<String> {
    let address = server.address();
    let sink = json!({
        "name": format!("Collector at {address}"),
        "settings": {
            "kind": "syslog",
            "host": ADDRESS,
            "port": address.port(),
            "transport": "tls",
            "address_exceptions": exceptions(address),
        },
        "from_beginning": true,
    });
    let sink = api.post("/audit/sinks", &sink).await?.ok()?;
    Ok(format!("/audit/sinks/{}", text(&sink, "id")?))
}

#[tokio::test]
async fn the_audit_log_goes_over_tls_to_collectors_that_prove_their_name() -> Result<()> {
    let scene = Scene::new().await?;
    let api = scene.host.api();
    // More than one record of TLS holds.
    for number in 0..60 {
        let name = format!("Zo\u{eb} {number} {}", "\u{1f511}".repeat(20));
        api.post("/clients", &json!({ "name": name })).await?.ok()?;
    }
    let server = SyslogServer::start_with_tls(&scene.root.certify(ADDRESS)?)?;
    let sink = syslog_sink(api, &server).await?;
    let last = last_row(api).await?;
    let is_there = |sink: &Value| sink["position"].as_i64() >= Some(last);
    until(api, &sink, "the collector to have the log", is_there).await?;
    let mut rows = Vec::new();
    for message in server.messages()? {
        let entry: Value = serde_json::from_str(&message.text)?;
        rows.extend(entry["sequence"].as_i64());
    }
    let at = rows.iter().position(|row| *row == last).context("the last row")?;
    assert_eq!(rows[..=at], (1..=last).collect::<Vec<_>>());

    for (certificate, why) in scene.doubtful()? {
        let server = SyslogServer::start_with_tls(&certificate)?;
        let sink = syslog_sink(api, &server).await?;
        let sink = until(api, &sink, "a try", |sink| sink["last_error"].is_string()).await?;
        assert!(text(&sink, "last_error")?.contains(why), "{sink}");
        assert_eq!(sink["position"], 0, "{sink}");
        // What it saw of the connection is the alert and nothing else.
        let broken = server.messages().unwrap_err().to_string();
        assert!(broken.contains("alert"), "{broken}");
    }
    Ok(())
}

/// A root that cannot be read would be missed only at the first delivery.
#[tokio::test]
async fn the_program_does_not_start_without_the_roots_it_was_told_of() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing")?;
    for (file, why) in
        [(empty, "holds no certificate"), (folder.path().join("missing.pem"), "No such file")]
    {
        let run = Command::new(program()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path().join("data"))
            .arg("--ca-file")
            .arg(&file)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output =
            tokio::time::timeout(super::DELIVERY_LIMIT, run).await.context("it runs")??;
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains("--ca-file") && words.contains(why), "{words}");
    }
    Ok(())
}
