//! The story: what an admin does with a new installation, through the HTTP API alone.

use std::fmt::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::client::Client;
use super::telling::Telling;

/// The group that the story is about.
const GROUP: &str = "Production write";
/// How long a membership may take to become what was asked for.
const PROVISIONING_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at a membership.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Most pages of a list that are counted.
const PAGES_MAX: u32 = 1_000;
const EIGHT_HOURS_MS: u64 = 8 * 60 * 60 * 1_000;

/// Where the directory is, and its token.
pub struct Directory {
    pub url: String,
    pub token: String,
}

/// The whole story.
pub fn tell(telling: &Telling, api: &Client, plugin: &Path, directory: &Directory) -> Result<()> {
    let plugin = install(telling, api, plugin)?;
    let integration = connect(telling, api, &plugin, directory)?;
    test_connection(telling, api, &integration)?;
    aggregate(telling, api, &integration)?;
    count(telling, api, &integration)?;

    let truth = Client::new(&directory.url, &directory.token);
    let role = find_role(api, &integration)?;
    let person = find_person(api, &truth, &integration)?;
    let membership = grant(telling, api, &role, &person)?;
    show_truth(telling, &truth, &person, true)?;
    revoke(telling, api, &role, &membership)?;
    show_truth(telling, &truth, &person, false)?;
    show_audit(telling, api)
}

fn install(telling: &Telling, api: &Client, path: &Path) -> Result<Value> {
    telling.step("Install the SCIM connector");
    let bytes = std::fs::read(path).with_context(|| format!("read `{}`", path.display()))?;
    telling.say(format!("uploading {} ({} KiB)", path.display(), bytes.len().div_ceil(1024)));
    let plugin = api.upload("/api/v1/plugins?allow_unsigned=true", "application/wasm", &bytes)?;
    let manifest = &plugin["manifest"];
    telling.say(format!(
        "`{}` {} for {}, sha256 {}",
        text(manifest, "name")?,
        text(manifest, "version")?,
        text(manifest, "application_type")?,
        text(&plugin, "digest")?,
    ));
    for host in manifest["hosts"].as_array().into_iter().flatten() {
        telling.say(format!(
            "asks for {} to the host of the connection's `{}`: {}",
            names(&host["methods"], ", "),
            text(&host["host"], "value")?,
            text(host, "why")?,
        ));
    }
    let actions = names(&manifest["platform_actions"], ", ");
    telling.say(format!(
        "asks for these actions on Grantry itself: {}",
        if actions.is_empty() { "none" } else { &actions }
    ));
    Ok(plugin)
}

fn connect(
    telling: &Telling,
    api: &Client,
    plugin: &Value,
    directory: &Directory,
) -> Result<Value> {
    telling.step("Create an integration and approve what its plugin may do");
    let address = directory.url.split('/').nth(2).context("the directory's URL has no address")?;
    let (ip, port) = address.rsplit_once(':').context("the directory's URL has no port")?;
    let approved = json!({ "rule": "from_connection", "value": "/url" });
    let integration = api.post(
        "/api/v1/integrations",
        &json!({
            "name": "Northwind directory",
            "description": "Made by the demo",
            "plugin_id": plugin["id"],
            "connection": {
                "url": directory.url,
                "auth": { "type": "bearer", "token": directory.token },
            },
            "approval": {
                "hosts": [approved],
                "address_exceptions": [{ "ip": ip, "port": port.parse::<u16>()? }],
            },
        }),
    )?;
    telling.say(format!(
        "`{}` connects to {}; the secret at {} is encrypted and never shown again",
        text(&integration, "name")?,
        directory.url,
        names(&integration["secret_fields"], ", "),
    ));
    telling.say(format!("approved: HTTP to that host, and to the loopback address {address}"));
    for warning in integration["warnings"].as_array().into_iter().flatten() {
        telling.say(format!("warning: {}", warning.as_str().unwrap_or_default()));
    }
    Ok(integration)
}

