//! Splices change what they name and not one byte more.

use bytes::Bytes;
use record::{Capability, Edit, Endpoint};
use serde_json::Value;
use wire::{Policy, Splice, splice};

use crate::generate::{Random, body};

const ENDPOINTS: [Endpoint; 4] = [
    Endpoint::Chat,
    Endpoint::Completions,
    Endpoint::Responses,
    Endpoint::Messages,
];
const LIMITS: [&str; 4] = [
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n_predict",
];

/// What the document must be afterwards, made on the parsed document.
fn expected(endpoint: &Endpoint, mut value: Value, splice: Splice<'_>) -> Value {
    let object = value.as_object_mut().unwrap();
    match splice {
        Splice::ModelName(name) => {
            object.insert("model".into(), name.into());
        }
        Splice::IncludeUsage => {
            if object.get("stream") == Some(&true.into())
                && matches!(endpoint, Endpoint::Chat | Endpoint::Completions)
            {
                let options = object.entry("stream_options").or_insert(Value::Null);
                options["include_usage"] = true.into();
            }
        }
        Splice::MaxTokens(cap) => {
            let own = match endpoint {
                Endpoint::Chat => "max_completion_tokens",
                Endpoint::Responses => "max_output_tokens",
                _ => "max_tokens",
            };
            if LIMITS
                .iter()
                .all(|limit| object.get(*limit).is_none_or(Value::is_null))
            {
                object.insert(own.into(), cap.into());
            }
            for limit in LIMITS {
                if object
                    .get(limit)
                    .and_then(Value::as_u64)
                    .is_some_and(|most| most > cap)
                {
                    object.insert(limit.into(), cap.into());
                }
            }
        }
        Splice::Without(capability) => {
            let (fields, item): (&[&str], _) = match capability {
                Capability::LogProbabilities => (
                    &["logprobs", "top_logprobs", "n_probs"],
                    "message.output_text.logprobs",
                ),
                Capability::Reasoning => (
                    &[
                        "reasoning",
                        "reasoning_effort",
                        "include_reasoning",
                        "thinking",
                    ],
                    "reasoning.encrypted_content",
                ),
                Capability::ManyAnswers => (&["n", "best_of"], ""),
                Capability::LogitBias => (&["logit_bias"], ""),
                Capability::PromptLogProbabilities => (&["prompt_logprobs"], ""),
            };
            for field in fields {
                object.remove(*field);
            }
            if let Some(include) = object.get_mut("include").and_then(Value::as_array_mut) {
                include.retain(|kept| item.is_empty() || kept != item);
            }
        }
    }
    value
}

