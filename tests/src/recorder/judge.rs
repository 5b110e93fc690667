//! What the exchanges prove: no effect was asked for twice without looking first.
//!
//! The rule of the kill tests: at most one state-changing request per idempotency key, unless the
//! target refused it or a read in between showed that it had been lost.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Recorder;
use super::exchange::Exchange;

/// What makes two state-changing requests the same effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectKey {
    /// The `Idempotency-Key` header.
    IdempotencyKey(String),
    /// Without such a header: method, path and body.
    Request {
        /// Upper case.
        method: String,
        /// Without the query.
        path: String,
        /// As sent.
        body: String,
    },
}

/// A state-changing request that was repeated without knowing that the first was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlindRepeat {
    /// The effect asked for twice.
    pub key: EffectKey,
    /// The earlier request.
    pub first: Exchange,
    /// The later one.
    pub second: Exchange,
}

impl Recorder {
    /// The state-changing requests by what they are to effect, each in the order of arrival.
    #[must_use]
    pub fn state_changing_requests(&self) -> BTreeMap<EffectKey, Vec<Exchange>> {
        let mut groups: BTreeMap<EffectKey, Vec<Exchange>> = BTreeMap::new();
        for exchange in self.exchanges().into_iter().filter(Exchange::is_state_changing) {
            groups.entry(effect_key(&exchange)).or_default().push(exchange);
        }
        groups
    }

    /// Every repetition that breaks the rule.
    ///
    /// `shows_lost(change, read)` tells whether the read proves that the change did not happen;
    /// for SCIM that is [`scim_shows_lost`].
    #[must_use]
    pub fn blind_repeats(
        &self,
        shows_lost: impl Fn(&Exchange, &Exchange) -> bool,
    ) -> Vec<BlindRepeat> {
        let reads: Vec<Exchange> =
            self.exchanges().into_iter().filter(|each| !each.is_state_changing()).collect();
        let mut found = Vec::new();
        for (key, requests) in self.state_changing_requests() {
            for pair in requests.windows(2) {
                let between =
                    |read: &&Exchange| (pair[0].number..pair[1].number).contains(&read.number);
                let is_known_lost = pair[0].was_refused()
                    || reads.iter().filter(between).any(|read| shows_lost(&pair[0], read));
                if !is_known_lost {
                    let (first, second) = (pair[0].clone(), pair[1].clone());
                    found.push(BlindRepeat { key: key.clone(), first, second });
                }
            }
        }
        found
    }
}

/// Whether a SCIM read proves that a change did not happen (or has been undone since).
///
/// Understands group changes by PATCH and PUT read back as that group or through a filter, a
/// creation read back as an empty list of its endpoint, and a deletion whose resource is still there.
#[must_use]
pub fn scim_shows_lost(change: &Exchange, read: &Exchange) -> bool {
    // Only what the client got counts as knowledge.
    let was_read = read.answered_status == read.target_status;
    let body: Value = serde_json::from_str(&read.target_body).unwrap_or_default();
    match (change.method.as_str(), read.target_status) {
        (_, Some(200)) if !was_read => false,
        ("DELETE", Some(200)) => read.path == change.path,
        ("POST", Some(200)) => read.path == change.path && body["totalResults"] == 0,
        ("PATCH" | "PUT", Some(200)) => {
            let Some(group) = read_group(change, read, &body) else { return false };
            let wanted: Value = serde_json::from_str(&change.body).unwrap_or_default();
            match change.method.as_str() {
                "PUT" => member_ids(&wanted["members"]) != group,
                _ => {
                    wanted_by_patch(&wanted).iter().any(|(id, is_in)| group.contains(id) != *is_in)
                }
            }
        }
        _ => false,
    }
}

fn effect_key(exchange: &Exchange) -> EffectKey {
    match exchange.header("idempotency-key") {
        Some(key) => EffectKey::IdempotencyKey(key.to_owned()),
        None => EffectKey::Request {
            method: exchange.method.clone(),
            path: exchange.path.clone(),
            body: exchange.body.clone(),
        },
    }
}

/// The members of the changed group as `read` shows them.
fn read_group(change: &Exchange, read: &Exchange, body: &Value) -> Option<BTreeSet<String>> {
    if read.path == change.path {
        return Some(member_ids(&body["members"]));
    }
    let (endpoint, id) = change.path.rsplit_once('/')?;
    if read.path != endpoint {
        return None;
    }
    let listed = body["Resources"].as_array().into_iter().flatten().find(|row| row["id"] == id);
    match listed {
        Some(group) if group.get("members").is_some() => Some(member_ids(&group["members"])),
        Some(_) => None,
        // `id eq "group" and members.value eq "member"` found nothing: the member is not in it.
        None => (read.query.contains("members") && read.query.contains(id)).then(BTreeSet::new),
    }
}

/// The members that a PATCH names, and whether they are to be in the group.
fn wanted_by_patch(request: &Value) -> Vec<(String, bool)> {
    let mut wanted = Vec::new();
    for operation in request["Operations"].as_array().into_iter().flatten() {
        let is_removal =
            operation["op"].as_str().is_some_and(|op| op.eq_ignore_ascii_case("remove"));
        let value = &operation["value"];
        let named = member_ids(value).into_iter().chain(member_ids(&value["members"]));
        wanted.extend(named.map(|id| (id, !is_removal)));
        let path = operation["path"].as_str().unwrap_or_default();
        wanted.extend(path.split('"').nth(1).map(|id| (id.to_owned(), !is_removal)));
    }
    wanted
}

fn member_ids(members: &Value) -> BTreeSet<String> {
    let items = members.as_array().into_iter().flatten();
    items.filter_map(|item| item["value"].as_str()).map(str::to_owned).collect()
}
