//! People sign in, stay signed in, and sign out (PRM-6; security.md rows 72 and 73).

use axum::body::Body;
use grantry_server::Limits;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::host::{Host, Reply, text, wide};

/// A browser: it keeps the cookies that it is given.
pub(crate) struct Browser<'a> {
    host: &'a Host,
    cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(host: &'a Host) -> Self {
        Self { host, cookies: Vec::new() }
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        csrf: Option<&str>,
        body: Value,
    ) -> Reply {
        let line: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("Cookie", line.join("; "))
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", crate::host::fresh_key());
        let request = csrf.into_iter().fold(request, |r, token| r.header("X-CSRF-Token", token));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let reply = self.host.send(request.body(body).unwrap()).await;
        for cookie in reply.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.retain(|(other, _)| other != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        reply
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, None, Value::Null).await
    }

    fn session(&self) -> String {
        let found = self.cookies.iter().find(|(name, _)| name == "grantry_session");
        found.map_or_else(String::new, |(_, value)| value.clone())
    }

    /// Signs in by the issuer as that person.
    pub(crate) async fn sign_in(&mut self, issuer: &str, code: &str) -> Reply {
        let begun = self.get(&format!("/sign-in/{issuer}?return_to=/apps")).await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER, "{begun:?}");
        let location = begun.header("location").to_owned();
        let state = location.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        self.get(&format!("/sign-in/callback?state={state}&code={code}&session_state=x")).await
    }
}

async fn issuer(host: &Host, allows_sign_up: bool) -> String {
    let body = json!({
        "name": "Example Ltd", "kind": "generic", "audience": "grantry",
        "url": "https://issuer.example", "client_id": "grantry", "allows_sign_up": allows_sign_up,
    });
    text(&host.call("POST", "/issuers", body).await.ok(), "id")
}

async fn csrf(browser: &mut Browser<'_>) -> String {
    text(&browser.get("/me").await.ok()["session"], "csrf_token")
}

#[tokio::test]
async fn a_first_sign_in_makes_a_user_and_later_ones_do_not() {
    let host = Host::start().await;
    let issuer = issuer(&host, true).await;
    let mut browser = Browser::new(&host);
    let signed_in = browser.sign_in(&issuer, "ada").await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert!(signed_in.text.contains("url=/apps"), "{}", signed_in.text);
    let me = browser.get("/me").await.ok();
    assert_eq!((&me["name"], &me["role"]), (&json!("ada"), &json!("user")));
    assert_eq!((&me["global"], &me["admin_actions"]), (&json!([]), &json!([])));
    Browser::new(&host).sign_in(&issuer, "ada").await;
    let people = host.get("/people?search=ada").await.ok();
    assert_eq!(people["items"].as_array().unwrap().len(), 1);
    assert_eq!(people["items"][0]["subject"], "subject-of-ada");
    let audit = host.get("/audit?event=person.created&limit=1").await.ok();
    assert_eq!(audit["items"][0]["reason"], "sign_up");
}

#[tokio::test]
async fn a_stranger_is_refused_where_nobody_may_sign_up() {
    let host = Host::start().await;
    let issuer = issuer(&host, false).await;
    let refused = Browser::new(&host).sign_in(&issuer, "ada").await;
    assert_eq!(refused.problem(), (403, "sign_up_not_allowed".to_owned()));
    let audit = host.get("/audit?event=auth.failed").await.ok();
    assert_eq!(audit["items"][0]["reason"], "sign_up_not_allowed");
}

