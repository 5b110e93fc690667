//! Clients and people of a real OpenID Connect issuer (PRM-5, PRM-6; security.md section 4, rows 1
//! to 6 and 72): its tokens, its keys, and what attackers make of them.

mod browser;

use std::process::Command;

use anyhow::{Context, Result, ensure};
use grantry_tests::host::{Api, Database, Host};
use grantry_tests::peers::Issuer;
use serde_json::{Value, json};

use browser::Browser;

const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const API: &str = "33333333-4444-4555-8666-777777777777";
const APPLICATION: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const OBJECT: &str = "bbbbbbbb-0000-4000-8000-000000000001";
const PERSON: &str = "dddddddd-0000-4000-8000-000000000001";

/// What Entra puts into an application's tokens of version 2.
fn version_2() -> Value {
    json!({
        "aud": API, "tid": TENANT, "azp": APPLICATION, "azpacr": "1", "oid": OBJECT, "sub": OBJECT,
        "ver": "2.0", "roles": ["Platform.Admin"],
    })
}

/// The same of version 1, which has another issuer and names the application otherwise.
fn version_1() -> Value {
    json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"), "aud": format!("api://{API}"),
        "tid": TENANT, "appid": APPLICATION, "appidacr": "1", "oid": OBJECT, "sub": OBJECT,
        "ver": "1.0",
    })
}

fn with(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    claims
}

fn text(object: &Value, name: &str) -> Result<String> {
    let found = object[name].as_str().map(str::to_owned);
    found.with_context(|| format!("no `{name}` in {object}"))
}

/// A host that trusts an issuer.
struct Scene {
    host: Host,
    issuer: Issuer,
    issuer_id: String,
}

impl Scene {
    async fn start(database: Database) -> Result<Self> {
        let issuer = Issuer::start().await?;
        let host = Host::start(database).await?;
        let body = json!({
            "name": "Example Ltd", "kind": "entra", "url": issuer.url(), "tenant_id": TENANT,
            "audience": format!("api://{API}"), "client_id": API, "client_secret": "s3cret-canary",
            "address_exception": issuer.address().to_string(), "allows_sign_up": true,
        });
        let trusted = host.api().post("/issuers", &body).await?.ok()?;
        let issuer_id = text(&trusted, "id")?;
        Ok(Self { host, issuer, issuer_id })
    }

    fn admin(&self) -> &Api {
        self.host.api()
    }

    async fn register(&self) -> Result<Value> {
        let registration = json!({
            "issuer_id": self.issuer_id, "application_id": APPLICATION, "object_id": OBJECT,
        });
        let body = json!({ "name": "Help desk", "registration": registration });
        self.admin().post("/clients", &body).await?.ok()
    }

    /// What a token is answered with: `ok`, or status and code.
    async fn answer(&self, token: &str) -> Result<String> {
        let reply = self.admin().with_token(token).get("/me").await?;
        Ok(match reply.status {
            200 => "ok".to_owned(),
            status => format!("{status} {}", reply.code()),
        })
    }
}

/// Carries out the token request that the API shows, as its reader would.
async fn token_by(request: &Value) -> Result<String> {
    let command = text(request, "curl")?;
    let output = tokio::task::spawn_blocking(move || {
        Command::new("sh").args(["-c", &command]).env("CLIENT_SECRET", "of-the-client").output()
    })
    .await??;
    let answer = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{answer} {}", String::from_utf8_lossy(&output.stderr));
    text(&serde_json::from_str(&answer)?, "access_token")
}

#[tokio::test]
async fn a_registered_client_gets_a_token_as_shown_and_works_within_its_permissions() -> Result<()>
{
    let scene = Scene::start(Database::Sqlite).await?;
    let admin = scene.admin();
    let client = scene.register().await?;
    let request = &client["registration"]["token_request"];
    assert_eq!(request["audience"], json!(format!("api://{API}")));
    assert!(request["consent"].to_string().contains(APPLICATION), "{request}");

    let (own, other) = (
        text(&admin.post("/apps", &json!({ "name": "Own" })).await?.ok()?, "id")?,
        text(&admin.post("/apps", &json!({ "name": "Other" })).await?.ok()?, "id")?,
    );
    let id = text(&client, "id")?;
    for claims in [version_2(), version_1()] {
        scene.issuer.set_claims("client_credentials", &claims).await?;
        let caller = admin.with_token(&token_by(request).await?);
        assert_eq!(caller.get("/me").await?.ok()?["principal_id"], client["id"]);

        // The issuer's roles give nothing.
        admin.permit(&id, &[], &[]).await?;
        assert_eq!(caller.list("/apps").await?, Vec::<Value>::new());
        let hidden = caller.get(&format!("/apps/{own}")).await?;
        assert_eq!((hidden.status, hidden.code()), (404, "not_found"));

        admin.permit(&id, &[], &[&own]).await?;
        caller.get(&format!("/apps/{own}/roles")).await?.ok()?;
        let hidden = caller.get(&format!("/apps/{other}/roles")).await?;
        assert_eq!((hidden.status, hidden.code()), (404, "not_found"));

        admin.permit(&id, &["app_and_role_read"], &[&own]).await?;
        caller.get(&format!("/apps/{other}/roles")).await?.ok()?;
        let grant = json!({ "role_id": "r", "account_id": "a" });
        let refused = caller.post(&format!("/apps/{other}/memberships"), &grant).await?;
        assert_eq!((refused.status, refused.code()), (403, "action_not_granted"));
        let refused = caller.get("/clients").await?;
        assert_eq!((refused.status, refused.code()), (403, "action_not_granted"));
    }
    Ok(())
}

