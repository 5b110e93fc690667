//! One permission model, two doors: a plugin's call of the platform interface gets what an HTTP
//! client with the same permissions gets, for every question and every set of permissions.
//!
//! Both are held against an oracle of their own: the rule of PRM-2 and PRM-4 in a few lines.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use grantry_tests::directory::Directory;
use grantry_tests::host::{Api, Database, Host, Integration, Reply, Target};
use grantry_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

const READ: &str = "app_and_role_read";
const WRITE: &str = "app_membership_write";
const MEMBERS: &str = "csv_app_user_upload";
const USERS: &str = "data_source_users_update";
const ACTIONS: [&str; 4] = [READ, MEMBERS, USERS, WRITE];
/// What a plugin uploads: see `plugins/hostile`.
const PEOPLE: &str = "external_id\n1\n2\n";
const AUDIT_LIMIT: Duration = Duration::from_secs(10);

/// An app with roles and memberships that the questions are about.
struct Governed {
    integration: Integration,
    role: String,
    /// Outside the role's group, so that they can be granted it.
    accounts: Vec<String>,
}

struct Scene {
    host: Host,
    _directory: Directory,
    own: Governed,
    other: Governed,
    /// Apps that uploads feed, and data sources: the own one and another.
    lists: [String; 2],
    sources: [String; 2],
}

impl Scene {
    async fn start() -> Result<Self> {
        let directory = Directory::builder().people(12).groups(3).start()?;
        let host = Host::start(Database::Sqlite).await?;
        let own = Governed::start(host.api(), &directory).await?;
        let other = Governed::start(host.api(), &directory).await?;
        let made = async |path: &str, name: &str| -> Result<String> {
            let made = host.api().post(path, &json!({ "name": name })).await?.ok()?;
            Ok(made["id"].as_str().context("an id")?.to_owned())
        };
        let lists = [made("/apps", "Own").await?, made("/apps", "Other").await?];
        let sources = [made("/data-sources", "Own").await?, made("/data-sources", "Other").await?];
        Ok(Self { host, _directory: directory, own, other, lists, sources })
    }

    fn api(&self) -> &Api {
        self.host.api()
    }

    async fn plugin(&self, connection: &Value, actions: &[&str]) -> Result<Integration> {
        let approve = |approval: &mut Value| approval["platform_actions"] = json!(actions);
        Integration::connect_as(self.api(), "hostile", connection, None, approve).await
    }
}

impl Governed {
    async fn start(api: &Api, directory: &Directory) -> Result<Self> {
        let target = Target::from(directory);
        let integration = Integration::scim(api, &target).await?;
        let run = integration.aggregate().await?;
        assert_eq!(run["status"], "succeeded", "{run}");
        let groups = directory.groups();
        let group = groups[0]["id"].as_str().context("a group")?;
        let members = directory.members_of(group);
        let people = directory.people();
        let people = people.iter().filter_map(|person| person["id"].as_str());
        let mut accounts = Vec::new();
        for person in people.filter(|person| !members.contains(*person)).take(3) {
            accounts.push(integration.account(person).await?);
        }
        let role = integration.role(group).await?;
        Ok(Self { integration, role, accounts })
    }

    /// The id of an active membership of the role.
    async fn granted(&self, account: usize) -> Result<String> {
        let (role, account) = (&self.role, &self.accounts[account]);
        let granted = self.integration.grant(role, account, account).await?;
        let id = granted["id"].as_str().context("an id")?.to_owned();
        self.integration.wait_for_membership(&id, "active").await?;
        Ok(id)
    }
}

/// What one of the two doors answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// Carried out; with the ids of what was answered.
    Done(BTreeSet<String>),
    /// Something is held there, but not this action.
    Denied,
    /// Nothing there, or nothing that the caller may see.
    NotFound,
    /// The state forbids it.
    Conflict,
    /// The input is not acceptable.
    Invalid,
}

/// One question, put through both doors.
struct Question {
    behaviour: &'static str,
    app: String,
    role: String,
    account: String,
    membership: String,
    /// What a caller is answered who holds what it needs.
    allowed: Answer,
}

