//! Fills one page of the host, row by row, until it is full.

use grantry_sdk::aggregate::{Budget, Page, PageRequest, Skip, Target};
use grantry_sdk::types::{Assignment, Error, Expansion, ObjectRef, Result};
use grantry_sdk::{cursor, log};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    GROUPS_AT_FIRST, GROUPS_MAX, Progress, REQUESTS_MAX, Rows, entitlement, entitlement_id,
};
use crate::client::{Client, path_of};
use crate::listing::digest;
use crate::provision::membership;
use crate::resource::{Member, Members, id, to_object};

/// Some servers leave members out of lists and show them only on a single group. A few groups are
/// looked at to find out; then either no group is, or every one without members.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct HiddenMembers {
    looks: u8,
    are_hidden: bool,
    /// Some group showed members, or that it has none.
    is_any_shown: bool,
}

const LOOKS_MAX: u8 = 3;

/// How much of a resource went into the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Added {
    /// All its rows.
    Whole,
    /// Some members; `Progress` knows how many.
    Part,
    /// None: the page is full.
    Nothing,
}

/// A page that is being filled.
pub struct Filling<'a> {
    client: &'a Client<'a>,
    rows: Rows,
    /// The one group that is read, if it is only one.
    group: Option<String>,
    budget: Budget,
    page: Page,
    requests_left: usize,
    /// Where the listing stands after what is in the page.
    pub progress: Progress,
}

impl<'a> Filling<'a> {
    /// An empty page.
    pub fn new(
        client: &'a Client<'a>,
        request: &PageRequest,
        rows: Rows,
        progress: Progress,
    ) -> Self {
        let group = match &request.target {
            Target::AssignmentsOf(of) => Some(of.id.clone()),
            _ => None,
        };
        Self {
            client,
            rows,
            group,
            budget: Budget::of(request),
            page: Page::empty(),
            requests_left: REQUESTS_MAX,
            progress,
        }
    }

    /// Whether another page of the server should be read in this call.
    pub fn may_request(&mut self) -> bool {
        let position = &self.progress.position;
        let has_room = self.budget.items_left() > 0 || position.is_at_total();
        if position.is_over() || !has_room || self.requests_left == 0 {
            return false;
        }
        self.requests_left -= 1;
        true
    }

    /// How many resources to ask for.
    pub fn wanted(&self) -> u64 {
        let room = self.budget.items_left() as u64;
        if self.rows != Rows::Assignments {
            return room;
        }
        // Each of them costs a request of its own.
        if self.progress.hidden.are_hidden {
            return GROUPS_AT_FIRST;
        }
        match (self.progress.groups, self.progress.members) {
            (0, _) => GROUPS_AT_FIRST.min(room.max(1)),
            (groups, members) => (room * groups / members.max(groups)).clamp(1, GROUPS_MAX),
        }
    }

    /// Adds what was left over before, reading it by id. False if the page is full.
    pub fn add_pending(&mut self) -> Result<bool> {
        while let Some(id) = self.progress.pending.first().cloned() {
            if self.requests_left == 0 {
                return Ok(false);
            }
            self.requests_left -= 1;
            let path = path_of(self.collection(), &id);
            // Deleted since it was listed: it has no rows.
            if let Some(reply) = self.client.resource(&path)?
                && self.add(&reply.body, false)? != Added::Whole
            {
                return Ok(false);
            }
            self.progress.pending.remove(0);
        }
        Ok(true)
    }

    /// Adds the rows of a resource.
    pub fn add(&mut self, resource: &Value, is_cut: bool) -> Result<Added> {
        let Some(id) = id(resource) else {
            self.progress.position.doubt_that("the server lists a resource without an id".into());
            return Ok(Added::Whole);
        };
        match self.rows {
            Rows::Objects(kind) => {
                let object = to_object(kind, resource, None);
                Ok(self.add_row(object, kind, &id, |page| &mut page.objects))
            }
            Rows::Entitlements => {
                let row = entitlement(resource);
                Ok(self.add_row(row, "Group", &id, |page| &mut page.entitlements))
            }
            Rows::Assignments if is_cut => {
                let why = Error::BadData("the group is too large to be read".into());
                self.skip(ObjectRef::new("Group", id), why);
                Ok(Added::Whole)
            }
            Rows::Assignments => self.add_members(resource, &id),
        }
    }

    /// The page, with the cursor of what follows.
    pub fn finish(mut self) -> Result<Page> {
        self.doubt_if_all_are_hidden()?;
        let position = &self.progress.position;
        let is_over = position.is_over() && self.progress.pending.is_empty();
        if self.rows != Rows::Assignments {
            self.page.expected_total = position.expected_total();
        }
        if !is_over {
            self.page.next = Some(cursor::encode(&self.progress)?);
            return Ok(self.page);
        }
        self.page.is_complete = position.doubt.is_none();
        if let Some(doubt) = &position.doubt {
            log::warn(doubt);
            self.page.skipped.push(Skip { about: None, error: Error::BadData(doubt.clone()) });
        }
        Ok(self.page)
    }

