//! The real small model against PyTorch in f32: greedy ids equal, log-probabilities within 1e-3.

use crate::reference::read;
use lm::{Chat, Finish, HeldWeights, Limits, Model, Options, Sampling, Specials};
use serde::Deserialize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::LazyLock;

const TOLERANCE: f32 = 1e-3;

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let path = std::env::var_os("STILLHOUSE_MODEL")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            let home = std::env::var_os("HOME").expect("HOME is set");
            PathBuf::from(home).join(".cache/stillhouse/models/smollm2-135m-instruct.gguf")
        });
    let options = Options {
        weights: HeldWeights::Both,
        ..Options::default()
    };
    match Model::load(&path, &options) {
        Ok(model) => model,
        Err(e) => panic!("{e}: run scripts/fetch-model.sh, or set STILLHOUSE_MODEL"),
    }
});

/// The real model, loaded once.
pub(crate) fn model() -> &'static Model {
    &MODEL
}

/// The same, which holds the weights of both paths.
pub(crate) fn both() -> &'static Model {
    &MODEL
}

/// Token ids of real text: the reference's prompts, each with its answer.
pub(crate) fn read_prompts() -> Vec<Vec<u32>> {
    let whole = |p: Prompt| [p.ids, p.greedy].concat();
    prompts().into_iter().map(whole).collect()
}

#[derive(Deserialize)]
struct Reference {
    prompts: Vec<Prompt>,
}

#[derive(Deserialize)]
struct Prompt {
    text: String,
    #[serde(default)]
    chat: Option<serde_json::Value>,
    ids: Vec<u32>,
    echo: Vec<f32>,
    greedy: Vec<u32>,
    logprobs: Vec<f32>,
}

fn prompts() -> Vec<Prompt> {
    let reference: Reference = read("greedy.json");
    assert_eq!(reference.prompts.len(), 20);
    reference.prompts
}

#[test]
fn prompts_become_the_reference_ids() {
    for p in prompts() {
        let ids = match &p.chat {
            Some(messages) => model().encode_chat(&Chat::new(messages).unwrap()).unwrap(),
            None => model().tokenizer().encode(&p.text, Specials::Text),
        };
        assert_eq!(ids, p.ids, "{:?}", p.text);
    }
}

#[test]
fn greedy_ids_and_logprobs_equal_the_reference() {
    for p in prompts() {
        let limits = Limits {
            max_tokens: p.greedy.len(),
            ignore_end: true,
            ..Limits::default()
        };
        let sampling = Sampling {
            top_logprobs: 2,
            ..Sampling::greedy()
        };
        let each = &mut |_: &_| ControlFlow::Continue(());
        let got = model().generate(&p.ids, sampling, limits, each).unwrap();
        let ids: Vec<u32> = got.tokens.iter().map(|t| t.token).collect();
        assert_eq!(ids, p.greedy, "{:?}", p.text);
        assert_eq!(got.finish, Some(Finish::Length));
        for (token, want) in got.tokens.iter().zip(&p.logprobs) {
            assert!(
                (token.logprob - want).abs() < TOLERANCE,
                "{:?} {token:?} {want}",
                p.text
            );
            assert_eq!((token.rank, token.top[0].token), (1, token.token));
        }
    }
}

#[test]
fn prompt_logprobs_equal_the_reference() {
    for p in prompts() {
        let got = model().score(&p.ids, 0).unwrap();
        assert_eq!(got.len(), p.echo.len());
        for (token, want) in got.iter().zip(&p.echo) {
            assert!(
                (token.logprob - want).abs() < TOLERANCE,
                "{:?} {token:?} {want}",
                p.text
            );
        }
    }
}

#[derive(Deserialize)]
struct Echo {
    ids: Vec<u32>,
    echo: Vec<f32>,
}

#[test]
fn a_qwen2_class_file_equals_the_reference() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/tiny_qwen2.gguf");
    let model = Model::load(&path, &Options::default()).unwrap();
    let Echo { ids, echo } = read("tiny_qwen2.json");
    let got = model.score(&ids, 0).unwrap();
    assert_eq!(got.len(), echo.len());
    for (token, want) in got.iter().zip(&echo) {
        assert!((token.logprob - want).abs() < 1e-4, "{token:?} {want}");
    }
}
