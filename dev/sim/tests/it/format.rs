//! Bytes, lines and labels.

use std::collections::HashSet;

use serde_json::Value;
use sim::{Engine, Folder, SimError, World};

use crate::kit;

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let world = kit::preset("small");
    let read = |seed| {
        let dir = tempfile::tempdir().unwrap();
        kit::write(&world, seed, dir.path(), false);
        [
            "accounts.jsonl",
            "traffic.jsonl",
            "truth.jsonl",
            "truth-exchanges.jsonl",
        ]
        .map(|name| blake3::hash(&std::fs::read(dir.path().join(name)).unwrap()))
    };
    let (one, again, other) = (read(1), read(1), read(2));
    assert_eq!(one, again);
    assert!(one.iter().zip(&other).all(|(one, other)| one != other));
}

#[test]
fn compressed_files_hold_the_same() {
    let world = kit::preset("small");
    let dir = tempfile::tempdir().unwrap();
    kit::write(&world, 1, &dir.path().join("plain"), false);
    kit::write(&world, 1, &dir.path().join("zst"), true);
    for name in [
        "accounts.jsonl",
        "traffic.jsonl",
        "truth.jsonl",
        "truth-exchanges.jsonl",
    ] {
        let plain = std::fs::read(dir.path().join("plain").join(name)).unwrap();
        let packed =
            std::fs::File::open(dir.path().join("zst").join(format!("{name}.zst"))).unwrap();
        assert!(zstd::decode_all(packed).unwrap() == plain, "{name}");
    }
}

#[test]
fn lines_are_as_the_format_has_them() {
    let set = kit::make(&kit::preset("small"), 3);
    assert_eq!(set.exchanges.len() as u64, set.counts.exchanges);
    assert_eq!(set.accounts.len() as u64, set.counts.accounts);
    let mut before = jiff::Timestamp::MIN;
    for (place, exchange) in set.exchanges.iter().enumerate() {
        assert!(exchange.time >= before, "{} comes late", exchange.id);
        before = exchange.time;
        assert_eq!(exchange.seq, place as u64 + 1);
        assert_eq!(exchange.request["model"], exchange.model.as_str());
        assert_eq!(exchange.response.is_some(), exchange.status == 200);
        body_fits_endpoint(
            &exchange.endpoint,
            &exchange.request,
            exchange.response.as_ref(),
        );
    }
    let mut before = jiff::Timestamp::MIN;
    for event in &set.events {
        assert!(event.time >= before);
        before = event.time;
        match event.event.as_str() {
            "model_released" => assert!(event.model.is_some()),
            "account_suspended" => assert!(set.truth.contains_key(event.account.as_ref().unwrap())),
            other => panic!("{other}"),
        }
    }
    let seen: HashSet<&str> = set
        .exchanges
        .iter()
        .map(|exchange| exchange.endpoint.as_str())
        .collect();
    assert_eq!(seen.len(), 3, "{seen:?}");
}

fn body_fits_endpoint(endpoint: &str, request: &Value, response: Option<&Value>) {
    match endpoint {
        "/v1/embeddings" => {
            let count = request["input"].as_array().unwrap().len();
            assert!(count > 0);
            if let Some(response) = response {
                assert_eq!(response["data"].as_array().unwrap().len(), count);
            }
        }
        "/v1/chat/completions" | "/v1/messages" => {
            let messages = request["messages"].as_array().unwrap();
            let last = messages.last().unwrap()["role"].as_str().unwrap();
            assert!(matches!(last, "user" | "tool"), "{last}");
            let systems = messages
                .iter()
                .filter(|message| message["role"] == "system")
                .count();
            let chat = endpoint == "/v1/chat/completions";
            assert!(systems <= usize::from(chat));
            let Some(response) = response else { return };
            match chat {
                true => {
                    let count = request["n"].as_u64().unwrap_or(1);
                    assert_eq!(response["choices"].as_array().unwrap().len() as u64, count);
                    let told = !response["choices"][0]["logprobs"].is_null();
                    assert_eq!(told, request["logprobs"] == true);
                }
                false => {
                    assert!(request["max_tokens"].is_u64());
                    assert!(response["content"][0]["text"].is_string());
                }
            }
        }
        other => panic!("{other}"),
    }
}

#[test]
fn truth_is_true_of_the_traffic() {
    let set = kit::make(&kit::preset("small"), 4);
    let ids: HashSet<&str> = set.accounts.iter().map(|line| line.id.as_str()).collect();
    assert_eq!(ids.len(), set.accounts.len());
    assert_eq!(ids.len(), set.truth.len());
    for line in set.truth.values() {
        assert!(ids.contains(line.account.as_str()));
        let honest = matches!(line.label.as_str(), "honest" | "sanctioned");
        assert!(
            honest || matches!(line.label.as_str(), "distilling" | "router"),
            "{}",
            line.label
        );
        assert_eq!(honest, line.campaign.is_none());
        assert_eq!(honest, line.level.is_none());
    }
    let created: std::collections::HashMap<&str, jiff::Timestamp> = set
        .accounts
        .iter()
        .map(|line| (line.id.as_str(), line.created))
        .collect();
    let mut labelled = 0;
    for exchange in &set.exchanges {
        let account = &set.truth[&exchange.account];
        assert!(
            created[exchange.account.as_str()] <= exchange.time,
            "{} before its account",
            exchange.id
        );
        let Some(line) = set.truth_exchanges.get(&exchange.id) else {
            assert_ne!(account.label, "router");
            continue;
        };
        labelled += 1;
        assert_eq!(Some(&line.campaign), account.campaign.as_ref());
        assert!(matches!(line.label.as_str(), "honest" | "distilling"));
    }
    assert_eq!(labelled, set.truth_exchanges.len());
    assert!(labelled > 50);
    for label in ["honest", "sanctioned", "distilling", "router"] {
        assert!(
            set.truth.values().any(|line| line.label == label),
            "{label}"
        );
    }
}

#[test]
fn missing_data_is_told_clearly() {
    let text =
        "about = 'x'\ndays = 1\ntraces = 'builtin'\nfamilies = ['gsm8k-train']\n[honest]\nchat = 1";
    let world = World::parse("x", text).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut sink = Folder::create(dir.path(), false).unwrap();
    let err = Engine::new(&world, 1, Some(dir.path()), &mut sink)
        .err()
        .unwrap();
    assert!(matches!(err, SimError::DataMissing(_)));
    assert!(err.to_string().contains("STILLHOUSE_DATA"), "{err}");
}

#[test]
fn broken_data_is_told_by_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let broken = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n{\"messages\":\n";
    let packed = zstd::encode_all(broken.as_bytes(), 1).unwrap();
    std::fs::write(dir.path().join("gsm8k-train.jsonl.zst"), packed).unwrap();
    let text =
        "about = 'x'\ndays = 1\ntraces = 'builtin'\nfamilies = ['gsm8k-train']\n[honest]\nchat = 1";
    let world = World::parse("x", text).unwrap();
    let mut sink = Folder::create(&dir.path().join("out"), false).unwrap();
    let err = Engine::new(&world, 1, Some(dir.path()), &mut sink)
        .err()
        .unwrap()
        .to_string();
    assert!(err.contains("line 2"), "{err}");
}
