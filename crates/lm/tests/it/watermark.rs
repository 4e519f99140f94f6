//! Watermarks in the real model's answers: found with the key and without the prompt, in the text
//! made into tokens again, and p-values of unmarked answers as rare as they say.

use crate::real_model::model;
use lm::watermark::{Detection, Key, Watermark};
use lm::{Cache, Chat, Limits, Sampling, Specials, Step, Want, Writer};
use serde_json::json;
use std::sync::Arc;

const TOPICS: [&str; 4] = ["the sea", "bread", "a quiet street", "old clocks"];
const LENGTH: usize = 90;

/// One answer: its tokens, their log-probabilities and its text.
#[derive(Default, Clone)]
struct Answer {
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    text: String,
}

fn key(number: u16) -> Key {
    let mut bytes = [9; 32];
    bytes[..2].copy_from_slice(&number.to_le_bytes());
    Key::new(bytes)
}

/// Answers on all topics for each mark, side by side.
fn answers(marks: &[Option<Arc<Watermark>>]) -> Vec<Vec<Answer>> {
    let model = model();
    let mut going: Vec<(Cache, Writer, Vec<u32>)> = Vec::new();
    for mark in marks {
        for (seed, topic) in (0..).zip(TOPICS) {
            let said = json!([{"role": "user", "content": format!("Write about {topic}.")}]);
            let chat = Chat::new(&said).unwrap().generation_prompt(true);
            let sampling = Sampling {
                seed,
                watermark: mark.clone(),
                ..Sampling::default()
            };
            let limits = Limits {
                max_tokens: LENGTH,
                ignore_end: true,
                ..Limits::default()
            };
            let writer = Writer::new(Arc::clone(model.tokenizer()), sampling, limits).unwrap();
            going.push((model.cache(), writer, model.encode_chat(&chat).unwrap()));
        }
    }
    let mut out = vec![Answer::default(); going.len()];
    for _ in 0..LENGTH {
        let steps = going.iter_mut().map(|(cache, _, tokens)| Step {
            cache,
            tokens,
            want: Want::logits(),
        });
        let outputs = model.forward(&mut steps.collect::<Vec<_>>()).unwrap();
        for (((_, writer, next), output), answer) in going.iter_mut().zip(outputs).zip(&mut out) {
            let piece = writer.push(&output.logits.unwrap());
            answer.tokens.push(piece.choice.token);
            answer.logprobs.push(piece.choice.logprob);
            answer.text.push_str(&piece.text);
            *next = vec![piece.choice.token];
        }
    }
    out.chunks(TOPICS.len()).map(<[Answer]>::to_vec).collect()
}

/// The least p-value of the answers; by chance it is below a level about four times as often as one.
fn least(found: impl Iterator<Item = Detection>) -> f64 {
    found.map(|d| d.p_value).fold(1.0, f64::min)
}

#[test]
fn marks_are_found_in_real_answers_and_only_there() {
    let green = Watermark::green_list(key(1), 1, 0.25, 3.0).unwrap();
    let tournament = Watermark::tournament(key(1), 4, 30).unwrap();
    let marks = [
        None,
        Some(Arc::new(green.clone())),
        Some(Arc::new(tournament.clone())),
    ];
    let [plain, greens, tournaments] = answers(&marks).try_into().unwrap_or_else(|_| panic!());
    let tokenizer = model().tokenizer();
    for (mark, marked) in [(&green, &greens), (&tournament, &tournaments)] {
        let found = |how: &dyn Fn(&Answer) -> Detection| least(marked.iter().map(how));
        assert!(found(&|a| mark.detect(&a.tokens)) < 1e-6);
        assert!(found(&|a| mark.detect_scored(&a.tokens, &a.logprobs)) < 1e-6);
        // From the text alone.
        let again = |a: &Answer| mark.detect(&tokenizer.encode(&a.text, Specials::Text));
        assert!(found(&again) < 1e-6);
        // All four, each by itself, at the level of one in a hundred.
        let each = marked.iter().map(|a| mark.detect(&a.tokens).p_value);
        assert!(
            each.clone().all(|p| p < 0.01),
            "{:?}",
            each.collect::<Vec<_>>()
        );
    }
    // Unmarked answers under many keys: each p-value is a fair draw.
    for kind in 0..2 {
        for scored in [false, true] {
            let values: Vec<f64> = (0..150)
                .flat_map(|number| {
                    let mark = if kind == 0 {
                        Watermark::green_list(key(number), 1, 0.25, 3.0).unwrap()
                    } else {
                        Watermark::tournament(key(number), 4, 30).unwrap()
                    };
                    let one = |a: &Answer| {
                        if scored {
                            mark.detect_scored(&a.tokens, &a.logprobs).p_value
                        } else {
                            mark.detect(&a.tokens).p_value
                        }
                    };
                    plain.iter().map(one).collect::<Vec<f64>>()
                })
                .collect();
            for level in [0.5, 0.1, 0.01] {
                let n = values.len() as f64;
                let below = values.iter().filter(|&&p| p <= level).count() as f64;
                let spread = 4.0 * (n * level * (1.0 - level)).sqrt();
                assert!(
                    below <= n * level + spread,
                    "{kind} {scored} {level}: {below}"
                );
                assert!(
                    below >= n * level * 0.6 - spread,
                    "{kind} {scored} {level}: {below}"
                );
            }
        }
    }
}
