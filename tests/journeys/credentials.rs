//! Each way to authenticate, from the connection to the target and back: placed by the host,
//! renewed by the host, changed by an admin, and shown to nobody.

use std::time::Duration;

use anyhow::Result;
use grantry_tests::directory::Directory;
use grantry_tests::host::{Api, Database, Host, Integration};
use grantry_tests::wait;
use serde_json::{Value, json};

const TOKEN: &str = "b3arer-tok3n/+of=the-directory";
const PASSWORD: &str = "p4ssword:with/colons+of-ada";
const CLIENT_SECRET: &str = "cl1ent s3cret/+&of=grantry";
const CHANGED: &str = "ch4nged-s3cret/+of=tomorrow";
const WAIT_LIMIT: Duration = Duration::from_secs(30);

struct Scene {
    directory: Directory,
    host: Host,
    api: Api,
}

/// Tokens of the OAuth 2.0 client say that they live for `lifetime_s`.
async fn scene(lifetime_s: u32) -> Result<Scene> {
    let directory = Directory::builder()
        .people(12)
        .groups(3)
        .token(TOKEN)
        .user("ada", PASSWORD)
        .client("grantry", CLIENT_SECRET, lifetime_s)
        .start()?;
    let host = Host::start(Database::Sqlite).await?;
    let api = host.api().recorded();
    Ok(Scene { directory, host, api })
}

impl Scene {
    fn connection(&self, auth: &Value) -> Value {
        json!({ "url": self.directory.base_url(), "auth": auth })
    }

    fn oauth(&self, secret: &str) -> Value {
        json!({
            "type": "oauth2", "token_url": self.directory.token_url(),
            "client_id": "grantry", "client_secret": secret,
        })
    }

    async fn connect(&self, auth: &Value) -> Result<Integration> {
        let address = Some(self.directory.address());
        Integration::connect(&self.api, "scim", &self.connection(auth), address).await
    }

    /// How the data requests so far authenticated.
    fn credentials(&self) -> Vec<String> {
        let requests = self.directory.requests().into_iter();
        let data = requests.filter(|request| !self.directory.token_url().ends_with(&request.path));
        data.filter_map(|request| request.header("authorization").map(str::to_owned)).collect()
    }

    /// The secrets are in no answer, and not in the log.
    fn assert_untold(&self) {
        let seen = self.api.transcript() + &String::from_utf8_lossy(&self.host.log());
        for secret in [TOKEN, PASSWORD, CLIENT_SECRET, CHANGED, "issued-token-"] {
            assert!(!seen.contains(secret), "`{secret}` was told");
        }
        assert_eq!(self.api.failures(), Vec::<String>::new());
    }
}

async fn works(integration: &Integration) -> Result<()> {
    let tested = integration.test_connection().await?;
    assert_eq!(tested["is_ok"], true, "{tested}");
    Ok(())
}

async fn is_unauthenticated(integration: &Integration) -> Result<()> {
    let tested = integration.test_connection().await?;
    assert_eq!(tested["error"]["code"], "unauthenticated", "{tested}");
    Ok(())
}

/// All of the directory can be read, and a membership written.
async fn governs(scene: &Scene, integration: &Integration) -> Result<()> {
    let run = integration.aggregate().await?;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(integration.catalogue().await?.assignments, scene.directory.memberships());
    let groups = scene.directory.groups();
    let group = groups[0]["id"].as_str().unwrap_or_default();
    let people = scene.directory.people();
    let people = people.iter().filter_map(|person| person["id"].as_str());
    let members = scene.directory.members_of(group);
    let Some(person) = people.into_iter().find(|id| !members.contains(*id)) else {
        anyhow::bail!("everybody is in the group")
    };
    let role = integration.role(group).await?;
    let account = integration.account(person).await?;
    let granted = integration.grant(&role, &account, &scene.api.fresh_key()).await?;
    let membership = granted["id"].as_str().unwrap_or_default();
    integration.wait_for_membership(membership, "active").await?;
    assert!(scene.directory.members_of(group).contains(person));
    Ok(())
}

#[tokio::test]
async fn a_bearer_token_is_placed_and_a_changed_one_is_used_at_once() -> Result<()> {
    let scene = scene(3_600).await?;
    let integration = scene.connect(&json!({ "type": "bearer", "token": TOKEN })).await?;
    works(&integration).await?;
    governs(&scene, &integration).await?;
    let expected = format!("Bearer {TOKEN}");
    assert!(scene.credentials().iter().all(|used| *used == expected));

    scene.directory.change_token(CHANGED);
    is_unauthenticated(&integration).await?;
    let changed = scene.connection(&json!({ "type": "bearer", "token": CHANGED }));
    integration.change(&json!({ "connection": changed })).await?.ok()?;
    works(&integration).await?;
    let shown = integration.shown().await?;
    assert_eq!(shown["connection"]["auth"], json!({ "type": "bearer" }));
    assert_eq!(shown["secret_fields"], json!(["/auth/token"]));
    scene.assert_untold();
    Ok(())
}

