//! Every kernel equals the plain one to the bit, and the plain one equals f64 arithmetic over the
//! same quants.

use super::*;
use crate::gguf::dequantize;
use crate::ops::Level;
use crate::sample::random::uniform;
use proptest::prelude::*;

fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let one = |i| (uniform(seed, i) * 2.0 - 1.0) as f32;
    (0..count as u64).map(one).collect()
}

/// Random blocks of a type, with scales of some size.
fn blocks(kind: TensorType, count: usize, seed: u64) -> Vec<u8> {
    let mut counter = 0;
    let mut next = || {
        counter += 1;
        uniform(seed, counter)
    };
    let mut out = Vec::new();
    let half = |v: f64| half::f16::from_f64(v).to_le_bytes();
    for _ in 0..count {
        let start = out.len();
        out.extend(half(next() * 0.1));
        if kind == TensorType::Q4_1 {
            out.extend(half(-next()));
        }
        while out.len() < start + kind.block_bytes() {
            out.push((next() * 256.0) as u8);
        }
    }
    out
}

fn activations(x: &[f32], width: usize, fineness: Fineness) -> Activations {
    let mut out = Activations::default();
    out.set(Level::best(), x, width, fineness);
    out
}

/// The rows as the kernels see them.
fn seen(x: &Activations, width: usize) -> Vec<Vec<f64>> {
    let size = x.blocks * BLOCK;
    let value = |i: usize| f64::from(x.quants[i]) * f64::from(x.scales[i / BLOCK]);
    let row = |r: usize| {
        let terms = |i| (0..x.terms).map(move |t| value((r * x.terms + t) * size + i));
        (0..width).map(|i| terms(i).sum()).collect()
    };
    (0..x.quants.len() / size / x.terms).map(row).collect()
}

fn apply(layer: &Quantised, kernel: Kernel, x: &[f32]) -> Vec<f32> {
    let mut out = Vec::new();
    let machine = (Level::best(), kernel);
    layer.apply(machine, x, &mut Activations::default(), &mut out);
    out
}

fn check(layer: &Quantised, weights: &[f32], rows: usize) {
    let (inputs, outputs) = (layer.inputs, layer.outputs);
    let x = numbers(7, rows * inputs);
    let bias = |o: usize| layer.bias.as_ref().map_or(0.0, |b| f64::from(b[o]));
    let mut all = Vec::new();
    for kernel in Kernel::available() {
        let got = apply(layer, kernel, &x);
        for (x, got) in x.chunks(inputs).zip(got.chunks(outputs)) {
            assert_eq!(apply(layer, kernel, x), got, "{kernel:?}: a row alone");
        }
        all.push(got);
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "to the bit");
    let seen = seen(&activations(&x, inputs, layer.fineness), inputs);
    for (x, got) in seen.iter().zip(all[0].chunks(outputs)) {
        for (o, (w, &got)) in weights.chunks(inputs).zip(got).enumerate() {
            let terms = x.iter().zip(w).map(|(x, &w)| x * f64::from(w));
            let size: f64 = terms.clone().map(f64::abs).sum();
            let want = terms.sum::<f64>() + bias(o);
            let error = (f64::from(got) - want).abs();
            assert!(error <= 1e-5 * size.max(1.0), "{got} is not {want}");
        }
    }
}

