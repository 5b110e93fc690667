//! What admins say of entitlements: their own names, and what is privileged, one by one and in bulk
//! (CAT-2, CAT-9). It survives every sync, and the source's own words stay visible.

use grantry_authz::actions;
use grantry_model::ids::{EntitlementId, IntegrationId};
use grantry_store::{AuditEntry, Said, StoredEntitlement};
use serde_json::{Value, json};

use crate::error::{check_description, check_name};
use crate::idempotency::Turn;
use crate::{Answer, Ctx, EngineError, Idempotent, Result};

/// Most entitlements that one request names.
const NAMED_ENTITLEMENTS_MAX: usize = 1_000;

const NO_ENTITLEMENT: EngineError = EngineError::NotFound { what: "entitlement" };

/// A change of what is said of an entitlement. `None` stays, `Some(None)` leaves the source's word.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SaidChange {
    pub display: Option<Option<String>>,
    pub description: Option<Option<String>>,
    pub is_privileged: Option<Option<bool>>,
}

/// Of which entitlements something is to be said, as it was asked: by one of the two.
#[derive(Debug, Clone, Default)]
pub struct SelectionInput {
    /// Their ids.
    pub ids: Option<Vec<String>>,
    /// Words to look for (`*` stands for anything), and a kind; empty texts find everything.
    pub found: Option<(String, String)>,
}

/// Of which entitlements it is said whether they are privileged.
#[derive(Debug, Clone)]
enum Selection {
    /// Those with these ids.
    Named(Vec<EntitlementId>),
    /// All that a search finds in a kind; empty texts find everything.
    Found {
        /// Words to look for; `*` stands for anything.
        search: String,
        /// Only of this kind.
        kind: String,
    },
}

impl SelectionInput {
    fn read(self) -> Result<Selection> {
        match (self.ids, self.found) {
            (Some(ids), None) if ids.len() > NAMED_ENTITLEMENTS_MAX => {
                let message = format!("must have at most {NAMED_ENTITLEMENTS_MAX} ids");
                Err(EngineError::field("/ids", "too_many", message))
            }
            (Some(ids), None) => {
                let read = |(position, id): (usize, &String)| {
                    EntitlementId::parse(id).map_err(|error| {
                        let path = format!("/ids/{position}");
                        EngineError::field(&path, "invalid_id", error.to_string())
                    })
                };
                Ok(Selection::Named(ids.iter().enumerate().map(read).collect::<Result<_>>()?))
            }
            (None, Some((search, kind))) => Ok(Selection::Found { search, kind }),
            (Some(_), Some(_)) => {
                let message = "cannot be given together with `ids`";
                Err(EngineError::field("/filter", "one_of_two", message))
            }
            (None, None) => {
                Err(EngineError::field("/ids", "one_of_two", "or `filter` is required"))
            }
        }
    }
}

/// What came of saying it in bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaidInBulk {
    /// Entitlements that were meant.
    pub selected: u64,
    /// Those of which it was not said before.
    pub changed: u64,
}

fn words(said: &Said) -> Value {
    json!({
        "display": said.display, "description": said.description,
        "is_privileged": said.is_privileged,
    })
}

impl Ctx {
    /// One entitlement of an integration; one that is gone too.
    pub async fn entitlement(
        &self,
        integration: &IntegrationId,
        id: &EntitlementId,
    ) -> Result<StoredEntitlement> {
        self.permit_integration::<actions::IntegrationRead>(integration).await?;
        self.load_entitlement(integration, id).await
    }

    pub(crate) async fn load_entitlement(
        &self,
        integration: &IntegrationId,
        id: &EntitlementId,
    ) -> Result<StoredEntitlement> {
        let app = self.load_integration(integration).await?.integration.app_id;
        self.db().role(&app, id).await?.ok_or(NO_ENTITLEMENT)
    }

    /// Says something of an entitlement whose words are still at that version.
    pub async fn update_entitlement(
        &self,
        integration: &IntegrationId,
        id: &EntitlementId,
        version: i64,
        change: &SaidChange,
    ) -> Result<StoredEntitlement> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        let before = self.load_entitlement(integration, id).await?.said;
        if let Some(Some(name)) = &change.display {
            check_name("/display", name)?;
        }
        if let Some(Some(description)) = &change.description {
            check_description("/description", description)?;
        }
        let trimmed = |name: Option<String>| name.map(|name| name.trim().to_owned());
        let said = Said {
            display: change.display.clone().map_or_else(|| before.display.clone(), trimmed),
            description: change.description.clone().unwrap_or_else(|| before.description.clone()),
            is_privileged: change.is_privileged.unwrap_or(before.is_privileged),
            version,
        };
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.say_of_entitlement(&permit, integration, id, &said).await?;
        let detail = json!({
            "integration": integration, "before": words(&before), "after": words(&said),
        });
        let event = "entitlement.updated";
        tx.commit(AuditEntry::about(event, "entitlement", id.as_str(), detail)).await?;
        self.load_entitlement(integration, id).await
    }

    /// Says of many entitlements at once whether they are privileged: all of them in one transaction,
    /// or none.
    pub async fn say_privileged(
        &self,
        integration: &IntegrationId,
        selection: SelectionInput,
        said: Option<bool>,
        request: &Idempotent<'_, SaidInBulk>,
    ) -> Result<Answer> {
        let permit = self.permit_integration::<actions::IntegrationWrite>(integration).await?;
        let selection = selection.read()?;
        self.load_integration(integration).await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            let mut tx = self.db().begin(permit.provenance()).await?;
            let done = match &selection {
                Selection::Found { search, kind } => {
                    let found = (search.as_str(), kind.as_str());
                    let said =
                        tx.say_privileged_of_found(&permit, integration, found, said).await?;
                    SaidInBulk { selected: said.0, changed: said.1 }
                }
                Selection::Named(ids) => {
                    let mut changed = 0;
                    for (position, id) in ids.iter().enumerate() {
                        let said = tx.say_privileged(&permit, integration, id, said).await?;
                        let Some(is_news) = said else {
                            let path = format!("/ids/{position}");
                            let message = "the integration has no such entitlement";
                            return Err(EngineError::field(&path, "unknown_entitlement", message));
                        };
                        changed += u64::from(is_news);
                    }
                    SaidInBulk { selected: ids.len() as u64, changed }
                }
            };
            let answer = claimed.finish(&mut tx, &done).await?;
            let by = match &selection {
                Selection::Found { search, kind } => json!({ "search": search, "kind": kind }),
                Selection::Named(ids) => json!({ "ids": ids }),
            };
            let detail = json!({
                "is_privileged": said, "by": by, "selected": done.selected,
                "changed": done.changed,
            });
            let (event, id) = ("entitlements.privileged_said", integration.as_str());
            tx.commit(AuditEntry::about(event, "integration", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }
}
