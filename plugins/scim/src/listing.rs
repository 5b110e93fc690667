//! Walks a collection page by page, over servers that cap, ignore, repeat or miscount their pages.
//!
//! [`Position`] is where a listing stands and goes into the host's cursor. It moves by what was
//! really received, never by `itemsPerPage`, and ends at an empty or repeated page, never at
//! `totalResults` alone. Whatever makes the listing less than certain becomes its [`Position::doubt`].

mod page;

use grantry_sdk::http::encode;
use grantry_sdk::types::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use page::{COUNT_MAX, Fetched, ListPage, Source};

use crate::resource::id;
use crate::service::Service;

/// Numbers at which servers cut lists off by default. A list of such a length from a server that
/// does not page may be all there is, or the first part.
const USUAL_CAPS: [u64; 12] = [10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000];

/// Whether a list of this length may have been cut off.
pub fn is_usual_cap(length: u64) -> bool {
    USUAL_CAPS.contains(&length)
}

/// Whether a server may have chosen this length for the lists that it cuts off: a usual one, or a
/// round one. What such a list does not hold may still be there.
pub fn is_round(length: u64) -> bool {
    is_usual_cap(length)
        || (length >= 10 && (length.is_multiple_of(10) || length.is_multiple_of(25)))
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Mode {
    /// `startIndex` and `count` (RFC 7644 section 3.4.2.4).
    Index,
    /// `cursor` and `count` (RFC 9865).
    Cursor,
}

/// Where a listing stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Position {
    mode: Option<Mode>,
    /// How many resources lie before the next page.
    offset: u64,
    token: Option<String>,
    /// The largest page that the server gives; shrinks when pages are too large.
    count_max: u64,
    seen: u64,
    total: Option<u64>,
    has_false_total: bool,
    /// Digests of ids: the listing's first, the last page's first and last.
    first: Option<u64>,
    page_first: Option<u64>,
    page_last: Option<u64>,
    duplicates: u64,
    /// Why the listing may not be whole.
    pub doubt: Option<String>,
    is_over: bool,
}

/// What one step of a listing brought.
#[derive(Debug, Default)]
pub struct Batch {
    /// New resources.
    pub resources: Vec<Value>,
    /// They came without their members, as the page was too large with them.
    pub is_cut: bool,
}

impl Position {
    /// A listing that is over before it begins, for a single resource.
    pub fn of_one() -> Self {
        Self { is_over: true, ..Self::default() }
    }

    /// The listing's end was reached.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// As many were seen as the server says there are; one more request will show if that is true.
    pub fn is_at_total(&self) -> bool {
        !self.has_false_total && self.total.is_some_and(|total| self.seen >= total)
    }

    /// The server's count, if it can be believed.
    pub fn expected_total(&self) -> Option<u64> {
        self.total.filter(|_| !self.has_false_total)
    }

    /// Reads the next page of at most `wanted` resources.
    ///
    /// # Errors
    /// As the server says. Never a shorter listing instead.
    pub fn read(&mut self, source: &Source<'_>, wanted: u64) -> Result<Batch> {
        let mode = match self.mode {
            Some(mode) => mode,
            None => self.begin(source, wanted)?,
        };
        match mode {
            Mode::Index => self.read_by_index(source, wanted),
            Mode::Cursor => self.read_by_cursor(source),
        }
    }

    /// Takes back the end of the last batch, which did not fit into the host's page. What cannot be
    /// listed again is returned by id, for the caller to read one by one.
    pub fn give_back(&mut self, unread: &[Value]) -> Vec<String> {
        if self.mode == Some(Mode::Cursor) {
            return unread.iter().filter_map(id).collect();
        }
        let count = unread.len() as u64;
        if count > 0 {
            self.offset = self.offset.saturating_sub(count + self.duplicates);
            self.seen = self.seen.saturating_sub(count);
            self.is_over = false;
            self.page_first = None;
            self.page_last = None;
        }
        Vec::new()
    }

    fn begin(&mut self, source: &Source<'_>, wanted: u64) -> Result<Mode> {
        let service = Service::read(source.client)?;
        let mode = if service.has_cursor { Mode::Cursor } else { Mode::Index };
        self.count_max = service.page_items_max.unwrap_or(COUNT_MAX);
        if mode == Mode::Cursor {
            // A cursor may be bound to the count that it was made with.
            self.count_max = self.count_max.min(wanted.max(1));
        }
        self.mode = Some(mode);
        Ok(mode)
    }

    fn read_by_index(&mut self, source: &Source<'_>, wanted: u64) -> Result<Batch> {
        // Past the end one resource is enough to see that the server miscounted.
        let wanted = if self.is_at_total() { 1 } else { wanted.max(1) };
        let start = format!("startIndex={}", self.offset + 1);
        let mut page = match source.fetch(&start, wanted, &mut self.count_max)? {
            Fetched::Page(page) => page,
            Fetched::Refused(_) if self.is_at_total() => return self.end_by_index(source),
            Fetched::Refused(error) => return Err(error),
        };
        self.drop_known(&mut page);
        let batch = self.take_page(page);
        if batch.resources.is_empty() { self.end_by_index(source) } else { Ok(batch) }
    }

