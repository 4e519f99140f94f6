//! Numbers of a run over its steps: measurements, scores on the hold-out, what was spent.

use std::collections::BTreeMap;

use ::distill::State;
use record::{Amount, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::{interval, named};

/// A number over the steps of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// What, such as `loss` or `kl`.
    pub metric: String,
    /// In which stage.
    pub stage: String,
    /// The steps that were taken, in order.
    pub steps: Vec<u64>,
    /// The number in each of them.
    pub values: Vec<f64>,
}

/// A measured student.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// In which stage.
    pub stage: String,
    /// After which step.
    pub step: u64,
    /// The score.
    pub score: f64,
    /// The lower bound of its 95 % interval.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
    /// Over how many items.
    pub items: u64,
}

/// What was spent by the end of a step, all that came before it together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spent {
    /// Steps that were taken and stand, of all stages.
    pub steps: u64,
    /// Dollars.
    pub dollars: String,
    /// Tokens of the teacher.
    pub tokens: u64,
}

/// A curve for each number that was measured in a stage.
pub(super) fn curves(state: &State) -> Vec<Curve> {
    let mut curves: BTreeMap<(Stage, String), Curve> = BTreeMap::new();
    for ((stage, step), taken) in &state.steps {
        for measure in &taken.measures {
            let metric = named(&measure.metric);
            let curve = curves
                .entry((*stage, metric.clone()))
                .or_insert_with(|| Curve {
                    metric,
                    stage: named(stage),
                    steps: Vec::new(),
                    values: Vec::new(),
                });
            curve.steps.push(*step);
            curve.values.push(measure.value.get());
        }
    }
    curves.into_values().collect()
}

/// The student's scores, in order.
pub(super) fn scores(state: &State) -> Vec<Point> {
    let scores = state.evaluations.iter().map(|evaluation| {
        let [low, score, high] = interval(&evaluation.score);
        Point {
            stage: named(&evaluation.stage),
            step: evaluation.step,
            score,
            low,
            high,
            items: evaluation.score.items,
        }
    });
    scores.collect()
}

/// What was spent after each step that stands.
pub(super) fn spent(course: &BTreeMap<u64, Amount>) -> Vec<Spent> {
    let points = course.iter().map(|(steps, spent)| Spent {
        steps: *steps,
        dollars: spent.money.to_string(),
        tokens: spent.tokens,
    });
    points.collect()
}
