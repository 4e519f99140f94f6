//! Spans between vocabularies: the gradient is that of the loss, further tokens and chunks included.

use super::*;
use crate::loss::{Shared, Uld};
use std::collections::BTreeMap;

/// A teacher's table and rows, of another width and vocabulary.
fn teacher(device: &Cpu, spans: usize) -> (Head<Cpu>, Hidden<Cpu>) {
    use crate::device::{Device, Store};
    let (vocabulary, width) = (70, 12);
    let mut table = device.zeros(Store::Parameter, vocabulary * width).unwrap();
    let values = formula("table", vocabulary * width);
    device.write(&mut table, 0, &values).unwrap();
    let head = Head {
        vocabulary,
        width,
        table,
    };
    let rows = formula("rows", spans * width)
        .iter()
        .map(|v| v * 8.0)
        .collect::<Vec<_>>();
    (head, Hidden::of_rows(device, width, &rows).unwrap())
}

/// Of 25 learnt rows: spans of one, two and three tokens, and some of none.
fn layout() -> Vec<usize> {
    vec![1, 3, 0, 2, 1, 1, 2, 0, 0, 3, 1, 1, 3, 1, 2]
}

fn rows(own: &[f32]) -> Vec<SpanRow> {
    let mut out = Vec::new();
    for length in layout() {
        if length == 0 {
            out.push(SpanRow::Outside);
            continue;
        }
        let further = &own[out.len() + 1..out.len() + length];
        out.push(SpanRow::First {
            own: further.iter().map(|&lp| f64::from(lp)).sum(),
            teacher: -0.3 * (length - 1) as f64,
        });
        out.extend(further.iter().map(|_| SpanRow::Further));
    }
    out.resize(own.len(), SpanRow::Outside);
    out
}

fn check(uld: &Uld) {
    let mut first = batch(&documents());
    let learnt = first.learnt().len();
    assert_eq!(learnt, 25);
    let blank = vec![0.0; learnt];
    let begins = |row: &SpanRow| matches!(row, SpanRow::First { .. });
    let weights: Vec<f32> = rows(&blank)
        .iter()
        .map(|r| f32::from(u8::from(begins(r))))
        .collect();
    first.weights_mut().copy_from_slice(&weights);
    let count = weights.iter().sum::<f32>() as usize;
    let device = Arc::new(Cpu::new(1).unwrap());
    let (head, hidden) = teacher(&device, count);
    // The gradient at some weights, and the loss there.
    let at = |weights: Weights, gradients: Option<&mut BTreeMap<String, Vec<f32>>>| {
        let mut trainer =
            Trainer::new(Arc::clone(&device), weights, settings(Tuning::Full)).unwrap();
        let own = trainer.network().score(&first).unwrap();
        let rows = rows(&own);
        let spans = Spans {
            hidden: &hidden,
            head: &head,
            rows: &rows,
            loss: uld,
        };
        let goals = [(&first, Goal::Spans(&spans))];
        if let Some(gradients) = gradients {
            trainer
                .gradients_at(&goals, &cross_entropy(), &mut |name, values| {
                    gradients.insert(name.to_owned(), values.to_vec());
                })
                .unwrap();
        }
        let report = trainer.dry_step(&goals, &cross_entropy()).unwrap();
        assert_eq!(report.tokens, count);
        report.loss
    };
    let mut gradients = BTreeMap::new();
    at(weights_of(None, 0.0), Some(&mut gradients));
    let squares: f64 = gradients
        .values()
        .flatten()
        .map(|&g| f64::from(g).powi(2))
        .sum();
    assert!(squares > 1e-6, "{squares}");
    // Sorted distances have kinks, of which a shorter step meets fewer, and rounding is not far.
    let apart = [1e-3, 3e-4, 1e-4].map(|length| {
        let by = length / squares.sqrt();
        let up = at(weights_of(Some(&gradients), by), None);
        let down = at(weights_of(Some(&gradients), -by), None);
        ((up - down) / (2.0 * by) / squares - 1.0).abs()
    });
    let least = apart.into_iter().fold(f64::INFINITY, f64::min);
    assert!(least < 0.01, "{apart:?} of {squares}");
}

/// The weights, moved along a gradient.
fn weights_of(gradients: Option<&BTreeMap<String, Vec<f32>>>, by: f64) -> Weights {
    let mut out = Weights::new(config(Family::Llama));
    for (name, tensor) in weights(Family::Llama).iter() {
        let slopes = gradients.and_then(|g| g.get(name));
        let moved = |(place, &value): (usize, &f32)| {
            let slope = slopes.map_or(0.0, |slopes| f64::from(slopes[place]));
            (f64::from(value) + by * slope) as f32
        };
        let values = tensor.data().iter().enumerate().map(moved).collect();
        let tensor = Tensor::new(tensor.shape().to_vec(), values).unwrap();
        out.insert(name, tensor).unwrap();
    }
    out
}

#[test]
fn the_gradient_of_spans_is_that_of_their_loss() {
    check(&Uld::new(1.0).unwrap());
    let shared = Shared {
        pairs: (0..40).map(|id| (id, 69 - id)).collect(),
        kind: Kind::ReverseKl,
        weight: 1.0,
        rest: 0.5,
    };
    check(&Uld::new(1.0).unwrap().sharing(shared).unwrap());
}

#[test]
fn spans_that_do_not_fit_are_refused() {
    let first = batch(&documents());
    let device = Arc::new(Cpu::new(1).unwrap());
    let mut trainer = trainer(Family::Llama, settings(Tuning::Full), 1);
    let uld = Uld::new(1.0).unwrap();
    let (head, hidden) = teacher(&device, 3);
    let all = rows(&[0.0; 25]);
    let further = vec![SpanRow::Further; 25];
    for rows in [&all[..], &all[..7], &further] {
        let spans = Spans {
            hidden: &hidden,
            head: &head,
            rows,
            loss: &uld,
        };
        let goals = [(&first, Goal::Spans(&spans))];
        let told = trainer.dry_step(&goals, &cross_entropy());
        assert!(matches!(told, Err(crate::Error::Invalid(_))), "{told:?}");
    }
}
