//! What a call may touch, and what it leaves behind.
//!
//! The guests here trap when a host function does not answer as they expect, so a page that arrives
//! is the assertion.

use std::sync::Arc;

use grantry_model::fault::{Fault, FieldIssue};
use grantry_model::plugin::{Digest, TestDepth};
use grantry_model::provision::{Operation, OperationContext};
use grantry_model::runner::{CallReport, KvWrite, LogLevel, TaskRunner};

use crate::runner::page_request;
use crate::support::Host;
use crate::support::guest::Guest;
use crate::support::memory::words;
use crate::support::scope::{Store, TOKEN, TestScope, admitted};
use crate::support::target::{Reply, Target};

/// Host functions write their answers here.
const ANSWER: u32 = 2_048;

const KV_GET: (&str, &str, &str) = ("kv", "get", "(param i32 i32 i32)");
const KV_SET: (&str, &str, &str) = ("kv", "set", "(param i32 i32 i32 i32 i32)");
const KV_LIST: (&str, &str, &str) = ("kv", "list-keys", "(param i32 i32 i32)");
const LOG: (&str, &str, &str) = ("log", "log", "(param i32 i32 i32 i32 i32)");
const SEND: (&str, &str, &str) =
    ("http", "send", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)");

fn importing(guest: Guest, imports: &[(&str, &str, &str)]) -> Guest {
    imports
        .iter()
        .fold(guest, |guest, (interface, name, signature)| guest.import(interface, name, signature))
}

/// Traps unless the byte at `ANSWER + offset` has this value.
fn expect(offset: u32, value: u8) -> String {
    let address = ANSWER + offset;
    format!(
        "(if (i32.ne (i32.load8_u (i32.const {address})) (i32.const {value})) (then unreachable))"
    )
}

fn expect_word(offset: u32, value: u32) -> String {
    let address = ANSWER + offset;
    format!("(if (i32.ne (i32.load (i32.const {address})) (i32.const {value})) (then unreachable))")
}

struct Script {
    guest: Guest,
    body: String,
}

impl Script {
    fn new(guest: Guest) -> Self {
        let guest = importing(guest, &[KV_GET, KV_SET, KV_LIST, LOG, SEND]);
        Self { guest, body: String::new() }
    }

    fn then(mut self, wat: impl AsRef<str>) -> Self {
        self.body.push_str(wat.as_ref());
        self
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        let (key, value) = (self.guest.text(key), self.guest.text(value));
        self.then(format!("(call $set {key} {value} (i32.const {ANSWER}))"))
    }

    fn get(mut self, key: &str) -> Self {
        let key = self.guest.text(key);
        self.then(format!("(call $get {key} (i32.const {ANSWER}))"))
    }

    fn list(mut self, prefix: &str) -> Self {
        let prefix = self.guest.text(prefix);
        self.then(format!("(call $list-keys {prefix} (i32.const {ANSWER}))"))
    }

    fn log(mut self, message: &str) -> Self {
        let message = self.guest.text(message);
        self.then(format!("(call $log (i32.const 2) {message} (i32.const 0) (i32.const 0))"))
    }

    fn send(mut self, method: &str, url: &str, auth: bool) -> Self {
        let (method, url) = (self.guest.text(method), self.guest.text(url));
        let scheme = self.guest.text("token");
        let none = "(i32.const 0) (i32.const 0)";
        let is_some = u8::from(auth);
        self.then(format!(
            "(call $send {method} {url} {none} {none} (i32.const {is_some}) {scheme} \
             (i32.const 0) (i32.const {ANSWER}))"
        ))
    }

    /// The script runs in `read-page`, which then returns an empty page.
    fn component(self) -> Vec<u8> {
        let mut guest = self.guest;
        let page = guest.bytes(&[vec![0; 64], words([1]), vec![0; 36]].concat());
        let body = format!("{} (i32.const {page})", self.body);
        guest.function("read-page", &body).build()
    }

