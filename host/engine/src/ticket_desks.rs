//! Service desks in which the changes of access of integrations are opened as tickets (PRV-4).
//!
//! A desk is an integration too, of a plugin that opens tickets. Which one an integration uses, and
//! with what words, is an admin's to say: it decides who learns of the access. How tickets are opened
//! and followed is in `provision/ticket.rs`.

use grantry_authz::actions;
use grantry_model::fault::FieldIssue;
use grantry_model::ids::IntegrationId;
use grantry_model::package::Interface;
use grantry_model::runner::CallScope;
use grantry_model::ticket::TicketSchema;
use grantry_model::ticket::template::TicketTemplate;
use grantry_store::{AuditEntry, Integration, StoredDesk};
use serde_json::json;

use crate::integrations::require;
use crate::{Ctx, Engine, EngineError, Result};

/// Pages of a desk's kinds of tickets that are read.
const SCHEMA_PAGES_MAX: u32 = 20;
/// Kinds of tickets of a desk.
const SCHEMAS_MAX: usize = 500;

/// The code of a desk that cannot be asked, as long as nobody changes a setting.
pub(crate) const DESK_MISSING: &str = "desk_missing";
/// The code of a desk that is not asked until somebody releases its plugin.
pub(crate) const QUARANTINED: &str = "plugin_quarantined";

const NO_DESK: EngineError = EngineError::NotFound { what: "ticket desk" };

/// The method `ticket` where no tickets can be opened.
pub(crate) fn no_desk(path: &str) -> EngineError {
    let message = "needs a desk: name one first (`PUT /integrations/{id}/ticket-desk`)";
    EngineError::field(path, DESK_MISSING, message)
}

/// A desk that can be asked.
pub(crate) struct Desk {
    pub integration: Integration,
    pub scope: CallScope,
}

/// Why a desk cannot be asked now.
pub(crate) struct NoDesk {
    pub code: &'static str,
    pub detail: String,
}

impl Engine {
    /// A desk as it stands now.
    pub(crate) async fn desk(
        &self,
        id: &IntegrationId,
        request_id: &str,
    ) -> Result<std::result::Result<Desk, NoDesk>> {
        let cannot = |code, detail: String| Ok(Err(NoDesk { code, detail }));
        let Some(integration) = self.db().integration(id).await? else {
            return cannot(DESK_MISSING, "the desk's integration is deleted".to_owned());
        };
        let name = &integration.name;
        let plugin = self.db().plugin(&integration.plugin_id).await?;
        let plugin = plugin.ok_or(EngineError::NotFound { what: "plugin" })?;
        if !plugin.interfaces.contains(&Interface::Tickets) {
            return cannot(DESK_MISSING, format!("the plugin of `{name}` opens no tickets"));
        }
        match self.scope(&integration, &plugin, request_id) {
            Ok(scope) => Ok(Ok(Desk { integration, scope })),
            Err(EngineError::Quarantined) => {
                let detail = format!("the plugin of the desk `{name}` is in quarantine");
                cannot(QUARANTINED, detail)
            }
            Err(error) => Err(error),
        }
    }
}

impl Ctx {
    /// The service desk of an integration, if it has one.
    pub async fn ticket_desk(&self, id: &IntegrationId) -> Result<Option<StoredDesk>> {
        self.permit_integration::<actions::IntegrationRead>(id).await?;
        self.load_integration(id).await?;
        Ok(self.db().ticket_desk(id).await?)
    }

