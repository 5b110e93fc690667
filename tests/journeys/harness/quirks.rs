//! Every quirk does what its name says, and nothing else.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use grantry_tests::directory::{Directory, Quirk};
use reqwest::Method;
use serde_json::{Value, json};

use super::http;

const ADA: &str = "ada.abebe@northwind.example";

/// A directory of 250 people, whose largest group has them all, and one request to it.
struct Odd(Directory);

impl Odd {
    fn new(quirk: Quirk) -> Self {
        let directory = Directory::builder().people(250).page_items_max(200);
        Self(directory.quirk(quirk).start().unwrap())
    }

    async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}{path}", self.0.base_url());
        http::request(method, &url, self.0.token(), body).send().await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        http::answer(self.try_send(method, path, body).await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await.1
    }

    async fn patch(&self, path: &str, operations: Value) -> (u16, Value) {
        self.send(Method::PATCH, path, Some(&http::patch(&operations))).await
    }

    fn ada(&self) -> String {
        self.0.person_id(ADA).unwrap()
    }

    fn group(&self, name: &str) -> String {
        self.0.group_id(name).unwrap()
    }

    async fn add(&self, group: &str, person: &str) -> (u16, Value) {
        let value = json!([{ "value": person }]);
        let operations = json!([{ "op": "add", "path": "members", "value": value }]);
        self.patch(&format!("/Groups/{group}"), operations).await
    }
}

fn rows(page: &Value) -> usize {
    page["Resources"].as_array().map_or(0, Vec::len)
}

fn total(page: &Value) -> u64 {
    page["totalResults"].as_u64().unwrap()
}

#[tokio::test]
async fn lists_lie_in_their_ways() {
    let odd = Odd::new(Quirk::EmptyListWithoutPaging);
    assert_eq!(rows(&odd.get("/Users?count=10").await), 0);
    assert_eq!(rows(&odd.get("/Users?startIndex=1&count=10").await), 10);

    let odd = Odd::new(Quirk::ListStopsAt100);
    let page = odd.get("/Users?startIndex=101&count=200").await;
    assert_eq!((rows(&page), total(&page)), (100, 100));

    let odd = Odd::new(Quirk::TotalCountsThisPage);
    let page = odd.get("/Users?startIndex=1&count=20").await;
    assert_eq!((rows(&page), total(&page)), (20, 20));

    let odd = Odd::new(Quirk::TotalIgnoresFilter);
    let page = odd.get("/Users?filter=userName%20eq%20%22nobody%22").await;
    assert_eq!((rows(&page), total(&page)), (0, 250));

    let odd = Odd::new(Quirk::ItemsPerPageAsRequested);
    let page = odd.get("/Users?startIndex=201&count=200").await;
    assert_eq!((rows(&page), &page["itemsPerPage"]), (50, &json!(200)));

    let odd = Odd::new(Quirk::TooManyUnlessPaged);
    assert_eq!(odd.get("/Users").await["scimType"], "tooMany");
    assert_eq!(rows(&odd.get("/Users?count=10").await), 10);
}

#[tokio::test]
async fn indexes_shift_or_repeat() {
    let honest = Directory::builder().people(250).start().unwrap();
    let second = honest.people()[1]["id"].clone();

    let odd = Odd::new(Quirk::StartIndexFromZero);
    assert_eq!(odd.get("/Users?startIndex=1&count=1").await["Resources"][0]["id"], second);
    assert_eq!(rows(&odd.get("/Users?startIndex=1&count=200").await), 200);
    assert_eq!(rows(&odd.get("/Users?startIndex=201&count=200").await), 49);

    let odd = Odd::new(Quirk::RepeatsFirstPage);
    let pages = (odd.get("/Users?startIndex=1").await, odd.get("/Users?startIndex=201").await);
    assert_eq!(pages.0["Resources"], pages.1["Resources"]);
}

#[tokio::test]
async fn a_removal_with_a_value_empties_the_group() {
    let odd = Odd::new(Quirk::RemoveWithValueEmptiesGroup);
    let group = odd.group("VPN users");
    let member = odd.0.members_of(&group).pop_first().unwrap();
    let value = json!([{ "value": member }]);
    let operations = json!([{ "op": "remove", "path": "members", "value": value }]);
    assert_eq!(odd.patch(&format!("/Groups/{group}"), operations).await.0, 200);
    assert!(odd.0.members_of(&group).is_empty());
}

