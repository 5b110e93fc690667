//! What is in force, what fits, and what a new id attribute changes.

use super::*;
use crate::catalogue::{Attribute, Completeness, ObjectRef, Value};

fn attribute(name: &str, of: AttributeKind) -> TypeAttribute {
    TypeAttribute {
        name: name.to_owned(),
        description: String::new(),
        of,
        is_multi_valued: false,
        is_managed: true,
    }
}

fn declared(attributes: Vec<TypeAttribute>) -> DeclaredType {
    DeclaredType {
        display: "Groups".to_owned(),
        id_attribute: "id".to_owned(),
        name_attribute: Some("displayName".to_owned()),
        attributes,
    }
}

fn holding(name: &str, values: Vec<Value>) -> Vec<Attribute> {
    vec![Attribute { name: name.to_owned(), values, completeness: Completeness::Complete }]
}

fn names(of: &EntitlementType) -> Vec<(&str, SaidBy)> {
    of.attributes.iter().map(|a| (a.attribute.name.as_str(), a.said_by)).collect()
}

#[test]
fn an_admins_edits_survive_an_upgrade_and_new_attributes_come_along() {
    let before = declared(vec![
        attribute("size", AttributeKind::String),
        attribute("tag", AttributeKind::String),
        attribute("old", AttributeKind::String),
    ]);
    let said = vec![
        attribute("size", AttributeKind::Long),
        attribute("tag", AttributeKind::String),
        attribute("own", AttributeKind::Int),
    ];
    let change = TypeChange { attributes: Some(said), ..TypeChange::default() };
    let own = OwnType::default().changed(Some(&before), &change, &[]).unwrap();
    assert_eq!(own.dropped, ["old"]);
    let after = declared(vec![
        attribute("size", AttributeKind::Boolean),
        attribute("tag", AttributeKind::Long),
        attribute("old", AttributeKind::String),
        attribute("new", AttributeKind::String),
    ]);
    let upgraded = in_force("Group", Some(&after), &own);
    assert_eq!(
        names(&upgraded),
        [
            ("size", SaidBy::Edited),
            ("tag", SaidBy::Connector),
            ("new", SaidBy::Connector),
            ("own", SaidBy::Admin)
        ]
    );
    let size = &upgraded.attributes[0];
    assert_eq!(size.attribute.of, AttributeKind::Long);
    assert_eq!(size.declared.as_ref().unwrap().of, AttributeKind::Boolean);
    assert_eq!(upgraded.attributes[1].attribute.of, AttributeKind::Long);
}

#[test]
fn the_connectors_own_id_and_name_are_read_from_nowhere_else() {
    let declared = declared(vec![attribute("displayName", AttributeKind::String)]);
    let plain = in_force("Group", Some(&declared), &OwnType::default());
    assert!(plain.read.is_plain());
    assert_eq!(plain.id_attribute.as_deref(), Some("id"));
    let own = OwnType::default().re_keyed(Some(&declared), Some("id")).unwrap();
    assert!(in_force("Group", Some(&declared), &own).read.is_plain());
    let own = OwnType::default().re_keyed(Some(&declared), Some("displayName")).unwrap();
    let read = in_force("Group", Some(&declared), &own).read;
    assert_eq!(read.id.as_deref(), Some("displayName"));
    let unknown = OwnType::default().re_keyed(Some(&declared), Some("nothing")).unwrap_err();
    assert_eq!(
        (unknown[0].path.as_str(), &*unknown[0].code),
        ("/id_attribute", "unknown_attribute")
    );
}

#[test]
fn the_first_attribute_of_a_persons_type_is_id_and_name() {
    let own = OwnType {
        attributes: vec![
            attribute("key", AttributeKind::String),
            attribute("label", AttributeKind::String),
        ],
        ..OwnType::default()
    };
    let made = in_force("Vault", None, &own.with_first_attribute(None));
    assert_eq!(made.id_attribute.as_deref(), Some("key"));
    assert_eq!(made.name_attribute.as_deref(), Some("key"));
}

