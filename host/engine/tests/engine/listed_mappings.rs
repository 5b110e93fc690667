//! Whose the accounts of lists are: found by rules, said by hand, kept over lists (INT-13, CAT-10).

use grantry_engine::{
    CatalogueSource, EngineError, GrantInput, Grantee, Idempotent, MappingCounts, PageQuery,
    StoredMapping, StoredObject,
};
use grantry_model::ids::{AccountId, AppId, IdentityId};
use grantry_model::mapping::{
    AccountField, IdentityField, Origin, Proposal, Rule, Unmapped, default_rules,
};
use grantry_model::membership::{Membership, Status};
use grantry_model::permission::Entity;

use crate::host::{Host, hosts};
use crate::mappings::source;

const PEOPLE: &str = "external_id,email\n1,ada@x.example\n2,bob@x.example\n";
const MEMBERS: &str =
    "external_id,email,roles\na,Ada@X.example,Audit\nb,bob@x.example,Audit\nc,cy@x.example,Audit\n";

/// A CSV app whose accounts are looked at.
struct Listed<'a> {
    host: &'a Host,
    entity: Entity,
    app: AppId,
    of: CatalogueSource,
}

impl<'a> Listed<'a> {
    async fn on(host: &'a Host) -> Self {
        let entity = host.csv_app().await;
        let Entity::App(app) = entity.clone() else { panic!("not an app") };
        Self { host, entity, of: CatalogueSource::List(app.clone()), app }
    }

    async fn rows(&self, mapped: Option<bool>) -> Vec<StoredObject> {
        let query = PageQuery { limit: 200, mapped, ..PageQuery::default() };
        let mut rows = self.host.ctx.list_app_accounts(&self.app, &query).await.unwrap().items;
        rows.sort_by(|a, b| a.native_id.cmp(&b.native_id));
        rows
    }

    async fn unmapped(&self) -> Vec<(String, Option<Unmapped>)> {
        let rows = self.rows(Some(false)).await.into_iter();
        rows.map(|row| (row.native_id, row.mapping.reason)).collect()
    }

    async fn account(&self, native: &str) -> AccountId {
        let row = self.rows(None).await.into_iter().find(|row| row.native_id == native);
        AccountId::parse(&row.unwrap().id).unwrap()
    }

    async fn mapping(&self, native: &str) -> StoredMapping {
        self.host.ctx.mapping(&self.of, &self.account(native).await).await.unwrap()
    }

    async fn say(&self, native: &str, identity: Option<&IdentityId>) {
        let (account, version) = (self.account(native).await, self.mapping(native).await.version);
        self.host.ctx.set_mapping(&self.of, &account, version, identity).await.unwrap();
    }

    async fn grant(&self, identity: &IdentityId) -> grantry_engine::Result<String> {
        let roles = PageQuery { limit: 10, ..PageQuery::default() };
        let roles = self.host.ctx.list_roles(&self.app, &roles).await.unwrap().items;
        let to = Grantee::Identity(identity.clone());
        let input = GrantInput { role: roles[0].id.clone(), to, ends: None };
        let answer = |membership: &Membership| grantry_engine::Answer {
            status: 201,
            body: format!("{} {:?}", membership.account, membership.status),
        };
        let key = self.host.key();
        let request = Idempotent { key: &key, request: b"grant", answer: &answer };
        Ok(self.host.ctx.grant_membership(&self.app, &input, &request).await?.body)
    }
}

#[tokio::test]
async fn a_list_is_mapped_as_it_is_applied_and_the_same_one_writes_nothing() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        let listed = Listed::on(&host).await;
        host.put(&listed.entity, MEMBERS).await;
        let (ada, found) = (host.identity(&people, "1").await, listed.mapping("a").await);
        assert_eq!((found.identity, found.origin, found.rule), (Some(ada), Origin::Rule, Some(0)));
        assert_eq!(listed.unmapped().await, [("c".to_owned(), Some(Unmapped::NoMatch))]);
        assert_eq!(host.audited("mapping.applied").await, 1);
        host.put(&listed.entity, MEMBERS).await;
        assert_eq!(host.audited("mapping.applied").await, 1);
        // Who is new in the app is looked at, and so is who is new among the people.
        host.put(&listed.entity, &format!("{MEMBERS}d,di@x.example,Audit\n")).await;
        assert_eq!(listed.unmapped().await.len(), 2);
        host.put(&people, &format!("{PEOPLE}3,cy@x.example\n4,di@x.example\n")).await;
        assert_eq!(listed.unmapped().await, []);
    }
}