    async fn run(self, scope: &TestScope) -> Result<CallReport, (Fault, CallReport)> {
        let component = self.component();
        let mut scope = scope.scope.clone();
        scope.plugin = Digest::of(&component);
        let host = Host::with(Some(component), |_| {});
        match host.runner.read_page(&scope, page_request()).await {
            Ok(called) => Ok(called.report),
            Err(failure) => Err((failure.fault, failure.report)),
        }
    }
}

fn scope() -> TestScope {
    TestScope::new(Digest::of(b"set by the script"))
}

fn stored(entries: &[(&str, &str)]) -> TestScope {
    let entries = entries.iter().map(|(key, value)| (key.to_string(), value.as_bytes().to_vec()));
    let mut scope = scope();
    scope.scope.kv = Arc::new(Store(entries.collect()));
    scope
}

#[tokio::test]
async fn a_write_is_seen_by_the_call_and_returned_with_it() {
    let script = Script::new(Guest::reader())
        .set("own/cursor", "abc")
        .then(expect(0, 0))
        .get("own/cursor")
        // ok, some, three bytes.
        .then(expect(0, 0) + &expect(4, 1) + &expect_word(12, 3))
        .get("old")
        .then(expect(0, 0) + &expect(4, 1) + &expect_word(12, 4))
        .get("missing")
        .then(expect(0, 0) + &expect(4, 0));
    let report = script.run(&stored(&[("old", "1234")])).await.unwrap();
    let write = KvWrite { key: "own/cursor".to_owned(), value: Some(b"abc".to_vec()) };
    assert_eq!(report.kv_writes, [write]);
    assert_eq!(report.usage.host_calls, 4);
}

#[tokio::test]
async fn writes_of_a_call_that_traps_are_gone() {
    let script = Script::new(Guest::reader()).set("key", "value").log("before").then("unreachable");
    let (fault, report) = script.run(&scope()).await.unwrap_err();
    assert!(matches!(fault, Fault::Trap(_)));
    assert_eq!((report.kv_writes.len(), report.log.len()), (0, 1));
}

#[tokio::test]
async fn a_prefix_is_literal() {
    let all = stored(&[("a/1", ""), ("a/2", ""), ("a%", ""), ("b", "")]);
    let count = |prefix: &'static str, expected: u32| {
        Script::new(Guest::reader())
            .set("a/3", "")
            .list(prefix)
            .then(expect(0, 0) + &expect_word(8, expected))
    };
    for (prefix, expected) in [("a/", 3), ("a%", 1), ("%", 0), ("_", 0), ("", 5), ("b", 1)] {
        assert!(count(prefix, expected).run(&all).await.is_ok(), "{prefix}");
    }
}

#[tokio::test]
async fn keys_and_values_over_the_limits_are_refused() {
    let (long_key, large) = ("k".repeat(513), "v".repeat(65_537));
    // Cases of `kv-error`: key-invalid 0, quota 1, denied 2.
    for (key, value, case) in
        [("", "v", 0), ("a\0b", "v", 0), (long_key.as_str(), "v", 0), ("k", large.as_str(), 1)]
    {
        let script =
            Script::new(Guest::reader()).set(key, value).then(expect(0, 1) + &expect(1, case));
        assert!(script.run(&scope()).await.is_ok(), "{}", &key[..key.len().min(9)]);
    }
    let mut full = Script::new(Guest::reader());
    for _ in 0..16 {
        full = full.set("key", &"v".repeat(65_000)).then(expect(0, 0));
    }
    full = full.set("key", &"v".repeat(65_000)).then(expect(0, 1) + &expect(1, 1));
    assert!(full.run(&scope()).await.is_ok());
}

