//! Every operation against a float64 reference, and every backward against finite differences of
//! that reference, for small and for real layers. The suite is written over the trait, so that each
//! device runs the same one: here the processor, on every level of instructions that it has.

mod operations;
mod products;
mod reference;

use super::*;
use crate::ops::Level;
use crate::sample::random::uniform;

/// Numbers in -1..1 that look random.
pub(super) fn numbers(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64)
        .map(|i| (uniform(seed, i) * 2.0 - 1.0) as f32)
        .collect()
}

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Equal within `tolerance`, relative to the greatest value (and 1e-2 at least).
#[track_caller]
pub(super) fn close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let most = want.iter().fold(1e-2f64, |m, w| m.max(w.abs()));
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(error <= tolerance * most, "{what} {i}: {got} is not {want}");
    }
}

/// `gradient` against central differences of `sum dout f(x)` at some of the places.
#[track_caller]
pub(super) fn differences(
    what: &str,
    f: impl Fn(&[f64]) -> Vec<f64>,
    (x, dout, gradient): (&[f32], &[f32], &[f32]),
    tolerance: f64,
) {
    let (mut x, dout) = (wide(x), wide(dout));
    let dot = |y: Vec<f64>| y.iter().zip(&dout).map(|(y, d)| y * d).sum::<f64>();
    let most = gradient
        .iter()
        .fold(1e-2f64, |m, g| m.max(f64::from(g.abs())));
    let places = 24.min(x.len());
    for place in 0..places {
        let at = place * (x.len() - 1) / places.max(2).saturating_sub(1).max(1);
        let (before, step) = (x[at], 1e-4);
        x[at] = before + step;
        let above = dot(f(&x));
        x[at] = before - step;
        let below = dot(f(&x));
        x[at] = before;
        let want = (above - below) / (2.0 * step);
        let error = (f64::from(gradient[at]) - want).abs();
        let got = gradient[at];
        assert!(
            error <= tolerance * most,
            "{what} {at}: {got} is not {want}"
        );
    }
}

/// Buffers in and out of a device.
pub(super) struct On<'a, D: Device>(pub(super) &'a D);

impl<D: Device> On<'_, D> {
    pub(super) fn put(&self, store: Store, values: &[f32]) -> D::Buffer {
        let mut buffer = self.0.zeros(store, values.len()).unwrap();
        self.0.write(&mut buffer, 0, values).unwrap();
        buffer
    }

    pub(super) fn activation(&self, values: &[f32]) -> D::Buffer {
        self.put(Store::Activation, values)
    }

    pub(super) fn get(&self, buffer: &D::Buffer) -> Vec<f32> {
        let mut values = vec![0.0; self.0.length(buffer)];
        self.0.read(buffer, 0, &mut values).unwrap();
        values
    }
}

/// Runs a part of the suite on every level with 1, 2 and 3 threads; results of the threads must be
/// the same bytes. `run` gives everything that it computed.
fn on_every_processor(run: impl Fn(&Cpu) -> Vec<f32>) {
    for level in Level::available() {
        let one = run(&Cpu::at(level, 1).unwrap());
        for threads in [2, 3] {
            let other = run(&Cpu::at(level, threads).unwrap());
            let same = one
                .iter()
                .map(|v| v.to_bits())
                .eq(other.iter().map(|v| v.to_bits()));
            assert!(same, "{level:?}: {threads} threads give other bytes");
        }
    }
}

/// Only the best level, for real layers.
fn on_this_processor(run: impl Fn(&Cpu) -> Vec<f32>) {
    let one = run(&Cpu::new(1).unwrap());
    let three = run(&Cpu::new(3).unwrap());
    assert!(
        one.iter()
            .map(|v| v.to_bits())
            .eq(three.iter().map(|v| v.to_bits()))
    );
}
