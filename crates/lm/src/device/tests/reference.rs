//! The operations' forward passes in plain f64: short, slow, and what the devices are held to.

use crate::HeadCounts;
use crate::device::{Attention, Packing};

/// `op(a) op(b)` by its definition; indices give the elements.
pub(super) fn product(
    (m, n, k): (usize, usize, usize),
    a: impl Fn(usize, usize) -> f64,
    b: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    let element = |i: usize, j: usize| (0..k).map(|l| a(i, l) * b(l, j)).sum();
    (0..m)
        .flat_map(|i| (0..n).map(move |j| (i, j)))
        .map(|(i, j)| element(i, j))
        .collect()
}

pub(super) fn rms_norm(x: &[f64], weight: &[f64], epsilon: f64) -> Vec<f64> {
    let width = weight.len();
    let row = |x: &[f64]| {
        let mean = x.iter().map(|v| v * v).sum::<f64>() / width as f64;
        let scale = 1.0 / (mean + epsilon).sqrt();
        x.iter()
            .zip(weight)
            .map(|(v, w)| v * scale * w)
            .collect::<Vec<_>>()
    };
    x.chunks(width).flat_map(row).collect()
}

pub(super) fn silu_mul(x: &[f64], width: usize) -> Vec<f64> {
    let row = |x: &[f64]| {
        let silu = |g: f64| g / (1.0 + (-g).exp());
        (0..width)
            .map(|i| silu(x[i]) * x[width + i])
            .collect::<Vec<_>>()
    };
    x.chunks(2 * width).flat_map(row).collect()
}

pub(super) fn rope(shape: &Attention, packing: &Packing, qkv: &[f64]) -> Vec<f64> {
    let HeadCounts {
        query,
        key_value,
        width,
    } = shape.heads;
    let mut out = qkv.to_vec();
    for document in packing.documents() {
        for (position, row) in document.enumerate() {
            let row = &mut out[row * shape.columns()..][..(query + key_value) * width];
            for head in row.chunks_mut(width) {
                for i in 0..width / 2 {
                    let base = f64::from(shape.rope_base);
                    let angle = position as f64 * base.powf(-2.0 * i as f64 / width as f64);
                    let (a, b) = match shape.interleaved {
                        true => (2 * i, 2 * i + 1),
                        false => (i, i + width / 2),
                    };
                    let (x, y) = (head[a], head[b]);
                    head[a] = x * angle.cos() - y * angle.sin();
                    head[b] = x * angle.sin() + y * angle.cos();
                }
            }
        }
    }
    out
}

/// Attention by its definition; the mask is written as "same document and not after".
pub(super) fn attention(shape: &Attention, packing: &Packing, qkv: &[f64]) -> Vec<f64> {
    let HeadCounts {
        query,
        key_value,
        width,
    } = shape.heads;
    let mut document_of = vec![0; packing.rows()];
    for (number, rows) in packing.documents().enumerate() {
        document_of[rows].fill(number);
    }
    let at = |row: usize, column: usize| &qkv[row * shape.columns() + column..][..width];
    let mut out = Vec::new();
    for row in 0..packing.rows() {
        let seen: Vec<usize> = (0..=row)
            .filter(|&p| document_of[p] == document_of[row])
            .collect();
        for head in 0..query {
            let kept = query + head / (query / key_value);
            let q = at(row, head * width);
            let score = |p: &usize| {
                let dot: f64 = q.iter().zip(at(*p, kept * width)).map(|(a, b)| a * b).sum();
                (dot / (width as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = seen.iter().map(score).collect();
            let total: f64 = scores.iter().sum();
            let mut sum = vec![0.0; width];
            for (p, score) in seen.iter().zip(scores) {
                let v = at(*p, (kept + key_value) * width);
                sum.iter_mut()
                    .zip(v)
                    .for_each(|(s, v)| *s += score / total * v);
            }
            out.extend(sum);
        }
    }
    out
}