#[tokio::test]
async fn a_store_holds_so_much_in_all_and_what_is_smaller_still_fits() {
    let large = "v".repeat(65_000);
    let entries: Vec<_> = (0..129).map(|number| (format!("{number:04}"), large.clone())).collect();
    let borrowed: Vec<_> = entries.iter().map(|(key, value)| (&**key, &**value)).collect();
    let refused = expect(0, 1) + &expect(1, 1);
    // The entries of 65,004 bytes leave no room for one more.
    let script = Script::new(Guest::reader())
        .set("0129", &large)
        .then(&refused)
        .set("0001", "small")
        .then(expect(0, 0))
        .set("0129", &large)
        .then(expect(0, 0))
        .set("0130", &large)
        .then(&refused)
        .set("0002", &large)
        .then(expect(0, 0));
    script.run(&stored(&borrowed)).await.unwrap();

    let keys: Vec<_> = (0..10_000).map(|number| format!("{number}")).collect();
    let borrowed: Vec<_> = keys.iter().map(|key| (&**key, "")).collect();
    let script = Script::new(Guest::reader()).set("new", "").then(&refused);
    script.set("1", "").then(expect(0, 0)).run(&stored(&borrowed)).await.unwrap();
}

#[tokio::test]
async fn a_store_that_was_not_approved_is_denied() {
    let scope = scope().grant(|granted| granted.kv = false);
    let script = Script::new(Guest::reader())
        .set("key", "value")
        .then(expect(0, 1) + &expect(1, 2))
        .get("key")
        .then(expect(0, 1) + &expect(4, 2))
        .list("")
        .then(expect(0, 1) + &expect(4, 2));
    script.run(&scope).await.unwrap();
    assert_eq!(scope.audit.codes(), ["kv_denied"; 3]);
}

#[tokio::test]
async fn the_log_is_printable_and_bounded() {
    let report =
        Script::new(Guest::reader()).log("one\ntwo\u{202e}\u{7}").run(&scope()).await.unwrap();
    assert_eq!(report.log[0].message, "one\\u{a}two\\u{202e}\\u{7}");
    assert_eq!(report.log[0].level, LogLevel::Info);

    let mut script = Script::new(Guest::reader());
    let line = script.guest.text(&"x".repeat(8_000));
    let chatty = format!(
        "(local $n i32) (loop (call $log (i32.const 2) {line} (i32.const 0) (i32.const 0))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $n) (i32.const 200))))"
    );
    let report = script.then(chatty).run(&scope()).await.unwrap();
    let bytes: usize = report.log.iter().map(|line| line.message.len()).sum();
    assert!(bytes <= 1024 * 1024 + 100, "{bytes}");
    assert_eq!(report.log.last().unwrap().message, "69 more log lines were suppressed");
}

#[tokio::test]
async fn a_request_arrives_and_a_refused_one_is_audited() {
    let target = Target::start(|_, _| Reply::ok("hello")).await;
    let scope = scope().reaching(target.address);
    let report = Script::new(Guest::reader())
        .send("GET", &target.url("/a"), true)
        // ok, status 200, body of 5 bytes.
        .then(expect(0, 0) + &expect(8, 200) + &expect_word(24, 5))
        .send("GET", "https://evil.test/", true)
        // err, denied.
        .then(expect(0, 1) + &expect(8, 0))
        // A plugin that knows the credential, from wherever, cannot log it.
        .log(&format!("got {TOKEN}"))
        .run(&scope)
        .await
        .unwrap();
    assert_eq!(scope.audit.codes(), ["host_not_allowed"]);
    assert_eq!((report.usage.requests, report.usage.traffic_bytes), (2, 5));
    assert_eq!(report.log[0].message, "got [secret]");
    assert_eq!(target.received()[0].header("authorization"), Some(&*format!("Bearer {TOKEN}")));
}

/// `describe` and `validate-config` have nothing, whatever the plugin may have elsewhere.
#[tokio::test]
async fn without_a_scope_every_capability_is_denied() {
    let mut script = Script::new(Guest::reader())
        .send("GET", "https://example.com/", false)
        .then(expect(0, 1) + &expect(8, 0))
        .set("key", "value")
        .then(expect(0, 1) + &expect(1, 2));
    let list = script.guest.bytes(&words([0, 0]));
    let body = format!("{} (i32.const {list})", script.body);
    let component = script.guest.function("validate-config", &body).build();
    let digest = Digest::of(&component);
    let host = Host::with(Some(component), |_| {});
    let called = host.runner.validate_config(&digest, "{}").await.unwrap();
    assert_eq!(called.value, Vec::<FieldIssue>::new());
    assert!(called.report.kv_writes.is_empty());
}

