use super::context::Words;
use super::null::{Bits, tail};
use super::*;
use crate::sample::random::uniform;
use proptest::prelude::*;
use std::sync::Arc;

fn key(number: u64) -> Key {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Key::new(bytes)
}

fn both(number: u64) -> [Watermark; 2] {
    [
        Watermark::green_list(key(number), 1, 0.25, 2.0).unwrap(),
        Watermark::tournament(key(number), 2, 30).unwrap(),
    ]
}

/// Text without a mark: a skewed distribution over few tokens, so that contexts repeat.
fn unmarked(seed: u64, length: u64) -> Vec<u32> {
    (0..length)
        .map(|i| (uniform(seed, i).powi(2) * 40.0) as u32)
        .collect()
}

/// Text drawn through a marker from one distribution over 64 tokens.
fn marked(watermark: &Watermark, seed: u64, length: u64) -> Vec<u32> {
    let mut marker = Marker::new(Arc::new(watermark.clone()));
    let ids: Vec<u32> = (0..64).collect();
    let mut out = Vec::new();
    for i in 0..length {
        let mut logits: Vec<f32> = ids.iter().map(|&id| -0.05 * id as f32).collect();
        marker.logits(&mut logits);
        let mut weights: Vec<f64> = logits.iter().map(|&l| f64::from(l).exp()).collect();
        marker.probabilities(&ids, &mut weights);
        let mut left = uniform(seed, i) * weights.iter().sum::<f64>();
        let chosen = weights.iter().position(|w| {
            left -= w;
            left < 0.0
        });
        let token = chosen.unwrap_or(63) as u32;
        marker.push(token);
        out.push(token);
    }
    out
}

#[test]
fn options_are_checked_and_keys_are_not_shown() {
    let green = |width, gamma, delta| Watermark::green_list(key(1), width, gamma, delta);
    for refused in [
        green(0, 0.5, 1.0),
        green(9, 0.5, 1.0),
        green(1, 0.0, 1.0),
        green(1, 1.0, 1.0),
        green(1, f64::NAN, 1.0),
        green(1, 0.5, 0.0),
        green(1, 0.5, f64::INFINITY),
        Watermark::tournament(key(1), 4, 0),
        Watermark::tournament(key(1), 4, 33),
    ] {
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("watermark: "), "{message}");
    }
    let secret = Key::new([0xab; 32]);
    let mark = Watermark::tournament(secret.clone(), 4, 30).unwrap();
    let shown = format!("{mark:?} {:?}", Marker::new(Arc::new(mark.clone())));
    assert!(shown.contains(&secret.id()));
    for hidden in ["abab", "171, 171", "ab, ab"] {
        assert!(!shown.to_lowercase().contains(hidden), "{shown}");
    }
    assert_ne!(key(1).id(), key(2).id());
    assert!(key(1) == key(1) && key(1) != key(2));
}

#[test]
fn words_are_the_same_one_by_one_and_in_bulk() {
    let [green, tournament] = both(3);
    let mut many = vec![0; 1000];
    Words::new(&green, &[5]).fill(&mut many);
    let mut words = Words::new(&green, &[5]);
    for at in [0, 1, 255, 256, 999] {
        assert_eq!(words.of(at as u32), many[at]);
    }
    // Key, kind and context all matter.
    let first = |watermark: &Watermark, context: &[u32]| Words::new(watermark, context).of(7);
    assert_ne!(first(&green, &[5]), first(&green, &[6]));
    assert_ne!(first(&green, &[5]), first(&both(4)[0], &[5]));
    assert_ne!(first(&green, &[5, 6]), first(&tournament, &[5, 6]));
}

