//! Changes of access by webhooks to homegrown apps: answers, callbacks, repetitions (PRV-5).

use grantry_engine::{Answer, Idempotent, PageQuery, TaskQuery};
use grantry_model::clock::UnixMs;
use grantry_model::delivery::{AppAnswer, AppWebhook, Undelivered};
use grantry_model::gate::Closed;
use grantry_model::ids::MembershipId;
use grantry_model::membership::Status;
use grantry_model::method::{Fallback, Method};
use grantry_model::notification::NoticeKind;
use grantry_model::settings::SettingsChange;
use serde_json::Value;

use crate::host::{Host, hosts};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn method(method: Method) -> SettingsChange {
    SettingsChange { method: Some(method), ..SettingsChange::default() }
}

fn lost() -> Result<AppAnswer, Undelivered> {
    Err(Undelivered::later("the app did not answer"))
}

impl Host {
    /// From now on access is given by the integration's webhook, and the app's word is all there is.
    async fn by_webhook_alone(&self, fallback: Fallback) {
        self.by_webhook(fallback).await;
        self.make_blind().await;
    }

    /// From now on access is given by the integration's webhook, and the connector reads back.
    async fn by_webhook(&self, fallback: Fallback) {
        self.aggregate().await;
        self.set(SettingsChange { fallback: Some(fallback), ..method(Method::Webhook) }).await;
        self.set_webhook(1).await;
    }

    async fn set_webhook(&self, version: i64) {
        let url = "https://wiki.example/grantry".to_owned();
        let settings = AppWebhook { url, address_exceptions: Vec::new() };
        let settings = (settings, "https://grantry.example");
        self.ctx.set_app_webhook(&self.integration, version, settings).await.unwrap();
    }

    /// What the app answers next; after that, that it is done.
    fn answers(&self, answers: impl IntoIterator<Item = Result<AppAnswer, Undelivered>>) {
        self.courier.answers.lock().unwrap().extend(answers);
    }

    /// The requests that the app got: id, body, and how many keys signed.
    fn asked(&self) -> Vec<(String, Value, usize)> {
        self.courier.asked.lock().unwrap().clone()
    }

    /// The token by which the last request can be answered.
    fn callback_token(&self) -> String {
        let body = self.asked().pop().unwrap().1;
        let url = body["data"]["callback_url"].as_str().unwrap().to_owned();
        url.strip_prefix("https://grantry.example/api/v1/callbacks/").unwrap().to_owned()
    }

    /// Whether the app's word is taken.
    async fn call_back(&self, token: &str, is_done: bool) -> bool {
        self.ctx.engine.take_callback(token, is_done, "as the app says").await.is_ok()
    }

    async fn rotate_key(&self) -> String {
        let key = self.key();
        let answer = |_: &UnixMs| Answer { status: 200, body: String::new() };
        let request = Idempotent { key: &key, request: b"rotate", answer: &answer };
        let rotated = self.ctx.rotate_app_webhook_key(&self.integration, &request).await.unwrap();
        rotated.key.unwrap().expose().to_owned()
    }

    async fn number_of_tasks(&self) -> usize {
        let all = TaskQuery { all: true, ..TaskQuery::default() };
        let query = PageQuery { limit: 10, ..PageQuery::default() };
        self.ctx.list_tasks(&all, &query).await.unwrap().items.len()
    }

    async fn status(&self, id: &MembershipId) -> Status {
        self.membership(id).await.status
    }

    fn set_target(&self, group: &str, user: &str, is_member: bool) {
        let pair = (group.to_owned(), user.to_owned());
        let mut directory = self.directory.lock().unwrap();
        if is_member {
            directory.members.insert(pair);
        } else {
            directory.members.remove(&pair);
        }
    }
}

