//! Many sequences in one pass give, to the bit, what each gives alone: whatever the batch, the
//! chunks of a prompt and the number of threads. And errors leave the caches as they were.

use lm::testing::{CONTEXT, tiny_gguf, tiny_model};
use lm::{Cache, Error, Family, Model, Options, Scored, Step, Want};
use proptest::prelude::*;

pub(crate) fn feed(model: &Model, cache: &mut Cache, tokens: &[u32]) -> Vec<f32> {
    let step = Step {
        cache,
        tokens,
        want: Want::logits(),
    };
    model
        .forward(&mut [step])
        .unwrap()
        .remove(0)
        .logits
        .unwrap()
}

fn alone(model: &Model, tokens: &[u32]) -> Vec<f32> {
    feed(model, &mut model.cache(), tokens)
}

fn ids(seed: u32, count: usize) -> Vec<u32> {
    (0..count as u32)
        .map(|i| (i * 7919 + seed * 31 + 13) % 270)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_batch_equals_each_alone(lengths in prop::collection::vec(1usize..90, 1..6), cut in 1usize..40, seed in 0u32..9) {
        let model = tiny_model(Family::Llama, 1).unwrap();
        let sequences: Vec<Vec<u32>> =
            lengths.iter().zip(seed..).map(|(&n, s)| ids(s, n)).collect();
        let want: Vec<Vec<f32>> = sequences.iter().map(|s| alone(&model, s)).collect();
        let mut caches: Vec<Cache> = sequences.iter().map(|_| model.cache()).collect();
        let mut got = vec![Vec::new(); sequences.len()];
        let mut at = 0;
        // Ragged: sequences end at different rounds, so that chunks and single tokens mix.
        while sequences.iter().any(|s| s.len() > at) {
            let mut steps = Vec::new();
            let mut which = Vec::new();
            for (i, cache) in caches.iter_mut().enumerate() {
                let tokens = &sequences[i][at.min(sequences[i].len())..];
                let tokens = &tokens[..tokens.len().min(cut)];
                if !tokens.is_empty() {
                    which.push(i);
                    steps.push(Step { cache, tokens, want: Want::logits() });
                }
            }
            for (i, out) in which.into_iter().zip(model.forward(&mut steps).unwrap()) {
                got[i] = out.logits.unwrap();
            }
            at += cut;
        }
        prop_assert_eq!(got, want);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let bytes = tiny_gguf(Family::Qwen2, 3);
    let logits: Vec<Vec<f32>> = [1, 2, 5]
        .map(|threads| {
            let options = Options {
                threads,
                ..Options::default()
            };
            alone(&Model::from_bytes(&bytes, &options).unwrap(), &ids(0, 300))
        })
        .into();
    assert_eq!(logits[0], logits[1]);
    assert_eq!(logits[0], logits[2]);
}

#[test]
fn scores_are_those_of_the_logits() {
    let model = tiny_model(Family::Qwen2, 5).unwrap();
    let tokens = ids(4, 40);
    let scored: Vec<Scored> = model.score(&tokens, 3).unwrap();
    assert_eq!(scored.len(), tokens.len() - 1);
    for (i, s) in scored.iter().enumerate() {
        let logits = alone(&model, &tokens[..=i]);
        let sum: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
        let logprob = |t: u32| f64::from(logits[t as usize]) - sum.ln();
        assert_eq!(s.token, tokens[i + 1]);
        assert!((f64::from(s.logprob) - logprob(s.token)).abs() < 1e-5);
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        order.sort_by(|&a, &b| {
            logits[b as usize]
                .total_cmp(&logits[a as usize])
                .then(a.cmp(&b))
        });
        assert_eq!(
            s.top.iter().map(|t| t.token).collect::<Vec<_>>(),
            order[..3]
        );
        let rank = order.iter().position(|&t| t == s.token).unwrap() + 1;
        assert_eq!(s.rank as usize, rank);
        assert!(
            s.top
                .iter()
                .all(|t| (f64::from(t.logprob) - logprob(t.token)).abs() < 1e-5)
        );
    }
    assert!(model.score(&tokens[..1], 3).unwrap().is_empty());
}

#[test]
fn a_cache_can_be_cut_back_and_copied() {
    let model = tiny_model(Family::Llama, 1).unwrap();
    let tokens = ids(2, 150);
    let mut cache = model.cache();
    assert!(cache.is_empty() && cache.memory() == 0);
    feed(&model, &mut cache, &tokens);
    let full = cache.memory();
    assert_eq!(full, model.cache_memory(150));
    let mut copy = cache.clone();
    cache.truncate(70);
    assert_eq!((cache.len(), cache.room()), (70, CONTEXT - 70));
    assert!(cache.memory() < full);
    let want = alone(&model, &tokens);
    assert_eq!(feed(&model, &mut cache, &tokens[70..]), want);
    assert_eq!(
        feed(&model, &mut copy, &[5]),
        feed(&model, &mut cache, &[5])
    );
}

#[test]
fn a_bad_step_changes_no_cache() {
    let model = tiny_model(Family::Llama, 1).unwrap();
    let (mut good, mut bad) = (model.cache(), model.cache());
    feed(&model, &mut bad, &ids(1, CONTEXT - 1));
    let mut attempt = |tokens: &[u32], want: Want<'_>| {
        let first = Step {
            cache: &mut good,
            tokens: &[1, 2],
            want: Want::nothing(),
        };
        let second = Step {
            cache: &mut bad,
            tokens,
            want,
        };
        let result = model.forward(&mut [first, second]);
        assert_eq!((good.len(), bad.len()), (0, CONTEXT - 1));
        result.unwrap_err()
    };
    let overflow = attempt(&[1, 2], Want::nothing());
    assert!(
        matches!(overflow, Error::ContextOverflow { context: CONTEXT, tokens } if tokens == CONTEXT + 1)
    );
    assert!(matches!(
        attempt(&[9999], Want::nothing()),
        Error::UnknownToken { token: 9999, .. }
    ));
    assert!(matches!(attempt(&[], Want::nothing()), Error::EmptyPrompt));
    assert!(matches!(
        attempt(&[1], Want::score(&[9999], 0)),
        Error::UnknownToken { .. }
    ));
    assert!(matches!(
        attempt(&[1], Want::score(&[1, 2], 0)),
        Error::Invalid(_)
    ));
}

#[test]
fn a_foreign_cache_is_refused() {
    let model = tiny_model(Family::Llama, 1).unwrap();
    let options = Options {
        context: Some(64),
        threads: 1,
        ..Options::default()
    };
    let other = Model::from_bytes(&tiny_gguf(Family::Llama, 1), &options).unwrap();
    assert_eq!(other.context(), 64);
    let mut cache = other.cache();
    let step = Step {
        cache: &mut cache,
        tokens: &[1],
        want: Want::nothing(),
    };
    assert!(matches!(model.forward(&mut [step]), Err(Error::Invalid(_))));
}
