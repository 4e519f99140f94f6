//! The operations of a layer and of the loss: forward against f64, backward against differences.

use super::*;
use crate::HeadCounts;
use crate::loss::{Kind, Target};

#[test]
fn norms_equal_f64() {
    let run = |cpu: &Cpu, rows: usize, width: usize| {
        let on = On(cpu);
        let (x, weight) = (numbers(1, rows * width), numbers(2, width));
        let (dy, before) = (numbers(3, rows * width), numbers(4, rows * width));
        let (bx, bw) = (on.activation(&x), on.put(Store::Parameter, &weight));
        let mut y = on.activation(&vec![0.0; rows * width]);
        cpu.rms_norm(&bx, &bw, 1e-5, &mut y, rows).unwrap();
        let got = on.get(&y);
        close(
            "norm",
            &got,
            &reference::rms_norm(&wide(&x), &wide(&weight), 1e-5),
            1e-6,
        );
        let (mut dx, mut dw) = (
            on.activation(&before),
            on.put(Store::Exact, &vec![1.0; width]),
        );
        let (slopes, forward) = (on.activation(&dy), (&bx, &bw, 1e-5));
        cpu.rms_norm_backward(forward, &slopes, &mut dx, Some(&mut dw), rows)
            .unwrap();
        let less = |got: Vec<f32>, before: &[f32]| -> Vec<f32> {
            got.iter().zip(before).map(|(g, b)| g - b).collect()
        };
        let (dx, dw) = (on.get(&dx), on.get(&dw));
        let slope = less(dx.clone(), &before);
        let by_x = |x: &[f64]| reference::rms_norm(x, &wide(&weight), 1e-5);
        differences("norm by x", by_x, (&x, &dy, &slope), 2e-5);
        let by_w = |w: &[f64]| reference::rms_norm(&wide(&x), w, 1e-5);
        differences(
            "norm by weight",
            by_w,
            (&weight, &dy, &less(dw.clone(), &vec![1.0; width])),
            2e-5,
        );
        let mut alone = on.activation(&before);
        cpu.rms_norm_backward(forward, &slopes, &mut alone, None, rows)
            .unwrap();
        assert_eq!(on.get(&alone), dx);
        [got, dx, dw].concat()
    };
    on_every_processor(|cpu| run(cpu, 70, 37));
    on_this_processor(|cpu| run(cpu, 40, 576));
    on_this_processor(|cpu| run(cpu, 3, 896));
}

#[test]
fn gates_equal_f64() {
    let run = |cpu: &Cpu, rows: usize, width: usize| {
        let on = On(cpu);
        let mut x = numbers(5, rows * 2 * width);
        x.iter_mut().for_each(|v| *v *= 6.0);
        let dy = numbers(6, rows * width);
        let mut y = on.activation(&vec![0.0; rows * width]);
        let mut dx = on.activation(&x);
        cpu.silu_mul(&dx, width, &mut y, rows).unwrap();
        let got = on.get(&y);
        close("gate", &got, &reference::silu_mul(&wide(&x), width), 1e-6);
        let mut slopes = on.activation(&dy);
        cpu.silu_mul_backward(&mut dx, width, &mut slopes, rows)
            .unwrap();
        let (dx, again) = (on.get(&dx), on.get(&slopes));
        differences(
            "gate",
            |x| reference::silu_mul(x, width),
            (&x, &dy, &dx),
            2e-5,
        );
        close("gate remade", &again, &wide(&got), 1e-6);
        [got, dx, again].concat()
    };
    on_every_processor(|cpu| run(cpu, 50, 21));
    on_this_processor(|cpu| run(cpu, 9, 1536));
    on_this_processor(|cpu| run(cpu, 3, 4864));
}

