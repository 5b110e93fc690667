//! Every statement is prepared on both databases; the invariants of the store are tried on both.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use grantry_authz::{Actor, Door, Permissions, Role, actions};
use grantry_model::clock::{Clock, Random, UnixMs};
use grantry_model::ids::{AccountId, IntegrationId, IssuerId, JobId, PrincipalId};
use grantry_model::job::{JobStatus, Work};
use grantry_model::mapping::Unmapped;
use grantry_model::permission::{Principal, PrincipalKind};
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use super::*;
use crate::dialect::Pools;

mod entitlement_search;
mod tampering;

struct TestClock(AtomicI64);
impl Clock for TestClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::SeqCst))
    }
}

struct TestRandom(AtomicU64);
impl Random for TestRandom {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst);
            let mixed = (next ^ (next >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
    }
}

struct TestDb {
    db: Db,
    url: String,
    clock: Arc<TestClock>,
    _folder: Option<tempfile::TempDir>,
}

/// A fresh SQLite database, and a fresh PostgreSQL one where `GRANTRY_TEST_POSTGRES_URL` names a
/// server.
async fn databases() -> Vec<TestDb> {
    let mut all = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    all.push(open(&format!("sqlite://{}", path.display()), Some(folder)).await);
    if let Ok(server) = std::env::var("GRANTRY_TEST_POSTGRES_URL") {
        let name = format!("store_{}", fresh("db").replace('-', "_"));
        let admin = sqlx::PgPool::connect(&server).await.unwrap();
        admin
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")).into_sql_str())
            .await
            .unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        all.push(open(&format!("{base}/{name}"), None).await);
    } else {
        assert!(std::env::var("CI").is_err(), "CI must set GRANTRY_TEST_POSTGRES_URL");
    }
    all
}

fn fresh(prefix: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Ids of processes come again.
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{prefix}-{}-{now}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst))
}

async fn open(url: &str, folder: Option<tempfile::TempDir>) -> TestDb {
    let clock = Arc::new(TestClock(AtomicI64::new(1_000_000)));
    let seed = u64::from(std::process::id());
    let random = Arc::new(TestRandom(AtomicU64::new(seed)));
    let db = Db::connect(url, clock.clone(), random).await.unwrap();
    assert_eq!(db.migrate().await.unwrap().last(), Some(&SCHEMA_VERSION));
    assert_eq!(db.migrate().await.unwrap(), Vec::<i64>::new());
    TestDb { db, url: url.to_owned(), clock, _folder: folder }
}

fn admin() -> Actor {
    Actor {
        principal: Principal {
            id: PrincipalId::parse("admin").unwrap(),
            kind: PrincipalKind::Person,
            name: "admin".into(),
        },
        permissions: Permissions { role: Some(Role::Admin), ..Permissions::default() },
        door: Door::Http,
        request_id: "request-1".into(),
    }
}

