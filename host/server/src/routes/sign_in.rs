//! Signing in: by an issuer in a browser, or with the local admin's token.
//!
//! These are the only routes without a caller. Failures of one address are counted, and the
//! eleventh in a row waits (security.md row 73).

use axum::Json as Body;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use grantry_api::List;
use grantry_api::me::Me;
use grantry_api::sign_in::{CallbackQuery, SignInOffer, SignInQuery, SignInWithToken};
use grantry_engine::SignedIn;
use grantry_model::ids::IssuerId;
use http::{HeaderName, HeaderValue, StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::attempts::Attempt;
use crate::body::Json;
use crate::path::Path;
use crate::problem::Problem;
use crate::query::{Query, read_long};
use crate::reply::Reply;
use crate::state::Server;
use crate::wire::{me, sign_in as wire};

/// Where a browser goes when it did not say where to: there is no console yet, so who it is now.
const RETURN_TO: &str = "/api/v1/me";

pub(super) fn routes() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list_sign_in_offers, sign_in_with_token))
        .routes(routes!(finish_sign_in))
        .routes(routes!(begin_sign_in))
}

/// The page that ends a sign-in. A redirect would not do: the browser counts it to the issuer's
/// navigation and holds back the strict cookie. A page of our own begins a navigation of our own.
fn page(return_to: &str) -> Html<String> {
    let path = return_to.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"refresh\" content=\"0;url={path}\"><title>Signed in</title></head>\
         <body><p>You are signed in. <a href=\"{path}\">Go on</a></p></body></html>"
    ))
}

fn with_cookies(cookies: &[HeaderValue], answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response
}

/// List the issuers that people can sign in by
#[utoipa::path(get, path = "/sign-in", tag = "sign-in",
    extensions(("x-grantry-action" = json!("public"))),
    responses((status = 200, description = "All of them", body = List<SignInOffer>)))]
async fn list_sign_in_offers(State(server): State<Server>) -> Reply<Body<List<SignInOffer>>> {
    let offers = server.0.engine.sign_in_offers().await?;
    Ok(Body(List { items: offers.iter().map(wire::offer).collect(), next: None }))
}

/// Sign in with the local admin's token
///
/// Answers with a session cookie. Scoped tokens and tokens of clients are refused.
#[utoipa::path(post, path = "/sign-in", tag = "sign-in",
    extensions(("x-grantry-action" = json!("public"))),
    request_body = SignInWithToken,
    responses((status = 200, description = "Signed in", body = Me,
        headers(("Set-Cookie" = String, description = "The session.")))))]
async fn sign_in_with_token(
    State(server): State<Server>,
    attempt: Attempt,
    body: Json<SignInWithToken>,
) -> Reply<Response> {
    let previous = attempt.session.as_deref();
    let engine = &server.0.engine;
    let work = engine.sign_in_with_token(&body.value.token, previous, &attempt.request_id);
    let SignedIn { ctx, secret, .. } = attempt.counted(&server, work).await?;
    let cookie = server.0.cookies.set_session(secret.expose());
    Ok(with_cookies(&[cookie], Body(me::signed_in(&ctx, secret.expose()).await?)))
}

/// Begin a sign-in by an issuer
///
/// For a browser: sends it to the issuer, with what it has to bring back in a cookie.
#[utoipa::path(get, path = "/sign-in/{issuer_id}", tag = "sign-in",
    extensions(("x-grantry-action" = json!("public"))),
    params(("issuer_id" = String, Path, description = "The issuer's id."), SignInQuery),
    responses((status = 303, description = "Go to the issuer",
        headers(("Location" = String, description = "The issuer's page."),
            ("Set-Cookie" = String, description = "What to bring back.")))))]
async fn begin_sign_in(
    State(server): State<Server>,
    attempt: Attempt,
    Path(id): Path<IssuerId>,
    Query(query): Query<SignInQuery>,
) -> Reply<Response> {
    let return_to = query.return_to.unwrap_or_else(|| RETURN_TO.to_owned());
    let redirect_uri = server.0.redirect_uri();
    let session = attempt.session.as_deref();
    let work = server.0.engine.begin_sign_in(&id, &return_to, &redirect_uri, session);
    let begun = attempt.counted(&server, work).await?;
    let location = HeaderValue::from_str(&begun.url).map_err(Problem::internal)?;
    let cookie = server.0.cookies.set_sign_in(begun.cookie.expose());
    let headers: [(HeaderName, HeaderValue); 1] = [(header::LOCATION, location)];
    Ok(with_cookies(&[cookie], (StatusCode::SEE_OTHER, headers)))
}

/// Complete a sign-in by an issuer
///
/// Where the issuer sends the browser back to. Answers with a session cookie and a page that goes
/// on to where the browser wanted to go.
#[utoipa::path(get, path = "/sign-in/callback", tag = "sign-in",
    extensions(("x-grantry-action" = json!("public"))),
    params(CallbackQuery),
    responses((status = 200, description = "Signed in", body = String, content_type = "text/html",
        headers(("Set-Cookie" = String, description = "The session.")))))]
async fn finish_sign_in(
    State(server): State<Server>,
    attempt: Attempt,
    request: axum::extract::Request,
) -> Reply<Response> {
    let query = read_long::<CallbackQuery>(request.uri().query().unwrap_or_default())?;
    let sealed = server.0.cookies.sign_in(request.headers()).map(str::to_owned);
    // A GET that changes something: it goes on when the browser has gone.
    let work = finish(server.clone(), attempt, query, sealed);
    let task = server.0.units.spawn(work);
    task.await.map_err(Problem::internal)?
}

async fn finish(
    server: Server,
    attempt: Attempt,
    query: CallbackQuery,
    sealed: Option<String>,
) -> Reply<Response> {
    let (returned, redirect_uri) = (wire::read_returned(query), server.0.redirect_uri());
    let (engine, request_id) = (&server.0.engine, &attempt.request_id);
    let work = engine.finish_sign_in(sealed.as_deref(), &returned, &redirect_uri, request_id);
    let SignedIn { secret, return_to, .. } = attempt.counted(&server, work).await?;
    let cookies = &server.0.cookies;
    let cookies = [cookies.set_session(secret.expose()), cookies.clear_sign_in()];
    Ok(with_cookies(&cookies, page(&return_to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside_its_attribute() {
        let Html(page) = page("/a?b=\"><script>&c");
        assert!(page.contains("url=/a?b=&quot;>&lt;script>&amp;c\""), "{page}");
    }
}
