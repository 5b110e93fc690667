//! Whose an account is: found by rules, said by hand, kept over syncs and lists (INT-13).

use std::collections::HashSet;

use grantry_authz::{Permissions, Role};
use grantry_engine::{
    CatalogueSource, Ctx, EngineError, GrantInput, Grantee, Idempotent, MappingCounts, PageQuery,
    StoredMapping,
};
use grantry_model::catalogue::{Attribute, Completeness, Value};
use grantry_model::ids::{DataSourceId, IdentityId};
use grantry_model::mapping::{
    AccountField, IdentityField, Origin, Proposal, Rule, Unmapped, default_rules,
};
use grantry_model::membership::Membership;
use grantry_model::permission::Entity;

use crate::host::{Host, hosts};

const PEOPLE: &str = "external_id,user_name,email\n1,ada,U000@x.example\n2,bob,u001@x.example\n";

impl Host {
    /// The connector tells of e-mail addresses: the user's id at `x.example`.
    pub(crate) fn with_emails(&self) {
        self.directory.lock().unwrap().lie = Some(Box::new(|_, page| {
            for object in page.objects.iter_mut().filter(|object| object.id.kind == "User") {
                let values = vec![Value::Text(format!(" {}@X.example", object.id.id))];
                let completeness = Completeness::Complete;
                object.attributes = vec![Attribute { name: "emails".into(), values, completeness }];
            }
        }));
    }

    pub(crate) fn source(&self) -> CatalogueSource {
        CatalogueSource::Integration(self.integration.clone())
    }

    pub(crate) async fn of(&self, user: &str) -> StoredMapping {
        self.ctx.mapping(&self.source(), &self.account(user)).await.unwrap()
    }

    pub(crate) async fn identity(&self, people: &Entity, external_id: &str) -> IdentityId {
        let source = source(people);
        let all = PageQuery { limit: 200, ..PageQuery::default() };
        let page = self.ctx.list_identities(source, &all).await.unwrap();
        let found = page.items.into_iter().find(|row| row.identity.external_id == external_id);
        found.unwrap().identity.id
    }

    pub(crate) async fn say(&self, user: &str, identity: Option<&IdentityId>) -> StoredMapping {
        let (account, version) = (self.account(user), self.of(user).await.version);
        let said = self.ctx.set_mapping(&self.source(), &account, version, identity).await;
        said.unwrap()
    }

    async fn unmapped(&self) -> Vec<(String, Option<Unmapped>)> {
        let query = PageQuery { limit: 200, mapped: Some(false), ..PageQuery::default() };
        let class = grantry_store::Class::Account;
        let page = self.ctx.list_objects(&self.integration, class, &query).await.unwrap();
        let mut rows: Vec<_> =
            page.items.into_iter().map(|row| (row.native_id, row.mapping.reason)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows
    }

    async fn grant_to_identity(&self, identity: &IdentityId) -> grantry_engine::Result<String> {
        self.grant_as(&self.ctx, identity).await
    }

    async fn grant_as(&self, ctx: &Ctx, identity: &IdentityId) -> grantry_engine::Result<String> {
        let to = Grantee::Identity(identity.clone());
        let input = GrantInput { role: self.role("g00"), to, ends: None };
        let answer = |membership: &Membership| grantry_engine::Answer {
            status: 201,
            body: membership.account.to_string(),
        };
        let key = self.key();
        let request = Idempotent { key: &key, request: b"grant", answer: &answer };
        Ok(ctx.grant_membership(&self.app, &input, &request).await?.body)
    }
}

pub(crate) fn source(people: &Entity) -> &DataSourceId {
    let Entity::DataSource(source) = people else { panic!("not a data source") };
    source
}

#[tokio::test]
async fn an_aggregation_maps_accounts_and_a_second_one_writes_nothing() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.aggregate().await;
        let ada = host.identity(&people, "1").await;
        let mapping = host.of("u000").await;
        assert_eq!(
            (mapping.identity, mapping.origin, mapping.rule),
            (Some(ada), Origin::Rule, Some(0))
        );
        assert_eq!(host.unmapped().await, [("u002".to_owned(), Some(Unmapped::NoMatch))]);
        let before = (host.of("u000").await, host.of("u002").await);
        assert_eq!(host.audited("mapping.applied").await, 1);
        host.aggregate().await;
        assert_eq!(host.audited("mapping.applied").await, 1);
        assert_eq!((host.of("u000").await, host.of("u002").await), before);
    }
}