const NATIVE: [TensorType; 3] = [TensorType::Q8_0, TensorType::Q4_0, TensorType::Q4_1];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn products_of_the_files_blocks(width in 1usize..5, first in 1usize..40, second in 1usize..40, rows in 1usize..40, kinds in (0usize..3, 0usize..3), bias: bool, fine: bool) {
        let inputs = width * BLOCK;
        let fineness = if fine { Fineness::Sixteen } else { Fineness::Eight };
        let mut layer = Quantised::new(inputs, fineness);
        let mut weights = Vec::new();
        for (kind, outputs) in [(kinds.0, first), (kinds.1, second)] {
            let bytes = blocks(NATIVE[kind], width * outputs, outputs as u64);
            let mut values = vec![0.0; inputs * outputs];
            dequantize(NATIVE[kind], &bytes, &mut values).unwrap();
            layer.push_blocks(NATIVE[kind], &bytes).unwrap();
            weights.extend(values);
        }
        if bias {
            layer.set_bias(numbers(3, first + second));
        }
        check(&layer, &weights, rows);
        let mut row = vec![0.0; inputs];
        for (output, want) in weights.chunks(inputs).enumerate() {
            layer.row(output, &mut row);
            prop_assert_eq!(&row[..], want, "the file's own values");
        }
    }

    #[test]
    fn other_weights_become_int8_within_the_stated_error(inputs in 1usize..100, outputs in 1usize..40, rows in 1usize..9, exponent in -8i32..9) {
        let mut weights = numbers(11, inputs * outputs);
        weights.iter_mut().for_each(|w| *w *= 10f32.powi(exponent) * 0.01);
        let mut layer = Quantised::new(inputs, Fineness::Eight);
        // Beyond f16 a tensor is refused: 65504 * 127.
        if exponent == 8 && layer.push_values(&[1e8; 100][..inputs]).is_ok() {
            prop_assert!(false, "a scale overflowed");
        }
        let mut layer = Quantised::new(inputs, Fineness::Eight);
        layer.push_values(&weights).unwrap();
        let mut held = vec![0.0; inputs * outputs];
        for (output, row) in held.chunks_mut(inputs).enumerate() {
            layer.row(output, row);
        }
        for (held, want) in held.chunks(inputs).zip(weights.chunks(inputs)) {
            for (held, want) in held.chunks(BLOCK).zip(want.chunks(BLOCK)) {
                let most = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                // Below 2^-14 a scale in 16 bits loses digits.
                let most = most.max(127.0 * 2f32.powi(-14));
                for (h, w) in held.iter().zip(want) {
                    prop_assert!((h - w).abs() <= most * (1.0 / 254.0 + 1.0 / 2048.0), "{} {}", h, w);
                }
            }
        }
        check(&layer, &held, rows);
    }
}

#[test]
fn products_of_real_layers() {
    for (kind, inputs, outputs, rows) in [
        (TensorType::Q4_1, 576, 960, 13),
        (TensorType::Q8_0, 1536, 576, 3),
    ] {
        let bytes = blocks(kind, inputs / BLOCK * outputs, 1);
        let mut weights = vec![0.0; inputs * outputs];
        dequantize(kind, &bytes, &mut weights).unwrap();
        let mut layer = Quantised::new(inputs, Fineness::Eight);
        layer.push_blocks(kind, &bytes).unwrap();
        check(&layer, &weights, rows);
    }
}

#[test]
fn extreme_bytes_do_not_overflow() {
    let mut bytes = half::f16::ONE.to_le_bytes().to_vec();
    bytes.extend([0x80; BLOCK]);
    let mut layer = Quantised::new(BLOCK, Fineness::Eight);
    layer.push_blocks(TensorType::Q8_0, &bytes).unwrap();
    for kernel in Kernel::available() {
        let out = apply(&layer, kernel, &[-1.0; BLOCK]);
        assert!((out[0] - 32.0 * 128.0).abs() < 1e-2, "{kernel:?} {out:?}");
    }
}

#[test]
fn twice_eight_bits_are_sixteen() {
    let x = numbers(8, 7 * 90);
    for (fineness, error) in [
        (Fineness::Eight, 0.5 / 127.0),
        (Fineness::Sixteen, 0.5 / 127.0 / 253.0),
    ] {
        let seen = seen(&activations(&x, 90, fineness), 90);
        for (x, seen) in x.iter().zip(seen.iter().flatten()) {
            assert!((f64::from(*x) - seen).abs() <= error * 1.001, "{x} {seen}");
        }
    }
}

#[test]
fn activations_without_sense_are_no_panic() {
    for value in [
        f32::NAN,
        f32::INFINITY,
        f32::MIN_POSITIVE / 8.0,
        0.0,
        -f32::MAX,
    ] {
        let x = activations(&[value; 40], 40, Fineness::Sixteen);
        assert_eq!((x.blocks, x.quants.len()), (2, 128));
    }
    let mut levels = Level::available().into_iter().map(|level| {
        let mut out = Activations::default();
        out.set(level, &numbers(5, 300), 100, Fineness::Sixteen);
        (out.quants, out.scales, out.masses, out.shifts)
    });
    let first = levels.next();
    assert!(levels.all(|other| Some(other) == first));
}