#[tokio::test]
async fn patch_is_ignored_bare_or_unsupported() {
    let odd = Odd::new(Quirk::PatchIgnored);
    let (group, ada) = (odd.group("Payroll approvers"), odd.ada());
    let before = odd.0.members_of(&group);
    assert_eq!(odd.add(&group, &ada).await.0, 200);
    assert_eq!(odd.0.members_of(&group), before);

    let odd = Odd::new(Quirk::PatchAnswersNoContent);
    assert_eq!(odd.add(&group, &ada).await, (204, Value::Null));
    assert!(odd.0.members_of(&group).contains(&ada));

    for is_advertised in [true, false] {
        let odd = Odd::new(Quirk::PatchUnsupported { is_advertised });
        let config = odd.get("/ServiceProviderConfig").await;
        assert_eq!(config["patch"]["supported"], is_advertised);
        assert_eq!(odd.add(&group, &ada).await.0, 501);
    }

    let odd = Odd::new(Quirk::PutUnsupported);
    let body = json!({ "displayName": "Payroll approvers" });
    assert_eq!(odd.send(Method::PUT, &format!("/Groups/{group}"), Some(&body)).await.0, 501);
}

#[tokio::test]
async fn the_members_path_fails_but_a_value_object_works() {
    let odd = Odd::new(Quirk::MembersPathFails);
    let (group, ada) = (odd.group("Payroll approvers"), odd.ada());
    assert_eq!(odd.add(&group, &ada).await.0, 500);
    assert!(!odd.0.members_of(&group).contains(&ada));

    let path = format!("/Groups/{group}");
    let operations = json!([{ "op": "add", "value": { "members": [{ "value": ada }] } }]);
    assert_eq!(odd.patch(&path, operations).await.0, 200);
    assert!(odd.0.members_of(&group).contains(&ada));
    let operations = json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]);
    assert_eq!(odd.patch(&path, operations).await.0, 200);
    assert!(!odd.0.members_of(&group).contains(&ada));
}

#[tokio::test]
async fn large_groups_are_refused_or_cut() {
    let odd = Odd::new(Quirk::MembersPerRequestMax(100));
    let group = odd.group("All employees");
    let path = format!("/Groups/{group}");
    let whole = odd.get(&path).await;
    assert_eq!(odd.send(Method::PUT, &path, Some(&whole)).await.0, 400);
    let members = whole["members"].as_array().unwrap();
    let operation = |count| json!([{ "op": "add", "path": "members", "value": members[..count] }]);
    assert_eq!(odd.patch(&path, operation(101)).await.0, 400);
    assert_eq!(odd.patch(&path, operation(100)).await.0, 200);

    let odd = Odd::new(Quirk::AddRemovesBeyond100);
    let person = odd.0.members_of(&group).pop_last().unwrap();
    odd.0.remove_member(&group, &person);
    assert_eq!(odd.add(&group, &person).await.0, 200);
    assert_eq!(odd.0.members_of(&group).len(), 101);
}

#[tokio::test]
async fn booleans_are_strings_and_active_does_not_change() {
    let odd = Odd::new(Quirk::BooleansAsStrings);
    let path = format!("/Users/{}", odd.ada());
    assert_eq!(odd.get(&path).await["active"], "True");
    assert_eq!(odd.get("/ServiceProviderConfig").await["patch"]["supported"], true);

    let odd = Odd::new(Quirk::ActiveFalseIgnored);
    let operation = |active| json!([{ "op": "replace", "path": "active", "value": active }]);
    let (status, body) = odd.patch(&path, operation(false)).await;
    assert_eq!((status, &body["active"]), (200, &json!(true)));

    let odd = Odd::new(Quirk::ReactivationRejected);
    assert_eq!(odd.patch(&path, operation(false)).await.0, 200);
    assert_eq!(odd.patch(&path, operation(true)).await.0, 400);
}

#[tokio::test]
async fn media_type_and_if_match_can_be_demanded() {
    let odd = Odd::new(Quirk::OnlyPlainJson);
    let (group, ada) = (odd.group("Payroll approvers"), odd.ada());
    assert_eq!(odd.add(&group, &ada).await.0, 415);

    let odd = Odd::new(Quirk::IfMatchRequired);
    assert_eq!(odd.add(&group, &ada).await.0, 428);

    let odd = Odd::new(Quirk::ChangedMeanwhile { times: 1 });
    let path = format!("/Groups/{group}");
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let read = odd.try_send(Method::GET, &path, None).await.unwrap();
        let etag = read.headers()["etag"].clone();
        let url = format!("{}{path}", odd.0.base_url());
        let body = json!({ "displayName": "Payroll approvers" });
        let request = http::request(Method::PUT, &url, odd.0.token(), Some(&body));
        statuses.push(request.header("if-match", etag).send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [412, 200]);
}