#[test]
fn gates_survive_extremes() {
    let cpu = Cpu::new(1).unwrap();
    let on = On(&cpu);
    let mut x = on.activation(&[-1e4, 1e4, -90.0, 90.0, 2.0, 2.0, 2.0, 2.0]);
    let mut dy = on.activation(&[1.0; 4]);
    cpu.silu_mul_backward(&mut x, 4, &mut dy, 1).unwrap();
    assert!(on.get(&x).iter().chain(&on.get(&dy)).all(|v| v.is_finite()));
    assert_eq!(on.get(&dy)[1], 2e4);
}

fn attention_shape(query: usize, key_value: usize, width: usize, interleaved: bool) -> Attention {
    Attention {
        heads: HeadCounts {
            query,
            key_value,
            width,
        },
        interleaved,
        rope_base: 1e4,
    }
}

fn check_attention<D: Device>(device: &D, shape: &Attention, lengths: &[usize]) -> Vec<f32> {
    let on = On(device);
    let packing = Packing::new(lengths.iter().copied()).unwrap();
    let rows = packing.rows();
    let mut qkv = numbers(7, rows * shape.columns());
    qkv.iter_mut().for_each(|v| *v *= 1.5);
    let dout = numbers(8, rows * shape.query_columns());
    let kept = on.activation(&qkv);
    let mut out = on.activation(&vec![0.0; dout.len()]);
    let mut norms = device
        .zeros(Store::Exact, rows * shape.heads.query)
        .unwrap();
    device
        .attention(shape, &packing, &kept, &mut out, &mut norms)
        .unwrap();
    let got = on.get(&out);
    close(
        "attention",
        &got,
        &reference::attention(shape, &packing, &wide(&qkv)),
        4e-6,
    );
    let mut dqkv = on.activation(&vec![f32::NAN; qkv.len()]);
    let (forward, slopes) = ((&kept, &out, &norms), on.activation(&dout));
    device
        .attention_backward(shape, &packing, forward, &slopes, &mut dqkv)
        .unwrap();
    let dqkv = on.get(&dqkv);
    let f = |x: &[f64]| reference::attention(shape, &packing, x);
    differences("attention", f, (&qkv, &dout, &dqkv), 2e-5);
    [got, dqkv].concat()
}

#[test]
fn attention_equals_f64() {
    for (query, key_value, width, lengths) in [
        (4, 2, 8, &[5, 1, 70][..]),
        (3, 1, 6, &[50, 49]),
        (2, 2, 40, &[33, 12]),
    ] {
        let shape = attention_shape(query, key_value, width, true);
        on_every_processor(|cpu| check_attention(cpu, &shape, lengths));
    }
}

#[test]
fn attention_of_real_layers_equals_f64() {
    on_this_processor(|cpu| check_attention(cpu, &attention_shape(9, 3, 64, true), &[150, 61]));
    on_this_processor(|cpu| check_attention(cpu, &attention_shape(14, 2, 64, false), &[97]));
}

#[test]
fn a_document_is_the_same_bytes_among_others() {
    let (cpu, shape) = (Cpu::new(2).unwrap(), attention_shape(4, 2, 16, true));
    let on = On(&cpu);
    let columns = shape.columns();
    let values = numbers(9, 150 * columns);
    let run = |values: &[f32], lengths: &[usize]| {
        let packing = Packing::new(lengths.iter().copied()).unwrap();
        let mut qkv = on.activation(values);
        cpu.rope(&shape, &packing, Direction::Forward, &mut qkv)
            .unwrap();
        let mut out = on.activation(&vec![0.0; packing.rows() * shape.query_columns()]);
        let mut norms = on.activation(&vec![0.0; packing.rows() * shape.heads.query]);
        cpu.attention(&shape, &packing, &qkv, &mut out, &mut norms)
            .unwrap();
        on.get(&out)
    };
    let all = run(&values, &[60, 77, 13]);
    let alone = run(&values[60 * columns..137 * columns], &[77]);
    assert_eq!(
        alone,
        all[60 * shape.query_columns()..137 * shape.query_columns()]
    );
}

