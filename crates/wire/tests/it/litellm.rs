//! LiteLLM's files: a sample of each in its documented format, and whatever else may stand there.

use proptest::prelude::*;
use wire::import::litellm::{self, Period};

const CONFIG: &str = include_str!("../golden/litellm/config.yaml");
const KEYS: &str = include_str!("../golden/litellm/keys.json");
const TEAMS: &str = include_str!("../golden/litellm/teams.json");

#[test]
fn a_configuration_becomes_settings_and_notes() {
    let config = litellm::read_config(CONFIG).unwrap();
    let mut text = litellm::to_toml(&config);
    assert!(!text.contains("never-repeat") && !text.contains("sk-1234"));
    text.push_str("\n# not carried over:\n");
    for note in &config.notes {
        assert!(!note.contains("never-repeat") && !note.contains("sk-1234"));
        text.push_str(&format!("# {note}\n"));
    }
    crate::golden::check("litellm/settings.toml", text.as_bytes());
}

#[test]
fn keys_and_teams_become_holders() {
    let holders = litellm::read_holders(Some(KEYS), Some(TEAMS)).unwrap();
    assert_eq!(holders.teams.len(), 2);
    let [web, old] = holders.keys.as_slice() else {
        panic!("{holders:?}")
    };
    // SHA-256 of "foo".
    assert_eq!((web.hash[0], web.hash[31]), (0x2c, 0xae));
    assert_eq!(
        (web.name.as_str(), web.shown.as_str()),
        ("web", "sk-...foo1")
    );
    assert_eq!(web.models, ["gpt-4o", "llama"]);
    assert_eq!(web.requests_per_minute, Some(60));
    assert_eq!(web.tokens_per_minute, Some(20_000));
    assert_eq!(web.concurrency, Some(5));
    let budget = web.budget.unwrap();
    assert_eq!(
        (budget.amount.to_string().as_str(), budget.period),
        ("100.00", Period::Month)
    );
    assert!(!web.blocked);
    assert!(old.blocked, "its team is");
    assert_eq!(old.models, ["gpt-4o"], "its team's");
    assert_eq!(old.budget.unwrap().period, Period::Month);
    let notes = holders.notes.join("\n");
    for part in [
        "team `Search`: max_budget",
        "spent before",
        "`7d`",
        "key `odd`: `token` is no SHA-256",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
}

#[test]
fn a_team_that_is_missing_is_told() {
    let holders = litellm::read_holders(Some(KEYS), None).unwrap();
    assert!(holders.keys.iter().all(|key| !key.blocked));
    let notes = holders.notes.join("\n");
    assert!(
        notes.contains("team `t2` is not among the teams"),
        "{notes}"
    );
}

#[test]
fn what_is_no_configuration_is_told() {
    for bad in ["[", "- a", "model_list: 3", "a: &a [*a]"] {
        assert!(litellm::read_config(bad).is_err(), "{bad}");
    }
    assert!(
        litellm::read_config("model_list: []")
            .unwrap()
            .models
            .is_empty()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}", key in ".{0,60}") {
        if let Ok(config) = litellm::read_config(&text) {
            let _ = litellm::to_toml(&config);
        }
        let one = format!("model_list:\n- model_name: {key:?}\n  litellm_params: {{model: {key:?}, api_base: http://x}}\n");
        if let Ok(config) = litellm::read_config(&one) {
            let _ = litellm::to_toml(&config);
        }
        let _ = litellm::read_holders(Some(&text), Some(&key));
        let csv = format!("token,models,team_id\n{text}\n");
        let _ = litellm::read_holders(Some(&csv), None);
    }
}
