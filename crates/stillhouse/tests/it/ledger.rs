//! Exchanges in the ledger: what they cost, and the guard's interchange format.

use serde_json::Value;

use crate::still::Still;

#[test]
fn traffic_is_exported_in_the_interchange_format() {
    let still = Still::new();
    let server = still.serve();
    let secret = still.account();
    for _ in 0..3 {
        assert_eq!(still.ask(&secret).0, 200);
    }
    assert_eq!(still.ask("sk-sh-nobody").0, 401);
    still.good(&["account", "set", "web", "--state", "closed"]);
    assert_eq!(still.ask(&secret).0, 403);
    let folder = still.data.path().join("traffic");
    // Beside the running server.
    let exported = still.json(&["ledger", "export", "--traffic", folder.to_str().unwrap()]);
    assert_eq!(exported["lines"], 4);
    assert_eq!(exported["without_account"], 1);
    let read = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let accounts = read("accounts.jsonl");
    assert_eq!(accounts.len(), 1);
    check_account(&accounts[0]);
    let traffic = read("traffic.jsonl");
    for line in &traffic {
        check_line(line, accounts[0]["id"].as_str().unwrap());
    }
    let times: Vec<&str> = traffic
        .iter()
        .map(|line| line["time"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(traffic[0]["response"]["usage"]["prompt_tokens"], 7);
    assert_eq!(traffic[3]["response"], Value::Null);
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        2,
        "nothing else stays there"
    );
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
}

/// As the format says, field by field.
fn check_account(account: &Value) {
    assert!(account["id"].is_string() && account["organization"].is_string());
    check_time(&account["created"]);
    let plans = ["free", "payg", "team", "enterprise"];
    assert!(plans.contains(&account["plan"].as_str().unwrap()));
    let nullable = [
        "email_hash",
        "payment_hash",
        "phone_hash",
        "program",
        "country",
        "declared_use",
    ];
    for field in nullable {
        let value = account.get(field).unwrap_or_else(|| panic!("no {field}"));
        assert!(value.is_null() || value.is_string());
    }
}

fn check_line(line: &Value, account: &str) {
    assert!(line["id"].as_str().unwrap().starts_with("ex_"));
    check_time(&line["time"]);
    assert!(line["duration_ms"].is_u64());
    assert_eq!(line["account"], account);
    let source = &line["source"];
    assert_eq!(source["ip"], "127.0.0.1");
    assert!(source["user_agent"].is_string() && source["header_order"].is_string());
    assert!(source["ja4"].is_null());
    assert!(
        source.get("asn").is_none() && source.get("network").is_none(),
        "guessed"
    );
    assert!(line["key"].as_str().unwrap().starts_with("key_"));
    assert!(line["seq"].is_u64());
    assert_eq!(line["endpoint"], "/v1/chat/completions");
    assert!(line["model"].is_string() && line["request"].is_object());
    assert!(line["status"].is_u64());
    assert!(line["response"].is_null() || line["response"].is_object());
    assert!(line["request"].get("messages").is_none(), "no text is kept");
}

/// RFC 3339 with milliseconds.
fn check_time(time: &Value) {
    let text = time.as_str().unwrap();
    assert_eq!(text.len(), "2026-11-25T12:00:00.000Z".len(), "{text}");
    assert!(text.ends_with('Z') && text.as_bytes()[19] == b'.', "{text}");
}

#[test]
fn costs_add_up() {
    let still = Still::new();
    let _server = still.serve();
    let secret = still.account();
    for _ in 0..2 {
        assert_eq!(still.ask(&secret).0, 200);
    }
    // 7 tokens of input at 1,000 dollars a million.
    let costs = still.json(&["ledger", "cost", "--account", "web", "--by", "model"]);
    assert_eq!(costs["rows"].as_array().unwrap().len(), 1);
    assert_eq!(costs["rows"][0]["input_tokens"], 14);
    assert_eq!(costs["sum"]["dollars"], "0.014");
    assert_eq!(
        still.json(&["ledger", "cost", "--until", "2020-01-01"])["sum"]["requests"],
        0
    );
    assert!(still.good(&["ledger", "cost"]).contains("0.014"));
}
