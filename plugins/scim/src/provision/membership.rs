//! Grants and revocations: one member of one group.
//!
//! A member is removed by the path `members[value eq "…"]` and never by a value: strict servers
//! answer that by emptying the group. Members that vanish beside the change are reported.

use grantry_sdk::http::{HttpError, encode};
use grantry_sdk::provision::{Effects, Outcome, PartialEffects, Verification};
use grantry_sdk::types::{Assignment, Error, FieldIssue, ObjectRef, Result};
use serde_json::{Map, Value, json};

use super::forms::{Form, patch_body, replace, try_each, worth_trying};
use crate::aggregate::entitlement_id;
use crate::client::{Client, Written, path_of};
use crate::filter::{equals, member_path};
use crate::listing::{ListPage, is_round, is_usual_cap};
use crate::resource::{Members, id};
use crate::service::Service;

/// Other groups that are looked at for whether the server shows members at all.
const OTHERS_MAX: usize = 3;

/// One member that should, or should not, be in a group.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The group.
    pub group: &'a ObjectRef,
    /// The user, or the nested group.
    pub member: &'a ObjectRef,
    /// Whether it should be a member.
    pub wants_member: bool,
}

/// A group as far as it can be read.
#[derive(Debug)]
pub enum Shown {
    /// There is no such group.
    Missing,
    /// Its members, all that the server shows.
    Members(Members),
    /// The answer is larger than the host lets in.
    TooLarge,
}

impl Change<'_> {
    fn path(&self) -> String {
        path_of("/Groups", &self.group.id)
    }

    /// The `PATCH` operation in a form; none for a full replacement.
    pub fn operation(&self, form: Form) -> Option<Value> {
        let added = json!([self.element()]);
        match (form, self.wants_member) {
            (Form::PatchPath, true) => {
                Some(json!({ "op": "add", "path": "members", "value": added }))
            }
            (Form::PatchPath, false) => {
                Some(json!({ "op": "remove", "path": member_path(&self.member.id) }))
            }
            (Form::PatchValue, true) => Some(json!({ "op": "add", "value": { "members": added } })),
            // There is no safe way to remove one value without a path.
            (Form::PatchValue, false) | (Form::Replace, _) => None,
        }
    }

    fn element(&self) -> Value {
        match self.member.kind.as_str() {
            "Group" => json!({ "value": self.member.id, "type": "Group" }),
            _ => json!({ "value": self.member.id }),
        }
    }

    /// The forms, best first.
    pub fn forms(&self, service: &Service) -> Vec<Form> {
        let all = [Form::PatchPath, Form::PatchValue, Form::Replace];
        let mut forms = worth_trying(service.has_patch, &all);
        forms.retain(|form| *form == Form::Replace || self.operation(*form).is_some());
        forms
    }

    fn write(&self, client: &Client<'_>, form: Form) -> Result<Written> {
        match self.operation(form) {
            Some(operation) => {
                client.write("PATCH", &self.path(), Some(&patch_body(vec![operation])), None)
            }
            None => replace(client, &self.path(), |group| self.edit(client, group)),
        }
    }

    /// Changes the member in a whole group, if the group is surely whole.
    fn edit(&self, client: &Client<'_>, group: &mut Map<String, Value>) -> Result<()> {
        let key = group.keys().find(|key| key.eq_ignore_ascii_case("members")).cloned();
        let mut members = match key.as_ref().and_then(|key| group.remove(key)) {
            Some(Value::Array(members)) => members,
            None | Some(Value::Null) if !self.hidden_members(client)?.is_shown => Vec::new(),
            _ => {
                return Err(Error::Unsupported(
                    "the server does not show the group's members".into(),
                ));
            }
        };
        if is_usual_cap(members.len() as u64) {
            let message = format!(
                "the server lists exactly {} members; replacing them could drop others",
                members.len()
            );
            return Err(Error::Unsupported(message));
        }
        members.retain(|element| {
            let one = Members::of(&json!({ "members": [element] }));
            !one.contains(&self.member.id)
        });
        if self.wants_member {
            members.push(self.element());
        }
        group.insert(key.unwrap_or_else(|| "members".into()), Value::Array(members));
        Ok(())
    }

    /// Some servers show members only when asked for them by name.
    fn hidden_members(&self, client: &Client<'_>) -> Result<Members> {
        let reply = client.resource(&(self.path() + "?attributes=members"))?;
        Ok(reply.map(|reply| Members::of(&reply.body)).unwrap_or_default())
    }

    fn assignment(&self, holder: ObjectRef) -> Assignment {
        Assignment::new(entitlement_id(&self.group.id), holder)
    }

    fn effects(&self) -> Effects {
        let assignment = self.assignment(self.member.clone());
        let assignments = if self.wants_member { vec![assignment] } else { Vec::new() };
        Effects { assignments, ..Effects::none() }
    }
}

