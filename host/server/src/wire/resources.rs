//! Resources with their people.

use grantry_api::resources as wire;
use grantry_authz::Relation;
use grantry_engine::{PeopleChange, ResourcePerson, ResourceView};
use grantry_model::ids::IdentityId;

use crate::problem::Problem;

/// A resource.
pub(crate) fn resource(view: &ResourceView) -> wire::Resource {
    wire::Resource {
        found: super::catalogue::object(&view.object),
        integration_id: view.integration.as_ref().map(ToString::to_string),
        app_id: view.app.to_string(),
        owners: people(&view.people, Relation::ResourceOwner),
        maintainers: people(&view.people, Relation::Maintainer),
        recommended_owners: people(&view.recommended, Relation::ResourceOwner),
        recommended_maintainers: people(&view.recommended, Relation::Maintainer),
        version: view.version,
    }
}

fn people(people: &[ResourcePerson], relation: Relation) -> Vec<wire::ResourcePerson> {
    let of = people.iter().filter(|person| person.relation == relation);
    of.map(|person| wire::ResourcePerson {
        identity_id: person.identity.to_string(),
        display: person.display.clone(),
        is_active: person.is_active,
    })
    .collect()
}

/// Who is to be named, from the wire.
pub(crate) fn read_people(people: &wire::SetResourcePeople) -> Result<PeopleChange, Problem> {
    Ok(PeopleChange {
        owners: read_identities("/owners", people.owners.as_deref())?,
        maintainers: read_identities("/maintainers", people.maintainers.as_deref())?,
    })
}

fn read_identities(path: &str, ids: Option<&[String]>) -> Result<Option<Vec<IdentityId>>, Problem> {
    let read = |(position, id): (usize, &String)| {
        IdentityId::parse(id).map_err(|error| {
            Problem::field(format!("{path}/{position}"), "invalid_id", error.to_string())
        })
    };
    ids.map(|ids| ids.iter().enumerate().map(read).collect()).transpose()
}

/// What somebody is to a resource.
pub(crate) fn own_resource((resource, relation): &(String, Relation)) -> wire::OwnResource {
    let relation = match relation {
        Relation::Maintainer => wire::ResourceRelation::Maintainer,
        Relation::ResourceOwner | Relation::IntegrationOwner => wire::ResourceRelation::Owner,
    };
    wire::OwnResource { resource_id: resource.clone(), relation }
}
