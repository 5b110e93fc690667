//! People map their own accounts, where the integration lets them: never somebody else's, and never
//! one of which somebody who administers said whose it is (INT-7).

use grantry_authz::{Door, Role, actions};
use grantry_engine::{
    Ctx, DataSourceChange, EngineError, Issuer, OwnAccount, PageQuery, token_text,
};
use grantry_model::identity::{KnownBy, SignIn};
use grantry_model::ids::{IdentityId, IssuerId, PrincipalId};
use grantry_model::mapping::{Origin, Proposal, Unmapped};
use grantry_model::notification::NoticeKind;
use grantry_model::oidc::{IssuerKind, SigningAlgorithm, TrustedIssuer};
use grantry_model::permission::{Entity, PrincipalKind};
use grantry_model::settings::SettingsChange;
use grantry_store::{AuditEntry, NewPerson, NewPrincipal, PersonIdentity};

use crate::host::{Host, hosts};
use crate::mappings::source;

/// u001 could be bob's or cy's.
const PEOPLE: &str =
    "external_id,email\nada,u000@x.example\nbob,u001@x.example\ncy,u001@x.example\n";

impl Host {
    pub(crate) async fn issuer(&self) -> IssuerId {
        // Nothing is asked there: nobody signs in.
        let permit = self.ctx.actor.permit_admin::<actions::IssuerWrite>().unwrap();
        let trusted = TrustedIssuer {
            id: IssuerId::parse("login").unwrap(),
            kind: IssuerKind::Generic,
            url: "https://login.example".into(),
            tenant_id: None,
            audience: "grantry".into(),
            client_id: Some("grantry".into()),
            algorithms: vec![SigningAlgorithm::Rs256],
            address_exception: None,
        };
        let issuer = Issuer {
            trusted,
            name: "Login".into(),
            token_endpoint: None,
            allows_sign_up: false,
            has_secret: false,
            created: self.db().now(),
            version: 1,
        };
        let mut tx = self.db().begin(permit.provenance()).await.unwrap();
        tx.create_issuer(&permit, &issuer).await.unwrap();
        let entry = AuditEntry::about("test", "issuer", "login", serde_json::json!({}));
        tx.commit(entry).await.unwrap();
        issuer.trusted.id
    }

    /// A data source whose people sign in by the issuer.
    pub(crate) async fn tied(&self, issuer: &IssuerId, file: &str) -> Entity {
        let people = self.data_source().await;
        self.put(&people, file).await;
        let sign_in = SignIn { issuer: issuer.clone(), known_by: KnownBy::Subject };
        let change =
            DataSourceChange { sign_in: Some(Some(sign_in)), ..DataSourceChange::default() };
        let version = self.ctx.data_source(source(&people)).await.unwrap().version;
        self.ctx.update_data_source(source(&people), version, &change).await.unwrap();
        people
    }

    /// Somebody whom the issuer calls so.
    pub(crate) async fn person_called(&self, issuer: &IssuerId, subject: &str) -> Ctx {
        let permit = self.ctx.actor.permit_admin::<actions::PersonWrite>().unwrap();
        let tokens = self.ctx.actor.permit_admin::<actions::ClientWrite>().unwrap();
        let new = NewPerson {
            principal: NewPrincipal {
                id: PrincipalId::parse(&format!("{subject}-signs-in")).unwrap(),
                kind: PrincipalKind::Person,
                name: subject.to_owned(),
                description: String::new(),
                role: Some(Role::User),
            },
            issuer_id: issuer.clone(),
            identity: PersonIdentity::Subject(subject.to_owned()),
            user_name: String::new(),
            mail: None,
        };
        let (record, token) = token_text(self.db(), &new.principal.id, None);
        let mut tx = self.db().begin(permit.provenance()).await.unwrap();
        tx.create_person(&permit, &new).await.unwrap();
        tx.create_token(&tokens, &record).await.unwrap();
        let entry = AuditEntry::about("test", "person", subject, serde_json::json!({}));
        tx.commit(entry).await.unwrap();
        let engine = &self.ctx.engine;
        engine.authenticate(token.expose(), Door::Http, "test").await.unwrap().unwrap()
    }

    async fn lets_people_edit(&self, is_on: bool) {
        let settings = SettingsChange {
            allows_users_to_edit_accounts: Some(is_on),
            ..SettingsChange::default()
        };
        self.set(settings).await;
    }

    /// Whose the account is, or who claims it.
    async fn holder(&self, user: &str) -> (Option<IdentityId>, Option<Proposal>) {
        let mapping = self.of(user).await;
        (mapping.identity, mapping.proposal)
    }