impl Question {
    fn new(behaviour: &'static str, app: &str, allowed: Answer) -> Self {
        let (role, account, membership) = Default::default();
        Self { behaviour, app: app.to_owned(), role, account, membership, allowed }
    }

    fn on(self, membership: &str) -> Self {
        Self { membership: membership.to_owned(), ..self }
    }

    fn giving(self, role: &str, account: &str) -> Self {
        Self { role: role.to_owned(), account: account.to_owned(), ..self }
    }

    fn action(&self) -> &'static str {
        match self.behaviour {
            "upload_members" => MEMBERS,
            "upload_users" => USERS,
            name if name.starts_with("list_") => READ,
            _ => WRITE,
        }
    }

    /// The action's name in the plugin's words.
    fn case(&self) -> &'static str {
        match self.action() {
            READ => "AppAndRoleRead",
            MEMBERS => "CsvAppUserUpload",
            USERS => "DataSourceUsersUpdate",
            _ => "AppMembershipWrite",
        }
    }

    fn connection(&self) -> Value {
        json!({
            "behaviour": self.behaviour, "app": self.app, "role": self.role,
            "account": self.account, "membership": self.membership,
        })
    }

    /// As an HTTP client.
    async fn ask(&self, api: &Api) -> Result<Answer> {
        let app = format!("/apps/{}", self.app);
        let membership = format!("{app}/memberships/{}", self.membership);
        let reply = match self.behaviour {
            "list_apps" => api.get("/apps?limit=200").await?,
            "list_data_sources" => api.get("/data-sources?limit=200").await?,
            "upload_members" | "upload_users" => return self.upload(api).await,
            "list_roles" => api.get(&format!("{app}/roles?limit=200")).await?,
            "grant_membership" => {
                let body = json!({ "role_id": self.role, "account_id": self.account });
                api.post(&format!("{app}/memberships"), &body).await?
            }
            "extend_membership" => {
                let body = json!({ "ends_ms": i64::MAX });
                api.post(&format!("{membership}/extend"), &body).await?
            }
            "renew_membership" => api.post(&format!("{membership}/renew"), &json!({})).await?,
            "delete_membership" => api.delete(&membership).await?,
            other => anyhow::bail!("no such question: `{other}`"),
        };
        self.read(&reply)
    }

    /// Sends a list and applies it.
    async fn upload(&self, api: &Api) -> Result<Answer> {
        let kind = if self.behaviour == "upload_users" { "data-sources" } else { "apps" };
        let path = format!("/{kind}/{}/uploads", self.app);
        let key = api.fresh_key();
        let request = api.request(Method::POST, &path).header("idempotency-key", key);
        let request = request.header("content-type", "text/csv").body(PEOPLE);
        let received = api.send(request).await?;
        if received.status != 201 {
            return self.read(&received);
        }
        let hash = &received.body["diff"]["hash"];
        let id = received.body["id"].as_str().context("an id")?;
        let body = json!({ "diff": hash, "approve_diff": hash });
        let applied = api.post(&format!("{path}/{id}/apply"), &body).await?;
        assert_eq!(applied.body["status"], "applied", "{applied:?}");
        Ok(Answer::Done(BTreeSet::new()))
    }

    fn read(&self, reply: &Reply) -> Result<Answer> {
        let id = |row: &Value| row["id"].as_str().map(str::to_owned);
        Ok(match reply.status {
            200 | 201 => match reply.body["items"].as_array() {
                Some(items) => Answer::Done(items.iter().filter_map(id).collect()),
                None => Answer::Done(id(&reply.body).into_iter().collect()),
            },
            403 => {
                let detail = reply.body["detail"].to_string();
                assert!(detail.contains(self.action()), "{detail}");
                Answer::Denied
            }
            404 => Answer::NotFound,
            409 => Answer::Conflict,
            422 => Answer::Invalid,
            _ => anyhow::bail!("{reply:?}"),
        })
    }

    /// What the plugin tells of its answer.
    fn told(&self, tested: &Value) -> Result<Answer> {
        let told = tested["warnings"][0].as_str().with_context(|| tested.to_string())?;
        if told.starts_with("Ok(") {
            let ids = told.split(" id: \"").skip(1).filter_map(|rest| rest.split('"').next());
            return Ok(Answer::Done(ids.map(str::to_owned).collect()));
        }
        let error = told.strip_prefix("Err(PlatformError::").with_context(|| told.to_owned())?;
        Ok(match error.split(['(', ')']).next().unwrap_or_default() {
            "Denied" => {
                assert!(error.contains(self.case()) && error.contains(&self.app), "{error}");
                Answer::Denied
            }
            "NotFound" => Answer::NotFound,
            "Conflict" => Answer::Conflict,
            "Invalid" => Answer::Invalid,
            other => anyhow::bail!("an unexpected error: `{other}`"),
        })
    }
}

