//! Reading everything: whole, the same whatever the page size, and as the schema says.

use std::collections::{BTreeMap, BTreeSet};

use grantry_model::aggregation::PAGE_ITEMS_MAX;
use grantry_model::catalogue::{
    Attribute, NATIVE_ID_BYTES_MAX, Object, ObjectRef, Page, Target, Value as Cell,
};
use grantry_model::plugin::{AttributeSchema, AttributeType, KindSchema};

use super::Subject;
use crate::checks::{
    AGAIN, COUNTS, CURSORS, DUPLICATES, EMPTY_PAGES, GETS, IDS, PAGE_LIMIT, PAGE_SIZE, REFERENCES,
    RESUME, SCHEMA_TRUE, UNREADABLE, WHOLE,
};
use crate::reading::{End, How, Listing, Reading, Rows, count, same};
use crate::report::{Report, Verdict, broken, skipped};
use crate::sandbox::Session;

/// Empty pages in a row after which a listing gives a host reason to doubt.
const EMPTY_MAX: usize = 10;
/// Objects that are read one by one.
const GETS_MAX: usize = 5;
/// An id that no target has.
const NO_ID: &str = "no-such-id-0";

/// All checks of the group; everything that there is, if it could be read.
pub(super) async fn check(
    subject: &Subject<'_>,
    session: &Session,
    kinds: &[KindSchema],
    report: &mut Report,
) -> Option<Reading> {
    let base = Reading::of(session, kinds, How::pages_of(PAGE_ITEMS_MAX)).await;
    report.note(&WHOLE, whole(&base));
    report.note(&IDS, ids(&base));
    if !base.is_whole() {
        of_pages(&[&base], report);
        return None;
    }
    report.note(&REFERENCES, references(&base));
    report.note(&SCHEMA_TRUE, each_attribute(&base, as_declared));
    report.note(&UNREADABLE, each_attribute(&base, readable));
    if subject.is_wanted("reading") {
        report.note(&COUNTS, counts(session, &base).await);
        report.note(&GETS, gets(session, &base).await);
        sizes(subject, session, &base, report).await;
    }
    Some(base)
}

/// What shows in one reading and not in another, because it has more pages.
fn of_pages(readings: &[&Reading], report: &mut Report) {
    let each = |judge: fn(&Reading) -> Verdict| readings.iter().try_for_each(|read| judge(read));
    report.note(&CURSORS, each(no_cursor_loop));
    report.note(&EMPTY_PAGES, each(empty_pages));
    report.note(&DUPLICATES, each(duplicates));
}

/// Reads again with other pages, with cuts, and after a reading that was given up.
async fn sizes(subject: &Subject<'_>, session: &Session, base: &Reading, report: &mut Report) {
    let expected = base.rows();
    let largest = base.listings.iter().map(Listing::count).max().unwrap_or(0);
    if largest > subject.config.rows_max {
        let reason = format!("a listing has {largest} rows: test with a smaller target");
        for check in [&PAGE_SIZE, &PAGE_LIMIT, &RESUME, &AGAIN] {
            report.note(check, skipped(reason.clone()));
        }
        return of_pages(&[base], report);
    }
    let sevens = Reading::of(session, &base.kinds, How::pages_of(7)).await;
    let ones = Reading::of(session, &base.kinds, How::pages_of(1)).await;
    of_pages(&[base, &sevens, &ones], report);
    let same_set = equals(&expected, &sevens, "with pages of 7");
    let same_set = same_set.and_then(|()| equals(&expected, &ones, "with pages of 1"));
    let within = page_limit(&sevens, 7).and_then(|()| page_limit(&ones, 1));
    report.note(&PAGE_SIZE, same_set);
    report.note(&PAGE_LIMIT, within);
    let cut = How { first: 2, later: 3, is_cut: true, ..How::pages_of(3) };
    let cut = Reading::of(session, &base.kinds, cut).await;
    report.note(&RESUME, equals(&expected, &cut, "with a cut at every page, and pages of 2 and 3"));
    let given_up = How { pages_max: 1, ..How::pages_of(2) };
    let _ = Reading::of(session, &base.kinds, given_up).await;
    let again = Reading::of(session, &base.kinds, How::pages_of(PAGE_ITEMS_MAX)).await;
    report.note(&AGAIN, equals(&expected, &again, "read again"));
}

fn equals(expected: &Rows, found: &Reading, how: &str) -> Verdict {
    if let Some(listing) = found.listings.iter().find(|listing| listing.end != End::Reached) {
        return broken(format!("{how}: `{}` {}", listing.target.name(), end_words(&listing.end)));
    }
    same(expected, &found.rows(), how)
}

fn end_words(end: &End) -> String {
    match end {
        End::Reached => "ended".to_owned(),
        End::CursorLoop => "gave a cursor that it had given before".to_owned(),
        End::EmptyPages => "gave ever more empty pages".to_owned(),
        End::TooManyPages => "did not end".to_owned(),
        End::Failed(fault) => format!("failed: {fault} (`{}`)", fault.code()),
    }
}

