//! Mails to aiosmtpd.

use anyhow::Result;
use grantry_tests::host::{Database, Host};
use grantry_tests::peers::MailServer;
use serde_json::{Value, json};

use super::{exceptions, test, text};

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
