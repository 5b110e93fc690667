//! Turns a page as a plugin returned it into catalogue rows.
//!
//! Pure: a page in, rows, keys and complaints out. Everything from the plugin is treated as hostile:
//! ids are bounded and unique, references are checked against what the run has seen, text is made
//! printable. What does not fit is left out, counted and told (never silently).

use std::collections::HashSet;

use grantry_model::aggregation::{PAGE_ITEMS_MAX, PageFault};
use grantry_model::catalogue::{
    Assignment, Disposition, Entitlement, NATIVE_ID_BYTES_MAX, Object, ObjectRef, Page, Target,
};
use grantry_model::fingerprint::{Domain as KeyDomain, Key, Keys, row_hash};
use grantry_model::text::printable;
use grantry_store::{AssignmentRow, Class, Domain, EntitlementRow, ObjectRow, RunIssue, Seen};

/// Longest display name that is kept, in characters.
const DISPLAY_CHARACTERS_MAX: usize = 300;
/// Longest JSON of one row that is kept, in bytes.
const DETAILS_BYTES_MAX: usize = 64 * 1024;

/// A page's rows, by what it was asked for.
#[derive(Debug)]
pub(crate) enum Rows {
    Objects(Vec<ObjectRow>),
    Entitlements(Vec<EntitlementRow>),
    Assignments(Vec<AssignmentRow>),
}

/// A page, ready to be stored.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub rows: Rows,
    pub seen: Vec<Seen>,
    /// Rows that are there, but do not fit: reported, so not vanished.
    pub left_out: Vec<Seen>,
    pub issues: Vec<RunIssue>,
}

/// What references may point at.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub objects: HashSet<Key>,
    pub entitlements: HashSet<Key>,
}

/// What the rows of a listing are.
pub(crate) fn domain(target: &Target) -> Domain {
    match target {
        Target::Objects(_) => Domain::Objects,
        Target::EntitlementsOfKind(_) | Target::EntitlementsOf(_) => Domain::Entitlements,
        Target::AssignmentsOfKind(_) | Target::AssignmentsOf(_) => Domain::Assignments,
    }
}

/// Refuses a page with rows that were not asked for, or with too many.
pub(crate) fn check(target: &Target, page: &Page) -> Result<(), PageFault> {
    let domain = domain(target);
    let is_unexpected = (domain != Domain::Objects && !page.objects.is_empty())
        || (domain != Domain::Entitlements && !page.entitlements.is_empty())
        || (domain != Domain::Assignments && !page.assignments.is_empty());
    if is_unexpected {
        let what = format!("the page holds rows that {target:?} did not ask for");
        return Err(PageFault::UnexpectedRow(what));
    }
    let rows = page.objects.len() + page.entitlements.len() + page.assignments.len();
    if rows > PAGE_ITEMS_MAX as usize {
        let what = format!("the page has {rows} rows; at most {PAGE_ITEMS_MAX} were asked for");
        return Err(PageFault::UnexpectedRow(what));
    }
    // Without rows it would look like a listing of nothing.
    if page.scope.as_ref().is_some_and(|scope| scope.disposition == Disposition::Unchanged) {
        let what = "the page calls its scope unchanged, but the host gave no validator to ask with";
        return Err(PageFault::UnexpectedRow(what.to_owned()));
    }
    Ok(())
}

/// The digest of a page's content: equal digests mean equal rows of the same listing.
pub(crate) fn digest(target: &Target, page: &Page, buffer: &mut Vec<u8>) -> String {
    buffer.clear();
    write_json(target, buffer);
    if page.assignments.is_empty() {
        write_json(&page.objects, buffer);
        write_json(&page.entitlements, buffer);
    }
    for assignment in &page.assignments {
        write_assignment(assignment, buffer);
    }
    let hash = blake3::hash(buffer);
    hex::encode(&hash.as_bytes()[..16])
}

/// JSON into a buffer: writing to memory does not fail, and these types have no map with other keys
/// than texts.
fn write_json(value: &impl serde::Serialize, buffer: &mut Vec<u8>) {
    serde_json::to_writer(buffer, value).expect("plain data becomes JSON");
}

/// The hot path of a large run: lengths and bytes, JSON only for what is rarely there.
fn write_assignment(assignment: &Assignment, buffer: &mut Vec<u8>) {
    for text in [&assignment.entitlement, &assignment.holder.kind, &assignment.holder.id] {
        buffer.extend_from_slice(&(text.len() as u64).to_le_bytes());
        buffer.extend_from_slice(text.as_bytes());
    }
    match details_of(assignment) {
        Some(details) => buffer.extend_from_slice(details.as_bytes()),
        None => buffer.push(0),
    }
}

