//! Creating, changing and deleting: each takes effect, and what cannot be is refused.

use std::collections::{BTreeMap, BTreeSet};

use grantry_model::aggregation::PAGE_ITEMS_MAX;
use grantry_model::catalogue::{
    Attribute, AttributeDelta, Completeness, Object, ObjectRef, ObjectStatus, Target, Value as Cell,
};
use grantry_model::fault::{Fault, PluginError};
use grantry_model::plugin::{AttributeType, KindSchema, Verb};
use grantry_model::provision::{CreateRequest, Operation, Outcome, UpdateRequest, Verification};
use serde_json::Value;

use super::Subject;
use super::grants::{is_asynchronous, is_success, took_effect};
use super::lost;
use crate::checks::{
    CREATE_TAKES_EFFECT, CREATE_TWICE, DELETE_TAKES_EFFECT, DELETE_TWICE, ENABLE_TAKES_EFFECT,
    NOT_UPDATABLE, OBJECTS, UNKNOWN_ATTRIBUTE, UPDATE_TAKES_EFFECT,
};
use crate::config::{CreateCase, attributes};
use crate::reading::{End, How, Listing};
use crate::report::{Not, Report, Verdict, broken, skipped};
use crate::sandbox::Session;

const NO_NAME: &str = "noSuchAttribute";

/// All checks about objects.
pub(super) async fn check(
    subject: &Subject<'_>,
    session: &Session,
    kinds: &[KindSchema],
    report: &mut Report,
) {
    let made = match prepare(subject, kinds) {
        Ok(desk) => desk.run(subject, session, report).await,
        Err(not) => Err(not),
    };
    if let Err(not) = made {
        for check in OBJECTS {
            report.note(check, Err(not.clone()));
        }
    }
}

/// The case of the configuration.
struct Desk<'a> {
    kind: &'a KindSchema,
    case: &'a CreateCase,
    unique: &'a str,
}

fn prepare<'a>(subject: &Subject<'a>, kinds: &'a [KindSchema]) -> Result<Desk<'a>, Not> {
    let Some(case) = &subject.config.create else {
        return skipped("the configuration has no `create`");
    };
    let Some(kind) = kinds.iter().find(|kind| kind.kind == case.kind) else {
        return broken(format!("`create.kind` of the configuration, `{}`, is unknown", case.kind));
    };
    match kind.verbs.contains(&Verb::Create) && kind.verbs.contains(&Verb::Delete) {
        true => Ok(Desk { kind, case, unique: subject.unique }),
        false => skipped(format!("a `{}` is not created and deleted", case.kind)),
    }
}

/// The ids of a kind.
pub(super) async fn ids(session: &Session, kind: &str) -> Result<BTreeSet<String>, Not> {
    Ok(objects(session, kind).await?.into_keys().collect())
}

async fn objects(session: &Session, kind: &str) -> Result<BTreeMap<String, Object>, Not> {
    let target = Target::Objects(kind.to_owned());
    let listing = Listing::read(session, target, How::pages_of(PAGE_ITEMS_MAX)).await;
    match listing.end {
        End::Reached => {
            let rows = listing.pages.into_iter().flat_map(|page| page.objects);
            Ok(rows.map(|row| (row.id.id.clone(), row)).collect())
        }
        _ => broken(format!("the listing of `{kind}` is no longer whole")),
    }
}