fn whole(reading: &Reading) -> Verdict {
    for listing in &reading.listings {
        let name = listing.target.name();
        if listing.end != End::Reached {
            return broken(format!("`{name}` {}", end_words(&listing.end)));
        }
        let Some(last) = listing.pages.last() else { continue };
        if !last.is_complete {
            return broken(format!("`{name}` ends without `is-complete`: nothing is ever removed"));
        }
        if let Some(skip) = listing.pages.iter().flat_map(|page| &page.skipped).next() {
            return broken(format!("`{name}` skips something: {}", skip.error));
        }
        let total = listing.pages.iter().rev().find_map(|page| page.expected_total);
        if let Some(total) = total.filter(|total| *total != listing.count() as u64) {
            let rows = listing.count();
            return broken(format!("`{name}` says {total} rows and lists {rows}"));
        }
    }
    Ok(())
}

fn no_cursor_loop(reading: &Reading) -> Verdict {
    match reading.listings.iter().find(|listing| listing.end == End::CursorLoop) {
        Some(Listing { target, end, .. }) => {
            broken(format!("`{}` {}", target.name(), end_words(end)))
        }
        None => Ok(()),
    }
}

fn empty_pages(reading: &Reading) -> Verdict {
    for listing in &reading.listings {
        let is_empty = |page: &Page| count(page) == 0 && page.next.is_some();
        let runs = listing.pages.split(|page| !is_empty(page));
        let longest = runs.map(<[Page]>::len).max().unwrap_or(0);
        if longest > EMPTY_MAX {
            let name = listing.target.name();
            return broken(format!("`{name}` has {longest} empty pages in a row"));
        }
    }
    Ok(())
}

fn duplicates(reading: &Reading) -> Verdict {
    for listing in &reading.listings {
        let mut seen = BTreeSet::new();
        let rows = listing.rows();
        if let Some((key, _)) = rows.iter().find(|(key, _)| !seen.insert(key)) {
            return broken(format!("`{}` lists `{key}` twice", listing.target.name()));
        }
    }
    Ok(())
}

fn page_limit(reading: &Reading, items: u32) -> Verdict {
    for listing in &reading.listings {
        let most = listing.pages.iter().map(count).max().unwrap_or(0);
        if most > items as usize {
            let name = listing.target.name();
            return broken(format!("`{name}` gave {most} rows where {items} were asked for"));
        }
    }
    Ok(())
}

/// Rows are of the listing that was asked for, and have ids that can be stored.
fn ids(reading: &Reading) -> Verdict {
    for listing in &reading.listings {
        let name = listing.target.name();
        for page in &listing.pages {
            let fits = match &listing.target {
                Target::Objects(kind) => {
                    page.entitlements.is_empty()
                        && page.assignments.is_empty()
                        && page.objects.iter().all(|row| row.id.kind == *kind)
                }
                Target::EntitlementsOfKind(kind) => {
                    page.objects.is_empty()
                        && page.assignments.is_empty()
                        && page.entitlements.iter().all(|row| row.on.kind == *kind)
                }
                _ => page.objects.is_empty() && page.entitlements.is_empty(),
            };
            if !fits {
                return broken(format!("`{name}` holds rows that were not asked for"));
            }
            let texts = page.objects.iter().map(|row| &row.id.id);
            let texts = texts.chain(page.entitlements.iter().map(|row| &row.id));
            let mut texts = texts.chain(page.assignments.iter().map(|row| &row.holder.id));
            if texts.any(|id| id.is_empty() || id.len() > NATIVE_ID_BYTES_MAX) {
                let max = NATIVE_ID_BYTES_MAX;
                return broken(format!("`{name}` has an id that is empty or over {max} bytes"));
            }
        }
    }
    Ok(())
}

fn references(reading: &Reading) -> Verdict {
    let reference = |row: &Object| (row.id.kind.clone(), row.id.id.clone());
    let objects: BTreeSet<(String, String)> = reading.objects().map(reference).collect();
    let has = |of: &ObjectRef| objects.contains(&(of.kind.clone(), of.id.clone()));
    let entitlements: BTreeMap<&str, &[String]> =
        reading.entitlements().map(|row| (row.id.as_str(), row.grantable_to.as_slice())).collect();
    let parents = reading.objects().filter_map(|row| row.id.parent.as_ref());
    if let Some(parent) = parents.into_iter().find(|parent| !has(parent)) {
        return broken(format!("the parent {} `{}` is not listed", parent.kind, parent.id));
    }
    if let Some(row) = reading.entitlements().find(|row| !has(&row.on)) {
        return broken(format!(
            "`{}` is on {} `{}`, which is not listed",
            row.id, row.on.kind, row.on.id
        ));
    }
    for row in reading.assignments() {
        let (entitlement, holder) = (&row.entitlement, &row.holder);
        let Some(grantable_to) = entitlements.get(entitlement.as_str()) else {
            return broken(format!("`{entitlement}` is held, and no listing has it"));
        };
        if !has(holder) {
            return broken(format!(
                "{} `{}` holds something and is not listed",
                holder.kind, holder.id
            ));
        }
        if !grantable_to.contains(&holder.kind) {
            return broken(format!(
                "a {} holds `{entitlement}`, which is not grantable to it",
                holder.kind
            ));
        }
    }
    Ok(())
}

