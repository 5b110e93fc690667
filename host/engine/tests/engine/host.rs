//! An engine with one integration of the scripted connector, and a clock that tests move.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use grantry_authz::{Door, actions};
use grantry_engine::{
    Answer, Ctx, Engine, GrantInput, Grantee, Idempotent, IntegrationChange, IntegrationInput,
    IntegrationView, PageQuery, Parts, PluginUpload, RemovalView, WholeConnection, worker,
};
use grantry_model::approval::Approval;
use grantry_model::clock::{Clock, Random, UnixMs};
use grantry_model::fingerprint::{Domain, Keys};
use grantry_model::ids::{
    AccountId, AppId, EntitlementId, IntegrationId, MembershipId, PluginId, RunId,
};
use grantry_model::membership::Membership;
use grantry_model::notification::NoticeKind;
use grantry_model::selection::Selection;
use grantry_model::settings::SettingsChange;
use grantry_store::seal::KeyRing;
use grantry_store::{AuditEntry, AuditFilter, Class, Db, Run};

use crate::courier::RecordingCourier;
use crate::scripted::{AnyPackage, Directory, NoRegistry, Scripted};

pub struct TestClock {
    now: AtomicI64,
    /// How far the database's clock is ahead.
    ahead: AtomicI64,
}
impl Clock for TestClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.now.load(Ordering::SeqCst))
    }
    fn drift_ms(&self, _: UnixMs) -> i64 {
        self.ahead.load(Ordering::SeqCst)
    }
    fn follow(&self, _: UnixMs) {
        self.now.fetch_add(self.ahead.swap(0, Ordering::SeqCst), Ordering::SeqCst);
    }
}

pub struct TestRandom(AtomicU64);
impl Random for TestRandom {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst);
            let mixed = (next ^ (next >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A component that nobody signed, and that the admin wants.
pub fn unsigned(component: &[u8]) -> PluginUpload<'_> {
    PluginUpload { component, signature: None, allow_unsigned: true }
}

/// One engine with one integration.
pub struct Host {
    pub ctx: Ctx,
    /// The local admin's token.
    pub admin: String,
    pub directory: Arc<Mutex<Directory>>,
    pub plugin: PluginId,
    pub integration: IntegrationId,
    pub app: AppId,
    pub courier: Arc<RecordingCourier>,
    url: String,
    clock: Arc<TestClock>,
    keys: AtomicU64,
    _folder: Option<tempfile::TempDir>,
}

/// Hosts on every database that can be had here.
pub async fn hosts(users: usize, groups: usize) -> Vec<Host> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut all =
        vec![host(&format!("sqlite://{}", path.display()), users, groups, Some(folder)).await];
    if let Ok(server) = std::env::var("GRANTRY_TEST_POSTGRES_URL") {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        // Ids of processes come again.
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let name = format!("engine_{}_{now}_{count}", std::process::id());
        let admin = sqlx::PgPool::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        sqlx::query(sqlx::AssertSqlSafe(create)).execute(&admin).await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        all.push(host(&format!("{base}/{name}"), users, groups, None).await);
    }
    all
}

async fn host(url: &str, users: usize, groups: usize, folder: Option<tempfile::TempDir>) -> Host {
    let clock =
        Arc::new(TestClock { now: AtomicI64::new(1_700_000_000_000), ahead: AtomicI64::new(0) });
    let random = Arc::new(TestRandom(AtomicU64::new(u64::from(std::process::id()))));
    let db = Db::connect(url, clock.clone(), random.clone()).await.unwrap();
    db.migrate().await.unwrap();
    let directory = Arc::new(Mutex::new(Directory::with(users, groups)));
    let courier = Arc::new(RecordingCourier::default());
    let engine = Engine::new(Parts {
        db,
        runner: Arc::new(Scripted(directory.clone())),
        inspector: Arc::new(AnyPackage),
        registry: Arc::new(NoRegistry),
        keys: KeyRing::parse(&KeyRing::generate(&*random)).unwrap(),
        courier: courier.clone(),
        identity: Arc::new(grantry_oidc::Issuers::new(clock.clone())),
    });
    let admin = engine.create_first_admin().await.unwrap().unwrap();
    let ctx = engine.authenticate(admin.token.expose(), Door::Http, "test").await.unwrap().unwrap();
    let answer = |plugin: &grantry_engine::Installed| reply(plugin.id.as_str());
    let request = Idempotent { key: "plugin", request: b"plugin", answer: &answer };
    let plugin = ctx.install_plugin(&unsigned(b"scripted"), &request).await.unwrap().body;
    let plugin = PluginId::parse(&plugin).unwrap();
    let (integration, app) = connect(&ctx, &plugin, "Scripted").await;
    Host {
        ctx,
        admin: admin.token.expose().to_owned(),
        directory,
        plugin,
        integration,
        app,
        courier,
        url: url.to_owned(),
        clock,
        keys: AtomicU64::new(0),
        _folder: folder,
    }
}

