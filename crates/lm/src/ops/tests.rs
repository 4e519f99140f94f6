//! Operations against plain f64 arithmetic, on every level that this processor has.

use super::*;
use crate::sample::random::uniform;
use proptest::prelude::*;

fn numbers(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64)
        .map(|i| (uniform(seed, i) * 2.0 - 1.0) as f32)
        .collect()
}

fn close(got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(
            error <= tolerance * want.abs().max(1.0),
            "{i}: {got} is not {want}"
        );
    }
}

fn linear(inputs: usize, outputs: usize, bias: bool) -> (Linear, Vec<f32>, Vec<f32>) {
    let weights = numbers(1, inputs * outputs);
    let mut linear = Linear::zeros(inputs, outputs);
    // In two parts, as fused layers are set.
    let cut = outputs / 3;
    linear.set_rows(0, &weights[..cut * inputs]);
    linear.set_rows(cut, &weights[cut * inputs..]);
    let biases = if bias {
        numbers(2, outputs)
    } else {
        vec![0.0; outputs]
    };
    if bias {
        linear.set_bias(0, &biases);
    }
    (linear, weights, biases)
}

fn check_linear(inputs: usize, outputs: usize, rows: usize, bias: bool) {
    let (linear, weights, biases) = linear(inputs, outputs, bias);
    let x = numbers(3, rows * inputs);
    let mut want = Vec::new();
    for x in x.chunks(inputs) {
        for (w, &b) in weights.chunks(inputs).zip(&biases) {
            let sum: f64 = x
                .iter()
                .zip(w)
                .map(|(&x, &w)| f64::from(x) * f64::from(w))
                .sum();
            want.push(sum + f64::from(b));
        }
    }
    let mut fused = Vec::new();
    for level in Level::available() {
        let mut got = Vec::new();
        linear.apply(level, &x, &mut got);
        close(&got, &want, 1e-6 * (inputs as f64).sqrt().max(8.0));
        for (row, x) in x.chunks(inputs).enumerate() {
            let mut alone = Vec::new();
            linear.apply(level, x, &mut alone);
            assert_eq!(
                alone,
                got[row * outputs..][..outputs],
                "{level:?} row {row}"
            );
        }
        if level != Level::available()[Level::available().len() - 1] {
            fused.push(got);
        }
    }
    assert!(
        fused.windows(2).all(|pair| pair[0] == pair[1]),
        "fused levels agree to the bit"
    );
    let mut row = vec![0.0; inputs];
    linear.row(outputs - 1, &mut row);
    assert_eq!(row, weights[(outputs - 1) * inputs..]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn products_equal_f64_and_rows_are_independent(
        inputs in 1usize..80, outputs in 1usize..110, rows in 1usize..30, bias: bool
    ) {
        check_linear(inputs, outputs, rows, bias);
    }

    #[test]
    fn attention_equals_f64(group in 1usize..4, kept in 1usize..3, half in 1usize..24, positions in 1usize..150) {
        check_attention(Heads { query: group * kept, kept, width: 2 * half }, positions);
    }
}

#[test]
fn products_of_real_layers_equal_f64() {
    check_linear(576, 960, 13, false);
    check_linear(1536, 576, 3, true);
}

/// Blocks of positions, `[block][key, value][head]` of keys `[width][64]` or values `[64][width]`.
struct Blocks {
    heads: Heads,
    data: Vec<f32>,
}

impl Blocks {
    fn part(&self, block: usize, value: usize, head: usize) -> &[f32] {
        let size = 64 * self.heads.width;
        &self.data[((block * 2 + value) * self.heads.kept + head) * size..][..size]
    }
}

impl Kept for Blocks {
    fn keys(&self, block: usize, head: usize) -> &[f32] {
        self.part(block, 0, head)
    }
    fn values(&self, block: usize, head: usize) -> &[f32] {
        self.part(block, 1, head)
    }
}

fn check_attention(heads: Heads, positions: usize) {
    let width = heads.width;
    let mut data = numbers(4, positions.div_ceil(64) * 2 * heads.kept * 64 * width);
    data.iter_mut().for_each(|v| *v *= 3.0);
    let kept = Blocks { heads, data };
    for head in 0..heads.query {
        let q = numbers(5 + head as u64, width);
        let own = head / (heads.query / heads.kept);
        let at = |p: usize, value: usize| -> Vec<f32> {
            let part = kept.part(p / 64, value, own);
            match value {
                0 => part[p % 64..].iter().step_by(64).copied().collect(),
                _ => part[p % 64 * width..][..width].to_vec(),
            }
        };
        let score = |p: usize| -> f64 {
            let dot: f64 = q
                .iter()
                .zip(at(p, 0))
                .map(|(&a, b)| f64::from(a) * f64::from(b))
                .sum();
            (dot / (width as f64).sqrt()).exp()
        };
        let sum: f64 = (0..positions).map(score).sum();
        let mut want = vec![0.0; width];
        for p in 0..positions {
            let weight = score(p) / sum;
            want.iter_mut()
                .zip(at(p, 1))
                .for_each(|(w, v)| *w += weight * f64::from(v));
        }
        for level in Level::available() {
            let mut got = vec![f32::NAN; width];
            attend(
                level,
                heads,
                (head, &q),
                (&kept, positions),
                &mut Vec::new(),
                &mut got,
            );
            close(&got, &want, 1e-5);
        }
    }
}

#[test]
fn attention_survives_large_scores() {
    let heads = Heads {
        query: 1,
        kept: 1,
        width: 2,
    };
    let mut data = vec![0.0; 2 * 64 * 2];
    data[..2].copy_from_slice(&[1e4, -1e4]);
    data[128..132].copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
    let mut out = [0.0; 2];
    let query = (0, &[1e4, 0.0][..]);
    attend(
        Level::best(),
        heads,
        query,
        (&Blocks { heads, data }, 2),
        &mut Vec::new(),
        &mut out,
    );
    assert_eq!(out, [1.0, 2.0]);
}

#[test]
fn norms_equal_f64_for_few_and_many_rows() {
    for rows in [1, 7, 40] {
        let (x, weight) = (numbers(6, rows * 37), numbers(7, 37));
        let mut want = Vec::new();
        for x in x.chunks(37) {
            let mean = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 37.0;
            let scale = 1.0 / (mean + 1e-5).sqrt();
            want.extend(
                x.iter()
                    .zip(&weight)
                    .map(|(&v, &w)| f64::from(v) * scale * f64::from(w)),
            );
        }
        for level in Level::available() {
            let mut got = Vec::new();
            rms_norm_rows(level, &x, &weight, 1e-5, &mut got);
            close(&got, &want, 1e-6);
        }
    }
}

#[test]
fn gates_equal_f64_for_few_and_many_rows() {
    for rows in [1, 40] {
        let mut x = numbers(8, rows * 24);
        x.iter_mut().for_each(|v| *v *= 20.0);
        x[0] = -1e4;
        let mut want = Vec::new();
        for x in x.chunks(24) {
            let silu = |v: f32| f64::from(v) / (1.0 + (-f64::from(v)).exp());
            want.extend((0..12).map(|i| silu(x[i]) * f64::from(x[12 + i])));
        }
        for level in Level::available() {
            let mut got = Vec::new();
            silu_mul_rows(level, &x, 12, &mut got);
            close(&got, &want, 1e-6);
        }
    }
}

#[test]
fn rotations_turn_the_pairs_of_each_layout() {
    let (width, base, position) = (8, 1e4f64, 37);
    for layout in [RopeLayout::Interleaved, RopeLayout::Halves] {
        let rope = Rope::new(layout, base as f32, width);
        let x = numbers(9, 2 * width);
        let mut want: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        for head in want.chunks_mut(width) {
            for i in 0..width / 2 {
                let angle = f64::from(position) * base.powf(-2.0 * i as f64 / width as f64);
                let (a, b) = match layout {
                    RopeLayout::Interleaved => (2 * i, 2 * i + 1),
                    RopeLayout::Halves => (i, i + width / 2),
                };
                let (p, q) = (head[a], head[b]);
                head[a] = p * angle.cos() - q * angle.sin();
                head[b] = p * angle.sin() + q * angle.cos();
            }
        }
        let (mut got, mut angles) = (x, Vec::new());
        rope.angles(position as usize, &mut angles);
        rope.rotate(&angles, &mut got);
        close(&got, &want, 1e-5);
    }
}

#[test]
fn scores_are_finite_for_extreme_logits_and_ties_share_a_rank() {
    let mut logits = vec![-1e4; 100];
    logits[3] = 1e4;
    let s = score(&logits, 7, 2);
    assert_eq!((s.logprob, s.rank), (-2e4, 2));
    assert_eq!(
        s.top
            .iter()
            .map(|t| (t.token, t.logprob))
            .collect::<Vec<_>>(),
        [(3, 0.0), (0, -2e4)]
    );
    let equal = score(&[0.5; 4], 2, 9);
    assert!((equal.logprob + 4f32.ln()).abs() < 1e-6);
    assert_eq!((equal.rank, equal.top.len(), equal.top[0].token), (1, 4, 0));
    assert_eq!(arg_max(&[f32::NAN, 1.0, 2.0, 2.0]), 2);
    assert_eq!(arg_max(&[]), 0);
}

struct Exps<'a>(&'a mut [f32]);

