//! Where the connection leads, and the same connection through a proxy.

use grantry_model::approval::{AddressException, origin_of};
use grantry_model::plugin::HostRule;
use serde_json::Value;

use super::Subject;
use crate::proxy::Proxy;
use crate::report::{Not, skipped};
use crate::sandbox::Session;

/// The place in the connection that names the host which most requests go to, and its URL.
pub(super) fn host_place(subject: &Subject<'_>) -> Option<(String, String)> {
    let hosts = &subject.sandbox.report.manifest.hosts;
    hosts.iter().find_map(|needed| match &needed.host {
        HostRule::FromConnection(pointer) => {
            let url = subject.connection.pointer(pointer)?.as_str()?;
            origin_of(url).map(|_| (pointer.clone(), url.to_owned()))
        }
        HostRule::Exact(_) | HostRule::Suffix(_) => None,
    })
}

/// The connection with another host and port in every URL that named this one.
pub(super) fn moved(connection: &Value, url: &str, address: std::net::SocketAddr) -> Value {
    let Some(old) = origin_text(url) else { return connection.clone() };
    replaced(connection, &old, &format!("http://{address}"))
}

fn origin_text(url: &str) -> Option<String> {
    let rest = url.split_once("://")?;
    let authority = rest.1.split(['/', '?', '#']).next()?;
    Some(format!("{}://{authority}", rest.0))
}

fn replaced(value: &Value, old: &str, new: &str) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix(old) {
            Some(rest) if rest.is_empty() || rest.starts_with(['/', '?', '#']) => {
                Value::String(format!("{new}{rest}"))
            }
            _ => value.clone(),
        },
        Value::Object(map) => {
            map.iter().map(|(name, value)| (name.clone(), replaced(value, old, new))).collect()
        }
        _ => value.clone(),
    }
}

/// A session whose requests go through a proxy of ours.
pub(super) struct Proxied {
    pub(super) proxy: Proxy,
    pub(super) session: Session,
}

/// Puts a proxy before the target, where that can be done.
pub(super) async fn proxied(subject: &Subject<'_>) -> Result<Proxied, Not> {
    let Some((_, url)) = host_place(subject) else {
        return skipped("the connection names no host that a proxy could stand in for");
    };
    let Some((host, port, true)) = origin_of(&url) else {
        return skipped("the target is reached by https: test with one that has plain http");
    };
    let proxy = Proxy::start(format!("{host}:{port}")).await;
    let proxy = proxy.map_err(|error| Not::Judged(format!("no proxy: {error}")))?;
    let connection = moved(subject.connection, &url, proxy.address);
    let session = subject.session(&connection, &[exception(proxy.address)]);
    let session = session.map_err(|_| Not::Judged("the schema refuses the proxy's URL".into()))?;
    session.journal().watch_for(&subject.config.canaries);
    Ok(Proxied { proxy, session })
}

pub(super) fn exception(address: std::net::SocketAddr) -> AddressException {
    AddressException { ip: address.ip(), port: address.port() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_url_of_the_host_is_moved_and_no_other() {
        let connection = json!({
            "url": "http://a:1/v2", "auth": { "token_url": "http://a:1", "other": "http://a:10" }
        });
        let moved = moved(&connection, "http://a:1/v2", ([127, 0, 0, 1], 9).into());
        let expected = json!({
            "url": "http://127.0.0.1:9/v2",
            "auth": { "token_url": "http://127.0.0.1:9", "other": "http://a:10" }
        });
        assert_eq!(moved, expected);
    }
}