/// An integration of the scripted connector, and its app.
async fn connect(ctx: &Ctx, plugin: &PluginId, name: &str) -> (IntegrationId, AppId) {
    let input = IntegrationInput {
        name: name.into(),
        description: String::new(),
        plugin: plugin.clone(),
        connection: WholeConnection(serde_json::json!({})),
        approval: Approval::default(),
        owner: None,
        settings: SettingsChange::default(),
    };
    let answer = |view: &grantry_engine::IntegrationView| {
        reply(&format!("{} {}", view.integration.id, view.integration.app_id))
    };
    let request = Idempotent { key: name, request: name.as_bytes(), answer: &answer };
    let ids = ctx.create_integration(&input, &request).await.unwrap().body;
    let (integration, app) = ids.split_once(' ').unwrap();
    (IntegrationId::parse(integration).unwrap(), AppId::parse(app).unwrap())
}

fn reply(body: &str) -> Answer {
    Answer { status: 200, body: body.to_owned() }
}

impl Host {
    /// Connects the same directory once more; from now on the host's integration is that one.
    pub async fn connect_another(&mut self) {
        (self.integration, self.app) = connect(&self.ctx, &self.plugin, "Another").await;
    }

    /// Another integration of the same directory.
    pub async fn twin(&self) -> Self {
        let (integration, app) = connect(&self.ctx, &self.plugin, "Twin").await;
        Self {
            ctx: self.ctx.clone(),
            admin: self.admin.clone(),
            directory: self.directory.clone(),
            plugin: self.plugin.clone(),
            integration,
            app,
            courier: self.courier.clone(),
            url: self.url.clone(),
            clock: self.clock.clone(),
            keys: AtomicU64::new(1_000_000),
            _folder: None,
        }
    }

    /// An integration of a plugin that opens tickets.
    pub async fn desk(&self, name: &str) -> IntegrationId {
        let answer = |plugin: &grantry_engine::Installed| reply(plugin.id.as_str());
        let request = Idempotent { key: "desk", request: b"scripted desk", answer: &answer };
        let plugin =
            self.ctx.install_plugin(&unsigned(b"scripted desk"), &request).await.unwrap().body;
        connect(&self.ctx, &PluginId::parse(&plugin).unwrap(), name).await.0
    }

    /// From now on the connector cannot read back.
    pub async fn make_blind(&self) {
        self.move_to("blind", b"scripted blind").await;
    }

    /// From now on the connector only reads.
    pub async fn make_reading(&self) {
        self.move_to("reading", b"scripted reading").await;
    }

    async fn move_to(&self, key: &str, component: &[u8]) {
        let answer = |plugin: &grantry_engine::Installed| reply(plugin.id.as_str());
        let request = Idempotent { key, request: component, answer: &answer };
        let plugin = self.ctx.install_plugin(&unsigned(component), &request).await.unwrap().body;
        let plugin = PluginId::parse(&plugin).unwrap();
        let version = self.ctx.integration(&self.integration).await.unwrap().integration.version;
        self.ctx.move_version(&self.integration, version, &plugin, None).await.unwrap();
    }

    /// Moves the clock from anywhere, also during a call.
    pub fn clock(&self) -> impl Fn(i64) + Send + use<> {
        let clock = self.clock.clone();
        move |ms| {
            clock.now.fetch_add(ms, Ordering::SeqCst);
        }
    }

    /// The clock of the database jumps.
    pub fn jump(&self, ms: i64) {
        self.clock.ahead.store(ms, Ordering::SeqCst);
    }

    /// How many of the notices so far are of a kind.
    pub async fn told(&self, kind: NoticeKind) -> usize {
        let notices = self.db().latest_notices(1_000).await.unwrap();
        notices.iter().filter(|stored| stored.notice.kind == kind).count()
    }

    /// Deletes a membership from anywhere, also during a call.
    pub fn deletion(&self, id: &MembershipId) -> impl Future<Output = ()> + Send + use<> {
        let (ctx, app, id, key) = (self.ctx.clone(), self.app.clone(), id.clone(), self.key());
        async move {
            let answer = |membership: &Membership| reply(membership.id.as_str());
            let request = Idempotent { key: &key, request: b"delete", answer: &answer };
            ctx.delete_membership(&app, &id, &request).await.unwrap();
        }
    }