/// What an assignment says beyond the plain fact, as JSON.
fn details_of(assignment: &Assignment) -> Option<String> {
    let is_plain = assignment.id.is_none()
        && assignment.expansion.is_none()
        && !assignment.is_immutable
        && assignment.starts_ms.is_none()
        && assignment.ends_ms.is_none()
        && assignment.origin.is_none()
        && assignment.attributes.is_empty();
    if is_plain {
        return None;
    }
    let details = serde_json::json!({
        "id": assignment.id,
        "expansion": assignment.expansion,
        "is_immutable": assignment.is_immutable,
        "starts_ms": assignment.starts_ms,
        "ends_ms": assignment.ends_ms,
        "origin": assignment.origin,
        "attributes": assignment.attributes,
    });
    Some(details.to_string())
}

/// Makes rows of a page.
pub(crate) fn prepare(
    target: &Target,
    page: &Page,
    account_kinds: &[String],
    known: &Known,
    keys: &mut Keys,
) -> Result<Prepared, PageFault> {
    let mut preparing = Preparing {
        account_kinds,
        known,
        keys,
        seen: Vec::new(),
        left_out: Vec::new(),
        issues: Vec::new(),
    };
    let rows = match domain(target) {
        Domain::Objects => Rows::Objects(preparing.objects(target, &page.objects)?),
        Domain::Entitlements => Rows::Entitlements(preparing.entitlements(&page.entitlements)?),
        Domain::Assignments => Rows::Assignments(preparing.assignments(&page.assignments)?),
    };
    for skip in &page.skipped {
        let about = skip.about.as_ref().map_or("something".to_owned(), named);
        let detail = format!("{about} could not be read: {}", skip.error);
        preparing.issues.push(issue(skip.error.code(), &detail));
    }
    let Preparing { seen, left_out, issues, .. } = preparing;
    has_duplicates(&seen)?;
    Ok(Prepared { rows, seen, left_out, issues })
}

fn has_duplicates(seen: &[Seen]) -> Result<(), PageFault> {
    let mut sorted = seen.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(PageFault::InvalidId("an id occurs twice in one page".to_owned()));
    }
    Ok(())
}

const ZERO: Key = Key([0; 16]);

struct Preparing<'a> {
    account_kinds: &'a [String],
    known: &'a Known,
    keys: &'a mut Keys,
    seen: Vec<Seen>,
    left_out: Vec<Seen>,
    issues: Vec<RunIssue>,
}

impl Preparing<'_> {
    fn class(&self, kind: &str) -> Class {
        if self.account_kinds.iter().any(|account| account == kind) {
            Class::Account
        } else {
            Class::Resource
        }
    }

    fn object_key(&mut self, kind: &str, id: &str) -> Key {
        let domain = match self.class(kind) {
            Class::Account => KeyDomain::Account,
            Class::Resource => KeyDomain::Resource,
        };
        self.keys.object(domain, kind, id)
    }

    fn objects(
        &mut self,
        target: &Target,
        objects: &[Object],
    ) -> Result<Vec<ObjectRow>, PageFault> {
        let Target::Objects(kind) = target else { return Ok(Vec::new()) };
        let mut rows = Vec::with_capacity(objects.len());
        for object in objects {
            check_id(&object.id.id)?;
            if object.id.kind != *kind {
                let what = format!("a `{}` in the list of `{kind}`", object.id.kind);
                return Err(PageFault::UnexpectedRow(printable(&what, DISPLAY_CHARACTERS_MAX)));
            }
            let key = self.object_key(kind, &object.id.id);
            self.seen.push((key, ZERO));
            let Some(details) = self.details(object, &object.id.id) else { continue };
            rows.push(object_row(object, key, self.class(kind), details));
        }
        Ok(rows)
    }

    fn entitlements(&mut self, page: &[Entitlement]) -> Result<Vec<EntitlementRow>, PageFault> {
        let mut rows = Vec::with_capacity(page.len());
        for entitlement in page {
            check_id(&entitlement.id)?;
            check_id(&entitlement.kind)?;
            let key = self.keys.entitlement(&entitlement.id);
            let resource = self.object_key(&entitlement.on.kind, &entitlement.on.id);
            if !self.known.objects.contains(&resource) {
                let (of, on) = (&entitlement.id, named(&entitlement.on));
                let detail = format!("entitlement `{of}` is on {on}, which was not listed");
                self.left_out.push((key, ZERO));
                self.issues.push(issue("dangling_reference", &detail));
                continue;
            }
            self.seen.push((key, ZERO));
            let Some(details) = self.details(entitlement, &entitlement.id) else { continue };
            rows.push(entitlement_row(entitlement, key, resource, details));
        }
        Ok(rows)
    }

    fn assignments(&mut self, page: &[Assignment]) -> Result<Vec<AssignmentRow>, PageFault> {
        let mut rows = Vec::with_capacity(page.len());
        // Connectors list by entitlement, so its key is mostly the one of the row before.
        let mut last: Option<(&str, Key)> = None;
        for assignment in page {
            let entitlement = match last {
                Some((id, key)) if id == assignment.entitlement => key,
                _ => {
                    check_id(&assignment.entitlement)?;
                    self.keys.entitlement(&assignment.entitlement)
                }
            };
            last = Some((&assignment.entitlement, entitlement));
            check_id(&assignment.holder.id)?;
            let holder = self.object_key(&assignment.holder.kind, &assignment.holder.id);
            let is_known = self.known.entitlements.contains(&entitlement)
                && self.known.objects.contains(&holder);
            if !is_known {
                let (who, what) = (named(&assignment.holder), &assignment.entitlement);
                let detail = format!("{who} holds `{what}`, but one of them was not listed");
                self.left_out.push((entitlement, holder));
                self.issues.push(issue("dangling_reference", &detail));
                continue;
            }
            self.seen.push((entitlement, holder));
            rows.push(AssignmentRow { entitlement, holder, details: details_of(assignment) });
        }
        Ok(rows)
    }

    /// The row as JSON; `None` with a complaint where it is too large to keep.
    fn details(&mut self, row: &impl serde::Serialize, id: &str) -> Option<String> {
        let details = serde_json::to_string(row).expect("plain data becomes JSON");
        if details.len() <= DETAILS_BYTES_MAX {
            return Some(details);
        }
        let detail = format!("`{id}` has more than 64 KiB of attributes");
        self.issues.push(issue("row_too_large", &detail));
        None
    }
}