impl level::LevelFn<()> for Exps<'_> {
    #[inline(always)]
    fn call<const FUSED: bool>(self) {
        for x in self.0.iter_mut() {
            *x = exp::exp::<FUSED>(*x);
        }
    }
}

#[test]
fn exponentials_equal_f64() {
    let x: Vec<f32> = (0..20_000).map(|i| i as f32 * 0.00875 - 87.2).collect();
    for level in Level::available() {
        let mut got = x.clone();
        level.run(Exps(&mut got));
        for (&got, &x) in got.iter().zip(&x) {
            let want = f64::from(x).exp();
            assert!((f64::from(got) / want - 1.0).abs() < 2.5e-7, "{x}: {got}");
        }
        let mut edge = [0.0, -0.0, -1e4, f32::NEG_INFINITY, f32::NAN, 1e4];
        level.run(Exps(&mut edge));
        assert_eq!(edge[..4], [1.0, 1.0, 0.0, 0.0]);
        assert!(edge[4].is_nan() && edge[5] > 1e38);
    }
}

/// Sums in f64, of the logits themselves.
fn log_mass(logits: &[f32], of: impl Fn(u32) -> bool) -> f64 {
    let most = f64::from(logits.iter().copied().fold(f32::MIN, f32::max));
    let sum = |of: &dyn Fn(u32) -> bool| -> f64 {
        let kept = (0u32..).zip(logits).filter(|(id, _)| of(*id));
        kept.map(|(_, &l)| (f64::from(l) - most).exp()).sum()
    };
    (sum(&of) / sum(&|_| true)).ln()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn scores_at_ids_and_their_tail_equal_f64(count in 1usize..3000, scale in 0.1f32..60.0, top in 0usize..6, at in prop::collection::vec(0usize..3000, 0..6), seed in 0u64..99) {
        let mut logits = numbers(seed, count);
        logits.iter_mut().for_each(|l| *l *= scale);
        let at: Vec<u32> = at.into_iter().map(|i| (i % count) as u32).collect();
        let mut all = Vec::new();
        for level in Level::available() {
            let question = Question { token: 0, top, at: &at };
            let got = score_at(level, &logits, question);
            prop_assert_eq!(got.at.len(), at.len());
            for (&id, &got) in at.iter().zip(&got.at) {
                prop_assert!((f64::from(got) - log_mass(&logits, |i| i == id)).abs() < 1e-5);
            }
            prop_assert!((f64::from(got.logprob) - log_mass(&logits, |i| i == 0)).abs() < 1e-5);
            let named: Vec<u32> = got.top.iter().map(|t| t.token).chain(at.clone()).collect();
            let tail = log_mass(&logits, |i| !named.contains(&i));
            prop_assert!(f64::from(got.tail) == tail || (f64::from(got.tail) - tail).abs() < 1e-4 * tail.abs().max(1.0), "{} {}", got.tail, tail);
            all.push(got.rank);
        }
        prop_assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
