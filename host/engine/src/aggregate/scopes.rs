//! Scopes of listings that the connector validates as a whole (CAT-12).
//!
//! The connector is offered what it said of a scope at the end of its last complete reading. If it then
//! calls the scope unchanged, its pages count as seen again, as pages with a known digest do (ADR 3): the
//! deletion guard and everything else at the end of a run see no difference.

use std::collections::HashMap;
use std::sync::Arc;

use grantry_model::aggregation::{PageFault, Progress, SCOPES_MAX, VALIDATOR_BYTES_MAX};
use grantry_model::catalogue::{Disposition, NATIVE_ID_BYTES_MAX, Page, Scope, Target};
use grantry_model::runner::CallScope;
use grantry_model::text::printable;
use grantry_store::{Domain, Integration, ScopeReading, SeenAgain, Validator};

use super::Aggregation;
use crate::Result;

/// What the connector may ask for while a listing is read.
pub(super) struct Offer {
    /// The listing's place.
    target_index: usize,
    /// Those that no page has used yet.
    open: HashMap<String, Validator>,
    texts: Arc<HashMap<String, String>>,
}

/// Stands for all on which the rows of a scope depend besides the target: the plugin, the connection with
/// its secrets, what was approved, and which kinds are accounts.
pub(super) fn basis(progress: &Progress, integration: &Integration) -> String {
    let mut hasher =
        blake3::Hasher::new_derive_key("grantry basis of what a scope is validated by");
    hasher.update(&integration.policy_version.to_le_bytes());
    for part in progress.source.iter().chain(&progress.account_kinds) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn refused(what: String) -> PageFault {
    PageFault::UnexpectedRow(what)
}

/// Refuses a scope that cannot be remembered, or one that is unchanged and yet has rows.
fn check(scope: &Scope, page: &Page) -> std::result::Result<(), PageFault> {
    let key = &scope.key;
    if key.is_empty() || key.len() > NATIVE_ID_BYTES_MAX || key.contains('\0') {
        let key = printable(key, 80);
        return Err(refused(format!("`{key}` is not a scope: 1 to {NATIVE_ID_BYTES_MAX} bytes")));
    }
    let is_text = |text: &String| text.len() <= VALIDATOR_BYTES_MAX && !text.contains('\0');
    if !scope.validator.as_ref().is_none_or(is_text) {
        let key = printable(key, 80);
        let what = format!("the validator of `{key}` has more than {VALIDATOR_BYTES_MAX} bytes");
        return Err(refused(what));
    }
    let is_empty =
        page.objects.is_empty() && page.entitlements.is_empty() && page.assignments.is_empty();
    if scope.disposition == Disposition::Unchanged && !is_empty {
        let key = printable(key, 80);
        return Err(refused(format!("the page calls `{key}` unchanged, and lists rows of it")));
    }
    Ok(())
}

impl Aggregation<'_> {
    /// What a call for a page of this listing may touch, with the validators of its scopes.
    pub(super) async fn offering(&mut self, target: &Target) -> Result<CallScope> {
        let index = self.progress.target_index;
        let texts = match &self.offer {
            Some(offer) if offer.target_index == index => offer.texts.clone(),
            _ => {
                let open = self.validators(target).await?;
                let texts = open.iter().map(|(key, of)| (key.clone(), of.text.clone()));
                let texts = Arc::new(texts.collect::<HashMap<_, _>>());
                let texts_again = texts.clone();
                self.offer = Some(Offer { target_index: index, open, texts });
                texts_again
            }
        };
        Ok(CallScope { validators: texts, ..self.scope.clone() })
    }

    async fn validators(&self, target: &Target) -> Result<HashMap<String, Validator>> {
        // Ids and names may come from attributes of resources that have changed.
        let is_entitlements = Domain::of_listing(target) == Domain::Entitlements;
        if is_entitlements && self.progress.written > 0 && self.types.reads_attributes() {
            return Ok(HashMap::new());
        }
        let (id, basis) = (&self.integration.id, basis(&self.progress, &self.integration));
        Ok(self.engine.db().validators(id, &target.name(), &basis).await?)
    }

    /// How many rows a page stands for that calls its scope unchanged; nothing for one that lists its
    /// rows. Each offer is good for one page.
    pub(super) fn taken_over(
        &mut self,
        page: &Page,
    ) -> std::result::Result<Option<u64>, PageFault> {
        let Some(scope) = &page.scope else { return Ok(None) };
        check(scope, page)?;
        let offered = self.offer.as_mut().and_then(|offer| offer.open.remove(&scope.key));
        match (scope.disposition, offered) {
            (Disposition::Fresh, _) => Ok(None),
            (Disposition::Unchanged, Some(validator)) => Ok(Some(validator.rows)),
            // Without rows it would look like a listing of nothing.
            (Disposition::Unchanged, None) => Err(refused(
                "the page calls its scope unchanged, but the host gave no validator to ask with"
                    .to_owned(),
            )),
        }
    }

    /// Takes note of what the first page of a scope was read with.
    pub(super) fn note_basis(&self, progress: &mut Progress) {
        let basis = basis(progress, &self.integration);
        if let Some(scope) = &mut progress.scope {
            scope.basis.get_or_insert(basis);
        }
    }

    /// What is to be noted of a page's scope when the page is stored.
    pub(super) fn note_of_scope(
        &self,
        target: &Target,
        page: &Page,
        progress: &Progress,
    ) -> Option<SeenAgain> {
        let scope = page.scope.as_ref()?;
        let (listing, key) = (target.name(), scope.key.clone());
        if scope.disposition == Disposition::Unchanged {
            return Some(SeenAgain::Scope { listing, key });
        }
        let reading = progress.scope.as_ref()?;
        let basis = basis(progress, &self.integration);
        let is_one_reading = reading.basis.as_ref() == Some(&basis);
        let is_kept = is_one_reading && !reading.has_skips && progress.scopes_kept <= SCOPES_MAX;
        Some(SeenAgain::Reading(ScopeReading {
            listing,
            key,
            validator: scope.validator.clone().filter(|_| is_kept),
            basis,
            pages: reading.pages,
            rows: reading.rows,
        }))
    }
}
