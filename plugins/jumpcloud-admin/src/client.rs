//! The way to JumpCloud: administrators at `/api/users` (v1), roles at `/api/v2/roles`.

use grantry_sdk::http::{Request, Response, Transport, encode};
use grantry_sdk::types::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::administrator::{Administrator, Role};
use crate::connection::{Connection, SCHEME};

/// The most that JumpCloud lists at once.
pub const LIST_ITEMS_MAX: u64 = 100;

const ADMINISTRATORS: &str = "/api/users";
const ROLES: &str = "/api/v2/roles";

/// Requests with this call's connection.
pub struct Client<'a> {
    transport: &'a dyn Transport,
    /// What the admin entered.
    pub connection: &'a Connection,
}

/// A part of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed<T> {
    /// At most as many as were asked for.
    pub results: Vec<T>,
    /// How many there are in all.
    pub total_count: Option<u64>,
}

impl<'a> Client<'a> {
    /// A client that sends through `transport`.
    pub fn new(transport: &'a dyn Transport, connection: &'a Connection) -> Self {
        Self { transport, connection }
    }

    /// Administrators in the order of their ids, from the `skip`th on.
    ///
    /// # Errors
    /// As JumpCloud says.
    pub fn administrators(&self, skip: u64, limit: u64) -> Result<Listed<Administrator>> {
        self.list(ADMINISTRATORS, skip, limit, "sort=_id")
    }

    /// Roles in the order of their names, from the `skip`th on.
    ///
    /// # Errors
    /// As JumpCloud says.
    pub fn roles(&self, skip: u64, limit: u64) -> Result<Listed<Role>> {
        self.list(ROLES, skip, limit, "sort=name")
    }

    /// One administrator as it is now.
    ///
    /// # Errors
    /// As JumpCloud says.
    pub fn administrator(&self, id: &str) -> Result<Option<Administrator>> {
        self.find(&format!("{ADMINISTRATORS}/{}", encode(id)))
    }

    /// One role.
    ///
    /// # Errors
    /// As JumpCloud says.
    pub fn role(&self, id: &str) -> Result<Option<Role>> {
        self.find(&format!("{ROLES}/{}", encode(id)))
    }

    /// The administrator with this address. The filter is JumpCloud's word; the comparison is ours.
    ///
    /// # Errors
    /// As JumpCloud says.
    pub fn administrator_by_email(&self, email: &str) -> Result<Option<Administrator>> {
        let filter = format!("filter=email:$eq:{}", encode(email));
        let found: Listed<Administrator> = self.list(ADMINISTRATORS, 0, LIST_ITEMS_MAX, &filter)?;
        Ok(found.results.into_iter().find(|one| one.email.eq_ignore_ascii_case(email)))
    }

    /// Changes an administrator (`userput` of JumpCloud's description).
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] whenever it may have happened.
    pub fn change(&self, id: &str, body: &Value) -> Result<()> {
        let path = format!("{ADMINISTRATORS}/{}", encode(id));
        self.write(self.request("PUT", &path).json(body)).map(drop)
    }

    /// Creates an administrator; JumpCloud sends the invitation.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] whenever it may have happened.
    pub fn create(&self, body: &Value) -> Result<()> {
        self.write(self.request("POST", ADMINISTRATORS).json(body)).map(drop)
    }

    /// Deletes an administrator; whether there was one.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] whenever it may have happened.
    pub fn delete(&self, id: &str) -> Result<bool> {
        let path = format!("{ADMINISTRATORS}/{}", encode(id));
        match self.write(self.request("DELETE", &path)) {
            Ok(_) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        skip: u64,
        limit: u64,
        more: &str,
    ) -> Result<Listed<T>> {
        let limit = limit.clamp(1, LIST_ITEMS_MAX);
        let path = format!("{path}?limit={limit}&skip={skip}&{more}");
        self.request("GET", &path).send_with(self.transport)?.success(false)?.json()
    }

    fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let answer = self.request("GET", path).send_with(self.transport)?;
        match answer.status {
            404 | 410 => Ok(None),
            _ => answer.success(false)?.json().map(Some),
        }
    }

    fn write(&self, request: Request) -> Result<Response> {
        request.send_with(self.transport)?.success(true)
    }

    fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, self.connection.endpoint(path)).auth(SCHEME);
        let request = request.header("accept", "application/json");
        match &self.connection.organization {
            Some(organization) => request.header("x-org-id", organization.as_str()),
            None => request,
        }
    }
}
