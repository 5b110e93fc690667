//! Approval workflows: admins make them, settings and rules name them (ACC-1).

use grantry_authz::actions;
use grantry_model::ids::WorkflowId;
use grantry_model::workflow::{Approver, Step, Workflow};
use grantry_store::{AuditEntry, StoredWorkflow};
use serde_json::json;

use crate::idempotency::Turn;
use crate::{Answer, Ctx, Engine, EngineError, Idempotent, Page, PageQuery, Result};

/// Workflows that one installation has.
const WORKFLOWS_MAX: usize = 200;

const NO_WORKFLOW: EngineError = EngineError::NotFound { what: "workflow" };

impl Engine {
    /// The workflow of that name; without a name, the built-in one.
    pub(crate) async fn workflow_of(&self, name: Option<&str>) -> Result<Workflow> {
        let Some(name) = name else { return Ok(Workflow::built_in()) };
        match self.db().workflow_named(name).await? {
            Some(stored) => Ok(stored.workflow),
            None if name == Workflow::built_in().name => Ok(Workflow::built_in()),
            None => Err(EngineError::WorkflowMissing(name.to_owned())),
        }
    }
}

impl Ctx {
    /// Workflows, in order of creation.
    pub async fn list_workflows(&self, query: &PageQuery) -> Result<Page<StoredWorkflow>> {
        self.permit_admin::<actions::WorkflowRead>().await?;
        let after = self.engine.position("workflows", query.cursor.as_deref())?;
        let rows = self.db().list_workflows(&after, query.limit + 1).await?;
        Ok(self.engine.page("workflows", rows, query.limit, |row| row.id.to_string()))
    }

    /// One workflow.
    pub async fn workflow(&self, id: &WorkflowId) -> Result<StoredWorkflow> {
        self.permit_admin::<actions::WorkflowRead>().await?;
        self.db().workflow(id).await?.ok_or(NO_WORKFLOW)
    }

    /// Creates a workflow.
    pub async fn create_workflow(
        &self,
        new: Workflow,
        request: &Idempotent<'_, StoredWorkflow>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::WorkflowWrite>().await?;
        let workflow = self.checked(new).await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let db = self.db();
        let work = async {
            let all = u32::try_from(WORKFLOWS_MAX).unwrap_or(u32::MAX);
            if db.list_workflows("", all).await?.len() >= WORKFLOWS_MAX {
                let message = format!("there are {WORKFLOWS_MAX} already: remove one first");
                return Err(EngineError::field("", "too_many", message));
            }
            let id = WorkflowId::fresh(db.clock(), db.random());
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_workflow(&permit, &id, &workflow).await?;
            let stored = StoredWorkflow { id, workflow, created: tx.now(), version: 1 };
            let answer = claimed.finish(&mut tx, &stored).await?;
            let (id, detail) = (stored.id.as_str(), json!({ "after": stored.workflow }));
            tx.commit(AuditEntry::about("workflow.created", "workflow", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// Replaces a workflow that is still at that version. Requests under way keep the one that they
    /// began with. What names it by its old name has to be changed first.
    pub async fn update_workflow(
        &self,
        id: &WorkflowId,
        version: i64,
        changed: Workflow,
    ) -> Result<StoredWorkflow> {
        let permit = self.permit_admin::<actions::WorkflowWrite>().await?;
        let before = self.db().workflow(id).await?.ok_or(NO_WORKFLOW)?;
        let workflow = self.checked(changed).await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        if workflow.name != before.workflow.name {
            in_use(tx.count_naming_workflow(&before.workflow.name).await?)?;
        }
        tx.update_workflow(&permit, id, version, &workflow).await?;
        let detail = json!({ "before": before.workflow, "after": workflow });
        tx.commit(AuditEntry::about("workflow.updated", "workflow", id.as_str(), detail)).await?;
        self.db().workflow(id).await?.ok_or(NO_WORKFLOW)
    }

    /// Removes a workflow that nothing names and that is still at that version.
    pub async fn delete_workflow(&self, id: &WorkflowId, version: i64) -> Result<()> {
        let permit = self.permit_admin::<actions::WorkflowWrite>().await?;
        let before = self.db().workflow(id).await?.ok_or(NO_WORKFLOW)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        in_use(tx.count_naming_workflow(&before.workflow.name).await?)?;
        tx.delete_workflow(&permit, id, version).await?;
        let detail = json!({ "before": before.workflow });
        tx.commit(AuditEntry::about("workflow.deleted", "workflow", id.as_str(), detail)).await?;
        Ok(())
    }

    /// The workflow, if it can be used and everybody whom it names is there.
    async fn checked(&self, workflow: Workflow) -> Result<Workflow> {
        let workflow = workflow.checked().map_err(EngineError::Invalid)?;
        for (position, step) in workflow.steps.iter().enumerate() {
            let Step::Approval(step) = step else { continue };
            for approver in step.seats() {
                let Approver::Person { person } = approver else { continue };
                if self.db().person(person).await?.is_none() {
                    let path = format!("/steps/{position}/approvers");
                    let message = format!("there is no person `{person}`");
                    return Err(EngineError::field(&path, "unknown_person", message));
                }
            }
        }
        Ok(workflow)
    }
}

fn in_use(count: usize) -> Result<()> {
    if count == 0 { Ok(()) } else { Err(EngineError::WorkflowInUse(count)) }
}
