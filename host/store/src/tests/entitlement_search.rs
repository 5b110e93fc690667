//! Searches over entitlements find what a plain reading of all rows finds, whichever way they go, and
//! while rows change.

use grantry_authz::Visible;
use grantry_model::csv::ListKind;
use grantry_model::entitlement_search::{Order, State};
use grantry_model::fingerprint::Key;
use grantry_model::ids::{AppId, EntitlementId};

use super::*;

const APPS: [&str; 4] = ["crm", "git", "mail", "wiki"];
const WORDS: [&str; 8] =
    ["admin", "billing", "reader", "Größe", "ÅNGSTRÖM", "50%_off", "a\"b'c", "日本語版"];

/// An entitlement as the test knows it.
#[derive(Debug, Clone)]
struct Known {
    key: Key,
    app: usize,
    kind: &'static str,
    display: String,
    said: Option<String>,
    is_privileged: bool,
    removed: Option<UnixMs>,
    changed: i64,
}

impl Known {
    fn number(number: usize) -> Self {
        let mut bytes = [0; 16];
        // Ids in another order than names.
        bytes[..8]
            .copy_from_slice(&((number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_be_bytes());
        let words = [WORDS[number % 8], WORDS[number / 8 % 7]];
        Self {
            key: Key(bytes),
            app: number % 23 % 4,
            kind: ["group", "permission", "role"][number % 19 % 3],
            display: format!("{} {} {}", words[0], words[1], number % 50),
            said: None,
            is_privileged: number.is_multiple_of(40),
            removed: None,
            changed: 1_000_000,
        }
    }

    fn id(&self) -> String {
        self.key.text()
    }

    fn name(&self) -> &str {
        self.said.as_deref().unwrap_or(&self.display)
    }

    fn row(&self) -> EntitlementRow {
        EntitlementRow {
            key: self.key,
            resource: Key([self.app as u8; 16]),
            kind: self.kind.to_owned(),
            native_id: self.id(),
            slug: String::new(),
            display: self.display.clone(),
            search: self.display.to_lowercase(),
            is_privileged: self.is_privileged,
            is_immutable: false,
            recommends: None,
            known_as: None,
            details: "{}".to_owned(),
            row_hash: self.display.len() as i64 * 1_000 + i64::from(self.display.as_bytes()[0]),
        }
    }

    /// What it stands by in an order; what was changed last comes first.
    fn standing(&self, order: Order) -> (i64, Vec<String>) {
        let name = self.name().to_lowercase();
        let texts = match order {
            Order::Name => vec![name],
            Order::Kind => vec![self.kind.to_owned(), name],
            Order::App => vec![APPS[self.app].to_owned(), name],
            Order::Changed => return (-self.changed, Vec::new()),
        };
        (0, texts)
    }
}

fn app(index: usize) -> AppId {
    AppId::parse(APPS[index]).unwrap()
}

fn source(index: usize) -> IntegrationId {
    IntegrationId::parse(APPS[index]).unwrap()
}

async fn write(db: &Db, known: &[Known]) {
    let mut tx = db.begin_housekeeping().await.unwrap();
    for index in 0..APPS.len() {
        let rows: Vec<_> =
            known.iter().filter(|known| known.app == index).map(Known::row).collect();
        tx.upsert_entitlements(&source(index), &app(index), db.now(), &rows).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Entitlements in four apps.
async fn filled(db: &Db, count: usize) -> Vec<Known> {
    let permit = admin().permit_admin::<actions::AppWrite>().unwrap();
    let mut tx = db.begin(permit.provenance()).await.unwrap();
    for name in APPS {
        let id = AppId::parse(name).unwrap();
        let new = NewApp {
            id,
            name: name.to_uppercase(),
            description: String::new(),
            list: ListKind::Members,
        };
        tx.create_app(&permit, &new).await.unwrap();
    }
    tx.commit(AuditEntry::about("test", "app", "x", serde_json::json!({}))).await.unwrap();
    let known: Vec<Known> = (0..count).map(Known::number).collect();
    write(db, &known).await;
    known
}

fn everything(search: &str, order: Order) -> EntitlementSearch {
    EntitlementSearch {
        search: search.to_owned(),
        apps: Visible::All,
        kind: String::new(),
        resource: String::new(),
        privileged: None,
        requestable: None,
        holders: None,
        state: State::Live,
        order,
        after: None,
        limit: 13,
    }
}

/// All that a search finds, page by page.
async fn pages(db: &Db, mut search: EntitlementSearch) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let page = db.search_entitlements(&search).await.unwrap();
        all.extend(page.iter().map(|found| found.entitlement.id.to_string()));
        match page.last().filter(|_| page.len() == search.limit as usize) {
            Some(last) => search.after = Some(last.position.clone()),
            None => return all,
        }
    }
}

fn holds(text: &str, search: &str) -> bool {
    let mut rest = text;
    search.split('*').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// What a plain reading finds.
fn expected(known: &[Known], search: &EntitlementSearch) -> Vec<String> {
    let words = match search.search.trim().to_lowercase().as_str() {
        short @ ("a" | "1") => format!(" {short} "),
        short @ ("ad" | "zz" | "12") => format!(" {short}"),
        other => other.to_owned(),
    };
    let mut found: Vec<&Known> = known
        .iter()
        .filter(|known| {
            let said = known.said.as_deref().unwrap_or_default();
            let text = format!(" {} {said} ", known.display).to_lowercase();
            let is_found = holds(&text, &words);
            let is_visible = match &search.apps {
                Visible::All => true,
                Visible::Only(apps) => apps.contains(&app(known.app)),
            };
            let is_in_state = match search.state {
                State::Any => true,
                State::Live => known.removed.is_none(),
                State::Removed => known.removed.is_some(),
            };
            is_found
                && is_visible
                && is_in_state
                && (search.kind.is_empty() || search.kind == known.kind)
                && search.privileged.is_none_or(|wanted| wanted == known.is_privileged)
        })
        .collect();
    found.sort_by_key(|known| (known.standing(search.order), known.id()));
    if search.order == Order::Changed {
        // Equal moments by id, descending too.
        found.sort_by_key(|known| std::cmp::Reverse((known.changed, known.id())));
    }
    found.iter().map(|known| known.id()).collect()
}

async fn assert_found(db: &Db, known: &[Known], search: EntitlementSearch) {
    let asked = format!("{search:?}");
    let expected = expected(known, &search);
    assert_eq!(pages(db, search).await, expected, "{asked}");
}

#[tokio::test]
async fn every_way_of_searching_finds_what_reading_everything_finds() {
    for TestDb { db, .. } in databases().await {
        let known = filled(&db, 200).await;
        for order in Order::ALL {
            for search in [
                "",
                "ADMIN",
                "bil*READER",
                "größe",
                "ångström 1",
                "%_",
                "\"b'",
                "本語",
                "in 4",
                "zz",
                "zzz",
                "*",
                "ad",
                "12",
                "*2",
                "1",
                "a",
            ] {
                assert_found(&db, &known, everything(search, order)).await;
            }
            let plain = everything("", order);
            let privileged = EntitlementSearch { privileged: Some(true), ..plain.clone() };
            let kind = EntitlementSearch { kind: "role".to_owned(), ..everything("admin", order) };
            let one = EntitlementSearch { apps: Visible::Only(vec![app(2)]), ..plain.clone() };
            let apps = Visible::Only(vec![app(0), app(3)]);
            let two = EntitlementSearch { apps, ..everything("billing", order) };
            let none = EntitlementSearch { apps: Visible::Only(vec![]), ..plain };
            for search in [privileged, kind, one, two, none] {
                assert_found(&db, &known, search).await;
            }
        }
    }
}

/// Says something of an entitlement.
async fn say(db: &Db, known: &mut Known, display: Option<&str>, version: i64) {
    let permit = admin().permit_admin::<actions::IntegrationWrite>().unwrap();
    let mut tx = db.begin(permit.provenance()).await.unwrap();
    let said = Said {
        display: display.map(str::to_owned),
        description: None,
        is_privileged: None,
        version,
    };
    let id = EntitlementId::parse(&known.id()).unwrap();
    tx.say_of_entitlement(&permit, &source(known.app), &id, &said).await.unwrap();
    tx.commit(AuditEntry::about("test", "x", "x", serde_json::json!({}))).await.unwrap();
    (known.said, known.changed) = (display.map(str::to_owned), db.now().0);
}

#[tokio::test]
async fn what_is_found_follows_every_change_of_the_rows() {
    for TestDb { db, clock, .. } in databases().await {
        let mut known = filled(&db, 90).await;
        clock.0.fetch_add(1_000, Ordering::SeqCst);
        say(&db, &mut known[1], Some("Xylophone"), 1).await;
        say(&db, &mut known[2], Some("Zebra"), 1).await;
        say(&db, &mut known[2], None, 2).await;
        clock.0.fetch_add(1_000, Ordering::SeqCst);
        // The source renames some; an admin's name stays in force.
        for entitlement in &mut known[..6] {
            entitlement.display = "Quokka".to_owned();
            entitlement.changed = db.now().0;
        }
        write(&db, &known).await;
        clock.0.fetch_add(1_000, Ordering::SeqCst);
        let mut tx = db.begin_housekeeping().await.unwrap();
        let (removed, deleted) = (known[4].id(), known[5].id());
        let now = db.now().0.to_string();
        let sql = format!(
            "UPDATE entitlements SET removed_ms = {now}, changed_ms = {now} WHERE id = '{removed}'"
        );
        tx.execute_built(&sql, &[]).await.unwrap();
        tx.execute_built(&format!("DELETE FROM entitlements WHERE id = '{deleted}'"), &[])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        (known[4].removed, known[4].changed) = (Some(db.now()), db.now().0);
        known.remove(5);
        // The number of a deleted one is free again.
        known.push(Known { display: "Wombat".into(), changed: db.now().0, ..Known::number(500) });
        write(&db, &known[89..]).await;
        for order in Order::ALL {
            for search in ["", "xylo", "zebra", "quokka", "wombat", "admin"] {
                for state in [State::Live, State::Removed, State::Any] {
                    let search = EntitlementSearch { state, ..everything(search, order) };
                    assert_found(&db, &known, search).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn pages_skip_and_repeat_nothing_while_rows_change() {
    for TestDb { db, .. } in databases().await {
        let known = filled(&db, 200).await;
        let mut search = everything("admin", Order::Name);
        let before = expected(&known, &search);
        let mut seen = Vec::new();
        for round in 0.. {
            let page = db.search_entitlements(&search).await.unwrap();
            seen.extend(page.iter().map(|found| found.entitlement.id.to_string()));
            let Some(last) = page.last() else { break };
            search.after = Some(last.position.clone());
            // One before the page, which goes, and one that comes.
            let first = page[0].entitlement.id.to_string();
            let mut tx = db.begin_housekeeping().await.unwrap();
            let sql = format!("DELETE FROM entitlements WHERE id = '{first}'");
            tx.execute_built(&sql, &[]).await.unwrap();
            tx.commit().await.unwrap();
            let added = Known { display: "!! admin".into(), ..Known::number(1_000 + round) };
            write(&db, &[added]).await;
        }
        assert_eq!(seen, before);
    }
}

#[tokio::test]
async fn a_position_of_another_order_fits_not() {
    let position = |texts: &[&str]| Position(texts.iter().map(|&text| text.to_owned()).collect());
    assert!(position(&["a", "id"]).fits(Order::Name));
    assert!(!position(&["a", "id"]).fits(Order::Kind));
    assert!(!position(&["a", "id"]).fits(Order::Changed));
    assert!(position(&["5", "id"]).fits(Order::Changed));
}
