//! The audit log on its way to receivers, and its signed checkpoints.

use grantry_engine::{Answer, EngineError, Idempotent, PageQuery, Sink, SinkChange, SinkInput};
use grantry_model::clock::UnixMs;
use grantry_model::csv::ListKind;
use grantry_model::delivery::{SinkSettings, Undelivered};
use grantry_model::ids::SinkId;
use grantry_verify::{PublicKey, Trusted};

use crate::host::{Host, hosts};

async fn sink(host: &Host, from_beginning: bool) -> SinkId {
    let url = "https://siem.example.com/a".to_owned();
    let settings = SinkSettings::Webhook { url, address_exceptions: Vec::new() };
    let input = SinkInput { name: "Monitoring".to_owned(), settings, from_beginning };
    let answer = |sink: &Sink| Answer { status: 200, body: sink.id.to_string() };
    let request = Idempotent { key: "sink", request: b"sink", answer: &answer };
    let made = host.ctx.create_sink(&input, &request).await.unwrap();
    assert!(made.key.unwrap().expose().starts_with("whsec_"));
    SinkId::parse(&made.answer.body).unwrap()
}

fn trusted(host: &Host) -> Trusted {
    let key = host.ctx.engine.audit_key().unwrap();
    let keys = vec![PublicKey::parse(&key.public).unwrap()];
    Trusted { keys, ..Trusted::default() }
}

/// What the receiver got, as a file.
fn received(host: &Host) -> String {
    let batches = host.courier.streamed.lock().unwrap();
    let lines = batches.iter().flat_map(|batch| &batch.lines);
    lines.map(|line| format!("{}\n", line.json)).collect()
}

#[tokio::test]
async fn a_receiver_gets_every_row_in_order_with_its_checkpoints() {
    for host in hosts(5, 2).await {
        sink(&host, true).await;
        host.aggregate().await;
        host.advance(3_600_000);
        host.aggregate().await;
        let report =
            grantry_verify::lines::verify(received(&host).as_bytes(), &trusted(&host)).unwrap();
        assert_eq!(report.fault, None);
        let (head, hash) = host.db().audit_head().await.unwrap();
        assert_eq!((report.first, report.last, report.hash), (1, head, hash));
        assert!(report.checkpoints >= 2 && report.signed_up_to > 0, "{}", report.checkpoints);
        let stored = host.verified(&trusted(&host)).await;
        assert_eq!((stored.fault, stored.signed_up_to), (None, report.signed_up_to));
    }
}