/// Makes it so.
///
/// # Errors
/// See [`try_each`].
pub fn apply(client: &Client<'_>, change: &Change<'_>) -> Result<Outcome> {
    let before = show(client, change.group)?;
    if matches!(before, Shown::Missing) {
        return Err(Error::NotFound(Some(change.group.clone())));
    }
    if is_member(client, change, &before)? == Some(change.wants_member) {
        return Ok(Outcome::Already(change.effects()));
    }
    let mut forms = change.forms(&Service::read(client)?);
    if matches!(before, Shown::TooLarge) {
        forms.retain(|form| *form != Form::Replace);
    }
    let mut after = Shown::TooLarge;
    let attempt = |form| change.write(client, form);
    try_each(&forms, attempt, || {
        after = show(client, change.group)?;
        match is_member(client, change, &after)? {
            Some(found) => Ok(found == change.wants_member),
            None => Err(Error::BadData("the membership cannot be read back".into())),
        }
    })
    .map_err(|error| name_missing(error, change))?;
    Ok(outcome(change, &before, &after))
}

/// A refused write that found nothing means the member: the group was just read.
fn name_missing(error: Error, change: &Change<'_>) -> Error {
    match error {
        Error::NotFound(_) => Error::NotFound(Some(change.member.clone())),
        Error::PermissionDenied(_) => {
            Error::PermissionDenied(vec!["change the members of groups".into()])
        }
        other => other,
    }
}

/// Done, or done with damage: others lost their membership on the way.
fn outcome(change: &Change<'_>, before: &Shown, after: &Shown) -> Outcome {
    let done = change.effects();
    let (Shown::Members(before), Shown::Members(after)) = (before, after) else {
        return Outcome::Done(done);
    };
    let is_lost = |id: &str| id != change.member.id && !after.contains(id);
    let lost: Vec<Assignment> = before
        .list
        .iter()
        .filter(|member| is_lost(&member.id))
        .map(|member| change.assignment(ObjectRef::new(member.kind, &member.id)))
        .collect();
    if lost.is_empty() {
        return Outcome::Done(done);
    }
    let message = format!("{} other members are no longer shown after the change", lost.len());
    let failed = vec![FieldIssue::new("/members", "members_lost", message)];
    Outcome::Partial(PartialEffects { done: Effects { also_revoked: lost, ..done }, failed })
}

/// Whether the target is as the change wants it.
///
/// # Errors
/// As the server says.
pub fn verify(client: &Client<'_>, change: &Change<'_>) -> Result<Verification> {
    let shown = show(client, change.group)?;
    if matches!(shown, Shown::Missing) {
        return Ok(if change.wants_member { Verification::Absent } else { Verification::Holds });
    }
    Ok(match is_member(client, change, &shown)? {
        Some(found) if found == change.wants_member => Verification::Holds,
        Some(_) => Verification::Absent,
        None => {
            Verification::CannotTell("the server does not show all members of the group".into())
        }
    })
}

/// Reads a group with its members.
///
/// # Errors
/// As the server says.
pub fn show(client: &Client<'_>, group: &ObjectRef) -> Result<Shown> {
    let path = path_of("/Groups", &group.id);
    match client.try_get(&path)? {
        Err(HttpError::TooLarge) => Ok(Shown::TooLarge),
        Err(error) => Err(Error::from_http(error, false)),
        Ok(reply) if matches!(reply.status, 404 | 410) => Ok(Shown::Missing),
        Ok(reply) => Ok(Shown::Members(Members::of(&reply.success()?.body))),
    }
}

