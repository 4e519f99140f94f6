//! Plain answers on the fast path, and what is told as a number on the exact one.

use std::sync::Arc;

use lm::{Family, HeldWeights, Path};
use local::LocalUpstream;
use serde_json::{Value, json};

use crate::house::{complete, options, tiny};

fn both() -> Arc<lm::Model> {
    let options = lm::Options {
        threads: 1,
        weights: HeldWeights::Both,
        ..lm::Options::default()
    };
    let bytes = lm::testing::tiny_gguf(Family::Llama, 7);
    Arc::new(lm::Model::from_bytes(&bytes, &options).unwrap())
}

fn start(sampling: Path) -> Arc<LocalUpstream> {
    let options = local::Options {
        sampling,
        ..options(both())
    };
    LocalUpstream::start(options).unwrap()
}

fn ask(extra: &[(&str, Value)]) -> Value {
    let mut body = json!({
        "model": "tiny", "prompt": [5, 9, 77, 12], "max_tokens": 60, "temperature": 1.0, "seed": 11,
    });
    for (key, value) in extra {
        body[*key] = value.clone();
    }
    body
}

#[tokio::test]
async fn requests_with_numbers_are_exact_and_plain_ones_are_as_configured() {
    let (fast, exact) = (start(Path::Fast), start(Path::Exact));
    let text = |value: &Value| value["choices"][0]["text"].clone();
    let plain = [
        complete(&fast, ask(&[])).await,
        complete(&exact, ask(&[])).await,
    ];
    assert_ne!(
        text(&plain[0]),
        text(&plain[1]),
        "the paths differ on noise"
    );
    assert_ne!(fast.fingerprint(), exact.fingerprint());
    let again = complete(&fast, ask(&[])).await;
    assert_eq!(text(&again), text(&plain[0]), "a seed on a path");
    for scored in [[("logprobs", json!(2))], [("prompt_logprobs", json!(0))]] {
        let answers = [
            complete(&fast, ask(&scored)).await,
            complete(&exact, ask(&scored)).await,
        ];
        assert_eq!(answers[0]["choices"], answers[1]["choices"]);
        assert_eq!(text(&answers[0]), text(&plain[1]), "exact for all tokens");
    }
    let best = [("best_of", json!(3)), ("n", json!(1))];
    let answers = [
        complete(&fast, ask(&best)).await,
        complete(&exact, ask(&best)).await,
    ];
    assert_eq!(text(&answers[0]), text(&answers[1]));
}

#[test]
fn a_model_without_the_weights_is_refused_at_once() {
    let options = local::Options {
        sampling: Path::Fast,
        ..options(tiny())
    };
    let error = LocalUpstream::start(options).unwrap_err().to_string();
    assert!(error.contains("weights"), "{error}");
}
