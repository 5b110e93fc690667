//! Mails to aiosmtpd.

use anyhow::Result;
use grantry_tests::host::{Database, Host};
use grantry_tests::peers::MailServer;
use grantry_tests::peers::receivers::{MAIL_PASSWORD, MAIL_USER};
use serde_json::{Value, json};

use super::{exceptions, test, text, until};

fn channel(server: &MailServer) -> Value {
    let address = server.address();
    json!({
        "name": "Mails",
        "settings": {
            "kind": "email",
            "host": address.ip().to_string(),
            "port": address.port(),
            "security": "none",
            "from": "grantry@example.com",
            "address_exceptions": exceptions(address),
        },
        "recipients": { "addresses": ["operations@example.com"] },
    })
}

#[tokio::test]
async fn a_test_mail_arrives_and_an_unknown_mailbox_ends_it() -> Result<()> {
    let server = MailServer::start().await?;
    let host = Host::start(Database::Sqlite).await?;
    let api = host.api();
    let channel = api.post("/notifications/channels", &channel(&server)).await?.ok()?;

    let delivery = test(api, &channel, "delivered", &json!({})).await?;
    assert_eq!(delivery["attempts"], 1, "{delivery}");
    let mails = server.mails()?;
    let [mail] = mails.as_slice() else { panic!("one mail: {mails:#?}") };
    assert_eq!(mail["subject"], delivery["title"], "{mail}");
    assert_eq!(mail["to"], "operations@example.com");
    assert_eq!(mail["envelope_to"], json!(["operations@example.com"]));
    assert_eq!(mail["envelope_from"], "grantry@example.com");
    assert_eq!(mail["from"], "grantry@example.com");
    assert_eq!(text(mail, "text")?.trim_end().replace("\r\n", "\n"), delivery["text"]);
    assert_eq!(mail["id"], format!("<{}@grantry.invalid>", text(&delivery, "id")?));

    let unknown = json!({ "recipient": "reject@example.com" });
    let delivery = test(api, &channel, "failed", &unknown).await?;
    assert_eq!(delivery["attempts"], 1, "{delivery}");
    assert!(text(&delivery, "last_error")?.contains("no such mailbox"), "{delivery}");
    assert_eq!(server.mails()?.len(), 1);
    Ok(())
}

/// Without the exception the host does not speak to its own machine, and says so at once.
#[tokio::test]
async fn a_mail_server_that_nobody_excepted_is_refused() -> Result<()> {
    let server = MailServer::start().await?;
    let host = Host::start(Database::Sqlite).await?;
    let mut channel = channel(&server);
    channel["settings"]["address_exceptions"] = json!([]);
    let refused = host.api().post("/notifications/channels", &channel).await?;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(refused.body.to_string().contains("address_not_allowed"), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn the_password_is_used_and_a_mailbox_that_is_busy_is_tried_again() -> Result<()> {
    let server = MailServer::start().await?;
    let host = Host::start(Database::Sqlite).await?;
    let api = host.api().recorded();
    let mut channel = channel(&server);
    channel["settings"]["username"] = json!(MAIL_USER);
    channel["secret"] = json!(MAIL_PASSWORD);
    channel["name"] = json!("Zo\u{eb} \u{1f511}");
    let channel = api.post("/notifications/channels", &channel).await?.ok()?;
    let template = json!({
        "title": "{{channel}}: a very long headline, so that the header has to be folded somewhere",
        "text": "{{person}} says:\n\n.\n..\nthe end",
    });
    let path = "/notifications/templates/notification.test";
    api.send(api.request(reqwest::Method::PUT, path).json(&template)).await?.ok()?;

    let busy = json!({ "recipient": "later@example.com" });
    let delivery = test(&api, &channel, "delivered", &busy).await?;
    assert_eq!(delivery["attempts"], 2, "{delivery}");
    let mails = server.mails()?;
    let [mail] = mails.as_slice() else { panic!("one mail: {mails:#?}") };
    assert_eq!(mail["user"], MAIL_USER, "{mail}");
    assert_eq!(mail["subject"], delivery["title"], "{mail}");
    assert!(text(mail, "subject")?.starts_with("Zo\u{eb} \u{1f511}: a very"), "{mail}");
    assert_eq!(text(mail, "text")?.trim_end().replace("\r\n", "\n"), delivery["text"]);

    // A refused password can be mended: the mail waits.
    let path = format!("/notifications/channels/{}", text(&channel, "id")?);
    let wrong = json!({ "secret": "another one" });
    api.change(reqwest::Method::PATCH, &path, &wrong).await?.ok()?;
    let delivery = test(&api, &channel, "waiting", &json!({})).await?;
    let path = format!("/notifications/deliveries/{}", text(&delivery, "id")?);
    let delivery = until(&api, &path, "the try", |one| one["last_error"].is_string()).await?;
    assert_eq!(delivery["state"], "waiting", "{delivery}");
    assert!(text(&delivery, "last_error")?.contains("refuses the password"), "{delivery}");
    assert!(!api.transcript().contains("ss, of the tests"), "the password was told");
    Ok(())
}
