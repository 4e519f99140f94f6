//! Golden files of `/v1/score`: what a client sends and gets, and what a vLLM server is asked.

use record::Time;
use wire::openai::Prompt;
use wire::score::{
    ItemScores, Position, ScoreAnswer, ScoreItem, ScoreRequest, Scores, completions_body,
};

use crate::golden::check;

fn request() -> ScoreRequest {
    ScoreRequest {
        model: "teacher".into(),
        items: vec![
            ScoreItem {
                from: 2,
                top_k: 2,
                ids_at: vec![vec![7, 12], vec![]],
                tail: true,
                temperature: Some(0.7),
                ..ScoreItem::of_ids(vec![5, 6, 7, 8])
            },
            ScoreItem {
                text: Prompt::Text("Paris is a city".into()),
                ..ScoreItem::of_ids(Vec::new())
            },
        ],
    }
}

#[test]
fn requests_and_answers() {
    let request = request();
    check("score.request.json", &request.bytes());
    let position = |id: u32, logprob: f32, at: &[f32]| Position {
        id,
        logprob: Some(logprob),
        rank: Some(1),
        top: vec![(id, logprob), (12, -2.0)],
        at: at.to_vec(),
        tail: Some((1.0 - logprob.exp() - (-2.0f32).exp()).ln()),
    };
    let plain = |id: u32, logprob: f32| Position {
        id,
        logprob: Some(logprob),
        rank: Some(9),
        ..Position::default()
    };
    let scores = Scores {
        revision: Some(format!("blake3:{}", "0a".repeat(32))),
        items: vec![
            ItemScores {
                tokens: 4,
                from: 2,
                positions: vec![position(7, -0.25, &[-0.25, -2.0]), position(8, -0.5, &[])],
            },
            ItemScores {
                tokens: 4,
                from: 1,
                positions: vec![
                    plain(20, -3.5),
                    plain(21, f32::NEG_INFINITY),
                    plain(22, -0.1),
                ],
            },
        ],
    };
    assert_eq!(scores.check(&request), Ok(()));
    let answer = ScoreAnswer {
        id: "ex_0a1b",
        created: Time::from_micros(1_764_000_000_000_000),
        model: "teacher",
        scores: &scores,
    };
    let body = answer.bytes();
    check("score.answer.json", &body);
    assert_eq!(Scores::read(&body), Ok(scores));
}

#[test]
fn what_a_vllm_server_is_asked() {
    let mut request = request();
    assert!(completions_body(&request).is_err());
    request.items.truncate(1);
    request.items[0].ids_at.clear();
    request.items[0].temperature = None;
    check("score.vllm.json", &completions_body(&request).unwrap());
}
