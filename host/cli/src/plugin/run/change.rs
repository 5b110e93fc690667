//! A change of the target: planned, or made and read back.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail, ensure};
use grantry_conformance::Session;
use grantry_model::aggregation::{PAGE_ITEMS_MAX, targets};
use grantry_model::catalogue::{
    Attribute, AttributeDelta, Completeness, ObjectRef, Target, Value as Cell,
};
use grantry_model::plugin::{AttributeSchema, AttributeType, KindSchema};
use grantry_model::provision::{
    CreateRequest, GrantRequest, Operation, Outcome, Plan, RevokeRequest, UpdateRequest,
    Verification,
};
use serde::Serialize;

use super::{arguments, cell, failed};
use crate::options::{Call, RunOptions};
use crate::output::Output;

/// Most pages that are searched for an entitlement.
const PAGES_MAX: u32 = 1_000;

/// What came of a change.
#[derive(Debug, Serialize)]
struct Made {
    outcome: Outcome,
    verification: Option<Verification>,
}

/// Plans the change, or makes it. 1 if the read-back contradicts it.
pub(super) async fn make(
    session: &Session,
    options: &RunOptions,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let operation = operation(session, options).await?;
    let context = session.new_operation();
    if options.plan {
        let plan = session.plan(&operation, &context).await.map_err(failed)?;
        output.print(&plan, plan_words)?;
        return Ok(ExitCode::SUCCESS);
    }
    let outcome = session.apply(&operation, &context).await.map_err(failed)?;
    let verification = session.verify(&operation, &context).await;
    if let Err(fault) = &verification {
        eprintln!("it could not be read back: {fault}");
    }
    let made = Made { outcome, verification: verification.ok() };
    output.print(&made, words)?;
    let contradicts =
        matches!(made.verification, Some(Verification::Absent | Verification::Differs(_)))
            && matches!(made.outcome, Outcome::Done(_) | Outcome::Already(_));
    Ok(if contradicts { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn plan_words(plan: &Plan) -> String {
    let mut lines: Vec<String> = plan
        .calls
        .iter()
        .map(|call| format!("{} {}  {}", cell(&call.method), call.url, cell(&call.summary)))
        .collect();
    lines.extend(plan.warnings.iter().map(|warning| format!("warning: {warning}")));
    match lines.is_empty() {
        true => "Nothing would be sent.".to_owned(),
        false => lines.join("\n"),
    }
}

fn words(made: &Made) -> String {
    let outcome = match &made.outcome {
        Outcome::Done(_) => "done".to_owned(),
        Outcome::Already(_) => "it was so already; nothing was written".to_owned(),
        Outcome::InProgress { poll_after_ms, .. } => {
            format!("in progress; the target wants to be asked again in {poll_after_ms} ms")
        }
        Outcome::Invited { .. } => "invited; it takes effect when it is accepted".to_owned(),
        Outcome::NeedsHuman { message, .. } => format!("a person has to go on: {}", cell(message)),
        Outcome::Partial { failed, .. } => format!("done in part; {} faults", failed.len()),
    };
    let verified = match &made.verification {
        Some(Verification::Holds) => "read back: it is so",
        Some(Verification::Absent) => "read back: IT IS NOT SO",
        Some(Verification::Differs(_)) => "read back: IT IS SO ONLY IN PART",
        Some(Verification::CannotTell(_)) => "read back: the plugin cannot tell",
        None => "not read back",
    };
    format!("{outcome}\n{verified}")
}

async fn operation(session: &Session, options: &RunOptions) -> anyhow::Result<Operation> {
    Ok(match options.call {
        Call::Grant => {
            let [entitlement, kind, id] = arguments(options, "ENTITLEMENT KIND ID")?;
            let on = on_of(session, &entitlement).await?;
            let holder = ObjectRef { kind, id };
            let parameters = Vec::new();
            Operation::Grant(GrantRequest { entitlement, on, holder, ends_ms: None, parameters })
        }
        Call::Revoke => {
            let [entitlement, kind, id] = arguments(options, "ENTITLEMENT KIND ID")?;
            let on = on_of(session, &entitlement).await?;
            let holder = ObjectRef { kind, id };
            Operation::Revoke(RevokeRequest { entitlement, on, holder, assignment_id: None })
        }
        Call::Create => {
            let [kind, values @ ..] = options.arguments.as_slice() else {
                bail!("the call takes KIND NAME=VALUE…");
            };
            let attributes = attributes(session, kind, values).await?;
            let (kind, parent) = (kind.clone(), None);
            Operation::Create(CreateRequest { kind, attributes, parent, ends_ms: None })
        }
        Call::Update => {
            let [kind, id, values @ ..] = options.arguments.as_slice() else {
                bail!("the call takes KIND ID NAME=VALUE…");
            };
            let about = ObjectRef { kind: kind.clone(), id: id.clone() };
            let replace = |attribute: Attribute| AttributeDelta {
                name: attribute.name,
                add: Vec::new(),
                remove: Vec::new(),
                replace: Some(attribute.values),
            };
            let deltas = attributes(session, kind, values).await?.into_iter().map(replace);
            let deltas = deltas.collect();
            Operation::Update(UpdateRequest { about, deltas, if_match: None })
        }
        Call::Delete => Operation::Delete(about(options)?),
        Call::Enable => Operation::Enable(about(options)?),
        Call::Disable => Operation::Disable(about(options)?),
        _ => bail!("the call changes nothing"),
    })
}

fn about(options: &RunOptions) -> anyhow::Result<ObjectRef> {
    let [kind, id] = arguments(options, "KIND ID")?;
    Ok(ObjectRef { kind, id })
}

/// What the entitlement is on: the host knows it from the last sync, here it is looked up.
async fn on_of(session: &Session, entitlement: &str) -> anyhow::Result<ObjectRef> {
    let kinds = session.discover_schema().await.map_err(failed)?;
    let listings = targets(&kinds);
    let mut pages = 0;
    for listing in listings.iter().filter(|of| matches!(of, Target::EntitlementsOfKind(_))) {
        let mut at = None;
        loop {
            ensure!(pages < PAGES_MAX, "the entitlements do not end within {PAGES_MAX} pages");
            pages += 1;
            let page = session.read_page(listing, at, PAGE_ITEMS_MAX).await.map_err(failed)?;
            if let Some(found) = page.entitlements.into_iter().find(|row| row.id == entitlement) {
                return Ok(found.on);
            }
            at = page.next;
            if at.is_none() {
                break;
            }
        }
    }
    Err(anyhow!("the target lists no entitlement `{entitlement}`; `… entitlements` shows them"))
}

/// `NAME=VALUE` as attributes of the types that the kind declares.
async fn attributes(
    session: &Session,
    kind: &str,
    values: &[String],
) -> anyhow::Result<Vec<Attribute>> {
    let kinds = session.discover_schema().await.map_err(failed)?;
    let schema = kinds.iter().find(|known| known.kind == kind);
    let schema = schema.with_context(|| format!("there is no kind `{kind}`"))?;
    values.iter().map(|value| attribute(schema, value)).collect()
}

fn attribute(schema: &KindSchema, text: &str) -> anyhow::Result<Attribute> {
    let (name, value) = text.split_once('=').context("give values as NAME=VALUE")?;
    let declared = schema.attributes.iter().find(|attribute| attribute.name == name);
    let declared = declared.with_context(|| format!("a `{}` has no `{name}`", schema.kind))?;
    let value =
        typed(declared, value).with_context(|| format!("`{value}` does not fit `{name}`"))?;
    Ok(Attribute {
        name: name.to_owned(),
        values: vec![value],
        completeness: Completeness::Complete,
    })
}

fn typed(declared: &AttributeSchema, text: &str) -> Option<Cell> {
    let owned = text.to_owned();
    Some(match declared.of_type {
        AttributeType::Text | AttributeType::Secret => Cell::Text(owned),
        AttributeType::Boolean => Cell::Boolean(text.parse().ok()?),
        AttributeType::Integer => Cell::Integer(text.parse().ok()?),
        AttributeType::Decimal => Cell::Decimal(owned),
        AttributeType::Real => Cell::Real(text.parse().ok()?),
        AttributeType::Bytes => Cell::Bytes(owned.into_bytes()),
        AttributeType::Timestamp => Cell::TimestampMs(text.parse().ok()?),
        AttributeType::Date => Cell::Date(owned),
        AttributeType::Uuid => Cell::Uuid(owned),
        AttributeType::Json => Cell::Json(owned),
        AttributeType::Reference => {
            let kind = declared.reference_kind.clone()?;
            Cell::Reference(ObjectRef { kind, id: owned })
        }
    })
}