#[tokio::test]
async fn what_the_app_answers_is_done_and_both_keys_sign_while_they_overlap() {
    for host in hosts(10, 2).await {
        host.by_webhook_alone(Fallback::None).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        assert_eq!(host.status(&id).await, Status::Active);
        let (old, new) = (host.rotate_key().await, host.rotate_key().await);
        assert!(old.starts_with("whsec_") && old != new);
        host.advance(DAY_MS + 1);
        assert!(host.rotate_key().await.starts_with("whsec_"));
        host.delete(&id).await;
        host.work().await;
        assert_eq!(host.status(&id).await, Status::Deleted);
        let asked = host.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!((&*asked[0].0, asked[0].2), (&*format!("{id}-1"), 1));
        assert_eq!((&*asked[1].0, asked[1].2), (&*format!("{id}-2"), 2), "the older one ended");
        assert_eq!(asked[0].1["type"], "access.grant");
        assert_eq!(asked[0].1["data"]["account"]["id"], "u001");
        assert_eq!(asked[1].1["type"], "access.revoke");
        assert_eq!(host.directory.lock().unwrap().writes.len(), 0, "the connector is not asked");
    }
}

#[tokio::test]
async fn an_app_that_is_away_is_asked_for_days_with_the_same_id() {
    for host in hosts(10, 2).await {
        host.by_webhook_alone(Fallback::Manual).await;
        host.answers((0..12).map(|_| lost()));
        let id = host.grant("g00", "u001").await;
        for _ in 0..13 {
            host.work().await;
            host.advance(7 * HOUR_MS);
        }
        assert_eq!(host.status(&id).await, Status::Active);
        let asked = host.asked();
        assert_eq!(asked.len(), 13);
        assert!(asked.iter().all(|one| one.0 == asked[0].0));
        // One that never answers: what became of the last try is not known, so nobody is asked.
        host.answers((0..40).map(|_| lost()));
        let id = host.grant("g01", "u001").await;
        for _ in 0..40 {
            host.work().await;
            host.advance(7 * HOUR_MS);
        }
        assert_eq!(host.status(&id).await, Status::Failed);
        assert_eq!(host.number_of_tasks().await, 0);
    }
}

#[tokio::test]
async fn what_is_taken_in_waits_for_a_callback_which_counts_once() {
    for host in hosts(10, 2).await {
        host.by_webhook_alone(Fallback::None).await;
        host.answers([lost(), Ok(AppAnswer::Accepted)]);
        let id = host.grant("g00", "u001").await;
        host.work().await;
        let first = host.callback_token();
        host.advance(60_000);
        host.work().await;
        for _ in 0..3 {
            host.advance(DAY_MS);
            host.work().await;
        }
        assert_eq!(host.asked().len(), 2, "an app that works on it is not asked again");
        assert_eq!(host.status(&id).await, Status::Provisioning);
        assert!(!host.call_back("guessed", true).await);
        // The answer to the first request may have been lost: its token counts as well, but one only.
        let second = host.callback_token();
        assert_ne!(first, second);
        assert!(host.call_back(&first, true).await);
        for used in [&first, &second] {
            assert!(!host.call_back(used, false).await);
        }
        host.work().await;
        assert_eq!(host.status(&id).await, Status::Active);
        assert_eq!(host.audited("operation.called_back").await, 1);

        // A revocation that the app could not make is a new request: the old one is answered.
        host.answers([Ok(AppAnswer::Accepted), Ok(AppAnswer::Done)]);
        host.delete(&id).await;
        host.work().await;
        assert!(host.call_back(&host.callback_token(), false).await);
        host.work_for(3).await;
        assert_eq!(host.status(&id).await, Status::Deleted);
        let ids: Vec<String> = host.asked().into_iter().map(|one| one.0).skip(2).collect();
        assert_eq!(ids, [format!("{id}-2"), format!("{id}-2.1")]);
    }
}

#[tokio::test]
async fn a_callback_that_comes_too_late_is_not_taken_and_the_app_is_asked_again() {
    for host in hosts(10, 2).await {
        host.by_webhook_alone(Fallback::None).await;
        host.answers([Ok(AppAnswer::Accepted)]);
        let id = host.grant("g00", "u001").await;
        host.work().await;
        let token = host.callback_token();
        host.advance(7 * DAY_MS + 1);
        assert!(!host.call_back(&token, true).await);
        host.work().await;
        assert_eq!(host.status(&id).await, Status::Active);
        let asked = host.asked();
        assert_eq!((asked.len(), &asked[0].0), (2, &asked[1].0));

        // What the app says of a grant after its revocation is over changes nothing.
        host.answers([Ok(AppAnswer::Accepted)]);
        let id = host.grant("g01", "u001").await;
        host.work().await;
        let token = host.callback_token();
        host.delete(&id).await;
        host.work().await;
        assert_eq!(host.status(&id).await, Status::Deleted);
        assert!(!host.call_back(&token, true).await);
    }
}