#[tokio::test]
async fn a_password_is_placed_and_a_changed_one_is_used_at_once() -> Result<()> {
    let scene = scene(3_600).await?;
    let auth = |password| json!({ "type": "basic", "username": "ada", "password": password });
    let integration = scene.connect(&auth(PASSWORD)).await?;
    works(&integration).await?;
    governs(&scene, &integration).await?;
    assert!(scene.credentials().iter().all(|used| used.starts_with("Basic ")));

    scene.directory.change_password(CHANGED);
    is_unauthenticated(&integration).await?;
    let connection = scene.connection(&auth(CHANGED));
    integration.change(&json!({ "connection": connection })).await?.ok()?;
    works(&integration).await?;
    let shown = integration.shown().await?;
    assert_eq!(shown["connection"]["auth"], json!({ "type": "basic", "username": "ada" }));
    scene.assert_untold();
    Ok(())
}

/// The connection names no `scope`: RFC 6749 section 4.4.2 makes it optional.
#[tokio::test]
async fn a_client_gets_one_token_for_many_calls() -> Result<()> {
    let scene = scene(3_600).await?;
    let integration = scene.connect(&scene.oauth(CLIENT_SECRET)).await?;
    for _ in 0..3 {
        works(&integration).await?;
    }
    governs(&scene, &integration).await?;
    let asked = scene.directory.token_requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].body, "grant_type=client_credentials");
    assert!(scene.credentials().iter().all(|used| used == "Bearer issued-token-0001"));
    scene.assert_untold();
    Ok(())
}

#[tokio::test]
async fn a_scope_that_the_connection_names_is_asked_for() -> Result<()> {
    let scene = scene(3_600).await?;
    let mut auth = scene.oauth(CLIENT_SECRET);
    auth["scope"] = "scim.read scim.write".into();
    works(&scene.connect(&auth).await?).await?;
    let asked = scene.directory.token_requests();
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=scim.read+scim.write");
    Ok(())
}

/// The host renews half a minute before the end, so a token of 31 seconds is fresh for one.
#[tokio::test]
async fn a_clients_token_is_renewed_when_it_is_about_to_end() -> Result<()> {
    let scene = scene(31).await?;
    let integration = scene.connect(&scene.oauth(CLIENT_SECRET)).await?;
    wait::until("a second token", WAIT_LIMIT, async || {
        works(&integration).await?;
        Ok((scene.directory.token_requests().len() > 1).then_some(()))
    })
    .await?;
    assert!(scene.credentials().iter().any(|used| used == "Bearer issued-token-0002"));
    scene.assert_untold();
    Ok(())
}

#[tokio::test]
async fn a_clients_token_is_renewed_once_when_the_target_refuses_it() -> Result<()> {
    let scene = scene(3_600).await?;
    let integration = scene.connect(&scene.oauth(CLIENT_SECRET)).await?;
    works(&integration).await?;
    scene.directory.revoke_tokens();
    works(&integration).await?;
    assert_eq!(scene.directory.token_requests().len(), 2);

    scene.directory.honour_tokens(false);
    scene.directory.revoke_tokens();
    scene.directory.clear_requests();
    is_unauthenticated(&integration).await?;
    let (asked, data) = (scene.directory.token_requests().len(), scene.credentials().len());
    // Each request is sent twice: with the token that is there, and with a new one.
    assert!(asked >= 1 && data == 2 * asked, "{asked} tokens for {data} requests");
    scene.assert_untold();
    Ok(())
}

#[tokio::test]
async fn a_clients_changed_secret_is_used_at_once() -> Result<()> {
    let scene = scene(3_600).await?;
    let integration = scene.connect(&scene.oauth(CLIENT_SECRET)).await?;
    works(&integration).await?;
    scene.directory.change_client_secret(CHANGED);
    let tested = integration.test_connection().await?;
    assert_eq!(tested["is_ok"], false, "{tested}");

    let connection = scene.connection(&scene.oauth(CHANGED));
    integration.change(&json!({ "connection": connection })).await?.ok()?;
    works(&integration).await?;
    scene.assert_untold();
    Ok(())
}

/// A secret never moves to a new host by itself: it has to be given again.
#[tokio::test]
async fn a_secret_that_a_change_leaves_out_stays_where_it_was() -> Result<()> {
    let scene = scene(3_600).await?;
    let integration = scene.connect(&json!({ "type": "bearer", "token": TOKEN })).await?;
    let kept = json!({ "url": scene.directory.base_url(), "auth": { "type": "bearer" } });
    integration.change(&json!({ "connection": kept })).await?.ok()?;
    works(&integration).await?;

    let elsewhere = json!({ "url": "https://evil.example/scim", "auth": { "type": "bearer" } });
    let refused = integration.change(&json!({ "connection": elsewhere })).await?;
    assert_eq!(refused.status, 422, "{refused:?}");
    scene.assert_untold();
    Ok(())
}