impl Desk<'_> {
    fn attributes(&self, turn: &str) -> Result<Vec<Attribute>, Not> {
        let unique = format!("{}{turn}", self.unique);
        attributes(self.kind, &self.case.attributes, &unique).map_err(Not::Kept)
    }

    fn create(&self, attributes: Vec<Attribute>) -> Operation {
        let kind = self.case.kind.clone();
        Operation::Create(CreateRequest { kind, attributes, parent: None, ends_ms: None })
    }

    fn can(&self, verb: Verb) -> bool {
        self.kind.verbs.contains(&verb)
    }

    async fn run(
        &self,
        subject: &Subject<'_>,
        session: &Session,
        report: &mut Report,
    ) -> Result<(), Not> {
        let before = ids(session, &self.case.kind).await?;
        let outcome = self.each(session, report, &before).await;
        if outcome.is_ok() {
            let another = self.create(self.attributes("c")?);
            lost::of_creation(subject, &another, &self.case.kind, report).await;
        }
        // Whatever went wrong: as it was.
        for left in ids(session, &self.case.kind).await?.difference(&before) {
            let delete = Operation::Delete(self.reference(left));
            let _ = session.apply(&delete, &session.new_operation()).await;
        }
        outcome
    }

    fn reference(&self, id: &str) -> ObjectRef {
        ObjectRef { kind: self.case.kind.clone(), id: id.to_owned() }
    }

    async fn each(
        &self,
        session: &Session,
        report: &mut Report,
        before: &BTreeSet<String>,
    ) -> Result<(), Not> {
        let attributes = self.attributes("a")?;
        let create = self.create(attributes.clone());
        let outcome = session.apply(&create, &session.new_operation()).await;
        if let Some(not) = is_asynchronous(&outcome) {
            return Err(not);
        }
        let listed = objects(session, &self.case.kind).await?;
        let made: Vec<&Object> =
            listed.iter().filter(|(id, _)| !before.contains(*id)).map(|(_, row)| row).collect();
        let [object] = made.as_slice() else {
            let seen = format!("{outcome:?}; the listing has {} new objects", made.len());
            report.note(&CREATE_TAKES_EFFECT, broken(seen));
            return skipped("nothing was created");
        };
        report
            .note(&CREATE_TAKES_EFFECT, is_success(&outcome).and(self.is_as(object, &attributes)));
        let id = self.reference(&object.id.id);
        report.note(&CREATE_TWICE, self.twice(session, &create, &listed).await);
        report.note(&UNKNOWN_ATTRIBUTE, self.unknown_attribute(session).await);
        report.note(&UPDATE_TAKES_EFFECT, self.update(session, &id).await);
        report.note(&NOT_UPDATABLE, self.not_updatable(session, &id).await);
        report.note(&ENABLE_TAKES_EFFECT, self.enable(session, &id).await);
        let delete = Operation::Delete(id.clone());
        let deleted = session.apply(&delete, &session.new_operation()).await;
        let is_gone = !ids(session, &self.case.kind).await?.contains(&id.id);
        report.note(&DELETE_TAKES_EFFECT, took_effect(&deleted, is_gone));
        report.note(
            &DELETE_TWICE,
            match session.apply(&delete, &session.new_operation()).await {
                Ok(Outcome::Already(_)) | Err(Fault::Plugin(PluginError::NotFound(_))) => Ok(()),
                other => broken(format!("the second deletion is {other:?}")),
            },
        );
        Ok(())
    }

    /// What was given is what is listed, where it can be read.
    fn is_as(&self, object: &Object, given: &[Attribute]) -> Verdict {
        for attribute in given {
            let declared = self.kind.attributes.iter().find(|known| known.name == attribute.name);
            let is_readable = declared
                .is_some_and(|known| known.traits.iter().any(|held| held == "returned_by_default"));
            let listed = object.attributes.iter().find(|held| held.name == attribute.name);
            if is_readable && listed.map(|held| &held.values) != Some(&attribute.values) {
                return broken(format!(
                    "the new object's `{}` is not what was given",
                    attribute.name
                ));
            }
        }
        Ok(())
    }

    async fn twice(
        &self,
        session: &Session,
        create: &Operation,
        listed: &BTreeMap<String, Object>,
    ) -> Verdict {
        let outcome = session.apply(create, &session.new_operation()).await;
        let after = ids(session, &self.case.kind).await?;
        let new = after.iter().filter(|id| !listed.contains_key(*id)).count();
        match outcome {
            Err(Fault::Plugin(PluginError::AlreadyExists(_))) | Ok(Outcome::Already(_))
                if new == 0 =>
            {
                Ok(())
            }
            Ok(Outcome::Done(_)) if new == 1 => Ok(()),
            other => broken(format!("the second creation is {other:?} and made {new} objects")),
        }
    }

    async fn unknown_attribute(&self, session: &Session) -> Verdict {
        let mut attributes = self.attributes("b")?;
        attributes.push(Attribute {
            name: NO_NAME.to_owned(),
            values: vec![Cell::Text("x".to_owned())],
            completeness: Completeness::Complete,
        });
        let before = ids(session, &self.case.kind).await?;
        let outcome = session.apply(&self.create(attributes), &session.new_operation()).await;
        let made = ids(session, &self.case.kind).await?.difference(&before).count();
        match outcome {
            Err(fault) if !fault.is_misbehaviour() && made == 0 => Ok(()),
            other => broken(format!("it is {other:?} and made {made} objects")),
        }
    }

    async fn update(&self, session: &Session, id: &ObjectRef) -> Verdict {
        if self.case.update.is_empty() || !self.can(Verb::Update) {
            return skipped("the configuration has no `create.update`, or the kind is not updated");
        }
        let wanted = attributes(self.kind, &self.case.update, self.unique).map_err(Not::Kept)?;
        let update = replacing(id, wanted.clone());
        is_success(&session.apply(&update, &session.new_operation()).await)?;
        let listed = objects(session, &self.case.kind).await?;
        let object = listed.get(&id.id).ok_or_else(|| Not::Kept("it is gone".to_owned()))?;
        self.is_as(object, &wanted)?;
        match session.verify(&update, &session.new_operation()).await {
            Ok(Verification::Holds | Verification::CannotTell(_)) => Ok(()),
            other => broken(format!("`verify` of the update says {other:?}")),
        }
    }

    async fn not_updatable(&self, session: &Session, id: &ObjectRef) -> Verdict {
        let is_fixed = |traits: &[String]| !traits.iter().any(|held| held == "updatable");
        let fixed = self.kind.attributes.iter().find(|attribute| {
            is_fixed(&attribute.traits) && attribute.of_type == AttributeType::Text
        });
        let Some(fixed) = fixed.filter(|_| self.can(Verb::Update)) else {
            return skipped("every text of the kind can be updated, or none");
        };
        let value = Value::String(format!("{}z", self.unique));
        let wanted = [(fixed.name.clone(), value)].into();
        let wanted = attributes(self.kind, &wanted, self.unique).map_err(Not::Kept)?;
        match session.apply(&replacing(id, wanted), &session.new_operation()).await {
            Err(fault) if !fault.is_misbehaviour() => Ok(()),
            other => broken(format!("an update of `{}` is {other:?}", fixed.name)),
        }
    }

    async fn enable(&self, session: &Session, id: &ObjectRef) -> Verdict {
        if !(self.can(Verb::Enable) && self.can(Verb::Disable)) {
            return skipped(format!("a `{}` is not enabled and disabled", self.case.kind));
        }
        let turns = [
            (Operation::Disable(id.clone()), ObjectStatus::Disabled),
            (Operation::Disable(id.clone()), ObjectStatus::Disabled),
            (Operation::Enable(id.clone()), ObjectStatus::Enabled),
        ];
        for (operation, expected) in turns {
            is_success(&session.apply(&operation, &session.new_operation()).await)?;
            let listed = objects(session, &self.case.kind).await?;
            let status = listed.get(&id.id).map(|object| object.status);
            if status != Some(expected) {
                return broken(format!("it is {status:?} where {expected:?} was asked for"));
            }
        }
        Ok(())
    }
}

fn replacing(id: &ObjectRef, attributes: Vec<Attribute>) -> Operation {
    let delta = |attribute: Attribute| AttributeDelta {
        name: attribute.name,
        add: Vec::new(),
        remove: Vec::new(),
        replace: Some(attribute.values),
    };
    let deltas = attributes.into_iter().map(delta).collect();
    Operation::Update(UpdateRequest { about: id.clone(), deltas, if_match: None })
}