#[tokio::test]
async fn a_callback_that_is_faster_than_the_answer_counts() {
    for host in hosts(10, 2).await {
        host.by_webhook_alone(Fallback::Manual).await;
        let engine = host.ctx.engine.clone();
        *host.courier.meanwhile.lock().unwrap() = Some(Box::new(move |body| {
            Box::pin(async move {
                let url = body["data"]["callback_url"].as_str().unwrap().to_owned();
                let token = url.rsplit('/').next().unwrap().to_owned();
                engine.take_callback(&token, false, "no licence is left").await.unwrap();
            })
        }));
        host.answers([Ok(AppAnswer::Accepted)]);
        let id = host.grant("g00", "u001").await;
        host.work_for(2).await;
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::Fallback));
        assert_eq!((host.asked().len(), host.number_of_tasks().await), (1, 1));
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_an_endpoint_that_is_gone_is_disabled() {
    for host in hosts(10, 3).await {
        host.by_webhook_alone(Fallback::None).await;
        host.answers([Err(Undelivered::Refused("the app answered 422".to_owned()))]);
        let id = host.grant("g00", "u001").await;
        host.work().await;
        let failed = host.membership(&id).await;
        assert_eq!((failed.status, host.asked().len()), (Status::Failed, 1));
        assert!(failed.failure.unwrap().contains("422"));

        let fallback = Some(Fallback::Manual);
        host.set(SettingsChange { fallback, ..SettingsChange::default() }).await;
        host.answers([Err(Undelivered::Gone)]);
        let id = host.grant("g01", "u001").await;
        host.work().await;
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::Fallback));
        let webhook = host.ctx.app_webhook(&host.integration).await.unwrap().unwrap();
        assert!(!webhook.is_enabled && webhook.disabled_reason.is_some());
        assert_eq!(host.audited("webhook.disabled").await, 1);
        assert_eq!(host.told(NoticeKind::WebhookDisabled).await, 1);
        host.set_webhook(webhook.version).await;
        assert!(host.ctx.app_webhook(&host.integration).await.unwrap().unwrap().is_enabled);

        // It may have done what it was asked for before it went.
        host.answers([lost(), Err(Undelivered::Gone)]);
        let id = host.grant("g02", "u001").await;
        host.work().await;
        host.advance(60_000);
        host.work().await;
        assert_eq!((host.status(&id).await, host.number_of_tasks().await), (Status::Failed, 1));
    }
}

#[tokio::test]
async fn the_target_has_the_last_word_where_it_can_be_read_back() {
    for host in hosts(10, 2).await {
        host.by_webhook(Fallback::Manual).await;
        let id = host.grant("g00", "u001").await;
        host.work().await;
        assert_eq!(host.status(&id).await, Status::Provisioning, "the app says done, and is not");
        host.advance(60_000);
        host.work().await;
        let ids: Vec<String> = host.asked().into_iter().map(|one| one.0).collect();
        assert_eq!(ids, [format!("{id}-1"), format!("{id}-1.1")]);
        host.set_target("g00", "u001", true);
        host.advance(60_000);
        host.work().await;
        assert_eq!((host.status(&id).await, host.asked().len()), (Status::Active, 2));

        // The endpoint is gone: a person takes the access away, and the target shows it.
        host.answers([Err(Undelivered::Gone)]);
        host.delete(&id).await;
        host.work().await;
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::Fallback));
        assert_eq!(host.number_of_tasks().await, 1);
        host.set_target("g00", "u001", false);
        host.advance(HOUR_MS);
        host.work().await;
        assert_eq!((host.status(&id).await, host.asked().len()), (Status::Deleted, 3));
    }
}

#[tokio::test]
async fn a_revocation_reaches_an_app_that_did_not_answer_the_grant() {
    for host in hosts(10, 2).await {
        host.by_webhook(Fallback::None).await;
        host.answers([lost()]);
        let id = host.grant("g00", "u001").await;
        host.work().await;
        // The target does not show the access, but the app may give it yet.
        host.delete(&id).await;
        host.work().await;
        let asked = host.asked();
        assert_eq!((asked.len(), asked[1].1["type"].as_str()), (2, Some("access.revoke")));
        assert_eq!(host.status(&id).await, Status::Deleted);
    }
}

