//! Lists that are uploaded: read, compared, applied, refused (CAT-10, security.md rows 62 to 65).

use std::collections::HashSet;
use std::sync::Arc;

use grantry_authz::{Door, Permissions};
use grantry_engine::{
    Answer, Ctx, DataSourceInput, EngineError, Idempotent, NewClient, PageQuery, Received, Upload,
};
use grantry_model::csv::ListKind;
use grantry_model::ids::{AppId, DataSourceId, PrincipalId, UploadId};
use grantry_model::permission::{Entity, PrincipalKind};

use crate::host::{Host, hosts};

type Result<T> = std::result::Result<T, EngineError>;

fn id_of(upload: &Upload) -> Answer {
    let words = format!("{} {}", upload.id, upload.diff_hash);
    Answer { status: 201, body: words }
}

/// An upload that waits: its id and its diff's hash.
pub(crate) struct Waiting {
    pub(crate) id: UploadId,
    pub(crate) hash: String,
}

impl Host {
    pub(crate) async fn data_source(&self) -> Entity {
        let input = DataSourceInput { name: "People".to_owned(), description: String::new() };
        let answer = |source: &grantry_engine::DataSource| Answer {
            status: 201,
            body: source.id.to_string(),
        };
        let key = self.key();
        let request = Idempotent { key: &key, request: b"source", answer: &answer };
        let made = self.ctx.create_data_source(&input, &request).await.unwrap();
        Entity::DataSource(DataSourceId::parse(&made.body).unwrap())
    }

    pub(crate) async fn csv_app(&self) -> Entity {
        let answer = |app: &grantry_engine::App| Answer { status: 201, body: app.id.to_string() };
        let key = self.key();
        let request = Idempotent { key: &key, request: b"app", answer: &answer };
        let made =
            self.ctx.create_app(("Targeting", ""), ListKind::Members, &request).await.unwrap();
        Entity::App(AppId::parse(&made.body).unwrap())
    }

    async fn receive(&self, entity: &Entity, file: &[u8]) -> Result<Received> {
        let mut intake = self.ctx.receive_upload(entity).await?;
        for piece in file.chunks(7_001) {
            intake.feed(piece).await?;
        }
        intake.finish().await
    }

    pub(crate) async fn send(&self, entity: &Entity, file: &str) -> Result<Waiting> {
        let received = self.receive(entity, file.as_bytes()).await?;
        let key = self.key();
        let request = Idempotent { key: &key, request: b"upload", answer: &id_of };
        let answer = self.ctx.finish_upload(&received, &request).await?;
        let (id, hash) = answer.body.split_once(' ').unwrap();
        Ok(Waiting { id: UploadId::parse(id).unwrap(), hash: hash.to_owned() })
    }

    pub(crate) async fn apply(
        &self,
        entity: &Entity,
        waiting: &Waiting,
        approve: bool,
    ) -> Result<Answer> {
        let approved = approve.then_some(&*waiting.hash);
        let key = self.key();
        let request = Idempotent { key: &key, request: b"apply", answer: &id_of };
        self.ctx.apply_upload(entity, &waiting.id, (&waiting.hash, approved), &request).await
    }

    /// Sends, approves and applies.
    pub(crate) async fn put(&self, entity: &Entity, file: &str) -> Upload {
        let waiting = self.send(entity, file).await.unwrap();
        self.apply(entity, &waiting, true).await.unwrap();
        self.ctx.upload(entity, &waiting.id).await.unwrap()
    }
}

fn all() -> PageQuery {
    PageQuery { limit: 200, ..PageQuery::default() }
}

