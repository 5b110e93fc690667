//! What the events of a feed say, as the last word about each row.
//!
//! An event is settled here by what is staged and what the catalogue has; nothing of the catalogue changes.

use grantry_model::aggregation::{PageFault, Progress};
use grantry_model::catalogue::Object;
use grantry_model::changes::{Change, ChangePage, PartialChange, apply};
use grantry_model::fingerprint::{Key, Keys};
use grantry_model::text::printable;
use grantry_store::{Domain, Run, Seen, StagedChange, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Result;
use crate::aggregate::Aggregation;
use crate::reconcile::{DETAILS_BYTES_MAX, check_id, object_key};

const ZERO: Key = Key([0; 16]);
/// Objects that may be deleted and made again within one run: what each held is looked for among all
/// entitlements (ADR 6).
const RECREATED_MAX: u32 = 200;

/// Whether the events of a page could be staged.
pub(super) type Settled = std::result::Result<std::result::Result<(), Unsettled>, PageFault>;

/// Why everything is read instead.
pub(super) struct Unsettled(pub(super) String);

impl Aggregation<'_> {
    /// Stages what the events of a page say, each in its turn.
    pub(super) async fn stage_all(
        &mut self,
        tx: &mut Tx,
        page: &ChangePage,
        progress: &mut Progress,
    ) -> Result<Settled> {
        for change in &page.changes {
            if let Err(fault) = ids_of(change).into_iter().try_for_each(check_id) {
                return Ok(Err(fault));
            }
            let unknown = |kind: &&str| {
                progress
                    .following
                    .as_ref()
                    .is_some_and(|of| !of.kinds.iter().any(|one| one == kind))
            };
            if let Some(kind) = object_kind(change).filter(unknown) {
                let what =
                    format!("a feed tells of `{}`, which is not listed", printable(kind, 80));
                return Ok(Err(PageFault::UnexpectedRow(what)));
            }
            match self.stage(tx, change, progress).await? {
                Ok(()) => {}
                unsettled => return Ok(Ok(unsettled)),
            }
        }
        Ok(Ok(Ok(())))
    }

    /// Stages what one event says.
    async fn stage(
        &mut self,
        tx: &mut Tx,
        change: &Change,
        progress: &mut Progress,
    ) -> Result<std::result::Result<(), Unsettled>> {
        let accounts = &progress.account_kinds;
        let object = |keys: &mut Keys, kind: &str, id: &str| object_key(keys, accounts, kind, id);
        let (run, keys) = (&self.run, &mut self.keys);
        let staged = match change {
            Change::Upserted(of) => {
                let row = (object(keys, &of.id.kind, &of.id.id), ZERO);
                whole(Domain::Objects, &of.id.kind, row, &**of)
            }
            Change::Changed(partial) => {
                let key = object(keys, &partial.about.kind, &partial.about.id);
                match last_word(tx, run, key, partial, progress).await? {
                    Ok(of) => whole(Domain::Objects, &partial.about.kind, (key, ZERO), &of),
                    Err(unsettled) => Err(unsettled),
                }
            }
            Change::Offered(of) => {
                let resource = object(keys, &of.on.kind, &of.on.id);
                let row = (keys.entitlement(&of.id), ZERO);
                let staged = whole(Domain::Entitlements, &of.on.kind, row, &**of);
                staged.map(|staged| StagedChange { resource, ..staged })
            }
            Change::Granted(of) => {
                let entitlement = keys.entitlement(&of.entitlement);
                let holder = object(keys, &of.holder.kind, &of.holder.id);
                let kind = tx.kind_on(run, entitlement).await?.unwrap_or_default();
                whole(Domain::Assignments, &kind, (entitlement, holder), &**of)
            }
            Change::Deleted(of) => {
                let key = object(keys, &of.kind, &of.id);
                return Ok(Ok(tx.stage_object_gone(run, key).await?));
            }
            Change::Withdrawn(id) => {
                let key = keys.entitlement(id);
                return Ok(Ok(tx.stage_entitlement_gone(run, key).await?));
            }
            Change::Revoked(of) => {
                let entitlement = keys.entitlement(&of.entitlement);
                let holder = object(keys, &of.holder.kind, &of.holder.id);
                let row = (entitlement, holder);
                return Ok(Ok(tx.stage_gone(run, Domain::Assignments, row).await?));
            }
            Change::Used => return Ok(Ok(())),
            Change::Resync(kind) => {
                let why = format!("a feed lost track of `{}`", printable(kind, 80));
                return Ok(Err(Unsettled(why)));
            }
        };
        let staged = match staged {
            Ok(staged) => staged,
            Err(unsettled) => return Ok(Err(unsettled)),
        };
        if let Err(unsettled) = self.make_again(tx, &staged, progress).await? {
            return Ok(Err(unsettled));
        }
        Ok(Ok(tx.stage(&self.run, &staged).await?))
    }

    /// What comes again after it went begins without what hung on it before.
    async fn make_again(
        &self,
        tx: &mut Tx,
        staged: &StagedChange,
        progress: &mut Progress,
    ) -> Result<std::result::Result<(), Unsettled>> {
        let (domain, key) = (staged.domain, staged.row.0);
        if domain == Domain::Assignments || !tx.is_staged_gone(&self.run, domain, key).await? {
            return Ok(Ok(()));
        }
        let Some(following) = &mut progress.following else { return Ok(Ok(())) };
        if following.feeds.len() > 1 {
            let why = "something was deleted and made again, and what became of what hung on it in \
                       between is for two feeds to tell";
            return Ok(Err(Unsettled(why.to_owned())));
        }
        following.recreated += u32::from(domain == Domain::Objects);
        if following.recreated > RECREATED_MAX {
            let why = format!("more than {RECREATED_MAX} objects were deleted and made again");
            return Ok(Err(Unsettled(why)));
        }
        Ok(Ok(tx.stage_made_again(&self.run, domain, key).await?))
    }
}

