//! Notices on their way to people: the outbox, retries, receivers that are gone.

use std::collections::BTreeSet;

use grantry_authz::{Permit, Role, actions};
use grantry_engine::{
    Answer, Channel, ChannelChange, ChannelInput, DeliveryState, EngineError, Idempotent,
    IntegrationChange, PageQuery, PersonChange, Recipients,
};
use grantry_model::delivery::{ChannelSettings, MailSecurity, NOTICE_ATTEMPTS_MAX, Undelivered};
use grantry_model::ids::{ChannelId, JobId, PrincipalId};
use grantry_model::notification::{Notice, NoticeKind, Template};
use grantry_model::permission::PrincipalKind;
use grantry_model::secret::Secret;
use grantry_store::{AuditEntry, NewPrincipal};
use serde_json::json;

use crate::host::{Host, hosts};

fn webhook() -> ChannelSettings {
    let url = "https://hooks.example.com/a".to_owned();
    ChannelSettings::Webhook { url, address_exceptions: Vec::new() }
}

fn mail() -> ChannelSettings {
    ChannelSettings::Email {
        host: "mail.example.com".to_owned(),
        port: 587,
        security: MailSecurity::Starttls,
        username: Some("grantry".to_owned()),
        from: "grantry@example.com".to_owned(),
        address_exceptions: Vec::new(),
    }
}

async fn channel(host: &Host, settings: ChannelSettings, addresses: &[&str]) -> ChannelId {
    let addresses = addresses.iter().map(|&address| address.to_owned()).collect();
    channel_for(host, settings, Recipients { addresses, ..Recipients::default() }).await
}

async fn channel_for(host: &Host, settings: ChannelSettings, recipients: Recipients) -> ChannelId {
    let is_mail = matches!(settings, ChannelSettings::Email { .. });
    let input = ChannelInput {
        name: "Operations".to_owned(),
        settings,
        secret: is_mail.then(|| Secret::new("s3cret".to_owned())),
        kinds: vec![NoticeKind::ExternalChange, NoticeKind::Test],
        recipients,
    };
    let answer = |channel: &Channel| Answer { status: 200, body: channel.id.to_string() };
    let key = format!("channel-{is_mail}");
    let request = Idempotent { key: &key, request: b"channel", answer: &answer };
    let made = host.ctx.create_channel(&input, &request).await.unwrap();
    ChannelId::parse(&made.answer.body).unwrap()
}

async fn notice(host: &Host, kind: NoticeKind) {
    let db = host.db();
    let job = JobId::fresh(db.clock(), db.random());
    let permit: Permit<actions::AggregationRun> =
        Permit::for_job(&job, &host.ctx.actor.principal, None);
    let mut tx = db.begin(permit.provenance()).await.unwrap();
    let notice = Notice::new(kind, Some(&host.integration))
        .with("integration", "Directory")
        .with("account", "ada\r\nBcc: all")
        .with("change", "granted")
        .with("entitlement", "Admins");
    tx.queue_notice(&notice).await.unwrap();
    tx.commit(AuditEntry { event: "test", entity: None, detail: json!({}) }).await.unwrap();
}

async fn deliveries(host: &Host) -> Vec<(DeliveryState, u32, Option<String>)> {
    let query = PageQuery { limit: 100, ..PageQuery::default() };
    let page = host.ctx.list_deliveries("", &query).await.unwrap();
    page.items.into_iter().map(|row| (row.state, row.attempts, row.error)).collect()
}

#[tokio::test]
async fn a_notice_reaches_every_receiver_of_every_channel_that_asks_for_it() {
    for host in hosts(2, 1).await {
        channel(&host, webhook(), &[]).await;
        channel(&host, mail(), &["a@example.com", "b@example.com"]).await;
        notice(&host, NoticeKind::ExternalChange).await;
        notice(&host, NoticeKind::MembershipFailed).await;
        host.work().await;
        host.work().await;
        let told = host.courier.told.lock().unwrap().clone();
        let recipients: BTreeSet<_> = told.iter().map(|(one, _)| one.recipient.clone()).collect();
        assert_eq!(told.len(), 3);
        assert_eq!(
            recipients,
            BTreeSet::from(["", "a@example.com", "b@example.com"].map(String::from))
        );
        assert_eq!(told[0].0.title, "Directory: access granted outside of Grantry");
        assert!(told[0].0.text.contains("ada\\u{d}\\u{a}Bcc: all"), "{}", told[0].0.text);
        assert!(deliveries(&host).await.iter().all(|row| row.0 == DeliveryState::Delivered));
    }
}

