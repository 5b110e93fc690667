//! Reads a file as it comes and stages what it says, a bounded batch at a time.

use std::collections::HashSet;

use grantry_model::catalogue::{Entitlement, ObjectRef, Purpose};
use grantry_model::csv::{Layout, LineError, ListKind, ListedPerson, Reader, Record};
use grantry_model::fingerprint::{Domain, Key, Keys, row_hash};
use grantry_model::ids::{IntegrationId, PrincipalId};
use grantry_model::permission::Entity;
use grantry_model::upload::{
    UPLOAD_BYTES_MAX, UPLOAD_ERRORS_TOLD, UPLOAD_ROLES_MAX, UPLOAD_ROWS_MAX,
    UPLOAD_SENDER_BYTES_MAX,
};
use grantry_store::{HierarchyFault, Reading, Staged, StagedPerson, StagedRole};
use sha2::{Digest as _, Sha256};

use crate::{Engine, EngineError, Result};

/// Bytes that are cut into records before what they say is staged.
const SLICE_BYTES: usize = 16 * 1024;
/// Bytes of text that wait to be staged, beyond one slice.
const BATCH_BYTES: usize = 256 * 1024;

/// A file whose lines are all staged.
#[derive(Debug, Clone)]
pub struct Received {
    pub(super) reading: Reading,
    pub(super) entity: Entity,
    pub(super) kind: ListKind,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) columns: Vec<String>,
    pub(super) digest: String,
    pub(super) buffered_max: usize,
}

impl Received {
    /// SHA-256 of the file, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The most bytes of text that were held at a time.
    pub fn buffered_max(&self) -> usize {
        self.buffered_max
    }
}

/// Receives one file: one reading of it, which ends when somebody reads it anew.
pub struct Intake {
    engine: Engine,
    reading: Reading,
    sender: PrincipalId,
    staged_bytes: u64,
    entity: Entity,
    cutter: Reader,
    hash: Sha256,
    bytes: u64,
    lines: Lines,
    buffered_max: usize,
}

impl Intake {
    pub(super) fn new(
        engine: Engine,
        (entity, kind): (Entity, ListKind),
        reading: Reading,
        sender: PrincipalId,
    ) -> Self {
        let lines = Lines::of(&entity, kind);
        Self {
            engine,
            reading,
            sender,
            staged_bytes: 0,
            entity,
            cutter: Reader::default(),
            hash: Sha256::new(),
            bytes: 0,
            lines,
            buffered_max: 0,
        }
    }

    /// Takes the next bytes of the file.
    pub async fn feed(&mut self, piece: &[u8]) -> Result<()> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > UPLOAD_BYTES_MAX {
            self.give_up().await?;
            return Err(EngineError::UploadTooLarge);
        }
        self.hash.update(piece);
        for slice in piece.chunks(SLICE_BYTES) {
            let lines = &mut self.lines;
            let read = self.cutter.feed(slice, &mut |record| lines.take(&record));
            if let Err(error) = read {
                self.lines.refuse(error.into());
                return self.refused().await;
            }
            let buffered = self.lines.batch_bytes + self.cutter.buffered();
            self.buffered_max = self.buffered_max.max(buffered);
            if self.lines.batch_bytes > BATCH_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Ends the file: all of it is valid and staged, or nothing of it will be applied.
    pub async fn finish(mut self) -> Result<Received> {
        let lines = &mut self.lines;
        let cutter = std::mem::take(&mut self.cutter);
        if let Err(error) = cutter.finish(&mut |record| lines.take(&record)) {
            self.lines.refuse(error.into());
        }
        self.flush().await?;
        if self.lines.error_count == 0 && self.lines.has_parents {
            self.check_hierarchy().await?;
        }
        if self.lines.error_count > 0 {
            self.refused().await?;
        }
        let layout = self.lines.layout.as_ref();
        Ok(Received {
            bytes: self.bytes,
            rows: self.lines.rows,
            // A file without a byte is an empty list; the guard against mass removals looks at it.
            columns: layout.map_or_else(|| self.lines.kind.template(), Layout::columns),
            digest: hex::encode(self.hash.finalize()),
            buffered_max: self.buffered_max,
            reading: self.reading,
            entity: self.entity,
            kind: self.lines.kind,
        })
    }

    /// Every parent is a line of the file, and none is above itself.
    async fn check_hierarchy(&mut self) -> Result<()> {
        let limit = u32::try_from(UPLOAD_ERRORS_TOLD).unwrap_or(u32::MAX);
        let fault = self.engine.db().hierarchy_fault(&self.reading.id, limit).await?;
        let (lines, code, message) = match fault {
            None => return Ok(()),
            Some(HierarchyFault::Dangling(lines)) => {
                (lines, "unknown_parent", "no line has the id that stands here")
            }
            Some(HierarchyFault::Circular(lines)) => {
                let message = "its parents lead in a circle, or more than 50 levels up";
                (lines, "circular_parent", message)
            }
        };
        let column = self.lines.layout.as_ref().and_then(Layout::parent_column);
        for line in lines {
            self.lines.refuse(LineError::new(line, column.as_deref(), code, message));
        }
        Ok(())
    }

    /// The sender is gone before the end.
    pub async fn give_up(&self) -> Result<()> {
        Ok(self.engine.db().give_up_reading(&self.reading).await?)
    }

    async fn refused(&mut self) -> Result<()> {
        self.give_up().await?;
        let errors = std::mem::take(&mut self.lines.errors);
        Err(EngineError::CsvInvalid { errors, count: self.lines.error_count })
    }

    async fn flush(&mut self) -> Result<()> {
        let people = std::mem::take(&mut self.lines.people);
        let roles = std::mem::take(&mut self.lines.roles);
        let bytes = std::mem::take(&mut self.lines.batch_bytes) as u64;
        if self.lines.error_count > 0 {
            // Nothing of it will be applied: go on reading for the other errors only.
            return Ok(());
        }
        let db = self.engine.db();
        self.staged_bytes = self.staged_bytes.saturating_add(bytes);
        let staged = Staged { kind: self.lines.kind, people, roles, bytes: self.staged_bytes };
        let Some(repeated) = db.stage(&self.reading, &staged).await? else {
            return Err(super::not_ready(db, &self.entity, &self.reading.upload).await?);
        };
        if db.waiting_upload_bytes(&self.sender).await? > UPLOAD_SENDER_BYTES_MAX {
            self.give_up().await?;
            return Err(EngineError::UploadQuota);
        }
        for (line, first) in repeated {
            let what = match self.lines.kind {
                ListKind::Users | ListKind::Members => "person",
                ListKind::Entitlements => "entitlement",
            };
            let message = format!("line {first} names the same {what}");
            self.lines.refuse(LineError::new(line, None, "duplicate_row", message));
        }
        Ok(())
    }
}

/// Turns records into rows to be staged, and errors to be told.
struct Lines {
    kind: ListKind,
    keys: Keys,
    layout: Option<Layout>,
    rows: u64,
    people: Vec<StagedPerson>,
    roles: Vec<StagedRole>,
    known_roles: HashSet<Key>,
    has_parents: bool,
    batch_bytes: usize,
    errors: Vec<LineError>,
    error_count: u64,
}

impl Lines {
    fn of(entity: &Entity, kind: ListKind) -> Self {
        let id = match entity {
            Entity::App(app) => app.as_str(),
            Entity::DataSource(source) => source.as_str(),
        };
        let source = IntegrationId::parse(id).expect("ids of all kinds look alike");
        Self {
            kind,
            keys: Keys::of(&source),
            layout: None,
            rows: 0,
            people: Vec::new(),
            roles: Vec::new(),
            known_roles: HashSet::new(),
            has_parents: false,
            batch_bytes: 0,
            errors: Vec::new(),
            error_count: 0,
        }
    }

