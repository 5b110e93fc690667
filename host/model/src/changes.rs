//! What a target's change log says: the host's side of `wit/aggregate.wit`'s `changes`, which documents
//! every field; and how far a run has followed it (CAT-12).

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::aggregation::{CycleFinder, EMPTY_PAGES_MAX, PAGES_MAX, PageFault};
use crate::catalogue::{
    Assignment, Attribute, AttributeDelta, Completeness, Cursor, Entitlement, NATIVE_ID_BYTES_MAX,
    Object, ObjectRef, Value,
};
use crate::clock::UnixMs;

/// Most feeds of one connector that are followed.
pub const FEEDS_MAX: usize = 8;
/// A full run is due when the last one began so long ago, in milliseconds: a week.
pub const FULL_EVERY_MS: i64 = 7 * 24 * 3_600_000;
/// Where a person wants changes alone, a full run is due all the same after so long, in milliseconds.
pub const FULL_AGE_MS_MAX: i64 = 30 * 24 * 3_600_000;
/// Longest position in a feed that is kept, in bytes.
pub const POSITION_BYTES_MAX: usize = 4 * 1024;

/// A log of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/aggregate.wit")]
pub struct Feed {
    pub id: String,
    pub display: String,
    pub kinds: Vec<String>,
    pub is_ordered: bool,
    pub min_poll_ms: u64,
    pub retention_ms: Option<u64>,
}

/// Attributes of an object that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/aggregate.wit")]
pub struct PartialChange {
    pub about: ObjectRef,
    pub deltas: Vec<AttributeDelta>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented case by case in wit/aggregate.wit")]
pub enum Change {
    Upserted(Box<Object>),
    Changed(PartialChange),
    Deleted(ObjectRef),
    Offered(Box<Entitlement>),
    Withdrawn(String),
    Granted(Box<Assignment>),
    Revoked(Box<Assignment>),
    Used,
    Resync(String),
}

/// Some events of a feed, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/aggregate.wit")]
pub struct ChangePage {
    pub changes: Vec<Change>,
    pub next: Cursor,
    pub has_more: bool,
}

/// How far a feed is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPosition {
    /// The feed's id.
    pub feed: String,
    /// Up to where all is known.
    pub at: Cursor,
}

/// How far a run over changes has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Following {
    /// The feeds.
    pub feeds: Vec<FeedPosition>,
    /// The kinds of objects that a full run lists.
    pub kinds: Vec<String>,
    /// The feed that is being read; behind the last one all are read.
    pub feed_index: usize,
    /// Looks for a cycle among its positions.
    pub cycle: CycleFinder,
    /// Empty pages in a row.
    pub empty_pages: u32,
    /// Events read.
    pub events: u64,
    /// When the last full run began.
    pub full: UnixMs,
    /// Objects that were deleted and made again.
    pub recreated: u32,
    /// Whether something was left out that a later event may make fit.
    pub has_left_out: bool,
    /// Whether objects in the catalogue may be older than what was read of them.
    pub has_stale_objects: bool,
    /// Whether a row was left as it is because Grantry wrote it meanwhile.
    pub is_overtaken: bool,
    /// Whether all feeds are read, and what lives was counted.
    pub is_counted: bool,
    /// Whether all that they say is taken over.
    pub is_applied: bool,
}

impl Following {
    /// From these positions on, over objects of these kinds.
    pub fn from(feeds: Vec<FeedPosition>, kinds: Vec<String>) -> Self {
        Self {
            feeds,
            kinds,
            feed_index: 0,
            cycle: CycleFinder::default(),
            empty_pages: 0,
            events: 0,
            full: UnixMs(0),
            recreated: 0,
            has_left_out: false,
            has_stale_objects: false,
            is_overtaken: false,
            is_counted: false,
            is_applied: false,
        }
    }

    /// The feed to poll next; `None` when all are read to their ends.
    pub fn feed(&self) -> Option<&FeedPosition> {
        self.feeds.get(self.feed_index)
    }