#[tokio::test]
async fn a_users_name_and_any_column_can_be_compared() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, "external_id,email\n7,ada@x.example\n8,bob@x.example\n").await;
        let listed = Listed::on(&host).await;
        host.put(&listed.entity, "user_name,staff\nADA@x.example,\nbob,8\n").await;
        let natives = |rows: Vec<(String, Option<Unmapped>)>| -> Vec<String> {
            rows.into_iter().map(|(native, _)| native).collect()
        };
        assert_eq!(natives(listed.unmapped().await), ["bob"]);
        let mut rules = default_rules();
        rules.push(Rule {
            account: AccountField::Attribute("staff".to_owned()),
            identity: IdentityField::ExternalId,
            data_source: Some(source(&people).clone()),
            domain: None,
        });
        let preview = host.ctx.preview_mapping(&listed.of, Some(&rules)).await.unwrap();
        assert_eq!(preview.counts, MappingCounts { mapped: 1, ..MappingCounts::default() });
        assert_eq!(natives(listed.unmapped().await), ["bob"]);
        let (_, version, outcome) =
            host.ctx.update_mapping_rules(&listed.of, 1, &rules).await.unwrap();
        assert_eq!((version, outcome), (2, preview));
        assert_eq!(listed.unmapped().await, []);
    }
}

#[tokio::test]
async fn what_is_said_by_hand_survives_lists_also_where_the_account_was_gone() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        let listed = Listed::on(&host).await;
        host.put(&listed.entity, MEMBERS).await;
        let (ada, bob) = (host.identity(&people, "1").await, host.identity(&people, "2").await);
        listed.say("a", None).await;
        listed.say("c", Some(&ada)).await;
        host.put(&listed.entity, "external_id,email\nb,bob@x.example\n").await;
        host.put(&listed.entity, &MEMBERS.replace("Audit", "Read")).await;
        assert_eq!(listed.mapping("a").await.reason, Some(Unmapped::ByHand));
        let said = listed.mapping("c").await;
        assert_eq!((said.identity.as_ref(), said.origin), (Some(&ada), Origin::Hand));
        // Whoever sends lists takes nobody's account, and gives nobody a second one.
        let stolen = "external_id,email\na,x@x.example\nb,ada@x.example\nc,c@x.example\n";
        host.put(&listed.entity, stolen).await;
        let kept = listed.mapping("b").await;
        assert_eq!(kept.identity, Some(bob));
        assert_eq!(kept.proposal, Some(Proposal::AnotherIdentity(ada)));
        let account = listed.account("c").await;
        let version = listed.mapping("c").await.version;
        let released = host.ctx.release_mapping(&listed.of, &account, version).await.unwrap();
        assert_eq!(released.reason, Some(Unmapped::NoMatch));
    }
}

#[tokio::test]
async fn a_name_that_goes_and_comes_back_for_somebody_else_is_somebody_elses() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        let listed = Listed::on(&host).await;
        let list = |line: &str| format!("external_id,email,roles\nc,cy@x.example,Audit\n{line}");
        host.put(&listed.entity, &list("jsmith,ada@x.example,\n")).await;
        let (ada, bob) = (host.identity(&people, "1").await, host.identity(&people, "2").await);
        let account = listed.account("jsmith").await;
        assert_eq!(listed.mapping("jsmith").await.identity, Some(ada.clone()));
        host.put(&listed.entity, &list("")).await;
        assert_eq!(host.db().mapping(&account).await.unwrap().identity, None);
        assert_eq!(host.audited("mapping.applied").await, 2);
        host.put(&listed.entity, &list("jsmith,bob@x.example,\n")).await;
        let found = listed.mapping("jsmith").await;
        assert_eq!((found.identity.as_ref(), found.proposal), (Some(&bob), None));
        let refused = listed.grant(&ada).await;
        assert!(matches!(refused, Err(EngineError::AccountUnmapped)), "{refused:?}");
        // Where the line never went, it takes a person's word, and until then nobody gets access.
        host.put(&listed.entity, &list("jsmith,ada@x.example,\n")).await;
        let held = listed.mapping("jsmith").await;
        assert_eq!(held.identity.as_ref(), Some(&bob));
        assert_eq!(held.proposal, Some(Proposal::AnotherIdentity(ada.clone())));
        for person in [&ada, &bob] {
            let refused = listed.grant(person).await;
            assert!(matches!(refused, Err(EngineError::AccountUnmapped)), "{refused:?}");
        }
        listed.say("jsmith", Some(&ada)).await;
        assert_eq!(
            listed.grant(&ada).await.unwrap(),
            format!("{account} {:?}", Status::Provisioning)
        );
    }
}

