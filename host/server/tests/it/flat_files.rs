//! Flat file sources: an app whose entitlements come by file (CAT-7).

use serde_json::{Value, json};

use crate::host::{Host, text};

const HEADER: &str = "id,name,displayName,description,parentId,Owner\n";

/// A host with a flat file source, and the source's path.
async fn source() -> (Host, String) {
    let host = Host::start().await;
    let body = json!({"name": "Mainframe", "list": "entitlements"});
    let app = host.call("POST", "/apps", body).await.ok();
    assert_eq!(app["list"], "entitlements");
    let path = format!("/apps/{}", text(&app, "id"));
    (host, path)
}

/// Lines and codes of what is wrong with a file.
async fn faults(host: &Host, path: &str, lines: &str) -> Vec<(u64, Value, Value)> {
    let reply = host.send_list(path, &format!("{HEADER}{lines}")).await;
    assert_eq!(reply.status, 422);
    let told = |error: &Value| {
        (error["line"].as_u64().unwrap(), error["column"].clone(), error["code"].clone())
    };
    reply.json()["errors"].as_array().unwrap().iter().map(told).collect()
}

#[tokio::test]
async fn a_file_becomes_the_entitlements_of_its_source_and_comes_back_as_it_was() {
    let (host, path) = source().await;
    let template = host.get(&format!("{path}/list/template")).await;
    assert_eq!(template.text, "id,name,displayName,description,parentId\r\n");
    let lines = "r1,read,Read all,For Größe,,Ada\nr2,write,=Write,Everything,r1,\n";
    let applied = host.applied(&path, &format!("{HEADER}{lines}")).await;
    assert_eq!((&applied["rows"], &applied["diff"]["is_empty"]), (&json!(2), &json!(true)));
    let found = host.get("/entitlements?search=gr%C3%B6%C3%9Fe").await.ok();
    let reader = &found["items"][0];
    assert_eq!(
        (&reader["display"], &reader["slug"], &reader["description"], &reader["kind"]),
        (&json!("Read all"), &json!("read"), &json!("For Größe"), &json!("Entitlement"))
    );
    let written = host.get(&format!("{path}/roles?search=write")).await.ok()["items"][0].clone();
    assert_eq!(written["details"]["parent_id"], "r1");
    let export = host.get(&format!("{path}/list/export")).await;
    let mut rows: Vec<&str> = export.text.lines().collect();
    rows[1..].sort_unstable();
    assert_eq!(
        rows,
        [
            "id,name,displayName,description,parentId,Owner",
            "r1,read,\"Read all\",\"For Größe\",\"\",Ada",
            "r2,write,\"'=Write\",Everything,r1,\"\"",
        ]
    );
}

#[tokio::test]
async fn a_second_file_changes_what_differs_and_removes_what_is_gone() {
    let (host, path) = source().await;
    let line = |number: u32| format!("r{number},n{number},Right {number},,,\n");
    let lines: String = (0..10).map(line).collect();
    host.applied(&path, &format!("{HEADER}{lines}")).await;
    let same = host.send_list(&path, &format!("{HEADER}{lines}")).await.ok();
    assert_eq!(same["diff"]["is_empty"], true);
    let lines: String = (1..10).map(line).collect();
    let lines = lines.replace("Right 9", "Zebra");
    let sent = host.send_list(&path, &format!("{HEADER}{lines}")).await.ok();
    let changes = format!("{path}/uploads/{}/changes?kind=removed", text(&sent, "id"));
    let removed = host.get(&changes).await.ok();
    assert_eq!(removed["items"][0]["before"]["display_name"], "Right 0");
    let diff = &sent["diff"];
    let counts = (&diff["added"], &diff["changed"], &diff["removed"]);
    assert_eq!(counts, (&json!(0), &json!(1), &json!(1)));
    host.applied(&path, &format!("{HEADER}{lines}")).await;
    let names = async |query: &str| {
        let found = host.get(&format!("/entitlements?{query}")).await.ok();
        let items = found["items"].as_array().unwrap().clone();
        items.iter().map(|item| text(item, "display")).collect::<Vec<_>>()
    };
    assert_eq!(names("state=removed").await, ["Right 0"]);
    assert_eq!(names("search=zebra").await, ["Zebra"]);
    assert_eq!(names("search=right+9").await, [""; 0]);
    // A file that leaves nobody wants a second look.
    let none = host.send_list(&path, HEADER).await.ok();
    assert_eq!(none["diff"]["is_mass_removal"], true);
}

