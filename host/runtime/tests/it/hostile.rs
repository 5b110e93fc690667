//! Guests that mean harm, each with the exact fault that ends it (security notes rows 32 to 41, 74),
//! and a neighbour that goes on working.

use std::time::{Duration, Instant};

use grantry_model::fault::Fault;
use grantry_model::plugin::Digest;
use grantry_model::runner::TaskRunner;
use grantry_runtime::Settings;

use crate::runner::page_request;
use crate::support::Host;
use crate::support::guest::Guest;
use crate::support::memory::words;
use crate::support::scope::{TestScope, admitted};

/// Short limits, so that tests are quick.
fn quick(settings: &mut Settings) {
    settings.limits.cpu_ms = 100;
    settings.limits.wall_ms = 5_000;
}

/// Loads the component from the store, without the checks at install, and reads a page.
async fn read(component: Vec<u8>) -> Fault {
    let digest = Digest::of(&component);
    let host = Host::with(Some(component), quick);
    let scope = TestScope::new(digest).scope;
    let failure = host.runner.read_page(&scope, page_request()).await.expect_err("fails");
    a_neighbour_works(&host).await;
    failure.fault
}

async fn a_neighbour_works(host: &Host) {
    let report = host.install(&Guest::reader().page_of(1, 1).build()).await;
    let scope = TestScope::new(report.digest).scope;
    let page = host.runner.read_page(&scope, page_request()).await.unwrap().value;
    assert_eq!(page.objects.len(), 1);
}

fn read_page(body: &str) -> Vec<u8> {
    Guest::reader().function("read-page", body).build()
}

#[tokio::test]
async fn an_endless_loop_times_out() {
    let began = Instant::now();
    assert_eq!(read(read_page("(loop (br 0)) unreachable")).await, Fault::Timeout(100));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_loop_in_the_start_function_times_out() {
    let guest = Guest::reader().with("(func $begin (loop (br 0))) (start $begin)");
    assert_eq!(read(guest.build()).await, Fault::Timeout(100));
}

#[tokio::test]
async fn a_loop_in_realloc_times_out() {
    let guest = Guest::reader().page_of(1, 1).realloc("(loop (br 0)) unreachable");
    assert_eq!(read(guest.build()).await, Fault::Timeout(100));
}

#[tokio::test]
async fn a_memory_bomb_gets_minus_one_and_traps() {
    let grow = "(loop (br_if 0 (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0)))) unreachable";
    let Fault::Trap(text) = read(read_page(grow)).await else { panic!() };
    assert!(text.contains("its memory limit was reached"), "{text}");
}

#[tokio::test]
async fn a_guest_that_takes_minus_one_goes_on() {
    let body = "(drop (memory.grow (i32.const 60000)))
        (if (result i32) (i32.eq (memory.grow (i32.const 60000)) (i32.const -1))
            (then (i32.const 1024)) (else unreachable))";
    let component = Guest::reader().function("read-page", body).with(EMPTY_PAGE_AT_1024).build();
    let digest = Digest::of(&component);
    let host = Host::with(Some(component), quick);
    let scope = TestScope::new(digest).scope;
    assert!(host.runner.read_page(&scope, page_request()).await.unwrap().value.is_complete);
}

/// `result<page, error>`: no rows, complete.
const EMPTY_PAGE_AT_1024: &str = r#"(data (i32.const 1088) "\01")"#;

#[tokio::test]
async fn a_table_bomb_gets_minus_one_and_traps() {
    let grow = "(loop (br_if 0 (i32.ge_s
        (table.grow $t (ref.null func) (i32.const 1000)) (i32.const 0)))) unreachable";
    let guest = Guest::reader().function("read-page", grow).with("(table $t 1 funcref)");
    let Fault::Trap(text) = read(guest.build()).await else { panic!() };
    assert!(text.contains("its table limit was reached"), "{text}");
}

#[tokio::test]
async fn a_memory_that_begins_too_large_is_not_loaded() {
    let component = Guest::reader().memory_pages(2_000).build();
    let Fault::Missing(text) = read(component).await else { panic!() };
    assert!(text.contains("memory"), "{text}");
}

#[tokio::test]
async fn deep_recursion_traps() {
    let guest = Guest::reader()
        .with("(func $deep (param i64) (result i64) (call $deep (local.get 0)) (i64.const 1) i64.add)")
        .function("read-page", "(drop (call $deep (i64.const 1))) unreachable");
    let Fault::Trap(text) = read(guest.build()).await else { panic!() };
    assert!(text.contains("call stack exhausted"), "{text}");
}