    /// Takes note of a page; `pages` is how many the run has read with it.
    ///
    /// # Errors
    /// If the feed goes round in circles or does not end.
    pub fn advance(&mut self, page: &ChangePage, pages: u64) -> Result<(), PageFault> {
        if page.next.len() > POSITION_BYTES_MAX {
            return Err(PageFault::InvalidId("a position has more than 4 KiB".to_owned()));
        }
        self.events += page.changes.len() as u64;
        self.empty_pages = if page.changes.is_empty() { self.empty_pages + 1 } else { 0 };
        if pages > PAGES_MAX || self.empty_pages > EMPTY_PAGES_MAX {
            return Err(PageFault::TooManyPages);
        }
        let Some(feed) = self.feeds.get_mut(self.feed_index) else { return Ok(()) };
        if page.has_more && (page.next == feed.at || self.cycle.repeats(&page.next)) {
            return Err(PageFault::CursorLoop);
        }
        feed.at.clone_from(&page.next);
        if !page.has_more {
            self.feed_index += 1;
            self.empty_pages = 0;
            self.cycle = CycleFinder::default();
        }
        Ok(())
    }
}

/// Whether these feeds can stand for full runs over those kinds, and be followed. Each kind has one feed:
/// the order of events in two of them is not known.
pub fn can_follow(feeds: &[Feed], kinds: &[String]) -> bool {
    let tellers = |kind: &String| feeds.iter().filter(|feed| feed.kinds.contains(kind)).count();
    let is_id = |id: &str| (1..=NATIVE_ID_BYTES_MAX).contains(&id.len()) && !id.contains('\0');
    let is_once = |feed: &Feed| feeds.iter().filter(|other| other.id == feed.id).count() == 1;
    (1..=FEEDS_MAX).contains(&feeds.len())
        && feeds.iter().all(|feed| feed.is_ordered && is_id(&feed.id) && is_once(feed))
        && kinds.iter().all(|kind| tellers(kind) == 1)
}

/// Changes attributes of an object as deltas say, one after the other. Attributes that no delta names stay
/// as they are.
pub fn apply(object: &mut Object, deltas: &[AttributeDelta]) {
    let attributes = std::mem::take(&mut object.attributes);
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut all: Vec<(Attribute, Option<Values>)> = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        places.entry(attribute.name.clone()).or_insert(all.len());
        all.push((attribute, None));
    }
    for delta in deltas {
        let place = *places.entry(delta.name.clone()).or_insert_with(|| {
            let (name, completeness) = (delta.name.clone(), Completeness::Complete);
            all.push((Attribute { name, values: Vec::new(), completeness }, None));
            all.len() - 1
        });
        let (attribute, values) = &mut all[place];
        let values =
            values.get_or_insert_with(|| Values::of(std::mem::take(&mut attribute.values)));
        if let Some(replaced) = &delta.replace {
            *values = Values::default();
            replaced.iter().for_each(|value| values.add(value.clone()));
            attribute.completeness = Completeness::Complete;
        } else {
            delta.remove.iter().for_each(|value| values.remove(value));
            delta.add.iter().for_each(|value| values.add(value.clone()));
        }
    }
    let kept = all.into_iter().filter_map(|(attribute, values)| match values {
        None => Some(attribute),
        Some(values) if values.in_order.is_empty() => None,
        Some(values) => {
            Some(Attribute { values: values.in_order.into_values().collect(), ..attribute })
        }
    });
    object.attributes = kept.collect();
}

/// Values of an attribute, each once, in their order: many deltas take no longer than one after the other.
#[derive(Default)]
struct Values {
    in_order: BTreeMap<usize, Value>,
    places: HashMap<String, usize>,
    next: usize,
}

impl Values {
    fn of(values: Vec<Value>) -> Self {
        let mut of = Self::default();
        values.into_iter().for_each(|value| of.add(value));
        of
    }

    fn add(&mut self, value: Value) {
        if let Entry::Vacant(free) = self.places.entry(said(&value)) {
            free.insert(self.next);
            self.in_order.insert(self.next, value);
            self.next += 1;
        }
    }

    fn remove(&mut self, value: &Value) {
        if let Some(place) = self.places.remove(&said(value)) {
            self.in_order.remove(&place);
        }
    }
}

/// Equal for equal values.
fn said(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