#[tokio::test]
async fn a_sign_in_ends_in_the_browser_that_began_it_and_once() {
    let host = Host::start().await;
    let issuer = issuer(&host, true).await;
    let failed = (400, "sign_in_failed".to_owned());
    let mut browser = Browser::new(&host);
    let begun = browser.get(&format!("/sign-in/{issuer}")).await;
    let location = begun.header("location").to_owned();
    let state = location.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let back = format!("/sign-in/callback?state={state}&code=ada");
    assert_eq!(Browser::new(&host).get(&back).await.problem(), failed);
    for other in [
        "/sign-in/callback?state=other&code=ada".to_owned(),
        "/sign-in/callback?code=ada".to_owned(),
        format!("/sign-in/callback?state={state}"),
        format!("/sign-in/callback?state={state}&code=ada&error=access_denied"),
        format!("/sign-in/callback?state={state}&code=refused"),
        format!("{back}&iss=https://attacker.example"),
    ] {
        assert_eq!(browser.get(&other).await.problem(), failed, "{other}");
    }
    host.pass_ms(600_000);
    assert_eq!(browser.get(&back).await.problem(), failed);
    host.pass_ms(-1);
    assert_eq!(browser.get(&format!("{back}&iss=https://issuer.example")).await.status, 200);
    assert_eq!(browser.get(&back).await.problem(), failed);
}

#[tokio::test]
async fn a_sign_in_leads_nowhere_else() {
    let host = Host::start().await;
    let issuer = issuer(&host, true).await;
    for path in ["https://evil.example", "//evil.example", "/%5Cevil.example"] {
        let refused = host.get(&format!("/sign-in/{issuer}?return_to={path}")).await;
        assert_eq!(refused.json()["errors"][0]["path"], "?return_to", "{path}");
    }
    assert_eq!(host.get("/sign-in/missing").await.status, 404);
}

#[tokio::test]
async fn the_local_admin_signs_in_with_the_first_token_and_nobody_with_another_kind() {
    let host = Host::start().await;
    let mut browser = Browser::new(&host);
    let signed_in = browser.send("POST", "/sign-in", None, json!({"token": host.admin})).await;
    let cookie = signed_in.header("set-cookie").to_owned();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"), "{cookie}");
    let me = browser.get("/me").await.ok();
    assert_eq!(me["role"], "admin");
    assert_eq!(me["session"], signed_in.ok()["session"]);

    let (_, client) = host.client(json!([]), json!([])).await;
    let scoped = json!({"name": "n", "scope": {"actions": ["app_and_role_read"]},
        "expires_ms": 1_800_000_060_000_i64});
    let scoped = text(&host.call("POST", "/me/tokens", scoped).await.ok(), "token");
    for token in [client, scoped, "grantry_x_y".to_owned(), String::new()] {
        let mut browser = Browser::new(&host);
        let refused = browser.send("POST", "/sign-in", None, json!({"token": token})).await;
        assert_eq!(refused.problem(), (400, "sign_in_failed".to_owned()));
    }
}

#[tokio::test]
async fn the_session_after_a_sign_in_is_never_the_one_before() {
    let host = Host::start().await;
    let issuer = issuer(&host, true).await;
    let mut browser = Browser::new(&host);
    browser.cookies.push(("grantry_session".to_owned(), "planted-by-an-attacker".to_owned()));
    browser.sign_in(&issuer, "ada").await;
    let first = browser.session();
    assert_ne!(first, "planted-by-an-attacker");
    browser.sign_in(&issuer, "bob").await;
    assert_ne!(browser.session(), first);
    // The one before has ended.
    browser.cookies = vec![("grantry_session".to_owned(), first)];
    assert_eq!(browser.get("/me").await.problem(), (401, "session_ended".to_owned()));
}

