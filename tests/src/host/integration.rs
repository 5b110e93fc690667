//! An integration of the SCIM connector on a host, and the steps that journeys are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, Reply, component};
use crate::directory::Directory;
use crate::wait;

const RUN_LIMIT: Duration = Duration::from_secs(240);
const PROVISION_LIMIT: Duration = Duration::from_secs(90);

/// A SCIM server as an integration needs to know it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The base URL.
    pub url: String,
    /// Where it listens: approved as an address exception.
    pub address: SocketAddr,
    /// The bearer token.
    pub token: String,
}

impl From<&Directory> for Target {
    fn from(directory: &Directory) -> Self {
        let (url, token) = (directory.base_url(), directory.token().to_owned());
        Self { url, address: directory.address(), token }
    }
}

/// What the host's catalogue holds, by native ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// Accounts.
    pub accounts: BTreeSet<String>,
    /// Resources.
    pub resources: BTreeSet<String>,
    /// Assignments as (resource, account).
    pub assignments: BTreeSet<(String, String)>,
}

/// One integration of the SCIM connector.
#[derive(Clone, Debug)]
pub struct Integration {
    api: Api,
    /// Its id.
    pub id: String,
    /// Its app's id.
    pub app: String,
    /// The id of the principal that its plugin acts as.
    pub principal: String,
}

impl Integration {
    /// Installs a plugin of ours by name, unsigned; the same one twice is fine.
    ///
    /// # Errors
    /// When the host refuses it.
    pub async fn install(api: &Api, name: &str) -> Result<String> {
        let request = api
            .request(Method::POST, "/plugins?allow_unsigned=true")
            .header("idempotency-key", format!("install-{name}"))
            .header("content-type", "application/wasm")
            .body(component(name)?);
        let plugin = api.send(request).await?.ok()?;
        Ok(plugin["id"].as_str().context("a plugin has an id")?.to_owned())
    }

    /// Installs the SCIM connector and connects it to the target.
    ///
    /// # Errors
    /// When the host refuses one or the other.
    pub async fn scim(api: &Api, target: &Target) -> Result<Self> {
        let connection = json!({
            "url": target.url, "auth": { "type": "bearer", "token": target.token },
        });
        Self::connect(api, "scim", &connection, Some(target.address)).await
    }

    /// Installs a plugin and connects it, with all hosts approved that it asks for in the connection.
    ///
    /// # Errors
    /// When the host refuses one or the other.
    pub async fn connect(
        api: &Api,
        plugin: &str,
        connection: &Value,
        address: Option<SocketAddr>,
    ) -> Result<Self> {
        Self::connect_as(api, plugin, connection, address, |_| {}).await
    }

    /// The same with another approval; `change` gets the one that approves everything.
    ///
    /// # Errors
    /// When the host refuses one or the other.
    pub async fn connect_as(
        api: &Api,
        plugin: &str,
        connection: &Value,
        address: Option<SocketAddr>,
        change: impl FnOnce(&mut Value),
    ) -> Result<Self> {
        let plugin_id = Self::install(api, plugin).await?;
        let manifest = api.get(&format!("/plugins/{plugin_id}")).await?.ok()?;
        let asked = manifest["manifest"]["hosts"].as_array().cloned().unwrap_or_default();
        let hosts: Vec<Value> = asked.into_iter().map(|needed| needed["host"].clone()).collect();
        let exceptions: Vec<Value> = address
            .iter()
            .map(|address| json!({ "ip": address.ip(), "port": address.port() }))
            .collect();
        let mut approval = json!({
            "hosts": hosts,
            "platform_actions": manifest["manifest"]["platform_actions"],
            "kv": manifest["manifest"]["needs_kv"],
            "address_exceptions": exceptions,
        });
        change(&mut approval);
        let body = json!({
            "name": "Directory",
            "plugin_id": plugin_id,
            "connection": connection,
            "approval": approval,
        });
        let created = api.post("/integrations", &body).await?.ok()?;
        let text = |name: &str| text(&created, name).context("an integration has ids");
        let (id, app, principal) = (text("id")?, text("app_id")?, text("principal_id")?);
        Ok(Self { api: api.clone(), id, app, principal })
    }