#[test]
fn rotations_equal_f64_and_their_backward_is_the_inverse() {
    for interleaved in [true, false] {
        let shape = attention_shape(3, 1, 64, interleaved);
        on_every_processor(|cpu| {
            let on = On(cpu);
            let packing = Packing::new([70, 3]).unwrap();
            let x = numbers(10, packing.rows() * shape.columns());
            let dout = numbers(11, x.len());
            let mut y = on.activation(&x);
            cpu.rope(&shape, &packing, Direction::Forward, &mut y)
                .unwrap();
            let got = on.get(&y);
            close(
                "rope",
                &got,
                &reference::rope(&shape, &packing, &wide(&x)),
                1e-5,
            );
            let mut dx = on.activation(&dout);
            cpu.rope(&shape, &packing, Direction::Backward, &mut dx)
                .unwrap();
            let dx = on.get(&dx);
            let f = |x: &[f64]| reference::rope(&shape, &packing, x);
            differences("rope", f, (&x, &dout, &dx), 2e-5);
            [got, dx].concat()
        });
    }
}

#[test]
fn tables_biases_and_sums() {
    on_every_processor(|cpu| {
        let on = On(cpu);
        let (width, ids) = (5, [3u32, 0, 3, 6]);
        let table = numbers(12, 7 * width);
        let mut out = on.activation(&[0.0; 20]);
        cpu.embed(&on.put(Store::Parameter, &table), width, &ids, &mut out)
            .unwrap();
        let rows = ids
            .iter()
            .flat_map(|&id| &table[id as usize * width..][..width]);
        assert!(on.get(&out).iter().eq(rows));
        let mut slopes = on.put(Store::Exact, &[1.0; 35]);
        cpu.embed_backward(&out, width, &ids, &mut slopes).unwrap();
        let scattered = on.get(&slopes);
        assert_eq!(scattered[15], 1.0 + 2.0 * table[15]);
        assert_eq!(scattered[5], 1.0);
        let x = numbers(13, 100 * width);
        let (bias, mut y) = (on.put(Store::Parameter, &table[..width]), on.activation(&x));
        cpu.add_bias(&bias, &mut y, 100).unwrap();
        let biased = on.get(&y);
        assert_eq!(biased[7], x[7] + table[2]);
        let mut dbias = on.put(Store::Exact, &[2.0; 5]);
        cpu.add_bias_backward(&y, &mut dbias, 100).unwrap();
        let sums = on.get(&dbias);
        let column = |c: usize| {
            2.0 + biased
                .iter()
                .skip(c)
                .step_by(width)
                .map(|&v| f64::from(v))
                .sum::<f64>()
        };
        close(
            "bias",
            &sums,
            &(0..width).map(column).collect::<Vec<_>>(),
            1e-5,
        );
        cpu.add(&on.activation(&x), &mut y, 499).unwrap();
        let sum = on.get(&y);
        assert_eq!((sum[498], sum[499]), (biased[498] + x[498], biased[499]));
        [scattered, biased, sums, sum].concat()
    });
}

/// Rows of logits as a model gives them, and as it never should.
fn logits(rows: usize, vocabulary: usize) -> Vec<f32> {
    let mut logits = numbers(14, rows * vocabulary);
    logits.iter_mut().for_each(|v| *v *= 8.0);
    logits[0] = 1e4;
    logits[1] = -1e4;
    logits
}