/// The tail by trying all bits.
fn brute(groups: &[Bits], p: f64, score: usize) -> f64 {
    let weights: Vec<usize> = groups
        .iter()
        .flat_map(|bits| vec![bits.weight; bits.count])
        .collect();
    (0..1u32 << weights.len())
        .filter_map(|set| {
            let on = |i: usize| (set >> i) & 1 == 1;
            let sum: usize = (0..weights.len())
                .filter(|&i| on(i))
                .map(|i| weights[i])
                .sum();
            let ones = set.count_ones() as i32;
            let mass = p.powi(ones) * (1.0 - p).powi(weights.len() as i32 - ones);
            (sum >= score).then_some(mass)
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_null_is_exact(counts in prop::collection::vec(0usize..5, 1..4), p in 0.05..0.95f64, score in 0usize..20) {
        let groups: Vec<Bits> = (0..).zip(counts).map(|(weight, count)| Bits { weight, count }).collect();
        let (got, want) = (tail(groups.clone(), p, score), brute(&groups, p, score));
        prop_assert!((got - want).abs() < 1e-12, "{got} {want}");
    }
}

#[test]
fn the_null_of_many_bits() {
    let bits = |count| vec![Bits { weight: 1, count }];
    // By symmetry, and by the highest score alone.
    let half = tail(bits(9999), 0.5, 5000);
    assert!((half - 0.5).abs() < 1e-10, "{half}");
    let all = tail(bits(1000), 0.5, 1000).log10();
    assert!((all + 1000.0 * 2f64.log10()).abs() < 1e-9, "{all}");
    assert_eq!(tail(bits(10), 0.5, 11), 0.0);
    assert_eq!(tail(vec![], 0.5, 0), 1.0);
}

/// Under the null, p-values must fall below each level at most as often as the level says, and not
/// much more rarely: they would tell nothing then.
#[test]
fn p_values_of_unmarked_text_are_uniform_or_above() {
    let texts = if std::env::var_os("STILLHOUSE_SOAK").is_some() {
        20_000
    } else {
        500
    };
    for scored in [false, true] {
        for kind in 0..2 {
            let values: Vec<f64> = (0..texts)
                .map(|i| {
                    let mark = &both(i)[kind];
                    let tokens = unmarked(i, 120);
                    let logprobs: Vec<f32> =
                        (0..120).map(|j| -4.0 * uniform(i + 1, j) as f32).collect();
                    if scored {
                        mark.detect_scored(&tokens, &logprobs).p_value
                    } else {
                        mark.detect(&tokens).p_value
                    }
                })
                .collect();
            for level in [0.5, 0.2, 0.1, 0.05, 0.01, 0.001] {
                let n = texts as f64;
                let below = values.iter().filter(|&&p| p <= level).count() as f64;
                let spread = 4.0 * (n * level * (1.0 - level)).sqrt();
                assert!(
                    below <= n * level + spread,
                    "{kind} {scored} {level}: {below}"
                );
                // Scores are whole numbers: one step of the score may lie between.
                assert!(
                    below >= n * level * 0.6 - spread,
                    "{kind} {scored} {level}: {below}"
                );
            }
        }
    }
}

#[test]
fn a_mark_is_found_with_its_key_only() {
    for kind in 0..2 {
        let mark = &both(77)[kind];
        let tokens = marked(mark, 5, 200);
        let found = mark.detect(&tokens);
        assert!(
            found.p_value < 1e-6 && found.share > found.expected,
            "{found:?}"
        );
        assert!(both(78)[kind].detect(&tokens).p_value > 1e-3);
        // Repetition adds nothing.
        let twice = [tokens.clone(), tokens.clone()].concat();
        let again = mark.detect(&twice);
        assert!(
            again.positions <= found.positions + 2,
            "{again:?} {found:?}"
        );
        let repeated = vec![3; 500];
        let one = both(79)[kind].detect(&repeated);
        assert!(one.positions <= 1 && one.p_value > 0.01, "{one:?}");
        // Too short for a context.
        assert_eq!(mark.detect(&tokens[..1]).p_value, 1.0);
        assert_eq!(mark.detect(&[]).positions, 0);
    }
}

#[test]
fn sure_tokens_are_left_out_by_a_model() {
    // Every other token had to come: half of the positions say nothing.
    for kind in 0..2 {
        let mark = &both(5)[kind];
        let (real, noise) = (marked(mark, 9, 150), unmarked(10, 150));
        let mut tokens = Vec::new();
        let mut logprobs = Vec::new();
        for (block, (a, b)) in real.chunks(10).zip(noise.chunks(10)).enumerate() {
            let sure = block % 2 == 1;
            tokens.extend(if sure { b } else { a });
            logprobs.extend(vec![if sure { -0.001 } else { -2.0 }; 10]);
        }
        let (blind, seeing) = (mark.detect(&tokens), mark.detect_scored(&tokens, &logprobs));
        assert!(seeing.p_value < blind.p_value, "{seeing:?} {blind:?}");
        assert!(seeing.positions < blind.positions);
        // Broken numbers are no reason to panic.
        let broken = vec![f32::NAN; tokens.len()];
        assert_eq!(mark.detect_scored(&tokens, &broken).p_value, 1.0);
    }
}

#[test]
fn long_texts_are_looked_at_too() {
    for kind in 0..2 {
        let mark = &both(6)[kind];
        let tokens: Vec<u32> = (0..4000).map(|i| (uniform(3, i) * 3e4) as u32).collect();
        let p = mark.detect(&tokens).p_value;
        assert!((1e-4..=1.0).contains(&p), "{p}");
    }
}

#[test]
fn over_keys_a_tournament_changes_no_probability() {
    let base = [0.5, 0.25, 0.15, 0.07, 0.03];
    let ids: Vec<u32> = (0..5).collect();
    let keys = 20_000;
    let mut mean = [0.0; 5];
    for number in 0..keys {
        let mark = Watermark::tournament(key(number), 1, 30).unwrap();
        let mut marker = Marker::new(Arc::new(mark));
        marker.push(9);
        let mut weights = base;
        marker.probabilities(&ids, &mut weights);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        for (m, w) in mean.iter_mut().zip(weights) {
            *m += w / keys as f64;
        }
    }
    // Five standard errors of a share.
    let near = |m: f64, b: f64| (m - b).abs() < 5.0 * 0.5 / (keys as f64).sqrt();
    assert!(mean.iter().zip(base).all(|(&m, b)| near(m, b)), "{mean:?}");
    // A context that came before is left alone, and so are the first tokens.
    let mark = Watermark::tournament(key(1), 1, 30).unwrap();
    let mut marker = Marker::new(Arc::new(mark));
    let mut weights = base;
    marker.probabilities(&ids, &mut weights);
    assert_eq!(weights, base);
    marker.push(9);
    marker.push(9);
    marker.probabilities(&ids, &mut weights);
    assert_eq!(weights, base);
    marker.push(8);
    marker.probabilities(&ids, &mut weights);
    assert_ne!(weights, base);
}