#[tokio::test]
async fn a_change_by_cookie_repeats_the_sessions_own_token() {
    let host = Host::start().await;
    let mut browser = Browser::new(&host);
    browser.send("POST", "/sign-in", None, json!({"token": host.admin})).await.ok();
    let token = csrf(&mut browser).await;
    let mut other = Browser::new(&host);
    other.send("POST", "/sign-in", None, json!({"token": host.admin})).await.ok();
    let of_other = csrf(&mut other).await;
    for wrong in [None, Some(""), Some("x"), Some(of_other.as_str())] {
        let refused = browser.send("POST", "/clients", wrong, json!({"name": "c"})).await;
        assert_eq!(refused.problem(), (403, "csrf".to_owned()));
    }
    assert_eq!(host.get("/clients").await.ok()["items"], json!([]));
    browser.send("POST", "/clients", Some(&token), json!({"name": "c"})).await.ok();
    // Reading needs none, and a bearer token rides on no cookie.
    browser.get("/clients").await.ok();
    host.call("POST", "/clients", json!({"name": "d"})).await.ok();
}

#[tokio::test]
async fn a_session_ends_unused_after_an_hour_and_used_after_twelve() {
    let host = Host::start().await;
    let ended = (401, "session_ended".to_owned());
    let mut idle = Browser::new(&host);
    idle.send("POST", "/sign-in", None, json!({"token": host.admin})).await.ok();
    host.pass_ms(3_600_000 - 1);
    idle.get("/me").await.ok();
    host.pass_ms(3_600_000);
    assert_eq!(idle.get("/me").await.problem(), ended);

    let mut busy = Browser::new(&host);
    busy.send("POST", "/sign-in", None, json!({"token": host.admin})).await.ok();
    for _ in 0..23 {
        host.pass_ms(1_800_000);
        busy.get("/me").await.ok();
    }
    host.pass_ms(1_800_000);
    assert_eq!(busy.get("/me").await.problem(), ended);
}

