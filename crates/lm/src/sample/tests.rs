//! Draws follow the distribution; stop strings are found wherever tokens cut them.

use super::random::uniform;
use super::*;
use crate::watermark::Watermark;
use proptest::prelude::*;
use std::sync::Arc;

const LOGITS: [f32; 5] = [1.0, 0.0, 2.0, -1.0, 0.5];

fn shares(sampling: &Sampling, draws: u32) -> Vec<f64> {
    let mut counts = vec![0.0; LOGITS.len()];
    let mut sampler = Sampler::new(sampling.clone(), LOGITS.len()).unwrap();
    for _ in 0..draws {
        counts[sampler.sample(&LOGITS).token as usize] += 1.0 / f64::from(draws);
    }
    counts
}

fn softmax(temperature: f64) -> Vec<f64> {
    let weights: Vec<f64> = LOGITS
        .iter()
        .map(|&l| (f64::from(l) / temperature).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

fn near(got: &[f64], want: &[f64]) {
    // Five standard errors of a share at 20,000 draws are below 0.018.
    assert!(
        got.iter().zip(want).all(|(g, w)| (g - w).abs() < 0.018),
        "{got:?} {want:?}"
    );
}

#[test]
fn draws_follow_the_distribution() {
    for temperature in [0.5, 1.0, 2.0] {
        let sampling = Sampling {
            temperature,
            seed: 3,
            ..Sampling::default()
        };
        near(&shares(&sampling, 20_000), &softmax(f64::from(temperature)));
    }
}

#[test]
fn a_nucleus_keeps_the_fewest_tokens_that_reach_it() {
    // Probabilities in order: 0.56 (2), 0.21 (0), 0.13 (4), 0.08 (1), 0.03 (3).
    let all = softmax(1.0);
    for (top_p, kept) in [(0.01, vec![2]), (0.6, vec![2, 0]), (0.8, vec![2, 0, 4])] {
        let mass: f64 = kept.iter().map(|&t: &usize| all[t]).sum();
        let want: Vec<f64> = (0..5)
            .map(|t| {
                if kept.contains(&t) {
                    all[t] / mass
                } else {
                    0.0
                }
            })
            .collect();
        let sampling = Sampling {
            top_p,
            seed: 5,
            ..Sampling::default()
        };
        let got = shares(&sampling, 20_000);
        near(&got, &want);
        assert!(want.iter().zip(&got).all(|(w, g)| *w > 0.0 || *g == 0.0));
    }
}

/// What remains, renormalised, is drawn as often as it should be, and nothing else ever.
fn kept(sampling: &Sampling, kept: &[usize]) {
    let all = softmax(1.0);
    let mass: f64 = kept.iter().map(|&t| all[t]).sum();
    let share = |t: usize| {
        if kept.contains(&t) {
            all[t] / mass
        } else {
            0.0
        }
    };
    let want: Vec<f64> = (0..5).map(share).collect();
    let got = shares(sampling, 20_000);
    near(&got, &want);
    assert!(want.iter().zip(&got).all(|(w, g)| *w > 0.0 || *g == 0.0));
}

#[test]
fn truncations_keep_what_they_say() {
    // Relative to the likeliest: 1 (2), 0.37 (0), 0.22 (4), 0.14 (1), 0.05 (3).
    let base = || Sampling {
        seed: 6,
        ..Sampling::default()
    };
    let top_k = |top_k| Sampling { top_k, ..base() };
    kept(&top_k(1), &[2]);
    kept(&top_k(3), &[2, 0, 4]);
    kept(&top_k(99), &[0, 1, 2, 3, 4]);
    let min_p = |min_p| Sampling { min_p, ..base() };
    kept(&min_p(1.0), &[2]);
    kept(&min_p(0.2), &[2, 0, 4]);
    kept(&min_p(1e-6), &[0, 1, 2, 3, 4]);
    // Together: min-p leaves three, top-k two of them, the nucleus is of those two.
    let both = Sampling {
        min_p: 0.2,
        top_k: 2,
        ..base()
    };
    kept(&both, &[2, 0]);
    kept(&Sampling { top_p: 0.7, ..both }, &[2]);
}

#[test]
fn of_equal_tokens_the_first_are_kept() {
    let mut sampler = Sampler::new(
        Sampling {
            top_k: 2,
            ..Sampling::default()
        },
        4,
    )
    .unwrap();
    assert!((0..200).all(|_| sampler.sample(&[1.0; 4]).token < 2));
}

#[test]
fn a_repetition_penalty_looks_at_prompt_and_answer() {
    let sampling = Sampling {
        repetition_penalty: 2.0,
        ..Sampling::greedy()
    };
    let mut sampler = Sampler::new(sampling.clone(), 4).unwrap();
    let logits = [3.0, 2.0, 1.6, -1.0];
    // 3 becomes 1.5, then 2 becomes 1, then 1.6 becomes 0.8: the first is the best again.
    let tokens: Vec<u32> = (0..4).map(|_| sampler.sample(&logits).token).collect();
    assert_eq!(tokens, [0, 1, 2, 0]);
    let mut sampler = Sampler::new(sampling, 4).unwrap();
    sampler.prompt(&[0, 0, 7]);
    assert_eq!(sampler.sample(&logits).token, 1);
    // Negative logits move away from 0, and the scores told are the model's own.
    let chosen = sampler.sample(&[-1.0, -1.0, -1.5, -9.0]);
    assert_eq!((chosen.token, chosen.rank), (2, 3));
}

#[test]
fn options_out_of_range_are_refused() {
    let base = Sampling::default;
    for (name, refused) in [
        (
            "min_p",
            Sampling {
                min_p: 1.1,
                ..base()
            },
        ),
        (
            "min_p",
            Sampling {
                min_p: f32::NAN,
                ..base()
            },
        ),
        (
            "repetition_penalty",
            Sampling {
                repetition_penalty: 0.0,
                ..base()
            },
        ),
        (
            "repetition_penalty",
            Sampling {
                repetition_penalty: f32::INFINITY,
                ..base()
            },
        ),
    ] {
        let error = Sampler::new(refused, 4).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_marked_answer_is_found_and_greedy_green_lists_work_too() {
    let key = || crate::watermark::Key::new([5; 32]);
    let green = Watermark::green_list(key(), 1, 0.5, 3.0).unwrap();
    let tournament = Watermark::tournament(key(), 2, 30).unwrap();
    let logits: Vec<f32> = (0..200).map(|i| -0.02 * i as f32).collect();
    for (mark, temperature) in [(&green, 0.0), (&green, 1.0), (&tournament, 1.0)] {
        let sampling = Sampling {
            temperature,
            top_k: 150,
            frequency_penalty: 0.3,
            watermark: Some(Arc::new(mark.clone())),
            ..Sampling::default()
        };
        let mut sampler = Sampler::new(sampling, 200).unwrap();
        let tokens: Vec<u32> = (0..150).map(|_| sampler.sample(&logits).token).collect();
        let found = mark.detect(&tokens);
        assert!(found.p_value < 1e-6, "{mark:?} {temperature} {found:?}");
    }
}

#[test]
fn a_tiny_temperature_is_greedy() {
    let sampling = Sampling {
        temperature: 1e-30,
        ..Sampling::default()
    };
    let others: f64 = shares(&sampling, 50).iter().sum::<f64>() - shares(&sampling, 50)[2];
    assert!(others.abs() < 1e-9, "{others}");
}

#[test]
fn uniform_numbers_are_spread_and_reproducible() {
    let mean: f64 = (0..10_000).map(|i| uniform(1, i)).sum::<f64>() / 1e4;
    assert!((mean - 0.5).abs() < 0.015, "{mean}");
    assert!(
        (0..10_000)
            .map(|i| uniform(2, i))
            .all(|u| (0.0..1.0).contains(&u))
    );
    assert_eq!(uniform(9, 4), uniform(9, 4));
    // Near seeds share no shifted stream.
    let stream = |seed| {
        (0..100)
            .map(|i| uniform(seed, i).to_bits())
            .collect::<Vec<_>>()
    };
    let (a, b) = (stream(1), stream(1u64.wrapping_add(0x9e37_79b9_7f4a_7c15)));
    assert!(a.iter().all(|x| !b.contains(x)));
}

#[test]
fn the_earliest_stop_string_wins() {
    let mut stops = StopStrings::new(vec!["bc".into(), "b".into()]).unwrap();
    assert_eq!(stops.push("aabc"), ("aa".into(), Some(0)));
    let mut stops = StopStrings::new(vec!["xyz".into(), "y!".into()]).unwrap();
    assert_eq!(stops.push("1xy"), ("1".into(), None));
    assert_eq!(stops.push("!"), ("x".into(), Some(1)));
    let mut stops = StopStrings::new(vec!["###".into()]).unwrap();
    assert_eq!(stops.push("a##"), ("a".into(), None));
    assert_eq!(stops.push("b"), ("##b".into(), None));
    assert_eq!(stops.push("#"), (String::new(), None));
    assert_eq!(stops.finish(), "#");
}

proptest! {
    #[test]
    fn pieces_give_what_the_whole_text_gives(
        text in "[abä]{0,30}", stops in prop::collection::vec("[abä]{1,4}", 0..3), cuts in prop::collection::vec(1usize..4, 40)
    ) {
        let first = stops.iter().filter_map(|s| text.find(s.as_str())).min();
        let mut watcher = StopStrings::new(stops).unwrap();
        let letters: Vec<char> = text.chars().collect();
        let (mut got, mut at, mut stopped) = (String::new(), 0, false);
        for cut in cuts {
            let end = (at + cut).min(letters.len());
            let piece: String = letters[at..end].iter().collect();
            at = end;
            let (shown, stop) = watcher.push(&piece);
            got.push_str(&shown);
            if stop.is_some() {
                stopped = true;
                break;
            }
        }
        if !stopped {
            got.push_str(&watcher.finish());
        }
        prop_assert_eq!(stopped, first.is_some());
        // Where one stop string contains another, the shorter is seen first in a stream: the text
        // shown is then a little longer than that before the earliest of the whole, never less.
        match first {
            Some(at) => prop_assert!(got.len() >= at && text.starts_with(&got)),
            None => prop_assert_eq!(got, text),
        }
    }
}