fn test_connection(telling: &Telling, api: &Client, integration: &Value) -> Result<()> {
    telling.step("Test the connection");
    let path = format!("/api/v1/integrations/{}/test-connection", text(integration, "id")?);
    let test = api.post(&path, &json!({ "depth": "read" }))?;
    ensure!(test["is_ok"] == true, "the connection does not work: {}", test["error"]);
    for kind in test["kinds"].as_array().into_iter().flatten() {
        telling.say(format!("sees {}: {}", text(kind, "kind")?, names(&kind["verbs"], ", ")));
    }
    Ok(())
}

fn aggregate(telling: &Telling, api: &Client, integration: &Value) -> Result<()> {
    telling.step("Aggregate: read every account, group and membership");
    let path = format!("/api/v1/integrations/{}/aggregations", text(integration, "id")?);
    let run = api.post(&path, &Value::Null)?;
    let events = format!("/api/v1/aggregations/{}/events", text(&run, "id")?);
    let began = Instant::now();
    let end = api.follow(&events, |run| {
        telling.say(format!(
            "{}{}: {} pages, {} rows read, {} written",
            run["status"].as_str().unwrap_or_default(),
            run["phase"].as_str().map_or(String::new(), |phase| format!(" ({phase})")),
            run["pages"],
            run["rows"],
            run["written"],
        ));
    })?;
    ensure!(end["status"] == "succeeded", "the aggregation ended as {end}");
    let took = began.elapsed().as_secs_f64();
    telling.say(format!(
        "{} added, {} changed, {} removed in {took:.1} s",
        end["added"], end["changed"], end["removed"]
    ));
    Ok(())
}

fn count(telling: &Telling, api: &Client, integration: &Value) -> Result<()> {
    telling.step("Look at the catalogue");
    let mut line = String::new();
    for noun in ["accounts", "resources", "entitlements", "assignments"] {
        let path = format!("/api/v1/integrations/{}/{noun}", text(integration, "id")?);
        let separator = if line.is_empty() { "" } else { ", " };
        write!(line, "{separator}{} {noun}", count_all(api, &path)?)?;
    }
    telling.say(line);
    Ok(())
}

/// The length of a list, page by page.
fn count_all(api: &Client, path: &str) -> Result<usize> {
    let mut count = 0;
    let mut cursor = String::new();
    for _ in 0..PAGES_MAX {
        let page = api.get(&format!("{path}?limit=200{cursor}"))?;
        count += page["items"].as_array().context("a page without items")?.len();
        let Some(next) = page["next"].as_str() else { return Ok(count) };
        cursor = format!("&cursor={next}");
    }
    bail!("{path} has more than {PAGES_MAX} pages")
}

/// The group's entitlement, seen through the integration's app.
fn find_role(api: &Client, integration: &Value) -> Result<Value> {
    let path = format!("/api/v1/apps/{}/roles", text(integration, "app_id")?);
    first(api.get(&format!("{path}?search={}", GROUP.replace(' ', "%20")))?)
        .with_context(|| format!("the app has no role `{GROUP}`"))
}

/// An enabled account that is not in the group.
fn find_person(api: &Client, truth: &Client, integration: &Value) -> Result<Value> {
    let members = members(truth)?;
    let path = format!("/api/v1/integrations/{}/accounts", text(integration, "id")?);
    let page = api.get(&format!("{path}?search=grace&status=enabled"))?;
    let accounts = page["items"].as_array().into_iter().flatten();
    let is_outside = |account: &&Value| !members.contains(&account["native_id"]);
    accounts.into_iter().find(is_outside).cloned().context("everybody is in the group already")
}

fn grant(telling: &Telling, api: &Client, role: &Value, person: &Value) -> Result<Value> {
    let who = text(person, "display")?;
    telling.step(&format!("Grant {who} `{}` for eight hours", text(role, "display")?));
    let path = format!("/api/v1/apps/{}/memberships", text(role, "app_id")?);
    let wanted = json!({
        "role_id": role["id"],
        "account_id": person["id"],
        "duration_ms": EIGHT_HOURS_MS,
    });
    let membership = api.post(&path, &wanted)?;
    follow(telling, api, role, membership, "active")
}