#[tokio::test]
async fn a_deleted_or_disabled_clients_token_is_valid_and_refused() -> Result<()> {
    let scene = Scene::start(Database::Postgres).await?;
    let client = scene.register().await?;
    let path = format!("/clients/{}", text(&client, "id")?);
    let token = scene.issuer.sign(&version_2()).await?;
    assert_eq!(scene.answer(&token).await?, "ok");
    for (is_disabled, answer) in [(true, "401 client_disabled"), (false, "ok")] {
        let change = json!({ "is_disabled": is_disabled });
        scene.admin().change(reqwest::Method::PATCH, &path, &change).await?.ok()?;
        assert_eq!(scene.answer(&token).await?, answer);
    }
    scene.admin().delete(&path).await?.ok()?;
    assert_eq!(scene.answer(&token).await?, "401 client_disabled");
    // A stranger's token, as good as that, is nobody's.
    let stranger = with(version_2(), &json!({ "azp": "eeeeeeee-0000-4000-8000-000000000001" }));
    let stranger = scene.issuer.sign(&stranger).await?;
    assert_eq!(scene.answer(&stranger).await?, "401 invalid_token");
    // With its last client the issuer can go, and all its tokens with it.
    let issuer = format!("/issuers/{}", scene.issuer_id);
    scene.admin().delete(&issuer).await?.ok()?;
    assert_eq!(scene.answer(&token).await?, "401 invalid_token");
    Ok(())
}

#[tokio::test]
async fn a_key_that_rotates_while_the_host_runs_is_asked_for_once_in_five_minutes() -> Result<()> {
    let scene = Scene::start(Database::Sqlite).await?;
    scene.register().await?;
    let old = scene.issuer.sign(&version_2()).await?;
    assert_eq!(scene.answer(&old).await?, "ok");
    let asked = scene.issuer.asked("/jwks").await?;

    scene.issuer.rotate().await?;
    let new = scene.issuer.sign(&version_2()).await?;
    assert_eq!(scene.answer(&new).await?, "ok");
    assert_eq!(scene.answer(&old).await?, "401 invalid_token");
    assert_eq!(scene.issuer.asked("/jwks").await?, asked + 1);

    scene.issuer.rotate().await?;
    let newest = scene.issuer.sign(&version_2()).await?;
    for _ in 0..20 {
        assert_eq!(scene.answer(&newest).await?, "401 invalid_token");
        let invented = scene.issuer.forge("unknown_key", &version_2()).await?;
        assert_eq!(scene.answer(&invented).await?, "401 invalid_token");
    }
    assert_eq!(scene.answer(&new).await?, "ok");
    assert_eq!(scene.issuer.asked("/jwks").await?, asked + 1);
    Ok(())
}

#[tokio::test]
async fn what_attackers_make_of_tokens_is_refused_with_its_code() -> Result<()> {
    let scene = Scene::start(Database::Sqlite).await?;
    scene.register().await?;
    assert_eq!(scene.answer(&scene.issuer.sign(&version_2()).await?).await?, "ok");
    for how in [
        "none",
        "none_signed",
        "public_key_as_secret",
        "own_key",
        "own_key_in_header",
        "key_elsewhere",
        "unknown_key",
    ] {
        let forged = scene.issuer.forge(how, &version_2()).await?;
        assert_eq!(scene.answer(&forged).await?, "401 invalid_token", "{how}");
    }
    assert_eq!(scene.issuer.asked("/elsewhere").await?, 0);

    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    for (changes, answer) in [
        (json!({ "aud": "api://another" }), "401 invalid_token"),
        (json!({ "aud": null }), "401 invalid_token"),
        (json!({ "tid": "99999999-2222-4333-8444-555555555555" }), "401 invalid_token"),
        (json!({ "iss": "https://login.microsoftonline.com/other/v2.0" }), "401 invalid_token"),
        (json!({ "azp": null }), "401 invalid_token"),
        (json!({ "oid": PERSON }), "401 invalid_token"),
        (json!({ "oid": format!("{OBJECT}\0") }), "401 invalid_token"),
        (json!({ "scp": "access_as_user" }), "401 invalid_token"),
        (json!({ "nonce": "of-an-id-token" }), "401 invalid_token"),
        (json!({ "exp": null }), "401 invalid_token"),
        (json!({ "exp": now_s - 90 }), "401 token_expired"),
        (json!({ "exp": now_s - 30 }), "ok"),
        (json!({ "nbf": now_s + 600 }), "401 token_not_yet_valid"),
        (json!({ "nbf": now_s + 30 }), "ok"),
    ] {
        let token = scene.issuer.sign(&with(version_2(), &changes)).await?;
        assert_eq!(scene.answer(&token).await?, answer, "{changes}");
    }
    let audit = scene.admin().list("/audit?event=auth.failed").await?;
    assert!(audit.iter().any(|row| row["reason"] == "invalid_token"), "{audit:?}");
    let log = String::from_utf8_lossy(&scene.host.log()).into_owned();
    let good = scene.issuer.sign(&version_2()).await?;
    let payload = good.split('.').nth(1).context("a payload")?;
    assert!(!log.contains(payload.get(..40).context("a long payload")?), "a token is in the log");
    Ok(())
}

