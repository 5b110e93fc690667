//! The API's description: routes and document are one thing, so neither can lack in the other.
//!
//! [`router`] collects the routes with their operations and completes each: who may call it, and
//! which problems it can answer. Every operation names its action in [`ACTION`].

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use grantry_model::ids::ID_LENGTH_MAX;
use http::{HeaderValue, header};
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Content, PathItem, Ref, RefOr, Response as Described, ResponseBuilder, Schema,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::routes;
use crate::state::Server;

/// The extension that names an operation's action: one of the four, an admin action, `own` for people
/// about their own account, `none` for every authenticated caller, or `public` for everybody.
pub const ACTION: &str = "x-grantry-action";

/// Where the document is served.
pub const DOCUMENT_PATH: &str = "/api/v1/openapi.json";

const BEARER: &str = "bearer";
const SESSION: &str = "session";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Grantry",
        description = "Self-hosted access governance: install sandboxed connectors, see who has \
                       which access, grant and revoke it.\n\nErrors are problem documents (RFC \
                       9457); their `type` resolves to an explanation. Lists are paged with \
                       `limit` and `cursor`. Times are Unix milliseconds."
    ),
    components(schemas(grantry_api::Problem)),
    tags(
        (name = "plugins", description = "Installed connectors, who signs them, where they come from."),
        (name = "integrations", description = "Configured instances of an application type."),
        (name = "aggregations", description = "Reading everything from a target."),
        (name = "schedules", description = "When integrations are aggregated by themselves."),
        (name = "catalogue", description = "What aggregations found."),
        (name = "entitlement types", description = "What entitlements are like, by native type."),
        (name = "apps", description = "What people get access to."),
        (name = "memberships", description = "Managed access with a start and an end."),
        (name = "requests", description = "Asking for access, deciding about it, and by which workflow."),
        (name = "tasks", description = "What people have to do in targets by hand."),
        (name = "data sources", description = "Where identities come from."),
        (name = "uploads", description = "Lists of people as CSV files."),
        (name = "clients", description = "External systems that call this API."),
        (name = "issuers", description = "Who is trusted to say who somebody is."),
        (name = "sign-in", description = "Signing in, for browsers."),
        (name = "people", description = "People and their roles."),
        (name = "me", description = "The caller, with a person's own sessions and tokens."),
        (name = "permissions", description = "What principals hold."),
        (name = "jobs", description = "Background work."),
        (name = "audit", description = "Who did what, and who else is told."),
        (name = "notifications", description = "What people are told, and how."),
        (name = "service", description = "Health, metrics, explanations."),
    )
)]
struct Base;

/// Every route with its operation.
pub fn router() -> OpenApiRouter<Server> {
    let mut router = OpenApiRouter::with_openapi(Base::openapi()).merge(routes::all());
    let document = router.get_openapi_mut();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of a client or of a person."))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    let words = "A browser's session. Changes repeat its CSRF token in `X-CSRF-Token`.";
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description("grantry_session", words));
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(cookie));
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(complete);
    }
    router
}

/// The document itself.
pub fn document() -> utoipa::openapi::OpenApi {
    router().into_openapi()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn complete(operation: &mut Operation) {
    operation.parameters.iter_mut().flatten().for_each(constrain_id);
    let action = operation.extensions.as_ref().and_then(|extensions| extensions.get(ACTION));
    let is_public = action.is_some_and(|action| action == "public");
    let described: &[(&str, &str)] = if is_public {
        &[("default", "Another problem")]
    } else {
        let by = |scheme| SecurityRequirement::new(scheme, Vec::<String>::new());
        operation.security = Some(vec![by(BEARER), by(SESSION)]);
        &[
            ("401", "The token is missing or not valid"),
            ("403", "The action is not granted"),
            ("404", "Nothing here, or nothing that you may see"),
            ("422", "The input is not valid"),
            ("429", "Too many requests"),
            ("default", "Another problem"),
        ]
    };
    for (status, words) in described {
        let responses = &mut operation.responses.responses;
        responses.entry((*status).to_owned()).or_insert_with(|| problem(words));
    }
}

/// Ids in paths look alike: see `grantry_model::ids`.
fn constrain_id(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else { return };
    let is_id = parameter.parameter_in == ParameterIn::Path && parameter.name.ends_with("_id");
    if let (true, Some(RefOr::T(Schema::Object(schema)))) = (is_id, &mut parameter.schema) {
        schema.pattern = Some("^[A-Za-z0-9_-]+$".to_owned());
        schema.max_length = Some(ID_LENGTH_MAX);
    }
}

fn problem(words: &str) -> RefOr<Described> {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let media_type = grantry_api::problem::PROBLEM_JSON;
    ResponseBuilder::new().description(words).content(media_type, content).build().into()
}

/// The page's own scripts and styles, pictures in its styles, requests to this server: no more.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                           img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document and the page that shows it. They describe routes and are none.
pub(crate) fn pages(document: utoipa::openapi::OpenApi) -> Router<Server> {
    // Without the top bar, whose logo has an inline style that the policy refuses.
    let config = Config::default().use_base_layout();
    let page = SwaggerUi::new("/api/docs").config(config).url(DOCUMENT_PATH, document);
    let pages = Router::from(page);
    pages.layer(map_response(async |mut response: Response| {
        let policy = HeaderValue::from_static(PAGE_POLICY);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    }))
}
