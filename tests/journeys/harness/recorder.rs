//! The proxy forwards faithfully, its faults are the same in every run, its verdicts are right.

use grantry_tests::directory::Directory;
use grantry_tests::peers::scim::ScimClient;
use grantry_tests::peers::{ScimServer, Variant};
use grantry_tests::recorder::{Fault, Recorder, Selector, When, scim_shows_lost};
use reqwest::Method;
use serde_json::{Value, json};

use super::http;

struct Target {
    directory: Directory,
    recorder: Recorder,
    group: String,
    person: String,
}

impl Target {
    fn new() -> Self {
        let directory = Directory::builder().start().unwrap();
        let recorder = Recorder::start(&directory.base_url()).unwrap();
        let group = directory.group_id("Break-glass administrators").unwrap();
        let person = directory.person_id("ada.abebe@northwind.example").unwrap();
        Self { directory, recorder, group, person }
    }

    /// Adds the person to the group through the proxy; the status, or `None` if cut off.
    async fn add(&self) -> Option<u16> {
        let value = json!([{ "value": self.person }]);
        let body = http::patch(&json!([{ "op": "add", "path": "members", "value": value }]));
        self.send(Method::PATCH, Some(&body)).await
    }

    async fn read(&self) -> Option<u16> {
        self.send(Method::GET, None).await
    }

    async fn send(&self, method: Method, body: Option<&Value>) -> Option<u16> {
        let url = format!("{}/Groups/{}", self.recorder.base_url(), self.group);
        let request = http::request(method, &url, self.directory.token(), body);
        request.send().await.ok().map(|response| response.status().as_u16())
    }

    fn is_member(&self) -> bool {
        self.directory.members_of(&self.group).contains(&self.person)
    }

    fn blind_repeats(&self) -> usize {
        self.recorder.blind_repeats(scim_shows_lost).len()
    }
}

#[tokio::test]
async fn a_real_server_looks_the_same_through_the_proxy() {
    let server = ScimServer::start(Variant::Default).await.unwrap();
    server.seed(20, 3).await.unwrap();
    let recorder = Recorder::start(server.base_url()).unwrap();
    let through = ScimClient::new(&recorder.base_url(), server.token()).unwrap();

    let direct = server.truth().snapshot().await.unwrap();
    let seen = through.snapshot().await.unwrap();

    assert_eq!(seen.memberships(), direct.memberships());
    let location = seen.users.values().next().unwrap()["meta"]["location"].clone();
    assert!(location.as_str().unwrap().starts_with(&recorder.base_url()), "{location}");
    assert_eq!(recorder.exchanges().len(), 2);
}

#[tokio::test]
async fn a_fault_before_forwarding_leaves_the_target_alone() {
    let target = Target::new();
    target.recorder.inject(Fault::DropBefore, Selector::StateChanging, When::Nth(1));
    target.recorder.inject(Fault::RefuseBefore(503), Selector::StateChanging, When::Nth(2));

    assert_eq!(target.add().await, None);
    assert_eq!(target.add().await, Some(503));

    assert!(!target.is_member());
    assert!(target.recorder.exchanges().iter().all(|exchange| exchange.target_status.is_none()));
}

#[tokio::test]
async fn a_fault_after_applying_is_seen_by_the_client_only() {
    let target = Target::new();
    target.recorder.inject(Fault::DropAfter, Selector::StateChanging, When::Nth(1));

    assert_eq!(target.add().await, None);

    assert!(target.is_member());
    let exchange = &target.recorder.exchanges()[0];
    assert!(exchange.was_applied() && exchange.answered_status.is_none());
}

#[tokio::test]
async fn a_repeat_after_a_lost_answer_is_blind() {
    let target = Target::new();
    target.recorder.inject(Fault::DropAfter, Selector::StateChanging, When::First(1));
    target.add().await;
    target.add().await;
    assert_eq!(target.blind_repeats(), 1);
}

#[tokio::test]
async fn a_repeat_although_the_read_shows_the_effect_is_blind() {
    let target = Target::new();
    target.recorder.inject(Fault::DropAfter, Selector::StateChanging, When::First(1));
    target.add().await;
    target.read().await;
    target.add().await;
    assert_eq!(target.blind_repeats(), 1);
}

#[tokio::test]
async fn a_repeat_is_allowed_once_a_read_shows_the_loss() {
    let target = Target::new();
    target.recorder.inject(Fault::DropBefore, Selector::StateChanging, When::First(1));
    target.add().await;
    target.read().await;
    target.add().await;
    assert!(target.is_member());
    assert_eq!(target.blind_repeats(), 0);
}

#[tokio::test]
async fn a_repeat_after_a_read_that_never_arrived_is_blind() {
    let target = Target::new();
    target.recorder.inject(Fault::DropBefore, Selector::StateChanging, When::First(1));
    target.recorder.inject(Fault::DropAfter, Selector::Reading, When::Always);
    target.add().await;
    target.read().await;
    target.add().await;
    assert_eq!(target.blind_repeats(), 1);
}

#[tokio::test]
async fn a_repeat_after_a_refusal_is_allowed() {
    let target = Target::new();
    target.recorder.inject(Fault::RefuseBefore(429), Selector::StateChanging, When::First(1));
    target.add().await;
    target.add().await;
    assert_eq!(target.blind_repeats(), 0);
}

#[tokio::test]
async fn a_seed_chooses_the_same_requests_in_every_run() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let target = Target::new();
        let when = When::PerMille { rate: 300, seed };
        target.recorder.inject(Fault::RefuseBefore(500), Selector::Any, when);
        let mut struck = Vec::new();
        for _ in 0..40 {
            struck.push(target.read().await == Some(500));
        }
        runs.push(struck);
    }
    let hits = runs[0].iter().filter(|is_hit| **is_hit).count();
    assert!((4..=20).contains(&hits), "{hits} of 40");
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}