async fn names(ctx: &Ctx, entity: &Entity) -> Vec<String> {
    let Entity::DataSource(source) = entity else { panic!("not a data source") };
    let page = ctx.list_identities(source, &all()).await.unwrap();
    let mut names: Vec<_> = page.items.into_iter().map(|row| row.identity.display_name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_list_of_users_becomes_identities_and_the_same_file_changes_nothing() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        let file = "external_id,user_name,email,Department\r\n1,ada,Ada@x.example,=1+1\r\n\
                    2,bob,,\r\n4,cy,,\r\n";
        let first = host.put(&people, file).await;
        assert_eq!((first.diff.added, first.rows, first.revision), (3, 3, 0));
        assert_eq!(names(&host.ctx, &people).await, ["ada", "bob", "cy"]);
        let same = host.put(&people, file).await;
        assert!(same.diff.is_empty());
        let changed = file.replace("bob,,", "bob,bob@x.example,").replace("2,", "3,");
        let diff = host.put(&people, &changed.replace("1,ada", "1,Ada")).await.diff;
        assert_eq!((diff.added, diff.changed, diff.removed), (1, 1, 1), "{diff:?}");
        assert_eq!(names(&host.ctx, &people).await, ["Ada", "bob", "cy"]);
    }
}

#[tokio::test]
async fn a_list_of_members_becomes_accounts_roles_and_assignments() {
    for host in hosts(0, 0).await {
        let app = host.csv_app().await;
        let Entity::App(id) = &app else { panic!("not an app") };
        let members = |text: &str| format!("user_name,roles\n{text}");
        let diff = host.put(&app, &members("ada,Admin;Audit\nbob,Audit\ncy,Audit\n")).await.diff;
        assert_eq!((diff.added, diff.grants_added, diff.roles_added), (3, 4, 2));
        let roles = host.ctx.list_roles(id, &all()).await.unwrap().items;
        assert_eq!(roles.len(), 2);
        let held = host.ctx.list_app_assignments(id, "", "", &all()).await.unwrap().items;
        assert_eq!(held.len(), 4);
        let diff = host.put(&app, &members("ada,Audit\nbob,Audit\ncy,Audit\n")).await.diff;
        assert_eq!((diff.changed, diff.grants_removed, diff.roles_removed), (1, 1, 1));
        let roles = host.ctx.list_roles(id, &all()).await.unwrap().items;
        assert_eq!(roles[0].display, "Audit");
        let accounts = host.ctx.list_app_accounts(id, &all()).await.unwrap().items;
        assert_eq!(accounts.len(), 3);
    }
}

#[tokio::test]
async fn a_diff_is_applied_by_its_hash_only_and_only_while_nothing_changed() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        let first = host.send(&people, "external_id\n1\n").await.unwrap();
        let second = host.send(&people, "external_id\n2\n").await.unwrap();
        let forged = Waiting { id: first.id.clone(), hash: second.hash.clone() };
        let refused = host.apply(&people, &forged, false).await;
        assert!(matches!(refused, Err(EngineError::DiffChanged)), "{refused:?}");
        host.apply(&people, &first, false).await.unwrap();
        let stale = host.apply(&people, &second, false).await;
        assert!(matches!(stale, Err(EngineError::DiffChanged)), "{stale:?}");
        assert_eq!(names(&host.ctx, &people).await, ["1"]);
        let anew = host.ctx.preview_upload(&people, &second.id).await.unwrap();
        assert_eq!((anew.diff.added, anew.diff.removed), (1, 1));
        let anew = Waiting { id: anew.id, hash: anew.diff_hash };
        host.apply(&people, &anew, true).await.unwrap();
        assert_eq!(names(&host.ctx, &people).await, ["2"]);
        // Applying again is answered, and changes nothing.
        host.apply(&people, &anew, false).await.unwrap();
    }
}

#[tokio::test]
async fn an_empty_file_and_half_of_a_list_want_a_second_word() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, "external_id\n1\n2\n3\n4\n").await;
        for file in ["", "external_id\n", "external_id\n1\n2\n"] {
            let waiting = host.send(&people, file).await.unwrap();
            let refused = host.apply(&people, &waiting, false).await;
            assert!(matches!(refused, Err(EngineError::MassRemoval { .. })), "{refused:?}");
            assert_eq!(names(&host.ctx, &people).await.len(), 4);
        }
        let meant = host.send(&people, "external_id\n1\n2\n").await.unwrap();
        host.apply(&people, &meant, true).await.unwrap();
        assert_eq!(names(&host.ctx, &people).await, ["1", "2"]);
    }
}

/// A list of so many people, the first `off` of them not active.
fn people_file(from: usize, to: usize, off: usize) -> String {
    let line = |number: usize| format!("{number},{}\n", number >= from + off);
    format!("external_id,active\n{}", (from..to).map(line).collect::<String>())
}

