//! Tokens and sessions while the database refuses to note their last use.

use grantry_authz::Door;

use crate::host::hosts;

#[tokio::test]
async fn a_caller_whose_last_use_cannot_be_noted_is_still_known() {
    for host in hosts(0, 0).await {
        let engine = &host.ctx.engine;
        let session = engine.sign_in_with_token(&host.admin, None, "test").await.unwrap().secret;
        for table in ["tokens", "sessions"] {
            host.refuse_updates_of(table).await;
        }
        host.advance(600_000);
        engine.authenticate(&host.admin, Door::Http, "test").await.unwrap().unwrap();
        engine.authenticate_session(session.expose(), "test").await.unwrap().unwrap();
        // What cannot be noted is not known either: the session lies unused.
        host.advance(3_000_000);
        let ended = engine.authenticate_session(session.expose(), "test").await.unwrap();
        assert_eq!(ended.err(), Some(grantry_engine::AuthenticationError::SessionEnded));
    }
}
