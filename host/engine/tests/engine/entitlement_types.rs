//! Entitlement types over syncs: what fits is taken over, what does not is told and kept, a deleted
//! type freezes its entitlements, and another id attribute moves no row (CAT-1 to CAT-3).

use std::sync::{Arc, Mutex};

use grantry_engine::{
    Answer, EngineError, Idempotent, PageQuery, ReKeyView, StoredEntitlement, StoredType, TypeInput,
};
use grantry_model::aggregation::RunStatus;
use grantry_model::catalogue::{Attribute, Completeness, ObjectRef, Target, Value};
use grantry_model::deletion_guard::DeletionGuardChange;
use grantry_model::entitlement_types::{AttributeKind, SaidBy, TypeAttribute, TypeChange};
use grantry_model::ids::PluginId;
use grantry_store::Run;

use crate::host::{Host, hosts, unsigned};

fn attribute(name: &str, of: &str) -> TypeAttribute {
    TypeAttribute {
        name: name.into(),
        description: String::new(),
        of: AttributeKind::parse(of),
        is_multi_valued: false,
        is_managed: true,
    }
}

pub fn attributes(all: &[(&str, &str)]) -> TypeChange {
    let all = all.iter().map(|(name, of)| attribute(name, of)).collect();
    TypeChange { attributes: Some(all), ..TypeChange::default() }
}

