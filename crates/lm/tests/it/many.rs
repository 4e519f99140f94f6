//! Many texts scored and many questions answered in one call: to the bit what each gives alone.

use lm::testing::tiny_model;
use lm::{
    Batch, Error, Family, Generated, Limits, Model, Path, Question, Sampling, Scored, Scoring,
};
use proptest::prelude::*;
use std::ops::ControlFlow;

fn ids(seed: usize, count: usize) -> Vec<u32> {
    (0..count)
        .map(|i| ((i * 7919 + seed * 31 + 13) % 270) as u32)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn texts_are_scored_as_each_alone(lengths in prop::collection::vec(1usize..400, 1..7), from in 1usize..200) {
        let model = tiny_model(Family::Llama, 1).unwrap();
        let texts: Vec<Vec<u32>> = lengths.iter().enumerate().map(|(i, &n)| ids(i, n)).collect();
        let at: Vec<Vec<Vec<u32>>> = texts
            .iter()
            .map(|t| (from.min(t.len())..t.len()).map(|i| vec![i as u32 % 270, 7]).collect())
            .collect();
        let scorings: Vec<Scoring<'_>> = texts
            .iter()
            .zip(&at)
            .map(|(t, at)| Scoring { tokens: t, from: from.min(t.len()), top: 2, at })
            .collect();
        let got = model.score_many(&scorings).unwrap();
        for ((tokens, scoring), got) in texts.iter().zip(&scorings).zip(&got) {
            let alone = model.score(tokens, 2).unwrap();
            let want = &alone[scoring.from - 1..];
            prop_assert_eq!(want.len(), got.len());
            for ((i, want), got) in (scoring.from..).zip(want).zip(got) {
                let plain = Scored { at: Vec::new(), tail: want.tail, ..got.clone() };
                prop_assert_eq!(&plain, want);
                let whole = model.score_many(&[Scoring { top: 400, ..Scoring::all(&tokens[..=i]) }]);
                let whole = &whole.unwrap()[0][i - 1];
                let logprob = |id: u32| whole.top.iter().find(|t| t.token == id).unwrap().logprob;
                prop_assert_eq!(got.at[0], logprob(i as u32 % 270));
                prop_assert_eq!(got.at[1], logprob(7));
                if i > scoring.from + 2 {
                    break;
                }
            }
        }
    }

    #[test]
    fn questions_are_answered_as_each_alone(lengths in prop::collection::vec((1usize..120, 1usize..40, 0u64..3), 1..9), slots in 1usize..6, common in 0usize..90) {
        let model = tiny_model(Family::Qwen2, 2).unwrap();
        // Some prompts are equal: they are read once. So is what all begin with.
        let prompt = |n: usize, seed: u64| [ids(9, common), ids(seed as usize, n / 40 * 40 + 1)].concat();
        let prompts: Vec<Vec<u32>> = lengths.iter().map(|&(n, _, seed)| prompt(n, seed)).collect();
        let questions: Vec<Question<'_>> = lengths
            .iter()
            .zip(&prompts)
            .map(|(&(_, max_tokens, seed), prompt)| Question {
                prompt,
                sampling: Sampling { seed, top_logprobs: 1, ..Sampling::default() },
                limits: Limits { max_tokens, ..Limits::default() },
            })
            .collect();
        let batch = Batch { path: Path::Exact, slots };
        let got = model.sample_many(&questions, batch).unwrap();
        let want: Vec<Generated> = questions.into_iter().map(|q| alone(&model, q)).collect();
        prop_assert_eq!(got, want);
    }
}

fn alone(model: &Model, question: Question<'_>) -> Generated {
    let Question {
        prompt,
        sampling,
        limits,
    } = question;
    let each = &mut |_: &_| ControlFlow::Continue(());
    model.generate(prompt, sampling, limits, each).unwrap()
}

#[test]
fn mistakes_are_found_before_the_work() {
    let model = tiny_model(Family::Llama, 1).unwrap();
    let tokens = ids(1, 20);
    let good = Scoring::all(&tokens);
    let bad = |scoring| model.score_many(&[good, scoring]).unwrap_err();
    assert!(matches!(bad(Scoring::all(&[])), Error::EmptyPrompt));
    assert!(matches!(
        bad(Scoring::all(&[9999])),
        Error::UnknownToken { .. }
    ));
    for from in [0, 21] {
        assert!(matches!(bad(Scoring { from, ..good }), Error::Invalid(_)));
    }
    let at = vec![vec![1]; 3];
    assert!(matches!(
        bad(Scoring { at: &at, ..good }),
        Error::Invalid(_)
    ));
    let at = vec![vec![9999]; 19];
    assert!(matches!(
        bad(Scoring { at: &at, ..good }),
        Error::UnknownToken { .. }
    ));
    let question = |max_tokens| Question {
        prompt: &tokens,
        sampling: Sampling::default(),
        limits: Limits {
            max_tokens,
            ..Limits::default()
        },
    };
    let batch = |path, slots| Batch { path, slots };
    let ask = |q, b| model.sample_many(&[q], b).unwrap_err();
    assert!(matches!(
        ask(question(0), batch(Path::Exact, 1)),
        Error::Invalid(_)
    ));
    assert!(matches!(
        ask(question(5000), batch(Path::Exact, 1)),
        Error::ContextOverflow { .. }
    ));
    assert!(matches!(
        ask(question(5), batch(Path::Exact, 0)),
        Error::Invalid(_)
    ));
    assert!(matches!(
        ask(question(5), batch(Path::Fast, 1)),
        Error::Invalid(_)
    ));
    let none = model.sample_many(&[], batch(Path::Exact, 4)).unwrap();
    assert!(none.is_empty());
}