#[tokio::test]
async fn a_failed_batch_comes_again_the_same_and_nothing_is_skipped() {
    for host in hosts(5, 2).await {
        let id = sink(&host, true).await;
        let failure = Undelivered::later("the receiver answered 503");
        *host.courier.failures.lock().unwrap() = vec![failure; 3];
        host.work().await;
        let status = host.ctx.sink(&id).await.unwrap();
        assert_eq!((status.position, status.attempts), (0, 1));
        assert_eq!(status.error.as_deref(), Some("the receiver answered 503"));
        host.aggregate().await;
        host.work_for(5).await;
        let batches = host.courier.streamed.lock().unwrap().clone();
        assert_eq!(batches[0].id, batches[1].id);
        assert_eq!(batches[0].lines, batches[3].lines);
        let report = grantry_verify::lines::verify(received(&host).as_bytes(), &trusted(&host));
        assert_eq!(report.unwrap().fault, None);
        assert_eq!(host.ctx.sink(&id).await.unwrap().error, None);
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_waits_for_an_admin_and_misses_nothing() {
    for host in hosts(5, 2).await {
        let id = sink(&host, true).await;
        host.courier.failures.lock().unwrap().push(Undelivered::Gone);
        host.work_for(3).await;
        let gone = host.ctx.sink(&id).await.unwrap();
        assert!(!gone.is_enabled && gone.disabled_reason.is_some());
        assert_eq!((gone.position, host.courier.streamed.lock().unwrap().len()), (0, 1));
        assert_eq!(host.audited("audit_sink.disabled").await, 1);
        let change = SinkChange { is_enabled: Some(true), ..SinkChange::default() };
        host.ctx.update_sink(&id, gone.version, &change).await.unwrap();
        host.work_for(2).await;
        let report = grantry_verify::lines::verify(received(&host).as_bytes(), &trusted(&host));
        assert_eq!(report.unwrap().first, 1);
        assert!(host.ctx.sink(&id).await.unwrap().position > 0);
    }
}

/// A log whose beginning is missing is not a whole one, unless it is said where it begins.
fn without_its_first_rows(text: &str) {
    let part: String = text.lines().skip(3).map(|line| format!("{line}\n")).collect();
    let check = |first_row| {
        let trusted = Trusted { first_row, ..Trusted::default() };
        grantry_verify::lines::verify(part.as_bytes(), &trusted).unwrap().fault
    };
    assert_eq!(check(None).map(|fault| fault.sequence), Some(1));
    assert_eq!(check(Some(3)).map(|fault| fault.sequence), Some(3));
    assert_eq!(check(Some(4)), None);
    let nothing = grantry_verify::lines::verify(&b""[..], &Trusted::default()).unwrap();
    assert_eq!(nothing.fault.map(|fault| fault.sequence), Some(1));
}

/// A checkpoint may come long after its row.
fn with_a_late_checkpoint(text: &str) {
    let hash_of = |row: usize| {
        let row: serde_json::Value =
            serde_json::from_str(text.lines().nth(row - 1).unwrap()).unwrap();
        row["hash"].as_str().unwrap().to_owned()
    };
    let check = |hash: &str| {
        let checkpoint = serde_json::json!({"checkpoint": {
            "sequence": 2, "hash": hash, "at_ms": 0, "key_id": "", "signature": "",
        }});
        let text = format!("{text}{checkpoint}\n");
        grantry_verify::lines::verify(text.as_bytes(), &Trusted::default()).unwrap()
    };
    let agrees = check(&hash_of(2));
    assert_eq!((agrees.fault, agrees.checkpoints), (None, 1));
    assert_eq!(check(&hash_of(3)).fault.map(|fault| fault.sequence), Some(2));
}

#[tokio::test]
async fn a_key_is_rotated_with_overlap() {
    for host in hosts(2, 1).await {
        let id = sink(&host, false).await;
        let answer = |_: &UnixMs| Answer { status: 200, body: "{}".to_owned() };
        let request = Idempotent { key: "rotate", request: b"rotate", answer: &answer };
        assert!(host.ctx.rotate_sink_key(&id, &request).await.unwrap().key.is_some());
        let keys = |host: &Host| {
            let db = host.db().clone();
            let id = id.to_string();
            async move { db.delivery_secrets(&id).await.unwrap().len() }
        };
        assert_eq!(keys(&host).await, 2);
        host.advance(24 * 3_600_000 + 1);
        assert_eq!(keys(&host).await, 1);
    }
}

#[tokio::test]
async fn a_log_that_contradicts_its_checkpoint_is_not_signed_again() {
    for host in hosts(2, 1).await {
        let first = host.ctx.engine.checkpoint().await.unwrap().unwrap();
        assert_eq!(host.ctx.engine.checkpoint().await.unwrap().unwrap(), first);
        let forged = grantry_store::Checkpoint {
            sequence: first.sequence + 1,
            hash: "0".repeat(64),
            ..first
        };
        host.db().add_checkpoint(&forged).await.unwrap();
        host.aggregate().await;
        let refused = host.ctx.engine.checkpoint().await;
        assert!(matches!(refused, Err(EngineError::AuditBroken)));
        assert!(host.verified(&trusted(&host)).await.fault.is_some());
    }
}

#[tokio::test]
async fn an_export_holds_the_whole_log_and_says_that_it_was_made() {
    for host in hosts(5, 2).await {
        host.aggregate().await;
        let mut export =
            host.ctx.export_audit(grantry_engine::AuditFilter::default(), "jsonl").await.unwrap();
        let mut text = String::new();
        loop {
            let rows = export.next_rows().await.unwrap();
            if rows.is_empty() {
                break;
            }
            rows.iter().for_each(|row| text.push_str(&format!("{}\n", row.json_line())));
        }
        let report = grantry_verify::lines::verify(text.as_bytes(), &Trusted::default()).unwrap();
        assert_eq!((report.fault, report.first), (None, 1));
        assert_eq!(report.last, host.db().audit_head().await.unwrap().0);
        assert!(text.trim_end().ends_with('}') && text.contains("audit.exported"));
        without_its_first_rows(&text);
        with_a_late_checkpoint(&text);
        let query = PageQuery { limit: 5, ..PageQuery::default() };
        let filter = grantry_engine::AuditFilter {
            search: Some("JSONL".to_owned()),
            is_allowed: Some(true),
            ..grantry_engine::AuditFilter::default()
        };
        let found = host.ctx.list_audit(filter, &query).await.unwrap();
        assert_eq!(found.items.len(), 1);
    }
}

#[tokio::test]
async fn a_search_does_not_look_at_the_case_of_any_letter() {
    for host in hosts(0, 0).await {
        let answer = |app: &grantry_engine::App| Answer { status: 201, body: app.id.to_string() };
        let key = host.key();
        let request = Idempotent { key: &key, request: b"app", answer: &answer };
        host.ctx
            .create_app(("\u{c4}PFEL \u{416}ivago", ""), ListKind::Members, &request)
            .await
            .unwrap();
        let query = PageQuery { limit: 5, ..PageQuery::default() };
        for words in ["\u{e4}pfel", "\u{c4}pfel \u{436}", "IVAGO"] {
            let search = Some(words.to_owned());
            let filter =
                grantry_engine::AuditFilter { search, ..grantry_engine::AuditFilter::default() };
            let found = host.ctx.list_audit(filter, &query).await.unwrap();
            assert_eq!(found.items.len(), 1, "{words}");
        }
    }
}