#[tokio::test]
async fn a_person_signs_in_by_code_and_pkce_and_signs_out() -> Result<()> {
    let scene = Scene::start(Database::Sqlite).await?;
    let claims = json!({
        "tid": TENANT, "oid": PERSON, "name": "Ada Lovelace",
        "preferred_username": "ada@example.com", "ver": "2.0",
    });
    scene.issuer.set_claims("id_token", &claims).await?;
    let mut browser = Browser::new(scene.admin())?;
    let back = browser.begin(&scene.issuer_id, "/api/v1/me").await?;
    // Another browser with the same answer has not begun this sign-in.
    let stolen = Browser::new(scene.admin())?.get(&back).await?;
    assert_eq!((stolen.status, stolen.code()), (400, "sign_in_failed".to_owned()));
    let before = browser.clone();
    let page = browser.get(&back).await?;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("url=/api/v1/me\""), "{}", page.text);
    let cookie = page.cookie("grantry_session").context("a session")?;
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    // The code was for one time.
    let again = before.clone().get(&back).await?;
    assert_eq!((again.status, again.code()), (400, "sign_in_failed".to_owned()));

    let me = browser.get("/api/v1/me").await?.json()?;
    assert_eq!((&me["name"], &me["role"]), (&json!("Ada Lovelace"), &json!("user")));
    let refused = browser.get("/api/v1/clients").await?;
    assert_eq!((refused.status, refused.code()), (403, "action_not_granted".to_owned()));
    let people = scene.admin().list("/people?search=ada").await?;
    assert_eq!((people.len(), &people[0]["subject"]), (1, &json!(PERSON)));

    let csrf = text(&me["session"], "csrf_token")?;
    for wrong in [None, Some("0".repeat(csrf.len()))] {
        let refused = browser.delete("/api/v1/me/session", wrong.as_deref()).await?;
        assert_eq!((refused.status, refused.code()), (403, "csrf".to_owned()));
    }
    let stolen = browser.clone();
    assert_eq!(browser.delete("/api/v1/me/session", Some(&csrf)).await?.status, 204);
    for mut browser in [browser, stolen] {
        let ended = browser.get("/api/v1/me").await?;
        assert_eq!(ended.status, 401, "{}", ended.text);
    }
    let log = String::from_utf8_lossy(&scene.host.log()).into_owned();
    for secret in ["s3cret-canary", "ada@example.com"] {
        assert!(!log.contains(secret), "`{secret}` is in the log");
    }
    Ok(())
}

#[tokio::test]
async fn an_id_token_that_is_not_for_this_sign_in_begins_no_session() -> Result<()> {
    let scene = Scene::start(Database::Sqlite).await?;
    let good = json!({ "tid": TENANT, "oid": PERSON, "name": "Ada" });
    for changes in [
        json!({ "nonce": "of-another-sign-in" }),
        json!({ "aud": "another-application" }),
        json!({ "iss": "https://attacker.example" }),
        json!({ "tid": "99999999-2222-4333-8444-555555555555" }),
        json!({ "oid": null }),
        json!({ "oid": format!("{PERSON}\r\nx") }),
        json!({ "name": "Ada\u{1b}[2J" }),
        json!({ "exp": 1_000_000_000 }),
    ] {
        scene.issuer.set_claims("id_token", &with(good.clone(), &changes)).await?;
        let mut browser = Browser::new(scene.admin())?;
        let back = browser.begin(&scene.issuer_id, "/").await?;
        let refused = browser.get(&back).await?;
        let answer = (refused.status, refused.code());
        assert_eq!(answer, (400, "sign_in_failed".to_owned()), "{changes}");
        assert!(refused.cookie("grantry_session").is_none(), "{changes}");
    }
    // Only the admin of the first start is known.
    assert_eq!(scene.admin().list("/people").await?.len(), 1);
    Ok(())
}
