//! Searches among a million entitlements: frequent and rare words, words that nothing holds, `*`, two
//! letters, filters, every order, first and later pages; on SQLite, and on PostgreSQL where
//! `GRANTRY_TEST_POSTGRES_URL` names a server. `GRANTRY_SEARCH_ROWS` makes it smaller.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use grantry_authz::{Actor, Door, Permissions, Role, Visible, actions};
use grantry_model::csv::ListKind;
use grantry_model::entitlement_search::{Order, State};
use grantry_model::fingerprint::Key;
use grantry_model::ids::{AppId, IntegrationId, PrincipalId};
use grantry_model::permission::{Principal, PrincipalKind};
use grantry_store::{AuditEntry, Db, EntitlementRow, EntitlementSearch, NewApp};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::figure::Figure;
use crate::host::{SystemClock, SystemRandom};

const ROWS: u64 = 1_000_000;
const APPS: u64 = 50;
/// Rows of one transaction.
const PAGE_ROWS: u64 = 1_000;
/// Turns of all searches.
const TURNS: u64 = 10;
/// Made for the measurement, and dropped after it.
const DATABASE: &str = "grantry_bench_search";

const VERBS: [&str; 10] =
    ["Read", "Write", "Admin", "Approve", "Export", "Audit", "Deploy", "Own", "Review", "Billing"];
const NOUNS: [&str; 16] = [
    "Invoices",
    "Customers",
    "Repository",
    "Mailbox",
    "Calendar",
    "Reports",
    "Payroll",
    "Tickets",
    "Servers",
    "Backups",
    "Contracts",
    "Campaigns",
    "Licences",
    "Wiki",
    "Größen",
    "Projects",
];

/// The figures of both databases.
pub async fn figures() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}", folder.path().join("search.db").display());
    let mut figures = vec![measured("search_1m_p99_ms_sqlite", &url).await?];
    if let Ok(server) = std::env::var("GRANTRY_TEST_POSTGRES_URL") {
        let mut admin = PgConnection::connect(&server).await?;
        let (base, _) = server.rsplit_once('/').context("a URL with a database")?;
        for sql in
            [format!("DROP DATABASE IF EXISTS {DATABASE}"), format!("CREATE DATABASE {DATABASE}")]
        {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await?;
        }
        let url = format!("{base}/{DATABASE}");
        figures.push(measured("search_1m_p99_ms_postgres", &url).await?);
        let drop = format!("DROP DATABASE {DATABASE} WITH (FORCE)");
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut admin).await?;
    }
    Ok(figures)
}