/// An object by the last word before a partial change, with the change.
async fn last_word(
    tx: &mut Tx,
    run: &Run,
    key: Key,
    partial: &PartialChange,
    progress: &Progress,
) -> Result<std::result::Result<Object, Unsettled>> {
    let (kind, id) = (&partial.about.kind, printable(&partial.about.id, 80));
    let unsettled =
        |what: &str| Ok(Err(Unsettled(format!("a feed changes {kind} `{id}`, {what}"))));
    let staged = tx.staged_object(run, key).await?;
    let is_stale = progress.following.as_ref().is_some_and(|of| of.has_stale_objects);
    let known = match staged {
        Some(word) => word,
        None if is_stale => return unsettled("of which an older state may be known"),
        None => tx.known_object(key).await?,
    };
    let Some(known) = known else { return unsettled("which nobody has seen") };
    if known.len() > DETAILS_BYTES_MAX {
        return unsettled("which is too large");
    }
    let Some(mut object) = serde_json::from_str::<Object>(&known).ok() else {
        return unsettled("whose last state cannot be read");
    };
    // A number that reads back as another one, say.
    if kept(&object).as_ref() != Some(&known) {
        return unsettled("whose last state is not known exactly");
    }
    apply(&mut object, &partial.deltas);
    Ok(Ok(object))
}

/// A row as JSON, if it reads back as what it is.
fn kept<T: Serialize + DeserializeOwned + PartialEq>(of: &T) -> Option<String> {
    let text = serde_json::to_string(of).ok()?;
    let read = serde_json::from_str::<T>(&text).ok()?;
    (read == *of).then_some(text)
}

/// A row to be staged.
fn whole<T: Serialize + DeserializeOwned + PartialEq>(
    domain: Domain,
    kind: &str,
    row: Seen,
    of: &T,
) -> std::result::Result<StagedChange, Unsettled> {
    let why = || Unsettled("a feed has a row that cannot be kept exactly".to_owned());
    let change = kept(of).ok_or_else(why)?;
    Ok(StagedChange { domain, kind: kind.to_owned(), row, resource: ZERO, change })
}

/// The kind of the object that an event is about.
fn object_kind(change: &Change) -> Option<&str> {
    match change {
        Change::Upserted(of) => Some(&of.id.kind),
        Change::Changed(of) => Some(&of.about.kind),
        Change::Deleted(of) => Some(&of.kind),
        Change::Offered(of) => Some(&of.on.kind),
        Change::Withdrawn(_)
        | Change::Granted(_)
        | Change::Revoked(_)
        | Change::Used
        | Change::Resync(_) => None,
    }
}

/// The native ids in an event.
fn ids_of(change: &Change) -> Vec<&str> {
    match change {
        Change::Upserted(of) => vec![&of.id.kind, &of.id.id],
        Change::Changed(of) => vec![&of.about.kind, &of.about.id],
        Change::Deleted(of) => vec![&of.kind, &of.id],
        Change::Offered(of) => vec![&of.id, &of.kind, &of.on.kind, &of.on.id],
        Change::Withdrawn(id) => vec![id],
        Change::Granted(of) | Change::Revoked(of) => {
            vec![&of.entitlement, &of.holder.kind, &of.holder.id]
        }
        Change::Used | Change::Resync(_) => Vec::new(),
    }
}
