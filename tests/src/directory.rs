//! A small SCIM 2.0 directory of our own: the demo's target, and a server that misbehaves on request.
//!
//! Without quirks it keeps to RFC 7643 and RFC 7644 strictly, so a client that leans on leniency
//! fails. Each [`Quirk`] is one trap seen in a real product. It records every request and whether it
//! changed anything. State is in memory, ids and times are the same on every start. Not here: bulk,
//! sorting, cursors and `.search`; for those there is [`crate::peers::ScimServer`].

mod access;
mod answer;
mod discovery;
mod error;
mod filter;
mod listing;
mod members;
mod patch;
mod path;
mod people;
mod quirk;
mod record;
mod resource;
mod serve;
mod store;
mod tamper;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use crate::loopback::LoopbackServer;
use access::{Access, Client, TOKEN_PATH};
use quirk::QuirkSet;
use store::{Kind, Store};

pub use quirk::Quirk;
pub use record::RecordedRequest;

/// Where the SCIM endpoints begin.
const BASE_PATH: &str = "/scim/v2";

/// A running directory; dropping it ends it.
#[derive(Debug)]
pub struct Directory {
    server: LoopbackServer,
    shared: Arc<Shared>,
}

/// What the server's thread and the test both see.
#[derive(Debug)]
struct Shared {
    token: String,
    access: Mutex<Access>,
    page_items_max: usize,
    store: Mutex<Store>,
    quirks: Mutex<QuirkSet>,
    requests: Mutex<Vec<RecordedRequest>>,
}

/// How a directory is to be; [`Directory::builder`] makes one.
#[derive(Debug)]
pub struct DirectoryBuilder {
    people: usize,
    groups: usize,
    token: String,
    port: u16,
    page_items_max: usize,
    quirks: QuirkSet,
    user: Option<(String, String)>,
    client: Option<Client>,
}

impl Directory {
    /// 200 people, 30 groups, the token `directory-token`, pages of at most 100, no quirk.
    #[must_use]
    pub fn builder() -> DirectoryBuilder {
        DirectoryBuilder {
            people: 200,
            groups: 30,
            token: "directory-token".to_owned(),
            port: 0,
            page_items_max: 100,
            quirks: QuirkSet::default(),
            user: None,
            client: None,
        }
    }

    /// Where a connector is pointed at: `http://127.0.0.1:PORT/scim/v2`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE_PATH}", self.server.address())
    }

    /// The address to approve.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The bearer token that the directory accepted at its start.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// Where the OAuth 2.0 client gets its tokens.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("http://{}{TOKEN_PATH}", self.server.address())
    }

    /// How often a token was asked for, in vain or not.
    #[must_use]
    pub fn token_requests(&self) -> Vec<RecordedRequest> {
        self.requests().into_iter().filter(|request| request.path == TOKEN_PATH).collect()
    }

    /// Accepts this bearer token from now on, instead of the one before.
    pub fn change_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.shared.access).token);
    }

    /// Accepts this password from now on.
    pub fn change_password(&self, changed: &str) {
        if let Some((_, password)) = &mut lock(&self.shared.access).user {
            changed.clone_into(password);
        }
    }

    /// Accepts this secret of the OAuth 2.0 client from now on, and no token of the one before.
    pub fn change_client_secret(&self, changed: &str) {
        let mut access = lock(&self.shared.access);
        access.revoke();
        if let Some(client) = &mut access.client {
            changed.clone_into(&mut client.secret);
        }
    }

    /// Every token that was issued so far stops working.
    pub fn revoke_tokens(&self) {
        lock(&self.shared.access).revoke();
    }

    /// Whether the tokens that are issued from now on work.
    pub fn honour_tokens(&self, is_honoured: bool) {
        if let Some(client) = &mut lock(&self.shared.access).client {
            client.is_honoured = is_honoured;
        }
    }

    /// Begins to misbehave, beside the quirks that are there already.
    pub fn add_quirk(&self, quirk: Quirk) {
        lock(&self.shared.quirks).add(quirk);
    }

    /// Behaves again.
    pub fn clear_quirks(&self) {
        lock(&self.shared.quirks).clear();
    }

    /// Every request so far, in the order in which they were answered.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.shared.requests).clone()
    }

    /// Forgets the recorded requests.
    pub fn clear_requests(&self) {
        lock(&self.shared.requests).clear();
    }

    /// The id of the person with this user name (case is ignored, RFC 7643 section 4.1).
    #[must_use]
    pub fn person_id(&self, user_name: &str) -> Option<String> {
        lock(&self.shared.store).find(Kind::User, "userName", user_name)
    }

    /// The id of the first group with this display name.
    #[must_use]
    pub fn group_id(&self, display_name: &str) -> Option<String> {
        lock(&self.shared.store).find(Kind::Group, "displayName", display_name)
    }

    /// Every person as a full resource, ordered by id.
    #[must_use]
    pub fn people(&self) -> Vec<Value> {
        lock(&self.shared.store).render_all(Kind::User, &self.base_url())
    }

    /// Every group as a full resource, ordered by id.
    #[must_use]
    pub fn groups(&self) -> Vec<Value> {
        lock(&self.shared.store).render_all(Kind::Group, &self.base_url())
    }

    /// The ids of a group's members; empty for an unknown group.
    #[must_use]
    pub fn members_of(&self, group: &str) -> BTreeSet<String> {
        lock(&self.shared.store).members_of(group).iter().cloned().collect()
    }

    /// Every membership as (group id, member id).
    #[must_use]
    pub fn memberships(&self) -> BTreeSet<(String, String)> {
        lock(&self.shared.store).memberships()
    }

    /// Adds a member without a request, as another administrator would; false if nothing changed.
    pub fn add_member(&self, group: &str, member: &str) -> bool {
        lock(&self.shared.store).add_member(group, member)
    }

    /// Removes a member without a request; false if nothing changed.
    pub fn remove_member(&self, group: &str, member: &str) -> bool {
        lock(&self.shared.store).remove_member(group, member)
    }
}

impl DirectoryBuilder {
    /// How many people there are.
    #[must_use]
    pub fn people(mut self, people: usize) -> Self {
        self.people = people;
        self
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// The bearer token to accept.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    /// A user whose password is accepted too.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// An OAuth 2.0 client whose tokens are accepted too; they say that they live for so long.
    #[must_use]
    pub fn client(mut self, id: &str, secret: &str, lifetime_s: u32) -> Self {
        let (id, secret) = (id.to_owned(), secret.to_owned());
        self.client = Some(Client { id, secret, lifetime_s, is_honoured: true });
        self
    }

    /// The port to listen on; 0 takes a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The most resources on one page, and the size of a page that nobody asked a size for.
    #[must_use]
    pub fn page_items_max(mut self, page_items_max: usize) -> Self {
        self.page_items_max = page_items_max;
        self
    }

    /// Misbehaves from the start.
    #[must_use]
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.add(quirk);
        self
    }

    /// Starts the directory.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start(self) -> io::Result<Directory> {
        let (token, user, client) = (self.token.clone(), self.user, self.client);
        let shared = Arc::new(Shared {
            token: self.token,
            access: Mutex::new(Access::new(token, user, client)),
            page_items_max: self.page_items_max,
            store: Mutex::new(people::populated(self.people, self.groups)),
            quirks: Mutex::new(self.quirks),
            requests: Mutex::default(),
        });
        let server = LoopbackServer::start(serve::router(Arc::clone(&shared)), self.port)?;
        Ok(Directory { server, shared })
    }
}

/// A panic of one test's request must not hide the state from its assertions.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