async fn measured(name: &'static str, url: &str) -> Result<Figure> {
    let db = Db::connect(url, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    db.migrate().await?;
    let rows = std::env::var("GRANTRY_SEARCH_ROWS").ok().and_then(|text| text.parse().ok());
    let (rows, began) = (rows.unwrap_or(ROWS), Instant::now());
    fill(&db, rows).await?;
    eprintln!("{name}: {rows} rows in {:.1} s", began.elapsed().as_secs_f64());
    if url.starts_with("postgres") {
        // As the server does by itself after a while.
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql("VACUUM ANALYZE entitlements").execute(&mut connection).await?;
    }
    let mut times = Vec::new();
    for turn in 0..TURNS {
        for order in Order::ALL {
            for (words, search) in searches(turn, rows, order) {
                let mut search = search;
                // The first page and the one behind it.
                for page in 0..2 {
                    let began = Instant::now();
                    let found = db.search_entitlements(&search).await?;
                    let ms = began.elapsed().as_secs_f64() * 1_000.0;
                    times.push(ms);
                    if turn == 1 {
                        let found = found.len();
                        eprintln!(
                            "{:>8} {words:<24} page {page}: {found:>3} in {ms:.1} ms",
                            order.name()
                        );
                    }
                    let Some(last) = found.last() else { break };
                    search.after = Some(last.position.clone());
                }
            }
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    eprintln!("{name}: {} searches, p50 {:.1} ms, most {:.1} ms", times.len(), at(50), at(100));
    Ok(Figure {
        name,
        value: at(99),
        unit: "ms",
        baseline: Some(("what people take for at once", 50.0)),
    })
}

/// What is looked for in one turn, with its name.
fn searches(turn: u64, rows: u64, order: Order) -> Vec<(String, EntitlementSearch)> {
    let one = (turn * 7_919 + 13) % rows;
    let noun = NOUNS[usize::try_from(turn % 16).unwrap_or(0)];
    let plain = EntitlementSearch {
        search: String::new(),
        apps: Visible::All,
        kind: String::new(),
        resource: String::new(),
        privileged: None,
        requestable: None,
        holders: None,
        state: State::Live,
        order,
        after: None,
        limit: 51,
    };
    let words = [
        String::new(),
        noun.to_owned(),
        format!("{one:07}"),
        format!("team {}", one % 2_000),
        format!("adm*{}", noun.to_lowercase()),
        format!("team {}*{:03}", one % 2_000, one % 1_000),
        "ow".to_owned(),
        "nothing like it".to_owned(),
        "größ".to_owned(),
    ];
    let mut all: Vec<_> = words
        .into_iter()
        .map(|words| (words.clone(), EntitlementSearch { search: words, ..plain.clone() }))
        .collect();
    let apps = Visible::Only(vec![app(turn % APPS)]);
    let search = noun.to_owned();
    all.push(("one app".into(), EntitlementSearch { apps, search, ..plain.clone() }));
    all.push(("privileged".into(), EntitlementSearch { privileged: Some(true), ..plain.clone() }));
    all.push(("a kind".into(), EntitlementSearch { kind: "Licence".into(), ..plain }));
    all
}

fn app(number: u64) -> AppId {
    AppId::parse(&format!("app{number}")).expect("an id")
}

async fn fill(db: &Db, rows: u64) -> Result<()> {
    let actor = Actor {
        principal: Principal {
            id: PrincipalId::parse("bench")?,
            kind: PrincipalKind::Person,
            name: "bench".into(),
        },
        permissions: Permissions { role: Some(Role::Admin), ..Permissions::default() },
        door: Door::Http,
        request_id: "bench".into(),
    };
    let permit = actor.permit_admin::<actions::AppWrite>().ok().context("an admin")?;
    let entry = || AuditEntry::about("bench", "app", "app", serde_json::json!({}));
    let mut tx = db.begin(permit.provenance()).await?;
    for number in 0..APPS {
        let new = NewApp {
            id: app(number),
            name: format!("Application {number:02}"),
            description: String::new(),
            list: ListKind::Members,
        };
        tx.create_app(&permit, &new).await?;
    }
    tx.commit(entry()).await?;
    for first in (0..rows).step_by(usize::try_from(PAGE_ROWS)?) {
        // A page is of one app; apps are of different sizes.
        let number = (first / PAGE_ROWS) % (1 + (first / PAGE_ROWS) % APPS);
        let page: Vec<_> = (first..(first + PAGE_ROWS).min(rows)).map(row).collect();
        let mut tx = db.begin(permit.provenance()).await?;
        let source = IntegrationId::parse(app(number).as_str())?;
        tx.upsert_entitlements(&source, &app(number), db.now(), &page).await?;
        tx.commit(entry()).await?;
    }
    Ok(())
}

fn row(number: u64) -> EntitlementRow {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mixed.to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    let at = |shift: u32, of: usize| usize::try_from(mixed >> shift).unwrap_or(0) % of;
    let display = format!(
        "{} {} of team {} {number:07}",
        VERBS[at(5, VERBS.len())],
        NOUNS[at(17, NOUNS.len())],
        (mixed >> 29) % 2_000,
    );
    let description = "Given to people whose work needs it, for as long as it does";
    EntitlementRow {
        key: Key(key),
        resource: Key([u8::try_from(number % 250).unwrap_or(0); 16]),
        kind: ["Role", "Group", "Permission", "Licence"]
            [if number.is_multiple_of(500) { 3 } else { at(40, 3) }]
        .to_owned(),
        native_id: format!("native-{number}"),
        slug: "member".to_owned(),
        search: format!("{} · member · {}", display.to_lowercase(), description.to_lowercase()),
        details:
            serde_json::json!({ "id": number, "display": display, "description": description })
                .to_string(),
        display,
        is_privileged: number.is_multiple_of(1_000),
        is_immutable: false,
        recommends: None,
        known_as: None,
        row_hash: i64::try_from(number).unwrap_or(0),
    }
}
