//! When a run is stopped by itself: bounds on what steps and evaluations measure. Pure.

use record::{Alarm, Metric, Stage};

use crate::spec::Alarms;
use crate::state::{State, merit};

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
    let fallen = |alarm, metric, share: f64| {
        against_first(metric, share)
            .filter(|(value, bound)| value < bound)
            .map(|(value, bound)| crossed(alarm, value, bound))
    };
    // Counted a step; told as shares of what was learnt.
    let share = |alarm, metric, bound: f64| {
        let counts = series(metric).into_iter().zip(series(Metric::Tokens));
        let shares: Vec<f64> = counts.map(|(n, of)| n / of.max(1.0)).collect();
        let value = recent(&shares)?;
        (bound > 0.0 && value > bound).then(|| crossed(alarm, value, bound))
    };
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
        .or_else(|| fallen(Alarm::Entropy, Metric::Entropy, bounds.entropy))
        .or_else(|| fallen(Alarm::Overlap, Metric::Overlap, bounds.overlap))
        .or_else(|| share(Alarm::Saturated, Metric::Saturated, bounds.saturated))
        .or_else(|| share(Alarm::Clamped, Metric::Clamped, bounds.clamped))
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
    let scores: Vec<f64> = state.evaluations.iter().map(|e| merit(&e.score)).collect();
    let last = scores.get(scores.len().checked_sub(falls + 1)?..)?;
    let fell = falls > 0 && last.windows(2).all(|pair| pair[1] < pair[0]);
    fell.then(|| Crossed {
        alarm: Alarm::Holdout,
        value: last[falls].abs(),
        bound: last[0].abs(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::created;
    use crate::state::Step;
    use record::{Measure, Real};

    /// What goes off after steps whose numbers are these.
    fn after(steps: u64, number: impl Fn(Metric, u64) -> f64) -> Option<Alarm> {
        let mut state = State::new(&created(false, true)).unwrap();
        for step in 1..=steps {
            let measures = [
                Metric::Cut,
                Metric::Length,
                Metric::Repetition,
                Metric::Entropy,
                Metric::Overlap,
                Metric::Saturated,
                Metric::Clamped,
                Metric::Tokens,
                Metric::GradientNorm,
                Metric::Kl,
            ]
            .map(|metric| Measure {
                metric,
                value: Real::new(number(metric, step)).unwrap(),
            });
            let items = [0; 32];
            let measures = measures.to_vec();
            let step = (Stage::OnPolicy, step);
            state.steps.insert(step, Step { items, measures });
        }
        after_step(&state, Stage::OnPolicy).map(|crossed| crossed.alarm)
    }

    /// A run in which nothing happens.
    fn calm(metric: Metric) -> f64 {
        match metric {
            Metric::Cut | Metric::Repetition => 0.01,
            Metric::Saturated | Metric::Clamped => 1.0,
            Metric::Tokens | Metric::Length => 100.0,
            _ => 0.6,
        }
    }

    #[test]
    fn each_alarm_goes_off_for_its_own_reason_and_none_for_nothing() {
        assert_eq!(after(40, |metric, _| calm(metric)), None);
        for (moves, to, alarm) in [
            (Metric::Cut, 0.9, Alarm::Cut),
            (Metric::Length, 300.0, Alarm::Length),
            (Metric::Repetition, 0.9, Alarm::Repetition),
            (Metric::Entropy, 0.01, Alarm::Entropy),
            (Metric::Overlap, 0.1, Alarm::Overlap),
            (Metric::Saturated, 80.0, Alarm::Saturated),
            (Metric::Clamped, 80.0, Alarm::Clamped),
            (Metric::GradientNorm, 60.0, Alarm::Gradient),
            (Metric::Kl, 60.0, Alarm::Kl),
        ] {
            let number = |metric, step| match metric == moves && step > 20 {
                true => to,
                false => calm(metric),
            };
            assert_eq!(after(20, number), None, "{alarm:?}");
            // A jump is told at once, the others are means of five.
            let jumps = matches!(alarm, Alarm::Gradient | Alarm::Kl);
            assert_eq!(after(if jumps { 21 } else { 30 }, number), Some(alarm));
        }
    }
}
