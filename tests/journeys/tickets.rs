//! Access by tickets, from request to end: the real Jira plugin on a desk that Atlassian's own
//! description judges (PRV-4).

use std::time::Duration;

use anyhow::{Context, Result};
use grantry_tests::desk::Desk;
use grantry_tests::directory::Directory;
use grantry_tests::host::{Api, Database, Host, Integration, Target};
use grantry_tests::recorder::{Fault, Recorder, Selector, When};
use grantry_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

fn text(value: &Value, name: &str) -> Result<String> {
    Ok(value[name].as_str().with_context(|| format!("`{name}` of {value}"))?.to_owned())
}

/// An identity whose account that is.
async fn identity(api: &Api, integration: &str, account: &str) -> Result<String> {
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
    let path = format!("/integrations/{integration}/accounts/{account}/mapping");
    api.change(Method::PUT, &path, &json!({ "identity_id": identity })).await?.ok()?;
    Ok(identity)
}

/// The newest ticket of a membership, once its desk has answered.
async fn ticket(api: &Api, membership: &str) -> Result<Value> {
    wait::until("a ticket", LIMIT, async || {
        let operations = api.list(&format!("{membership}/operations")).await?;
        let newest = operations.last().and_then(|last| last["tickets"].as_array()?.last().cloned());
        Ok(newest.filter(|ticket| ticket["id"].is_string()))
    })
    .await
}

/// Says that it is to be looked at now, which is all that it takes; waits for what is seen.
async fn look(api: &Api, membership: &str, status: &str) -> Result<Value> {
    api.post(&format!("{membership}/settle"), &json!({})).await?.ok()?;
    wait::until(&format!("the membership to be {status}"), LIMIT, async || {
        let there = api.get(membership).await?.ok()?;
        Ok((there["status"] == status).then_some(there))
    })
    .await
}

async fn from_request_to_end(database: Database) -> Result<()> {
    let directory = Directory::builder().people(12).groups(4).start()?;
    let desk = Desk::start()?;
    let recorder = Recorder::start(&format!("http://{}", desk.address()))?;
    let mut host = Host::start(database).await?;
    let api = host.api().clone();
    let target = Integration::scim(&api, &Target::from(&directory)).await?;
    assert_eq!(target.aggregate().await?["status"], "succeeded");
    let mut connection = desk.ticketing_connection();
    connection["url"] = recorder.base_url().into();
    let jira = Integration::connect(&api, "jira", &connection, Some(recorder.address())).await?;
    let schemas = api.list(&format!("/integrations/{}/ticket-schemas", jira.id)).await?;
    assert_eq!(schemas[0]["id"], "10002", "{schemas:?}");
    let chosen = json!({ "desk_id": jira.id, "template": {
        "schema": "10002", "labels": ["access"], "fields": { "priority": { "id": "3" } },
        "title": "{{action}} {{entitlement}} for {{person}}", "body": "Why: {{reason}}" } });
    let path = format!("/integrations/{}/ticket-desk", target.id);
    api.change(Method::PUT, &path, &chosen).await?.ok()?;
    target.change(&json!({ "settings": { "method": "ticket" } })).await?.ok()?;

    let group = text(&directory.groups()[0], "id")?;
    let members = directory.members_of(&group);
    let people = directory.people().into_iter().filter_map(|one| text(&one, "id").ok());
    let outside: Vec<String> = people.filter(|id| !members.contains(id)).collect();
    let (role, user) = (target.role(&group).await?, outside[0].clone());
    let account = target.account(&user).await?;
    let identity = identity(&api, &target.id, &account).await?;
    let wanted = json!({ "identity_id": identity, "reason": "on \"call\"\nuntil Friday",
        "items": [{ "app_id": target.app, "role_id": role }] });
    let request = api.post("/requests", &wanted).await?.ok()?;

    // The desk opens it, the answer is lost, and then the program dies.
    let creation =
        Selector::Matching { method: "POST".into(), path_contains: "/rest/api/3/issue".into() };
    recorder.inject(Fault::DropAfter, creation, When::Nth(1));
    let decision = format!("/requests/{}/decision", text(&request, "id")?);
    let approved = api.post(&decision, &json!({ "decision": "approve" })).await?.ok()?;
    let membership = text(&approved["items"][0], "membership_id")?;
    let membership = format!("/apps/{}/memberships/{membership}", target.app);
    wait::until("the desk to open it", LIMIT, async || {
        Ok((!desk.opened().is_empty()).then_some(()))
    })
    .await?;
    host.kill()?;
    host.start_again().await?;
    let found = ticket(&api, &membership).await?;
    assert_eq!((&found["id"], &found["stage"]), (&json!("ACCESS-1"), &json!("open")), "{found}");
    assert!(text(&found, "url")?.ends_with("/browse/ACCESS-1"), "{found}");
    assert!(found["next_look_ms"].as_i64() > found["looked_ms"].as_i64(), "{found}");
    let opened = desk.opened();
    assert_eq!(opened.len(), 1, "{opened:?}");
    let fields = &opened[0].fields;
    let name = text(&directory.groups()[0], "displayName")?;
    let title = text(fields, "summary")?;
    assert!(title.starts_with("Grant ") && title.ends_with(" for Grace Hopper"), "{title}");
    assert!(title.contains(&name), "{title}");
    assert_eq!(fields["priority"], json!({ "id": "3" }));
    assert!(fields["description"].to_string().contains(r#"Why: on \"call\""#), "{fields}");

    assert!(directory.add_member(&group, &user));
    desk.close("ACCESS-1", "Done", Some("Done"), "given");
    look(&api, &membership, "active").await?;

    api.delete(&membership).await?.ok()?;
    wait::until("the second ticket", LIMIT, async || Ok((desk.opened().len() == 2).then_some(())))
        .await?;
    let found = ticket(&api, &membership).await?;
    assert_eq!(found["id"], "ACCESS-2", "{found}");
    assert!(text(&found, "title")?.starts_with("Revoke "), "{found}");
    assert!(directory.remove_member(&group, &user));
    desk.close("ACCESS-2", "Done", Some("Done"), "taken away");
    look(&api, &membership, "deleted").await?;

    // Somebody at the desk decides otherwise.
    let account = target.account(&outside[1]).await?;
    let granted = target.grant(&role, &account, "grant-2").await?;
    let membership = format!("/apps/{}/memberships/{}", target.app, text(&granted, "id")?);
    assert_eq!(ticket(&api, &membership).await?["id"], "ACCESS-3");
    desk.close("ACCESS-3", "Closed", Some("Won't Do"), "no licence is left");
    let failed = look(&api, &membership, "failed").await?;
    assert!(text(&failed, "failure")?.contains("Won't Do: no licence is left"), "{failed}");
    assert_eq!(ticket(&api, &membership).await?["stage"], "rejected");
    assert_eq!(desk.faults(), Vec::<String>::new());
    assert_eq!(api.failures(), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn access_is_given_and_taken_by_tickets_from_sqlite() -> Result<()> {
    from_request_to_end(Database::Sqlite).await
}

#[tokio::test]
async fn access_is_given_and_taken_by_tickets_from_postgres() -> Result<()> {
    from_request_to_end(Database::Postgres).await
}