#[tokio::test]
async fn lists_that_nobody_mapped_are_mapped_later_and_what_is_of_nothing_goes() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        let listed = Listed::on(&host).await;
        host.put(&listed.entity, MEMBERS).await;
        host.run_sql("DELETE FROM mappings; DELETE FROM mapping_states".to_owned()).await;
        assert_eq!(listed.unmapped().await.len(), 3);
        let left = "INSERT INTO mapping_states (integration_id, identities, rules_version) VALUES ('gone', 1, 1); \
            INSERT INTO mappings (account_id, integration_id, origin, version) VALUES ('gone', 'gone', 'rule', 1)";
        host.run_sql(left.to_owned()).await;
        host.work().await;
        assert_eq!(listed.unmapped().await.len(), 1);
        let counts = host.db().count_rows().await.unwrap();
        assert_eq!((counts["mappings"], counts["mapping_states"]), (3, 1));
        let audited = host.audited("mapping.applied").await;
        host.work().await;
        assert_eq!(host.audited("mapping.applied").await, audited);
    }
}

#[tokio::test]
async fn access_is_granted_to_the_one_account_of_an_identity_on_a_list() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        let listed = Listed::on(&host).await;
        host.put(&listed.entity, MEMBERS).await;
        let ada = host.identity(&people, "1").await;
        let expected = format!("{} {:?}", listed.account("a").await, Status::Provisioning);
        assert_eq!(listed.grant(&ada).await.unwrap(), expected);
        listed.say("a", None).await;
        let refused = listed.grant(&ada).await;
        assert!(matches!(refused, Err(EngineError::AccountUnmapped)), "{refused:?}");
    }
}

#[tokio::test]
async fn people_see_their_accounts_of_lists_and_leave_them_as_they_are() {
    for host in hosts(0, 0).await {
        let issuer = host.issuer().await;
        let people = host.tied(&issuer, PEOPLE).await;
        let listed = Listed::on(&host).await;
        host.put(&listed.entity, MEMBERS).await;
        let all = PageQuery { limit: 50, ..PageQuery::default() };
        let ada = host.person_called(&issuer, "1").await;
        let own = ada.list_own_accounts(&all).await.unwrap().items;
        assert_eq!(own.len(), 1);
        assert_eq!((&own[0].account.source, own[0].is_editable), (&listed.of, false));
        assert_eq!(own[0].identity, Some(host.identity(&people, "1").await));
        let account = listed.account("a").await;
        let refused = ada.give_up_account(&account).await;
        assert!(matches!(refused, Err(EngineError::AccountsReadOnly)), "{refused:?}");
        let other = ada.give_up_account(&listed.account("c").await).await;
        assert!(matches!(other, Err(EngineError::NotFound { .. })), "{other:?}");
        assert_eq!(ada.list_claimable_accounts(&all).await.unwrap().items, []);
        let id = host.identity(&people, "1").await;
        let seen = host.ctx.list_identity_accounts(source(&people), &id, &all).await.unwrap();
        assert_eq!(seen.items[0].app_name, "Targeting");
    }
}

#[tokio::test]
async fn an_app_that_an_integration_feeds_is_mapped_through_it() {
    for host in hosts(1, 1).await {
        host.aggregate().await;
        let of = CatalogueSource::List(host.app.clone());
        let refused = host.ctx.mapping_rules(&of).await;
        assert!(matches!(refused, Err(EngineError::FedByIntegration)), "{refused:?}");
        let refused = host.ctx.apply_mapping(&of, false).await;
        assert!(matches!(refused, Err(EngineError::FedByIntegration)), "{refused:?}");
    }
}

#[tokio::test]
async fn an_app_goes_with_all_that_is_known_of_whose_its_accounts_are() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        let tables = ["mappings", "mapping_rules", "mapping_states", "request_rules"];
        let rows = async || {
            let counts = host.db().count_rows().await.unwrap();
            tables.map(|table| counts[table])
        };
        let before = rows().await;
        let listed = Listed::on(&host).await;
        host.put(&listed.entity, MEMBERS).await;
        host.ctx.update_mapping_rules(&listed.of, 1, &default_rules()).await.unwrap();
        assert_ne!(rows().await, before);
        let version = host.ctx.app(&listed.app).await.unwrap().version;
        host.ctx.delete_app(&listed.app, version).await.unwrap();
        assert_eq!(rows().await, before);
    }
}
