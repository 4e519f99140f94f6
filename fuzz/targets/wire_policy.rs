//! Our reading of policy fields against serde_json's: what we accept it must read too, with the
//! same values; what we call no JSON it must refuse too; and an edit changes what it names only.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use record::Endpoint;
use serde_json::{Map, Value};
use wire::{Policy, Splice, splice};

const ENDPOINTS: [Endpoint; 6] = [
    Endpoint::Chat,
    Endpoint::Completions,
    Endpoint::Responses,
    Endpoint::Embeddings,
    Endpoint::Messages,
    Endpoint::CountTokens,
];

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    let endpoint = &ENDPOINTS[usize::from(*first) % ENDPOINTS.len()];
    let body = Bytes::copy_from_slice(body);
    let oracle = serde_json::from_slice::<Map<String, Value>>(&body);
    match Policy::read(endpoint, &body) {
        Ok(policy) => {
            let oracle = oracle.expect("what we accept is JSON");
            compare(endpoint, &policy, &oracle);
            edit(endpoint, &policy, &oracle);
        }
        Err(error) => {
            assert_eq!(error.status, 400);
            if error.code.as_deref() == Some("invalid_json") && !error.message.contains("nesting") {
                assert!(oracle.is_err(), "{}", error.message);
            }
        }
    }
});

fn number(oracle: &Map<String, Value>, name: &str) -> Option<u64> {
    oracle.get(name).and_then(Value::as_u64)
}

fn flag(oracle: &Map<String, Value>, name: &str) -> bool {
    oracle.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn text<'a>(oracle: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    oracle.get(name).and_then(Value::as_str)
}

fn most(oracle: &Map<String, Value>) -> Option<u64> {
    [
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "n_predict",
    ]
    .iter()
    .filter_map(|name| number(oracle, name))
    .max()
}

fn compare(endpoint: &Endpoint, policy: &Policy, oracle: &Map<String, Value>) {
    assert_eq!(Some(policy.model.as_str()), text(oracle, "model"));
    assert_eq!(policy.stream, flag(oracle, "stream"));
    assert_eq!(policy.store, flag(oracle, "store"));
    assert_eq!(policy.echo, flag(oracle, "echo"));
    assert_eq!(policy.n, number(oracle, "n").unwrap_or(1));
    assert_eq!(policy.best_of, number(oracle, "best_of"));
    assert_eq!(policy.max_tokens, most(oracle));
    let previous = text(oracle, "previous_response_id");
    assert_eq!(policy.previous_response_id.as_deref(), previous);
    let options = oracle.get("stream_options").and_then(Value::as_object);
    let asked = options.is_some_and(|options| flag(options, "include_usage"));
    assert_eq!(policy.include_usage, asked);
    if *endpoint == Endpoint::Completions {
        let prompts = match oracle.get("prompt") {
            Some(Value::Array(items)) if !items.iter().all(Value::is_number) => items.len() as u64,
            _ => 1,
        };
        assert_eq!(policy.prompts, prompts);
    }
}

/// All edits at once, read again by serde_json.
fn edit(endpoint: &Endpoint, policy: &Policy, oracle: &Map<String, Value>) {
    const CAP: u64 = 5;
    let splices = [
        Splice::ModelName("another \"name\""),
        Splice::IncludeUsage,
        Splice::MaxTokens(CAP),
        Splice::Without(record::Capability::LogitBias),
        Splice::Without(record::Capability::ManyAnswers),
        Splice::Without(record::Capability::LogProbabilities),
    ];
    let (edited, _) = splice::apply(policy, &splices);
    let again = serde_json::from_slice::<Map<String, Value>>(&edited).expect("an edit leaves JSON");
    let reread = Policy::read(endpoint, &edited).expect("an edited body is still accepted");
    assert_eq!(reread.model, "another \"name\"");
    assert_eq!(
        (reread.n, reread.best_of, reread.logit_bias),
        (1, None, false)
    );
    assert!(
        policy.max_tokens_name().is_none() || reread.max_tokens.is_some_and(|most| most <= CAP)
    );
    const EDITED: [&str; 14] = [
        "model",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "n_predict",
        "logit_bias",
        "n",
        "best_of",
        "logprobs",
        "top_logprobs",
        "n_probs",
        "include",
        "prompt_logprobs",
    ];
    for (key, value) in oracle
        .iter()
        .filter(|(key, _)| !EDITED.contains(&key.as_str()))
    {
        assert_eq!(again.get(key), Some(value));
    }
}
