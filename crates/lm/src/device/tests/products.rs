//! Matrix products of every kind and shape, AdamW, dropout, and what is refused.

use super::*;
use crate::Error;
use proptest::prelude::*;

/// A product of one kind and sizes with strides, offsets and both ways to put the result.
fn check<D: Device>(device: &D, product: Product, (m, n, k): (usize, usize, usize)) -> Vec<f32> {
    let on = On(device);
    let (pad, offset) = (3, 5);
    let (a_sizes, b_sizes) = match product {
        Product::Nn => ((m, k), (k, n)),
        Product::Nt => ((m, k), (n, k)),
        Product::Tn => ((k, m), (k, n)),
    };
    let room = |(rows, columns): (usize, usize)| offset + rows * (columns + pad);
    let a = numbers(1, room(a_sizes));
    let b = numbers(2, room(b_sizes));
    let c = numbers(3, room((m, n)));
    let at = |values: &[f32], stride: usize, i: usize, j: usize| {
        f64::from(values[offset + i * (stride + pad) + j])
    };
    let sum = reference::product(
        (m, n, k),
        |i, l| match product {
            Product::Tn => at(&a, m, l, i),
            _ => at(&a, k, i, l),
        },
        |l, j| match product {
            Product::Nt => at(&b, k, j, l),
            _ => at(&b, n, l, j),
        },
    );
    let mut all = Vec::new();
    for put in [Put::Set(0.5), Put::Add(-2.0)] {
        let (a, b) = (on.activation(&a), on.activation(&b));
        let mut out = on.put(Store::Exact, &c);
        let mat = |buffer, (rows, columns): (usize, usize)| Mat {
            offset,
            stride: columns + pad,
            ..Mat::new(buffer, rows, columns)
        };
        let target = MatMut {
            offset,
            stride: n + pad,
            ..MatMut::new(&mut out, m, n)
        };
        let operands = (mat(&a, a_sizes), mat(&b, b_sizes));
        device
            .multiply(product, operands.0, operands.1, target, put)
            .unwrap();
        let got = on.get(&out);
        // What is between the rows stays as it was.
        let mut want = wide(&c);
        for (i, row) in sum.chunks(n).enumerate() {
            for (j, sum) in row.iter().enumerate() {
                let slot = &mut want[offset + i * (n + pad) + j];
                *slot = match put {
                    Put::Set(scale) => f64::from(scale) * sum,
                    Put::Add(scale) => *slot + f64::from(scale) * sum,
                };
            }
        }
        close(
            &format!("{product:?} {m} {n} {k}"),
            &got,
            &want,
            1e-6 * (k as f64).sqrt().max(4.0),
        );
        all.extend(got);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn products_equal_f64(m in 1usize..40, n in 1usize..90, k in 0usize..60) {
        for product in [Product::Nn, Product::Nt, Product::Tn] {
            on_every_processor(|cpu| check(cpu, product, (m, n, k)));
        }
    }
}

#[test]
fn products_of_real_layers_equal_f64() {
    // SmolLM2-135M: queries, keys and values; down. Qwen2.5-0.5B: gate and up. Beyond one depth.
    for (product, sizes) in [
        (Product::Nt, (37, 960, 576)),
        (Product::Nt, (25, 576, 1536)),
        (Product::Nn, (25, 896, 1152)),
        (Product::Tn, (960, 576, 70)),
        (Product::Tn, (48, 896, 700)),
    ] {
        on_this_processor(|cpu| check(cpu, product, sizes));
    }
}

#[test]
fn a_row_is_the_same_bytes_among_others() {
    let cpu = Cpu::new(2).unwrap();
    let on = On(&cpu);
    let (x, w) = (numbers(4, 30 * 700), numbers(5, 70 * 700));
    let w = on.activation(&w);
    let rows = |x: &[f32]| {
        let count = x.len() / 700;
        let (x, mut y) = (on.activation(x), on.activation(&vec![0.0; count * 70]));
        let (a, b) = (Mat::new(&x, count, 700), Mat::new(&w, 70, 700));
        let c = MatMut::new(&mut y, count, 70);
        cpu.multiply(Product::Nt, a, b, c, Put::Set(1.0)).unwrap();
        on.get(&y)
    };
    let all = rows(&x);
    for row in [0, 11, 12, 29] {
        assert_eq!(rows(&x[row * 700..][..700]), all[row * 70..][..70]);
    }
}

#[test]
fn adam_equals_its_definition() {
    let settings = |step| Adam {
        rate: 1e-2,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        decay: 0.1,
        step,
        scale: 0.5,
    };
    on_every_processor(|cpu| {
        let on = On(cpu);
        let count = 40_000;
        let mut w = wide(&numbers(6, count));
        let (mut m, mut v) = (vec![0.0; count], vec![0.0; count]);
        let mut parameter = on.put(Store::Parameter, &numbers(6, count));
        let mut moments = [0, 1].map(|_| cpu.zeros(Store::Exact, count).unwrap());
        for step in 1..=3 {
            let gradient = numbers(6 + step, count);
            let (a, s) = (settings(step), on.put(Store::Exact, &gradient));
            let [first, second] = &mut moments;
            cpu.adam(&a, &mut parameter, &s, (first, second)).unwrap();
            let f = |x: f32| f64::from(x);
            for (i, g) in gradient.iter().enumerate() {
                let g = f(*g) * 0.5;
                m[i] = f(a.beta1) * m[i] + (1.0 - f(a.beta1)) * g;
                v[i] = f(a.beta2) * v[i] + (1.0 - f(a.beta2)) * g * g;
                let first = m[i] / (1.0 - f(a.beta1).powf(step as f64));
                let second: f64 = v[i] / (1.0 - f(a.beta2).powf(step as f64));
                w[i] -= f(a.rate) * (first / (second.sqrt() + f(a.epsilon)) + f(a.decay) * w[i]);
            }
        }
        let got = on.get(&parameter);
        close("adam", &got, &w, 2e-6);
        let total: f64 = w.iter().map(|w| w * w).sum();
        let squares = cpu.square_sum(&parameter).unwrap();
        assert!(
            (squares / total - 1.0).abs() < 1e-5,
            "{squares} is not {total}"
        );
        got
    });
}

#[test]
fn dropout_keeps_its_share_and_depends_on_the_seed_alone() {
    on_every_processor(|cpu| {
        let on = On(cpu);
        let x = on.activation(&[1.0; 100_000]);
        let mut y = on.activation(&[1.0; 100_000]);
        cpu.dropout(&x, &mut y, 99_999, (0.25, 7), false).unwrap();
        let first = on.get(&y);
        let kept = first.iter().filter(|&&v| v == 1.0 / 0.75).count();
        assert!((74_400..75_600).contains(&kept), "{kept} of 100,000 kept");
        assert_eq!(
            first[..99_999].iter().filter(|&&v| v == 0.0).count(),
            99_999 - kept
        );
        cpu.dropout(&x, &mut y, 99_999, (0.25, 8), true).unwrap();
        assert_ne!(on.get(&y)[..99_999], first[..99_999]);
        let mut again = on.activation(&[1.0; 100_000]);
        cpu.dropout(&x, &mut again, 99_999, (0.25, 7), false)
            .unwrap();
        assert_eq!(on.get(&again), first);
        first
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let cpu = Cpu::new(1).unwrap();
    let (a, mut c) = (
        cpu.zeros(Store::Exact, 12).unwrap(),
        cpu.zeros(Store::Exact, 4).unwrap(),
    );
    let mut refused = |a: Mat<'_, _>, b: Mat<'_, _>, rows, columns| {
        let c = MatMut::new(&mut c, rows, columns);
        let error = cpu
            .multiply(Product::Nt, a, b, c, Put::Set(1.0))
            .unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    };
    refused(Mat::new(&a, 2, 6), Mat::new(&a, 2, 5), 2, 2);
    refused(Mat::new(&a, 2, 6), Mat::new(&a, 2, 6), 2, 3);
    refused(Mat::new(&a, 3, 6), Mat::new(&a, 2, 6), 3, 2);
    refused(Mat::new(&a, 3, 4), Mat::new(&a, 3, 4), 3, 3);
    let overlong = Mat {
        stride: usize::MAX,
        ..Mat::new(&a, 3, 4)
    };
    refused(overlong, Mat::new(&a, 1, 4), 3, 1);
    let mut y = cpu.zeros(Store::Exact, 12).unwrap();
    assert!(cpu.dropout(&a, &mut y, 12, (1.0, 1), false).is_err());
    assert!(cpu.dropout(&a, &mut y, 13, (0.1, 1), false).is_err());
    assert!(matches!(
        cpu.embed(&a, 4, &[3], &mut y),
        Err(Error::UnknownToken { token: 3, .. })
    ));
    assert!(Packing::new([]).is_err() && Packing::new([3, 0]).is_err());
    // Rows without values, and heads that can not be.
    let nothing = cpu.zeros(Store::Exact, 0).unwrap();
    assert!(cpu.rms_norm(&a, &nothing, 1e-5, &mut y, 2).is_err());
    assert!(cpu.embed(&a, 0, &[], &mut y).is_err());
    assert!(cpu.silu_mul(&a, 0, &mut y, 3).is_err());
    assert!(cpu.score(&a, 0, &[], &mut []).is_err());
    assert!(cpu.add_bias(&nothing, &mut y, 1).is_err());
    let one = Packing::new([1]).unwrap();
    for (query, key_value, width) in [(3, 2, 2), (2, 0, 2), (0, 1, 2), (1, 1, 3), (1, 1, 0)] {
        let heads = crate::HeadCounts {
            query,
            key_value,
            width,
        };
        let shape = Attention {
            heads,
            interleaved: true,
            rope_base: 1e4,
        };
        assert!(cpu.rope(&shape, &one, Direction::Forward, &mut y).is_err());
    }
}