/// What the entitlements on groups have of an attribute, by the group's id.
type Values = Arc<Mutex<Vec<(String, &'static str, Vec<Value>)>>>;

/// From now on the connector reports these attributes of entitlements.
fn report(host: &Host) -> Values {
    let values = Values::default();
    let reported = values.clone();
    host.directory.lock().unwrap().lie = Some(Box::new(move |_, page| {
        for entitlement in &mut page.entitlements {
            for (group, name, values) in reported.lock().unwrap().iter() {
                if entitlement.on.id == *group {
                    entitlement.attributes.push(Attribute {
                        name: (*name).into(),
                        values: values.clone(),
                        completeness: Completeness::Complete,
                    });
                }
            }
        }
    }));
    values
}

fn text(value: &str) -> Vec<Value> {
    vec![Value::Text(value.into())]
}

impl Host {
    async fn types(&self) -> Vec<StoredType> {
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        self.ctx.list_entitlement_types(&self.integration, &query).await.unwrap().items
    }

    async fn group_type(&self) -> StoredType {
        self.types().await.into_iter().find(|of| of.name == "Group").unwrap()
    }

    pub async fn change_group_type(&self, change: &TypeChange) {
        let of = self.group_type().await;
        let (integration, version) = (&self.integration, of.version);
        self.ctx.update_entitlement_type(integration, &of.id, version, change).await.unwrap();
    }

    async fn delete_group_type(&self) {
        let of = self.group_type().await;
        let integration = &self.integration;
        self.ctx.delete_entitlement_type(integration, &of.id, of.version).await.unwrap();
    }

    async fn make_type(&self, name: &str, change: TypeChange) -> grantry_engine::Result<()> {
        let input = TypeInput { name: name.into(), change };
        let answer = |of: &StoredType| Answer { status: 201, body: of.id.to_string() };
        let key = self.key();
        let request = Idempotent { key: &key, request: b"type", answer: &answer };
        let integration = &self.integration;
        self.ctx.create_entitlement_type(integration, &input, &request).await.map(drop)
    }

    async fn preview(&self, attribute: Option<&str>) -> ReKeyView {
        let of = self.group_type().await;
        self.ctx.preview_re_key(&self.integration, &of.id, attribute).await.unwrap()
    }

    async fn re_key(&self, attribute: Option<&str>, hash: &str) -> grantry_engine::Result<()> {
        let of = self.group_type().await;
        let answer = |of: &StoredType| Answer { status: 200, body: of.id.to_string() };
        let key = self.key();
        let request = Idempotent { key: &key, request: b"re-key", answer: &answer };
        let to = (attribute, hash);
        self.ctx.re_key_type(&self.integration, &of.id, to, &request).await.map(drop)
    }

    async fn entitlement(&self, group: &str) -> Option<StoredEntitlement> {
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        let page = self.ctx.list_entitlements(&self.integration, &query).await.unwrap();
        page.items.into_iter().find(|of| of.native_id == format!("{group}:member"))
    }

    async fn issues(&self, run: &Run) -> Vec<(String, String)> {
        let query = PageQuery { limit: 200, ..PageQuery::default() };
        let issues = self.ctx.list_run_issues(&run.id, &query).await.unwrap().items;
        issues.into_iter().map(|issue| (issue.code, issue.detail)).collect()
    }
}

async fn succeeded(host: &Host) -> Run {
    let run = host.aggregate_at_once().await;
    assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
    run
}

#[tokio::test]
async fn a_connectors_types_come_with_the_integration_and_a_sync_makes_what_is_missing() {
    for host in hosts(5, 2).await {
        let of = host.group_type().await;
        assert_eq!((of.origin.name(), of.entitlements), ("connector", 0));
        host.directory.lock().unwrap().lie = Some(Box::new(|_, page| {
            for entitlement in page.entitlements.iter_mut().filter(|of| of.on.id == "g01") {
                entitlement.kind = "Team".into();
            }
        }));
        succeeded(&host).await;
        let mut types = host.types().await;
        types.sort_by(|a, b| a.name.cmp(&b.name));
        let shown: Vec<_> =
            types.iter().map(|of| (of.name.as_str(), of.origin.name(), of.entitlements)).collect();
        assert_eq!(shown, [("Group", "connector", 1), ("Team", "sync", 1)]);
        // No account kind is an entitlement type.
        assert!(types.iter().all(|of| of.name != "User"));
    }
}

#[tokio::test]
async fn rows_that_do_not_fit_are_told_kept_and_taken_over_when_they_fit() {
    for host in hosts(9, 4).await {
        let values = report(&host);
        *values.lock().unwrap() = vec![("g00".into(), "size", vec![Value::Integer(1)])];
        succeeded(&host).await;
        let wanted = [("size", "long"), ("parent", "Group")];
        host.change_group_type(&attributes(&wanted)).await;
        let reference = Value::Reference(ObjectRef { kind: "Group".into(), id: "ghost".into() });
        *values.lock().unwrap() = vec![
            ("g00".into(), "size", text("large")),
            ("g01".into(), "size", vec![Value::Integer(1), Value::Integer(2)]),
            ("g02".into(), "parent", vec![reference]),
            ("g03".into(), "size", vec![Value::Integer(7)]),
        ];
        let run = succeeded(&host).await;
        let issues = host.issues(&run).await;
        let codes: Vec<&str> = issues.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!(codes, ["wrong_type", "several_values", "unknown_reference"]);
        assert!(issues[0].1.contains("g00:member") && issues[0].1.contains("long"), "{issues:?}");
        assert_eq!((run.removed, run.progress.unwrap().quarantined), (0, 3));
        // What was there is there as it was.
        host.assert_equal_to_directory().await;
        let kept = host.entitlement("g00").await.unwrap();
        assert!(kept.details.contains(r#""value":1"#), "{}", kept.details);

        *values.lock().unwrap() = vec![("g00".into(), "size", vec![Value::Integer(2)])];
        let run = succeeded(&host).await;
        assert_eq!(run.progress.unwrap().quarantined, 0);
        let fits = host.entitlement("g00").await.unwrap();
        assert!(fits.details.contains(r#""value":2"#), "{}", fits.details);
        assert_eq!(succeeded(&host).await.progress.unwrap().written, 0);
    }
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_held_against_a_schema_that_has() {
    for host in hosts(6, 2).await {
        *report(&host).lock().unwrap() = vec![("g00".into(), "size", text("large"))];
        succeeded(&host).await;
        assert_eq!(succeeded(&host).await.progress.unwrap().quarantined, 0);
        host.change_group_type(&attributes(&[("size", "int")])).await;
        assert_eq!(succeeded(&host).await.progress.unwrap().quarantined, 1);
        let lenient = TypeAttribute { is_managed: false, ..attribute("size", "int") };
        let change = TypeChange { attributes: Some(vec![lenient]), ..TypeChange::default() };
        host.change_group_type(&change).await;
        assert_eq!(succeeded(&host).await.progress.unwrap().quarantined, 0);
    }
}

#[tokio::test]
async fn resources_are_held_against_the_type_of_their_kind_and_accounts_against_none() {
    for host in hosts(6, 2).await {
        succeeded(&host).await;
        host.change_group_type(&attributes(&[("size", "int")])).await;
        host.directory.lock().unwrap().lie = Some(Box::new(|_, page| {
            for object in &mut page.objects {
                let (name, values) = ("size".into(), text("large"));
                let completeness = Completeness::Complete;
                object.attributes.push(Attribute { name, values, completeness });
                object.display = Some("Renamed".into());
            }
        }));
        let run = succeeded(&host).await;
        assert_eq!((run.removed, run.progress.unwrap().quarantined), (0, 2));
        host.assert_equal_to_directory().await;
        let query = PageQuery { limit: 200, search: "renamed".into(), ..PageQuery::default() };
        let renamed = async |class| {
            host.ctx.list_objects(&host.integration, class, &query).await.unwrap().items.len()
        };
        assert_eq!(renamed(grantry_store::Class::Account).await, 6);
        assert_eq!(renamed(grantry_store::Class::Resource).await, 0);
    }
}

#[tokio::test]
async fn a_deleted_type_freezes_its_entitlements_until_it_is_made_again() {
    for host in hosts(30, 3).await {
        succeeded(&host).await;
        let held = host.grant("g00", "u001").await;
        host.work().await;
        host.delete_group_type().await;
        assert!(host.entitlement("g00").await.unwrap().is_frozen);
        {
            let mut directory = host.directory.lock().unwrap();
            directory.groups.remove("g02");
            directory.members.retain(|(group, _)| group != "g02");
            directory.groups.insert("g00".into(), "Renamed".into());
            directory.groups.insert("g09".into(), "New".into());
            directory.members.insert(("g01".into(), "u029".into()));
        }
        let before = host.catalogue().await.2;
        for _ in 0..2 {
            let run = succeeded(&host).await;
            assert_eq!((run.removed, run.progress.unwrap().quarantined), (0, 0));
            assert_eq!(host.catalogue().await.2, before);
            assert_eq!(host.entitlement("g00").await.unwrap().display, "Group 0 member");
            assert!(host.entitlement("g02").await.is_some());
            assert!(host.entitlement("g09").await.is_none());
        }
        // Nothing is granted, and what is granted can be taken away.
        let refused = host.try_grant("g01", "u028", None).await;
        assert!(matches!(refused, Err(EngineError::Invalid(_))), "{refused:?}");
        host.delete(&held).await;
        host.work().await;
        assert!(!host.holds("g00", "u001"));

        host.make_type("Group", TypeChange::default()).await.unwrap();
        assert!(!host.entitlement("g01").await.unwrap().is_frozen);
        let change = DeletionGuardChange { percent_max: Some(100), ..Default::default() };
        host.ctx.update_deletion_guard(&host.integration, 1, &change).await.unwrap();
        succeeded(&host).await;
        host.assert_equal_to_directory().await;
        assert_eq!(host.entitlement("g00").await.unwrap().display, "Renamed member");
    }
}

#[tokio::test]
async fn a_frozen_type_stays_frozen_under_another_name_and_over_syncs_and_upgrades() {
    for host in hosts(6, 2).await {
        succeeded(&host).await;
        host.delete_group_type().await;
        host.directory.lock().unwrap().lie = Some(Box::new(|_, page| {
            for entitlement in &mut page.entitlements {
                entitlement.kind = "Other".into();
                entitlement.display = "Other".into();
            }
        }));
        succeeded(&host).await;
        host.upgrade(b"scripted typed").await;
        succeeded(&host).await;
        assert!(host.group_type().await.deleted.is_some());
        assert_eq!(host.entitlement("g00").await.unwrap().display, "Group 0 member");
    }
}

#[tokio::test]
async fn a_removal_that_waits_does_not_take_what_is_frozen_since() {
    for host in hosts(60, 2).await {
        succeeded(&host).await;
        host.directory.lock().unwrap().members.retain(|(_, user)| user.as_str() > "u030");
        let run = host.aggregate_at_once().await;
        assert_eq!(run.status, RunStatus::Blocked);
        let hash = host.removal(&run.id).await.removal.hash;
        host.delete_group_type().await;
        let refused = host.try_approve(&run.id, &hash).await;
        assert!(matches!(refused, Err(EngineError::DiffChanged)), "{refused:?}");
    }
}

#[tokio::test]
async fn another_id_attribute_is_previewed_and_moves_no_row() {
    for host in hosts(9, 4).await {
        *report(&host).lock().unwrap() = vec![
            ("g00".into(), "code", text("alpha")),
            ("g01".into(), "code", text("beta")),
            ("g02".into(), "code", text("beta")),
        ];
        succeeded(&host).await;
        let membership = host.grant("g00", "u001").await;
        host.work().await;
        let said = grantry_engine::SaidChange {
            display: Some(Some("Our own name".into())),
            ..grantry_engine::SaidChange::default()
        };
        let role = host.role("g00");
        host.ctx.update_entitlement(&host.integration, &role, 1, &said).await.unwrap();
        host.change_group_type(&attributes(&[("code", "string")])).await;

        let preview = host.preview(Some("code")).await.change;
        assert_eq!((preview.entitlements, preview.changed), (4, 3));
        assert_eq!(preview.colliding.len(), 1);
        assert_eq!((&*preview.colliding[0].0, preview.colliding[0].1.len()), ("beta", 2));
        assert_eq!(preview.without.len(), 1);
        assert_eq!(host.entitlement("g00").await.unwrap().known_as, "g00:member");
        // Nothing but what was shown.
        let other = host.re_key(Some("code"), "other").await;
        assert!(matches!(other, Err(EngineError::DiffChanged)), "{other:?}");
        let unknown = host.re_key(Some("nothing"), &preview.hash).await;
        assert!(matches!(unknown, Err(EngineError::Invalid(_))), "{unknown:?}");

        host.re_key(Some("code"), &preview.hash).await.unwrap();
        let known = async |group: &str| host.entitlement(group).await.unwrap().known_as;
        assert_eq!(known("g00").await, "alpha");
        assert_eq!(known("g03").await, "g03:member");
        assert_eq!(host.entitlement("g00").await.unwrap().name(), "Our own name");
        assert_eq!(host.membership(&membership).await.role, host.role("g00"));
        let run = succeeded(&host).await;
        let codes: Vec<_> = host.issues(&run).await.into_iter().map(|(code, _)| code).collect();
        // Told on every run that reads them, and taken over all the same.
        assert_eq!(
            codes,
            ["duplicate_entitlement_id", "duplicate_entitlement_id", "no_entitlement_id"]
        );
        assert_eq!((run.removed, known("g00").await.as_str()), (0, "alpha"));
        let query = PageQuery { limit: 9, known_as: "beta".into(), ..PageQuery::default() };
        let found = host.ctx.list_entitlements(&host.integration, &query).await.unwrap();
        assert_eq!(found.items.len(), 2);
        host.assert_equal_to_directory().await;

        let back = host.preview(None).await.change;
        assert_eq!((back.colliding.len(), back.without.len(), back.changed), (0, 0, 3));
        host.re_key(None, &back.hash).await.unwrap();
        assert_eq!(known("g00").await, "g00:member");
    }
}

#[tokio::test]
async fn ids_and_names_follow_attributes_of_the_resource() {
    for host in hosts(6, 2).await {
        let code = Arc::new(Mutex::new("one"));
        let reported = code.clone();
        host.directory.lock().unwrap().lie = Some(Box::new(move |request, page| {
            if matches!(&request.target, Target::Objects(kind) if kind == "Group") {
                for object in page.objects.iter_mut().filter(|object| object.id.id == "g00") {
                    let values = text(*reported.lock().unwrap());
                    let completeness = Completeness::Complete;
                    let name = "code".into();
                    object.attributes.push(Attribute { name, values, completeness });
                }
            }
        }));
        succeeded(&host).await;
        let mut change = attributes(&[("code", "string")]);
        change.name_attribute = Some(Some("code".into()));
        host.change_group_type(&change).await;
        let preview = host.preview(Some("code")).await.change;
        host.re_key(Some("code"), &preview.hash).await.unwrap();
        for now in ["one", "two"] {
            *code.lock().unwrap() = now;
            succeeded(&host).await;
            let found = host.entitlement("g00").await.unwrap();
            assert_eq!((found.known_as.as_str(), found.display.as_str()), (now, now));
        }
        assert_eq!(host.entitlement("g01").await.unwrap().display, "Group 1 member");
    }
}

#[tokio::test]
async fn an_upgrade_brings_new_attributes_and_leaves_an_admins_edits() {
    for host in hosts(6, 2).await {
        host.change_group_type(&attributes(&[("size", "string")])).await;
        host.upgrade(b"scripted typed").await;
        let of = host.group_type().await.in_force();
        let shown: Vec<_> =
            of.attributes.iter().map(|a| (a.attribute.name.as_str(), a.said_by)).collect();
        assert_eq!(shown, [("size", SaidBy::Edited), ("owner", SaidBy::Connector)]);
        assert_eq!(of.attributes[0].attribute.of, AttributeKind::String);
        assert_eq!(of.attributes[0].declared.as_ref().unwrap().of, AttributeKind::Long);
    }
}

#[tokio::test]
async fn no_type_changes_while_a_run_reads() {
    for host in hosts(6, 2).await {
        succeeded(&host).await;
        host.order_aggregation().await;
        let of = host.group_type().await;
        let change = attributes(&[("size", "long")]);
        let refused =
            host.ctx.update_entitlement_type(&host.integration, &of.id, of.version, &change).await;
        assert!(matches!(refused, Err(EngineError::SyncRunning)), "{refused:?}");
        let refused = host.ctx.delete_entitlement_type(&host.integration, &of.id, of.version).await;
        assert!(matches!(refused, Err(EngineError::SyncRunning)), "{refused:?}");
        let refused = host.make_type("Vault", TypeChange::default()).await;
        assert!(matches!(refused, Err(EngineError::SyncRunning)), "{refused:?}");
        let preview = host.preview(None).await.change;
        let refused = host.re_key(None, &preview.hash).await;
        assert!(matches!(refused, Err(EngineError::SyncRunning)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_connector_cannot_fill_the_catalogue_with_types() {
    for host in hosts(5, 1).await {
        host.directory.lock().unwrap().page_items = 1_000;
        host.directory.lock().unwrap().lie = Some(Box::new(|request, page| {
            if matches!(request.target, Target::EntitlementsOfKind(_)) {
                let one = page.entitlements[0].clone();
                page.entitlements = (0..600)
                    .map(|number| grantry_model::catalogue::Entitlement {
                        id: format!("g{number:03}:member"),
                        kind: format!("Kind {number}"),
                        ..one.clone()
                    })
                    .collect();
            }
        }));
        let run = succeeded(&host).await;
        let types = host.db().entitlement_types(&host.integration).await.unwrap();
        assert_eq!(types.len(), grantry_model::entitlement_types::TYPES_MAX);
        let issues = host.issues(&run).await;
        assert!(issues.iter().any(|(code, _)| code == "too_many_types"), "{issues:?}");
    }
}

#[tokio::test]
async fn a_type_is_made_once_and_a_deleted_one_tells_what_to_do() {
    for host in hosts(2, 1).await {
        host.make_type("Vault", attributes(&[("code", "string")])).await.unwrap();
        let twice = host.make_type("Vault", TypeChange::default()).await;
        assert!(matches!(twice, Err(EngineError::Store(_))), "{twice:?}");
        let of = host.types().await.into_iter().find(|of| of.name == "Vault").unwrap();
        assert_eq!(of.in_force().id_attribute.as_deref(), Some("code"));
        host.delete_group_type().await;
        let of = host.group_type().await;
        let change = TypeChange::default();
        let refused =
            host.ctx.update_entitlement_type(&host.integration, &of.id, of.version, &change).await;
        assert!(matches!(refused, Err(EngineError::TypeDeleted(_))), "{refused:?}");
    }
}

impl Host {
    /// Moves the integration to another version of its plugin.
    async fn upgrade(&self, component: &[u8]) {
        let answer = |plugin: &grantry_engine::Installed| Answer {
            status: 200,
            body: plugin.id.to_string(),
        };
        let key = self.key();
        let request = Idempotent { key: &key, request: component, answer: &answer };
        let plugin = self.ctx.install_plugin(&unsigned(component), &request).await.unwrap().body;
        let plugin = PluginId::parse(&plugin).unwrap();
        let version = self.ctx.integration(&self.integration).await.unwrap().integration.version;
        self.ctx.move_version(&self.integration, version, &plugin, None).await.unwrap();
    }
}
