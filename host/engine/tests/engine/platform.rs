//! A plugin's calls of the platform, with a clock that moves: what the journeys cannot wait for.

use std::sync::Arc;

use grantry_authz::Permissions;
use grantry_model::ids::MembershipId;
use grantry_model::membership::Status;
use grantry_model::permission::{Action, Entity};
use grantry_model::platform::{
    ListOf, MembershipChange, Platform, PlatformError, PlatformMembership, PlatformResult,
};
use grantry_model::plugin::TestDepth;

use crate::host::{Host, hosts};

const HOUR_MS: i64 = 3_600_000;

impl Host {
    /// Gives the integration's plugin these permissions, in place of what it held.
    pub async fn permit_plugin(&self, global: &[Action], entities: &[Entity]) {
        let view = self.ctx.integration(&self.integration).await.unwrap().integration;
        let (version, _) = self.ctx.permissions(&view.principal_id).await.unwrap();
        let permissions = Permissions {
            global: global.iter().copied().collect(),
            entities: Arc::new(entities.iter().cloned().collect()),
            ..Permissions::default()
        };
        self.ctx.set_permissions(&view.principal_id, version, &permissions).await.unwrap();
    }

    /// The platform that the plugin is called with.
    pub async fn platform(&self) -> Arc<dyn Platform> {
        self.ctx.test_connection(&self.integration, TestDepth::Read).await.unwrap();
        self.directory.lock().unwrap().platform.clone().unwrap()
    }

    async fn as_plugin(
        &self,
        change: MembershipChange,
        key: &str,
    ) -> PlatformResult<PlatformMembership> {
        self.platform().await.change_membership(self.app.as_str(), change, key).await
    }
}

fn denied<T: std::fmt::Debug>(result: PlatformResult<T>) -> Action {
    match result {
        Err(PlatformError::Denied { action, .. }) => action,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plugin_extends_and_renews_what_it_may_and_nothing_else() {
    for host in hosts(5, 2).await {
        host.aggregate().await;
        let all = [Entity::App(host.app.clone())];
        host.permit_plugin(&[], &all).await;
        let now = host.db().now().0;
        let (role, account) = (host.role("g00").to_string(), host.account("u001").to_string());
        let grant = MembershipChange::Grant { role, account, ends_ms: Some(now + HOUR_MS) };
        let id = host.as_plugin(grant, "grant").await.unwrap().id;
        host.work().await;
        let membership = MembershipId::parse(&id).unwrap();
        assert_eq!(host.membership(&membership).await.status, Status::Active);

        let extend = MembershipChange::Extend { id: id.clone(), ends_ms: now + 3 * HOUR_MS };
        let renew = MembershipChange::Renew { id: id.clone(), ends_ms: None };
        host.permit_plugin(&[], &[]).await;
        let refused = host.as_plugin(extend.clone(), "extend").await;
        assert!(matches!(refused, Err(PlatformError::NotFound)), "{refused:?}");
        host.permit_plugin(&[Action::AppAndRoleRead], &[]).await;
        let refused = host.as_plugin(extend.clone(), "extend").await;
        assert_eq!(denied(refused), Action::AppMembershipWrite);

        host.permit_plugin(&[], &all).await;
        for _ in 0..2 {
            let extended = host.as_plugin(extend.clone(), "extend").await.unwrap();
            assert_eq!(extended.ends_ms, Some(now + 3 * HOUR_MS));
        }
        host.advance(2 * HOUR_MS);
        host.work_for(2).await;
        assert_eq!(host.membership(&membership).await.status, Status::Active);
        let early = host.as_plugin(renew.clone(), "early").await;
        assert!(matches!(early, Err(PlatformError::Conflict(_))), "{early:?}");

        host.advance(2 * HOUR_MS);
        host.work_for(3).await;
        assert_eq!(host.membership(&membership).await.status, Status::Expired);
        assert!(!host.holds("g00", "u001"));
        let later = MembershipChange::Extend { id: id.clone(), ends_ms: now + 9 * HOUR_MS };
        let late = host.as_plugin(later, "late").await;
        assert!(matches!(late, Err(PlatformError::Conflict(_))), "{late:?}");
        host.permit_plugin(&[Action::AppAndRoleRead], &[]).await;
        assert_eq!(
            denied(host.as_plugin(renew.clone(), "renew").await),
            Action::AppMembershipWrite
        );
        host.permit_plugin(&[Action::AppMembershipWrite], &[]).await;
        assert_eq!(host.as_plugin(renew, "renew").await.unwrap().ends_ms, None);
        host.work_for(2).await;
        assert_eq!(host.membership(&membership).await.status, Status::Active);
        assert!(host.holds("g00", "u001"));
    }
}

/// Row 49: each part of an upload is decided anew.
#[tokio::test]
async fn every_part_of_an_upload_is_refused_once_the_action_is_gone() {
    for host in hosts(5, 2).await {
        let (entity, action) = (host.data_source().await, Action::DataSourceUsersUpdate);
        let Entity::DataSource(source) = &entity else { unreachable!("it made a data source") };
        let of = || ListOf::DataSource(source.to_string());
        host.permit_plugin(&[action], &[]).await;
        let platform = host.platform().await;
        let upload = platform.begin_upload(of()).await.unwrap();
        let file = b"external_id\n1\n2\n".to_vec();
        let end = platform.append_upload(of(), &upload, 0, file.clone()).await.unwrap();
        let diff = platform.preview_upload(of(), &upload).await.unwrap();

        for (global, is_seen) in [(&[][..], false), (&[Action::AppAndRoleRead][..], true)] {
            host.permit_plugin(global, &[]).await;
            let begun = platform.begin_upload(of()).await.map(drop);
            let appended = platform.append_upload(of(), &upload, end, file.clone()).await;
            let previewed = platform.preview_upload(of(), &upload).await.map(drop);
            let applied = platform.apply_upload(of(), &upload, &diff.hash, None, "apply").await;
            for refused in [begun, appended.map(drop), previewed, applied.map(drop)] {
                match is_seen {
                    true => assert_eq!(denied(refused), action),
                    false => {
                        assert!(matches!(refused, Err(PlatformError::NotFound)), "{refused:?}");
                    }
                }
            }
        }
        host.permit_plugin(&[], std::slice::from_ref(&entity)).await;
        let applied = platform.apply_upload(of(), &upload, &diff.hash, None, "apply").await;
        assert_eq!(applied.unwrap().added, 2);
    }
}