fn revoke(telling: &Telling, api: &Client, role: &Value, membership: &Value) -> Result<()> {
    telling.step("Revoke it again");
    let path = membership_path(role, membership)?;
    let membership = api.delete(&path)?;
    follow(telling, api, role, membership, "deleted").map(drop)
}

/// Looks at the membership until it is what was asked for, and tells what was done.
fn follow(
    telling: &Telling,
    api: &Client,
    role: &Value,
    mut membership: Value,
    wanted: &str,
) -> Result<Value> {
    let path = membership_path(role, &membership)?;
    let began = Instant::now();
    telling.say(format!("the membership is {}", text(&membership, "status")?));
    while membership["status"] != wanted {
        ensure!(membership["status"] != "failed", "it failed: {}", membership["failure"]);
        ensure!(began.elapsed() < PROVISIONING_LIMIT, "it is still {}", membership["status"]);
        thread::sleep(LOOK_INTERVAL);
        membership = api.get(&path)?;
    }
    let operations = api.get(&format!("{path}/operations"))?;
    let last = operations["items"].as_array().and_then(|items| items.last());
    let operation = last.context("nothing was done for the membership")?;
    telling.say(format!(
        "the connector's {} is {} (attempts: {})",
        text(operation, "verb")?,
        text(operation, "state")?,
        operation["attempts"],
    ));
    let took = began.elapsed().as_secs_f64();
    telling.say(format!("the membership is {wanted} ({took:.1} s)"));
    Ok(membership)
}

fn membership_path(role: &Value, membership: &Value) -> Result<String> {
    let app = text(role, "app_id")?;
    Ok(format!("/api/v1/apps/{app}/memberships/{}", text(membership, "id")?))
}

/// Asks the directory itself.
fn show_truth(
    telling: &Telling,
    truth: &Client,
    person: &Value,
    is_member_expected: bool,
) -> Result<()> {
    let members = members(truth)?;
    let is_member = members.contains(&person["native_id"]);
    let verb = if is_member { "is" } else { "is not" };
    let who = text(person, "display")?;
    telling.say(format!(
        "the directory itself says: {who} {verb} among the {} members of `{GROUP}`",
        members.len()
    ));
    ensure!(is_member == is_member_expected, "the directory does not agree with Grantry");
    Ok(())
}

/// The group's members in the directory, by id.
fn members(truth: &Client) -> Result<Vec<Value>> {
    let filter = format!("displayName%20eq%20%22{}%22", GROUP.replace(' ', "%20"));
    let found = truth.get(&format!("/Groups?filter={filter}"))?;
    let groups = found["Resources"].as_array().context("the directory lists no groups")?;
    let group = groups.first().with_context(|| format!("no group `{GROUP}`"))?;
    let members = group["members"].as_array().into_iter().flatten();
    Ok(members.map(|member| member["value"].clone()).collect())
}

fn show_audit(telling: &Telling, api: &Client) -> Result<()> {
    telling.step("Read the audit log, newest first");
    let page = api.get("/api/v1/audit?limit=8")?;
    for entry in page["items"].as_array().into_iter().flatten() {
        telling.say(format!(
            "{:>4}  {:26} by {:8} through {:5} {}",
            entry["sequence"],
            text(entry, "event")?,
            text(entry, "principal_kind")?,
            text(entry, "door")?,
            text(entry, "reason")?,
        ));
    }
    Ok(())
}

fn first(page: Value) -> Option<Value> {
    page["items"].as_array().and_then(|items| items.first()).cloned()
}

/// A field that the API always fills.
fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value[field].as_str().with_context(|| format!("the answer has no `{field}`: {value}"))
}

/// A list of texts in one line.
fn names(values: &Value, separator: &str) -> String {
    let names = values.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.collect::<Vec<_>>().join(separator)
}
