//! Turns a page as a plugin returned it into catalogue rows.
//!
//! Pure: a page in, rows, keys and complaints out. Everything from the plugin is treated as hostile:
//! ids are bounded and unique, references are checked against what the run has seen, text is made
//! printable. What does not fit is left out, counted and told (never silently). What the entitlement
//! types say of rows is in [`rules`].

pub(crate) mod rules;

use std::collections::{HashMap, HashSet};

use self::rules::{Naming, TypeRules, Types, named};
use grantry_model::aggregation::{PAGE_ITEMS_MAX, PageFault};
use grantry_model::catalogue::{
    Assignment, Entitlement, NATIVE_ID_BYTES_MAX, Object, ObjectRef, Page, Purpose, Target,
};
use grantry_model::entitlement_types::TYPES_MAX;
use grantry_model::fingerprint::{Domain as KeyDomain, Key, Keys, row_hash};
use grantry_model::text::printable;
use grantry_store::{AssignmentRow, Class, Domain, EntitlementRow, ObjectRow, RunIssue, Seen};

/// Longest display name that is kept, in characters.
const DISPLAY_CHARACTERS_MAX: usize = 300;
/// Longest JSON of one row that is kept, in bytes.
pub(crate) const DETAILS_BYTES_MAX: usize = 64 * 1024;

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
    /// Native types of entitlements that nobody has met before.
    pub new_types: Vec<String>,
    /// Entitlements that are known from their holders alone.
    pub found: Vec<EntitlementRow>,
}

/// What references may point at, and what is to be left alone.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub objects: HashSet<Key>,
    pub entitlements: HashSet<Key>,
    /// Entitlements that stay as they are: in the list of entitlements those that are frozen, in that
    /// of assignments also those of which it is not read who holds them.
    pub untouched: HashSet<Key>,
    /// Whether entitlements are known from their holders: where nothing else lists them.
    pub finds_by_account: bool,
}

/// What a page is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Against<'a> {
    pub account_kinds: &'a [String],
    pub known: &'a Known,
    pub types: &'a Types,
    pub naming: &'a Naming,
}

/// Refuses a page with rows that were not asked for, or with too many.
pub(crate) fn check(target: &Target, page: &Page) -> Result<(), PageFault> {
    let domain = Domain::of_listing(target);
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
    against: Against<'_>,
    keys: &mut Keys,
) -> Result<Prepared, PageFault> {
    let mut preparing = Preparing {
        against,
        keys,
        seen: Vec::new(),
        left_out: Vec::new(),
        issues: Vec::new(),
        new_types: Vec::new(),
        ids_here: HashMap::new(),
        found: Vec::new(),
    };
    let rows = match Domain::of_listing(target) {
        Domain::Objects => Rows::Objects(preparing.objects(target, &page.objects)?),
        Domain::Entitlements => Rows::Entitlements(preparing.entitlements(&page.entitlements)?),
        Domain::Assignments => Rows::Assignments(preparing.assignments(target, &page.assignments)?),
    };
    for skip in &page.skipped {
        let about = skip.about.as_ref().map_or("something".to_owned(), worded);
        let detail = format!("{about} could not be read: {}", skip.error);
        preparing.issues.push(issue(skip.error.code(), &detail));
    }
    let Preparing { seen, left_out, issues, new_types, found, .. } = preparing;
    has_duplicates(&seen)?;
    Ok(Prepared { rows, seen, left_out, issues, new_types, found })
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
    against: Against<'a>,
    keys: &'a mut Keys,
    seen: Vec<Seen>,
    left_out: Vec<Seen>,
    issues: Vec<RunIssue>,
    new_types: Vec<String>,
    /// By which ids the page's own entitlements are known, where that is not their native id.
    ids_here: HashMap<(String, String), Key>,
    found: Vec<EntitlementRow>,
}

fn class(account_kinds: &[String], kind: &str) -> Class {
    if account_kinds.iter().any(|account| account == kind) {
        Class::Account
    } else {
        Class::Resource
    }
}

/// The key of an object of any kind.
pub(crate) fn object_key(keys: &mut Keys, account_kinds: &[String], kind: &str, id: &str) -> Key {
    let domain = match class(account_kinds, kind) {
        Class::Account => KeyDomain::Account,
        Class::Resource => KeyDomain::Resource,
    };
    keys.object(domain, kind, id)
}

