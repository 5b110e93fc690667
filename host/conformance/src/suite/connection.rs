//! The connection: a good one works, a bad one is refused, and what it shows stays within the
//! manifest.

use grantry_model::approval::AddressException;
use grantry_model::connection as split_connection;
use grantry_model::plugin::{ConnectionReport, KindSchema, TestDepth};
use serde_json::{Value, json};

use super::Subject;
use super::target::{exception, host_place, moved};
use crate::checks::{ANY_INPUT, BAD_REFUSED, WITHIN_MANIFEST, WORKS, WRONG_HOST, WRONG_SECRET};
use crate::config::merge;
use crate::manifest;
use crate::proxy::closed_address;
use crate::report::{Not, Report, Verdict, broken, skipped};
use crate::sandbox::Session;

/// All checks of the group; the kinds of this tenant, or why there is nothing to go on with.
pub(super) async fn check(
    subject: &Subject<'_>,
    session: &Session,
    report: &mut Report,
) -> Result<Vec<KindSchema>, String> {
    let works = works(session).await;
    report.note(&WORKS, works.as_ref().map(drop).map_err(Clone::clone));
    if subject.is_wanted("connection") {
        report.note(&ANY_INPUT, any_input(session).await);
    }
    let Ok(tested) = works else {
        super::calls::check(subject, session, report);
        return Err("the connection does not work: see `connection.works`".to_owned());
    };
    if subject.is_wanted("connection") {
        report.note(&BAD_REFUSED, bad_are_refused(subject).await);
        report.note(&WRONG_SECRET, wrong_secret(subject).await);
        report.note(&WRONG_HOST, wrong_host(subject).await);
    }
    let kinds = session.discover_schema().await;
    let kinds = kinds.map_err(|fault| format!("`discover-schema` failed: {fault}"))?;
    let mut seen = kinds.clone();
    seen.extend(tested.effective);
    report.note(&WITHIN_MANIFEST, within_manifest(&subject.sandbox.report.manifest.kinds, &seen));
    Ok(kinds)
}

async fn works(session: &Session) -> Result<ConnectionReport, Not> {
    match session.validate_config(None).await {
        Ok(issues) if issues.is_empty() => {}
        Ok(issues) => return broken(format!("`validate-config`: {}", manifest::words(&issues))),
        Err(fault) => return broken(format!("`validate-config` failed: {fault}")),
    }
    let tested = session.test_connection(TestDepth::Read).await;
    tested
        .or_else(|fault| broken(format!("`test-connection` failed: {fault} (`{}`)", fault.code())))
}

/// What an admin may have typed: the plugin answers, whatever it thinks of it.
async fn any_input(session: &Session) -> Verdict {
    let odd = [
        json!({}),
        json!([]),
        json!(null),
        json!({ "url": 1, "auth": "x" }),
        json!({ "url": "", "auth": {} }),
        json!({ "url": "\u{0}://é[", "auth": { "type": [] } }),
    ];
    for connection in odd {
        if let Err(fault) = session.validate_config(Some(&connection.to_string())).await {
            return broken(format!("`validate-config` of `{connection}`: {fault}"));
        }
    }
    Ok(())
}

async fn bad_are_refused(subject: &Subject<'_>) -> Verdict {
    if subject.config.bad_connections.is_empty() {
        return skipped("the configuration has no `bad_connections`");
    }
    for bad in &subject.config.bad_connections {
        let connection = merge(subject.connection, &bad.connection);
        if !is_refused(subject, &connection).await? {
            return broken(format!("{}: nothing says so", bad.why));
        }
    }
    Ok(())
}

/// With another secret the target refuses the credential; where it does not, that is the target's.
async fn wrong_secret(subject: &Subject<'_>) -> Verdict {
    let schema = &subject.sandbox.report.manifest.connection_schema;
    let split = split_connection::split(schema, subject.connection);
    let split = split.map_err(|issues| Not::Judged(manifest::words(&issues)))?;
    if split.secrets.is_empty() {
        return skipped("the connection has no secret");
    }
    let wrong = |(place, _): &(String, _)| (place.clone(), format!("wrong-{}", subject.unique));
    let wrong: Vec<(String, String)> = split.secrets.iter().map(wrong).collect();
    let connection = split_connection::join(&split.public, &wrong);
    let session = made_up(subject, &connection, &[]).await?;
    match test_fails(&session).await? {
        true => Ok(()),
        false => broken("`test-connection` says that a wrong credential works"),
    }
}

async fn wrong_host(subject: &Subject<'_>) -> Verdict {
    let Some((_, url)) = host_place(subject) else {
        return skipped("the connection names no host");
    };
    let address = closed_address().await.map_err(|error| Not::Judged(error.to_string()))?;
    let connection = moved(subject.connection, &url, address);
    let session = made_up(subject, &connection, &[exception(address)]).await?;
    match test_fails(&session).await? {
        true => Ok(()),
        false => broken("`test-connection` says that a host on which nobody listens works"),
    }
}

/// A session with a connection that the suite made up, if it gets as far as `test-connection`.
async fn made_up(
    subject: &Subject<'_>,
    connection: &Value,
    more: &[AddressException],
) -> Result<Session, Not> {
    let session = match subject.session(connection, more) {
        Ok(session) => session,
        Err(issues) => return skipped(format!("the schema says: {}", manifest::words(&issues))),
    };
    match session.validate_config(None).await {
        Ok(issues) if issues.is_empty() => Ok(session),
        Ok(issues) => skipped(format!("`validate-config` says: {}", manifest::words(&issues))),
        Err(fault) => broken(format!("`validate-config` failed: {fault}")),
    }
}

/// Whether schema, `validate-config` or `test-connection` say that it does not work.
async fn is_refused(subject: &Subject<'_>, connection: &Value) -> Result<bool, Not> {
    match made_up(subject, connection, &[]).await {
        Ok(session) => test_fails(&session).await,
        Err(Not::Judged(_)) => Ok(true),
        Err(not) => Err(not),
    }
}

async fn test_fails(session: &Session) -> Result<bool, Not> {
    match session.test_connection(TestDepth::Read).await {
        Ok(_) => Ok(false),
        Err(fault) if fault.is_misbehaviour() => broken(format!("`test-connection`: {fault}")),
        Err(_) => Ok(true),
    }
}

fn within_manifest(declared: &[KindSchema], seen: &[KindSchema]) -> Verdict {
    for kind in seen {
        let Some(most) = declared.iter().find(|declared| declared.kind == kind.kind) else {
            return broken(format!("the kind `{}` is not in the manifest", kind.kind));
        };
        if let Some(verb) = kind.verbs.iter().find(|verb| !most.verbs.contains(verb)) {
            return broken(format!("`{}` has the verb {verb:?} only in this tenant", kind.kind));
        }
    }
    Ok(())
}