#[tokio::test]
async fn switching_people_off_counts_as_taking_them_away() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, &people_file(0, 20, 0)).await;
        let off = host.send(&people, &people_file(0, 20, 5)).await.unwrap();
        let refused = host.apply(&people, &off, false).await;
        assert!(matches!(refused, Err(EngineError::MassRemoval { .. })), "{refused:?}");
        host.apply(&people, &off, true).await.unwrap();
    }
}

#[tokio::test]
async fn many_small_losses_add_up_within_a_day_and_what_was_approved_does_not() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, &people_file(0, 20, 0)).await;
        let fifth = host.send(&people, &people_file(4, 20, 0)).await.unwrap();
        host.apply(&people, &fifth, false).await.unwrap();
        let next = host.send(&people, &people_file(6, 20, 0)).await.unwrap();
        let refused = host.apply(&people, &next, false).await;
        assert!(matches!(refused, Err(EngineError::MassRemoval { .. })), "{refused:?}");
        host.apply(&people, &next, true).await.unwrap();
        host.advance(24 * 3_600_000 + 1);
        host.work().await;
        let later = host.send(&people, &people_file(8, 20, 0)).await.unwrap();
        host.apply(&people, &later, false).await.unwrap();
    }
}

#[tokio::test]
async fn people_who_were_invented_today_do_not_hide_who_goes() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, &people_file(0, 20, 0)).await;
        host.advance(24 * 3_600_000 + 1);
        let padded = host.send(&people, &people_file(0, 120, 0)).await.unwrap();
        host.apply(&people, &padded, false).await.unwrap();
        let without = host.send(&people, &people_file(20, 120, 0)).await.unwrap();
        let refused = host.apply(&people, &without, false).await;
        assert!(matches!(refused, Err(EngineError::MassRemoval { .. })), "{refused:?}");
        host.apply(&people, &without, true).await.unwrap();
    }
}

#[tokio::test]
async fn a_plugin_is_no_judge_of_a_list() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, &people_file(0, 20, 0)).await;
        let less = host.send(&people, &people_file(10, 20, 0)).await.unwrap();
        let (_, mut plugin) = client(&host, &people).await;
        plugin.actor.principal.kind = PrincipalKind::Plugin;
        let approved = (&*less.hash, Some(&*less.hash));
        let request = Idempotent { key: "plugin", request: b"apply", answer: &id_of };
        let refused = plugin.apply_upload(&people, &less.id, approved, &request).await;
        assert!(matches!(refused, Err(EngineError::MassRemoval { .. })), "{refused:?}");
        host.apply(&people, &less, true).await.unwrap();
        let more = host.send(&people, &people_file(10, 25, 0)).await.unwrap();
        let request = Idempotent { key: "more", request: b"apply", answer: &id_of };
        let named = (&*more.hash, Some(&*more.hash));
        plugin.apply_upload(&people, &more.id, named, &request).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_line_leaves_the_list_as_it_is_and_every_fault_is_told() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, "external_id,a\n1,x\n").await;
        let many = format!("external_id,a\n{}", "2\n".repeat(150));
        let refused = host.send(&people, &many).await.map(|_| ()).unwrap_err();
        let EngineError::CsvInvalid { errors, count } = refused else { panic!("{refused:?}") };
        assert_eq!((errors.len(), count, errors[0].line), (100, 150, 2));
        let twice = host.send(&people, "external_id,a\n7,x\n8,x\n7,y\n").await.map(|_| ());
        let Err(EngineError::CsvInvalid { errors, .. }) = twice else { panic!("{twice:?}") };
        assert_eq!((errors[0].line, errors[0].code.as_str()), (4, "duplicate_row"));
        let cell = format!("external_id,a\n3,\"{}\"\n", "x".repeat(2 * 1024 * 1024));
        assert!(matches!(host.send(&people, &cell).await, Err(EngineError::CsvInvalid { .. })));
        assert_eq!(names(&host.ctx, &people).await, ["1"]);
        assert!(host.ctx.list_uploads(&people, &all()).await.unwrap().items.len() >= 3);
        host.advance(25 * 3_600_000);
        grantry_engine::worker::run_due(&host.ctx.engine).await.unwrap();
        assert_eq!(host.ctx.list_uploads(&people, &all()).await.unwrap().items, vec![]);
    }
}

