//! Grantry's own directory: apps and roles by name, and the grant.

use grantry_sdk::platform::{self, App, AppPage, Membership, PlatformError, Role, RolePage};

/// Pages of apps or roles that are looked through.
const PAGES_MAX: u32 = 50;

/// What the bridge asks of Grantry. The host decides each time whether it may.
pub trait Directory {
    /// Apps that may be read.
    ///
    /// # Errors
    /// As Grantry says.
    fn apps(&self, after: Option<String>) -> Result<AppPage, PlatformError>;

    /// Roles of an app.
    ///
    /// # Errors
    /// As Grantry says.
    fn roles(&self, app: &str, after: Option<String>) -> Result<RolePage, PlatformError>;

    /// Grants a role of an app to an account.
    ///
    /// # Errors
    /// As Grantry says.
    fn grant(
        &self,
        app: &str,
        role: &str,
        account: &str,
        ends_ms: Option<i64>,
        key: &str,
    ) -> Result<Membership, PlatformError>;
}

/// The host's.
#[derive(Clone, Copy, Debug)]
pub struct Grantry;

impl Directory for Grantry {
    fn apps(&self, after: Option<String>) -> Result<AppPage, PlatformError> {
        platform::list_apps(after.as_deref())
    }

    fn roles(&self, app: &str, after: Option<String>) -> Result<RolePage, PlatformError> {
        platform::list_roles(app, after.as_deref())
    }

    fn grant(
        &self,
        app: &str,
        role: &str,
        account: &str,
        ends_ms: Option<i64>,
        key: &str,
    ) -> Result<Membership, PlatformError> {
        platform::grant_membership(app, role, account, ends_ms, key)
    }
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named<T> {
    /// One thing.
    One(T),
    /// Nothing that may be seen.
    Nothing,
    /// Several: only an id tells them apart.
    Several,
}

/// The app of a name or id.
///
/// # Errors
/// As Grantry says.
pub fn app(directory: &dyn Directory, wanted: &str) -> Result<Named<App>, PlatformError> {
    let is_it = |app: &App| app.name == wanted;
    let is_id = |app: &App| app.id == wanted;
    find(is_id, is_it, |after| directory.apps(after).map(|page| (page.items, page.next)))
}

/// The role of a name or id in an app.
///
/// # Errors
/// As Grantry says.
pub fn role(
    directory: &dyn Directory,
    app: &str,
    wanted: &str,
) -> Result<Named<Role>, PlatformError> {
    let is_it = |role: &Role| role.name == wanted;
    let is_id = |role: &Role| role.id == wanted;
    find(is_id, is_it, |after| directory.roles(app, after).map(|page| (page.items, page.next)))
}

fn find<T>(
    is_id: impl Fn(&T) -> bool,
    is_it: impl Fn(&T) -> bool,
    page: impl Fn(Option<String>) -> Result<(Vec<T>, Option<String>), PlatformError>,
) -> Result<Named<T>, PlatformError> {
    let (mut found, mut after) = (Named::Nothing, None);
    for _ in 0..PAGES_MAX {
        let (items, next) = page(after)?;
        for item in items {
            if is_id(&item) {
                return Ok(Named::One(item));
            }
            if is_it(&item) {
                found = if found_nothing(&found) { Named::One(item) } else { Named::Several };
            }
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
    // A name that was found once may stand again in what was not looked through.
    Err(PlatformError::QuotaExceeded("too many entries to look through: use ids".into()))
}

fn found_nothing<T>(found: &Named<T>) -> bool {
    matches!(found, Named::Nothing)
}
