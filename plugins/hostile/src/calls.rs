//! Calls that the host should refuse, and what it says to them.

use std::fmt::Debug;

use grantry_sdk::http::{HttpError, Request, Response};
use grantry_sdk::platform::Entity;
use grantry_sdk::{kv, log, platform};

use crate::connection::Connection;

const KEY: &str = "canary";
const IDEMPOTENCY_KEY: &str = "hostile";
const HTTP_CALLS: u32 = 2_000;
const KV_VALUES_MAX: u32 = 100_000;

/// What the host lets through or says, before it is turned into an error of the contract.
fn send(request: Request) -> Result<Response, HttpError> {
    let raw = request.into_raw().map_err(|error| HttpError::Protocol(format!("{error:?}")))?;
    grantry_sdk::http::Transport::send(&grantry_sdk::http::Host, &raw)
}

fn words(answer: Result<Response, HttpError>) -> String {
    match answer {
        Ok(response) => format!("status {}", response.status),
        Err(HttpError::Denied(code)) => format!("denied {code}"),
        Err(error) => format!("{error:?}"),
    }
}

fn target(connection: &Connection) -> &str {
    if connection.target.is_empty() { &connection.url } else { &connection.target }
}

/// Gets the url that it was given, approved or not.
pub fn get(connection: &Connection) -> Vec<String> {
    let answer = send(Request::get(target(connection)));
    let body = answer.as_ref().map(|response| String::from_utf8_lossy(&response.body).into_owned());
    let body = body.unwrap_or_default();
    vec![words(answer), body]
}

/// Sends more requests than a call may.
pub fn http_storm(connection: &Connection) -> Vec<String> {
    for number in 0..HTTP_CALLS {
        if let Err(error) = send(Request::get(&connection.url)) {
            return vec![format!("request {number}: {error:?}")];
        }
    }
    vec![format!("{HTTP_CALLS} requests passed")]
}

/// Sets each header that is the host's own.
pub fn forbidden_headers(connection: &Connection) -> Vec<String> {
    const HEADERS: [(&str, &str); 12] = [
        ("Authorization", "Bearer stolen"),
        ("authorization", "Bearer stolen"),
        ("Proxy-Authorization", "Basic stolen"),
        ("Host", "evil.example"),
        ("Cookie", "session=1"),
        ("Accept-Encoding", "gzip"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "upgrade"),
        ("x-split", "a\r\nauthorization: Bearer stolen"),
        ("x-split\r\nhost", "evil.example"),
        ("x nothing", "a"),
    ];
    let attempt = |(name, value): (&str, &str)| {
        let answer = send(Request::get(&connection.url).header(name, value));
        format!("{}: {}", name.escape_debug(), words(answer))
    };
    HEADERS.into_iter().map(attempt).collect()
}

/// Sends methods that no contract names.
pub fn forbidden_methods(connection: &Connection) -> Vec<String> {
    let attempt =
        |method| format!("{method}: {}", words(send(Request::new(method, &connection.url))));
    ["TRACE", "CONNECT", "OPTIONS", "GET /x HTTP/1.1\r\nx:", ""].into_iter().map(attempt).collect()
}

/// Sends the credential to a server that reflects it, and gives away all that comes back.
pub fn secret_echo(connection: &Connection) -> Vec<String> {
    match send(Request::get(&connection.url).auth("bearer")) {
        Err(error) => vec![format!("{error:?}")],
        Ok(response) => {
            let mut seen = vec![format!("status {}", response.status)];
            seen.extend(response.headers.iter().map(|(name, value)| format!("{name}: {value}")));
            seen.push(String::from_utf8_lossy(&response.body).into_owned());
            seen.iter().for_each(|line| log::info(line));
            log::write(
                log::Level::Warn,
                "seen",
                &[("body", seen.last().map_or("", String::as_str))],
            );
            seen
        }
    }
}

/// Hopes that the host fills in placeholders. It must send them as they are, or refuse.
pub fn secret_in_url(connection: &Connection) -> Vec<String> {
    let urls = [
        format!("{}?token={{{{token}}}}", connection.url),
        format!("{}?token=$bearer", connection.url),
        connection.url.replacen("://", "://user:{{token}}@", 1),
    ];
    urls.map(|url| words(send(Request::get(url).auth("bearer")))).to_vec()
}