#[tokio::test]
async fn unreachable_traps() {
    assert!(matches!(read(read_page("unreachable")).await, Fault::Trap(_)));
}

#[tokio::test]
async fn bad_pointers_are_bad_results() {
    for pointer in ["0xfffffff0", "0x00a00000", "3"] {
        let fault = read(read_page(&format!("(i32.const {pointer})"))).await;
        assert!(matches!(fault, Fault::BadResult(_)), "{pointer}: {fault:?}");
    }
}

#[tokio::test]
async fn a_list_beyond_the_memory_is_a_bad_result() {
    let mut guest = Guest::reader();
    let mut page = vec![0; 104];
    page[8..16].copy_from_slice(&words([1024, 0x00ff_ffff]));
    let address = guest.bytes(&page);
    let fault = read(guest.function("read-page", &format!("(i32.const {address})")).build()).await;
    assert!(matches!(fault, Fault::BadResult(_)), "{fault:?}");
}

#[tokio::test]
async fn bad_utf_8_is_a_bad_result() {
    let mut guest = Guest::reader();
    let text = guest.bytes(b"\xff\xfe");
    // `err(unauthenticated(text))`.
    let address = guest.bytes(&[words([1, 0, 1, 0]), words([text, 2]), vec![0; 40]].concat());
    let fault = read(guest.function("read-page", &format!("(i32.const {address})")).build()).await;
    let Fault::BadResult(why) = fault else { panic!("{fault:?}") };
    assert!(why.contains("utf-8"), "{why}");
}

#[tokio::test]
async fn a_bad_discriminant_is_a_bad_result() {
    for result in [words([7, 0]), words([1, 0])] {
        let mut guest = Guest::reader();
        let rest = [words([200, 0]), vec![0; 96]].concat();
        let address = guest.bytes(&[result, rest].concat());
        let body = format!("(i32.const {address})");
        let fault = read(guest.function("read-page", &body).build()).await;
        assert!(matches!(fault, Fault::BadResult(_)), "{fault:?}");
    }
}

/// Ten thousand issues whose messages are the same 64 KiB: 640 MiB if anybody believed it.
#[tokio::test]
async fn an_aliasing_list_is_too_large() {
    let mut guest = Guest::reader();
    let text = guest.bytes(&vec![b'x'; 65_536]);
    let issue = words([text, 1, text, 1, text, 65_536]);
    let issues = guest.bytes(&issue.repeat(10_000));
    let list = guest.bytes(&words([issues, 10_000]));
    let guest = guest.function("validate-config", &format!("(i32.const {list})"));
    let component = guest.build();
    let digest = Digest::of(&component);
    let host = Host::with(Some(component), quick);
    let before = resident_bytes();

    let failure = host.runner.validate_config(&digest, "{}").await.unwrap_err();

    assert_eq!(failure.fault, Fault::ResultTooLarge);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 24 * 1024 * 1024, "{grown} bytes");
    a_neighbour_works(&host).await;
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

#[tokio::test]
async fn the_10_001st_host_call_is_one_too_many() {
    let guest = Guest::reader()
        .import("run", "now-ms", "(result i64)")
        .function("read-page", "(loop (drop (call $now-ms)) (br 0)) unreachable");
    assert_eq!(read(guest.build()).await, Fault::QuotaExceeded("host calls".to_owned()));
}

#[tokio::test]
async fn a_host_call_during_realloc_traps() {
    let guest = Guest::reader()
        .import("run", "now-ms", "(result i64)")
        .page_of(1, 1)
        .realloc("(drop (call $now-ms)) (i32.const 65536)");
    let Fault::Trap(text) = read(guest.build()).await else { panic!() };
    assert!(text.contains("cannot leave component instance"), "{text}");
}

/// Resources of the guest's own need no host function, so the store's limit has to hold.
#[tokio::test]
async fn the_1_001st_handle_traps() {
    let component = Guest::reader().build_with(
        r#"(type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $hoard
            (import "" "new" (func $new (param i32) (result i32)))
            (func $begin (loop (drop (call $new (i32.const 1))) (br 0)))
            (start $begin))
        (core instance (instantiate $hoard (with "" (instance (export "new" (func $new))))))"#,
    );
    let Fault::Trap(text) = read(component).await else { panic!() };
    assert!(text.contains("handle limit exceeded"), "{text}");
}

