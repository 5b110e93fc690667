//! Approval workflows. Settings and rules name them; a request keeps the one that it began with.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::WorkflowId;
use grantry_model::workflow::Workflow;

use crate::db::{Db, Row, Tx, args, json};
use crate::{Result, StoreError, statements};

/// A stored workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredWorkflow {
    pub id: WorkflowId,
    pub workflow: Workflow,
    pub created: UnixMs,
    pub version: i64,
}

statements! {
    INSERT = "INSERT INTO workflows (id, name, definition, created_ms, version) VALUES ($1, $2, $3, $4, 1)";
    GET = "SELECT id, definition, created_ms, version FROM workflows WHERE id = $1";
    NAMED = "SELECT id, definition, created_ms, version FROM workflows WHERE name = $1";
    LIST = "SELECT id, definition, created_ms, version FROM workflows WHERE id > $1 ORDER BY id LIMIT $2";
    UPDATE = "UPDATE workflows SET name = $3, definition = $4, version = version + 1 WHERE id = $1 AND version = $2";
    DELETE = "DELETE FROM workflows WHERE id = $1 AND version = $2";
    /// What may name a workflow: settings and rules, as they are written.
    NAMING = "SELECT settings FROM integrations UNION ALL SELECT rules FROM request_rules";
}

fn workflow(row: &Row) -> Result<StoredWorkflow> {
    Ok(StoredWorkflow {
        id: row.parsed(0, "workflow id", |id| WorkflowId::parse(id).ok())?,
        workflow: row.json(1, "workflow")?,
        created: row.time(2)?,
        version: row.int(3)?,
    })
}

impl Db {
    /// The workflow with that id.
    pub async fn workflow(&self, id: &WorkflowId) -> Result<Option<StoredWorkflow>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(workflow).transpose()
    }

    /// The workflow of that name.
    pub async fn workflow_named(&self, name: &str) -> Result<Option<StoredWorkflow>> {
        self.fetch_one(NAMED, args![name]).await?.as_ref().map(workflow).transpose()
    }

    /// Workflows after the given id, in order of creation.
    pub async fn list_workflows(&self, after: &str, limit: u32) -> Result<Vec<StoredWorkflow>> {
        self.fetch(LIST, args![after, limit]).await?.iter().map(workflow).collect()
    }
}

impl Tx {
    /// Creates a workflow; its name is its own.
    pub async fn create_workflow(
        &mut self,
        _: &Permit<actions::WorkflowWrite>,
        id: &WorkflowId,
        new: &Workflow,
    ) -> Result<()> {
        let (text, now) = (json("workflow", new)?, self.now());
        let inserted = self.execute(INSERT, args![id.as_str(), &new.name, &text, now]).await;
        inserted.map(drop).map_err(|error| error.or_already_exists("workflow"))
    }

    /// Changes a workflow that is still at that version.
    pub async fn update_workflow(
        &mut self,
        _: &Permit<actions::WorkflowWrite>,
        id: &WorkflowId,
        version: i64,
        changed: &Workflow,
    ) -> Result<()> {
        let text = json("workflow", changed)?;
        let updated = self.execute(UPDATE, args![id.as_str(), version, &changed.name, &text]).await;
        match updated.map_err(|error| error.or_already_exists("workflow"))? {
            0 => Err(StoreError::VersionConflict { what: "workflow" }),
            _ => Ok(()),
        }
    }

    /// Removes a workflow that is still at that version. Requests under way keep theirs.
    pub async fn delete_workflow(
        &mut self,
        _: &Permit<actions::WorkflowWrite>,
        id: &WorkflowId,
        version: i64,
    ) -> Result<()> {
        match self.execute(DELETE, args![id.as_str(), version]).await? {
            0 => Err(StoreError::VersionConflict { what: "workflow" }),
            _ => Ok(()),
        }
    }

    /// How many integrations, resources and entitlements name a workflow.
    pub async fn count_naming_workflow(&mut self, name: &str) -> Result<usize> {
        let rows = self.fetch(NAMING, &[]).await?;
        let names = |row: &Row| -> Result<bool> {
            let said: serde_json::Value = row.json(0, "settings")?;
            let is_named = |field| said.get(field).and_then(|v| v.as_str()) == Some(name);
            Ok(is_named("default_workflow") || is_named("workflow"))
        };
        rows.iter().map(names).try_fold(0, |count, named| Ok(count + usize::from(named?)))
    }
}