    /// Sets the service desk of an integration and the words of its tickets, which are still at that
    /// version (1 where there is none). The desk is asked what tickets it takes. What waits looks
    /// again.
    pub async fn set_ticket_desk(
        &self,
        id: &IntegrationId,
        version: i64,
        (desk, template): (&IntegrationId, &TicketTemplate),
    ) -> Result<StoredDesk> {
        let permit = self.permit_admin::<actions::IntegrationWrite>().await?;
        self.load_integration(id).await?;
        let below =
            |issue: FieldIssue| FieldIssue { path: format!("/template{}", issue.path), ..issue };
        let check = |issues: Vec<FieldIssue>| match issues.is_empty() {
            true => Ok(()),
            false => Err(EngineError::Invalid(issues.into_iter().map(below).collect())),
        };
        check(template.issues())?;
        check(template.issues_at(&self.kinds_of_tickets(desk).await?))?;
        let before = self.db().ticket_desk(id).await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        // Jobs come first, as where one works.
        tx.hasten_jobs(&permit, id).await?;
        tx.set_ticket_desk(&permit, id, version, (desk, template)).await?;
        let told = |desk: &IntegrationId, template: &TicketTemplate| json!({ "desk": desk, "template": template });
        let before = before.map(|before| told(&before.desk, &before.template));
        let detail = json!({ "before": before, "after": told(desk, template) });
        let event = "ticket_desk.set";
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        self.engine.wake.notify_one();
        self.db().ticket_desk(id).await?.ok_or(NO_DESK)
    }

    /// Removes the service desk of an integration. Tickets that are open are followed on.
    pub async fn delete_ticket_desk(&self, id: &IntegrationId) -> Result<()> {
        let permit = self.permit_admin::<actions::IntegrationWrite>().await?;
        let before = self.db().ticket_desk(id).await?.ok_or(NO_DESK)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        if !tx.delete_ticket_desk(&permit, id).await? {
            return Err(NO_DESK);
        }
        let before = json!({ "desk": before.desk, "template": before.template });
        let (event, detail) = ("ticket_desk.deleted", json!({ "before": before }));
        tx.commit(AuditEntry::about(event, "integration", id.as_str(), detail)).await?;
        Ok(())
    }

    /// The kinds of tickets that an integration's target takes, if it is a service desk.
    pub async fn ticket_schemas(&self, id: &IntegrationId) -> Result<Vec<TicketSchema>> {
        self.permit_integration::<actions::IntegrationRead>(id).await?;
        let view = self.load_integration(id).await?;
        require(&view.plugin, Interface::Tickets, "tickets")?;
        let scope = self.engine.scope(&view.integration, &view.plugin, &self.actor.request_id)?;
        self.read_schemas(&scope).await
    }

    /// The same of what is named as a desk in an input.
    async fn kinds_of_tickets(&self, desk: &IntegrationId) -> Result<Vec<TicketSchema>> {
        let refused = |code, message: &str| EngineError::field("/desk_id", code, message);
        let found = self.db().integration(desk).await?;
        let integration =
            found.ok_or_else(|| refused("unknown_integration", "there is no such integration"))?;
        if integration.settings.is_read_only {
            let message = "is read-only: no tickets are opened there";
            return Err(refused("desk_read_only", message));
        }
        let view = self.view(integration).await?;
        if require(&view.plugin, Interface::Tickets, "tickets").is_err() {
            let message = "is no desk: its plugin opens no tickets; name an integration of one \
                           that does, such as `jira`";
            return Err(refused("not_a_desk", message));
        }
        let scope = self.engine.scope(&view.integration, &view.plugin, &self.actor.request_id)?;
        self.read_schemas(&scope).await
    }

    async fn read_schemas(&self, scope: &CallScope) -> Result<Vec<TicketSchema>> {
        let (mut schemas, mut at) = (Vec::new(), None);
        for _ in 0..SCHEMA_PAGES_MAX {
            let result = self.engine.parts.runner.ticket_schemas(scope, at).await;
            let page = self.engine.observe(&scope.integration, result).await??.value;
            schemas.extend(page.items);
            at = page.next;
            if at.is_none() || schemas.len() >= SCHEMAS_MAX {
                break;
            }
        }
        schemas.truncate(SCHEMAS_MAX);
        Ok(schemas)
    }

    /// The method `ticket` is for integrations with a desk whose plugin opens tickets.
    pub(crate) async fn check_desk(&self, id: &IntegrationId, path: &str) -> Result<()> {
        let Some(stored) = self.db().ticket_desk(id).await? else { return Err(no_desk(path)) };
        match self.engine.desk(&stored.desk, &self.actor.request_id).await? {
            Err(NoDesk { code: DESK_MISSING, detail }) => {
                Err(EngineError::field(path, DESK_MISSING, detail))
            }
            _ => Ok(()),
        }
    }
}