impl Preparing<'_> {
    fn object_key(&mut self, kind: &str, id: &str) -> Key {
        object_key(self.keys, self.against.account_kinds, kind, id)
    }

    fn objects(
        &mut self,
        target: &Target,
        objects: &[Object],
    ) -> Result<Vec<ObjectRow>, PageFault> {
        let Target::Objects(kind) = target else { return Ok(Vec::new()) };
        let class = class(self.against.account_kinds, kind);
        let rules = self.against.types.get(kind).filter(|_| class == Class::Resource);
        let schema = rules.and_then(|rules| rules.schema.as_ref());
        let mut rows = Vec::with_capacity(objects.len());
        for object in objects {
            check_id(&object.id.id)?;
            if object.id.kind != *kind {
                let what = format!("a `{}` in the list of `{kind}`", object.id.kind);
                return Err(PageFault::UnexpectedRow(printable(&what, DISPLAY_CHARACTERS_MAX)));
            }
            let key = self.object_key(kind, &object.id.id);
            // Whether a reference points at something is not known before all resources are read.
            let misfit = schema.and_then(|schema| schema.check(&object.attributes, |_| true).err());
            if let Some(misfit) = misfit {
                let detail = format!("{kind} `{}` does not fit: {misfit}", object.id.id);
                self.leave_out((key, ZERO), misfit.code(), &detail);
                continue;
            }
            self.seen.push((key, ZERO));
            let Some(details) = self.details(object, &object.id.id) else { continue };
            rows.push(object_row(object, key, class, details));
        }
        Ok(rows)
    }

    fn entitlements(&mut self, page: &[Entitlement]) -> Result<Vec<EntitlementRow>, PageFault> {
        let mut rows = Vec::with_capacity(page.len());
        for entitlement in page {
            check_id(&entitlement.id)?;
            check_id(&entitlement.kind)?;
            let key = self.keys.entitlement(&entitlement.id);
            let rules = self.against.types.get(&entitlement.kind);
            let is_frozen = rules.is_some_and(|rules| rules.is_frozen);
            if is_frozen || self.against.known.untouched.contains(&key) {
                self.left_out.push((key, ZERO));
                continue;
            }
            let resource = self.object_key(&entitlement.on.kind, &entitlement.on.id);
            if let Some((code, detail)) = self.misfit(entitlement, resource, rules) {
                self.leave_out((key, ZERO), code, &detail);
                continue;
            }
            self.seen.push((key, ZERO));
            let nothing = TypeRules::default();
            let read = &rules.unwrap_or(&nothing).read;
            let attributes = self.against.naming.resources.get(&resource);
            let (row, id) = named(entitlement, read, attributes.map_or(&[][..], Vec::as_slice));
            self.tell_of_id(entitlement, key, read.id.as_deref(), id.as_deref());
            let Some(details) = self.details(&*row, &entitlement.id) else { continue };
            rows.push(entitlement_row(&row, key, resource, id, details));
        }
        Ok(rows)
    }

    /// Why an entitlement cannot be taken over.
    fn misfit(
        &mut self,
        entitlement: &Entitlement,
        resource: Key,
        rules: Option<&TypeRules>,
    ) -> Option<(&'static str, String)> {
        let (of, known) = (&entitlement.id, self.against.known);
        if !known.objects.contains(&resource) {
            let on = worded(&entitlement.on);
            let detail = format!("entitlement `{of}` is on {on}, which was not listed");
            return Some(("dangling_reference", detail));
        }
        let Some(rules) = rules else { return self.meet_type(entitlement) };
        let schema = rules.schema.as_ref()?;
        let (keys, account_kinds) = (&mut *self.keys, self.against.account_kinds);
        let is_known = |to: &ObjectRef| {
            known.objects.contains(&object_key(keys, account_kinds, &to.kind, &to.id))
        };
        let misfit = schema.check(&entitlement.attributes, is_known).err()?;
        Some((misfit.code(), format!("entitlement `{of}` does not fit: {misfit}")))
    }

    /// Notes a native type that has no entitlement type yet.
    fn meet_type(&mut self, entitlement: &Entitlement) -> Option<(&'static str, String)> {
        if self.new_types.contains(&entitlement.kind) {
            return None;
        }
        if !self.against.types.has_room(self.new_types.len()) {
            let detail = format!(
                "entitlement `{}` is of type `{}`, and there are {TYPES_MAX} types already",
                entitlement.id, entitlement.kind
            );
            return Some(("too_many_types", detail));
        }
        self.new_types.push(entitlement.kind.clone());
        None
    }

    /// Complains of an entitlement that has no id of its own by its type's attribute. It is taken over
    /// all the same: its key is another one (ADR 12).
    fn tell_of_id(
        &mut self,
        entitlement: &Entitlement,
        key: Key,
        attribute: Option<&str>,
        id: Option<&str>,
    ) {
        let Some(attribute) = attribute else { return };
        let of = &entitlement.id;
        let Some(id) = id else {
            let detail = format!("entitlement `{of}` has no `{attribute}`, which is to be its id");
            self.issues.push(issue("no_entitlement_id", &detail));
            return;
        };
        let before = self.against.naming.ids.get(&entitlement.kind);
        let here = self.ids_here.insert((entitlement.kind.clone(), id.to_owned()), key);
        if before.is_some_and(|ids| ids.has_other(key, id)) || here.is_some() {
            let detail = format!("entitlement `{of}` shares its id `{id}` with another one");
            self.issues.push(issue("duplicate_entitlement_id", &detail));
        }
    }

    /// Leaves out a row that is there and does not fit, and says why.
    fn leave_out(&mut self, row: Seen, code: &str, detail: &str) {
        self.left_out.push(row);
        self.issues.push(issue(code, detail));
    }

    fn assignments(
        &mut self,
        target: &Target,
        page: &[Assignment],
    ) -> Result<Vec<AssignmentRow>, PageFault> {
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
            let known = self.against.known;
            if !known.untouched.is_empty() && known.untouched.contains(&entitlement) {
                self.left_out.push((entitlement, holder));
                continue;
            }
            let is_listed = known.entitlements.contains(&entitlement)
                || self.find_by_account(target, assignment, (entitlement, holder));
            if !is_listed || !known.objects.contains(&holder) {
                let (who, what) = (worded(&assignment.holder), &assignment.entitlement);
                let detail = format!("{who} holds `{what}`, but one of them was not listed");
                self.leave_out((entitlement, holder), "dangling_reference", &detail);
                continue;
            }
            self.seen.push((entitlement, holder));
            rows.push(AssignmentRow { entitlement, holder, details: details_of(assignment) });
        }
        Ok(rows)
    }

    /// Whether an entitlement that was not listed is known from its holder from now on (CAT-4): where
    /// accounts are read without the entitlements, until those are read.
    fn find_by_account(
        &mut self,
        target: &Target,
        assignment: &Assignment,
        (key, holder): Seen,
    ) -> bool {
        let Against { known, types, .. } = self.against;
        let Target::AssignmentsOfKind(kind) = target else { return false };
        if !known.finds_by_account || !known.objects.contains(&holder) {
            return false;
        }
        if self.found.iter().any(|row| row.key == key) {
            return true;
        }
        let rules = types.get(kind);
        if rules.is_some_and(|rules| rules.is_frozen || !rules.includes_permissions) {
            return false;
        }
        let id = &assignment.entitlement;
        let entitlement = Entitlement {
            id: id.clone(),
            kind: kind.clone(),
            on: ObjectRef { kind: kind.clone(), id: String::new() },
            slug: id.clone(),
            display: id.clone(),
            description: None,
            purpose: Purpose::Other,
            grantable_to: Vec::new(),
            exclusive: None,
            // On which resource it is, is not known: nothing can be written.
            is_immutable: true,
            is_privileged: false,
            attributes: Vec::new(),
        };
        if rules.is_none() && self.meet_type(&entitlement).is_some() {
            return false;
        }
        let Some(details) = self.details(&entitlement, id) else { return false };
        self.found.push(entitlement_row(&entitlement, key, ZERO, None, details));
        true
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

fn worded(object: &ObjectRef) -> String {
    format!("{} `{}`", object.kind, object.id)
}

pub(crate) fn check_id(id: &str) -> Result<(), PageFault> {
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
    known_as: Option<String>,
    details: String,
) -> EntitlementRow {
    let display = printable(&entitlement.display, DISPLAY_CHARACTERS_MAX);
    let words = [
        Some(display.as_str()),
        Some(&entitlement.slug),
        entitlement.description.as_deref(),
        known_as.as_deref(),
    ];
    let row_hash = match &known_as {
        None => row_hash(details.as_bytes()),
        Some(id) => row_hash(format!("{id}\0{details}").as_bytes()),
    };
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
        known_as,
        row_hash,
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
