//! Every verb, once without a server and once through a running one: the same words, the same
//! answers.

use serde_json::Value;

use crate::still::Still;

#[test]
fn without_a_server() {
    every_verb(&Still::new(), false);
}

#[test]
fn through_a_running_server() {
    let still = Still::new();
    let server = still.serve();
    every_verb(&still, true);
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    assert_eq!(still.json(&["ledger", "verify"])["sound"], true);
}

fn every_verb(still: &Still, running: bool) {
    directory(still);
    keys(still);
    grants(still);
    let plans = still.json(&["plan", "list"]);
    assert_eq!(plans["plans"][0]["name"], "default");
    assert!(
        still
            .good(&["plan", "show", "default"])
            .contains("every model")
    );
    let models = still.json(&["model", "list"]);
    assert_eq!(models["models"][0]["name"], "m");
    assert_eq!(models["models"][0]["health"].is_object(), running);
    let status = still.json(&["status"]);
    assert_eq!(status["running"], running);
    assert_eq!(status["ledger"]["state"], "good");
    assert_eq!(status["known"]["accounts"], 1);
    assert!(still.good(&["status"]).contains("accounts:"));
    ledger(still);
}

fn directory(still: &Still) {
    assert!(still.good(&["organization", "list"]).contains("(none)"));
    let made = still.json(&["organization", "create", "Acme", "--why", "a customer"]);
    let id = made["id"].as_str().unwrap();
    assert!(still.good(&["organization", "show", id]).contains("Acme"));
    assert_eq!(
        still.json(&["organization", "list"])["organizations"][0]["id"],
        id
    );
    let made = still.json(&[
        "account",
        "create",
        "web",
        "--organization",
        "Acme",
        "--concurrency",
        "5",
        "--spend-dollars",
        "12.5",
        "--spend-period",
        "day",
    ]);
    assert_eq!(made["spend"]["dollars"], "12.50");
    assert_eq!(made["limits"]["concurrency"], 5);
    assert_eq!(made["spent_dollars"], "0.00");
    let set = still.json(&[
        "account",
        "set",
        "web",
        "--no-spend",
        "--state",
        "closed",
        "--concurrency",
        "0",
    ]);
    assert_eq!(set["state"], "closed");
    assert_eq!(set["spend"], Value::Null);
    assert_eq!(set["limits"]["concurrency"], Value::Null);
    assert_eq!(
        still.json(&["account", "set", "web", "--state", "active"])["state"],
        "active"
    );
    assert_eq!(still.json(&["account", "show", "web"])["organization"], id);
    let listed = still.json(&["account", "list", "--organization", "Acme"]);
    assert_eq!(listed["accounts"].as_array().unwrap().len(), 1);
    assert!(still.good(&["account", "list"]).contains("web"));
}

fn keys(still: &Still) {
    let text = still.good(&["key", "create", "--account", "web", "--expires", "2d"]);
    assert!(
        text.contains("secret:") && text.contains("shown this once"),
        "{text}"
    );
    let listed = still.json(&["key", "list", "--account", "web"]);
    let key = &listed["keys"][0];
    assert_eq!(key["state"], "live");
    let prefix = key["prefix"].as_str().unwrap();
    assert!(text.contains(prefix));
    assert!(!still.good(&["--json", "key", "list"]).contains("secret"));
    let revoked = still.json(&["key", "revoke", prefix, "--why", "lost"]);
    assert_eq!(revoked["state"], "revoked");
    let again = still.say(&["key", "revoke", prefix]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("was revoked before"), "{}", again.err);
}

fn grants(still: &Still) {
    let issued = still.json(&[
        "grant",
        "issue",
        "--account",
        "web",
        "--teacher",
        "m",
        "--purpose",
        "a small student",
        "--tier",
        "topk",
        "--budget-tokens",
        "1000",
        "--expires",
        "30d",
    ]);
    let token = issued["token"].as_str().unwrap();
    assert!(
        issued["base_url"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/g/{token}/v1"))
    );
    let id = issued["grant"]["id"].as_str().unwrap();
    assert!(
        still
            .good(&["grant", "show", id])
            .contains("a small student")
    );
    let narrowed = still.json(&[
        "grant",
        "narrow",
        id,
        "--tier",
        "text",
        "--budget-tokens",
        "10",
    ]);
    assert_eq!(narrowed["tier"], "text");
    assert_eq!(narrowed["budget_tokens"], 10);
    let wider = still.say(&["grant", "narrow", id, "--budget-tokens", "11"]);
    assert_eq!(wider.code, 2);
    assert!(wider.err.contains("only gets narrower"), "{}", wider.err);
    assert_eq!(still.json(&["grant", "list"])["grants"][0]["id"], id);
    assert_eq!(still.json(&["grant", "revoke", id])["state"], "revoked");
}

fn ledger(still: &Still) {
    let verified = still.json(&["ledger", "verify"]);
    assert_eq!(verified["sound"], true, "{verified}");
    let tail = still.json(&["ledger", "tail", "-n", "500"]);
    let kinds: Vec<&str> = tail["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"changed") && kinds.contains(&"server_started"),
        "{kinds:?}"
    );
    let by = &tail["entries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["kind"] == "changed");
    let by = by.unwrap()["fact"]["by"]["operator"].as_str().unwrap();
    assert!(by.starts_with("uid:"), "{by}");
    let lines = still.good(&["ledger", "export"]);
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert!(entry["seq"].is_u64());
    }
    let file = still.data.path().join("out.jsonl");
    let file = file.to_str().unwrap();
    let exported = still.json(&["ledger", "export", "--to", file]);
    assert!(exported["lines"].as_u64().unwrap() >= lines.lines().count() as u64);
    assert_eq!(still.say(&["ledger", "export", "--to", file]).code, 1);
    assert_eq!(still.json(&["ledger", "cost"])["sum"]["requests"], 0);
    let copy = still.data.path().join("copy");
    let copied = still.json(&["ledger", "backup", copy.to_str().unwrap()]);
    assert!(copied["entries"].as_u64().unwrap() > 0);
    assert_eq!(
        still.json(&["ledger", "prune", "--older-than-days", "1"])["marker"],
        Value::Null
    );
    assert_eq!(still.say(&["ledger", "erase", "--account", "web"]).code, 2);
    let erased = still.json(&["ledger", "erase", "--account", "web", "--yes"]);
    assert!(erased["entries"].as_u64().unwrap() >= 3, "{erased}");
    let gone = still.good(&["ledger", "export"]);
    assert!(
        !gone.contains("a small student") && !gone.contains("\"web\""),
        "{gone}"
    );
    assert_eq!(still.json(&["ledger", "verify"])["sound"], true);
    assert_eq!(still.say(&["account", "show", "web"]).code, 1);
}
