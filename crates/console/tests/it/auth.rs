//! The way in and out: the first admin, passwords, invitations, sessions, forgeries, roles.

use record::{Change, Role};
use serde_json::json;

use crate::house::{PASSWORD, Port};

#[tokio::test]
async fn the_first_admin_is_made_once_by_the_printed_link() {
    let port = Port::new().await;
    let mut browser = port.browser();
    let said = browser.get("/accounts").await;
    assert_eq!(said.status, 303);
    assert_eq!(said.header("location"), Some("/sign-in?next=%2Faccounts"));
    assert_eq!(
        browser.get("/sign-in").await.header("location"),
        Some("/welcome")
    );
    let link = port.welcome.clone().unwrap();
    assert!(
        link.starts_with(&format!("http://{}/welcome#", port.address)),
        "{link}"
    );
    let secret = link.split_once('#').unwrap().1;
    let form = |secret, password| [("secret", secret), ("name", "root"), ("password", password)];
    let said = browser.post("/welcome", &form("guess", PASSWORD)).await;
    assert_eq!(said.status, 401);
    let said = browser.post("/welcome", &form(secret, "short")).await;
    assert_eq!(said.status, 400, "{}", said.body);
    assert!(said.body.contains("12"), "it says how long: {}", said.body);
    let said = browser.post("/welcome", &form(secret, PASSWORD)).await;
    assert_eq!(said.status, 303, "{}", said.body);
    let cookie = said.header("set-cookie").unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(browser.get("/").await.status, 200);
    // The link is used up, for whoever else has it.
    let mut other = port.browser();
    let said = other.post("/welcome", &form(secret, PASSWORD)).await;
    assert_eq!(said.status, 401);
    assert_eq!(port.house.facts.directory().operators().len(), 1);
}

#[tokio::test]
async fn a_password_opens_and_wrong_ones_have_to_wait() {
    let (port, _) = Port::with_admin().await;
    let mut browser = port.browser();
    let form = |password| {
        [
            ("name", "root"),
            ("password", password),
            ("next", "/keys?sort=name"),
        ]
    };
    let unknown = [("name", "nobody"), ("password", PASSWORD)];
    let said = browser.post("/sign-in", &unknown).await;
    let wrong = browser.post("/sign-in", &form("wrong")).await;
    assert_eq!((said.status, wrong.status), (401, 401));
    assert!(wrong.body.contains("name or the password is wrong"));
    for _ in 0..4 {
        browser.post("/sign-in", &form("wrong")).await;
    }
    let said = browser.post("/sign-in", &form(PASSWORD)).await;
    assert_eq!(said.status, 429, "{}", said.body);
    assert_eq!(said.header("retry-after"), Some("5"));
    assert!(said.body.contains("try again in 5 s"), "{}", said.body);
    port.pass(5);
    let said = browser.post("/sign-in", &form(PASSWORD)).await;
    assert_eq!(said.status, 303, "{}", said.body);
    assert_eq!(said.header("location"), Some("/keys?sort=name"));
    assert_eq!(browser.get("/").await.status, 200);
}