#[tokio::test]
async fn an_applied_list_of_users_maps_and_unmaps() {
    for host in hosts(3, 1).await {
        host.with_emails();
        host.aggregate().await;
        assert_eq!(host.unmapped().await.len(), 3);
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        let bob = host.identity(&people, "2").await;
        assert_eq!(host.of("u001").await.identity, Some(bob));
        host.put(&people, &PEOPLE.replace("u001", "u002")).await;
        assert_eq!(host.of("u001").await.reason, Some(Unmapped::NoMatch));
        let bob = host.identity(&people, "2").await;
        assert_eq!(host.of("u002").await.identity, Some(bob));
    }
}

#[tokio::test]
async fn an_account_of_two_identities_is_nobodys_until_one_of_them_goes() {
    for host in hosts(2, 1).await {
        host.with_emails();
        let people = host.data_source().await;
        let twins = format!("{PEOPLE}3,cy,u001@x.example\n");
        host.put(&people, &twins).await;
        host.aggregate().await;
        assert_eq!(host.unmapped().await, [("u001".to_owned(), Some(Unmapped::Ambiguous))]);
        let bob = host.identity(&people, "2").await;
        assert!(matches!(host.grant_to_identity(&bob).await, Err(EngineError::AccountUnmapped)));
        host.put(&people, PEOPLE).await;
        assert_eq!(host.of("u001").await.identity, Some(bob));
    }
}

#[tokio::test]
async fn what_is_said_by_hand_survives_rules_and_syncs_until_it_is_released() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.aggregate().await;
        let (ada, bob) = (host.identity(&people, "1").await, host.identity(&people, "2").await);
        host.say("u000", Some(&bob)).await;
        host.say("u001", None).await;
        for user in host.directory.lock().unwrap().users.values_mut() {
            user.push('!');
        }
        host.aggregate().await;
        host.ctx.apply_mapping(&host.source(), false).await.unwrap();
        let by_hand = host.of("u000").await;
        assert_eq!((by_hand.identity, by_hand.origin), (Some(bob), Origin::Hand));
        assert_eq!(host.of("u001").await.reason, Some(Unmapped::ByHand));
        let version = host.of("u000").await.version;
        let account = host.account("u000");
        let released = host.ctx.release_mapping(&host.source(), &account, version).await;
        assert_eq!(released.unwrap().identity, Some(ada));
        assert_eq!(
            (host.audited("mapping.set").await, host.audited("mapping.released").await),
            (2, 1)
        );
    }
}

#[tokio::test]
async fn an_identity_that_goes_leaves_its_accounts_also_where_a_person_said_so() {
    for host in hosts(3, 1).await {
        let people = host.data_source().await;
        host.put(&people, &format!("{PEOPLE}3,cy,\n")).await;
        host.aggregate().await;
        let cy = host.identity(&people, "3").await;
        host.say("u002", Some(&cy)).await;
        host.put(&people, PEOPLE).await;
        let left = host.of("u002").await;
        assert_eq!((left.identity, left.reason), (None, Some(Unmapped::IdentityGone)));
        assert!(matches!(host.grant_to_identity(&cy).await, Err(EngineError::AccountUnmapped)));
        // A file that lacked somebody once destroys no work of people.
        host.put(&people, &format!("{PEOPLE}3,cy,\n")).await;
        let back = host.of("u002").await;
        assert_eq!((back.identity.as_ref(), back.origin), (Some(&cy), Origin::Hand));
        host.put(&people, PEOPLE).await;
        host.say("u002", Some(&host.identity(&people, "1").await)).await;
        let id = source(&people);
        let version = host.ctx.data_source(id).await.unwrap().version;
        host.ctx.delete_data_source(id, version).await.unwrap();
        assert_eq!(host.of("u002").await.identity, None);
        let account = host.account("u002");
        let version = host.of("u002").await.version;
        let gone = host.ctx.set_mapping(&host.source(), &account, version, Some(&cy)).await;
        assert!(matches!(gone, Err(EngineError::Invalid(_))));
    }
}

