//! What a run tells about itself: its pace, and the connector's log.

use grantry_engine::PageQuery;
use grantry_model::aggregation::RunStatus;
use grantry_model::fault::Fault;
use grantry_model::ids::RunId;
use grantry_model::runner::{LogLevel, LogLine};

use crate::host::{Host, hosts};

fn line(message: &str) -> LogLine {
    let fields = vec![("page".to_owned(), "1".to_owned())];
    LogLine { level: LogLevel::Warn, message: message.to_owned(), fields }
}

async fn log(host: &Host, run: &RunId) -> Vec<LogLine> {
    let query = PageQuery { limit: 5_000, ..PageQuery::default() };
    let page = host.ctx.list_run_log(run, &query).await.unwrap();
    page.items.into_iter().map(|row| row.line).collect()
}

#[tokio::test]
async fn the_connectors_log_is_kept_of_pages_that_are_read_and_of_those_that_fail() {
    for host in hosts(5, 1).await {
        host.directory.lock().unwrap().log = vec![line("a page")];
        let whole = host.aggregate_at_once().await;
        let pages = whole.progress.as_ref().unwrap().pages;
        assert_eq!(log(&host, &whole.id).await, vec![line("a page"); pages as usize]);
        let crash = Fault::Trap("unreachable".into());
        host.directory.lock().unwrap().page_faults.push_back(Some(crash));
        let failed = host.aggregate_at_once().await;
        assert_eq!((failed.status, log(&host, &failed.id).await.len()), (RunStatus::Failed, 1));
    }
}

#[tokio::test]
async fn a_log_is_cut_off_at_its_limit_and_read_in_pages() {
    for host in hosts(5, 1).await {
        host.directory.lock().unwrap().log = vec![line("again"); 1_500];
        let run = host.aggregate_at_once().await;
        assert_eq!(run.status, RunStatus::Succeeded);
        assert_eq!(log(&host, &run.id).await.len(), 2_000);
        let first = PageQuery { limit: 1_999, ..PageQuery::default() };
        let first = host.ctx.list_run_log(&run.id, &first).await.unwrap();
        let rest = PageQuery { limit: 200, cursor: first.next, ..PageQuery::default() };
        assert_eq!(host.ctx.list_run_log(&run.id, &rest).await.unwrap().items.len(), 1);
    }
}

#[tokio::test]
async fn a_run_expects_as_many_rows_as_the_last_whole_one_had() {
    for host in hosts(5, 1).await {
        let first = host.aggregate_at_once().await.progress.unwrap();
        assert_eq!(first.rows_expected, None);
        let crash = Fault::Trap("unreachable".into());
        host.directory.lock().unwrap().page_faults.push_back(Some(crash));
        host.aggregate_at_once().await;
        let third = host.aggregate_at_once().await;
        let progress = third.progress.unwrap();
        assert_eq!(progress.rows_expected, Some(first.rows));
        assert!(progress.last_page.unwrap() >= third.started.unwrap());
    }
}