/// What a principal holds.
#[derive(Debug)]
struct Held<'a> {
    global: Vec<&'static str>,
    apps: Vec<&'a str>,
    sources: Vec<&'a str>,
}

impl Held<'_> {
    fn has(&self, action: &str, app: &str) -> bool {
        // Ids of apps and data sources are never the same.
        self.global.contains(&action) || self.apps.contains(&app) || self.sources.contains(&app)
    }

    /// The oracle.
    fn expects(
        &self,
        question: &Question,
        apps: &BTreeSet<String>,
        sources: &BTreeSet<String>,
    ) -> Answer {
        let (action, app) = (question.action(), question.app.as_str());
        // An app's id is nothing to a data source's permission, and the other way round.
        let is_source = question.behaviour == "upload_users";
        let given = if is_source { &self.sources } else { &self.apps };
        let holds = |action| self.global.contains(&action) || given.contains(&app);
        if question.behaviour == "list_apps" {
            let seen = apps.iter().filter(|app| self.has(READ, app)).cloned();
            return Answer::Done(seen.collect());
        }
        if question.behaviour == "list_data_sources" {
            let any = |source: &&String| ACTIONS.iter().any(|action| self.has(action, source));
            return Answer::Done(sources.iter().filter(any).cloned().collect());
        }
        if holds(action) {
            return question.allowed.clone();
        }
        if ACTIONS.iter().any(|action| holds(*action)) {
            return Answer::Denied;
        }
        Answer::NotFound
    }
}

async fn ids(api: &Api, path: &str) -> Result<BTreeSet<String>> {
    let rows = api.list(path).await?;
    Ok(rows.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect())
}

fn one(id: &str) -> Answer {
    Answer::Done(BTreeSet::from([id.to_owned()]))
}

/// What is there, what the state forbids, and ids that are another app's or nobody's.
async fn questions(scene: &Scene) -> Result<Vec<Question>> {
    let (own, other) = (&scene.own, &scene.other);
    let (app, elsewhere) = (own.integration.app.as_str(), other.integration.app.as_str());
    let granted = own.granted(0).await?;
    let ended = own.granted(1).await?;
    let foreign = other.granted(2).await?;
    let roles = ids(scene.api(), &format!("/apps/{app}/roles")).await?;
    assert_eq!(roles.len(), 3);
    let account = &own.accounts[0];
    let unknown = "01a20000-0000-7000-8000-000000000000";
    let ask = Question::new;
    Ok(vec![
        ask("list_apps", app, Answer::NotFound),
        ask("list_roles", app, Answer::Done(roles)),
        ask("grant_membership", app, one(&granted)).giving(&own.role, account),
        ask("extend_membership", app, Answer::Invalid).on(&granted),
        ask("renew_membership", app, Answer::Conflict).on(&granted),
        ask("delete_membership", app, one(&ended)).on(&ended),
        ask("list_data_sources", app, Answer::NotFound),
        ask("upload_members", &scene.lists[0], Answer::Done(BTreeSet::new())),
        ask("upload_users", &scene.sources[0], Answer::Done(BTreeSet::new())),
        // An integration feeds it.
        ask("upload_members", app, Answer::Conflict),
        ask("upload_members", unknown, Answer::NotFound),
        ask("upload_users", unknown, Answer::NotFound),
        // Of the other kind.
        ask("upload_users", &scene.lists[1], Answer::NotFound),
        // Forged ones.
        ask("list_roles", unknown, Answer::NotFound),
        ask("grant_membership", unknown, Answer::NotFound).giving(&own.role, account),
        ask("delete_membership", unknown, Answer::NotFound).on(&granted),
        ask("grant_membership", app, Answer::NotFound).giving(&other.role, account),
        ask("grant_membership", app, Answer::Invalid).giving(&own.role, &other.accounts[0]),
        ask("extend_membership", app, Answer::NotFound).on(&foreign),
        ask("renew_membership", app, Answer::NotFound).on(&foreign),
        ask("delete_membership", app, Answer::NotFound).on(&foreign),
        ask("delete_membership", app, Answer::NotFound).on(unknown),
        ask("delete_membership", elsewhere, Answer::NotFound).on(&granted),
    ])
}

