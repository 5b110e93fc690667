//! Memberships of apps that lists feed: they wait for a person, and a list or that person's word
//! confirms them (CAT-10, ACC-2, ACC-3).

use grantry_engine::{Answer, EngineError, GrantInput, Grantee, Idempotent, PageQuery};
use grantry_model::clock::UnixMs;
use grantry_model::gate::Closed;
use grantry_model::ids::{AccountId, AppId, EntitlementId, MembershipId};
use grantry_model::membership::{Membership, Status};
use grantry_model::permission::Entity;

use crate::host::{Host, hosts};

const ADA: &str = "user_name,roles\nada,Audit\nbob,Admin;Audit\ncy,Audit\ndi,Audit\neve,Audit\n";
const ADA_AS_ADMIN: &str =
    "user_name,roles\nada,Admin;Audit\nbob,Admin;Audit\ncy,Audit\ndi,Audit\neve,Audit\n";
const HOUR_MS: i64 = 3_600_000;

/// A CSV app with a few members, of whom Ada is to become an admin.
struct Listed<'a> {
    host: &'a Host,
    entity: Entity,
    app: AppId,
    role: EntitlementId,
    account: AccountId,
}

fn id_of(membership: &Membership) -> Answer {
    Answer { status: 200, body: membership.id.to_string() }
}

impl<'a> Listed<'a> {
    async fn on(host: &'a Host) -> Self {
        let entity = host.csv_app().await;
        let Entity::App(app) = entity.clone() else { panic!("not an app") };
        host.put(&entity, ADA).await;
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        let roles = host.ctx.list_roles(&app, &query).await.unwrap().items;
        let role = roles.into_iter().find(|role| role.display == "Admin").unwrap().id;
        let accounts = host.ctx.list_app_accounts(&app, &query).await.unwrap().items;
        let account = accounts.into_iter().find(|account| account.display == "ada").unwrap();
        let account = AccountId::parse(&account.id).unwrap();
        Self { host, entity, app, role, account }
    }

    async fn try_grant(
        &self,
        key: &str,
        ends: Option<UnixMs>,
    ) -> grantry_engine::Result<MembershipId> {
        let to = Grantee::Account(self.account.clone());
        let input = GrantInput { role: self.role.clone(), to, ends };
        let request = Idempotent { key, request: b"grant", answer: &id_of };
        let answer = self.host.ctx.grant_membership(&self.app, &input, &request).await?;
        Ok(MembershipId::parse(&answer.body).unwrap())
    }

    async fn grant(&self) -> MembershipId {
        self.try_grant(&self.host.key(), None).await.unwrap()
    }

    async fn settle(&self, id: &MembershipId) {
        let key = self.host.key();
        let request = Idempotent { key: &key, request: b"settle", answer: &id_of };
        self.host.ctx.settle_membership(&self.app, id, &request).await.unwrap();
    }

    async fn delete(&self, id: &MembershipId) {
        let key = self.host.key();
        let request = Idempotent { key: &key, request: b"delete", answer: &id_of };
        self.host.ctx.delete_membership(&self.app, id, &request).await.unwrap();
    }

    async fn extend(&self, id: &MembershipId, ends: UnixMs) {
        let key = self.host.key();
        let request = Idempotent { key: &key, request: b"extend", answer: &id_of };
        self.host.ctx.extend_membership(&self.app, id, ends, &request).await.unwrap();
    }

    async fn renew(&self, id: &MembershipId) {
        let key = self.host.key();
        let request = Idempotent { key: &key, request: b"renew", answer: &id_of };
        self.host.ctx.renew_membership(&self.app, id, None, &request).await.unwrap();
    }

    async fn stands(&self, id: &MembershipId) -> (Status, Option<Closed>) {
        let membership = self.host.ctx.membership(&self.app, id).await.unwrap();
        (membership.status, membership.waiting)
    }

    /// Who holds the role by the catalogue, and what an export says of Ada.
    async fn ada_is_admin(&self) -> (bool, bool) {
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        let (role, account) = (self.role.as_str(), self.account.as_str());
        let ctx = &self.host.ctx;
        let held = ctx.list_app_assignments(&self.app, role, account, &query).await.unwrap();
        let columns = ctx.export_columns(&self.entity).await.unwrap();
        let listed = ctx.export_lines(&self.entity, &columns, "").await.unwrap();
        let (_, ada) = listed.iter().find(|(id, _)| id == account).unwrap();
        let roles = columns.iter().position(|column| column == "roles").map(|at| ada[at].as_str());
        let is_listed = roles.is_some_and(|roles| roles.split(';').any(|role| role == "Admin"));
        (!held.items.is_empty(), is_listed)
    }
}

const WAITS: Option<Closed> = Some(Closed::Manual);

#[tokio::test]
async fn a_grant_waits_and_is_active_once_a_list_shows_it() {
    for host in hosts(0, 0).await {
        let app = Listed::on(&host).await;
        let id = app.grant().await;
        host.work_for(3).await;
        assert_eq!(app.stands(&id).await, (Status::Provisioning, WAITS));
        host.put(&app.entity, ADA).await;
        assert_eq!(app.stands(&id).await, (Status::Provisioning, WAITS));
        host.put(&app.entity, ADA_AS_ADMIN).await;
        assert_eq!(app.stands(&id).await, (Status::Active, None));
        let operations = host.ctx.list_operations(&app.app, &id).await.unwrap();
        assert_eq!((operations.len(), &*operations[0].state), (1, "confirmed"));
        assert_eq!(host.audited("membership.provisioned").await, 1);
    }
}