/// 990 instances of 4 GiB of address space each came in 3 KiB.
#[tokio::test]
async fn an_instance_bomb_is_not_loaded() {
    let instances = "(core instance (instantiate $one))".repeat(990);
    let bomb = format!("(core module $one (memory 1)) {instances}");
    let Fault::Missing(text) = read(Guest::reader().build_with(&bomb)).await else { panic!() };
    assert!(text.contains("core instances"), "{text}");
}

#[tokio::test]
async fn a_panic_in_a_host_function_ends_one_call() {
    let mut guest =
        Guest::step().import("platform", "list-roles", "(param i32 i32 i32 i32 i32 i32)");
    let app = guest.text("panic");
    let call = format!(
        "(call $list-roles {app} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024)) unreachable"
    );
    let component = guest.function("test-connection", &call).build();
    let digest = Digest::of(&component);
    let host = Host::with(Some(component), quick);
    let scope = TestScope::new(digest).scope;

    let depth = grantry_model::plugin::TestDepth::Connect;
    let failure = host.runner.test_connection(&scope, &admitted(depth)).await.unwrap_err();

    assert_eq!(failure.fault.code(), "internal_plugin_host_error");
    a_neighbour_works(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loops_do_not_keep_a_neighbour_waiting_for_long() {
    let component = read_page("(loop (br 0)) unreachable");
    let digest = Digest::of(&component);
    let host = std::sync::Arc::new(Host::with(Some(component), |settings| {
        settings.limits.cpu_ms = 300;
    }));
    let loops: Vec<_> = (0..6)
        .map(|_| {
            let (host, scope) = (host.clone(), TestScope::new(digest.clone()).scope);
            tokio::spawn(async move { host.runner.read_page(&scope, page_request()).await })
        })
        .collect();
    a_neighbour_works(&host).await;
    assert!(loops.iter().any(|task| !task.is_finished()), "the neighbour waited for all loops");
    for task in loops {
        let fault = task.await.unwrap().unwrap_err().fault;
        assert_eq!(fault, Fault::Timeout(300));
    }
}

/// Waiting is not charged as processor time, but it ends with the call's own deadline.
#[tokio::test]
async fn a_dropped_call_ends_and_gives_its_turn_back() {
    let component = read_page("(loop (br 0)) unreachable");
    let digest = Digest::of(&component);
    let host = Host::with(Some(component), |settings| {
        settings.limits.cpu_ms = 60_000;
        settings.limits.wall_ms = 60_000;
        settings.calls_per_plugin_max = 1;
    });
    let scope = TestScope::new(digest).scope;
    let call = host.runner.read_page(&scope, page_request());
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());

    a_neighbour_works(&host).await;
    let call = host.runner.read_page(&scope, page_request());
    // It runs again, so it got the only permit.
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
}

#[tokio::test]
async fn the_wall_clock_ends_what_the_processor_clock_does_not() {
    let component = read_page("(loop (br 0)) unreachable");
    let digest = Digest::of(&component);
    let host = Host::with(Some(component), |settings| {
        settings.limits.cpu_ms = 60_000;
        settings.limits.wall_ms = 200;
    });
    let scope = TestScope::new(digest).scope;
    let failure = host.runner.read_page(&scope, page_request()).await.unwrap_err();
    assert_eq!(failure.fault, Fault::Timeout(200));
    a_neighbour_works(&host).await;
}

/// Clients that go away must not cost a turn, an instance or a memory.
#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_dropped_calls_leave_nothing_behind() {
    let component = read_page("(loop (br 0)) unreachable");
    let digest = Digest::of(&component);
    let host = Host::with(Some(component), |settings| {
        settings.calls_max = 8;
        settings.calls_per_plugin_max = 8;
    });
    let scope = TestScope::new(digest).scope;
    for round in 0..300_u64 {
        let call = host.runner.read_page(&scope, page_request());
        let _ = tokio::time::timeout(Duration::from_millis(round % 7), call).await;
    }
    let report = host.install(&Guest::reader().page_of(1, 1).build()).await;
    let scope = TestScope::new(report.digest).scope;
    let calls = (0..100).map(|_| host.runner.read_page(&scope, page_request()));
    for called in futures_util::future::join_all(calls).await {
        assert_eq!(called.unwrap().value.objects.len(), 1);
    }
}
