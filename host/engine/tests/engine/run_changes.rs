//! What a run added, changed and removed, by name (CAT-11).

use grantry_engine::{ChangedRow, PageQuery, RowChange, RunChangeQuery};
use grantry_model::ids::RunId;
use grantry_model::removal::What;

use crate::host::{Host, hosts};

/// The changes of a run in words, page by page.
async fn changes(host: &Host, run: &RunId, filter: RunChangeQuery) -> Vec<String> {
    let mut words = Vec::new();
    let mut query = PageQuery { limit: 3, ..PageQuery::default() };
    loop {
        let page = host.ctx.list_run_changes(run, &filter, &query).await.unwrap();
        words.extend(page.items.iter().map(|row| {
            let (change, what, display, holder) = match row {
                ChangedRow::Written(row) => {
                    (row.written.name(), row.what, &row.display, row.holder.clone())
                }
                ChangedRow::Removed(row) => {
                    ("removed", row.of.what, &row.display, row.holder.clone())
                }
            };
            let held = holder.map(|(_, name)| format!(" of {name}")).unwrap_or_default();
            format!("{change} {} {display}{held}", what.name())
        }));
        query.cursor = page.next;
        if query.cursor.is_none() {
            return words;
        }
    }
}

#[tokio::test]
async fn a_run_tells_by_name_what_it_added_changed_and_removed() {
    for host in hosts(60, 2).await {
        let first = host.aggregate_at_once().await;
        let all = changes(&host, &first.id, RunChangeQuery::default()).await;
        assert_eq!(all.len() as u64, first.added);
        {
            let mut directory = host.directory.lock().unwrap();
            directory.users.insert("u000".into(), "Ada".into());
            directory.users.insert("u900".into(), "Grace".into());
            directory.users.remove("u004");
            directory.members.retain(|(_, user)| user != "u003" && user != "u004");
            directory.members.insert(("g00".into(), "u900".into()));
        }
        let second = host.aggregate_at_once().await;
        let none = RunChangeQuery::default();
        let told = changes(&host, &second.id, none).await;
        assert_eq!(
            told,
            [
                "changed account Ada",
                "added account Grace",
                "added assignment Group 0 member of Grace",
                "removed assignment Group 0 member of User 3",
                "removed account User 4",
            ]
        );
        let removed = RunChangeQuery { change: Some(RowChange::Removed), ..none };
        assert_eq!(changes(&host, &second.id, removed).await, told[3..]);
        let accounts = RunChangeQuery { what: Some(What::Account), ..none };
        assert_eq!(
            changes(&host, &second.id, accounts).await,
            [told[0].clone(), told[1].clone(), told[4].clone()]
        );
        let added = RunChangeQuery { change: Some(RowChange::Added), what: Some(What::Assignment) };
        assert_eq!(changes(&host, &second.id, added).await, told[2..3]);
        let third = host.aggregate_at_once().await;
        assert_eq!(changes(&host, &third.id, none).await, [""; 0]);
    }
}

#[tokio::test]
async fn an_account_that_comes_back_is_added_again_and_a_blocked_run_removed_nothing() {
    for host in hosts(60, 2).await {
        host.aggregate_at_once().await;
        let display = host.directory.lock().unwrap().users.remove("u059").unwrap();
        host.aggregate_at_once().await;
        host.directory.lock().unwrap().users.insert("u059".into(), display);
        let back = host.aggregate_at_once().await;
        let accounts = RunChangeQuery { what: Some(What::Account), ..RunChangeQuery::default() };
        assert_eq!(changes(&host, &back.id, accounts).await, ["added account User 59"]);
        host.directory.lock().unwrap().lists_only = Some(5);
        let blocked = host.aggregate_at_once().await;
        assert_eq!(changes(&host, &blocked.id, RunChangeQuery::default()).await, [""; 0]);
    }
}
