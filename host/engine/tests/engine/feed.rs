//! The scripted directory's change log: everything that a person does in it is an event.

use grantry_model::catalogue::{AttributeDelta, Cursor, ObjectRef, Value};
use grantry_model::changes::{Change, ChangePage, Feed, PartialChange};
use grantry_model::fault::{Fault, PluginError};

use crate::scripted::{Directory, assignment, entitlement};

/// The log and how its connector behaves.
#[derive(Default)]
pub struct Log {
    /// Whether there is one.
    pub is_kept: bool,
    pub changes: Vec<Change>,
    /// Events before this one are forgotten.
    pub forgotten: usize,
    /// There is always more, at the same place.
    pub loops: bool,
    /// There is always more, and nothing in it.
    pub endless: bool,
    /// Kinds that it tells of; all of them if there are none.
    pub kinds: Vec<String>,
    /// The credential may not read it.
    pub is_forbidden: bool,
    /// Users have a log of their own.
    pub is_split: bool,
}

fn is_of_user(change: &Change) -> bool {
    match change {
        Change::Upserted(of) => of.id.kind == "User",
        Change::Changed(of) => of.about.kind == "User",
        Change::Deleted(of) => of.kind == "User",
        _ => false,
    }
}

fn at(position: usize) -> Cursor {
    position.to_string().into_bytes()
}

impl Directory {
    pub fn feeds(&self) -> Vec<Feed> {
        if !self.log_of_changes.is_kept {
            return Vec::new();
        }
        let kinds = match self.log_of_changes.kinds.as_slice() {
            [] => vec!["User".to_owned(), "Group".to_owned()],
            kinds => kinds.to_vec(),
        };
        let feed = |id: &str, kinds: Vec<String>| Feed {
            id: id.into(),
            display: "Log".into(),
            kinds,
            is_ordered: true,
            min_poll_ms: 0,
            retention_ms: None,
        };
        if self.log_of_changes.is_split {
            return kinds.into_iter().map(|kind| feed(&kind, vec![kind.clone()])).collect();
        }
        vec![feed("log", kinds)]
    }

    fn permitted(&self) -> Result<(), Fault> {
        if self.log_of_changes.is_forbidden {
            return Err(Fault::Plugin(PluginError::PermissionDenied(vec!["audit.read".into()])));
        }
        Ok(())
    }

    pub fn latest(&self) -> Result<Cursor, Fault> {
        self.permitted()?;
        Ok(at(self.log_of_changes.changes.len()))
    }

    pub fn poll(&mut self, feed: &str, since: Option<&Cursor>) -> Result<ChangePage, Fault> {
        self.permitted()?;
        if let Some(Some(fault)) = self.page_faults.pop_front() {
            return Err(fault);
        }
        let page_items = self.page_items;
        let log = &mut self.log_of_changes;
        let text = String::from_utf8(since.unwrap().clone()).unwrap();
        if log.endless {
            let next = format!("{text}x").into_bytes();
            return Ok(ChangePage { changes: Vec::new(), next, has_more: true });
        }
        let from: usize = text.parse().unwrap();
        if from < log.forgotten {
            return Err(Fault::Plugin(PluginError::CursorExpired));
        }
        let mut changes: Vec<Change> =
            log.changes.iter().skip(from).take(page_items).cloned().collect();
        let end = from + changes.len();
        changes.retain(|change| feed == "log" || (feed == "User") == is_of_user(change));
        let (next, has_more) =
            if log.loops { (at(from), true) } else { (at(end), end < log.changes.len()) };
        Ok(ChangePage { changes, next, has_more })
    }

    fn record(&mut self, change: Change) {
        self.log_of_changes.changes.push(change);
    }

    fn record_object(&mut self, kind: &str, id: &str) {
        let object = self.object(kind, id);
        self.record(Change::Upserted(Box::new(object)));
    }

    pub fn put_user(&mut self, id: &str, name: &str) {
        self.users.insert(id.into(), name.into());
        self.record_object("User", id);
    }

    /// A user goes with its memberships, in one event.
    pub fn remove_user(&mut self, id: &str) {
        if self.users.remove(id).is_some() {
            self.notes.remove(id);
            self.members.retain(|(_, user)| user != id);
            self.record(Change::Deleted(ObjectRef { kind: "User".into(), id: id.into() }));
        }
    }

    /// Also the entitlement of a group that is there already, under its new name.
    pub fn put_group(&mut self, id: &str, name: &str) {
        self.groups.insert(id.into(), name.into());
        self.record_object("Group", id);
        self.record(Change::Offered(Box::new(entitlement(id, name))));
    }

    pub fn remove_group(&mut self, id: &str) {
        if self.groups.remove(id).is_some() {
            self.members.retain(|(group, _)| group != id);
            self.record(Change::Deleted(ObjectRef { kind: "Group".into(), id: id.into() }));
        }
    }

    pub fn join(&mut self, group: &str, user: &str) {
        if self.groups.contains_key(group) && self.users.contains_key(user) {
            self.members.insert((group.into(), user.into()));
            self.record(Change::Granted(Box::new(assignment(group, user))));
        }
    }

    pub fn leave(&mut self, group: &str, user: &str) {
        self.members.remove(&(group.into(), user.into()));
        self.record(Change::Revoked(Box::new(assignment(group, user))));
    }

    /// Adds or takes away one note, or all others, in an event that says only that.
    pub fn note(&mut self, user: &str, note: &str, how: u64) {
        if !self.users.contains_key(user) {
            return;
        }
        let notes = self.notes.entry(user.into()).or_default();
        let text = || vec![Value::Text(note.into())];
        let mut delta = AttributeDelta {
            name: "note".into(),
            add: Vec::new(),
            remove: Vec::new(),
            replace: None,
        };
        match how % 3 {
            0 => {
                if !notes.iter().any(|has| has == note) {
                    notes.push(note.into());
                }
                delta.add = text();
            }
            1 => {
                notes.retain(|has| has != note);
                delta.remove = text();
            }
            _ => {
                *notes = vec![note.into()];
                delta.replace = Some(text());
            }
        }
        let about = ObjectRef { kind: "User".into(), id: user.into() };
        self.record(Change::Changed(PartialChange { about, deltas: vec![delta] }));
    }
}
