//! The two paths of a model: which weights are held, what each promises, and that they never mix.

use crate::real_model::{self, read_prompts};
use lm::testing::{CONTEXT, tiny_gguf};
use lm::{Error, Family, HeldWeights, Model, Options, Path, Step, Want};

fn tiny(weights: HeldWeights, threads: usize) -> Model {
    let options = Options {
        threads,
        weights,
        ..Options::default()
    };
    Model::from_bytes(&tiny_gguf(Family::Qwen2, 3), &options).unwrap()
}

fn ids(count: usize) -> Vec<u32> {
    (0..count as u32).map(|i| (i * 7919 + 13) % 270).collect()
}

fn logits(model: &Model, path: Path, chunks: &[&[u32]]) -> Vec<f32> {
    let mut cache = model.cache_on(path);
    let mut out = None;
    for tokens in chunks {
        let step = Step {
            cache: &mut cache,
            tokens,
            want: Want::logits(),
        };
        out = model.forward(&mut [step]).unwrap().remove(0).logits;
    }
    out.unwrap()
}

#[test]
fn a_path_whose_weights_are_not_held_is_refused() {
    for (weights, other) in [
        (HeldWeights::Exact, Path::Fast),
        (HeldWeights::Fast, Path::Exact),
    ] {
        let model = tiny(weights, 1);
        assert!(!model.has(other));
        let mut cache = model.cache_on(other);
        let step = Step {
            cache: &mut cache,
            tokens: &[1],
            want: Want::logits(),
        };
        let error = model.forward(&mut [step]).unwrap_err();
        assert!(
            matches!(&error, Error::Invalid(text) if text.contains("path")),
            "{error}"
        );
        assert_eq!(cache.len(), 0);
    }
}

#[test]
fn the_exact_path_is_the_same_with_and_without_the_other() {
    let tokens = ids(90);
    let (both, exact) = (tiny(HeldWeights::Both, 1), tiny(HeldWeights::Exact, 1));
    let fast = tiny(HeldWeights::Fast, 2);
    assert_eq!(
        logits(&both, Path::Exact, &[&tokens]),
        logits(&exact, Path::Exact, &[&tokens])
    );
    assert_eq!(
        logits(&both, Path::Fast, &[&tokens]),
        logits(&fast, Path::Fast, &[&tokens])
    );
}

#[test]
fn the_fast_path_depends_on_neither_batch_nor_chunks_nor_threads() {
    let tokens = ids(150);
    let want = logits(&tiny(HeldWeights::Fast, 1), Path::Fast, &[&tokens]);
    for threads in [1, 2, 5] {
        let model = tiny(HeldWeights::Both, threads);
        let (a, b) = tokens.split_at(77);
        assert_eq!(logits(&model, Path::Fast, &[a, b]), want);
        // Beside others, on both paths.
        let mut caches = [Path::Fast, Path::Exact, Path::Fast].map(|path| model.cache_on(path));
        let parts = [&tokens[..], &tokens[..40], &tokens[..1]];
        let mut steps: Vec<Step<'_>> = caches
            .iter_mut()
            .zip(parts)
            .map(|(cache, tokens)| Step {
                cache,
                tokens,
                want: Want::logits(),
            })
            .collect();
        let got = model.forward(&mut steps).unwrap();
        assert_eq!(got[0].logits.as_ref(), Some(&want));
        let exact = logits(&model, Path::Exact, &[&tokens[..40]]);
        assert_eq!(got[1].logits.as_ref(), Some(&exact));
        let paths: Vec<Path> = caches.iter().map(lm::Cache::path).collect();
        assert_eq!(paths, [Path::Fast, Path::Exact, Path::Fast]);
    }
}

#[test]
fn memory_is_foreseen_for_what_is_held() {
    let need = |weights| {
        let options = Options {
            memory: Some(0),
            weights,
            ..Options::default()
        };
        match Model::from_bytes(&tiny_gguf(Family::Llama, 1), &options).unwrap_err() {
            Error::Memory { need, .. } => need,
            error => panic!("{error}"),
        }
    };
    let (exact, fast) = (need(HeldWeights::Exact), need(HeldWeights::Fast));
    assert_eq!(need(HeldWeights::Both), exact + fast);
    assert!(fast * 3 < exact, "{fast} {exact}");
}

#[test]
fn copies_of_a_cache_share_what_is_written() {
    let model = tiny(HeldWeights::Exact, 1);
    let tokens = ids(130);
    let mut first = model.cache();
    let feed = |cache: &mut lm::Cache, tokens: &[u32]| crate::batch::feed(&model, cache, tokens);
    feed(&mut first, &tokens);
    let mut second = first.clone();
    let one = first.memory();
    assert_eq!(lm::Cache::memory_together([&first, &second]), one);
    let (a, b) = (feed(&mut first, &[5]), feed(&mut second, &[6]));
    // The last block was written by both: each has its own now, the others are shared.
    let block = model.cache_memory(1);
    assert_eq!(lm::Cache::memory_together([&first, &second]), one + block);
    let whole = |last: u32| logits(&model, Path::Exact, &[&tokens, &[last]]);
    assert_eq!((a, b), (whole(5), whole(6)));
    assert_eq!(first.room(), CONTEXT - 131);
}

#[test]
fn the_fast_path_is_near_the_exact_one_on_real_text() {
    let model = real_model::both();
    let (mut sum, mut signed, mut count) = (0.0, 0.0, 0);
    for text in read_prompts() {
        let mut scores = [Path::Exact, Path::Fast].map(|path| {
            let mut cache = model.cache_on(path);
            let step = Step {
                cache: &mut cache,
                tokens: &text[..text.len() - 1],
                want: Want::score(&text[1..], 0),
            };
            model.forward(&mut [step]).unwrap().remove(0).scores
        });
        let fast = scores[1].drain(..).collect::<Vec<_>>();
        for (exact, fast) in scores[0].iter().zip(&fast) {
            let difference = f64::from(fast.logprob - exact.logprob);
            sum += difference.abs();
            signed += difference;
            count += 1;
        }
    }
    let (mean, bias) = (sum / f64::from(count), signed / f64::from(count));
    assert!(count > 400, "{count}");
    assert!(
        mean < 0.05 && bias.abs() < 0.02,
        "{mean} {bias} over {count} tokens"
    );
}
