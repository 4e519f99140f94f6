//! What is live, and what machines ask: streams that end, the check of the ledger, metrics.

use record::{Change, Role};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::house::Port;

/// Reads until a text is there.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    loop {
        let seen = String::from_utf8_lossy(&read).into_owned();
        if seen.contains(text) {
            return seen;
        }
        let count = stream.read_buf(&mut read).await.unwrap();
        assert!(count > 0, "it ended before {text:?}: {seen}");
    }
}

#[tokio::test]
async fn the_check_of_the_ledger_is_started_and_followed() {
    let (port, _) = Port::with_admin().await;
    port.invite("bot", Role::Viewer);
    let mut bot = port.browser().with_token(port.token("bot"));
    let state = bot.get("/api/v1/ledger/verify").await.json();
    assert_eq!(state["state"], "never");
    let said = bot.call("POST", "/ledger/verify", &json!({})).await;
    assert_eq!(said.status, 202, "{said:?}");
    assert_eq!(said.json()["by"], "bot");
    let mut stream = bot
        .begin("GET", "/api/v1/ledger/verify/live", &[], "")
        .await;
    let seen = until(&mut stream, "event: done\n").await;
    assert!(seen.contains("content-type: text/event-stream"), "{seen}");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    let state = bot.get("/api/v1/ledger/verify").await.json();
    assert_eq!(state["state"], "done", "{state}");
    assert_eq!(state["report"]["sound"], true);
    assert_eq!(state["at"], state["report"]["tip"]);
}

/// What the ledger takes is sent to who wants it, with the entry as id to go on behind.
#[tokio::test]
async fn exchanges_come_as_the_ledger_takes_them() {
    let (port, _) = Port::with_admin().await;
    port.invite("bot", Role::Viewer);
    let mut bot = port.browser().with_token(port.token("bot"));
    let path = "/api/v1/exchanges/live?kind=refusal&status=4xx&model=m";
    let mut stream = bot.begin("GET", path, &[], "").await;
    until(&mut stream, "retry:").await;
    let first = port.refuse("m", 429);
    port.refuse("m", 503);
    port.refuse("other", 429);
    let last = port.refuse("m", 403);
    let seen = until(&mut stream, &format!("id: {last}\n")).await;
    assert!(
        seen.contains(&format!("id: {first}\nevent: refusal\ndata: {{")),
        "{seen}"
    );
    assert_eq!(seen.matches("event: refusal").count(), 2, "{seen}");
    let behind = first.to_string();
    let headers = [("last-event-id", behind.as_str())];
    let mut stream = bot.begin("GET", path, &headers, "").await;
    let seen = until(&mut stream, &format!("id: {last}\n")).await;
    assert_eq!(seen.matches("event: refusal").count(), 1, "{seen}");
    for (query, field) in [
        ("status=9xx", "status"),
        ("reason=x", "reason"),
        ("x=1", "x"),
    ] {
        let said = bot.get(&format!("/api/v1/exchanges/live?{query}")).await;
        assert_eq!(
            (said.status, &said.json()["field"]),
            (400, &json!(field)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_operator_and_with_the_server() {
    let (port, _) = Port::with_admin().await;
    port.invite("bot", Role::Viewer);
    let bot = port.browser().with_token(port.token("bot"));
    let path = "/api/v1/exchanges/live";
    let mut stream = bot.begin("GET", path, &[], "").await;
    until(&mut stream, "retry:").await;
    let operator = port.operator_id("bot");
    port.change(Change::OperatorRevoked { operator });
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    port.invite("other", Role::Viewer);
    let other = port.browser().with_token(port.token("other"));
    let mut stream = other.begin("GET", path, &[], "").await;
    until(&mut stream, "retry:").await;
    port.stop();
    stream.read_to_string(&mut rest).await.unwrap();
}

/// Browsers that go away give their place back; more than there is room for are told so.
#[tokio::test]
async fn a_browser_that_goes_away_ends_its_stream() {
    const ROOM: usize = 64;
    let (port, _) = Port::with_admin().await;
    port.invite("bot", Role::Viewer);
    let mut bot = port.browser().with_token(port.token("bot"));
    let path = "/api/v1/exchanges/live";
    let mut streams = Vec::new();
    for _ in 0..ROOM {
        let mut stream = bot.begin("GET", path, &[], "").await;
        until(&mut stream, "retry:").await;
        streams.push(stream);
    }
    let said = bot.get(path).await;
    assert_eq!(said.status, 503, "{said:?}");
    assert!(said.header("retry-after").is_some());
    drop(streams);
    // The server learns of it by itself: nothing has to be written.
    loop {
        let mut stream = bot.begin("GET", path, &[], "").await;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        if start == *b"HTTP/1.1 200" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn metrics_are_for_who_has_the_scrape_token() {
    let (port, mut admin) = Port::with_admin().await;
    assert_eq!(
        admin.get("/metrics").await.status,
        401,
        "a session is no scrape token"
    );
    for (token, status) in [("scrape me", 200), ("scrape", 401), ("", 401)] {
        let mut scraper = port.browser().with_token(token.into());
        let said = scraper.get("/metrics").await;
        assert_eq!(said.status, status, "{token}");
        assert_eq!(said.body == "up 1\n", status == 200);
    }
    let said = port.browser().get("/health").await;
    assert_eq!((said.status, said.body.as_str()), (200, "ok\n"));
}
