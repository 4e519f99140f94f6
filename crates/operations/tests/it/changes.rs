//! Every verb that changes something leaves an entry that says who and why; the others leave none.

use std::collections::BTreeSet;

use operations::{VERBS, verb};
use record::{Actor, Role};
use serde_json::{Value, json};

use crate::fixture::{DAY_US, Fixture};

const WHO: &str = "alice";

/// Calls verbs by their names, as every face does.
struct Caller {
    fixture: Fixture,
    done: BTreeSet<String>,
}

impl Caller {
    fn tip(&self) -> u64 {
        self.fixture.house.facts.ledger().tip().seq
    }

    fn call(&self, name: &str, input: Value) -> Value {
        let (noun, name) = name.split_once(' ').unwrap();
        let by = Actor::Operator(WHO.to_owned());
        let called = verb(noun, name)
            .unwrap()
            .call(&self.fixture.house, &by, input);
        called.unwrap_or_else(|error| panic!("{noun} {name}: {error:?}"))
    }

    /// Calls a verb that changes something with a reason of its own, which must be in the ledger.
    fn change(&mut self, name: &str, mut input: Value) -> Value {
        let (behind, why) = (self.tip(), format!("because of {name}"));
        input["why"] = Value::from(why.clone());
        let output = self.call(name, input);
        let tail = self.call("ledger tail", json!({ "from": behind + 1, "limit": 100 }));
        let entries = tail["entries"].as_array().unwrap();
        let says_so = |entry: &Value| {
            let fact = &entry["fact"];
            let moved = &fact["event"]["moved"];
            let cleaned = &fact["event"]["cleaned"];
            match entry["kind"].as_str() {
                Some("changed") => fact["by"]["operator"] == WHO && fact["why"] == *why,
                Some("run") if cleaned.is_object() => {
                    cleaned["actor"]["operator"] == WHO && cleaned["why"] == *why
                }
                Some("run") => moved["actor"]["operator"] == WHO && moved["cause"]["asked"] == *why,
                _ => false,
            }
        };
        assert!(entries.iter().any(says_so), "{name}: {entries:#?}");
        self.done.insert(name.to_owned());
        output
    }
}

