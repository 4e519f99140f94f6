//! Bad input through the whole port: forms with wrong types, stale forms, wrong roles, markup in
//! names, and a ledger that takes nothing.

use record::Role;
use serde_json::json;

use crate::house::Port;

#[tokio::test]
async fn a_form_with_wrong_types_comes_back_with_what_is_wrong() {
    let (port, mut admin) = Port::with_admin().await;
    let csrf = admin.csrf().await;
    let form = [
        ("csrf", csrf.as_str()),
        ("organization", "A"),
        ("name", "typed before"),
        ("limits.requests_per_minute", "many"),
    ];
    let said = admin.post("/accounts/new", &form).await;
    assert_eq!(said.status, 400, "{}", said.body);
    assert!(said.body.contains("typed before"), "nothing typed is lost");
    let form = [
        ("csrf", csrf.as_str()),
        ("organization", "nobody"),
        ("name", "web"),
    ];
    let said = admin.post("/accounts/new", &form).await;
    assert_eq!(said.status, 404, "{}", said.body);
    assert_eq!(port.house.facts.directory().accounts().len(), 0);
    let said = admin.send(
        "POST",
        "/accounts/new",
        &[("content-type", "application/json")],
        "{}",
    );
    assert_eq!(said.await.status, 415);
    let large = "x".repeat(9 << 20);
    let said = admin
        .post("/accounts/new", &[("csrf", &csrf), ("name", &large)])
        .await;
    assert_eq!(said.status, 413);
}

#[tokio::test]
async fn a_wrong_role_is_told_which_is_needed() {
    let (port, _) = Port::with_admin().await;
    let mut viewer = port.operator("eve", Role::Viewer).await;
    let csrf = viewer.csrf().await;
    let form = [("csrf", csrf.as_str()), ("name", "A")];
    let said = viewer.post("/organizations/new", &form).await;
    assert_eq!(said.status, 403, "{}", said.body);
    assert!(said.body.contains("operator or admin"), "{}", said.body);
    let mut reviewer = port.operator("rita", Role::Reviewer).await;
    let headers = [("x-csrf-token", reviewer.csrf().await)];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let said = reviewer
        .send("POST", "/api/v1/organizations", &headers, "")
        .await;
    assert_eq!(said.status, 403, "{said:?}");
    assert_eq!(
        said.json()["detail"],
        "this needs the role operator or admin; you are reviewer"
    );
    assert_eq!(port.house.facts.directory().organizations().len(), 0);
}

#[tokio::test]
async fn markup_in_a_name_is_text() {
    const NAME: &str = "<script>alert(1)</script>\"'&";
    let (port, mut admin) = Port::with_admin().await;
    let mut bot = port.browser().with_token(port.token("root"));
    let said = bot
        .call("POST", "/organizations", &json!({ "name": NAME }))
        .await;
    let organization = said.json()["id"].as_str().unwrap().to_owned();
    let new = json!({ "organization": organization, "name": NAME, "why": NAME });
    let account = bot.call("POST", "/accounts", &new).await.json();
    let new = json!({ "account": account["id"], "name": NAME });
    assert_eq!(bot.call("POST", "/keys", &new).await.status, 200);
    let account = format!("/accounts/{}", account["id"].as_str().unwrap());
    for path in [
        "/",
        "/organizations",
        "/accounts",
        &account,
        "/keys",
        "/ledger",
    ] {
        let said = admin.get(path).await;
        assert_eq!(said.status, 200, "{path}");
        assert!(
            !said.body.contains("<script>alert"),
            "{path}: {}",
            said.body
        );
    }
    let said = admin
        .get("/accounts?search=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        .await;
    assert!(!said.body.contains("<script>alert"), "{}", said.body);
    let mut stranger = port.browser();
    let said = stranger
        .get("/sign-in?next=%2F%22%3E%3Cscript%3Ealert(1)")
        .await;
    assert!(!said.body.contains("<script>alert"), "{}", said.body);
    let form = [("name", NAME), ("password", "x")];
    let said = stranger.post("/sign-in", &form).await;
    assert!(!said.body.contains("<script>alert"), "{}", said.body);
    // As JSON it is what it is.
    let said = bot.get("/api/v1/organizations").await.json();
    assert_eq!(said["organizations"][0]["name"], NAME);
}

#[tokio::test]
async fn a_ledger_that_takes_nothing_is_told_and_still_read() {
    let (port, mut admin) = Port::with_admin().await;
    let mut bot = port.browser().with_token(port.token("root"));
    bot.call("POST", "/organizations", &json!({ "name": "A" }))
        .await;
    let csrf = admin.csrf().await;
    port.house.facts.close().unwrap();
    let said = bot
        .call("POST", "/organizations", &json!({ "name": "B" }))
        .await;
    assert_eq!(said.status, 503, "{said:?}");
    assert_eq!(said.json()["type"], "urn:stillhouse:problem:unavailable");
    let form = [("csrf", csrf.as_str()), ("name", "B")];
    assert_eq!(admin.post("/organizations/new", &form).await.status, 503);
    let said = bot.get("/api/v1/organizations").await;
    assert_eq!(said.json()["total"], 1, "{said:?}");
    assert_eq!(admin.get("/organizations").await.status, 200);
    assert_eq!(bot.get("/health").await.status, 503);
    assert_eq!(port.house.facts.directory().organizations().len(), 1);
}