fn issue(code: &str, detail: &str) -> RunIssue {
    RunIssue { code: code.to_owned(), detail: printable(detail, 1_000) }
}

fn named(object: &ObjectRef) -> String {
    format!("{} `{}`", object.kind, object.id)
}

fn check_id(id: &str) -> Result<(), PageFault> {
    if id.is_empty() || id.len() > NATIVE_ID_BYTES_MAX || id.contains('\0') {
        let what =
            format!("`{}` is not an id: 1 to {NATIVE_ID_BYTES_MAX} bytes", printable(id, 80));
        return Err(PageFault::InvalidId(what));
    }
    Ok(())
}

fn object_row(object: &Object, key: Key, class: Class, details: String) -> ObjectRow {
    let name = object.id.name.as_deref().map(|name| printable(name, DISPLAY_CHARACTERS_MAX));
    let display = object.display.as_deref().filter(|text| !text.trim().is_empty());
    let display = display.or(object.id.name.as_deref()).unwrap_or(&object.id.id);
    let display = printable(display, DISPLAY_CHARACTERS_MAX);
    let words = [Some(display.as_str()), name.as_deref(), Some(&object.id.id)];
    ObjectRow {
        key,
        class,
        kind: object.id.kind.clone(),
        native_id: object.id.id.clone(),
        search: search_text(&words),
        name,
        display,
        status: object.status.name(),
        row_hash: row_hash(details.as_bytes()),
        details: without_nul(details),
    }
}

fn entitlement_row(
    entitlement: &Entitlement,
    key: Key,
    resource: Key,
    details: String,
) -> EntitlementRow {
    let display = printable(&entitlement.display, DISPLAY_CHARACTERS_MAX);
    let words =
        [Some(display.as_str()), Some(&entitlement.slug), entitlement.description.as_deref()];
    EntitlementRow {
        key,
        resource,
        kind: entitlement.kind.clone(),
        native_id: entitlement.id.clone(),
        slug: printable(&entitlement.slug, DISPLAY_CHARACTERS_MAX),
        search: search_text(&words),
        display,
        is_privileged: entitlement.is_privileged,
        is_immutable: entitlement.is_immutable,
        recommends: entitlement.recommends(),
        row_hash: row_hash(details.as_bytes()),
        details: without_nul(details),
    }
}

/// What a search looks at: lower case, one line.
fn search_text(words: &[Option<&str>]) -> String {
    let words: Vec<String> = words.iter().flatten().map(|word| word.to_lowercase()).collect();
    printable(&words.join("\u{1f}").replace('\u{1f}', " · "), 2_000)
}

/// PostgreSQL's text has no NUL; in JSON it stands as an escape, which stays readable.
fn without_nul(json: String) -> String {
    if json.contains('\0') { json.replace('\0', "\\u0000") } else { json }
}