fn id(said: &Value, of: &str) -> String {
    let said = if of.is_empty() { said } else { &said[of] };
    said["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_change_says_who_and_why() {
    let mut caller = Caller {
        fixture: Fixture::new(),
        done: BTreeSet::new(),
    };
    people(&mut caller);
    traffic(&mut caller);
    operators(&mut caller);
    house(&mut caller);
    runs(&mut caller);
    import(&mut caller);
    caller.change("ledger erase", json!({ "account": "web" }));
    let changing = VERBS.iter().filter(|verb| verb.changes);
    let changing: BTreeSet<String> = changing
        .map(|verb| format!("{} {}", verb.noun, verb.verb))
        .collect();
    assert_eq!(
        caller.done, changing,
        "a verb that changes something is not tried here"
    );
}

fn people(caller: &mut Caller) {
    caller.change("organization create", json!({ "name": "Acme" }));
    let account = json!({ "name": "web", "organization": "Acme" });
    caller.change("account create", account);
    let limits = json!({ "account": "web", "limits": { "concurrency": 3 } });
    caller.change("account set", limits);
    let made = caller.change("key create", json!({ "account": "web" }));
    caller.change("key revoke", json!({ "key": id(&made, "key") }));
    let grant = json!({
        "account": "web", "teachers": ["m", "n"], "purpose": "a student", "tier": "score",
        "budget_dollars": "10", "expires": "30d",
    });
    let made = caller.change("grant issue", grant);
    let grant = id(&made, "grant");
    let narrow = json!({ "grant": grant, "teachers": ["m"] });
    caller.change("grant narrow", narrow);
    caller.change("grant revoke", json!({ "grant": grant }));
}

fn traffic(caller: &mut Caller) {
    let fixture = &caller.fixture;
    let account = fixture.account("other");
    let until = fixture.clock.load(std::sync::atomic::Ordering::Relaxed) + DAY_US;
    let vault = fixture.house.facts.ledger().vault();
    let bodies: [&[u8]; 2] = [b"asked", b"answered"];
    let hashes = vault.put(&bodies, ledger::Lock::House, until).unwrap();
    fixture.exchange_with(&account, "m", Some([hashes[0], hashes[1]]));
    let seq = caller.tip();
    caller.change("exchange text", json!({ "seq": seq }));
}

fn operators(caller: &mut Caller) {
    for (name, role) in [("root", Role::Admin), ("bob", Role::Viewer)] {
        caller.change("operator create", json!({ "name": name, "role": role }));
    }
    caller.change(
        "operator set",
        json!({ "operator": "bob", "role": "reviewer" }),
    );
    let token = json!({ "operator": "bob", "name": "scripts" });
    let made = caller.change("token create", token);
    caller.change("token revoke", json!({ "token": id(&made, "token") }));
    caller.change("operator revoke", json!({ "operator": "bob" }));
}

fn house(caller: &mut Caller) {
    caller.change("model set", json!({ "model": "m", "on": false }));
    caller.change("upstream set", json!({ "upstream": "u", "on": false }));
    caller.change("server reload", json!({}));
    caller.change("ledger prune", json!({ "older_than_days": 1 }));
}

/// A run of files that are none: nobody drives it here.
fn runs(caller: &mut Caller) {
    let folder = tempfile::tempdir().unwrap();
    let grant = json!({
        "account": "web", "teachers": ["m"], "purpose": "a student", "tier": "train",
        "budget_dollars": "10", "expires": "30d",
    });
    let issued = caller.call("grant issue", grant);
    let grant = id(&issued, "grant");
    let files = [
        ("student", "weights".to_owned()),
        (
            "items.jsonl",
            "{\"id\":\"a\",\"text\":\"one\"}\n".to_owned(),
        ),
        (
            "holdout.jsonl",
            "{\"id\":\"b\",\"text\":\"two\"}\n".to_owned(),
        ),
        (
            "run.toml",
            format!(
                "[run]\nname = \"tiny\"\nseed = 1\ngrant = \"{grant}\"\n\
                 [student]\nmodel = \"student\"\n\
                 [teacher]\nname = \"m\"\nmodel = \"student\"\nlicence = \"own\"\n\
                 [data]\nitems = \"items.jsonl\"\nholdout = \"holdout.jsonl\"\nstudent = \"{{text}}?\"\n\
                 [stages.on_policy]\nsteps = 4\ncheckpoint_every = 2\n\
                 learning = {{ batch = 2, rate = {{ rate = 1e-2 }}, loss = {{ kind = \"reverse_kl\" }} }}\n\
                 [evaluate]\nscorer = {{ kind = \"regex\", pattern = \"[aeiou]\" }}\n\
                 [budget]\ndollars = 1\ntokens = 1000\n"
            ),
        ),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let house = &caller.fixture.house;
    let place = operations::distill::Place {
        runs: &house.runs,
        source: &|_| None,
    };
    let file = folder.path().join("run.toml");
    let how = operations::distill::How {
        by: &Actor::House,
        why: "",
        plan_only: false,
    };
    operations::distill::make(house, &place, &file, how).unwrap();
    caller.change("distill pause", json!({ "run": "tiny" }));
    caller.change("distill start", json!({ "run": "tiny" }));
    let planned = folder.path().join("planned.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&planned, text.replace("tiny", "planned")).unwrap();
    caller.change(
        "distill start",
        json!({ "run": planned, "plan_only": true }),
    );
    caller.change("distill fork", json!({ "run": "tiny", "at": 0 }));
    let texts = caller.change("distill text", json!({ "run": "tiny" }));
    assert_eq!(texts["items"][0]["prompt"], "two?");
    caller.change("distill cancel", json!({ "run": "tiny" }));
    let run = texts["run"].as_str().unwrap();
    let folder = caller.fixture.house.runs.join(run).join("student-1");
    std::fs::create_dir_all(&folder).unwrap();
    let told = caller.call("distill clean", json!({}));
    assert_eq!(told["runs"][0]["files"], json!(["student-1"]), "{told}");
    assert!(folder.is_dir());
    caller.change("distill clean", json!({ "run": "tiny", "apply": true }));
    assert!(!folder.exists());
}

fn import(caller: &mut Caller) {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    let key = json!({
        "token": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "key_name": "sk-...foo1",
        "key_alias": "brought",
    });
    std::fs::write(&keys, json!({ "keys": [key] }).to_string()).unwrap();
    caller.change("import litellm", json!({ "keys": keys, "apply": true }));
}

#[test]
fn what_changes_nothing_leaves_no_entry() {
    let caller = Caller {
        fixture: Fixture::new(),
        done: BTreeSet::new(),
    };
    let account = caller.fixture.account("a");
    caller.fixture.exchange(&account, "m", 5);
    let folder = tempfile::tempdir().unwrap();
    let tip = caller.tip();
    caller.call("ledger backup", json!({ "to": folder.path().join("copy") }));
    caller.call(
        "ledger export",
        json!({ "to": folder.path().join("lines") }),
    );
    assert_eq!(caller.call("ledger verify", json!({}))["sound"], true);
    caller.call("server status", json!({}));
    assert_eq!(caller.tip(), tip);
    let told = [
        "ledger backup",
        "ledger export",
        "ledger verify",
        "server status",
    ];
    for name in told {
        let (noun, name) = name.split_once(' ').unwrap();
        assert!(!verb(noun, name).unwrap().changes, "{noun} {name}");
    }
}