#[tokio::test]
async fn a_preview_tells_what_rules_would_change_and_changes_nothing() {
    for host in hosts(3, 1).await {
        let people = host.data_source().await;
        host.put(&people, "external_id,email\nU000,a@x.example\nu001,b@x.example\n").await;
        host.aggregate().await;
        let rules = [Rule {
            account: AccountField::NativeId,
            identity: IdentityField::ExternalId,
            data_source: Some(source(&people).clone()),
            domain: None,
        }];
        let preview = host.ctx.preview_mapping(&host.source(), Some(&rules)).await.unwrap();
        assert_eq!(preview.counts, MappingCounts { mapped: 2, ..MappingCounts::default() });
        assert_eq!(preview.changes.len(), 2);
        let kept = host.ctx.mapping_rules(&host.source()).await.unwrap();
        assert_eq!((kept, host.unmapped().await.len()), ((default_rules(), 1), 3));
        let (_, version, outcome) =
            host.ctx.update_mapping_rules(&host.source(), 1, &rules).await.unwrap();
        assert_eq!((version, outcome), (2, preview));
        let again = host.ctx.apply_mapping(&host.source(), false).await.unwrap();
        assert!(again.counts.is_none());
        let stale = host.ctx.update_mapping_rules(&host.source(), 1, &rules).await;
        assert!(matches!(stale, Err(EngineError::Store(_))));
    }
}

#[tokio::test]
async fn access_is_granted_to_the_one_account_of_an_identity() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.aggregate().await;
        let ada = host.identity(&people, "1").await;
        assert_eq!(host.grant_to_identity(&ada).await.unwrap(), host.account("u000").as_str());
        host.say("u002", Some(&ada)).await;
        let several = host.grant_to_identity(&ada).await;
        assert!(matches!(several, Err(EngineError::SeveralAccounts(ids)) if ids.len() == 2));
        let nobody = IdentityId::parse("nobody").unwrap();
        assert!(matches!(host.grant_to_identity(&nobody).await, Err(EngineError::AccountUnmapped)));
    }
}

#[tokio::test]
async fn thousands_of_accounts_are_mapped_over_all_borders_of_batches() {
    for host in hosts(2_300, 1).await {
        host.with_emails();
        host.directory.lock().unwrap().page_items = 500;
        let people = host.data_source().await;
        let lines: String = (0..2_300).map(|n| format!("{n},u{n:03}@x.example\n")).collect();
        host.put(&people, &format!("external_id,email\n{lines}")).await;
        host.aggregate().await;
        assert_eq!(host.unmapped().await, []);
        assert_eq!(host.audited("mapping.applied").await, 3, "a thousand accounts a step");
    }
}

fn tells(host: &Host, user: &'static str, mail: &'static str) {
    host.directory.lock().unwrap().lie = Some(Box::new(move |_, page| {
        for object in page.objects.iter_mut().filter(|object| object.id.kind == "User") {
            let own = format!("{}@x.example", object.id.id);
            let mail = if object.id.id == user { mail.to_owned() } else { own };
            let (values, completeness) = (vec![Value::Text(mail)], Completeness::Complete);
            object.attributes = vec![Attribute { name: "mail".into(), values, completeness }];
        }
    }));
}

/// Who may write an address of one's own would get what is granted to its owner.
#[tokio::test]
async fn an_account_that_takes_somebody_elses_address_stays_whose_it_is() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.aggregate().await;
        let (ada, bob) = (host.identity(&people, "1").await, host.identity(&people, "2").await);
        tells(&host, "u001", "u000@x.example");
        host.aggregate().await;
        let kept = host.of("u001").await;
        assert_eq!(kept.identity.as_ref(), Some(&bob));
        assert_eq!(kept.proposal, Some(Proposal::AnotherIdentity(ada.clone())));
        let query = PageQuery { limit: 10, proposed: Some(true), ..PageQuery::default() };
        let class = grantry_store::Class::Account;
        let listed = host.ctx.list_objects(&host.integration, class, &query).await.unwrap().items;
        assert_eq!(listed.len(), 1);
        assert_eq!(host.grant_to_identity(&ada).await.unwrap(), host.account("u000").as_str());
        // Told once, and done with a person's word.
        let audited = host.audited("mapping.applied").await;
        host.aggregate().await;
        assert_eq!(host.audited("mapping.applied").await, audited);
        host.ctx.apply_mapping(&host.source(), false).await.unwrap();
        assert_eq!(host.of("u001").await.identity, Some(bob));
        let accepted = host.ctx.apply_mapping(&host.source(), true).await.unwrap();
        assert_eq!(accepted.counts.remapped, 1);
        let moved = host.of("u001").await;
        assert_eq!((moved.identity, moved.proposal), (Some(ada), None));
    }
}