    pub fn advance(&self, ms: i64) {
        self.clock.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn db(&self) -> &Db {
        self.ctx.engine.db()
    }

    pub fn key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::SeqCst))
    }

    /// Lets the worker do what is due.
    pub async fn work(&self) {
        worker::run_due(&self.ctx.engine).await.unwrap();
    }

    /// Lets time pass until nothing is left to do.
    pub async fn work_for(&self, turns: usize) {
        for _ in 0..turns {
            self.work().await;
            self.advance(20_000);
        }
    }

    pub async fn order_aggregation(&self) -> RunId {
        let answer = |run: &Run| reply(run.id.as_str());
        let key = self.key();
        let request = Idempotent { key: &key, request: b"aggregate", answer: &answer };
        let run = self
            .ctx
            .start_aggregation(&self.integration, &Selection::default(), &request)
            .await
            .unwrap()
            .body;
        RunId::parse(&run).unwrap()
    }

    pub async fn aggregate(&self) -> Run {
        let id = self.order_aggregation().await;
        self.work_for(12).await;
        let run = self.ctx.run(&id).await.unwrap();
        let jobs = self.db().list_jobs(None, None, 3).await.unwrap();
        assert!(run.status.is_final(), "{jobs:?}");
        run
    }

    /// An aggregation; time passes only where it has to wait.
    pub async fn aggregate_at_once(&self) -> Run {
        let id = self.order_aggregation().await;
        loop {
            self.work().await;
            let run = self.ctx.run(&id).await.unwrap();
            self.advance(1_000);
            if run.status.is_final() {
                return run;
            }
            self.advance(19_000);
        }
    }

    /// What the catalogue holds: users, groups, and members as (group, user).
    pub async fn catalogue(&self) -> (Vec<String>, Vec<String>, Vec<(String, String)>) {
        let query = PageQuery { limit: 5_000, ..PageQuery::default() };
        let ctx = &self.ctx;
        let objects = async |class| {
            let page = ctx.list_objects(&self.integration, class, &query).await.unwrap();
            let mut ids: Vec<String> = page.items.into_iter().map(|o| o.native_id).collect();
            ids.sort();
            ids
        };
        let (users, groups) = (objects(Class::Account).await, objects(Class::Resource).await);
        let page = ctx.list_assignments(&self.integration, "", "", &query).await.unwrap();
        let (mut keys, mut members) = (Keys::of(&self.integration), Vec::new());
        for row in page.items {
            let is = |id: &String| {
                keys.clone().object(Domain::Account, "User", id).text() == row.holder_id
            };
            let user = users.iter().find(|id| is(id)).unwrap().clone();
            let mut of = |id: &String| {
                keys.entitlement(&format!("{id}:member")).text() == row.entitlement_id
            };
            let group = groups.iter().find(|id| of(id)).unwrap().clone();
            members.push((group, user));
        }
        members.sort();
        (users, groups, members)
    }

    /// What a run removed, or would remove.
    pub async fn removal(&self, run: &RunId) -> RemovalView {
        self.ctx.removal(run).await.unwrap()
    }

    /// Approves what was shown with that hash, without carrying it out.
    pub async fn try_approve(&self, run: &RunId, hash: &str) -> grantry_engine::Result<()> {
        let answer = |view: &RemovalView| reply(view.removal.state.name());
        let key = self.key();
        let request = Idempotent { key: &key, request: b"approve", answer: &answer };
        self.ctx.approve_removal(run, hash, &request).await.map(drop)
    }

    /// Orders the undoing of a removal, without carrying it out.
    pub async fn try_undo(&self, run: &RunId) -> grantry_engine::Result<()> {
        let answer = |view: &RemovalView| reply(view.removal.state.name());
        let key = self.key();
        let request = Idempotent { key: &key, request: b"undo", answer: &answer };
        self.ctx.undo_removal(run, &request).await.map(drop)
    }

    /// Whether the catalogue equals the directory.
    pub async fn assert_equal_to_directory(&self) {
        let (users, groups, members) = self.catalogue().await;
        let directory = self.directory.lock().unwrap();
        assert_eq!(users, directory.users.keys().cloned().collect::<Vec<_>>());
        assert_eq!(groups, directory.groups.keys().cloned().collect::<Vec<_>>());
        assert_eq!(members, directory.members.iter().cloned().collect::<Vec<_>>());
    }

    pub fn role(&self, group: &str) -> EntitlementId {
        let key = Keys::of(&self.integration).entitlement(&format!("{group}:member"));
        EntitlementId::parse(&key.text()).unwrap()
    }

    pub fn account(&self, user: &str) -> AccountId {
        let key = Keys::of(&self.integration).object(Domain::Account, "User", user);
        AccountId::parse(&key.text()).unwrap()
    }

    pub async fn try_grant(
        &self,
        group: &str,
        user: &str,
        ends: Option<UnixMs>,
    ) -> grantry_engine::Result<MembershipId> {
        let to = Grantee::Account(self.account(user));
        let input = GrantInput { role: self.role(group), to, ends };
        let answer = |membership: &Membership| reply(membership.id.as_str());
        let key = self.key();
        let request = Idempotent { key: &key, request: b"grant", answer: &answer };
        let answer = self.ctx.grant_membership(&self.app, &input, &request).await?;
        Ok(MembershipId::parse(&answer.body).unwrap())
    }

    pub async fn grant(&self, group: &str, user: &str) -> MembershipId {
        self.try_grant(group, user, None).await.unwrap()
    }

    pub async fn delete(&self, id: &MembershipId) {
        let answer = |membership: &Membership| reply(membership.id.as_str());
        let key = self.key();
        let request = Idempotent { key: &key, request: b"delete", answer: &answer };
        self.ctx.delete_membership(&self.app, id, &request).await.unwrap();
    }

    pub async fn renew(&self, id: &MembershipId) {
        let answer = |membership: &Membership| reply(membership.id.as_str());
        let key = self.key();
        let request = Idempotent { key: &key, request: b"renew", answer: &answer };
        self.ctx.renew_membership(&self.app, id, None, &request).await.unwrap();
    }

    /// Changes the integration.
    pub async fn try_update(
        &self,
        change: &IntegrationChange,
    ) -> grantry_engine::Result<IntegrationView> {
        let version = self.ctx.integration(&self.integration).await?.integration.version;
        self.ctx.update_integration(&self.integration, version, change).await
    }

    /// Changes settings of the integration.
    pub async fn set(&self, settings: SettingsChange) {
        let change = IntegrationChange { settings, ..IntegrationChange::default() };
        self.try_update(&change).await.unwrap();
    }

    /// The integration's plugin has crashed too often.
    pub async fn quarantine(&self) {
        let permit = self.ctx.actor.permit_admin::<actions::IntegrationWrite>().unwrap();
        let mut tx = self.db().begin(permit.provenance()).await.unwrap();
        assert!(tx.quarantine(&self.integration).await.unwrap());
        let detail = serde_json::json!({});
        tx.commit(AuditEntry::about("test", "integration", "x", detail)).await.unwrap();
    }

    pub async fn membership(&self, id: &MembershipId) -> Membership {
        self.ctx.membership(&self.app, id).await.unwrap()
    }

    pub fn holds(&self, group: &str, user: &str) -> bool {
        self.directory.lock().unwrap().members.contains(&(group.into(), user.into()))
    }

    /// From now on the database refuses to update the table's rows.
    pub async fn refuse_updates_of(&self, table: &str) {
        if self.db().is_postgres() {
            let pool = sqlx::PgPool::connect(&self.url).await.unwrap();
            let sql = format!(
                "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'full'; END $$; \
                 CREATE TRIGGER refused BEFORE UPDATE ON {table} EXECUTE FUNCTION refuse()"
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
        } else {
            let pool = sqlx::SqlitePool::connect(&self.url).await.unwrap();
            let sql = format!(
                "CREATE TRIGGER refused_{table} BEFORE UPDATE ON {table} \
                 BEGIN SELECT RAISE(ABORT, 'full'); END"
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
        }
    }

    /// From now on a run is asked to stop as soon as it has read all its listings.
    pub async fn cancel_when_all_is_read(&self) {
        let is_read = "EXISTS (SELECT 1 FROM runs r WHERE r.job_id = NEW.id AND r.progress LIKE '%\"target_index\":4,%')";
        let sql = if self.db().is_postgres() {
            format!(
                "CREATE FUNCTION cancels() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN IF {is_read} THEN NEW.is_cancel_requested = 1; END IF; RETURN NEW; END $$; \
                 CREATE TRIGGER cancels BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION cancels()"
            )
        } else {
            format!(
                "CREATE TRIGGER cancels AFTER UPDATE OF lease_until_ms ON jobs WHEN {is_read} \
                 BEGIN UPDATE jobs SET is_cancel_requested = 1 WHERE id = NEW.id; END"
            )
        };
        self.run_sql(sql).await;
    }

    /// Changes the database behind the engine's back.
    pub async fn run_sql(&self, sql: String) {
        if self.db().is_postgres() {
            let pool = sqlx::PgPool::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
        } else {
            let pool = sqlx::SqlitePool::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
        }
    }

    /// What the independent check says about the audit log.
    pub async fn verified(&self, trusted: &grantry_verify::Trusted) -> grantry_verify::Report {
        grantry_verify::database::verify(&self.url, trusted).await.unwrap()
    }

    /// Events of the audit log with that name.
    pub async fn audited(&self, event: &str) -> usize {
        let filter = AuditFilter { event: Some(event.into()), ..AuditFilter::default() };
        self.db().list_audit(&filter, 10_000).await.unwrap().len()
    }
}