#[tokio::test]
async fn a_plugin_gets_what_a_client_with_the_same_permissions_gets() -> Result<()> {
    let scene = Scene::start().await?;
    let api = scene.api();
    let questions = questions(&scene).await?;
    // One integration for each: the plugin's idempotency key is always the same, but for uploads.
    let is_shared = |question: &Question| {
        question.behaviour.starts_with("upload_") || question.behaviour == "list_data_sources"
    };
    let shared = scene.plugin(&questions[0].connection(), &ACTIONS).await?;
    let mut plugins = Vec::new();
    for question in &questions {
        plugins.push(match is_shared(question) {
            true => None,
            false => Some(scene.plugin(&question.connection(), &ACTIONS).await?),
        });
    }
    let (client, as_client) = api.client("Twin").await?;
    let (own, other) = (&*scene.own.integration.app, &*scene.other.integration.app);
    let apps = ids(api, "/apps").await?;
    let sources = ids(api, "/data-sources").await?;
    let global = |actions: &[&'static str]| Held {
        global: actions.to_vec(),
        apps: Vec::new(),
        sources: Vec::new(),
    };
    let mut sets: Vec<Held<'_>> = ACTIONS.iter().map(|action| global(&[action])).collect();
    sets.push(global(&[]));
    sets.push(global(&ACTIONS));
    let [list, other_list] = scene.lists.each_ref().map(String::as_str);
    let [source, other_source] = scene.sources.each_ref().map(String::as_str);
    for (apps, sources) in [
        (vec![own, list], vec![]),
        (vec![other, other_list], vec![]),
        (vec![], vec![source]),
        (vec![], vec![other_source]),
        (vec![own, list], vec![source]),
    ] {
        sets.push(Held { global: Vec::new(), apps: apps.clone(), sources: sources.clone() });
        sets.push(Held { global: vec![READ], apps, sources });
    }
    for held in &sets {
        api.permit_all(&client, &held.global, &held.apps, &held.sources).await?;
        for (question, own) in questions.iter().zip(&plugins) {
            let plugin = own.as_ref().unwrap_or(&shared);
            if own.is_none() {
                let connection = json!({ "connection": question.connection() });
                plugin.change(&connection).await?.ok()?;
            }
            api.permit_all(&plugin.principal, &held.global, &held.apps, &held.sources).await?;
            let expected = held.expects(question, &apps, &sources);
            let at = format!("{} with {held:?}", question.connection());
            assert_eq!(question.ask(&as_client).await?, expected, "a client: {at}");
            let told = question.told(&plugin.test_connection().await?)?;
            assert_eq!(told, expected, "a plugin: {at}");
        }
    }
    assert_eq!(api.failures(), Vec::<String>::new());
    Ok(())
}