#[tokio::test]
async fn sessions_end_by_idleness_by_age_and_by_their_owner() {
    let (port, mut idle) = Port::with_admin().await;
    port.pass(3599);
    assert_eq!(idle.get("/").await.status, 200);
    port.pass(3600);
    assert_eq!(idle.get("/").await.status, 303);
    let mut old = port.operator("old", Role::Viewer).await;
    for _ in 0..23 {
        port.pass(1800);
        assert_eq!(old.get("/").await.status, 200);
    }
    port.pass(1800);
    assert_eq!(old.get("/").await.status, 303, "twelve hours are over");
    let mut own = port.operator("own", Role::Viewer).await;
    let csrf = own.csrf().await;
    let stolen = own.clone();
    let said = own.post("/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(said.header("location"), Some("/sign-in"));
    assert!(own.cookie.is_none(), "{said:?}");
    assert_eq!(
        stolen.clone().get("/").await.status,
        303,
        "it has ended for all"
    );
}

#[tokio::test]
async fn an_invitation_works_once_and_expires() {
    let (port, _) = Port::with_admin().await;
    let secret = port.invite("alice", Role::Operator);
    let mut browser = port.browser();
    let form = [("secret", secret.as_str()), ("password", PASSWORD)];
    assert_eq!(browser.post("/invitation", &form).await.status, 303);
    assert_eq!(browser.get("/").await.status, 200);
    let mut other = port.browser();
    assert_eq!(other.post("/invitation", &form).await.status, 404);
    let secret = port.invite("bob", Role::Operator);
    port.pass(86_400);
    let form = [("secret", secret.as_str()), ("password", PASSWORD)];
    assert_eq!(other.post("/invitation", &form).await.status, 404);
}

#[tokio::test]
async fn who_is_revoked_or_demoted_feels_it_at_once() {
    let (port, _) = Port::with_admin().await;
    let mut alice = port.operator("alice", Role::Operator).await;
    let mut program = port.browser().with_token(port.token("alice"));
    let new = json!({ "name": "A" });
    assert_eq!(
        program.call("POST", "/organizations", &new).await.status,
        200
    );
    let id = port.operator_id("alice");
    let password = {
        let directory = port.house.facts.directory();
        directory.operator(id).unwrap().password.clone()
    };
    port.change(Change::OperatorChanged {
        operator: id,
        role: Role::Viewer,
        password,
        invitation: None,
    });
    let said = program.call("POST", "/organizations", &new).await;
    assert_eq!(said.status, 403);
    let detail = said.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(
        detail,
        "this needs the role operator or admin; you are viewer"
    );
    assert_eq!(alice.get("/").await.status, 200);
    port.change(Change::OperatorRevoked { operator: id });
    assert_eq!(alice.get("/").await.status, 303);
    assert_eq!(program.get("/api/v1/accounts").await.status, 401);
}

#[tokio::test]
async fn forged_posts_change_nothing() {
    let (port, mut admin) = Port::with_admin().await;
    let csrf = admin.csrf().await;
    let form = [("csrf", csrf.as_str()), ("theme", "dark")];
    let ours = format!("http://{}", port.address);
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.test")],
        &[("origin", "null")],
        &[("origin", ours.as_str()), ("sec-fetch-site", "cross-site")],
    ] {
        let said = admin.post_from("/theme", &form, headers).await;
        assert_eq!(said.status, 403, "{headers:?}");
        assert!(said.header("set-cookie").is_none());
    }
    for csrf in ["", "0", &"0".repeat(64)] {
        let said = admin
            .post("/theme", &[("csrf", csrf), ("theme", "dark")])
            .await;
        assert_eq!(said.status, 403, "{csrf}");
    }
    assert_eq!(admin.post("/theme", &[("theme", "dark")]).await.status, 403);
    let said = admin.post_from("/theme", &form, &[("origin", &ours)]).await;
    assert_eq!(said.status, 303);
    // The API with a session's cookie asks for the same proof, and a sign-in for its origin.
    let said = admin
        .call("POST", "/organizations", &json!({ "name": "A" }))
        .await;
    assert_eq!(said.status, 403, "{}", said.body);
    let headers = [
        ("content-type", "application/json"),
        ("x-csrf-token", &csrf),
    ];
    let body = "{\"name\":\"A\"}";
    let path = "/api/v1/organizations";
    assert_eq!(admin.send("POST", path, &headers, body).await.status, 200);
    let forged = [headers[0], headers[1], ("origin", "https://evil.test")];
    assert_eq!(admin.send("POST", path, &forged, body).await.status, 403);
    let mut stranger = port.browser();
    let form = [("name", "root"), ("password", PASSWORD)];
    let said = stranger
        .post_from("/sign-in", &form, &[("origin", "https://evil.test")])
        .await;
    assert_eq!(said.status, 403);
    assert_eq!(port.house.facts.directory().organizations().len(), 1);
}

#[tokio::test]
async fn a_page_asked_by_a_strangers_name_is_refused() {
    let (_port, mut admin) = Port::with_admin().await;
    let said = admin
        .send("GET", "/", &[("host", "rebound.test:8181")], "")
        .await;
    assert_eq!(said.status, 421);
    assert!(said.body.contains("operator.public_url"), "{}", said.body);
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let (_port, mut admin) = Port::with_admin().await;
    for path in [
        "/",
        "/sign-in",
        "/nothing/here",
        "/api/v1/accounts",
        "/api/v1/nothing",
        "/health",
    ] {
        let said = admin.get(path).await;
        let policy = said.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self';"));
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(
            said.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            said.header("referrer-policy"),
            Some("same-origin"),
            "{path}"
        );
        assert_eq!(said.header("cache-control"), Some("no-store"), "{path}");
    }
    let page = admin.get("/").await.body;
    let (_, rest) = page.split_once("href=\"/assets/console.").unwrap();
    let path = format!("/assets/console.{}", rest.split('"').next().unwrap());
    let said = admin.get(&path).await;
    assert_eq!(said.status, 200, "{path}");
    assert_eq!(
        said.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(
        admin
            .get("/assets/console.0000000000000000.css")
            .await
            .status,
        404
    );
}