    /// Drops what was delivered before, from servers that ignore `startIndex` or clamp it.
    fn drop_known(&mut self, page: &mut ListPage) {
        if self.offset == 0 {
            return;
        }
        let digest = page.resources.first().and_then(digest_of);
        if digest.is_some() && digest == self.first {
            let received = page.resources.len() as u64;
            page.resources.drain(..self.offset.min(received) as usize);
            if page.resources.is_empty() && is_usual_cap(self.offset) {
                self.doubt_that(format!(
                    "the server ignores `startIndex` and lists exactly {}; it may have cut the list off",
                    self.offset
                ));
            }
        } else if digest.is_some() && (digest == self.page_first || digest == self.page_last) {
            page.resources.clear();
        }
    }

    fn read_by_cursor(&mut self, source: &Source<'_>) -> Result<Batch> {
        let token = self.token.clone().unwrap_or_default();
        let query = format!("cursor={}", encode(&token));
        let is_first = self.token.is_none();
        let wanted = self.count_max;
        let page = match source.fetch(&query, wanted, &mut self.count_max)? {
            Fetched::Page(page) => page,
            // It only said so; index paging is in every server.
            Fetched::Refused(_) if is_first => return self.restart_by_index(source),
            Fetched::Refused(error) => return Err(error),
        };
        let is_short = page.total.is_some_and(|total| (page.resources.len() as u64) < total);
        if is_first && page.next_cursor.is_none() && is_short {
            return self.restart_by_index(source);
        }
        if page.next_cursor.is_some() && page.next_cursor == self.token {
            return Err(Error::BadData("the server gives the same cursor again".into()));
        }
        self.token.clone_from(&page.next_cursor);
        self.is_over = page.next_cursor.is_none();
        let batch = self.take_page(page);
        if self.is_over {
            self.doubt_if_short();
        }
        Ok(batch)
    }

    fn restart_by_index(&mut self, source: &Source<'_>) -> Result<Batch> {
        let wanted = self.count_max;
        self.mode = Some(Mode::Index);
        self.read_by_index(source, wanted)
    }

    /// Counts a page's resources, each id once.
    fn take_page(&mut self, page: ListPage) -> Batch {
        let received = page.resources.len() as u64;
        let mut ids = std::collections::HashSet::new();
        let mut resources = page.resources;
        resources.retain(|resource| id(resource).is_none_or(|id| ids.insert(id)));
        let fresh = resources.len() as u64;
        self.duplicates = received - fresh;
        if self.duplicates > 0 {
            self.doubt_that("the server lists an id twice on one page".into());
        }
        if fresh > 0 {
            self.note_total(page.total, fresh);
            self.page_first = resources.first().and_then(digest_of);
            self.page_last = resources.last().and_then(digest_of);
            self.first = self.first.or(self.page_first);
        } else if self.total.is_none() {
            self.total = page.total;
        }
        self.offset += received;
        self.seen += fresh;
        Batch { resources, is_cut: page.is_cut }
    }

    fn note_total(&mut self, total: Option<u64>, fresh: u64) {
        let (Some(old), Some(new)) = (self.total, total) else {
            self.total = total.or(self.total);
            return;
        };
        // More than the server says there are: its number is that of the page, or of a cut list.
        if self.seen + fresh > new {
            self.has_false_total = true;
        }
        if new < old && !self.has_false_total {
            self.doubt_that(format!(
                "the list shrank from {old} to {new} while it was read; something may have been passed over"
            ));
        }
        self.total = Some(if self.has_false_total { old.max(new) } else { new });
    }

    /// Nothing more comes. Perhaps the server counts from 0, and its first resource is still missing.
    fn end_by_index(&mut self, source: &Source<'_>) -> Result<Batch> {
        let is_one_short = self.total.is_some_and(|total| self.seen + 1 == total);
        if is_one_short
            && let Fetched::Page(page) = source.fetch("startIndex=0", 1, &mut self.count_max)?
        {
            let zeroth = page.resources.into_iter().next();
            let is_new = |resource: &Value| digest_of(resource) != self.first;
            if let Some(resource) = zeroth.filter(is_new) {
                self.seen += 1;
                self.is_over = true;
                return Ok(Batch { resources: vec![resource], is_cut: page.is_cut });
            }
        }
        self.is_over = true;
        self.doubt_if_short();
        Ok(Batch::default())
    }

    fn doubt_if_short(&mut self) {
        match self.total {
            Some(total) if self.seen < total => {
                let seen = self.seen;
                self.doubt_that(format!("the server says that there are {total} but lists {seen}"));
            }
            None if self.mode == Some(Mode::Index) => {
                self.doubt_that("the server does not say how many there are".into());
            }
            _ => {}
        }
    }

    /// The first doubt is kept.
    pub fn doubt_that(&mut self, why: String) {
        self.doubt.get_or_insert(why);
    }
}

fn digest_of(resource: &Value) -> Option<u64> {
    id(resource).map(|id| digest([id.as_str()]))
}

/// FNV-1a over texts: to recognise, not to protect.
pub fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for text in texts {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}