#[tokio::test]
async fn no_rule_gives_an_identity_a_second_account_by_itself() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.aggregate().await;
        let ada = host.identity(&people, "1").await;
        tells(&host, "u002", "u000@x.example");
        host.aggregate().await;
        let second = host.of("u002").await;
        assert_eq!((second.identity, second.reason), (None, Some(Unmapped::SecondAccount)));
        assert_eq!(second.proposal, Some(Proposal::SecondAccount(ada.clone())));
        assert_eq!(host.grant_to_identity(&ada).await.unwrap(), host.account("u000").as_str());
        host.say("u002", Some(&ada)).await;
        assert_eq!(host.of("u002").await.proposal, None);
    }
}

#[tokio::test]
async fn a_list_of_another_data_source_takes_nobodys_account() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.aggregate().await;
        let ada = host.identity(&people, "1").await;
        let strangers = host.data_source().await;
        host.put(&strangers, "external_id,email\n1,u000@x.example\n2,u001@x.example\n").await;
        let kept = host.of("u000").await;
        assert_eq!((kept.identity, kept.proposal), (Some(ada.clone()), Some(Proposal::Ambiguous)));
        assert_eq!(host.grant_to_identity(&ada).await.unwrap(), host.account("u000").as_str());
    }
}

/// Who owns an integration learns by it no names of people whom it may not see.
#[tokio::test]
async fn names_and_accounts_of_a_hidden_data_source_are_not_told() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let people = host.data_source().await;
        host.put(&people, PEOPLE).await;
        host.aggregate().await;
        let ada = host.identity(&people, "1").await;
        assert!(host.of("u000").await.identity_display.is_some());
        let mut owner = host.ctx.clone();
        owner.actor.permissions = Permissions {
            role: Some(Role::User),
            integrations: HashSet::from([host.integration.clone()]),
            ..Permissions::default()
        };
        let seen = owner.mapping(&host.source(), &host.account("u000")).await.unwrap();
        assert_eq!((seen.identity.as_ref(), seen.identity_display), (Some(&ada), None));
        let (account, version) = (host.account("u002"), host.of("u002").await.version);
        let said = owner.set_mapping(&host.source(), &account, version, Some(&ada)).await;
        assert!(matches!(said, Err(EngineError::Invalid(_))), "{said:?}");
        let hidden =
            Rule { data_source: Some(source(&people).clone()), ..default_rules().remove(0) };
        let rules = owner.update_mapping_rules(&host.source(), 1, &[hidden]).await;
        assert!(matches!(rules, Err(EngineError::Invalid(_))), "{rules:?}");
        let mut granter = host.ctx.clone();
        let entities = HashSet::from([Entity::App(host.app.clone())]);
        granter.actor.permissions =
            Permissions { entities: std::sync::Arc::new(entities), ..Permissions::default() };
        let granted = host.grant_as(&granter, &ada).await;
        assert!(matches!(granted, Err(EngineError::AccountUnmapped)), "{granted:?}");
    }
}

/// Each preview holds the mappings' lock and a connection; none may want a second one.
#[tokio::test]
async fn many_previews_at_once_all_come_to_an_end() {
    for host in hosts(3, 1).await {
        host.aggregate().await;
        let host = std::sync::Arc::new(host);
        let rules = default_rules();
        let previews: Vec<_> = (0..30)
            .map(|_| {
                let (host, rules) = (host.clone(), rules.clone());
                tokio::spawn(async move {
                    host.ctx.preview_mapping(&host.source(), Some(&rules)).await.map(drop)
                })
            })
            .collect();
        for preview in previews {
            preview.await.unwrap().unwrap();
        }
    }
}