#[tokio::test]
async fn every_statement_prepares_on_both_databases() {
    let lists = [
        access_profiles::STATEMENTS,
        app_webhooks::STATEMENTS,
        apps::STATEMENTS,
        audit::STATEMENTS,
        audit_sinks::STATEMENTS,
        catalogue::STATEMENTS,
        clients::STATEMENTS,
        clock::STATEMENTS,
        channels::STATEMENTS,
        checkpoints::STATEMENTS,
        deliveries::STATEMENTS,
        delivery_secrets::STATEMENTS,
        data_sources::STATEMENTS,
        crate::entitlement_search::STATEMENTS,
        entitlement_methods::STATEMENTS,
        entitlement_types::STATEMENTS,
        entitlement_words::STATEMENTS,
        external_changes::STATEMENTS,
        feeds::STATEMENTS,
        held::STATEMENTS,
        holders::STATEMENTS,
        deletion_guards::STATEMENTS,
        idempotency::STATEMENTS,
        identities::STATEMENTS,
        integrations::STATEMENTS,
        integrations::deletion::STATEMENTS,
        issuers::STATEMENTS,
        jobs::STATEMENTS,
        kv::STATEMENTS,
        leftovers::STATEMENTS,
        mappings::STATEMENTS,
        mappings::gone::STATEMENTS,
        memberships::STATEMENTS,
        memberships::lists::STATEMENTS,
        migrate::STATEMENTS,
        notices::STATEMENTS,
        operations::STATEMENTS,
        own_accounts::STATEMENTS,
        people::STATEMENTS,
        plugins::STATEMENTS,
        principals::STATEMENTS,
        publishers::STATEMENTS,
        recovery::STATEMENTS,
        registries::STATEMENTS,
        removals::STATEMENTS,
        request_rules::STATEMENTS,
        resource_people::STATEMENTS,
        run_changes::STATEMENTS,
        requests::STATEMENTS,
        workflows::STATEMENTS,
        run_log::STATEMENTS,
        runs::STATEMENTS,
        scopes::STATEMENTS,
        schedules::STATEMENTS,
        sessions::STATEMENTS,
        tasks::STATEMENTS,
        tickets::STATEMENTS,
        tokens::STATEMENTS,
        uploads::STATEMENTS,
        uploads::apply::STATEMENTS,
        uploads::diff::STATEMENTS,
        uploads::hierarchy::STATEMENTS,
        uploads::rows::STATEMENTS,
        uploads::tidying::STATEMENTS,
        vanished::STATEMENTS,
    ];
    for test in databases().await {
        let fixed = lists.concat().into_iter().map(|(name, sql)| (name, sql.to_owned()));
        let is_postgres = test.db.is_postgres();
        let built = catalogue::built_statements(is_postgres);
        let staged = uploads::rows::built_statements(is_postgres);
        let pairs = external_changes::built_statements(is_postgres);
        let mapped = mappings::built_statements(is_postgres);
        let counted = leftovers::built_statements();
        let profiles = access_profiles::built_statements(is_postgres);
        let changes = run_changes::built_statements(is_postgres);
        let searches = crate::entitlement_search::text::built_statements(is_postgres);
        let all: Vec<(&str, String)> = fixed
            .chain(searches)
            .chain(changes)
            .chain(profiles)
            .chain(built)
            .chain(staged)
            .chain(pairs)
            .chain(mapped)
            .chain(counted)
            .collect();
        for (name, sql) in &all {
            let sql = AssertSqlSafe(sql.clone()).into_sql_str();
            let prepared = match &test.db.pools {
                Pools::Sqlite { writer, .. } => writer.prepare(sql).await.map(drop),
                Pools::Postgres(pool) => pool.prepare(sql).await.map(drop),
            };
            prepared.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

fn new_job(queue: &str) -> NewJob {
    let integration = IntegrationId::parse("i").unwrap();
    let run = grantry_model::ids::RunId::parse("r").unwrap();
    NewJob {
        id: JobId::parse(&fresh("job")).unwrap(),
        queue: queue.into(),
        work: Work::Aggregate { integration, run },
        ordered_by: PrincipalId::parse("admin").unwrap(),
    }
}

async fn enqueue(db: &Db, new: &NewJob) -> bool {
    let permit = admin().permit_admin::<actions::AggregationRun>().unwrap();
    let mut tx = db.begin(permit.provenance()).await.unwrap();
    let is_new = tx.enqueue(new).await.unwrap();
    let entry = AuditEntry::about("job.ordered", "job", new.id.as_str(), serde_json::json!({}));
    tx.commit(entry).await.unwrap();
    is_new
}

#[tokio::test]
async fn a_queue_has_one_living_job() {
    for TestDb { db, .. } in databases().await {
        let first = new_job("q");
        assert!(enqueue(&db, &first).await);
        assert!(!enqueue(&db, &new_job("q")).await);
        assert!(enqueue(&db, &new_job("other")).await);
        let leased = db.lease_job("", 1_000).await.unwrap().unwrap();
        assert_eq!(leased.id, first.id);
        db.finish_job(&leased.lease(), JobStatus::Succeeded, None).await.unwrap();
        assert!(enqueue(&db, &new_job("q")).await);
    }
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_cannot_commit() {
    for TestDb { db, clock, .. } in databases().await {
        enqueue(&db, &new_job("q")).await;
        let slow = db.lease_job("", 1_000).await.unwrap().unwrap();
        assert!(db.lease_job("", 1_000).await.unwrap().is_none());
        clock.0.fetch_add(2_000, Ordering::SeqCst);
        let quick = db.lease_job("", 1_000).await.unwrap().unwrap();
        assert_eq!((quick.id.clone(), quick.fence), (slow.id.clone(), slow.fence + 1));
        let late = db.finish_job(&slow.lease(), JobStatus::Succeeded, None).await;
        assert!(matches!(late, Err(StoreError::LeaseLost { .. })));
        db.finish_job(&quick.lease(), JobStatus::Succeeded, None).await.unwrap();
    }
}

#[tokio::test]
async fn a_job_that_is_hastened_while_it_runs_does_not_wait_for_the_pause() {
    for TestDb { db, clock, .. } in databases().await {
        enqueue(&db, &new_job("q")).await;
        for is_hastened in [false, true] {
            let lease = db.lease_job("", 1_000).await.unwrap().unwrap().lease();
            let tomorrow = db.now().plus_ms(24 * 3_600_000);
            clock.0.fetch_add(10, Ordering::SeqCst);
            if is_hastened {
                assert!(!enqueue(&db, &new_job("q")).await);
            }
            db.retry_job(&lease, 1, tomorrow, ("rate_limited", "")).await.unwrap();
            let due = db.next_due().await.unwrap().unwrap();
            assert_eq!(due == db.now(), is_hastened);
            clock.0.fetch_add(if is_hastened { 0 } else { 24 * 3_600_000 }, Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_read_fails_and_the_next_has_its_turn() {
    for TestDb { db, clock, .. } in databases().await {
        enqueue(&db, &new_job("broken")).await;
        let mut tx = db.begin_housekeeping().await.unwrap();
        tx.execute("UPDATE jobs SET work = '{}'", &[]).await.unwrap();
        tx.commit().await.unwrap();
        clock.0.fetch_add(1, Ordering::SeqCst);
        let whole = new_job("whole");
        enqueue(&db, &whole).await;
        assert!(matches!(db.lease_job("", 1_000).await, Err(StoreError::Corrupt { .. })));
        assert_eq!(db.lease_job("", 1_000).await.unwrap().unwrap().id, whole.id);
        assert!(db.lease_job("", 1_000).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn many_workers_lease_each_job_once() {
    for TestDb { db, .. } in databases().await {
        for i in 0..20 {
            enqueue(&db, &new_job(&format!("q{i}"))).await;
        }
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    let mut leased = Vec::new();
                    // A worker that lost the race for one job finds the next one.
                    let mut misses = 0;
                    while misses < 25 {
                        match db.lease_job("", 60_000).await.unwrap() {
                            Some(job) => leased.push(job.id.to_string()),
                            None => misses += 1,
                        }
                    }
                    leased
                })
            })
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.await.unwrap());
        }
        all.sort();
        let count = all.len();
        all.dedup();
        assert_eq!((all.len(), count), (20, 20));
    }
}

#[tokio::test]
async fn a_change_without_commit_leaves_neither_row_nor_audit_entry() {
    for TestDb { db, .. } in databases().await {
        let permit = admin().permit_admin::<actions::AggregationRun>().unwrap();
        let mut tx = db.begin(permit.provenance()).await.unwrap();
        tx.enqueue(&new_job("q")).await.unwrap();
        drop(tx);
        assert_eq!(db.list_jobs(None, None, 10).await.unwrap(), vec![]);
        assert_eq!(db.count_audit().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_notice_is_told_with_its_event_or_not_at_all() {
    use grantry_model::notification::{Notice, NoticeKind};
    for TestDb { db, .. } in databases().await {
        let notice = Notice::new(NoticeKind::ExternalChange, None).with("account", "ada");
        let permit = admin().permit_admin::<actions::AggregationRun>().unwrap();
        let mut tx = db.begin(permit.provenance()).await.unwrap();
        tx.queue_notice(&notice).await.unwrap();
        drop(tx);
        assert_eq!(db.waiting_notices(10).await.unwrap(), vec![]);
        let mut tx = db.begin(permit.provenance()).await.unwrap();
        let id = tx.queue_notice(&notice).await.unwrap();
        tx.commit(AuditEntry { event: "x", entity: None, detail: serde_json::json!({}) })
            .await
            .unwrap();
        let waiting = db.waiting_notices(10).await.unwrap();
        assert_eq!((waiting.len(), &waiting[0].id, &waiting[0].notice), (1, &id, &notice));
    }
}

#[tokio::test]
async fn a_migration_below_the_newest_one_is_applied_too() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let test = open(&url, Some(folder)).await;
    let mut tx = test.db.begin_housekeeping().await.unwrap();
    tx.execute("DELETE FROM schema_migrations WHERE version = 1", &[]).await.unwrap();
    tx.commit().await.unwrap();
    // Its tables are there, so that it fails at the first one; that it was begun is the point.
    assert!(test.db.migrate().await.is_err());
}

#[tokio::test]
async fn what_people_said_of_accounts_is_kept_as_its_tables_are_made_anew() {
    for TestDb { db, .. } in databases().await {
        let mut tx = db.begin_housekeeping().await.unwrap();
        for sql in [
            "INSERT INTO mappings (account_id, integration_id, origin, reason, version) VALUES ('a', 'i', 'hand', 'by_hand', 3)",
            "INSERT INTO mapping_rules (integration_id, rules, version) VALUES ('i', '[]', 4)",
            "INSERT INTO mapping_states (integration_id, identities, rules_version) VALUES ('i', 1, 4)",
            "DELETE FROM schema_migrations WHERE version = 29",
        ] {
            tx.execute(sql, &[]).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(db.migrate().await.unwrap(), [29]);
        let kept = db.mapping(&AccountId::parse("a").unwrap()).await.unwrap();
        assert_eq!((kept.reason, kept.version), (Some(Unmapped::ByHand), 3));
        let id = IntegrationId::parse("i").unwrap();
        assert_eq!(db.mapping_rules(&id).await.unwrap(), (vec![], 4));
        assert!(db.mapping_state(&id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_leftover_transaction_never_reaches_the_next_borrower() {
    for TestDb { db, .. } in databases().await {
        let Pools::Postgres(pool) = &db.pools else { continue };
        for _ in 0..30 {
            let mut connection = pool.acquire().await.unwrap();
            sqlx::raw_sql("BEGIN").execute(&mut *connection).await.unwrap();
        }
        for i in 0..30 {
            assert!(enqueue(&db, &new_job(&format!("q{i}"))).await);
        }
        let seen = db.list_jobs(None, None, 100).await.unwrap().len();
        assert_eq!(seen, 30);
    }
}

#[tokio::test]
async fn an_idempotency_key_answers_the_same_and_refuses_another_request() {
    for TestDb { db, clock, .. } in databases().await {
        let principal = PrincipalId::parse("p").unwrap();
        let claim = |hash: &'static str| db.claim_idempotency(&principal, "k", hash);
        let Claim::Yours { claimed } = claim("a").await.unwrap() else { panic!("is free") };
        assert_eq!(claim("a").await.unwrap(), Claim::InProgress);
        assert_eq!(claim("b").await.unwrap(), Claim::Reused);
        let permit = admin().permit_admin::<actions::AggregationRun>().unwrap();
        let mut tx = db.begin(permit.provenance()).await.unwrap();
        tx.finish_idempotency(&principal, "k", claimed, (201, "{}")).await.unwrap();
        tx.commit(AuditEntry { event: "x", entity: None, detail: serde_json::json!({}) })
            .await
            .unwrap();
        let answered = Claim::Answered { status: 201, body: "{}".into() };
        assert_eq!(claim("a").await.unwrap(), answered);
        clock.0.fetch_add(idempotency::KEPT_MS + 1, Ordering::SeqCst);
        db.expire_idempotency().await.unwrap();
        assert!(matches!(claim("b").await.unwrap(), Claim::Yours { .. }));
    }
}

#[tokio::test]
async fn a_crashed_request_can_be_repeated_with_its_key() {
    for TestDb { db, clock, .. } in databases().await {
        let principal = PrincipalId::parse("p").unwrap();
        let claim = db.claim_idempotency(&principal, "k", "a").await.unwrap();
        assert!(matches!(claim, Claim::Yours { .. }));
        clock.0.fetch_add(120_000, Ordering::SeqCst);
        let claim = db.claim_idempotency(&principal, "k", "a").await.unwrap();
        assert!(matches!(claim, Claim::Yours { .. }));
        assert_eq!(db.claim_idempotency(&principal, "k", "a").await.unwrap(), Claim::InProgress);
    }
}

fn first_admin(id: &str) -> (NewPrincipal, TokenRecord) {
    let new = NewPrincipal {
        id: PrincipalId::parse(id).unwrap(),
        kind: PrincipalKind::Person,
        name: "Local admin".to_owned(),
        description: String::new(),
        role: Some(Role::Admin),
    };
    let token = TokenRecord {
        id: grantry_model::ids::TokenId::parse(id).unwrap(),
        principal_id: new.id.clone(),
        name: String::new(),
        hash: String::new(),
        scope: None,
        created: UnixMs(1),
        expires: None,
        revoked: None,
        used: None,
    };
    (new, token)
}

#[tokio::test]
async fn of_many_first_starts_at_once_one_makes_an_admin_and_says_so() {
    for TestDb { db, .. } in databases().await {
        let starts: Vec<_> = (0..8)
            .map(|n| {
                let db = db.clone();
                tokio::spawn(async move {
                    let (new, token) = first_admin(&format!("admin-{n}"));
                    let principal =
                        Principal { id: new.id.clone(), kind: new.kind, name: new.name.clone() };
                    let permit = grantry_authz::Permit::for_first_start(&principal, "start");
                    db.create_first_admin(&permit, &new, &token).await.unwrap()
                })
            })
            .collect();
        let mut made = 0;
        for start in starts {
            made += u32::from(start.await.unwrap());
        }
        let audit = db.list_audit(&AuditFilter::default(), 10).await.unwrap();
        let rows: Vec<_> =
            audit.iter().map(|row| (&*row.event, &*row.door, &*row.reason)).collect();
        assert_eq!((made, rows), (1, vec![("person.created", "cli", "first_start")]));
        assert_eq!(db.list_people("", "", 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn two_admins_cannot_remove_each_other_at_once() {
    for TestDb { db, .. } in databases().await {
        let permit = admin().permit_admin::<actions::PersonWrite>().unwrap();
        let creates = admin().permit_admin::<actions::ClientWrite>().unwrap();
        let mut tx = db.begin(permit.provenance()).await.unwrap();
        for id in ["a", "b"] {
            let (new, token) = first_admin(id);
            tx.create_client(&creates, &new).await.unwrap();
            tx.create_token(&creates, &token).await.unwrap();
        }
        let entry = || AuditEntry { event: "x", entity: None, detail: serde_json::json!({}) };
        tx.commit(entry()).await.unwrap();
        let demote = |id: &'static str| {
            let (db, permit) = (db.clone(), permit.clone());
            tokio::spawn(async move {
                let mut tx = db.begin(permit.provenance()).await.unwrap();
                let id = PrincipalId::parse(id).unwrap();
                let change = (Role::User, false, None);
                let is_administered = tx.update_person(&permit, &id, 1, change).await.unwrap();
                if is_administered {
                    tx.commit(entry()).await.unwrap();
                }
                is_administered
            })
        };
        let (a, b) = (demote("a"), demote("b"));
        let outcomes = (a.await.unwrap(), b.await.unwrap());
        assert!(matches!(outcomes, (true, false) | (false, true)), "{outcomes:?}");
    }
}

/// An admin of whom nobody knows whether the address is right must not be the only one.
#[tokio::test]
async fn only_admins_who_can_sign_in_count_as_the_others() {
    for TestDb { db, .. } in databases().await {
        let permit = admin().permit_admin::<actions::PersonWrite>().unwrap();
        let creates = admin().permit_admin::<actions::ClientWrite>().unwrap();
        let entry = || AuditEntry { event: "x", entity: None, detail: serde_json::json!({}) };
        let (local, token) = first_admin("local");
        let (other, mut scoped) = first_admin("other");
        scoped.scope = Some(grantry_authz::Scope::default());
        let mut tx = db.begin(permit.provenance()).await.unwrap();
        for new in [&local, &other] {
            tx.create_client(&creates, new).await.unwrap();
        }
        tx.create_token(&creates, &token).await.unwrap();
        tx.create_token(&creates, &scoped).await.unwrap();
        tx.commit(entry()).await.unwrap();
        let demotes = async |id: &PrincipalId| {
            let mut tx = db.begin(permit.provenance()).await.unwrap();
            tx.update_person(&permit, id, 1, (Role::User, false, None)).await.unwrap()
        };
        assert!(!demotes(&local.id).await, "the other one has a scoped token only");
        assert!(demotes(&other.id).await, "the local one can sign in");
        let mut tx = db.begin(permit.provenance()).await.unwrap();
        let (_, whole) = first_admin("other");
        let id = grantry_model::ids::TokenId::parse("whole").unwrap();
        tx.create_token(&creates, &TokenRecord { id, hash: "x".into(), ..whole }).await.unwrap();
        tx.commit(entry()).await.unwrap();
        assert!(demotes(&local.id).await);
    }
}

#[tokio::test]
async fn an_issuer_stays_where_a_client_or_person_arrives_while_it_is_removed() {
    for TestDb { db, .. } in databases().await {
        let entry = || AuditEntry { event: "x", entity: None, detail: serde_json::json!({}) };
        for arrives in ["client", "person"] {
            let issuer = issuer(&db, arrives).await;
            let id = issuer.trusted.id.clone();
            let mut arriving = db.begin(provenance().provenance()).await.unwrap();
            arrive(&mut arriving, &id, arrives).await.unwrap();
            let removing = tokio::spawn(remove(db.clone(), id.clone()));
            tokio::task::yield_now().await;
            arriving.commit(entry()).await.unwrap();
            assert!(!removing.await.unwrap(), "{arrives}");
            assert!(db.issuer(&id).await.unwrap().is_some());
        }
    }
}

#[tokio::test]
async fn nobody_arrives_by_an_issuer_that_was_removed() {
    for TestDb { db, .. } in databases().await {
        for arrives in ["client", "person"] {
            let id = issuer(&db, arrives).await.trusted.id;
            assert!(remove(db.clone(), id.clone()).await);
            let mut tx = db.begin(provenance().provenance()).await.unwrap();
            let refused = arrive(&mut tx, &id, arrives).await;
            assert!(matches!(refused, Err(StoreError::NotFound { what: "issuer" })));
        }
    }
}

fn provenance() -> grantry_authz::Permit<actions::IssuerWrite> {
    admin().permit_admin::<actions::IssuerWrite>().unwrap()
}

async fn issuer(db: &Db, name: &str) -> Issuer {
    let trusted = grantry_model::oidc::TrustedIssuer {
        id: IssuerId::parse(name).unwrap(),
        kind: grantry_model::oidc::IssuerKind::Generic,
        url: format!("https://{name}.example"),
        tenant_id: None,
        audience: "grantry".into(),
        client_id: Some("grantry".into()),
        algorithms: vec![grantry_model::oidc::SigningAlgorithm::Rs256],
        address_exception: None,
    };
    let issuer = Issuer {
        trusted,
        name: name.into(),
        token_endpoint: None,
        allows_sign_up: true,
        has_secret: false,
        created: db.now(),
        version: 1,
    };
    let mut tx = db.begin(provenance().provenance()).await.unwrap();
    tx.create_issuer(&provenance(), &issuer).await.unwrap();
    let entry = AuditEntry { event: "x", entity: None, detail: serde_json::json!({}) };
    tx.commit(entry).await.unwrap();
    issuer
}

/// Registers a client, or signs a person up, without committing it.
async fn arrive(tx: &mut Tx, issuer: &IssuerId, as_what: &str) -> Result<()> {
    let (principal, _) = first_admin(as_what);
    if as_what == "person" {
        let permit = admin().permit_admin::<actions::PersonWrite>().unwrap();
        let (issuer_id, identity) = (issuer.clone(), PersonIdentity::Subject("ada".to_owned()));
        let (user_name, mail) = (String::new(), None);
        let new = NewPerson { principal, issuer_id, identity, user_name, mail };
        return tx.create_person(&permit, &new).await;
    }
    let permit = admin().permit_admin::<actions::ClientWrite>().unwrap();
    let (application_id, object_id) = ("a".to_owned(), "o".to_owned());
    let new = NewRegistration { issuer_id: issuer.clone(), application_id, object_id };
    let client = NewPrincipal { kind: PrincipalKind::Client, role: None, ..principal };
    tx.create_client(&permit, &client).await?;
    tx.register_client(&permit, &client.id, &new).await
}

/// Removes an issuer where nobody comes from it.
async fn remove(db: Db, issuer: IssuerId) -> bool {
    let mut tx = db.begin(provenance().provenance()).await.unwrap();
    let is_removed = tx.delete_issuer(&provenance(), &issuer).await.unwrap();
    if is_removed {
        let entry = AuditEntry { event: "x", entity: None, detail: serde_json::json!({}) };
        tx.commit(entry).await.unwrap();
    }
    is_removed
}