    async fn apply_rules(&self) {
        self.ctx.apply_mapping(&self.source(), true).await.unwrap();
    }
}

fn natives(page: grantry_engine::Page<OwnAccount>) -> Vec<String> {
    page.items.into_iter().map(|own| own.account.native_id).collect()
}

async fn mine(ctx: &Ctx) -> Vec<String> {
    let all = PageQuery { limit: 50, ..PageQuery::default() };
    natives(ctx.list_own_accounts(&all).await.unwrap())
}

async fn claimable(ctx: &Ctx) -> Vec<String> {
    let all = PageQuery { limit: 50, ..PageQuery::default() };
    natives(ctx.list_claimable_accounts(&all).await.unwrap())
}

#[tokio::test]
async fn an_own_account_is_given_up_and_claimed_again_and_rules_leave_it_so() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let issuer = host.issuer().await;
        let people = host.tied(&issuer, PEOPLE).await;
        host.aggregate().await;
        host.lets_people_edit(true).await;
        let ada = host.person_called(&issuer, "ada").await;
        let (account, id) = (host.account("u000"), host.identity(&people, "ada").await);
        assert_eq!((mine(&ada).await, claimable(&ada).await), (vec!["u000".into()], vec![]));
        let given_up = ada.give_up_account(&account).await.unwrap();
        assert!(!given_up.is_mapped && given_up.is_editable, "{given_up:?}");
        host.apply_rules().await;
        host.aggregate().await;
        let mapping = host.of("u000").await;
        assert_eq!((mapping.identity, mapping.reason), (None, Some(Unmapped::ByHand)));
        assert_eq!((mine(&ada).await, claimable(&ada).await), (vec![], vec!["u000".into()]));
        // Saying it twice changes nothing.
        ada.give_up_account(&account).await.unwrap();
        let claimed = ada.claim_account(&account, None).await.unwrap();
        assert_eq!((claimed.is_mapped, claimed.identity), (true, Some(id.clone())));
        ada.claim_account(&account, None).await.unwrap();
        host.apply_rules().await;
        let mapping = host.of("u000").await;
        // It is the rules' again: they would see if the target gave it to somebody else.
        assert_eq!((mapping.identity, mapping.origin), (Some(id), Origin::Rule));
        assert_eq!(host.audited("mapping.claimed").await, 1);
        assert_eq!(host.audited("mapping.given_up").await, 1);
        assert_eq!(host.told(NoticeKind::AccountClaimed).await, 2);
    }
}

#[tokio::test]
async fn a_claim_waits_where_the_rules_find_others_and_one_at_a_time() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let issuer = host.issuer().await;
        let people = host.tied(&issuer, PEOPLE).await;
        host.aggregate().await;
        host.lets_people_edit(true).await;
        let (bob, cy) =
            (host.person_called(&issuer, "bob").await, host.person_called(&issuer, "cy").await);
        let (account, id) = (host.account("u001"), host.identity(&people, "bob").await);
        assert_eq!(
            (claimable(&bob).await, claimable(&cy).await),
            (vec!["u001".into()], vec!["u001".into()])
        );
        let waiting = bob.claim_account(&account, None).await.unwrap();
        assert_eq!((waiting.is_mapped, waiting.is_waiting), (false, true));
        let claim = (None, Some(Proposal::Claimed(id.clone())));
        assert_eq!(host.holder("u001").await, claim);
        // Neither the rules nor a sync forget or grant it, and a second one does not take its place.
        host.apply_rules().await;
        host.aggregate().await;
        assert_eq!(host.holder("u001").await, claim);
        let refused = cy.claim_account(&account, None).await;
        assert!(matches!(refused, Err(EngineError::AccountTaken)), "{refused:?}");
        bob.give_up_account(&account).await.unwrap();
        assert_eq!(host.holder("u001").await, (None, None));
        assert!(cy.claim_account(&account, None).await.unwrap().is_waiting);
        // Somebody who administers has the last word.
        host.say("u001", Some(&id)).await;
        assert_eq!(mine(&bob).await, ["u001"]);
        let refused = cy.claim_account(&account, None).await;
        assert!(matches!(refused, Err(EngineError::AccountTaken)), "{refused:?}");
        let refused = bob.give_up_account(&account).await;
        assert!(matches!(refused, Err(EngineError::AccountTaken)), "{refused:?}");
        assert_eq!(host.told(NoticeKind::AccountClaimed).await, 3);
    }
}

