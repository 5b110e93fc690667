//! People and their roles.

use axum::Json as Body;
use grantry_api::List;
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_api::people::{CreatePerson, PeopleQuery, Person, UpdatePerson};
use grantry_engine::{PageQuery, Person as Stored};
use grantry_model::ids::PrincipalId;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Json;
use crate::context::Ctx;
use crate::headers::{IfMatch, Once};
use crate::path::Path;
use crate::query::{Query, page};
use crate::reply::{Reply, Settled, Versioned, answer, list};
use crate::state::Server;
use crate::wire::people as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new().routes(routes!(create_person, list_people)).routes(routes!(
        get_person,
        update_person,
        delete_person
    ))
}

/// Add a person
///
/// Before their first sign-in, also where the issuer lets nobody sign up. They are known by who they
/// are at the issuer, or by an address that their first sign-in has to prove; from then on, only by
/// who they are.
#[utoipa::path(post, path = "/people", tag = "people",
    extensions(("x-grantry-action" = json!("person.write"))),
    params(IdempotencyHeader), request_body = CreatePerson,
    responses((status = 201, description = "Added", body = Person)))]
async fn create_person(ctx: Ctx, once: Once, body: Json<CreatePerson>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let input = wire::read_create(body.value)?;
    let created = |person: &Stored| answer(StatusCode::CREATED, &wire::person(person));
    Ok(Settled(ctx.create_person(&input, &once.answered(&created)).await?))
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

/// Set a person's role or mail address, disable or enable a person
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
    let person = ctx.update_person(&id, version, wire::read_change(body.value)).await?;
    Ok(Versioned(person.record.version, wire::person(&person)))
}

/// Delete a person
///
/// Their sessions end, their tokens are refused, and what they did stays in the audit log. Neither
/// the last admin, nor oneself, nor the owner of an integration can be deleted. Where the issuer lets
/// people sign up, a deleted person can come back as a new one: disable them instead.
#[utoipa::path(delete, path = "/people/{person_id}", tag = "people",
    extensions(("x-grantry-action" = json!("person.write"))),
    params(("person_id" = String, Path, description = "The person's id."), IfMatchHeader),
    responses((status = 204, description = "Deleted")))]
async fn delete_person(
    ctx: Ctx,
    Path(id): Path<PrincipalId>,
    IfMatch(version): IfMatch,
) -> Reply<StatusCode> {
    ctx.delete_person(&id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