/// The approval is a gate of its own, before the permissions.
#[tokio::test]
async fn an_action_that_is_not_approved_is_denied_whatever_is_held() -> Result<()> {
    let scene = Scene::start().await?;
    let (api, own) = (scene.api(), &scene.own);
    let app = own.integration.app.as_str();
    let granted = own.granted(0).await?;
    let grant = Question::new("grant_membership", app, one(&granted));
    let grant = grant.giving(&own.role, &own.accounts[0]);
    let plugin = scene.plugin(&grant.connection(), &[READ]).await?;
    api.permit(&plugin.principal, &ACTIONS, &[app]).await?;

    let tested = plugin.test_connection().await?;
    let told = tested["warnings"][0].to_string();
    assert!(told.contains("Denied") && told.contains("entity: None"), "{told}");
    recorded(api, &plugin, "plugin.denied", "platform_denied").await?;

    let list = Question::new("list_roles", app, Answer::NotFound);
    plugin.change(&json!({ "connection": list.connection() })).await?.ok()?;
    let told = list.told(&plugin.test_connection().await?)?;
    assert!(matches!(&told, Answer::Done(roles) if roles.len() == 3), "{told:?}");

    let mut approval = plugin.shown().await?["approval"].clone();
    approval["platform_actions"] = json!([READ, WRITE]);
    let change = json!({ "connection": grant.connection(), "approval": approval });
    plugin.change(&change).await?.ok()?;
    assert_eq!(grant.told(&plugin.test_connection().await?)?, one(&granted));

    let mut approval = plugin.shown().await?["approval"].clone();
    approval["platform_actions"] = json!([]);
    let change = json!({ "connection": list.connection(), "approval": approval });
    plugin.change(&change).await?.ok()?;
    let told = plugin.test_connection().await?["warnings"][0].to_string();
    assert!(told.contains("Denied") && told.contains("entity: None"), "{told}");
    Ok(())
}

/// Row 49: permissions are read anew for every call.
#[tokio::test]
async fn a_revoked_permission_is_gone_at_the_next_call() -> Result<()> {
    let scene = Scene::start().await?;
    let (api, own) = (scene.api(), &scene.own);
    let app = own.integration.app.as_str();
    let granted = own.granted(0).await?;
    let grant = Question::new("grant_membership", app, one(&granted));
    let grant = grant.giving(&own.role, &own.accounts[0]);
    let plugin = scene.plugin(&grant.connection(), &ACTIONS).await?;
    let steps: [(&[&str], &[&str], Answer); 7] = [
        (&[], &[], Answer::NotFound),
        (&[WRITE], &[], one(&granted)),
        (&[READ], &[], Answer::Denied),
        // What was answered before is not answered again to one who may not ask.
        (&[], &[], Answer::NotFound),
        (&[], &[app], one(&granted)),
        (&[READ], &[], Answer::Denied),
        (&[], &[], Answer::NotFound),
    ];
    for (global, apps, expected) in steps {
        api.permit(&plugin.principal, global, apps).await?;
        let told = grant.told(&plugin.test_connection().await?)?;
        assert_eq!(told, expected, "{global:?} {apps:?}");
    }
    recorded(api, &plugin, "authz.denied", "").await
}

/// The plugin of a connection that is not saved runs for the admin who tries it, and must not act
/// as the admin.
#[tokio::test]
async fn a_connection_that_is_only_tried_has_no_platform() -> Result<()> {
    let scene = Scene::start().await?;
    let api = scene.api();
    let plugin_id = Integration::install(api, "hostile").await?;
    for behaviour in ["list_apps", "list_roles", "delete_membership"] {
        let question = Question::new(behaviour, &scene.own.integration.app, Answer::NotFound);
        let body = json!({
            "plugin_id": plugin_id,
            "connection": question.connection(),
            "approval": { "platform_actions": ACTIONS, "kv": true },
        });
        let tested = api.send(api.request(Method::POST, "/integrations/test").json(&body)).await?;
        let told = tested.ok()?["warnings"][0].to_string();
        assert!(told.contains("Denied") && told.contains("entity: None"), "{told}");
    }
    Ok(())
}

/// The refusal is in the audit log, as the plugin's.
async fn recorded(api: &Api, plugin: &Integration, event: &str, reason: &str) -> Result<()> {
    let query = format!("/audit?event={event}&principal_id={}", plugin.principal);
    wait::until(&format!("an entry `{event}`"), AUDIT_LIMIT, async || {
        let rows = api.list(&query).await?;
        let is_it = |row: &&Value| {
            row["door"] == "plugin" && (reason.is_empty() || row["reason"] == reason)
        };
        Ok(rows.iter().find(is_it).map(drop))
    })
    .await
}
