//! `config check`: values, where they came from, and errors with their place.

use crate::still::{Still, quiet};

#[test]
fn every_value_is_told_with_its_origin() {
    let still = Still::new();
    let mut command = still.command(&["config", "check", "--workers", "3"]);
    let said = quiet(command.env("STILLHOUSE_LOG", "debug"));
    assert_eq!(said.code, 0, "{}", said.err);
    let line = |key: &str| {
        let found = said.out.lines().find(|line| line.starts_with(key));
        found
            .unwrap_or_else(|| panic!("no {key} in {}", said.out))
            .to_owned()
    };
    assert!(line("server.workers").ends_with("flag --workers"));
    assert!(line("log.filter").ends_with("env STILLHOUSE_LOG"));
    assert!(line("server.listen").ends_with("stillhouse.toml:2"));
    assert!(line("ledger.segment_bytes").ends_with("default"));
    let json = still.json(&["config", "check"]);
    let settings = json["settings"].as_array().unwrap();
    assert!(
        settings
            .iter()
            .any(|one| one["key"] == "models.m.upstream" && one["value"] == "canned")
    );
}

#[test]
fn a_secret_is_named_and_never_shown() {
    let still = Still::new();
    let file = still.data.path().join("s.toml");
    let text = "[upstreams.u]\nkind = \"openai\"\nservers = [\"http://127.0.0.1:1/v1\"]\nsecret = { env = \"THE_KEY\" }\n[models.m]\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let mut command = still.command(&["--config", file, "config", "check"]);
    let said = quiet(command.env("THE_KEY", "hush-hush"));
    assert!(said.out.contains("env THE_KEY"), "{}", said.out);
    assert!(!said.out.contains("hush") && !said.err.contains("hush"));
    // Without it a server does not start, and says why.
    let said = still.say(&["--config", file, "serve"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("THE_KEY is not set"), "{}", said.err);
}

#[test]
fn an_unknown_key_has_place_and_hint() {
    let still = Still::new();
    let file = still.data.path().join("s.toml");
    std::fs::write(&file, "[server]\nlissten = [\"127.0.0.1:1\"]\n").unwrap();
    let file = file.to_str().unwrap();
    let said = still.say(&["--config", file, "config", "check"]);
    assert_eq!(said.code, 2);
    assert_eq!(
        said.err,
        format!("error: {file}:2:1: unknown key `lissten`\nhint: did you mean `listen`?\n")
    );
    let said = still.say(&["--json", "--config", file, "config", "check"]);
    let json: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(json["error"]["hint"], "did you mean `listen`?");
}

#[test]
fn completions_and_help_are_there() {
    let still = Still::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(still.good(&["completions", shell]).contains("stillhouse"));
    }
    assert_eq!(still.say(&["nonsense"]).code, 2);
    assert_eq!(still.say(&["key", "create"]).code, 2);
}