#[test]
fn attributes_refer_to_types_that_there_are() {
    let reference = |of: &str| TypeChange {
        attributes: Some(vec![attribute("parent", AttributeKind::parse(of))]),
        ..TypeChange::default()
    };
    let types = ["Group".to_owned()];
    let own = OwnType::default().changed(None, &reference("Group"), &types).unwrap();
    assert_eq!(own.attributes[0].of, AttributeKind::Reference("Group".to_owned()));
    let wrong = OwnType::default().changed(None, &reference("Grup"), &types).unwrap_err();
    assert_eq!((&*wrong[0].path, &*wrong[0].code), ("/attributes/0/type", "unknown_type"));
    let twice = vec![attribute("a", AttributeKind::Int), attribute("a", AttributeKind::Long)];
    let change = TypeChange { attributes: Some(twice), ..TypeChange::default() };
    assert_eq!(OwnType::default().changed(None, &change, &[]).unwrap_err()[0].code, "duplicate");
    let dropped = TypeChange { attributes: Some(Vec::new()), ..TypeChange::default() };
    let named = OwnType { name_attribute: Some("a".to_owned()), ..OwnType::default() };
    assert_eq!(named.changed(None, &dropped, &[]).unwrap_err()[0].path, "/name_attribute");
}

#[test]
fn values_fit_or_say_why_not() {
    let mut several = attribute("tags", AttributeKind::String);
    several.is_multi_valued = true;
    let mut free = attribute("free", AttributeKind::Int);
    free.is_managed = false;
    let own = OwnType {
        attributes: vec![
            attribute("size", AttributeKind::Long),
            attribute("rank", AttributeKind::Int),
            attribute("on", AttributeKind::Boolean),
            attribute("name", AttributeKind::String),
            attribute("parent", AttributeKind::parse("Group")),
            several,
            free,
        ],
        ..OwnType::default()
    };
    let schema = Schema::of(&in_force("Group", None, &own)).unwrap();
    let to = |kind: &str, id: &str| {
        Value::Reference(ObjectRef { kind: kind.to_owned(), id: id.to_owned() })
    };
    let text = || Value::Text("x".to_owned());
    let check = |name: &str, values: Vec<Value>| {
        let checked = schema.check(&holding(name, values), |to| to.id == "known");
        checked.map_err(|misfit| misfit.code())
    };
    for (name, values) in [
        ("size", vec![Value::Integer(i64::MAX)]),
        ("size", vec![]),
        ("rank", vec![Value::Integer(7)]),
        ("on", vec![Value::Boolean(false)]),
        ("name", vec![Value::Integer(7)]),
        ("tags", vec![text(), text()]),
        ("parent", vec![to("Group", "known")]),
        ("free", vec![text(), text()]),
        ("not declared", vec![text(), text()]),
    ] {
        assert_eq!(check(name, values.clone()), Ok(()), "{name} {values:?}");
    }
    for (name, values, code) in [
        ("size", vec![text()], "wrong_type"),
        ("rank", vec![Value::Integer(i64::MAX)], "wrong_type"),
        ("on", vec![text()], "wrong_type"),
        ("name", vec![to("Group", "known")], "wrong_type"),
        ("name", vec![text(), text()], "several_values"),
        ("parent", vec![to("Group", "ghost")], "unknown_reference"),
        ("parent", vec![to("User", "known")], "wrong_type"),
        ("parent", vec![text()], "wrong_type"),
    ] {
        assert_eq!(check(name, values.clone()), Err(code), "{name} {values:?}");
    }
}

#[test]
fn an_entitlements_own_attribute_comes_before_its_resources() {
    let own = holding("code", vec![Value::Integer(7)]);
    let resource = holding("code", vec![Value::Text("eight".to_owned())]);
    assert_eq!(value_of("code", &own, &resource).as_deref(), Some("7"));
    assert_eq!(value_of("code", &[], &resource).as_deref(), Some("eight"));
    assert_eq!(value_of("code", &[], &[]), None);
    assert_eq!(value_of("code", &holding("code", vec![Value::Text(" ".into())]), &[]), None);
}

#[test]
fn a_re_key_tells_who_collides_and_who_loses_the_id() {
    let row = |key: &str, after: Option<&str>| ReKeyed {
        key: key.to_owned(),
        display: key.to_owned(),
        before: key.to_owned(),
        after: after.map(str::to_owned),
        native: key.to_owned(),
    };
    let rows = [row("a", Some("x")), row("b", Some("x")), row("c", None), row("d", Some("d"))];
    let change = re_key("code", &rows);
    assert_eq!((change.entitlements, change.changed), (4, 2));
    assert_eq!(change.colliding.len(), 1);
    assert_eq!(change.colliding[0].1.len(), 2);
    assert_eq!(change.without.len(), 1);
    let mut turned = rows.to_vec();
    turned.reverse();
    assert_eq!(re_key("code", &turned).hash, change.hash);
    assert_ne!(re_key("other", &rows).hash, change.hash);
    turned[0].after = Some("y".to_owned());
    assert_ne!(re_key("code", &turned).hash, change.hash);
}