#[tokio::test]
async fn every_fault_of_a_line_is_told_with_its_column_and_nothing_is_applied() {
    let (host, path) = source().await;
    let fault = |line: u64, column: &str, code: &str| vec![(line, json!(column), json!(code))];
    assert_eq!(faults(&host, &path, "r1,a😀,x,y,,\n").await, fault(2, "name", "emoji"));
    assert_eq!(faults(&host, &path, "r1,a,x,☀,,\n").await, fault(2, "description", "emoji"));
    assert_eq!(faults(&host, &path, "r1,,x,y,,\n").await, fault(2, "name", "required"));
    let twice = "r1,a,x,y,,\nr1,b,x,y,,\n";
    assert_eq!(faults(&host, &path, twice).await, [(3, Value::Null, json!("duplicate_row"))]);
    let dangling = "r1,a,x,y,r9,\nr2,b,x,y,r1,\n";
    assert_eq!(faults(&host, &path, dangling).await, fault(2, "parentId", "unknown_parent"));
    let circle = "r0,a,x,y,,\nr1,a,x,y,r2,\nr2,b,x,y,r1,\nr3,b,x,y,r0,\n";
    let told = faults(&host, &path, circle).await;
    assert_eq!(
        told,
        [fault(3, "parentId", "circular_parent"), fault(4, "parentId", "circular_parent")].concat()
    );
    let own = faults(&host, &path, "r1,a,x,y,r1,\n").await;
    assert_eq!(own, fault(2, "parentId", "circular_parent"));
    assert_eq!(host.get("/entitlements?state=any").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn only_who_may_upload_to_the_source_does() {
    let (host, path) = source().await;
    let reader = host.client(json!(["app_and_role_read"]), json!([])).await.1;
    let template = format!("{path}/list/template");
    assert_eq!(host.get_as(&reader, &template).await.status, 403);
    let uploader = host.client(json!(["csv_app_user_upload"]), json!([])).await.1;
    assert_eq!(host.get_as(&uploader, &template).await.status, 200);
    assert_eq!(host.get_as(&uploader, &format!("{path}/list/export")).await.status, 403);
}

#[tokio::test]
async fn what_a_file_removed_comes_back_and_does_not_go_again_unasked() {
    let (host, path) = source().await;
    let line = |number: u32| format!("r{number},n{number},Right {number},,,\n");
    let file = |of: std::ops::Range<u32>| format!("{HEADER}{}", of.map(line).collect::<String>());
    let living = async || {
        let found = host.get("/entitlements?limit=100").await.ok();
        let mut all: Vec<String> =
            found["items"].as_array().unwrap().iter().map(|item| text(item, "display")).collect();
        all.sort();
        all
    };
    host.applied(&path, &file(0..10)).await;
    host.pass_ms(3_600_000);
    let before = living().await;
    let sent = host.send_list(&path, &file(1..11)).await.ok();
    let upload = format!("{path}/uploads/{}", text(&sent, "id"));
    let undo = format!("{upload}/undo");
    assert_eq!(host.call("POST", &undo, Value::Null).await.problem().1, "upload_not_ready");
    let body = json!({"diff": sent["diff"]["hash"]});
    host.call("POST", &format!("{upload}/apply"), body).await.ok();
    assert!(!living().await.contains(&"Right 0".to_owned()));
    let waiting = host.send_list(&path, &file(1..12)).await.ok();

    host.pass_ms(3_600_000);
    let undone = host.call("POST", &undo, Value::Null).await.ok();
    assert!(undone["undone_ms"].is_number(), "{undone}");
    assert_eq!(host.call("POST", &undo, Value::Null).await.ok()["undone_ms"], undone["undone_ms"]);
    let all = living().await;
    assert!(before.iter().all(|name| all.contains(name)) && all.contains(&"Right 10".to_owned()));
    // What was compared with the list before is not applied to this one.
    let apply = format!("{path}/uploads/{}/apply", text(&waiting, "id"));
    let body = json!({"diff": waiting["diff"]["hash"]});
    assert_eq!(host.call("POST", &apply, body).await.problem().1, "diff_changed");
    // The file that lacks it again is asked about, the one that has it is not.
    let again = host.send_list(&path, &file(1..11)).await.ok();
    assert_eq!(
        (&again["diff"]["removed"], &again["diff"]["is_mass_removal"]),
        (&json!(1), &json!(true))
    );
    host.pass_ms(24 * 3_600_000);
    let other = host.send_list(&path, &file(0..10)).await.ok();
    assert_eq!(
        (&other["diff"]["removed"], &other["diff"]["is_mass_removal"]),
        (&json!(1), &json!(false))
    );
}

#[tokio::test]
async fn a_list_of_people_has_no_undo() {
    let host = Host::start().await;
    let app = host.call("POST", "/apps", json!({"name": "Paper"})).await.ok();
    let path = format!("/apps/{}", text(&app, "id"));
    let waiting = host.applied(&path, "external_id\nada\nbob\n").await;
    let undo = format!("{path}/uploads/{}/undo", text(&waiting, "id"));
    assert_eq!(host.call("POST", &undo, Value::Null).await.problem(), (409, "not_undoable".into()));
}
