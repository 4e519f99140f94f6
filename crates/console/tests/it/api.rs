//! The admin API: methods, inputs of every wrong kind, revisions, pages of lists, errors.

use record::Role;
use serde_json::{Value, json};

use crate::browser::{Browser, Said};
use crate::house::Port;

async fn program(role: Role) -> (Port, Browser) {
    let (port, _) = Port::with_admin().await;
    port.invite("bot", role);
    let program = port.browser().with_token(port.token("bot"));
    (port, program)
}

#[track_caller]
fn problem(said: &Said, status: u16, kind: &str) -> Value {
    assert_eq!(said.status, status, "{said:?}");
    assert_eq!(
        said.header("content-type"),
        Some("application/problem+json")
    );
    let problem = said.json();
    assert_eq!(
        problem["type"],
        format!("urn:stillhouse:problem:{kind}"),
        "{problem}"
    );
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string());
    problem
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_as_a_problem() {
    let (port, mut bot) = program(Role::Operator).await;
    let mut stranger = port.browser();
    problem(&stranger.get("/api/v1/accounts").await, 401, "signed_out");
    let mut liar = port.browser().with_token("ot-sh-guess".into());
    let said = liar.get("/api/v1/accounts").await;
    problem(&said, 401, "credential");
    assert!(
        said.header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    problem(&bot.get("/api/v1/nothing").await, 404, "no_such_path");
    let said = bot.call("PUT", "/accounts", &json!({})).await;
    problem(&said, 405, "method");
    let allow = said.header("allow").unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    let said = bot.get("/api/v1/accounts/acct_x").await;
    assert_eq!(problem(&said, 400, "invalid")["field"], "account");
    problem(&bot.get("/api/v1/accounts/nobody").await, 404, "not_found");
    let path = "/api/v1/organizations";
    let text = [("content-type", "text/plain")];
    problem(
        &bot.send("POST", path, &text, "{}").await,
        415,
        "media_type",
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    problem(
        &bot.send("POST", path, &form, "name=A").await,
        415,
        "media_type",
    );
    let large = json!({ "name": "x".repeat(9 << 20) });
    problem(
        &bot.call("POST", "/organizations", &large).await,
        413,
        "too_large",
    );
    let content = [("content-type", "application/json")];
    problem(&bot.send("POST", path, &content, "{").await, 400, "invalid");
    problem(
        &bot.send("POST", path, &content, "[]").await,
        400,
        "invalid",
    );
    let said = bot
        .call("POST", "/ledger/erase", &json!({ "account": "x" }))
        .await;
    let said = problem(&said, 403, "role");
    assert_eq!(
        said["detail"],
        "this needs the role admin; you are operator"
    );
    assert_eq!(port.house.facts.directory().organizations().len(), 0);
}

#[tokio::test]
async fn fields_of_the_wrong_kind_are_named() {
    let (_port, mut bot) = program(Role::Admin).await;
    for (query, field) in [
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("limit=5&limit=6", "limit"),
        ("state=gone", "state"),
        ("colour=red", "colour"),
    ] {
        let said = bot.get(&format!("/api/v1/accounts?{query}")).await;
        assert_eq!(problem(&said, 400, "invalid")["field"], field, "{query}");
    }
    let said = bot
        .call("POST", "/organizations", &json!({ "name": "A" }))
        .await;
    let organization = said.json()["id"].clone();
    for (input, field) in [
        (json!({}), "organization"),
        (json!({ "organization": 5, "name": "a" }), "organization"),
        (
            json!({ "organization": organization, "name": ["a"] }),
            "name",
        ),
        (
            json!({ "organization": organization, "name": "a", "colour": 1 }),
            "colour",
        ),
        (
            json!({ "organization": organization, "name": "a", "limits": 1 }),
            "limits",
        ),
        (
            json!({ "organization": organization, "name": "a", "limits": { "concurrency": "x" } }),
            "limits.concurrency",
        ),
        (
            json!({ "organization": organization, "name": "a", "limits": { "speed": 1 } }),
            "limits.speed",
        ),
    ] {
        let said = bot.call("POST", "/accounts", &input).await;
        assert_eq!(problem(&said, 400, "invalid")["field"], field, "{input}");
    }
    let said = bot.send("POST", "/api/v1/accounts?name=a", &[], "").await;
    assert_eq!(problem(&said, 400, "invalid")["field"], "name");
}

#[tokio::test]
async fn a_change_by_an_old_revision_is_refused() {
    let (_port, mut bot) = program(Role::Operator).await;
    bot.call("POST", "/organizations", &json!({ "name": "A" }))
        .await;
    let new = json!({ "organization": "A", "name": "web" });
    let made = bot.call("POST", "/accounts", &new).await.json();
    let path = format!("/api/v1/accounts/{}", made["id"].as_str().unwrap());
    let shown = bot.get(&path).await;
    let etag = shown.header("etag").unwrap().to_owned();
    assert_eq!(etag, format!("\"{}\"", shown.json()["revision"]));
    let known = bot
        .send("GET", &path, &[("if-none-match", &etag)], "")
        .await;
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let headers = [
        ("content-type", "application/json"),
        ("if-match", etag.as_str()),
    ];
    let close = "{\"state\":\"closed\",\"why\":\"a test\"}";
    let changed = bot.send("PATCH", &path, &headers, close).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_ne!(changed.header("etag"), Some(etag.as_str()));
    let said = bot
        .send("PATCH", &path, &headers, "{\"state\":\"active\"}")
        .await;
    problem(&said, 412, "stale");
    let wrong = [headers[0], ("if-match", "17")];
    let said = bot
        .send("PATCH", &path, &wrong, "{\"state\":\"active\"}")
        .await;
    assert_eq!(problem(&said, 400, "invalid")["field"], "If-Match");
    let said = bot.send("GET", &path, &[("if-match", &etag)], "").await;
    assert_eq!(problem(&said, 400, "invalid")["field"], "If-Match");
    assert_eq!(bot.get(&path).await.json()["state"], "closed");
}

#[tokio::test]
async fn a_list_leads_from_page_to_page() {
    let (_port, mut bot) = program(Role::Operator).await;
    for name in ["c", "a", "b"] {
        bot.call("POST", "/organizations", &json!({ "name": name }))
            .await;
    }
    let mut path = "/api/v1/organizations?limit=2&sort=name".to_owned();
    let mut names = Vec::new();
    loop {
        let said = bot.get(&path).await;
        let page = said.json();
        assert_eq!(page["total"], 3);
        for one in page["organizations"].as_array().unwrap() {
            names.push(one["name"].as_str().unwrap().to_owned());
        }
        let Some(link) = said.header("link") else {
            assert!(page["next"].is_null());
            break;
        };
        path = link
            .strip_prefix('<')
            .unwrap()
            .split('>')
            .next()
            .unwrap()
            .to_owned();
    }
    assert_eq!(names, ["a", "b", "c"]);
    let said = bot.get("/api/v1/organizations?after=nonsense").await;
    assert_eq!(problem(&said, 400, "invalid")["field"], "after");
}

#[tokio::test]
async fn a_change_says_who_and_why() {
    let (_port, mut bot) = program(Role::Admin).await;
    let new = json!({ "name": "A", "why": "the first Jane Doe" });
    bot.call("POST", "/organizations", &new).await;
    let tail = bot.get("/api/v1/ledger/entries?limit=1").await.json();
    let fact = &tail["entries"][0]["fact"];
    assert_eq!(fact["by"]["operator"], "bot", "{fact}");
    assert_eq!(fact["why"], "the first Jane Doe");
}

#[tokio::test]
async fn the_description_is_served_to_everybody() {
    let (port, _) = program(Role::Admin).await;
    let said = port.browser().get("/api/v1/openapi.json").await;
    assert_eq!(said.status, 200);
    let document = said.json();
    assert_eq!(document["openapi"], "3.1.0");
    for verb in operations::VERBS.iter() {
        let operation = &document["paths"][verb.path][verb.method.to_lowercase()];
        assert_eq!(
            operation["summary"], verb.summary,
            "{} {}",
            verb.noun, verb.verb
        );
    }
}

/// A verb that is in the description is there, and one that is there asks who calls.
#[tokio::test]
async fn every_verb_has_its_route_behind_a_credential() {
    let (port, mut bot) = program(Role::Viewer).await;
    let mut stranger = port.browser();
    for verb in operations::VERBS.iter() {
        let name = format!("{} {}", verb.noun, verb.verb);
        let path: Vec<&str> = verb
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { "0" } else { part })
            .collect();
        let path = path.join("/");
        let said = stranger.call(verb.method, &path, &json!({})).await;
        assert_eq!(said.status, 401, "{name}: {said:?}");
        let said = bot
            .call(verb.method, &path, &json!({ "no_field": 1 }))
            .await;
        let (status, _) = match verb.is_for(Role::Viewer) {
            false => (403, problem(&said, 403, "role")),
            // The check of the ledger takes nothing, and is started.
            true if verb.verb == "verify" => continue,
            true if verb.method == "GET" => continue,
            true => (400, problem(&said, 400, "invalid")),
        };
        assert_eq!(said.status, status, "{name}");
    }
}
