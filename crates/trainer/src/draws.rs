//! Random draws from a teacher's distribution: a few ids stand for its whole vocabulary, and the mean of
//! the gradient is that of the whole. Who comes to the same step again draws the same.

use crate::error::Result;
use crate::random;
use crate::teacher::Taught;
use lm::device::Cpu;
use lm::loss;
use lm::train::{Head, Hidden};

/// Rows whose logits are in memory at once.
const ROWS: usize = 64;

/// How is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws {
    /// Draws a token.
    pub(crate) count: usize,
    /// Divides the teacher's logits.
    pub(crate) temperature: f64,
}

/// Draws ids for each of an answer's tokens from the teacher's rows, which are let go.
pub(crate) fn draw(
    taught: &mut Taught,
    draws: Draws,
    (device, head, width): (&Cpu, &Head<Cpu>, usize),
    seed: u64,
) -> Result<()> {
    let values = std::mem::take(&mut taught.hidden);
    let hidden = Hidden::of_rows(device, width, &values)?;
    let rows = values.len() / width.max(1);
    for first in (0..rows).step_by(ROWS) {
        let here = ROWS.min(rows - first);
        let logits = head.logits(device, &hidden, (first, here))?;
        for (row, logits) in logits.chunks_exact(logits.len() / here).enumerate() {
            let logprobs = logprobs(logits, draws.temperature);
            let (mut ids, mut weights) = (Vec::new(), Vec::new());
            let mut number = 0;
            let mut uniform = || {
                number += 1;
                random::uniform(seed, (first + row) as u64, number)
            };
            let out = (&mut ids, &mut weights);
            loss::draw(&logprobs, (draws.count, 1.0), &mut uniform, out);
            taught.drawn.push((ids, weights));
        }
    }
    Ok(())
}

/// Log-probabilities at a temperature.
fn logprobs(logits: &[f32], temperature: f64) -> Vec<f32> {
    let scaled = |logit: f32| f64::from(logit) / temperature;
    let most = logits
        .iter()
        .map(|&l| scaled(l))
        .fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|&l| (scaled(l) - most).exp()).sum();
    let norm = most + sum.ln();
    logits.iter().map(|&l| (scaled(l) - norm) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lm::Family;
    use lm::testing::tiny_gguf;

    #[test]
    fn the_mean_of_draws_is_the_distribution() {
        let device = Cpu::new(1).unwrap();
        let bytes = tiny_gguf(Family::Llama, 1);
        let files = lm::ModelFiles::from_bytes(&bytes).unwrap();
        let head = Head::open(&device, &files).unwrap();
        let width = files.config().width;
        let row: Vec<f32> = (0..width).map(|i| ((i * 37) % 11) as f32 - 5.0).collect();
        let taught = || Taught {
            hidden: row.repeat(3),
            ..Taught::default()
        };
        let draws = Draws {
            count: 20_000,
            temperature: 2.0,
        };
        let mut told = taught();
        draw(&mut told, draws, (&device, &head, width), 7).unwrap();
        assert_eq!((told.drawn.len(), told.hidden.len()), (3, 0));
        let hidden = Hidden::of_rows(&device, width, &row).unwrap();
        let logits = head.logits(&device, &hidden, (0, 1)).unwrap();
        let whole: Vec<f64> = logprobs(&logits, 2.0)
            .iter()
            .map(|&lp| f64::from(lp).exp())
            .collect();
        for (ids, weights) in &told.drawn {
            let mut apart: f64 = whole.iter().sum();
            for (&id, &weight) in ids.iter().zip(weights) {
                let p = whole[id as usize];
                apart += (f64::from(weight) - p).abs() - p;
            }
            assert!(apart < 0.1, "{apart}");
        }
        // Another row or seed draws others, and the same the same.
        assert_ne!(told.drawn[0], told.drawn[1]);
        let mut again = taught();
        draw(&mut again, draws, (&device, &head, width), 7).unwrap();
        assert_eq!(again, told);
        draw(&mut again, draws, (&device, &head, width), 7).unwrap();
        assert_eq!(again.drawn.len(), 3);
    }
}