#[tokio::test]
async fn a_claim_ends_when_the_rules_find_the_claimant_no_more() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let issuer = host.issuer().await;
        let people = host.tied(&issuer, PEOPLE).await;
        host.aggregate().await;
        host.lets_people_edit(true).await;
        let bob = host.person_called(&issuer, "bob").await;
        bob.claim_account(&host.account("u001"), None).await.unwrap();
        host.put(&people, &PEOPLE.replace("bob,u001", "bob,u009")).await;
        let cy = host.identity(&people, "cy").await;
        assert_eq!(host.holder("u001").await, (Some(cy), None));
    }
}

#[tokio::test]
async fn nothing_of_others_and_nothing_that_no_rule_finds_is_claimed() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let issuer = host.issuer().await;
        host.tied(&issuer, PEOPLE).await;
        host.aggregate().await;
        host.lets_people_edit(true).await;
        let cy = host.person_called(&issuer, "cy").await;
        // Ada's, nobody's that no rule finds, and none at all: the same answer.
        for user in ["u000", "u002", "u009"] {
            let refused = cy.claim_account(&host.account(user), None).await;
            assert!(matches!(refused, Err(EngineError::NotFound { .. })), "{user} {refused:?}");
            let refused = cy.give_up_account(&host.account(user)).await;
            assert!(matches!(refused, Err(EngineError::NotFound { .. })), "{user} {refused:?}");
        }
        // What somebody who administers said to be nobody's.
        host.say("u001", None).await;
        assert_eq!(claimable(&cy).await, [""; 0]);
        let refused = cy.claim_account(&host.account("u001"), None).await;
        assert!(matches!(refused, Err(EngineError::AccountTaken)), "{refused:?}");
        // Somebody who is nobody has nothing to claim; a client is no person.
        let eve = host.person_called(&issuer, "eve").await;
        assert_eq!((mine(&eve).await, claimable(&eve).await), (vec![], vec![]));
        let refused = eve.claim_account(&host.account("u000"), None).await;
        assert!(matches!(refused, Err(EngineError::NotFound { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn own_accounts_are_read_only_where_the_setting_is_off() {
    for host in hosts(3, 1).await {
        host.with_emails();
        let issuer = host.issuer().await;
        host.tied(&issuer, PEOPLE).await;
        host.aggregate().await;
        let (ada, bob) =
            (host.person_called(&issuer, "ada").await, host.person_called(&issuer, "bob").await);
        assert_eq!((mine(&ada).await, claimable(&bob).await), (vec!["u000".into()], vec![]));
        let before = host.of("u000").await;
        let refused = ada.give_up_account(&host.account("u000")).await;
        assert!(matches!(refused, Err(EngineError::AccountsReadOnly)), "{refused:?}");
        let refused = bob.claim_account(&host.account("u001"), None).await;
        assert!(matches!(refused, Err(EngineError::AccountsReadOnly)), "{refused:?}");
        // What is not one's own does not exist, whatever the setting says.
        let refused = ada.claim_account(&host.account("u002"), None).await;
        assert!(matches!(refused, Err(EngineError::NotFound { .. })), "{refused:?}");
        assert_eq!(host.of("u000").await, before);
    }
}

#[tokio::test]
async fn whoever_is_several_identities_says_which_of_them_claims() {
    for host in hosts(2, 1).await {
        host.with_emails();
        let issuer = host.issuer().await;
        let one = host.tied(&issuer, "external_id,email\nada,u000@x.example\n").await;
        let two = host.tied(&issuer, "external_id,email\nada,u000@x.example\n").await;
        host.aggregate().await;
        host.lets_people_edit(true).await;
        let ada = host.person_called(&issuer, "ada").await;
        let account = host.account("u000");
        assert_eq!(host.of("u000").await.reason, Some(Unmapped::Ambiguous));
        assert_eq!(claimable(&ada).await, ["u000"]);
        let refused = ada.claim_account(&account, None).await;
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
        let other = host.identity(&one, "ada").await;
        let wanted = host.identity(&two, "ada").await;
        // Whose rules hold is not theirs to choose.
        let claimed = ada.claim_account(&account, Some(&wanted)).await.unwrap();
        assert_eq!((claimed.is_waiting, claimed.identity), (true, Some(wanted.clone())));
        assert_eq!(host.holder("u000").await, (None, Some(Proposal::Claimed(wanted.clone()))));
        host.say("u000", Some(&wanted)).await;
        assert_eq!(mine(&ada).await, ["u000"]);
        let refused = ada.claim_account(&account, Some(&other)).await;
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
    }
}