#[tokio::test]
async fn a_failed_message_is_tried_again_with_the_same_id_and_given_up_after_days() {
    for host in hosts(2, 1).await {
        channel(&host, webhook(), &[]).await;
        let failure = Undelivered::later("the receiver answered 500");
        *host.courier.failures.lock().unwrap() = vec![failure; 1_000];
        notice(&host, NoticeKind::ExternalChange).await;
        for _ in 0..NOTICE_ATTEMPTS_MAX + 5 {
            host.work().await;
            host.advance(6 * 3_600_000);
        }
        let told = host.courier.told.lock().unwrap().clone();
        let ids: BTreeSet<_> = told.iter().map(|(one, _)| one.id.clone()).collect();
        assert_eq!((told.len(), ids.len()), (NOTICE_ATTEMPTS_MAX as usize, 1));
        let error = Some("the receiver answered 500".to_owned());
        let given_up = (DeliveryState::Failed, NOTICE_ATTEMPTS_MAX, error);
        assert_eq!(deliveries(&host).await, [given_up]);
        // By hand it goes on.
        host.courier.failures.lock().unwrap().clear();
        let query = PageQuery { limit: 1, ..PageQuery::default() };
        let id = host.ctx.list_deliveries("", &query).await.unwrap().items[0].message.id.clone();
        host.ctx.retry_delivery(&id).await.unwrap();
        host.work().await;
        assert_eq!(deliveries(&host).await[0].0, DeliveryState::Delivered);
        assert_eq!(host.audited("delivery.retried").await, 1);
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_disables_its_channel() {
    for host in hosts(2, 1).await {
        let id = channel(&host, webhook(), &[]).await;
        host.courier.failures.lock().unwrap().push(Undelivered::Gone);
        notice(&host, NoticeKind::ExternalChange).await;
        host.work().await;
        notice(&host, NoticeKind::ExternalChange).await;
        host.work().await;
        assert_eq!(host.courier.told.lock().unwrap().len(), 1);
        let channel = host.ctx.channel(&id).await.unwrap();
        assert!(!channel.is_enabled && channel.disabled_reason.is_some());
        assert_eq!(host.audited("channel.disabled").await, 1);
    }
}

#[tokio::test]
async fn an_address_that_may_not_be_reached_is_refused_at_save() {
    for host in hosts(2, 1).await {
        let id = channel(&host, webhook(), &[]).await;
        let detail = "`a` at address 10.0.0.1:443".to_owned();
        let refusal = Undelivered::NotAllowed { code: "address_not_allowed".to_owned(), detail };
        *host.courier.refusal.lock().unwrap() = Some(refusal);
        let change = ChannelChange { settings: Some(webhook()), ..ChannelChange::default() };
        let Err(EngineError::Invalid(issues)) = host.ctx.update_channel(&id, 1, &change).await
        else {
            panic!("must be refused")
        };
        assert_eq!(issues[0].code, "address_not_allowed");
        assert_eq!(host.audited("channel.updated").await, 0);
    }
}

#[tokio::test]
async fn a_password_does_not_follow_to_another_server() {
    for host in hosts(2, 1).await {
        let id = channel(&host, mail(), &["a@example.com"]).await;
        let ChannelSettings::Email { port, security, username, from, .. } = mail() else {
            unreachable!()
        };
        let host_name = "evil.example.com".to_owned();
        let address_exceptions = Vec::new();
        let moved = ChannelSettings::Email {
            host: host_name,
            port,
            security,
            username,
            from,
            address_exceptions,
        };
        let change = ChannelChange { settings: Some(moved), ..ChannelChange::default() };
        let Err(EngineError::Invalid(issues)) = host.ctx.update_channel(&id, 1, &change).await
        else {
            panic!("must be refused")
        };
        assert_eq!((issues[0].path.as_str(), issues[0].code.as_str()), ("/secret", "missing"));
        let change = ChannelChange { name: Some("Other".to_owned()), ..ChannelChange::default() };
        host.ctx.update_channel(&id, 1, &change).await.unwrap();
    }
}

#[tokio::test]
async fn an_admin_writes_the_words() {
    for host in hosts(2, 1).await {
        channel(&host, webhook(), &[]).await;
        let kind = NoticeKind::ExternalChange;
        let words =
            Template { title: "{{account}}!".to_owned(), text: "{{entitlement}}".to_owned() };
        host.ctx.set_template(kind, &words).await.unwrap();
        let preview = host.ctx.preview_template(kind, &words).await.unwrap();
        assert_eq!(preview.text, "Domain admins");
        notice(&host, kind).await;
        host.work().await;
        assert_eq!(host.courier.told.lock().unwrap()[0].0.text, "Admins");
        let bad = Template { title: "{{secret}}".to_owned(), ..words };
        assert!(host.ctx.set_template(kind, &bad).await.is_err());
        assert!(!host.ctx.reset_template(kind).await.unwrap().is_changed);
    }
}

#[tokio::test]
async fn a_mail_channel_without_a_password_can_be_changed() {
    for host in hosts(2, 1).await {
        let ChannelSettings::Email { host: server, port, security, from, .. } = mail() else {
            panic!("a mail channel")
        };
        let (username, address_exceptions) = (None, Vec::new());
        let settings = ChannelSettings::Email {
            host: server,
            port,
            security,
            username,
            from,
            address_exceptions,
        };
        let input = ChannelInput {
            name: "Open relay".to_owned(),
            settings,
            secret: None,
            kinds: Vec::new(),
            recipients: Recipients {
                addresses: vec!["a@example.com".into()],
                ..Recipients::default()
            },
        };
        let answer = |channel: &Channel| Answer { status: 200, body: channel.id.to_string() };
        let request = Idempotent { key: "open", request: b"open", answer: &answer };
        let made = host.ctx.create_channel(&input, &request).await.unwrap();
        let id = ChannelId::parse(&made.answer.body).unwrap();
        let change = ChannelChange { name: Some("Relay".to_owned()), ..ChannelChange::default() };
        let changed = host.ctx.update_channel(&id, 1, &change).await.unwrap();
        assert_eq!(changed.name, "Relay");
    }
}

/// A person asks again while a try is under way: its late word is not about the new try.
#[tokio::test]
async fn a_late_word_of_an_earlier_try_does_not_count() {
    for host in hosts(2, 1).await {
        channel(&host, webhook(), &[]).await;
        notice(&host, NoticeKind::ExternalChange).await;
        *host.courier.failures.lock().unwrap() = vec![Undelivered::later("away")];
        host.work().await;
        host.advance(24 * 3_600_000);
        let first = host.db().lease_delivery(90_000).await.unwrap().unwrap();
        host.ctx.retry_delivery(&first.message.id).await.unwrap();
        let second = host.db().lease_delivery(90_000).await.unwrap().unwrap();
        assert_eq!((second.attempts, second.fence), (1, first.fence + 1));
        host.db().finish_delivery(&first, Some("given up")).await.unwrap();
        assert_eq!(deliveries(&host).await[0].0, DeliveryState::Waiting);
        host.db().finish_delivery(&second, None).await.unwrap();
        assert_eq!(deliveries(&host).await[0].0, DeliveryState::Delivered);
    }
}

/// A person with that mail address.
async fn person(host: &Host, name: &str, mail: &str) -> PrincipalId {
    let id = PrincipalId::parse(name).unwrap();
    let permit = host.ctx.actor.permit_admin::<actions::ClientWrite>().unwrap();
    let new = NewPrincipal {
        id: id.clone(),
        kind: PrincipalKind::Person,
        name: name.to_owned(),
        description: String::new(),
        role: Some(Role::User),
    };
    let mut tx = host.db().begin(permit.provenance()).await.unwrap();
    tx.create_client(&permit, &new).await.unwrap();
    tx.commit(AuditEntry { event: "test", entity: None, detail: json!({}) }).await.unwrap();
    let change = PersonChange { mail: Some(Some(mail.to_owned())), ..PersonChange::default() };
    host.ctx.update_person(&id, 1, change).await.unwrap();
    id
}

#[tokio::test]
async fn what_a_sync_finds_reaches_the_owner_and_the_admins_by_mail() {
    for host in hosts(10, 2).await {
        host.ctx.set_own_mail(Some("admin@example.com")).await.unwrap();
        let owner = person(&host, "owner", "owner@example.com").await;
        person(&host, "bystander", "bystander@example.com").await;
        let change = IntegrationChange { owner: Some(Some(owner)), ..IntegrationChange::default() };
        host.try_update(&change).await.unwrap();
        let recipients =
            Recipients { admins: true, integration_owners: true, ..Recipients::default() };
        channel_for(&host, mail(), recipients).await;
        host.aggregate().await;
        host.directory.lock().unwrap().members.insert(("g00".into(), "u001".into()));
        host.advance(1_000);
        host.aggregate().await;
        host.work_for(3).await;
        let told = host.courier.told.lock().unwrap().clone();
        let mut recipients: Vec<_> = told.iter().map(|(one, _)| one.recipient.as_str()).collect();
        recipients.sort_unstable();
        assert_eq!(recipients, ["admin@example.com", "owner@example.com"]);
        assert!(told.iter().all(|(one, _)| one.text.contains("User 1")), "{told:?}");
    }
}