#[tokio::test]
async fn failures_before_and_after_applying_are_told_apart_by_the_record() {
    for (quirk, status, is_applied) in [
        (Quirk::FailsBeforeApplying { times: 1 }, Some(500), false),
        (Quirk::FailsAfterApplying { times: 1 }, Some(500), true),
        (Quirk::DropsAfterApplying { times: 1 }, None, true),
    ] {
        let odd = Odd::new(quirk.clone());
        let group = odd.group("Payroll approvers");
        let operations =
            json!([{ "op": "add", "path": "members", "value": [{ "value": odd.ada() }] }]);
        let body = http::patch(&operations);
        let path = format!("/Groups/{group}");
        let answer = odd.try_send(Method::PATCH, &path, Some(&body)).await;
        assert_eq!(answer.ok().map(|answer| answer.status().as_u16()), status, "{quirk:?}");
        let request = &odd.0.requests()[0];
        assert_eq!((request.status, request.is_applied), (status, is_applied), "{quirk:?}");
        assert_eq!(odd.0.members_of(&group).contains(&odd.ada()), is_applied);
        assert_eq!(odd.patch(&path, operations).await.0, 200);
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let odd = Odd::new(Quirk::TooManyRequests { times: 2, retry_after_s: 3 });
    let mut answers = Vec::new();
    for _ in 0..3 {
        let answer = odd.try_send(Method::GET, "/Users", None).await.unwrap();
        let wait =
            answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
        answers.push((answer.status().as_u16(), wait));
    }
    assert_eq!(answers, [(429, Some("3".into())), (429, Some("3".into())), (200, None)]);
}

#[tokio::test]
async fn lists_are_cut_off_after_a_page_or_within_one() {
    let odd = Odd::new(Quirk::CutOffAfterPages(1));
    assert_eq!(rows(&odd.get("/Users").await), 200);
    assert!(odd.try_send(Method::GET, "/Users?startIndex=201", None).await.is_err());
    odd.0.clear_quirks();
    assert_eq!(rows(&odd.get("/Users?startIndex=201").await), 50);

    let odd = Odd::new(Quirk::BodyCutHalfway);
    let answer = odd.try_send(Method::GET, "/Users", None).await.unwrap();
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn bodies_are_slow_endless_huge_or_in_tiny_chunks() {
    let odd = Odd::new(Quirk::Slow(Duration::from_millis(150)));
    let started = Instant::now();
    odd.get("/Users").await;
    assert!(started.elapsed() >= Duration::from_millis(150));

    let odd = Odd::new(Quirk::EndlessBody);
    let mut body = odd.try_send(Method::GET, "/Users", None).await.unwrap().bytes_stream();
    let mut read_bytes = 0;
    while read_bytes < 8 << 20 {
        read_bytes += body.next().await.unwrap().unwrap().len();
    }

    let odd = Odd::new(Quirk::GzipBomb { mebibytes: 64 });
    let answer = odd.try_send(Method::GET, "/Users", None).await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let bomb = answer.bytes().await.unwrap();
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    let mut unpacked = flate2::read::GzDecoder::new(&bomb[..]);
    let error = std::io::copy(&mut unpacked, &mut CountTo(60 << 20)).unwrap_err();
    assert_eq!(error.to_string(), "enough");

    let odd = Odd::new(Quirk::TinyChunks);
    assert_eq!(rows(&odd.get("/Users").await), 200);
}

#[tokio::test]
async fn a_redirect_leads_elsewhere_and_a_reflection_shows_the_token() {
    let odd = Odd::new(Quirk::RedirectsTo("http://127.0.0.1:9/steal".to_owned()));
    let answer = odd.try_send(Method::GET, "/Users", None).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (307, &"http://127.0.0.1:9/steal".parse().unwrap())
    );
    assert_eq!(odd.get("/ServiceProviderConfig").await["filter"]["supported"], true);

    let odd = Odd::new(Quirk::ReflectsAuthorization);
    let answer = odd.try_send(Method::GET, "/Users", None).await.unwrap();
    let token = odd.0.token().to_owned();
    let base64 = STANDARD.encode(&token);
    assert_eq!(answer.headers()["x-token"], token.as_str());
    assert_eq!(answer.headers()["x-token-base64"], base64.as_str());
    let body = http::answer(answer).await.1;
    let shown: BTreeSet<&str> =
        [0, 1].map(|at| body["Resources"][at]["displayName"].as_str().unwrap()).into();
    assert_eq!(shown, BTreeSet::from([token.as_str(), base64.as_str()]));
}

/// A sink that has had enough after so many bytes.
struct CountTo(usize);

impl std::io::Write for CountTo {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| std::io::Error::other("enough"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