/// Judges each attribute of each object by its declaration.
fn each_attribute(
    reading: &Reading,
    judge: fn(&str, &Attribute, Option<&AttributeSchema>) -> Verdict,
) -> Verdict {
    if reading.kinds.iter().all(|kind| kind.attributes.is_empty()) {
        return match reading.objects().find(|row| !row.attributes.is_empty()) {
            Some(row) => broken(format!("`{}` has attributes and declares none", row.id.kind)),
            None => skipped("no kind declares attributes, and no object has any"),
        };
    }
    for object in reading.objects() {
        let kind = reading.kinds.iter().find(|kind| kind.kind == object.id.kind);
        for attribute in &object.attributes {
            let declared = kind.and_then(|kind| {
                kind.attributes.iter().find(|declared| declared.name == attribute.name)
            });
            judge(&format!("{}.{}", object.id.kind, attribute.name), attribute, declared)?;
        }
    }
    Ok(())
}

fn as_declared(place: &str, attribute: &Attribute, declared: Option<&AttributeSchema>) -> Verdict {
    let Some(declared) = declared else {
        return broken(format!("`{place}` is not declared"));
    };
    if !has(declared, "multi_valued") && attribute.values.len() > 1 {
        let values = attribute.values.len();
        return broken(format!("`{place}` has {values} values and is not multi-valued"));
    }
    match attribute.values.iter().all(|value| is_of(declared.of_type, value)) {
        true => Ok(()),
        false => {
            broken(format!("`{place}` is declared {:?} and has another type", declared.of_type))
        }
    }
}

fn readable(place: &str, _: &Attribute, declared: Option<&AttributeSchema>) -> Verdict {
    match declared {
        Some(declared) if !has(declared, "readable") => {
            broken(format!("`{place}` is not declared readable, and is listed"))
        }
        _ => Ok(()),
    }
}

fn has(attribute: &AttributeSchema, name: &str) -> bool {
    attribute.traits.iter().any(|held| held == name)
}

fn is_of(declared: AttributeType, value: &Cell) -> bool {
    match value {
        Cell::Text(_) => matches!(declared, AttributeType::Text | AttributeType::Secret),
        Cell::Boolean(_) => declared == AttributeType::Boolean,
        Cell::Integer(_) => declared == AttributeType::Integer,
        Cell::Decimal(_) => declared == AttributeType::Decimal,
        Cell::Real(_) => declared == AttributeType::Real,
        Cell::Bytes(_) => declared == AttributeType::Bytes,
        Cell::TimestampMs(_) => declared == AttributeType::Timestamp,
        Cell::Date(_) => declared == AttributeType::Date,
        Cell::Uuid(_) => declared == AttributeType::Uuid,
        Cell::Reference(_) => declared == AttributeType::Reference,
        Cell::Json(_) => declared == AttributeType::Json,
    }
}

async fn counts(session: &Session, base: &Reading) -> Verdict {
    let mut is_told = false;
    for listing in &base.listings {
        let Target::Objects(kind) = &listing.target else { continue };
        let rows = listing.count() as u64;
        match session.count(kind).await {
            Ok(Some(count)) if count != rows => {
                return broken(format!("`count` says {count} `{kind}`, and {rows} are listed"));
            }
            Ok(count) => is_told |= count.is_some(),
            Err(fault) => return broken(format!("`count` of `{kind}` failed: {fault}")),
        }
    }
    match is_told {
        true => Ok(()),
        false => skipped("the plugin counts nothing"),
    }
}

async fn gets(session: &Session, base: &Reading) -> Verdict {
    let mut offers_any = false;
    for listing in &base.listings {
        let Target::Objects(kind) = &listing.target else { continue };
        let mut is_offered = false;
        for listed in listing.pages.iter().flat_map(|page| &page.objects).take(GETS_MAX) {
            let id = ObjectRef { kind: kind.clone(), id: listed.id.id.clone() };
            match session.get(id).await {
                Ok(Some(got)) if got.id.id == listed.id.id && got.id.kind == *kind => {
                    is_offered = true;
                }
                Ok(Some(got)) => {
                    return broken(format!("`get` of `{}` gave `{}`", listed.id.id, got.id.id));
                }
                Ok(None) => {
                    return broken(format!("`get` does not find the listed `{}`", listed.id.id));
                }
                Err(fault) if fault.code() == "unsupported" => break,
                Err(fault) => return broken(format!("`get` of `{}`: {fault}", listed.id.id)),
            }
        }
        let nobody = ObjectRef { kind: kind.clone(), id: NO_ID.to_owned() };
        if is_offered && !matches!(session.get(nobody).await, Ok(None)) {
            return broken(format!("`get` of a `{kind}` that is not there does not say so"));
        }
        offers_any |= is_offered;
    }
    match offers_any {
        true => Ok(()),
        false => skipped("the plugin reads no single objects"),
    }
}