fn check_loss(cpu: &Cpu, loss: &Loss, vocabulary: usize) -> Vec<f32> {
    let (on, rows) = (On(cpu), 5);
    let (student, teacher) = (logits(rows, vocabulary), numbers(15, rows * vocabulary));
    let weights = [1.0, 0.25, 0.0, 2.0, 0.5];
    let ids = [2u32, 0, 1, vocabulary as u32 - 1, 3];
    let tokens = loss.kind == Kind::CrossEntropy;
    let host: Vec<Target<'_, f32>> = (0..rows)
        .map(|row| match tokens {
            true => Target::Token(ids[row]),
            false => Target::Logits(&teacher[row * vocabulary..][..vocabulary]),
        })
        .collect();
    let held = on.activation(&teacher);
    let mut all = Vec::new();
    for on_device in [true, false] {
        let mut got = on.activation(&student);
        let mut values = [Outcome::default(); 5];
        let targets = match (on_device, tokens) {
            (true, true) => Targets::Tokens(&ids),
            (true, false) => Targets::Logits(&held, rows),
            (false, _) => Targets::Rows(&host),
        };
        cpu.loss(loss, &mut got, vocabulary, targets, (&weights, &mut values))
            .unwrap();
        let got = on.get(&got);
        for (row, student) in student.chunks(vocabulary).enumerate() {
            let mut slopes = vec![0.0; vocabulary];
            let wide_row = wide(student);
            let wide_teacher = wide(&teacher[row * vocabulary..][..vocabulary]);
            let target = match tokens {
                true => Target::Token(ids[row]),
                false => Target::Logits(&wide_teacher),
            };
            let want = loss.row(&wide_row, &target, &mut slopes);
            let error = (values[row].value - want.value).abs();
            assert!(
                error <= 2e-6 * want.value.max(1.0),
                "{loss:?} {row}: {values:?} {want:?}"
            );
            // The extreme row is so near to saturation that f32 may say either.
            let same = row == 0 || values[row].saturated == want.saturated;
            assert!(same, "{loss:?} {row}");
            slopes
                .iter_mut()
                .for_each(|s| *s *= f64::from(weights[row]));
            close(
                "loss",
                &got[row * vocabulary..][..vocabulary],
                &slopes,
                4e-6,
            );
        }
        all.extend(got);
    }
    all
}

#[test]
fn losses_equal_their_definition() {
    for kind in [
        Kind::CrossEntropy,
        Kind::ForwardKl,
        Kind::ReverseKl,
        Kind::Gjsd { beta: 0.5 },
    ] {
        let hot = Loss {
            scaled: true,
            ..Loss::new(kind).at(2.0)
        };
        for loss in [Loss::new(kind), hot, Loss::new(kind).at(0.7)] {
            on_every_processor(|cpu| check_loss(cpu, &loss, 1037));
        }
    }
    on_this_processor(|cpu| check_loss(cpu, &Loss::new(Kind::CrossEntropy), 49_152));
    on_this_processor(|cpu| check_loss(cpu, &Loss::new(Kind::ReverseKl), 151_936));
}

#[test]
fn masked_ids_and_bad_targets() {
    let cpu = Cpu::new(1).unwrap();
    let on = On(&cpu);
    let masked = [0.0, 1.0, f32::NEG_INFINITY, 0.5];
    for kind in [Kind::ForwardKl, Kind::ReverseKl] {
        let (mut row, teacher) = (on.activation(&masked), on.activation(&masked));
        let mut value = [Outcome::default()];
        let targets = Targets::Logits(&teacher, 1);
        cpu.loss(&Loss::new(kind), &mut row, 4, targets, (&[1.0], &mut value))
            .unwrap();
        assert!(on.get(&row).iter().all(|v| v.abs() < 1e-6) && value[0].value.abs() < 1e-6);
    }
    let (loss, mut row) = (Loss::new(Kind::CrossEntropy), on.activation(&masked));
    let mut value = [Outcome::default()];
    let refused = cpu.loss(
        &loss,
        &mut row,
        4,
        Targets::Tokens(&[4]),
        (&[1.0], &mut value),
    );
    assert!(matches!(
        refused,
        Err(crate::Error::UnknownToken { token: 4, .. })
    ));
    assert!(
        cpu.loss(&loss, &mut row, 4, Targets::Tokens(&[1]), (&[], &mut value))
            .is_err()
    );
    let mut scores = [0.0; 2];
    let rows = on.activation(&logits(2, 9));
    cpu.score(&rows, 9, &[0, 3], &mut scores).unwrap();
    let want = wide(&logits(2, 9)[9..]);
    let norm = want.iter().map(|v| v.exp()).sum::<f64>().ln();
    assert_eq!(scores[0], 0.0);
    assert!((f64::from(scores[1]) - want[3] + norm).abs() < 1e-6);
}