    fn collection(&self) -> &'static str {
        if self.rows == Rows::Objects("User") { "/Users" } else { "/Groups" }
    }

    fn is_empty(&self) -> bool {
        let page = &self.page;
        page.objects.is_empty() && page.entitlements.is_empty() && page.assignments.is_empty()
    }

    fn skip(&mut self, about: ObjectRef, error: Error) {
        self.page.skipped.push(Skip { about: Some(about), error });
    }

    fn add_row<T: grantry_sdk::aggregate::LoweredSize>(
        &mut self,
        row: Option<T>,
        kind: &str,
        id: &str,
        list: impl Fn(&mut Page) -> &mut Vec<T>,
    ) -> Added {
        let Some(row) = row else { return Added::Whole };
        if self.budget.takes(&row) {
            list(&mut self.page).push(row);
            return Added::Whole;
        }
        // A row that does not fit into an empty page never will.
        if self.is_empty() && self.budget.items_left() > 0 {
            let why = Error::QuotaExceeded("the object is larger than a page may be".into());
            self.skip(ObjectRef::new(kind, id), why);
            return Added::Whole;
        }
        Added::Nothing
    }

    fn add_members(&mut self, group: &Value, id: &str) -> Result<Added> {
        let members = self.members(group, id)?;
        let done = self.check_done(&members);
        if done == 0 {
            self.progress.groups += 1;
            self.progress.members += members.list.len() as u64;
        }
        let entitlement = entitlement_id(id);
        for (index, member) in members.list.iter().enumerate().skip(done) {
            let row = assignment(&entitlement, member);
            if !self.budget.takes(&row) {
                if self.is_empty() && self.budget.items_left() > 0 {
                    return Err(Error::QuotaExceeded(
                        "`max-bytes` is too small for one row".into(),
                    ));
                }
                self.progress.members_done = index;
                self.progress.members_digest = digest_of(&members);
                return Ok(if index == 0 { Added::Nothing } else { Added::Part });
            }
            self.page.assignments.push(row);
        }
        if members.faults > 0 {
            let why = format!("{} members of the group have no id", members.faults);
            self.skip(ObjectRef::new("Group", id), Error::BadData(why));
        }
        self.progress.members_done = 0;
        Ok(Added::Whole)
    }

    /// How many members were delivered before. They are counted off, so the list must be the same.
    fn check_done(&mut self, members: &Members) -> usize {
        let done = self.progress.members_done;
        if done > 0 && self.progress.members_digest != digest_of(members) {
            let why = "the members of a large group changed while they were read";
            self.progress.position.doubt_that(why.into());
        }
        done
    }

    /// A server may leave out empty members (RFC 7643 section 2.5) or all members. When no group has
    /// shown any, a filter tells one from the other.
    fn doubt_if_all_are_hidden(&mut self) -> Result<()> {
        let progress = &self.progress;
        let is_over = progress.position.is_over() && progress.pending.is_empty();
        let is_certain = progress.groups == 0 || progress.hidden.is_any_shown;
        if self.rows != Rows::Assignments || !is_over || is_certain {
            return Ok(());
        }
        if !membership::is_nobody_a_member(self.client, self.group.as_deref())? {
            let why = "no group shows members; the server may hide them";
            self.progress.position.doubt_that(why.into());
        }
        Ok(())
    }

    fn members(&mut self, group: &Value, id: &str) -> Result<Members> {
        let members = Members::of(group);
        self.progress.hidden.is_any_shown |= members.is_shown;
        let hidden = &self.progress.hidden;
        let is_worth_a_look = hidden.are_hidden || hidden.looks < LOOKS_MAX;
        if members.is_shown
            || !is_worth_a_look
            || self.progress.pending.first().is_some_and(|p| p == id)
        {
            return Ok(members);
        }
        self.progress.hidden.looks = (hidden.looks + 1).min(LOOKS_MAX);
        let Some(reply) = self.client.resource(&path_of("/Groups", id))? else {
            return Ok(members);
        };
        let shown = Members::of(&reply.body);
        self.progress.hidden.is_any_shown |= shown.is_shown;
        if !shown.list.is_empty() {
            self.progress.hidden.are_hidden = true;
        }
        Ok(shown)
    }
}

fn digest_of(members: &Members) -> u64 {
    digest(members.list.iter().map(|member| member.id.as_str()))
}

fn assignment(entitlement: &str, member: &Member) -> Assignment {
    let mut row = Assignment::new(entitlement, ObjectRef::new(member.kind, &member.id));
    if member.kind == "Group" {
        row.expansion = Some(Expansion {
            entitlements: vec![entitlement_id(&member.id)],
            is_shallow: false,
            kinds: vec!["User".into()],
        });
    }
    row
}
