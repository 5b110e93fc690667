//! Data sources and their identities (CAT-10).

use axum::Json as Body;
use grantry_api::List;
use grantry_api::data_sources::{
    CreateDataSource, DataSource, DataSourceQuery, Identity, IdentityQuery, UpdateDataSource,
};
use grantry_api::headers::{IdempotencyHeader, IfMatchHeader};
use grantry_engine::{DataSource as Stored, DataSourceChange, DataSourceInput, PageQuery};
use grantry_model::ids::{DataSourceId, IdentityId};
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
use crate::wire::data_sources as wire;

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create_data_source, list_data_sources))
        .routes(routes!(get_data_source, update_data_source, delete_data_source))
        .routes(routes!(list_identities))
        .routes(routes!(get_identity))
}

/// Create a data source
///
/// It has no identities until a list of users is uploaded.
#[utoipa::path(post, path = "/data-sources", tag = "data sources",
    extensions(("x-grantry-action" = json!("data_source.write"))),
    params(IdempotencyHeader), request_body = CreateDataSource,
    responses((status = 201, description = "Created", body = DataSource)))]
async fn create_data_source(ctx: Ctx, once: Once, body: Json<CreateDataSource>) -> Reply<Settled> {
    let once = once.with(&body.bytes);
    let CreateDataSource { name, description } = body.value;
    let created = |source: &Stored| answer(StatusCode::CREATED, &wire::data_source(source));
    let input = DataSourceInput { name, description };
    Ok(Settled(ctx.create_data_source(&input, &once.answered(&created)).await?))
}

/// List data sources
///
/// Those on which the caller holds any action.
#[utoipa::path(get, path = "/data-sources", tag = "data sources",
    extensions(("x-grantry-action" = json!("data_source_read"))),
    params(DataSourceQuery),
    responses((status = 200, description = "A page of data sources", body = List<DataSource>)))]
async fn list_data_sources(
    ctx: Ctx,
    Query(query): Query<DataSourceQuery>,
) -> Reply<Body<List<DataSource>>> {
    let search = query.search.unwrap_or_default();
    let wanted = PageQuery { search, ..page(query.limit, query.cursor) };
    Ok(list(ctx.list_data_sources(&wanted).await?, wire::data_source))
}

/// Show a data source
#[utoipa::path(get, path = "/data-sources/{data_source_id}", tag = "data sources",
    extensions(("x-grantry-action" = json!("data_source_read"))),
    params(("data_source_id" = String, Path, description = "The data source's id.")),
    responses((status = 200, description = "The data source", body = DataSource,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn get_data_source(ctx: Ctx, Path(id): Path<DataSourceId>) -> Reply<Versioned<DataSource>> {
    let source = ctx.data_source(&id).await?;
    Ok(Versioned(source.version, wire::data_source(&source)))
}

/// Change a data source
///
/// What is left out stays. With `sign_in`, whoever signs in by that issuer and is known in the data source
/// is that identity: sees the own accounts, and acts for what the identity owns.
#[utoipa::path(patch, path = "/data-sources/{data_source_id}", tag = "data sources",
    extensions(("x-grantry-action" = json!("data_source.write"))),
    params(("data_source_id" = String, Path, description = "The data source's id."),
        IfMatchHeader),
    request_body = UpdateDataSource,
    responses((status = 200, description = "Changed", body = DataSource,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))))]
async fn update_data_source(
    ctx: Ctx,
    Path(id): Path<DataSourceId>,
    IfMatch(version): IfMatch,
    body: Json<UpdateDataSource>,
) -> Reply<Versioned<DataSource>> {
    let UpdateDataSource { name, description, sign_in } = body.value;
    let sign_in = sign_in.map(|said| said.map(wire::read_sign_in).transpose()).transpose()?;
    let change = DataSourceChange { name, description, sign_in };
    let source = ctx.update_data_source(&id, version, &change).await?;
    Ok(Versioned(source.version, wire::data_source(&source)))
}

/// Delete a data source
///
/// With all its identities, and the permissions that anybody holds on it.
#[utoipa::path(delete, path = "/data-sources/{data_source_id}", tag = "data sources",
    extensions(("x-grantry-action" = json!("data_source.write"))),
    params(("data_source_id" = String, Path, description = "The data source's id."),
        IfMatchHeader),
    responses((status = 204, description = "Deleted")))]
async fn delete_data_source(
    ctx: Ctx,
    Path(id): Path<DataSourceId>,
    IfMatch(version): IfMatch,
) -> Reply<StatusCode> {
    ctx.delete_data_source(&id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List a data source's identities
#[utoipa::path(get, path = "/data-sources/{data_source_id}/identities", tag = "data sources",
    extensions(("x-grantry-action" = json!("data_source_read"))),
    params(("data_source_id" = String, Path, description = "The data source's id."),
        IdentityQuery),
    responses((status = 200, description = "A page of identities", body = List<Identity>)))]
async fn list_identities(
    ctx: Ctx,
    Path(id): Path<DataSourceId>,
    Query(query): Query<IdentityQuery>,
) -> Reply<Body<List<Identity>>> {
    let wanted = PageQuery {
        search: query.search.unwrap_or_default(),
        status: query.status.map_or("", wire::read_status).to_owned(),
        ..page(query.limit, query.cursor)
    };
    Ok(list(ctx.list_identities(&id, &wanted).await?, wire::identity))
}

/// Show an identity
///
/// Also one that the data source does not have any more.
#[utoipa::path(get, path = "/data-sources/{data_source_id}/identities/{identity_id}",
    tag = "data sources",
    extensions(("x-grantry-action" = json!("data_source_read"))),
    params(("data_source_id" = String, Path, description = "The data source's id."),
        ("identity_id" = String, Path, description = "The identity's id.")),
    responses((status = 200, description = "The identity", body = Identity)))]
async fn get_identity(
    ctx: Ctx,
    Path((source, id)): Path<(DataSourceId, IdentityId)>,
) -> Reply<Body<Identity>> {
    Ok(Body(wire::identity(&ctx.identity(&source, &id).await?)))
}