/// The same in a header and a body.
pub fn secret_in_header(connection: &Connection) -> Vec<String> {
    let header = Request::get(&connection.url).auth("bearer").header("x-token", "{{token}}");
    let body =
        Request::post(&connection.url).auth("bearer").body("text/plain", b"{{token}}".to_vec());
    vec![words(send(header)), words(send(body))]
}

/// Names credentials that are not its own.
pub fn foreign_auth(connection: &Connection) -> Vec<String> {
    let attempt = |name: &str| {
        format!(
            "{}: {}",
            name.escape_debug(),
            words(send(Request::get(&connection.url).auth(name)))
        )
    };
    ["basic", "scim/bearer", "../bearer", "bearer\0", ""].map(attempt).to_vec()
}

/// Fills the store until it is refused.
pub fn kv_flood() -> Vec<String> {
    let value = vec![0x5a; 64 * 1024];
    for number in 0..KV_VALUES_MAX {
        if let Err(error) = kv::set(&format!("flood/{number}"), &value) {
            return vec![format!("value {number}: {error:?}")];
        }
    }
    vec![format!("{KV_VALUES_MAX} values passed")]
}

/// Keys that are no keys.
pub fn kv_bad_keys() -> Vec<String> {
    let keys = ["a\0b".to_owned(), String::new(), "k".repeat(513), "../other".to_owned()];
    let attempt = |key: String| {
        let name: String = key.chars().take(12).collect();
        format!("{}: {:?}", name.escape_debug(), kv::set(&key, b"x"))
    };
    keys.map(attempt).to_vec()
}

/// A value of 64 KiB and one byte.
pub fn kv_large_value() -> Vec<String> {
    say(kv::set(KEY, &vec![0; 64 * 1024 + 1]))
}

/// A harmless value.
pub fn kv_write() -> Vec<String> {
    say(kv::set(KEY, b"sings"))
}

/// What is there of it.
pub fn kv_read() -> Vec<String> {
    let value =
        kv::get(KEY).map(|found| found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
    say(value)
}

/// `%` is a letter like any other.
pub fn kv_list_percent() -> Vec<String> {
    vec![
        format!("{:?}", kv::list_keys("%")),
        format!("{:?}", kv::list_keys("_")),
        format!("{:?}", kv::list_keys("")),
    ]
}

/// The apps that the plugin may see.
pub fn list_apps() -> Vec<String> {
    say(platform::list_apps(None))
}

/// The roles of an app that it may not know.
pub fn list_roles(connection: &Connection) -> Vec<String> {
    say(platform::list_roles(&connection.app, None))
}

/// A membership that nobody asked for.
pub fn grant_membership(connection: &Connection) -> Vec<String> {
    let Connection { app, role, account, .. } = connection;
    say(platform::grant_membership(app, role, account, None, IDEMPOTENCY_KEY))
}

/// A longer one.
pub fn extend_membership(connection: &Connection) -> Vec<String> {
    let Connection { app, membership, .. } = connection;
    say(platform::extend_membership(app, membership, i64::MAX, IDEMPOTENCY_KEY))
}

/// Another one.
pub fn renew_membership(connection: &Connection) -> Vec<String> {
    let Connection { app, membership, .. } = connection;
    say(platform::renew_membership(app, membership, None, IDEMPOTENCY_KEY))
}

/// One less.
pub fn delete_membership(connection: &Connection) -> Vec<String> {
    let Connection { app, membership, .. } = connection;
    say(platform::delete_membership(app, membership, IDEMPOTENCY_KEY))
}

/// The data sources that the plugin may see.
pub fn list_data_sources() -> Vec<String> {
    say(platform::list_data_sources(None))
}

/// A list of people that the plugin made up.
pub fn upload(of: &Entity) -> Vec<String> {
    let applied = platform::upload(of, b"external_id\n1\n2\n").and_then(|(id, diff)| {
        platform::apply_upload(of, &id, &diff.hash, Some(&diff.hash), &id).map(|_| ())
    });
    say(applied)
}

fn say(answer: impl Debug) -> Vec<String> {
    vec![format!("{answer:?}")]
}
