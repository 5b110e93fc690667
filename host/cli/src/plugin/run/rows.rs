//! Rows of a listing, as a table or one JSON object a line.

use anyhow::{bail, ensure};
use grantry_conformance::Session;
use grantry_model::aggregation::{PAGE_ITEMS_MAX, targets};
use grantry_model::catalogue::{Assignment, Entitlement, Object, Page, Target};
use serde::Serialize;

use super::{cell, failed};
use crate::options::{Call, RunOptions};
use crate::output::{Output, table};

pub(super) const OBJECT_HEAD: [&str; 5] = ["KIND", "ID", "NAME", "DISPLAY", "STATUS"];
const ENTITLEMENT_HEAD: [&str; 5] = ["ID", "KIND", "ON", "DISPLAY", "GRANTABLE TO"];
const ASSIGNMENT_HEAD: [&str; 3] = ["ENTITLEMENT", "HOLDER", "ENDS"];
/// Most pages that one command reads.
const PAGES_MAX: u32 = 10_000;

/// Reads the listings of the call, page after page, until there are enough rows.
pub(super) async fn print(
    session: &Session,
    options: &RunOptions,
    output: Output,
) -> anyhow::Result<()> {
    let listings = listings(session, options).await?;
    let mut rows = vec![head(options.call)];
    let (mut left, mut pages) = (options.rows, 0);
    for listing in &listings {
        let mut at = None;
        while left > 0 {
            ensure!(pages < PAGES_MAX, "the listings do not end within {PAGES_MAX} pages");
            let page = session.read_page(listing, at, left.min(PAGE_ITEMS_MAX)).await;
            let page = page.map_err(failed)?;
            pages += 1;
            let read = take(&page, output, &mut rows)?;
            left = left.saturating_sub(read);
            for skip in &page.skipped {
                eprintln!("skipped: {}", cell(&skip.error.to_string()));
            }
            at = page.next;
            if at.is_none() {
                break;
            }
        }
    }
    if !output.is_json {
        println!("{}", table(&rows));
    }
    let read = options.rows - left;
    let more = if left == 0 { "; there may be more: `--rows`" } else { "" };
    eprintln!("{read} rows in {pages} pages{more}");
    Ok(())
}

fn head(call: Call) -> Vec<String> {
    let head: &[&str] = match call {
        Call::Entitlements => &ENTITLEMENT_HEAD,
        Call::Assignments => &ASSIGNMENT_HEAD,
        _ => &OBJECT_HEAD,
    };
    head.iter().map(|cell| (*cell).to_owned()).collect()
}

/// The listings that the call is about, in the order in which a sync reads them.
async fn listings(session: &Session, options: &RunOptions) -> anyhow::Result<Vec<Target>> {
    let kinds = session.discover_schema().await.map_err(failed)?;
    let is_account =
        |name: &String| kinds.iter().any(|kind| kind.kind == *name && kind.is_account());
    let is_meant = |target: &Target| match (options.call, target) {
        (Call::Accounts, Target::Objects(kind)) => is_account(kind),
        (Call::Resources, Target::Objects(kind)) => !is_account(kind),
        (Call::Entitlements, Target::EntitlementsOfKind(_)) => true,
        (Call::Assignments, Target::AssignmentsOfKind(_)) => true,
        _ => false,
    };
    let is_of_kind = |target: &Target| match (target, &options.kind) {
        (_, None) => true,
        (
            Target::Objects(kind)
            | Target::EntitlementsOfKind(kind)
            | Target::AssignmentsOfKind(kind),
            Some(only),
        ) => kind == only,
        _ => false,
    };
    let all = targets(&kinds).into_iter();
    let meant: Vec<Target> = all.filter(|target| is_meant(target) && is_of_kind(target)).collect();
    if let Some(kind) = options.kind.as_ref().filter(|_| meant.is_empty()) {
        bail!("there is no such listing of a kind `{kind}`: the call `schema` shows the kinds");
    }
    Ok(meant)
}

/// Prints a page, or adds it to the table; the number of its rows.
fn take(page: &Page, output: Output, table: &mut Vec<Vec<String>>) -> anyhow::Result<u32> {
    let rows = page.objects.len() + page.entitlements.len() + page.assignments.len();
    if output.is_json {
        page.objects.iter().try_for_each(line)?;
        page.entitlements.iter().try_for_each(line)?;
        page.assignments.iter().try_for_each(line)?;
    } else {
        table.extend(page.objects.iter().map(object));
        table.extend(page.entitlements.iter().map(entitlement));
        table.extend(page.assignments.iter().map(assignment));
    }
    Ok(u32::try_from(rows).unwrap_or(u32::MAX))
}

fn line(row: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(row)?);
    Ok(())
}

/// An object's cells.
pub(super) fn object(object: &Object) -> Vec<String> {
    let or_empty = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
    vec![
        cell(&object.id.kind),
        cell(&object.id.id),
        or_empty(&object.id.name),
        or_empty(&object.display),
        object.status.name().to_owned(),
    ]
}

fn entitlement(entitlement: &Entitlement) -> Vec<String> {
    vec![
        cell(&entitlement.id),
        cell(&entitlement.kind),
        cell(&format!("{} {}", entitlement.on.kind, entitlement.on.id)),
        cell(&entitlement.display),
        cell(&entitlement.grantable_to.join(", ")),
    ]
}

fn assignment(assignment: &Assignment) -> Vec<String> {
    vec![
        cell(&assignment.entitlement),
        cell(&format!("{} {}", assignment.holder.kind, assignment.holder.id)),
        assignment.ends_ms.map(|ends| ends.to_string()).unwrap_or_default(),
    ]
}
