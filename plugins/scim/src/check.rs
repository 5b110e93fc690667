//! Whether the connection works, in words for the admin.

use grantry_sdk::http::HttpError;
use grantry_sdk::lifecycle::{ConnectionReport, KindSchema, TestDepth};
use grantry_sdk::types::{Error, Result};

use crate::aggregate::collection;
use crate::client::{Client, Reply};
use crate::listing::ListPage;
use crate::manifest;
use crate::resource::id;
use crate::service::Service;

/// Asks for the server's configuration and for one user and one group.
///
/// # Errors
/// What is wrong with the address or the credential.
pub fn test_connection(client: &Client<'_>, depth: TestDepth) -> Result<ConnectionReport> {
    let mut report = ConnectionReport::of(Vec::new());
    let service = read_service(client, &mut report)?;
    if !service.has_patch {
        report.warnings.push("the server offers no `PATCH`: groups are written back whole".into());
    }
    if depth == TestDepth::WriteProbe {
        report.warnings.push("writes were not probed: they are read back one by one".into());
    }
    for kind in manifest::describe().kinds {
        if depth == TestDepth::Connect || is_readable(client, &kind.kind, &mut report)? {
            report.effective.push(kind);
        }
    }
    Ok(report)
}

/// The kinds that this server lets us list.
///
/// # Errors
/// As the server says.
pub fn discover_schema(client: &Client<'_>) -> Result<Vec<KindSchema>> {
    Ok(test_connection(client, TestDepth::Read)?.effective)
}

fn read_service(client: &Client<'_>, report: &mut ConnectionReport) -> Result<Service> {
    let reply = client.try_get("/ServiceProviderConfig")?.map_err(in_words)?;
    match reply.status {
        300..=399 => Err(wrong_url("the server redirects; enter the address that it redirects to")),
        _ if reply.is_success() && reply.body.is_object() => Service::parse(&reply.body),
        _ if reply.is_success() => Err(wrong_url("what answers there is not a SCIM service")),
        401 => Err(reply.to_error(false)),
        403..=405 | 501 => {
            report.warnings.push(format!(
                "the server shows no `/ServiceProviderConfig` ({}); usual settings are assumed",
                reply.status
            ));
            Ok(Service::default())
        }
        _ => Err(reply.to_error(false)),
    }
}

fn is_readable(client: &Client<'_>, kind: &str, report: &mut ConnectionReport) -> Result<bool> {
    let path = format!("{}?startIndex=1&count=1", collection(kind)?);
    let reply = client.try_get(&path)?.map_err(in_words)?;
    match reply.status {
        403 => {
            report.missing_permissions.push(format!("list every `{kind}`"));
            Ok(false)
        }
        404 | 501 if kind == "User" => Err(wrong_url("there is no `/Users` below this address")),
        404 | 501 => {
            report.warnings.push(format!("the server has no `{kind}`"));
            Ok(false)
        }
        _ => look_at(reply.success()?, kind, report),
    }
}

/// Warns of what a one-item list shows of the server's habits.
fn look_at(reply: Reply, kind: &str, report: &mut ConnectionReport) -> Result<bool> {
    let page = ListPage::parse(reply.body, false)?;
    match page.total {
        None => report.warnings.push(format!(
            "the server does not say how many `{kind}` there are: removals cannot be noticed"
        )),
        Some(total) if total > 0 && page.resources.is_empty() => report
            .warnings
            .push(format!("the server says that there are {total} `{kind}` but lists none")),
        Some(_) => {}
    }
    if page.resources.len() > 1 {
        report.warnings.push(format!("the server ignores `count` in lists of `{kind}`"));
    }
    if page.resources.iter().any(|resource| id(resource).is_none()) {
        report.warnings.push(format!("the server lists a `{kind}` without an id"));
    }
    Ok(true)
}

fn wrong_url(message: &str) -> Error {
    Error::invalid_config("/url", "no_scim_service", message)
}

/// A missing answer, with what the host says of it.
fn in_words(error: HttpError) -> Error {
    match error {
        HttpError::Connect(why) => Error::Other(format!("could not connect: {why}")),
        HttpError::Protocol(why) => Error::Other(format!("the answer did not come whole: {why}")),
        other => Error::from_http(other, false),
    }
}
