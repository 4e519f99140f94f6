//! Prints how long it takes to read the policy fields of a usual chat body, and to pass a
//! usual stream chunk through a tap.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example measures and speaks to its reader"
)]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use record::Endpoint;
use wire::{Policy, Splice, StreamKind, StreamTap, splice, usage};

const BODY: &str = r#"{"model":"mock-model","messages":[{"role":"system","content":"You are a careful assistant. Answer in plain words, number your steps, and say when you are not sure."},{"role":"user","content":"Explain in a few short sentences how a reverse proxy can keep track of the tokens that each API key has used today, and what it should do when the budget is spent. Then give one example with numbers, and list two mistakes people make when you build it for streaming answers."}],"temperature":0.2,"max_tokens":128}"#;
const CHUNK: &str = "data: {\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,\"model\":\"mock-model\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"finish_reason\":null}]}\n\n";
const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"A reverse proxy reads the usage of every answer and adds it to a counter of the key. When the budget is spent, it answers 429 before it asks the model. For example, a key with 1000 tokens a day that has used 990 can't ask for 128 more."},"finish_reason":"stop"}],"usage":{"prompt_tokens":92,"completion_tokens":57,"total_tokens":149}}"#;

fn main() {
    let body = Bytes::from_static(BODY.as_bytes());
    let runs = 200_000;
    let time = |name: &str, bytes: usize, work: &mut dyn FnMut()| {
        let best = (0..5)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..runs {
                    work();
                }
                start.elapsed().as_nanos() / runs
            })
            .min();
        println!("{name:<28} {bytes:>4} bytes {:>6} ns", best.unwrap_or(0));
    };
    time("policy", BODY.len(), &mut || {
        black_box(Policy::read(&Endpoint::Chat, black_box(&body))).ok();
    });
    time("serde_json::Value", BODY.len(), &mut || {
        black_box(serde_json::from_slice::<serde_json::Value>(black_box(
            &body,
        )))
        .ok();
    });
    if let Ok(policy) = Policy::read(&Endpoint::Chat, &body) {
        time("splice model, cap", BODY.len(), &mut || {
            let edits = [Splice::ModelName("upstream/name"), Splice::MaxTokens(64)];
            black_box(splice::apply(black_box(&policy), &edits));
        });
    }
    time("usage of a whole answer", ANSWER.len(), &mut || {
        black_box(usage::read(&Endpoint::Chat, black_box(ANSWER.as_bytes()))).ok();
    });
    let chunk = Bytes::from_static(CHUNK.as_bytes());
    let mut tap = StreamTap::new(StreamKind::Chat, true);
    time("tap, a chunk", CHUNK.len(), &mut || {
        black_box(tap.push(black_box(chunk.clone()))).ok();
    });
    let null = CHUNK.replace("}]}\n", "}],\"usage\":null}\n");
    let null = Bytes::from(null);
    time("tap, a chunk, usage null", null.len(), &mut || {
        black_box(tap.push(black_box(null.clone()))).ok();
    });
}