fn grant_operation() -> (Operation, OperationContext) {
    let about = grantry_model::catalogue::ObjectRef { kind: "User".into(), id: "1".into() };
    let context = OperationContext {
        operation_id: "operation-1".to_owned(),
        idempotency_key: "key-1".to_owned(),
        attempt: 1,
        deadline_ms: 0,
        actor: "tests".to_owned(),
        snapshot: Vec::new(),
    };
    (Operation::Enable(about), context)
}

#[tokio::test]
async fn calls_that_only_read_cannot_write() {
    let target = Target::start(|_, _| Reply::ok("")).await;
    let mut script = Script::new(Guest::provisioner())
        .send("POST", &target.url("/"), false)
        .then(expect(0, 1) + &expect(8, 0))
        .send("GET", &target.url("/"), false)
        .then(expect(0, 0));
    // `ok(absent)`, `ok` of an empty plan, `ok` of an empty report: the same bytes will do.
    let answer = script.guest.bytes(&[words([0, 0, 0, 0, 0, 0]), vec![0; 64]].concat());
    let body = format!("{} (i32.const {answer})", script.body);
    let mut guest = script.guest;
    for name in ["plan", "verify", "test-connection"] {
        guest = guest.function(name, &body);
    }
    let component = guest.build();
    let scope = TestScope::new(Digest::of(&component)).reaching(target.address);
    let host = Host::with(Some(component), |_| {});
    let (operation, context) = grant_operation();
    let own = &scope.scope;

    host.runner.plan(own, &operation, &context).await.unwrap();
    host.runner.verify(own, &operation, &context).await.unwrap();
    host.runner.test_connection(own, &admitted(TestDepth::Read)).await.unwrap();

    assert_eq!(scope.audit.codes(), ["method_not_allowed"; 3]);
    assert!(target.received().iter().all(|request| request.line().starts_with("GET")));
}

#[tokio::test]
async fn platform_actions_that_were_not_approved_are_denied() {
    let mut guest = Guest::step()
        .import("platform", "list-apps", "(param i32 i32 i32 i32)")
        .import("platform", "delete-membership", "(param i32 i32 i32 i32 i32 i32 i32)");
    let text = guest.text("app-1");
    let answer = guest.bytes(&[0; 64]);
    let body = format!(
        "(call $list-apps (i32.const 0) (i32.const 0) (i32.const 0) (i32.const {ANSWER}))
         {} (call $delete-membership {text} {text} {text} (i32.const {ANSWER})) {} (i32.const {answer})",
        expect(0, 0),
        // err, denied, app-membership-write.
        expect(0, 1) + &expect(8, 0) + &expect(12, 3),
    );
    let component = guest.function("test-connection", &body).build();
    let scope = TestScope::new(Digest::of(&component));
    let host = Host::with(Some(component), |_| {});
    host.runner.test_connection(&scope.scope, &admitted(TestDepth::Read)).await.unwrap();
    assert_eq!(scope.audit.codes(), ["platform_denied"]);
}

/// A guest that waits for a silent target is not charged, but it ends in time and gives its turn back.
#[tokio::test]
async fn a_guest_that_waits_ends_with_its_call() {
    let target = Target::start(|_, _| Reply::Silence).await;
    let scope = scope().reaching(target.address);
    let script = Script::new(Guest::reader())
        .send("GET", &target.url("/"), false)
        // err, timed-out.
        .then(expect(0, 1) + &expect(8, 2));
    let component = script.component();
    let mut own = scope.scope.clone();
    own.plugin = Digest::of(&component);
    let host = Host::with(Some(component), |settings| {
        settings.limits.wall_ms = 800;
        settings.limits.cpu_ms = 50;
        settings.calls_per_plugin_max = 1;
    });
    for _ in 0..2 {
        assert!(host.runner.read_page(&own, page_request()).await.is_ok());
    }
}