    /// The integration as it stands.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn shown(&self) -> Result<Value> {
        self.api.get(&format!("/integrations/{}", self.id)).await?.ok()
    }

    /// Changes the integration as it stands now.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn change(&self, change: &Value) -> Result<Reply> {
        let path = format!("/integrations/{}", self.id);
        self.api.change(Method::PATCH, &path, change).await
    }

    /// What a test of the connection is answered, whether the host starts it or not.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn try_connection(&self) -> Result<Reply> {
        let path = format!("/integrations/{}/test-connection", self.id);
        self.api.post(&path, &json!({})).await
    }

    /// What came of a test of the connection.
    ///
    /// # Errors
    /// When the host does not start it.
    pub async fn test_connection(&self) -> Result<Value> {
        self.try_connection().await?.ok()
    }

    /// Orders an aggregation; returns its id.
    ///
    /// # Errors
    /// When the host refuses.
    pub async fn order_aggregation(&self) -> Result<String> {
        let path = format!("/integrations/{}/aggregations", self.id);
        let run = self.api.post(&path, &json!({})).await?.ok()?;
        Ok(run["id"].as_str().context("a run has an id")?.to_owned())
    }

    /// One aggregation as it stands.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn run(&self, id: &str) -> Result<Value> {
        self.api.get(&format!("/aggregations/{id}")).await?.ok()
    }

    /// Waits for an aggregation's end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn wait_for_run(&self, id: &str) -> Result<Value> {
        wait::until("the aggregation to end", RUN_LIMIT, async || {
            let run = self.run(id).await?;
            let is_running = ["queued", "running"].iter().any(|status| run["status"] == **status);
            Ok((!is_running).then_some(run))
        })
        .await
    }

    /// An aggregation from order to end.
    ///
    /// # Errors
    /// When it is refused or does not end in time.
    pub async fn aggregate(&self) -> Result<Value> {
        let id = self.order_aggregation().await?;
        self.wait_for_run(&id).await
    }

    /// The catalogue, read through the API's lists.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub async fn catalogue(&self) -> Result<Catalogue> {
        let base = format!("/integrations/{}", self.id);
        let accounts = self.native_ids(&format!("{base}/accounts")).await?;
        let resources = self.native_ids(&format!("{base}/resources")).await?;
        let entitlements: BTreeMap<String, String> = self
            .api
            .list(&format!("{base}/entitlements"))
            .await?
            .iter()
            .filter_map(|row| Some((text(row, "id")?, text(row, "resource_id")?)))
            .collect();
        let all: BTreeMap<&String, &String> = accounts.iter().chain(&resources).collect();
        let mut assignments = BTreeSet::new();
        for row in self.api.list(&format!("{base}/assignments")).await? {
            let entitlement = text(&row, "entitlement_id").context("an entitlement")?;
            let resource = entitlements.get(&entitlement).and_then(|id| all.get(id));
            let holder = text(&row, "holder_id").context("a holder")?;
            let pair = resource.zip(all.get(&holder)).context("an assignment points at rows")?;
            assignments.insert(((*pair.0).clone(), (*pair.1).clone()));
        }
        Ok(Catalogue {
            accounts: accounts.into_values().collect(),
            resources: resources.into_values().collect(),
            assignments,
        })
    }

    async fn native_ids(&self, path: &str) -> Result<BTreeMap<String, String>> {
        let rows = self.api.list(path).await?;
        Ok(rows
            .iter()
            .filter_map(|row| Some((text(row, "id")?, text(row, "native_id")?)))
            .collect())
    }

    /// The id of the account with this native id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn account(&self, native_id: &str) -> Result<String> {
        let rows = self.native_ids(&format!("/integrations/{}/accounts", self.id)).await?;
        rows.into_iter().find(|(_, n)| n == native_id).map(|(id, _)| id).context("no such account")
    }

    /// The id of the membership role of the group with this native id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn role(&self, group: &str) -> Result<String> {
        let resources = self.native_ids(&format!("/integrations/{}/resources", self.id)).await?;
        let rows = self.api.list(&format!("/integrations/{}/entitlements", self.id)).await?;
        let is_of = |row: &Value| {
            text(row, "resource_id").and_then(|id| resources.get(&id)).is_some_and(|n| n == group)
        };
        rows.iter().find(|row| is_of(row)).and_then(|row| text(row, "id")).context("no such role")
    }

    /// Grants a role to an account; returns the membership as answered.
    ///
    /// # Errors
    /// When the host refuses.
    pub async fn grant(&self, role: &str, account: &str, key: &str) -> Result<Value> {
        let path = format!("/apps/{}/memberships", self.app);
        let body = json!({ "role_id": role, "account_id": account });
        self.api.post_once(&path, &body, key).await?.ok()
    }

    /// Deletes a membership.
    ///
    /// # Errors
    /// When the host refuses.
    pub async fn delete(&self, membership: &str) -> Result<Value> {
        let path = format!("/apps/{}/memberships/{membership}", self.app);
        self.api.delete(&path).await?.ok()
    }

    /// One membership as it stands.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn membership(&self, id: &str) -> Result<Value> {
        self.api.get(&format!("/apps/{}/memberships/{id}", self.app)).await?.ok()
    }

    /// Waits until a membership has this status.
    ///
    /// # Errors
    /// When it fails, or does not get there in time.
    pub async fn wait_for_membership(&self, id: &str, status: &str) -> Result<Value> {
        wait::until(&format!("the membership to be {status}"), PROVISION_LIMIT, async || {
            let membership = self.membership(id).await?;
            let has_failed = membership["status"] == "failed" && status != "failed";
            ensure!(!has_failed, "{membership}");
            Ok((membership["status"] == status).then_some(membership))
        })
        .await
    }
}

fn text(row: &Value, name: &str) -> Option<String> {
    row[name].as_str().map(str::to_owned)
}
