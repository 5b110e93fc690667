//! The users and groups of a seeded SCIM server: any number, always the same but for the ids.

use std::collections::BTreeSet;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::ScimClient;

/// More does not help: the server runs one thread at a time.
const REQUESTS_AT_ONCE: usize = 4;

/// What a seed made; positions count from 0 as in `user00000@corp.example.com` and `group-0000`.
#[derive(Clone, Debug)]
pub struct Seeded {
    /// Ids of the users by position.
    pub users: Vec<String>,
    /// Ids of the groups by position.
    pub groups: Vec<String>,
    /// Every membership as (group id, user id).
    pub memberships: BTreeSet<(String, String)>,
}

/// Creates `users` users and `groups` groups of 5 to 44 members each.
pub(super) async fn seed(client: &ScimClient, users: usize, groups: usize) -> Result<Seeded> {
    let user_ids = create_all(client, "/Users", (0..users).map(user).collect()).await?;
    let members: Vec<Vec<&String>> = (0..groups)
        .map(|group| member_positions(group, users).into_iter().map(|at| &user_ids[at]).collect())
        .collect();
    let bodies = members.iter().enumerate().map(|(at, members)| group(at, members)).collect();
    let group_ids = create_all(client, "/Groups", bodies).await?;
    let memberships = group_ids
        .iter()
        .zip(&members)
        .flat_map(|(group, members)| {
            members.iter().map(|member| (group.clone(), (*member).clone()))
        })
        .collect();
    Ok(Seeded { users: user_ids, groups: group_ids, memberships })
}

async fn create_all(
    client: &ScimClient,
    endpoint: &'static str,
    bodies: Vec<Value>,
) -> Result<Vec<String>> {
    stream::iter(bodies)
        .map(|body| async move { client.create(endpoint, &body).await })
        .buffered(REQUESTS_AT_ONCE)
        .try_collect()
        .await
}

/// One user in 17 is inactive; family names carry a letter outside ASCII.
fn user(at: usize) -> Value {
    let name = format!("Given{at} Familý{at}");
    let address = format!("user{at:05}@corp.example.com");
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": address,
        "externalId": format!("ext-{at:05}"),
        "name": {
            "givenName": format!("Given{at}"),
            "familyName": format!("Familý{at}"),
            "formatted": name,
        },
        "displayName": name,
        "emails": [{ "value": address, "type": "work", "primary": true }],
        "active": !at.is_multiple_of(17),
    })
}

fn group(at: usize, members: &[&String]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": format!("group-{at:04}"),
        "externalId": format!("gext-{at:04}"),
        "members": members,
    })
}

fn member_positions(group: usize, users: usize) -> BTreeSet<usize> {
    (0..users.min(5 + group % 40)).map(|at| (group * 37 + at * 11) % users).collect()
}