#[tokio::test]
async fn access_that_an_app_may_give_yet_is_taken_away_until_it_can_no_more() {
    for host in hosts(10, 2).await {
        host.by_webhook(Fallback::None).await;
        host.answers([Ok(AppAnswer::Accepted)]);
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.set(method(Method::Connector)).await;
        host.delete(&id).await;
        host.work().await;
        assert_ne!(host.status(&id).await, Status::Deleted);
        host.set_target("g00", "u001", true);
        host.advance(HOUR_MS);
        host.work().await;
        assert!(!host.holds("g00", "u001"));
        assert_ne!(host.status(&id).await, Status::Deleted);
        host.advance(7 * DAY_MS);
        host.work().await;
        assert_eq!((host.status(&id).await, host.asked().len()), (Status::Deleted, 1));
    }
}

#[tokio::test]
async fn a_refusal_of_a_repetition_says_nothing_of_the_first_request() {
    for host in hosts(10, 2).await {
        host.by_webhook_alone(Fallback::Manual).await;
        host.answers([lost(), Err(Undelivered::Refused("the app answered 409".to_owned()))]);
        let id = host.grant("g00", "u001").await;
        host.work().await;
        host.advance(60_000);
        host.work().await;
        assert_eq!((host.status(&id).await, host.number_of_tasks().await), (Status::Failed, 0));
        // So its revocation is sent.
        host.delete(&id).await;
        host.work().await;
        assert_eq!(host.asked().len(), 3);
    }
}

#[tokio::test]
async fn what_the_app_has_taken_in_stays_with_it_when_the_method_changes() {
    for host in hosts(10, 2).await {
        host.by_webhook_alone(Fallback::None).await;
        host.answers([Ok(AppAnswer::Accepted), lost()]);
        let id = host.grant("g00", "u001").await;
        host.work().await;
        let token = host.callback_token();
        let other = host.grant("g01", "u001").await;
        host.work().await;
        host.set(method(Method::Connector)).await;
        host.advance(DAY_MS);
        host.work().await;
        // What was only tried is not given once more behind the app's back.
        assert_eq!(host.status(&other).await, Status::Failed);
        assert_eq!(host.status(&id).await, Status::Provisioning);
        assert!(host.call_back(&token, true).await);
        host.work().await;
        assert_eq!(host.status(&id).await, Status::Active);
        assert_eq!((host.asked().len(), host.directory.lock().unwrap().writes.len()), (2, 0));
        // The next change goes by the method of its moment.
        host.set_target("g00", "u001", true);
        host.delete(&id).await;
        host.work().await;
        assert_eq!((host.status(&id).await, host.asked().len()), (Status::Deleted, 2));
        assert!(!host.holds("g00", "u001"));
    }
}

#[tokio::test]
async fn nothing_is_sent_against_the_settings() {
    for host in hosts(10, 2).await {
        host.by_webhook_alone(Fallback::None).await;
        let read_only = |is| SettingsChange { is_read_only: Some(is), ..SettingsChange::default() };
        host.set(read_only(true)).await;
        let id = host.grant("g00", "u001").await;
        host.work_for(3).await;
        assert_eq!(host.membership(&id).await.waiting, Some(Closed::ReadOnly));
        assert!(host.asked().is_empty());
        host.set(read_only(false)).await;
        host.work().await;
        assert_eq!(host.status(&id).await, Status::Active);
        assert_eq!(host.asked().len(), 1);
        host.ctx.delete_app_webhook(&host.integration).await.unwrap();
        let id = host.grant("g01", "u001").await;
        host.work().await;
        let failed = host.membership(&id).await;
        assert_eq!(failed.failure.as_deref(), Some("the integration has no webhook"));
    }
}

#[tokio::test]
async fn a_plugin_that_only_reads_does_not_keep_the_webhook() {
    for host in hosts(10, 2).await {
        host.by_webhook(Fallback::None).await;
        host.make_reading().await;
        let id = host.grant("g00", "u001").await;
        host.set_target("g00", "u001", true);
        host.work().await;
        assert_eq!((host.status(&id).await, host.asked().len()), (Status::Active, 1));
    }
}