/// Whether the member is in the group, `None` if that cannot be told. Who is shown is a member; who
/// is not shown is none only where the list surely is whole: a server may hide members, and cut lists
/// off. What a list cannot tell is asked for by filter.
///
/// # Errors
/// As the server says.
pub fn is_member(client: &Client<'_>, change: &Change<'_>, shown: &Shown) -> Result<Option<bool>> {
    let members = match shown {
        Shown::Missing => return Ok(Some(false)),
        Shown::TooLarge => return is_member_by_filter(client, change),
        Shown::Members(members) => members,
    };
    if let Some(answer) = answer_of(members, change) {
        return Ok(Some(answer));
    }
    if members.is_shown {
        return is_member_by_filter(client, change);
    }
    let asked_for = change.hidden_members(client)?;
    if let Some(answer) = answer_of(&asked_for, change) {
        return Ok(Some(answer));
    }
    match is_member_by_filter(client, change)? {
        // An empty list is left out by many (RFC 7643 section 2.5), which proves something only where
        // other groups show theirs.
        None if !asked_for.is_shown && shows_others(client, change)? => Ok(Some(false)),
        answer => Ok(answer),
    }
}

/// What a list of members tells by itself.
fn answer_of(members: &Members, change: &Change<'_>) -> Option<bool> {
    if members.contains(&change.member.id) {
        return Some(true);
    }
    let is_whole = members.is_shown && members.faults == 0 && !is_round(members.list.len() as u64);
    is_whole.then_some(false)
}

/// Whether the server shows the members of other groups, in its list or one by one.
fn shows_others(client: &Client<'_>, change: &Change<'_>) -> Result<bool> {
    let reply = match client.try_get("/Groups?startIndex=1&count=10")? {
        Ok(reply) if reply.is_success() => reply,
        Ok(_) | Err(HttpError::TooLarge) => return Ok(false),
        Err(error) => return Err(Error::from_http(error, false)),
    };
    let Ok(page) = ListPage::parse(reply.body, false) else { return Ok(false) };
    if page.resources.iter().any(|group| Members::of(group).is_shown) {
        return Ok(true);
    }
    let others = page.resources.iter().filter_map(id).filter(|id| *id != change.group.id);
    for other in others.take(OTHERS_MAX) {
        let shown = client.resource(&path_of("/Groups", &other))?;
        if shown.is_some_and(|reply| Members::of(&reply.body).is_shown) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_member_by_filter(client: &Client<'_>, change: &Change<'_>) -> Result<Option<bool>> {
    let group = change.group.id.as_str();
    match finds(client, group, &change.member.id)? {
        // A server that ignores the filter finds anything.
        Some(true) => Ok(match finds(client, group, "no-such-member")? {
            Some(false) => Some(true),
            _ => None,
        }),
        answer => Ok(answer),
    }
}

/// Whether a filter for the group and the member finds the group, `None` if it is not understood.
fn finds(client: &Client<'_>, group: &str, member: &str) -> Result<Option<bool>> {
    let filter = format!("{} and {}", equals("id", group), equals("members", member));
    let path = format!(
        "/Groups?filter={}&startIndex=1&count=1&excludedAttributes=members",
        encode(&filter)
    );
    let reply = match client.try_get(&path)? {
        Ok(reply) if reply.is_success() => reply,
        Ok(_) | Err(HttpError::TooLarge) => return Ok(None),
        Err(error) => return Err(Error::from_http(error, false)),
    };
    let Ok(page) = ListPage::parse(reply.body, false) else { return Ok(None) };
    match page.resources.first().map(id) {
        None if page.total == Some(0) => Ok(Some(false)),
        Some(Some(found)) if found == group => Ok(Some(true)),
        _ => Ok(None),
    }
}

/// Whether the server surely says that no group, or not this one, has a member.
///
/// # Errors
/// As the server says.
pub fn is_nobody_a_member(client: &Client<'_>, group: Option<&str>) -> Result<bool> {
    let only = group.map(|id| format!("{} and ", equals("id", id))).unwrap_or_default();
    let filter = encode(&format!("{only}members pr"));
    let path = format!("/Groups?filter={filter}&startIndex=1&count=1&excludedAttributes=members");
    let reply = match client.try_get(&path)? {
        Ok(reply) if reply.is_success() => reply,
        Ok(_) | Err(HttpError::TooLarge) => return Ok(false),
        Err(error) => return Err(Error::from_http(error, false)),
    };
    let page = ListPage::parse(reply.body, false);
    Ok(page.is_ok_and(|page| page.total == Some(0) && page.resources.is_empty()))
}