#[tokio::test]
async fn a_large_file_is_held_in_small_parts_only() {
    for host in hosts(0, 0).await.into_iter().take(1) {
        let people = host.data_source().await;
        let mut intake = host.ctx.receive_upload(&people).await.unwrap();
        intake.feed(b"external_id,display_name\n").await.unwrap();
        let mut bytes = 0;
        for block in 0..40_u32 {
            let rows = (0..500_u32).map(|row| format!("{block}-{row},{}\n", "n".repeat(200)));
            let text: String = rows.collect();
            bytes += text.len();
            intake.feed(text.as_bytes()).await.unwrap();
        }
        let received = intake.finish().await.unwrap();
        assert!(bytes > 4_000_000);
        assert!(received.buffered_max() < 1_000_000, "{}", received.buffered_max());
    }
}

#[tokio::test]
async fn too_many_waiting_uploads_and_those_of_a_fed_app_are_refused() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        for _ in 0..grantry_model::upload::UPLOADS_WAITING_MAX {
            host.send(&people, "external_id\n1\n").await.unwrap();
        }
        let more = host.send(&people, "external_id\n1\n").await.map(|_| ());
        assert!(matches!(more, Err(EngineError::TooManyUploads)), "{more:?}");
        let fed = Entity::App(host.app.clone());
        let refused = host.send(&fed, "user_name\nada\n").await.map(|_| ());
        assert!(matches!(refused, Err(EngineError::FedByIntegration)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_repeated_request_is_answered_with_the_first_upload() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        let file = b"external_id\n1\n";
        let request = Idempotent { key: "same", request: b"same", answer: &id_of };
        let first = host.receive(&people, file).await.unwrap();
        let first = host.ctx.finish_upload(&first, &request).await.unwrap();
        let again = host.receive(&people, file).await.unwrap();
        assert_eq!(host.ctx.finish_upload(&again, &request).await.unwrap(), first);
        let uploads = host.ctx.list_uploads(&people, &all()).await.unwrap().items;
        let waiting = uploads.iter().filter(|upload| upload.status.name() == "ready").count();
        assert_eq!(waiting, 1);
    }
}

/// A client with this permission only, as it was authenticated while it held it.
async fn client(host: &Host, entity: &Entity) -> (PrincipalId, Ctx) {
    let answer = |view: &grantry_engine::ClientView| Answer {
        status: 201,
        body: view.record.principal.id.to_string(),
    };
    let name = "Client".to_owned();
    let new = NewClient { name, description: String::new(), registration: None };
    let key = host.key();
    let request = Idempotent { key: &key, request: b"client", answer: &answer };
    let id = host.ctx.create_client(&new, &request).await.unwrap().body;
    let id = PrincipalId::parse(&id).unwrap();
    let entities = Arc::new(HashSet::from([entity.clone()]));
    let held = Permissions { entities, ..Permissions::default() };
    let (version, _) = host.ctx.permissions(&id).await.unwrap();
    host.ctx.set_permissions(&id, version, &held).await.unwrap();
    let answer = |_: &grantry_engine::TokenRecord| Answer { status: 201, body: String::new() };
    let key = host.key();
    let request = Idempotent { key: &key, request: b"token", answer: &answer };
    let token = host.ctx.create_token(&id, None, &request).await.unwrap().text.unwrap();
    let engine = &host.ctx.engine;
    let ctx = engine.authenticate(token.expose(), Door::Http, "client").await.unwrap().unwrap();
    (id, ctx)
}

/// Row 49: what began while the permission was held is not committed once it is gone.
#[tokio::test]
async fn a_permission_that_is_revoked_meanwhile_stops_the_commit() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        let waiting = host.send(&people, "external_id\n1\n").await.unwrap();
        let (id, ctx) = client(&host, &people).await;
        let apply = async |key: &str| {
            let request = Idempotent { key, request: b"apply", answer: &id_of };
            ctx.apply_upload(&people, &waiting.id, (&waiting.hash, None), &request).await
        };
        let (version, _) = host.ctx.permissions(&id).await.unwrap();
        host.ctx.set_permissions(&id, version, &Permissions::default()).await.unwrap();
        let denied = host.audited("authz.denied").await;
        let refused = apply("first").await;
        assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
        assert_eq!(names(&host.ctx, &people).await, Vec::<String>::new());
        assert_eq!(host.audited("authz.denied").await, denied + 1);
        let entities = Arc::new(HashSet::from([people.clone()]));
        let held = Permissions { entities, ..Permissions::default() };
        host.ctx.set_permissions(&id, version + 1, &held).await.unwrap();
        apply("second").await.unwrap();
        assert_eq!(names(&host.ctx, &people).await, ["1"]);
    }
}