#[tokio::test]
async fn a_revocation_waits_until_a_list_lacks_it() {
    for host in hosts(0, 0).await {
        let app = Listed::on(&host).await;
        let id = app.grant().await;
        host.put(&app.entity, ADA_AS_ADMIN).await;
        app.delete(&id).await;
        assert_eq!(app.stands(&id).await, (Status::Deprovisioning, WAITS));
        host.put(&app.entity, ADA_AS_ADMIN).await;
        assert_eq!(app.stands(&id).await, (Status::Deprovisioning, WAITS));
        host.put(&app.entity, ADA).await;
        assert_eq!(app.stands(&id).await, (Status::Deleted, None));
    }
}

#[tokio::test]
async fn a_list_that_came_before_the_change_confirms_nothing() {
    for host in hosts(0, 0).await {
        let app = Listed::on(&host).await;
        let id = app.grant().await;
        app.settle(&id).await;
        let early = host.send(&app.entity, ADA).await.unwrap();
        host.advance(1);
        app.delete(&id).await;
        host.apply(&app.entity, &early, true).await.unwrap();
        assert_eq!(app.stands(&id).await, (Status::Deprovisioning, WAITS));
        host.put(&app.entity, ADA).await;
        assert_eq!(app.stands(&id).await, (Status::Deleted, None));
    }
}

#[tokio::test]
async fn a_persons_word_confirms_it_and_the_list_knows() {
    for host in hosts(0, 0).await {
        let app = Listed::on(&host).await;
        let seen = host.send(&app.entity, ADA).await.unwrap();
        let id = app.grant().await;
        app.settle(&id).await;
        assert_eq!(app.stands(&id).await, (Status::Active, None));
        assert_eq!(app.ada_is_admin().await, (true, true));
        // What somebody looks at was the list before.
        let stale = host.apply(&app.entity, &seen, true).await;
        assert!(matches!(stale, Err(EngineError::DiffChanged)), "{stale:?}");
        assert!(host.put(&app.entity, ADA_AS_ADMIN).await.diff.is_empty());
        // Saying it again changes nothing.
        app.settle(&id).await;
        assert_eq!(host.audited("membership.provisioned").await, 1);
        app.delete(&id).await;
        app.settle(&id).await;
        assert_eq!(app.stands(&id).await, (Status::Deleted, None));
        assert_eq!(app.ada_is_admin().await, (false, false));
    }
}

#[tokio::test]
async fn expiry_waits_for_its_removal_and_a_renewal_for_a_new_grant() {
    for host in hosts(0, 0).await {
        let app = Listed::on(&host).await;
        let ends = host.db().now().plus_ms(HOUR_MS);
        let id = app.try_grant(&host.key(), Some(ends)).await.unwrap();
        app.extend(&id, ends.plus_ms(HOUR_MS)).await;
        assert_eq!(app.stands(&id).await, (Status::Provisioning, WAITS));
        app.settle(&id).await;
        host.advance(2 * HOUR_MS + 1);
        host.work_for(3).await;
        assert_eq!(app.stands(&id).await, (Status::Deprovisioning, WAITS));
        host.put(&app.entity, ADA).await;
        assert_eq!(app.stands(&id).await, (Status::Expired, None));
        app.renew(&id).await;
        assert_eq!(app.stands(&id).await, (Status::Provisioning, WAITS));
        app.settle(&id).await;
        assert_eq!(app.stands(&id).await, (Status::Active, None));
        let operations = host.ctx.list_operations(&app.app, &id).await.unwrap();
        let verbs: Vec<_> = operations.iter().map(|operation| &*operation.verb).collect();
        assert_eq!(verbs, ["grant", "revoke", "grant"]);
    }
}

#[tokio::test]
async fn granting_twice_is_one_membership() {
    for host in hosts(0, 0).await {
        let app = Listed::on(&host).await;
        let key = host.key();
        let first = app.try_grant(&key, None).await.unwrap();
        assert_eq!(app.try_grant(&key, None).await.unwrap(), first);
        assert_eq!(app.grant().await, first);
        assert_eq!(host.audited("membership.granted").await, 1);
    }
}

#[tokio::test]
async fn what_the_app_does_not_have_is_not_granted() {
    for host in hosts(0, 0).await {
        let app = Listed::on(&host).await;
        let other = Listed::on(&host).await;
        let mixed = Listed { account: other.account.clone(), ..app };
        let refused = mixed.try_grant(&host.key(), None).await;
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
        let mixed = Listed { role: other.role.clone(), ..mixed };
        let refused = mixed.try_grant(&host.key(), None).await;
        assert!(matches!(refused, Err(EngineError::NotFound { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn an_app_with_living_memberships_is_kept_and_goes_with_those_that_ended() {
    for host in hosts(0, 0).await {
        let app = Listed::on(&host).await;
        let id = app.grant().await;
        let version = host.ctx.app(&app.app).await.unwrap().version;
        let kept = host.ctx.delete_app(&app.app, version).await;
        assert!(matches!(kept, Err(EngineError::AppInUse(1))), "{kept:?}");
        app.delete(&id).await;
        app.settle(&id).await;
        host.ctx.delete_app(&app.app, version).await.unwrap();
        assert_eq!(host.audited("app.memberships_removed").await, 1);
    }
}
