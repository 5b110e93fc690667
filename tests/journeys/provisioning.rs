//! Access from the request to its end on a real SCIM server, with the mails that people get; and a
//! connector that fails, so that the owner does it by hand; and an app that is asked by webhooks, which the
//! reference implementation of the specification checks.

use std::time::Duration;

use anyhow::{Context, Result};
use grantry_tests::host::{Api, Database, Host, Integration, Target};
use grantry_tests::peers::{MailServer, ScimServer, Variant, WebhookReceiver};
use grantry_tests::recorder::{Fault, Recorder, Selector, When};
use grantry_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

const USERS: usize = 40;
const GROUPS: usize = 5;
/// The shortest time for which access is given.
const MINUTE_MS: u64 = 60_000;
/// A minute of access, its revocation, and mails.
const LIMIT: Duration = Duration::from_secs(150);
const OLGA: &str = "olga@example.com";

/// A SCIM server behind a recorder, a mail server, and a host whose admin owns the integration.
struct Company {
    server: ScimServer,
    recorder: Recorder,
    mails: MailServer,
    _host: Host,
    api: Api,
    directory: Integration,
}

fn text(value: &Value, field: &str) -> Result<String> {
    let text = value[field].as_str().with_context(|| format!("no `{field}` in {value}"))?;
    Ok(text.to_owned())
}

impl Company {
    async fn begin(database: Database) -> Result<Self> {
        let server = ScimServer::start(Variant::Default).await?;
        server.seed(USERS, GROUPS).await?;
        let recorder = Recorder::start(server.base_url())?;
        let mails = MailServer::start().await?;
        let host = Host::start(database).await?;
        let api = host.api().clone();
        let target = Target {
            url: recorder.base_url(),
            address: recorder.address(),
            token: server.token().to_owned(),
        };
        let directory = Integration::scim(&api, &target).await?;
        let mail = json!({ "mail": OLGA });
        api.send(api.request(Method::PATCH, "/me").json(&mail)).await?.ok()?;
        let owner = text(&api.get("/me").await?.ok()?, "principal_id")?;
        directory.change(&json!({ "owner_id": owner })).await?.ok()?;
        let at = mails.address();
        let channel = json!({
            "name": "Mails",
            "settings": {
                "kind": "email", "host": at.ip().to_string(), "port": at.port(),
                "security": "none", "from": "grantry@example.com",
                "address_exceptions": [{ "ip": at.ip().to_string(), "port": at.port() }],
            },
            "recipients": { "addresses": [] },
        });
        api.post("/notifications/channels", &channel).await?.ok()?;
        assert_eq!(directory.aggregate().await?["status"], "succeeded");
        Ok(Self { server, recorder, mails, _host: host, api, directory })
    }

    /// A group, and a user who is not in it.
    async fn outsider(&self) -> Result<(String, String)> {
        let truth = self.server.truth().snapshot().await?;
        let held = truth.memberships();
        let mut pairs =
            truth.groups.keys().flat_map(|group| truth.users.keys().map(move |user| (group, user)));
        let is_outside = |(group, user): &(&String, &String)| {
            !held.contains(&((*group).clone(), (*user).clone()))
        };
        let (group, user) = pairs.find(is_outside).context("a user outside a group")?;
        Ok((group.clone(), user.clone()))
    }

    /// An identity whose account that is.
    async fn identity(&self, account: &str) -> Result<String> {
        let api = &self.api;
        let source = api.post("/data-sources", &json!({ "name": "People" })).await?.ok()?;
        let source = format!("/data-sources/{}", text(&source, "id")?);
        let request = api.request(Method::POST, &format!("{source}/uploads"));
        let request = request.header("idempotency-key", api.fresh_key());
        let file = "external_id,display_name\n1,Grace Hopper\n";
        let upload = api.send(request.header("content-type", "text/csv").body(file)).await?.ok()?;
        let apply = format!("{source}/uploads/{}/apply", text(&upload, "id")?);
        api.post(&apply, &json!({ "diff": upload["diff"]["hash"] })).await?.ok()?;
        let identities = api.list(&format!("{source}/identities")).await?;
        let identity = text(identities.first().context("an identity")?, "id")?;
        let path = format!("/integrations/{}/accounts/{account}/mapping", self.directory.id);
        api.change(Method::PUT, &path, &json!({ "identity_id": identity })).await?.ok()?;
        Ok(identity)
    }

