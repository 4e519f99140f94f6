//! Moving from LiteLLM: the plan is shown first, then made; the keys of before open the house.

use std::path::PathBuf;

use sha2::Digest;

use crate::still::Still;

struct Files {
    config: PathBuf,
    keys: PathBuf,
    teams: PathBuf,
}

/// What LiteLLM would give: one key that lives, one that is blocked, one that has ended.
fn files(still: &Still) -> Files {
    let hash = |key: &str| hex::encode(sha2::Sha256::digest(key));
    let folder = still.data.path();
    let (config, keys, teams) = (
        folder.join("config.yaml"),
        folder.join("keys.json"),
        folder.join("teams.json"),
    );
    std::fs::write(&config, "model_list:\n- model_name: m\n  litellm_params:\n    model: hosted_vllm/m\n    api_base: http://127.0.0.1:9/v1\n    rpm: 5\n").unwrap();
    let key = |secret: &str, alias: &str, more: &str| {
        format!(
            r#"{{"token":"{}","key_alias":"{alias}","key_name":"sk-...{alias}"{more}}}"#,
            hash(secret)
        )
    };
    let all = [
        key(
            "sk-web",
            "web",
            r#","team_id":"t1","rpm_limit":2,"max_budget":5.5,"budget_duration":"1d""#,
        ),
        key("sk-shut", "shut", r#","blocked":true"#),
        key("sk-past", "past", r#","expires":"2020-01-01T00:00:00Z""#),
        key("sk-some", "some", r#","team_id":"t1","models":["m"]"#),
    ];
    std::fs::write(&keys, format!(r#"{{"keys":[{}]}}"#, all.join(","))).unwrap();
    std::fs::write(&teams, r#"[{"team_id":"t1","team_alias":"Search"}]"#).unwrap();
    Files {
        config,
        keys,
        teams,
    }
}

fn import(still: &Still, files: &Files, more: &[&str]) -> crate::still::Said {
    let mut all = vec![
        "--json",
        "import",
        "litellm",
        "--proxy-config",
        files.config.to_str().unwrap(),
    ];
    all.extend([
        "--keys",
        files.keys.to_str().unwrap(),
        "--teams",
        files.teams.to_str().unwrap(),
    ]);
    all.extend(more);
    still.say(&all)
}

#[test]
fn keys_go_on_being_used() {
    let still = Still::new();
    let _server = still.serve();
    let files = files(&still);
    let dry = import(&still, &files, &[]);
    assert_eq!(dry.code, 0, "{}", dry.err);
    let planned: serde_json::Value = serde_json::from_str(&dry.out).unwrap();
    assert_eq!(planned["applied"], false);
    assert_eq!(planned["accounts"].as_array().unwrap().len(), 3);
    assert_eq!(planned["ended_keys"], 1);
    let settings = planned["settings"].as_str().unwrap();
    assert!(
        settings.contains("[models.m]") && settings.contains("[plans.litellm-1]"),
        "{settings}"
    );
    assert!(planned["notes"].to_string().contains("litellm_params.rpm"));
    assert_eq!(still.json(&["status"])["known"]["accounts"], 0);
    assert_eq!(still.ask("sk-web").0, 401);

    // A plan is needed that the settings do not have yet: nothing is made.
    let early = import(&still, &files, &["--apply"]);
    assert_eq!(early.code, 1);
    assert!(
        early.err.contains("litellm-1") && early.err.contains("reload"),
        "{}",
        early.err
    );
    assert_eq!(still.json(&["status"])["known"]["organizations"], 0);
    still.write_settings("[plans.default]\n[plans.litellm-1]\nmodels = [\"m\"]\n", "");
    _server.signal("-HUP");
    crate::still::until("the plan is there", || {
        still.say(&["plan", "show", "litellm-1"]).code == 0
    });
    // A file that is there is not written over, and then nothing is made either.
    let there = files.config.to_str().unwrap();
    let refused = import(&still, &files, &["--apply", "--settings-to", there]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert_eq!(still.json(&["status"])["known"]["organizations"], 0);
    let done = import(&still, &files, &["--apply", "--why", "we move"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(still.json(&["status"])["known"]["organizations"], 2);
    let web = still.json(&["account", "show", "web"]);
    assert_eq!(web["organization_name"], "Search");
    assert_eq!(web["limits"]["requests_per_minute"], 2);
    assert_eq!(web["spend"]["dollars"], "5.50");
    assert_eq!(web["spend"]["period"], "day");
    assert_eq!(still.ask("sk-web").0, 200);
    assert_eq!(still.ask("sk-web").0, 200);
    assert_eq!(still.ask("sk-web").0, 429);
    assert_eq!(still.ask("sk-some").0, 200);
    assert_eq!(still.ask("sk-shut").0, 403);
    assert_eq!(still.ask("sk-past").0, 401);

    // Once more: what is here stays as it is.
    let again = import(&still, &files, &["--apply"]);
    let again: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(again["known_keys"], 3);
    assert_eq!(again["accounts"].as_array().unwrap().len(), 0);
    assert_eq!(again["organizations"].as_array().unwrap().len(), 0);
}

#[test]
fn the_lines_for_the_settings_file_are_settings() {
    let still = Still::new();
    let files = files(&still);
    let to = still.data.path().join("new.toml");
    let to = to.to_str().unwrap();
    assert_eq!(import(&still, &files, &["--settings-to", to]).code, 0);
    let checked = still.good(&["--config", to, "config", "check"]);
    assert!(checked.contains("models.m.upstream"), "{checked}");
    // A file that is there is not written over.
    let again = import(&still, &files, &["--settings-to", to]);
    assert_eq!(again.code, 2, "{}", again.err);
    let none = still.say(&["import", "litellm"]);
    assert_eq!(none.code, 2);
    std::fs::write(&files.config, "[").unwrap();
    assert_eq!(import(&still, &files, &[]).code, 2);
}

#[test]
fn a_long_list_opens_the_ledger_once() {
    let still = Still::new();
    let files = files(&still);
    let key = |number: u32| format!(r#"{{"token":"{number:064x}","key_alias":"key {number}"}}"#);
    let keys: Vec<String> = (1..=1_100).map(key).collect();
    std::fs::write(&files.keys, format!(r#"{{"keys":[{}]}}"#, keys.join(","))).unwrap();
    let made = import(&still, &files, &["--apply"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let starts = || {
        let entries = still.say(&["ledger", "export"]).out;
        entries.matches("server_started").count()
    };
    let before = starts();
    let listed = still.json(&["key", "list"]);
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1_100);
    assert_eq!(starts(), before + 1);
    // A server is asked page after page over one connection.
    let _server = still.serve();
    let listed = still.json(&["key", "list"]);
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1_100);
}