/// Whether `after` is `before` but for one place, where a part of one of `taken` is gone and a
/// part of one of `put` has come.
fn rest_is_equal(before: &[u8], after: &[u8], taken: &[&str], put: &[&str]) -> bool {
    // The longest common start and end, and between them what was put in.
    let start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let end = before[start..]
        .iter()
        .rev()
        .zip(after[start..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let part_of = |middle: &[u8], whole: &[&str]| {
        middle.is_empty()
            || whole
                .iter()
                .any(|text| text.as_bytes().windows(middle.len()).any(|w| w == middle))
    };
    part_of(&before[start..before.len() - end], taken)
        && part_of(&after[start..after.len() - end], put)
}

/// The body without its numbers and without a token limit that was put in.
fn without_limits(body: &[u8], name: &str) -> String {
    let text = String::from_utf8(body.to_vec())
        .unwrap()
        .replace("null", "");
    let text: String = text
        .chars()
        .filter(|letter| !letter.is_ascii_digit())
        .collect();
    text.replacen(&format!("{{\"{name}\":,"), "{", 1)
}

#[test]
fn one_splice_changes_what_it_names() {
    let mut random = Random::new(43);
    let mut changed = 0u64;
    let total = crate::cases(20_000, 1_000_000);
    for _ in 0..total {
        let endpoint = random.of(&[&ENDPOINTS[0], &ENDPOINTS[1], &ENDPOINTS[2], &ENDPOINTS[3]]);
        let text = body(&mut random, true);
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let Ok(policy) = Policy::read(endpoint, &bytes) else {
            continue;
        };
        let splice = match random.below(8) {
            0 => Splice::ModelName("other/\"name\""),
            1 => Splice::IncludeUsage,
            2 | 3 => Splice::MaxTokens(5),
            4 => Splice::Without(Capability::LogProbabilities),
            5 => Splice::Without(Capability::ManyAnswers),
            6 => Splice::Without(Capability::LogitBias),
            _ => Splice::Without(Capability::Reasoning),
        };
        let (after, edits) = splice::apply(&policy, &[splice]);
        let before: Value = serde_json::from_str(&text).unwrap();
        let value: Value = serde_json::from_slice(&after).expect(&text);
        assert_eq!(
            value,
            expected(endpoint, before, splice),
            "{splice:?}: {text}"
        );
        if edits.is_empty() {
            assert_eq!(after, bytes, "{text}");
            continue;
        }
        changed += 1;
        // A splice at one place: all else is equal, byte for byte.
        match splice {
            Splice::ModelName(_) => {
                let put = "\"other/\\\"name\\\"\"";
                let taken = &[&*text];
                assert!(rest_is_equal(&bytes, &after, taken, &[put]), "{text}");
            }
            Splice::IncludeUsage => {
                // Twice, as what is put in may begin like what follows it.
                let put = [
                    "\"stream_options\":{\"include_usage\":true},".repeat(2),
                    "\"include_usage\":true,".repeat(2),
                ];
                let put = put.each_ref().map(String::as_str);
                assert!(
                    rest_is_equal(&bytes, &after, &["false", "null"], &put),
                    "{text}"
                );
            }
            Splice::MaxTokens(_) => {
                let name = policy.max_tokens_name().unwrap();
                let (old, new) = (without_limits(&bytes, name), without_limits(&after, name));
                assert_eq!(old, new, "{text}");
            }
            // Nothing is put in but a shorter `include`: what is left stands in the old body.
            Splice::Without(_) => assert!(is_subsequence(&after, &bytes), "{text}"),
        }
    }
    assert!(changed > total / 10, "{changed}");
}

fn is_subsequence(short: &[u8], long: &[u8]) -> bool {
    let mut long = long.iter();
    short.iter().all(|byte| long.any(|other| other == byte))
}

#[test]
fn all_splices_together() {
    let mut random = Random::new(44);
    let splices = [
        Splice::ModelName("up"),
        Splice::IncludeUsage,
        Splice::MaxTokens(3),
        Splice::Without(Capability::ManyAnswers),
        Splice::Without(Capability::Reasoning),
        Splice::Without(Capability::LogProbabilities),
        Splice::Without(Capability::LogitBias),
        Splice::Without(Capability::PromptLogProbabilities),
    ];
    for _ in 0..crate::cases(5_000, 200_000) {
        let text = body(&mut random, true);
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let Ok(policy) = Policy::read(&Endpoint::Responses, &bytes) else {
            continue;
        };
        let (after, edits) = splice::apply(&policy, &splices);
        let mut value: Value = serde_json::from_str(&text).unwrap();
        for splice in splices {
            value = expected(&Endpoint::Responses, value, splice);
        }
        let mut found: Value = serde_json::from_slice(&after).expect(&text);
        if policy.echo && policy.logprobs.is_some() {
            // With log-probabilities `echo` asks for the prompt's, and goes.
            value.as_object_mut().unwrap().remove("echo");
            assert_eq!(
                found.as_object_mut().unwrap().remove("echo"),
                None,
                "{text}"
            );
        }
        assert_eq!(found, value, "{text}");
        assert!(edits.contains(&Edit::ModelName));
        let again = Policy::read(&Endpoint::Responses, &after).expect(&text);
        assert!(again.max_tokens.is_some_and(|most| most <= 3));
        assert_eq!(
            (again.n, again.reasoning, again.logprobs),
            (1, false, None),
            "{text}"
        );
        // Done twice is done once.
        assert_eq!(splice::apply(&again, &splices).1, [], "{text}");
    }
}
