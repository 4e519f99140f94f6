//! When a run is stopped by itself: bounds on what steps and evaluations measure. Pure.

use record::{Alarm, Metric, Stage};

use crate::spec::Alarms;
use crate::state::State;

/// Steps that tell how it was at the start, and that must be there before anything is compared.
const FIRST: usize = 5;

/// A bound that was crossed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossed {
    /// Which.
    pub alarm: Alarm,
    /// What was measured.
    pub value: f64,
    /// Its bound.
    pub bound: f64,
}

/// Looks at the last step of a stage. Single steps are noisy, so shares and lengths are means of
/// the last five; a gradient or a distance that jumps is told at once.
pub fn after_step(state: &State, stage: Stage) -> Option<Crossed> {
    let bounds = &state.spec.alarms;
    let steps = state.steps.range((stage, 0)..=(stage, u64::MAX));
    let steps: Vec<_> = steps.map(|(_, step)| step).collect();
    let series = |metric| -> Vec<f64> { steps.iter().filter_map(|s| s.get(metric)).collect() };
    let crossed = |alarm, value: f64, bound: f64| Crossed {
        alarm,
        value,
        bound,
    };
    let over = |alarm, metric, bound: f64| {
        let value = recent(&series(metric))?;
        (bound > 0.0 && value > bound).then(|| crossed(alarm, value, bound))
    };
    let against_first = |metric, factor: f64| {
        let all = series(metric);
        let start = mean(all.get(..FIRST)?)?;
        (factor > 0.0 && all.len() > FIRST).then_some((recent(&all)?, start * factor))
    };
    let length = against_first(Metric::Length, bounds.length)
        .filter(|(value, bound)| value > bound)
        .map(|(value, bound)| crossed(Alarm::Length, value, bound));
    let entropy = against_first(Metric::Entropy, bounds.entropy)
        .filter(|(value, bound)| value < bound)
        .map(|(value, bound)| crossed(Alarm::Entropy, value, bound));
    // A start model that is cut off or repeats itself is no news.
    let grown = |metric: Metric| {
        let all = series(metric);
        let start = all.get(..FIRST).and_then(mean).unwrap_or(0.0);
        recent(&all).is_some_and(|now| all.len() > FIRST && now > start)
    };
    over(Alarm::Cut, Metric::Cut, bounds.cut)
        .filter(|_| grown(Metric::Cut))
        .or(length)
        .or_else(|| {
            over(Alarm::Repetition, Metric::Repetition, bounds.repetition)
                .filter(|_| grown(Metric::Repetition))
        })
        .or(entropy)
        .or_else(|| {
            jump(
                Alarm::Gradient,
                &series(Metric::GradientNorm),
                bounds.gradient,
            )
        })
        .or_else(|| jump(Alarm::Kl, &series(Metric::Kl), bounds.kl))
}

/// Looks at the evaluations: whether the hold-out's score fell so many times in a row.
pub fn after_evaluation(state: &State, bounds: &Alarms) -> Option<Crossed> {
    let falls = bounds.holdout as usize;
    let scores: Vec<f64> = state
        .evaluations
        .iter()
        .map(|e| e.score.score.value.get())
        .collect();
    let last = scores.get(scores.len().checked_sub(falls + 1)?..)?;
    let fell = falls > 0 && last.windows(2).all(|pair| pair[1] < pair[0]);
    fell.then(|| Crossed {
        alarm: Alarm::Holdout,
        value: last[falls],
        bound: last[0],
    })
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn recent(values: &[f64]) -> Option<f64> {
    mean(values.get(values.len().checked_sub(FIRST)?..)?)
}

/// The last value against the median of those before.
fn jump(alarm: Alarm, values: &[f64], factor: f64) -> Option<Crossed> {
    let (&value, before) = values.split_last()?;
    if before.len() < FIRST || factor <= 0.0 {
        return None;
    }
    let mut sorted = before.to_vec();
    sorted.sort_by(f64::total_cmp);
    let bound = sorted[sorted.len() / 2] * factor;
    (bound > 0.0 && value > bound).then_some(Crossed {
        alarm,
        value,
        bound,
    })
}