    /// Waits for a mail to the owner whose subject holds these words.
    async fn mail(&self, words: &str) -> Result<Value> {
        wait::until(&format!("a mail about `{words}`"), LIMIT, async || {
            let mails = self.mails.mails()?;
            let is_it = |mail: &&Value| {
                mail["envelope_to"] == json!([OLGA])
                    && mail["subject"].as_str().is_some_and(|subject| subject.contains(words))
            };
            Ok(mails.iter().find(is_it).cloned())
        })
        .await
    }

    async fn until(&self, path: &str, field: &str, value: &str) -> Result<Value> {
        wait::until(&format!("{field} of {path} to be {value}"), LIMIT, async || {
            let there = self.api.get(path).await?.ok()?;
            Ok((there[field] == value).then_some(there))
        })
        .await
    }
}

async fn from_request_to_end(database: Database) -> Result<()> {
    let company = Company::begin(database).await?;
    let (api, directory) = (&company.api, &company.directory);
    let (group, user) = company.outsider().await?;
    let (role, account) = (directory.role(&group).await?, directory.account(&user).await?);
    let identity = company.identity(&account).await?;
    let wanted = json!({
        "identity_id": identity, "reason": "on call", "duration_ms": MINUTE_MS,
        "items": [{ "app_id": directory.app, "role_id": role }],
    });
    let request = api.post("/requests", &wanted).await?.ok()?;
    assert_eq!(request["status"], "pending", "{request}");
    let asked = company.mail("your decision is asked for").await?;
    assert!(text(&asked, "text")?.contains("on call"), "{asked}");

    let path = format!("/requests/{}", text(&request, "id")?);
    let yes = json!({ "decision": "approve" });
    let approved = api.post(&format!("{path}/decision"), &yes).await?.ok()?;
    let membership = text(&approved["items"][0], "membership_id")?;
    directory.wait_for_membership(&membership, "active").await?;
    assert!(company.server.truth().members_of(&group).await?.contains(&user));
    company.mail("Access for Grace Hopper: approved").await?;

    let membership = format!("/apps/{}/memberships/{membership}", directory.app);
    company.until(&membership, "status", "expired").await?;
    assert!(!company.server.truth().members_of(&group).await?.contains(&user));
    assert_eq!(api.list("/tasks?whose=all").await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn access_is_asked_for_approved_given_and_ends_from_sqlite() -> Result<()> {
    from_request_to_end(Database::Sqlite).await
}

#[tokio::test]
async fn access_is_asked_for_approved_given_and_ends_from_postgres() -> Result<()> {
    from_request_to_end(Database::Postgres).await
}

#[tokio::test]
async fn what_a_failing_connector_cannot_do_the_owner_does_by_hand() -> Result<()> {
    let company = Company::begin(Database::Sqlite).await?;
    let (api, directory) = (&company.api, &company.directory);
    let fallback = json!({ "settings": { "fallback": "manual" } });
    directory.change(&fallback).await?.ok()?;
    let (group, user) = company.outsider().await?;
    let (role, account) = (directory.role(&group).await?, directory.account(&user).await?);
    company.recorder.inject(Fault::RefuseBefore(403), Selector::StateChanging, When::Always);
    let granted = directory.grant(&role, &account, "grant-1").await?;
    let membership = text(&granted, "id")?;
    let task = wait::until("a task", LIMIT, async || {
        Ok(api.list("/tasks?state=open").await?.first().cloned())
    })
    .await?;
    assert_eq!((&task["reason"], &task["verb"]), (&json!("fallback"), &json!("grant")), "{task}");
    let mail = company.mail("to be done").await?;
    assert!(text(&mail, "text")?.contains("could not do it"), "{mail}");
    assert_eq!(directory.membership(&membership).await?["status"], "provisioning");

    company.server.truth().add_member(&group, &user).await?;
    let path = format!("/tasks/{}", text(&task, "id")?);
    api.post(&format!("{path}/done"), &json!({ "note": "by hand" })).await?.ok()?;
    directory.wait_for_membership(&membership, "active").await?;
    let task = api.get(&path).await?.ok()?;
    assert_eq!((&task["state"], &task["note"]), (&json!("confirmed"), &json!("by hand")));
    company.mail(": done").await?;
    Ok(())
}

#[tokio::test]
async fn a_homegrown_app_is_asked_by_a_signed_webhook_and_answers_by_its_callback() -> Result<()> {
    let company = Company::begin(Database::Sqlite).await?;
    let (api, directory) = (&company.api, &company.directory);
    let receiver = WebhookReceiver::start().await?;
    let path = format!("/integrations/{}/webhook", directory.id);
    let at = receiver.address();
    let webhook = json!({
        "url": receiver.url("app"),
        "address_exceptions": [{ "ip": at.ip().to_string(), "port": at.port() }],
    });
    api.change(Method::PUT, &path, &webhook).await?.ok()?;
    let key = api.post(&format!("{path}/rotate-key"), &json!({})).await?.ok()?;
    receiver.expect("app", &text(&key, "signing_key")?, &[503, 202, 410]).await?;
    directory.change(&json!({ "settings": { "method": "webhook" } })).await?.ok()?;

    let (group, user) = company.outsider().await?;
    let (role, account) = (directory.role(&group).await?, directory.account(&user).await?);
    let membership = text(&directory.grant(&role, &account, "grant-1").await?, "id")?;
    let asked = wait::until("the app to take it in", LIMIT, async || {
        let seen = receiver.seen("app").await?;
        Ok((seen.len() == 2).then_some(seen))
    })
    .await?;
    assert!(asked.iter().all(|one| one["fault"].is_null()), "{asked:#?}");
    assert!(asked.iter().all(|one| one["signatures"] == 2), "{asked:#?}");
    assert!(asked.iter().all(|one| one["id"] == format!("{membership}-1")), "{asked:#?}");
    let body: Value = serde_json::from_str(&text(&asked[1], "text")?)?;
    let (kind, account) = (&body["type"], &body["data"]["account"]["id"]);
    assert_eq!((kind, account), (&json!("access.grant"), &json!(user)));
    assert_eq!(directory.membership(&membership).await?["status"], "provisioning");

    company.server.truth().add_member(&group, &user).await?;
    let callback = text(&body["data"], "callback_url")?;
    let callback = callback.split_once("/api/v1").context("an address of the API")?.1.to_owned();
    let nobody = Api::new(api.base_url())?;
    let done = json!({ "status": "done" });
    assert_eq!(nobody.post(&callback, &done).await?.status, 204);
    directory.wait_for_membership(&membership, "active").await?;
    assert_eq!(nobody.post(&callback, &done).await?.status, 404);

    // The app is gone: it is asked no more.
    directory.delete(&membership).await?;
    let webhook = wait::until("the webhook to be disabled", LIMIT, async || {
        let webhook = api.get(&path).await?.ok()?;
        Ok((webhook["is_enabled"] == false).then_some(webhook))
    })
    .await?;
    assert!(webhook["disabled_reason"].is_string(), "{webhook}");
    assert_eq!(api.list("/audit?event=webhook.disabled").await?.len(), 1);
    assert_eq!(receiver.seen("app").await?.len(), 3);
    Ok(())
}
