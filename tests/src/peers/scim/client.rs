//! A plain SCIM client for tests: what a server holds, and changes behind the host's back.
//!
//! Shares nothing with the connector under test. It pages by index, follows what the server says
//! and writes members with PUT, which every server of the tests accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};

const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const PAGES_MAX: usize = 10_000;
const PAGE_ITEMS: usize = 1_000;

/// Everything a SCIM server holds: full resources by id.
#[derive(Clone, Debug, PartialEq)]
pub struct ScimSnapshot {
    /// Users by id.
    pub users: BTreeMap<String, Value>,
    /// Groups by id, members included.
    pub groups: BTreeMap<String, Value>,
}

impl ScimSnapshot {
    /// Every membership as (group id, member id).
    #[must_use]
    pub fn memberships(&self) -> BTreeSet<(String, String)> {
        let pairs = self.groups.iter().flat_map(|(group, resource)| {
            member_ids(resource).into_iter().map(|member| (group.clone(), member))
        });
        pairs.collect()
    }
}

/// One SCIM server and the token for it.
#[derive(Clone, Debug)]
pub struct ScimClient {
    http: Client,
    base_url: String,
    token: String,
}

impl ScimClient {
    /// A client for the server at `base_url` (without a slash at the end).
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(base_url: &str, token: &str) -> Result<Self> {
        let http = Client::builder()
            .no_proxy()
            .timeout(REQUEST_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("build the HTTP client")?;
        Ok(Self { http, base_url: base_url.to_owned(), token: token.to_owned() })
    }

    /// The server's base URL.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// True if the server answers a request at all.
    pub async fn answers(&self) -> bool {
        self.get("/ServiceProviderConfig").await.is_ok()
    }

    /// Users and groups, complete.
    ///
    /// # Errors
    /// When a page cannot be read or does not add up.
    pub async fn snapshot(&self) -> Result<ScimSnapshot> {
        Ok(ScimSnapshot { users: self.list("/Users").await?, groups: self.list("/Groups").await? })
    }

    /// Every resource of an endpoint such as `/Users`, by id.
    ///
    /// # Errors
    /// When a page cannot be read, or when the rows are not as many as the server says.
    pub async fn list(&self, endpoint: &str) -> Result<BTreeMap<String, Value>> {
        let mut found = BTreeMap::new();
        for _ in 0..PAGES_MAX {
            let start = found.len() + 1;
            let page =
                self.get(&format!("{endpoint}?startIndex={start}&count={PAGE_ITEMS}")).await?;
            for resource in page["Resources"].as_array().into_iter().flatten() {
                found.insert(id_of(resource)?, resource.clone());
            }
            let total = page["totalResults"].as_u64().context("a list without `totalResults`")?;
            if found.len() as u64 >= total {
                return Ok(found);
            }
            ensure!(found.len() >= start, "`{endpoint}` stopped at {} of {total}", found.len());
        }
        anyhow::bail!("`{endpoint}` has more than {PAGES_MAX} pages")
    }

    /// The ids of a group's members.
    ///
    /// # Errors
    /// When there is no such group.
    pub async fn members_of(&self, group: &str) -> Result<BTreeSet<String>> {
        Ok(member_ids(&self.get(&format!("/Groups/{group}")).await?).into_iter().collect())
    }

    /// Makes `member` a member of `group`, behind the host's back.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn add_member(&self, group: &str, member: &str) -> Result<()> {
        self.edit_members(group, |members| members.push(member.to_owned())).await
    }

    /// Takes `member` out of `group`, behind the host's back.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn remove_member(&self, group: &str, member: &str) -> Result<()> {
        self.edit_members(group, |members| members.retain(|other| other != member)).await
    }

    /// Reads one path below the base URL.
    ///
    /// # Errors
    /// When the answer is not a success.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None).await
    }

    /// Creates a resource at an endpoint such as `/Users`; answers its id.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn create(&self, endpoint: &str, resource: &Value) -> Result<String> {
        id_of(&self.send(Method::POST, endpoint, Some(resource)).await?)
    }

    /// Replaces the resource at a path such as `/Users/ID`.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn replace(&self, path: &str, resource: &Value) -> Result<()> {
        self.send(Method::PUT, path, Some(resource)).await.map(drop)
    }

    /// Deletes the resource at a path such as `/Users/ID`.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.send(Method::DELETE, path, None).await.map(drop)
    }

    async fn edit_members(&self, group: &str, edit: impl FnOnce(&mut Vec<String>)) -> Result<()> {
        let path = format!("/Groups/{group}");
        let mut resource = self.get(&path).await?;
        let mut members = member_ids(&resource);
        edit(&mut members);
        resource["members"] = members.iter().map(|member| json!({ "value": member })).collect();
        self.replace(&path, &resource).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base_url))
            .bearer_auth(&self.token)
            .header("accept", "application/scim+json");
        if let Some(body) = body {
            request =
                request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let response = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("{method} {path}"))?;
        ensure!(status.is_success(), "{method} {path} answered {status}: {text}");
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{method} {path} answered no JSON"))
    }
}

fn id_of(resource: &Value) -> Result<String> {
    Ok(resource["id"].as_str().context("a resource without `id`")?.to_owned())
}

fn member_ids(group: &Value) -> Vec<String> {
    let members = group["members"].as_array().into_iter().flatten();
    members.filter_map(|member| member["value"].as_str()).map(str::to_owned).collect()
}
