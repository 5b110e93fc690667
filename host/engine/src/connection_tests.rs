//! Tries of a connection, before and after it is saved: the connector's own diagnosis (INT-3).

use std::sync::Arc;

use grantry_authz::actions;
use grantry_model::approval::Approval;
use grantry_model::gate::AdmittedTest;
use grantry_model::ids::IntegrationId;
use grantry_model::plugin::{ConnectionReport, TestDepth};
use grantry_model::runner::{CallScope, LogLine};

use crate::scope::{HeldSecrets, ScopeParts};
use crate::{Ctx, IntegrationInput, Result, gate};

/// How a try of the connection went.
#[derive(Debug, Clone)]
pub struct TestReport {
    /// The connector's own report, or why there is none: code and words.
    pub outcome: std::result::Result<ConnectionReport, (String, String)>,
    /// What the connector logged.
    pub log: Vec<LogLine>,
}

impl Ctx {
    /// Tries a saved connection (INT-3).
    pub async fn test_connection(
        &self,
        id: &IntegrationId,
        depth: TestDepth,
    ) -> Result<TestReport> {
        self.permit_integration::<actions::IntegrationWrite>(id).await?;
        let view = self.load_integration(id).await?;
        let test = gate::test(&view.integration, depth)?;
        let scope = self.engine.scope(&view.integration, &view.plugin, &self.actor.request_id)?;
        self.run_test(&scope, &test).await
    }

    /// Tries a connection that is not saved yet (INT-3).
    pub async fn try_connection(
        &self,
        input: &IntegrationInput,
        depth: TestDepth,
    ) -> Result<TestReport> {
        self.permit_admin::<actions::IntegrationWrite>().await?;
        let test = gate::unsaved_test(depth)?;
        let (plugin, split) = self.check_input(input).await?;
        let db = self.db();
        // Nothing is stored under this id; it keeps connections and tokens of the try apart.
        let id = IntegrationId::fresh(db.clock(), db.random());
        let parts = ScopeParts {
            integration: &id,
            principal: &self.actor.principal.id,
            policy_version: 0,
            connection: &split.public,
            approval: &Approval {
                platform_actions: Vec::new(),
                kv: false,
                ..input.approval.clone()
            },
            secrets: Arc::new(HeldSecrets(split.secrets)),
            request_id: &self.actor.request_id,
        };
        let scope = self.engine.scope_of(&plugin, parts);
        self.run_test(&scope, &test).await
    }

    async fn run_test(&self, scope: &CallScope, test: &AdmittedTest) -> Result<TestReport> {
        let result = self.engine.parts.runner.test_connection(scope, test).await;
        let log = match &result {
            Ok(called) => called.report.log.clone(),
            Err(failure) => failure.report.log.clone(),
        };
        let outcome = match self.engine.observe(&scope.integration, result).await? {
            Ok(called) => Ok(called.value),
            Err(fault) => Err((fault.code().to_owned(), fault.to_string())),
        };
        Ok(TestReport { outcome, log })
    }
}