    fn refuse(&mut self, error: LineError) {
        self.error_count += 1;
        if self.errors.len() < UPLOAD_ERRORS_TOLD {
            self.errors.push(error);
        }
    }

    fn take(&mut self, record: &Record<'_>) {
        let Some(layout) = &self.layout else {
            match Layout::read(self.kind, record) {
                Ok(layout) => self.layout = Some(layout),
                // Without a header no line means anything; only the header's own errors are told.
                Err(errors) if self.error_count == 0 => {
                    errors.into_iter().for_each(|error| self.refuse(error));
                }
                Err(_) => {}
            }
            return;
        };
        let read = layout.person(record);
        self.rows += 1;
        if self.rows == UPLOAD_ROWS_MAX + 1 {
            let message = format!("a list has at most {UPLOAD_ROWS_MAX} lines");
            self.refuse(LineError::new(record.line, None, "too_many_rows", message));
        }
        match read {
            Ok(person) if self.error_count == 0 => self.stage(record.line, person),
            Ok(_) => {}
            Err(errors) => errors.into_iter().for_each(|error| self.refuse(error)),
        }
    }

    fn stage(&mut self, line: u64, person: ListedPerson) {
        let content = serde_json::to_vec(&person).unwrap_or_default();
        self.batch_bytes += content.len();
        let row_hash = row_hash(&content);
        if self.kind == ListKind::Entitlements {
            let key = self.keys.entitlement(&person.external_id);
            let parent = person.manager_external_id.as_deref();
            let parent = parent.map(|parent| self.keys.entitlement(parent));
            self.has_parents |= parent.is_some();
            let roles = Vec::new();
            self.people.push(StagedPerson { key, line, person, parent, row_hash, roles });
            return;
        }
        let key = self.keys.object(Domain::Account, "Account", &person.external_id);
        let mut roles = Vec::with_capacity(person.roles.len());
        for name in &person.roles {
            let role = self.keys.entitlement(name);
            roles.push(role);
            if self.known_roles.insert(role) {
                self.roles.push(staged_role(role, name));
            }
        }
        if self.known_roles.len() > UPLOAD_ROLES_MAX {
            let message = format!("a list names at most {UPLOAD_ROLES_MAX} different roles");
            self.refuse(LineError::new(line, Some("roles"), "too_many_roles", message));
            return;
        }
        self.people.push(StagedPerson { key, line, person, parent: None, row_hash, roles });
    }
}

/// A role as the catalogue keeps it: an entitlement on the app itself.
fn staged_role(key: Key, name: &str) -> StagedRole {
    let entitlement = Entitlement {
        id: name.to_owned(),
        kind: "Role".to_owned(),
        on: ObjectRef { kind: "App".to_owned(), id: String::new() },
        slug: name.to_owned(),
        display: name.to_owned(),
        description: None,
        purpose: Purpose::Access,
        grantable_to: vec!["Account".to_owned()],
        exclusive: None,
        is_immutable: false,
        is_privileged: false,
        attributes: Vec::new(),
    };
    let details = serde_json::to_string(&entitlement).unwrap_or_default();
    StagedRole { key, name: name.to_owned(), row_hash: row_hash(details.as_bytes()), details }
}
