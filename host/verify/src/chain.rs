//! The rules: rows follow one another without a gap, each holds the hash of the one before it and
//! its own, and every checkpoint names the hash that its row has.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::checkpoint::Checkpoint;
use crate::{Fault, Report, Trusted};

/// A row as the check sees it: 13 fields in the order of docs/audit.md, with the hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub sequence: i64,
    /// `at_ms` to `detail`, as texts; missing ones are `None`.
    pub fields: [Option<String>; 12],
    /// The hash of the row before, as the row says it.
    pub previous_hash: String,
    /// Its own hash, as the row says it.
    pub hash: String,
}

impl Entry {
    fn computed(&self, previous: &str) -> String {
        let mut bytes = Vec::with_capacity(512);
        let mut put = |field: Option<&str>| match field {
            None => bytes.push(0),
            Some(text) => {
                bytes.push(1);
                bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        };
        put(Some(previous));
        put(Some(&self.sequence.to_string()));
        for field in &self.fields {
            put(field.as_deref());
        }
        hex::encode(Sha256::digest(&bytes))
    }
}

/// A check under way. Give it the rows in order, then [`Chain::finish`].
#[derive(Debug)]
pub struct Chain<'a> {
    trusted: &'a Trusted,
    /// By row; several may speak of one.
    checkpoints: BTreeMap<i64, Vec<Checkpoint>>,
    rows: u64,
    first: i64,
    last: i64,
    /// The hash before the first row, and of every row: a checkpoint may come long after its row.
    hashes: Vec<(i64, [u8; 32])>,
    hash: String,
    agreeing: u64,
    signed_up_to: i64,
    fault: Option<Fault>,
}

impl<'a> Chain<'a> {
    /// A check of a whole log, or of the part that is to begin with a certain row.
    #[must_use]
    pub fn new(trusted: &'a Trusted) -> Self {
        let mut chain = Self {
            trusted,
            checkpoints: BTreeMap::new(),
            rows: 0,
            first: 0,
            last: 0,
            hashes: Vec::new(),
            hash: String::new(),
            agreeing: 0,
            signed_up_to: 0,
            fault: None,
        };
        for checkpoint in &trusted.checkpoints {
            chain.add_checkpoint(checkpoint.clone());
        }
        chain
    }

    /// Holds the log against a checkpoint too, of a row that was added or of one that comes.
    pub fn add_checkpoint(&mut self, checkpoint: Checkpoint) {
        if !self.trusted.keys.is_empty()
            && let Err(fault) = checkpoint.check_signature(&self.trusted.keys)
        {
            self.fail(fault);
            return;
        }
        if checkpoint.sequence <= self.last && self.rows > 0 {
            self.hold_against(checkpoint);
            return;
        }
        self.checkpoints.entry(checkpoint.sequence).or_default().push(checkpoint);
    }

    /// A checkpoint of a row that was added already, or of one before the part.
    fn hold_against(&mut self, checkpoint: Checkpoint) {
        let found = self.hashes.binary_search_by_key(&checkpoint.sequence, |(row, _)| *row);
        match found.ok().and_then(|index| self.hashes.get(index)) {
            Some((_, hash)) => {
                let hash = hex::encode(hash);
                self.compare(&checkpoint, &hash);
            }
            // A part says nothing about the rows before it; a row that is missing is a fault already.
            None if checkpoint.sequence < self.first => {}
            None => self.missing(checkpoint.sequence),
        }
    }

    /// A row that should be there.
    pub(crate) fn missing(&mut self, sequence: i64) {
        self.fail(Fault { sequence, what: format!("row {sequence} is missing") });
    }

    fn compare(&mut self, checkpoint: &Checkpoint, hash: &str) {
        if checkpoint.hash != hash {
            let what = "the row is not the one that the checkpoint signed".to_owned();
            self.fail(Fault { sequence: checkpoint.sequence, what });
            return;
        }
        self.agreeing += 1;
        if !self.trusted.keys.is_empty() {
            self.signed_up_to = self.signed_up_to.max(checkpoint.sequence);
        }
    }

    fn fail(&mut self, fault: Fault) {
        // The earliest row is where to look first.
        if self.fault.as_ref().is_none_or(|there| fault.sequence < there.sequence) {
            self.fault = Some(fault);
        }
    }

    /// A row that cannot even be read.
    pub fn unreadable(&mut self, sequence: i64) {
        self.fail(Fault { sequence, what: "the row holds what no writer writes".to_owned() });
    }

    /// The next row.
    pub fn add(&mut self, entry: &Entry) {
        let is_first = self.rows == 0;
        if is_first {
            self.first = entry.sequence;
            self.begin(entry);
        }
        let expected = self.last.saturating_add(1);
        if entry.sequence != expected {
            let sequence = expected.min(entry.sequence);
            let what = format!("row {expected} is missing; the next one is {}", entry.sequence);
            self.fail(Fault { sequence, what });
        }
        let computed = entry.computed(&self.hash);
        if entry.previous_hash != self.hash {
            let what = "the row does not continue the row before it".to_owned();
            self.fail(Fault { sequence: entry.sequence, what });
        } else if entry.hash != computed {
            let what = "the row is not what it was when it was written".to_owned();
            self.fail(Fault { sequence: entry.sequence, what });
        }
        self.rows += 1;
        self.last = entry.sequence;
        // What the next row is held against: what this one is, not what it says.
        self.hash = computed;
        self.remember(entry.sequence);
        // Those of the row before a part speak of where it begins.
        while let Some(of) = self.checkpoints.first_entry().filter(|of| *of.key() <= self.last) {
            for checkpoint in of.remove() {
                self.hold_against(checkpoint);
            }
        }
    }

    /// A part begins where its first row says, if that is the row that it is to begin with.
    fn begin(&mut self, entry: &Entry) {
        let Some(first) = self.trusted.first_row.filter(|first| *first > 1) else { return };
        self.last = first - 1;
        if entry.sequence == first {
            self.hash.clone_from(&entry.previous_hash);
            self.remember(first - 1);
        }
    }

    fn remember(&mut self, sequence: i64) {
        let mut bytes = [0; 32];
        if hex::decode_to_slice(&self.hash, &mut bytes).is_ok() {
            self.hashes.push((sequence, bytes));
        }
    }

    /// The writer's own memory of the last row.
    pub fn check_head(&mut self, sequence: i64, hash: &str) {
        if sequence != self.last {
            let what = format!("the log ends at row {}, but {sequence} were written", self.last);
            self.fail(Fault { sequence: self.last.min(sequence).saturating_add(1), what });
        } else if hash != self.hash {
            let what = "the last row is not the one that was written last".to_owned();
            self.fail(Fault { sequence, what });
        }
    }

    /// What the check found.
    #[must_use]
    pub fn finish(mut self) -> Report {
        // Those that are left speak of rows that did not come.
        if let Some(sequence) = self.checkpoints.keys().next().copied() {
            let what = format!(
                "the log ends at row {}, but a checkpoint signed row {sequence}",
                self.last
            );
            self.fail(Fault { sequence: self.last.saturating_add(1).min(sequence), what });
        }
        Report {
            rows: self.rows,
            first: self.first,
            last: self.last,
            hash: self.hash,
            checkpoints: self.agreeing,
            signatures_checked: !self.trusted.keys.is_empty(),
            signed_up_to: self.signed_up_to,
            fault: self.fault,
        }
    }
}
