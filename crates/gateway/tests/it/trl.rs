//! What TRL's served-teacher client sent to a live gateway and got, asked again in process:
//! `bench/reference/trl_served.py --record crates/gateway/tests/golden/trl.json` wrote it, and held the
//! answers against transformers' own log-probabilities.

use std::path::PathBuf;
use std::sync::Arc;

use local::{LocalUpstream, Source};
use record::Time;
use serde_json::Value;

use crate::client::request;
use crate::house::{Clock, Setup, random, route};

const MODEL: &str = "smollm2-135m";
/// Another type of processor may differ by this much, in nats.
const MARGIN: f64 = 2e-3;
/// What differs from run to run: ids, times, the build, and the one token that is sampled and thrown away.
const OTHER: [&str; 5] = [
    "id",
    "created",
    "system_fingerprint",
    "text",
    "finish_reason",
];

fn model() -> PathBuf {
    let default = || {
        let home = std::env::var_os("HOME").unwrap_or_default();
        PathBuf::from(home).join(".cache/stillhouse/models/smollm2-135m-instruct.gguf")
    };
    let path = std::env::var_os("STILLHOUSE_MODEL").map_or_else(default, PathBuf::from);
    assert!(
        path.is_file(),
        "{}: run scripts/fetch-model.sh",
        path.display()
    );
    path
}

fn teacher() -> Arc<LocalUpstream> {
    let draw = || {
        let mut bytes = [0; 8];
        random(&mut bytes);
        u64::from_le_bytes(bytes)
    };
    let options = local::Options {
        source: Source::File(model()),
        name: "local".into(),
        threads: 2,
        context: None,
        sampling: local::Path::Exact,
        max_sequences: 4,
        queue: 16,
        default_output: 16,
        max_output: 64,
        clock: Arc::new(|| -> Time { Clock::default().now() }),
        random: Arc::new(draw),
    };
    LocalUpstream::start(options).unwrap()
}

/// Holds an answer against the recorded one.
fn same(at: &str, found: &Value, recorded: &Value) {
    match (found, recorded) {
        (Value::Object(found), Value::Object(recorded)) => {
            let keys = |map: &serde_json::Map<String, Value>| -> Vec<String> {
                map.keys().cloned().collect()
            };
            assert_eq!(keys(found), keys(recorded), "{at}");
            for (key, value) in recorded {
                if !OTHER.contains(&key.as_str()) {
                    same(&format!("{at}.{key}"), &found[key], value);
                }
            }
        }
        (Value::Array(found), Value::Array(recorded)) => {
            assert_eq!(found.len(), recorded.len(), "{at}");
            for (index, (found, recorded)) in found.iter().zip(recorded).enumerate() {
                same(&format!("{at}[{index}]"), found, recorded);
            }
        }
        (Value::Number(found), Value::Number(recorded)) => {
            let (found, recorded) = (found.as_f64().unwrap(), recorded.as_f64().unwrap());
            assert!(
                (found - recorded).abs() <= MARGIN,
                "{at}: {found}, {recorded}"
            );
        }
        _ => assert_eq!(found, recorded, "{at}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trl_gets_what_it_got_from_a_served_teacher() {
    let recorded: Vec<Value> = serde_json::from_str(include_str!("../golden/trl.json")).unwrap();
    let teacher = teacher();
    let mut served = route(MODEL, Arc::clone(&teacher) as Arc<dyn upstream::Upstream>);
    served.context_tokens = Some(teacher.model().context() as u64);
    let house = Setup::new(vec![served]).open().await;
    let (id, token) = house.grant(|terms| terms.teachers = vec![MODEL.into()]);
    let mut scored = 0;
    for exchange in &recorded {
        let path = exchange["path"]
            .as_str()
            .unwrap()
            .replace("<token>", &token);
        let headers: Vec<(&str, &str)> = exchange["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        assert!(headers.iter().all(|(name, _)| *name != "authorization"));
        let body = match &exchange["body"] {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let method = exchange["method"].as_str().unwrap();
        let mut client = house.client().await;
        client.patience = std::time::Duration::from_secs(300);
        client
            .send(&request(method, &path, &headers, body.as_bytes()))
            .await;
        let answer = client.answer().await;
        assert_eq!(
            u64::from(answer.status()),
            exchange["status"],
            "{}",
            answer.body
        );
        same(
            &exchange["path"].to_string(),
            &answer.json(),
            &exchange["answer"],
        );
        if method == "POST" {
            let exchange = house.exchange(&answer.id());
            assert_eq!(exchange.grant, Some(id));
            scored += exchange.usage.unwrap().input;
        }
    }
    assert!(scored > 50, "{scored} tokens were scored");
    // The token is in no entry, nor in a trace of one.
    for fact in house.facts() {
        assert!(!format!("{fact:?}").contains(&token));
    }
    house.finish().await;
}