#[tokio::test]
async fn signing_out_ends_this_session_and_everywhere_all_of_them() {
    let host = Host::start().await;
    let (mut here, mut there) = (Browser::new(&host), Browser::new(&host));
    for browser in [&mut here, &mut there] {
        browser.send("POST", "/sign-in", None, json!({"token": host.admin})).await.ok();
    }
    assert_eq!(here.get("/me/sessions").await.ok()["items"].as_array().unwrap().len(), 2);
    let stolen = here.session();
    let token = csrf(&mut here).await;
    let out = here.send("DELETE", "/me/session", Some(&token), Value::Null).await;
    assert_eq!((out.status.as_u16(), here.session()), (204, String::new()));
    here.cookies = vec![("grantry_session".to_owned(), stolen)];
    assert_eq!(here.get("/me").await.code(), "session_ended");
    let token = csrf(&mut there).await;
    there.send("DELETE", "/me/sessions", Some(&token), Value::Null).await;
    assert_eq!(host.get("/me/sessions").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn disabling_a_person_ends_every_session() {
    let host = Host::start().await;
    let issuer = issuer(&host, true).await;
    let mut browser = Browser::new(&host);
    browser.sign_in(&issuer, "ada").await;
    let id = text(&browser.get("/me").await.ok(), "principal_id");
    let body = json!({"is_disabled": true});
    let request =
        host.request("PATCH", &format!("/people/{id}"), &body).header("If-Match", "\"1\"");
    host.send(request.body(Body::from(body.to_string())).unwrap()).await.ok();
    assert_eq!(browser.get("/me").await.code(), "session_ended");
    let refused = browser.sign_in(&issuer, "ada").await;
    assert_eq!(refused.problem(), (401, "client_disabled".to_owned()));
}

#[tokio::test]
async fn the_eleventh_failed_sign_in_waits_and_is_audited() {
    let host = Host::start_with(Limits { sign_in_failures: 10, ..wide() }).await;
    let attempt = || async {
        let token = json!({"token": "grantry_guess_guess"});
        Browser::new(&host).send("POST", "/sign-in", None, token).await
    };
    for _ in 0..10 {
        assert_eq!(attempt().await.problem(), (400, "sign_in_failed".to_owned()));
    }
    let limited = attempt().await;
    assert_eq!(limited.problem(), (429, "rate_limited".to_owned()));
    assert!(limited.header("retry-after").parse::<u32>().unwrap() <= 60);
    let audit = host.get("/audit?event=auth.failed").await.ok();
    let reasons: Vec<_> =
        audit["items"].as_array().unwrap().iter().map(|row| text(row, "reason")).collect();
    assert_eq!((reasons.len(), reasons[0].as_str()), (11, "rate_limited"));
    // The right token waits too: a guesser learns nothing from the difference.
    let right =
        Browser::new(&host).send("POST", "/sign-in", None, json!({"token": host.admin})).await;
    assert_eq!(right.code(), "rate_limited");
}

#[tokio::test]
async fn guesses_side_by_side_do_not_pass_the_limit() {
    let host = Host::start_with(Limits { sign_in_failures: 10, ..wide() }).await;
    let guess = || async {
        let token = json!({"token": "grantry_guess_guess"});
        Browser::new(&host).send("POST", "/sign-in", None, token).await.status.as_u16()
    };
    let statuses = futures_util::future::join_all((0..50).map(|_| guess())).await;
    let count = |status| statuses.iter().filter(|told| **told == status).count();
    assert_eq!((count(400), count(429)), (10, 40), "{statuses:?}");
}

#[tokio::test]
async fn who_signs_in_rightly_is_not_counted() {
    let host = Host::start_with(Limits { sign_in_failures: 2, ..wide() }).await;
    let issuer = issuer(&host, true).await;
    for _ in 0..5 {
        let mut browser = Browser::new(&host);
        browser.send("POST", "/sign-in", None, json!({"token": host.admin})).await.ok();
        assert_eq!(browser.sign_in(&issuer, "ada").await.status, 200);
    }
    // Who looks for issuers is.
    for _ in 0..2 {
        assert_eq!(host.get("/sign-in/missing").await.status, 404);
    }
    assert_eq!(host.get(&format!("/sign-in/{issuer}")).await.code(), "rate_limited");
}

#[tokio::test]
async fn a_flood_of_bad_tokens_does_not_fill_the_audit_log() {
    let host = Host::start().await;
    let began = std::time::Instant::now();
    for _ in 0..150 {
        assert_eq!(host.get_as("a.b.c", "/me").await.problem(), (401, "invalid_token".to_owned()));
    }
    let minutes = usize::try_from(began.elapsed().as_secs() / 60).unwrap();
    let audit = host.get("/audit?event=auth.failed&limit=200").await.ok();
    let rows = audit["items"].as_array().unwrap().len();
    assert!((20..=21 + minutes).contains(&rows), "{rows} rows in {minutes} minutes");
}

async fn add(host: &Host, issuer: &str, identity: Value) -> Reply {
    let mut body = json!({"name": "Ada Lovelace", "issuer_id": issuer, "role": "auditor"});
    for (name, value) in identity.as_object().unwrap() {
        body[name] = value.clone();
    }
    host.call("POST", "/people", body).await
}

async fn delete(host: &Host, path: &str) -> Reply {
    let tag = host.get(path).await.header("etag").to_owned();
    let request = host.request("DELETE", path, &Value::Null).header("If-Match", tag);
    host.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_person_who_was_added_by_subject_signs_in_where_nobody_may_sign_up() {
    let host = Host::start().await;
    let issuer = issuer(&host, false).await;
    let added = add(&host, &issuer, json!({"subject": "subject-of-ada"})).await.ok();
    let mut browser = Browser::new(&host);
    assert_eq!(browser.sign_in(&issuer, "ada").await.status, 200);
    let me = browser.get("/me").await.ok();
    assert_eq!((&me["principal_id"], &me["role"]), (&added["id"], &json!("auditor")));
    assert_eq!(me["mail"], "ada@Example.com", "a verified address fills an empty one");
    let again = add(&host, &issuer, json!({"subject": "subject-of-ada"})).await;
    assert_eq!(again.problem(), (409, "conflict".to_owned()));
    let stranger = Browser::new(&host).sign_in(&issuer, "bob").await;
    assert_eq!(stranger.problem(), (403, "sign_up_not_allowed".to_owned()));
}

#[tokio::test]
async fn the_first_sign_in_that_proves_the_address_is_the_person_and_no_other_ever_is() {
    let host = Host::start().await;
    let issuer = issuer(&host, false).await;
    let added = add(&host, &issuer, json!({"sign_in_mail": "Eve@example.com"})).await.ok();
    assert_eq!(
        (&added["sign_in_mail"], &added["subject"]),
        (&json!("eve@example.com"), &json!(null))
    );
    let unverified = Browser::new(&host).sign_in(&issuer, "eve?").await;
    assert_eq!(unverified.problem(), (403, "sign_up_not_allowed".to_owned()));
    let mut browser = Browser::new(&host);
    assert_eq!(browser.sign_in(&issuer, "eve").await.status, 200);
    assert_eq!(browser.get("/me").await.ok()["principal_id"], added["id"]);
    let person = host.get(&format!("/people/{}", text(&added, "id"))).await.ok();
    assert_eq!(
        (&person["sign_in_mail"], &person["subject"]),
        (&json!(null), &json!("subject-of-eve"))
    );
    let second = Browser::new(&host).sign_in(&issuer, "eve.2").await;
    assert_eq!(second.problem(), (403, "sign_up_not_allowed".to_owned()));
    let again = add(&host, &issuer, json!({"sign_in_mail": "eve@example.com"})).await;
    assert_eq!(again.problem(), (409, "conflict".to_owned()), "somebody has it already");
    let audit = host.get("/audit?event=person.recognized").await.ok();
    assert_eq!(audit["items"].as_array().unwrap().len(), 1);
    assert_eq!(audit["items"][0]["entity_id"], added["id"]);
}

#[tokio::test]
async fn nobody_is_expected_for_ever() {
    let host = Host::start().await;
    let issuer = issuer(&host, false).await;
    add(&host, &issuer, json!({"sign_in_mail": "eve@example.com"})).await.ok();
    host.pass_ms(31 * 24 * 3_600_000);
    let late = Browser::new(&host).sign_in(&issuer, "eve").await;
    assert_eq!(late.problem(), (403, "sign_up_not_allowed".to_owned()));
}

#[tokio::test]
async fn a_person_is_added_by_what_the_issuer_can_prove() {
    let host = Host::start().await;
    let generic = issuer(&host, false).await;
    let tenant = "11111111-2222-4333-8444-555555555555";
    let body = json!({"name": "Entra", "kind": "entra", "tenant_id": tenant,
        "audience": "api://grantry", "client_id": tenant});
    let entra = text(&host.call("POST", "/issuers", body).await.ok(), "id");
    for (issuer, identity, path) in [
        (&generic, json!({}), "/subject"),
        (&generic, json!({"subject": "a", "sign_in_mail": "a@example.com"}), "/subject"),
        (&generic, json!({"sign_in_mail": "nobody"}), "/sign_in_mail"),
        (&generic, json!({"subject": "a", "mail": "nobody"}), "/mail"),
        (&entra, json!({"sign_in_mail": "a@example.com"}), "/sign_in_mail"),
        (&entra, json!({"subject": "ada"}), "/subject"),
        (&"missing".to_owned(), json!({"subject": "a"}), "/issuer_id"),
    ] {
        let refused = add(&host, issuer, identity).await;
        assert_eq!(refused.json()["errors"][0]["path"], path, "{refused:?}");
    }
    let body = json!({"name": "x", "issuer_id": generic, "subject": "x"});
    let user = crate::owners::person(&host, "user").await;
    let refused = host.call_as(&user, "POST", "/people", body).await;
    assert_eq!(refused.problem(), (403, "action_not_granted".to_owned()));
}

#[tokio::test]
async fn a_deleted_person_is_signed_out_and_their_deeds_stay_in_the_audit_log() {
    let host = Host::start().await;
    let issuer = issuer(&host, false).await;
    let added = add(&host, &issuer, json!({"subject": "subject-of-ada"})).await.ok();
    let path = format!("/people/{}", text(&added, "id"));
    let mut browser = Browser::new(&host);
    browser.sign_in(&issuer, "ada").await;
    let integration = text(&host.connect("Directory").await, "id");
    let owner = json!({"owner_id": added["id"]});
    crate::owners::change(&host, "", &integration, owner).await.ok();
    let kept = delete(&host, &path).await;
    assert_eq!(kept.problem(), (409, "person_owns_integrations".to_owned()));
    crate::owners::change(&host, "", &integration, json!({"owner_id": null})).await.ok();
    browser.get("/me").await.ok();
    assert_eq!(delete(&host, &path).await.status, 204);
    assert_eq!(browser.get("/me").await.problem(), (401, "session_ended".to_owned()));
    assert_eq!(host.get(&path).await.problem(), (404, "not_found".to_owned()));
    let again = Browser::new(&host).sign_in(&issuer, "ada").await;
    assert_eq!(again.problem(), (403, "sign_up_not_allowed".to_owned()));
    let told = host.get("/audit?event=person.deleted").await.ok();
    assert_eq!(told["items"][0]["detail"]["subject"], "subject-of-ada");
    let deeds = host.get("/audit?event=session.started").await.ok();
    assert_eq!(deeds["items"][0]["principal_id"], added["id"]);
    // The issuer can go, now that nobody comes from it.
    let path = format!("/issuers/{issuer}");
    assert_eq!(host.call("DELETE", &path, Value::Null).await.status, 204);
}

#[tokio::test]
async fn nobody_deletes_themselves() {
    let host = Host::start().await;
    let path = format!("/people/{}", host.first("/people").await);
    assert_eq!(delete(&host, &path).await.problem(), (409, "own_person".to_owned()));
}

#[tokio::test]
async fn an_issuer_that_somebody_is_expected_from_stays() {
    let host = Host::start().await;
    let issuer = issuer(&host, false).await;
    add(&host, &issuer, json!({"sign_in_mail": "ada@example.com"})).await.ok();
    let kept = host.call("DELETE", &format!("/issuers/{issuer}"), Value::Null).await;
    assert_eq!(kept.problem(), (409, "issuer_in_use".to_owned()));
}

#[tokio::test]
async fn people_say_where_they_get_mail_and_an_admin_does() {
    let host = Host::start().await;
    let user = crate::owners::person(&host, "user").await;
    let set = host.call_as(&user, "PATCH", "/me", json!({"mail": "ada@example.com"})).await;
    assert_eq!(set.ok()["mail"], "ada@example.com");
    let kept = host.call_as(&user, "PATCH", "/me", json!({})).await;
    assert_eq!(kept.ok()["mail"], "ada@example.com");
    let wrong = host.call_as(&user, "PATCH", "/me", json!({"mail": "a@b\r\nBcc: c@d"})).await;
    assert_eq!(wrong.json()["errors"][0]["code"], "invalid_address");
    let tag = host.get("/people/user").await.header("etag").to_owned();
    let body = json!({"mail": null});
    let request = host.request("PATCH", "/people/user", &body).header("If-Match", tag);
    let person = host.send(request.body(Body::from(body.to_string())).unwrap()).await.ok();
    assert_eq!((&person["mail"], &person["role"]), (&json!(null), &json!("user")));
    let (_, client) = host.client(json!([]), json!([])).await;
    let refused = host.call_as(&client, "PATCH", "/me", json!({"mail": "a@example.com"})).await;
    assert_eq!(refused.problem(), (403, "action_not_granted".to_owned()));
    let audit = host.get("/audit?event=person.updated").await.ok();
    assert_eq!(audit["items"][0]["detail"]["before"]["mail"], "ada@example.com");
}