/// What is staged by a reading that is over would be applied without having been compared.
#[tokio::test]
async fn lines_are_never_staged_into_a_reading_that_is_over() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        let mut intake = host.ctx.receive_upload(&people).await.unwrap();
        intake.feed(b"external_id,note\n").await.unwrap();
        let uploads = host.ctx.list_uploads(&people, &all()).await.unwrap().items;
        let other = host.ctx.preview_upload(&people, &uploads[0].id).await.unwrap();
        assert_eq!(other.diff.added, 0);
        let late: String = (0..2_000).map(|n| format!("{n},{}\n", "x".repeat(200))).collect();
        let fed = intake.feed(late.as_bytes()).await;
        assert!(matches!(fed, Err(EngineError::UploadNotReady { .. })), "{fed:?}");
        let other = Waiting { id: other.id, hash: other.diff_hash };
        host.apply(&people, &other, true).await.unwrap();
        assert_eq!(names(&host.ctx, &people).await, Vec::<String>::new());
        // Nor does its end disturb the other one.
        intake.give_up().await.unwrap();
        let there = host.ctx.upload(&people, &other.id).await.unwrap();
        assert_eq!(there.status.name(), "applied");
    }
}

#[tokio::test]
async fn a_reading_that_another_one_replaced_cannot_be_finished() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        let received = host.receive(&people, b"external_id\n1\n2\n").await.unwrap();
        let id = host.ctx.list_uploads(&people, &all()).await.unwrap().items[0].id.clone();
        host.ctx.append_piece(&people, &id, 0, b"external_id\n3\n").await.unwrap();
        let key = host.key();
        let request = Idempotent { key: &key, request: b"upload", answer: &id_of };
        let refused = host.ctx.finish_upload(&received, &request).await;
        assert!(matches!(refused, Err(EngineError::UploadNotReady { .. })), "{refused:?}");
        let anew = host.ctx.preview_upload(&people, &id).await.unwrap();
        assert_eq!(anew.diff.added, 1);
        host.apply(&people, &Waiting { id, hash: anew.diff_hash }, false).await.unwrap();
        assert_eq!(names(&host.ctx, &people).await, ["3"]);
    }
}

/// Lines that are freed while they are applied would look like people who left.
#[tokio::test]
async fn an_upload_whose_time_is_over_is_neither_staged_into_nor_applied() {
    for host in hosts(0, 0).await {
        let people = host.data_source().await;
        host.put(&people, "external_id\n1\n2\n").await;
        let waiting = host.send(&people, "external_id\n1\n2\n3\n").await.unwrap();
        let loaded = host.ctx.upload(&people, &waiting.id).await.unwrap();
        let mut intake = host.ctx.receive_upload(&people).await.unwrap();
        intake.feed(b"external_id\n4\n").await.unwrap();
        host.advance(24 * 3_600_000 + 1);
        assert!(matches!(intake.finish().await, Err(EngineError::NotFound { .. })));
        let late = host.apply(&people, &waiting, true).await;
        assert!(matches!(late, Err(EngineError::NotFound { .. })), "{late:?}");
        let Entity::DataSource(source) = &people else { panic!("not a data source") };
        let actor = &host.ctx.actor;
        let permit = actor
            .permit_entity::<grantry_authz::actions::DataSourceUsersUpdate>(people.clone())
            .unwrap();
        let mut tx = host.db().begin(permit.provenance()).await.unwrap();
        assert!(tx.apply_users(&permit, source, &loaded).await.is_err());
        drop(tx);
        assert_eq!(names(&host.ctx, &people).await, ["1", "2"]);
    }
}
