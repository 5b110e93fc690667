//! People and their roles.

use axum::Json as Body;
use grantry_api::List;
use grantry_api::headers::IfMatchHeader;
use grantry_api::people::{PeopleQuery, Person, UpdatePerson};
use grantry_engine::PageQuery;
use grantry_model::ids::PrincipalId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::IfMatch;
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Versioned, list};
use crate::state::Server;
use crate::wire::people as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new().routes(routes!(list_people)).routes(routes!(get_person, update_person))
}

/// List people
///
/// In order of creation.
#[utoipa::path(get, path = "/people", tag = "people",
    extensions(("x-grantry-action" = json!("person.read"))),
    params(PeopleQuery),
    responses((status = 200, description = "A page of people", body = List<Person>)))]
async fn list_people(ctx: Ctx, Query(query): Query<PeopleQuery>) -> Reply<Body<List<Person>>> {
    let search = query.search.unwrap_or_default();
    let query = PageQuery { search, ..page(query.limit, query.cursor) };
    Ok(list(ctx.list_people(&query).await?, wire::person))
}

/// Show a person
#[utoipa::path(get, path = "/people/{person_id}", tag = "people",
    extensions(("x-grantry-action" = json!("person.read"))),
    params(("person_id" = String, Path, description = "The person's id.")),
    responses((status = 200, description = "The person", body = Person,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_person(ctx: Ctx, Path(id): Path<PrincipalId>) -> Reply<Versioned<Person>> {
    let person = ctx.person(&id).await?;
    Ok(Versioned(person.record.version, wire::person(&person)))
}

/// Set a person's role, disable or enable a person
///
/// Disabling ends the person's sessions. The last admin can be neither demoted nor disabled.
#[utoipa::path(patch, path = "/people/{person_id}", tag = "people",
    extensions(("x-grantry-action" = json!("person.write"))),
    params(("person_id" = String, Path, description = "The person's id."), IfMatchHeader),
    request_body = UpdatePerson,
    responses((status = 200, description = "The person now", body = Person,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_person(
    ctx: Ctx,
    Path(id): Path<PrincipalId>,
    IfMatch(version): IfMatch,
    body: Json<UpdatePerson>,
) -> Reply<Versioned<Person>> {
    let person = ctx.update_person(&id, version, wire::read_change(&body.value)).await?;
    Ok(Versioned(person.record.version, wire::person(&person)))
}
