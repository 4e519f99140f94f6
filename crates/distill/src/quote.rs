//! The quote: what a run is expected to need, and whether it should be run at all, from what a
//! probe and a small evaluation measured. Pure.

use record::{Amount, Money, Quote, Real};
use trainer::protocol::Probed;

use crate::measure::{Resampling, bootstrap, paired_difference};
use crate::spec::Spec;

/// Below this share of common likeliest tokens the student does not sample what the teacher can
/// grade: it needs texts first.
const LEAST_OVERLAP: f64 = 0.35;
/// How far a machine's speed wanders.
const WANDER: f64 = 0.15;

/// What was measured before the quote.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// The probe; `None` where the run learns from texts only.
    pub probed: Option<&'a Probed>,
    /// Of each item of the small evaluation, whether the start model was right.
    pub start: &'a [bool],
    /// The same of the teacher; empty where it is elsewhere.
    pub teacher: &'a [bool],
    /// Tokens of the start model's answers.
    pub lengths: &'a [u64],
    /// Tokens of a prompt of the teacher's, as far as is known without its tokenizer.
    pub prompt: f64,
    /// Seconds that an item of the hold-out takes, of the start model and of the teacher.
    pub seconds_an_item: [f64; 2],
    /// Items of the whole hold-out.
    pub holdout: usize,
}

/// The quote.
pub fn quote(spec: &Spec, measured: &Measured<'_>) -> Quote {
    let (verdict, why) = verdict(spec, measured);
    let (seconds, tokens) = expected(spec, measured);
    let price = |seconds: f64, tokens: f64| {
        let bought = match &spec.teacher.served {
            Some(served) => served.prices.worst(tokens.ceil() as u64, 0).money,
            None => Money::ZERO,
        };
        Amount {
            money: spec.budget.machine(seconds).plus(bought),
            tokens: tokens.ceil() as u64,
        }
    };
    let (narrow, wide) = spread(measured.lengths);
    let seconds = [
        seconds * narrow * (1.0 - WANDER),
        seconds,
        seconds * wide * (1.0 + WANDER),
    ];
    let tokens = [tokens * narrow, tokens, tokens * wide];
    let real = |value: f64| Real::new(value).or_else(|| Real::new(0.0));
    let reals = seconds.map(|value| real(value).expect("zero is finite"));
    Quote {
        verdict: verdict.to_owned(),
        why,
        amount: [0, 1, 2].map(|i| price(seconds[i], tokens[i])),
        seconds: reals,
    }
}

/// How much shorter or longer answers may be than those seen, as factors.
fn spread(lengths: &[u64]) -> (f64, f64) {
    let lengths: Vec<f64> = lengths.iter().map(|l| *l as f64).collect();
    let mean = bootstrap(&lengths, Resampling::default());
    match mean.value > 0.0 {
        true => (mean.low / mean.value, mean.high / mean.value),
        false => (0.5, 2.0),
    }
}

/// Seconds of the machine and tokens of the teacher.
fn expected(spec: &Spec, measured: &Measured<'_>) -> (f64, f64) {
    let (mut seconds, mut tokens) = (0.0, 0.0);
    let probed = measured.probed;
    // Without a probe: an answer is sampled, and learnt in about the same time.
    let step = probed.map_or(2.0 * measured.seconds_an_item[0], |p| {
        p.seconds.sampling + p.seconds.scoring + p.seconds.learning + p.seconds.refreshing
    });
    let answers = probed.map_or(1.0, |p| f64::from(p.answers.max(1)));
    let length = measured.lengths.iter().sum::<u64>() as f64;
    let length = length / measured.lengths.len().max(1) as f64;
    let token = probed.map_or(measured.prompt + length, |p| {
        (p.tokens.teacher_prompt + p.tokens.answer) as f64 / answers
    });
    let batch = |stage: &crate::spec::Stage| {
        f64::from(stage.learning.batch) * f64::from(stage.learning.samples)
    };
    if let Some(stage) = &spec.stages.on_policy {
        let steps = stage.steps as f64;
        seconds += steps * step * batch(stage) / answers;
        tokens += steps * token * batch(stage);
    }
    if let Some(stage) = &spec.stages.cold_start {
        // No sampling and no scoring: about what learning takes.
        let learning = probed.map_or(0.0, |p| p.seconds.learning);
        seconds += stage.steps as f64 * learning * batch(stage) / answers;
        seconds += measured.seconds_an_item[1] * stage.steps as f64 * batch(stage);
        tokens += stage.steps as f64 * token * batch(stage);
    }
    let every = spec.evaluate.every;
    let steps = spec.stages.on_policy.as_ref().map_or(0, |s| s.steps);
    let evaluations = match every {
        0 => 1,
        every => steps.div_ceil(every).max(1),
    };
    let items = measured.holdout as f64;
    let [start, teacher] = measured.seconds_an_item;
    seconds += items * (start * (1.0 + evaluations as f64) + teacher);
    (seconds, tokens)
}

/// `go`, `cold_start_first` or `do_not`, with why.
fn verdict(spec: &Spec, measured: &Measured<'_>) -> (&'static str, String) {
    if let Some(tokenizers) = measured.probed.and_then(|probed| probed.tokenizers)
        && !tokenizers.same
    {
        return (
            "do_not",
            format!(
                "the tokenizers differ: of {} tokens of the student's the teacher has {}; name a teacher of the same family",
                tokenizers.student, tokenizers.shared
            ),
        );
    }
    let mut why = String::new();
    if !measured.teacher.is_empty() {
        let as_scores = |right: &[bool]| -> Vec<f64> {
            right.iter().map(|r| f64::from(u8::from(*r))).collect()
        };
        let (start, teacher) = (as_scores(measured.start), as_scores(measured.teacher));
        let gap = paired_difference(&teacher, &start, Resampling::default());
        why = format!(
            "on {} items the teacher is {:.1} points over the start ({:.1} to {:.1})",
            start.len(),
            gap.value * 100.0,
            gap.low * 100.0,
            gap.high * 100.0
        );
        if gap.value <= 0.0 {
            return (
                "do_not",
                format!("there is no gap to close: {why}; choose another teacher"),
            );
        }
        if gap.low <= 0.0 {
            why.push_str("; so few items do not show it surely");
        }
    }
    let overlap = measured.probed.and_then(|probed| probed.metrics.overlap);
    if let Some(overlap) = overlap
        && overlap < LEAST_OVERLAP
        && spec.stages.cold_start.is_none()
    {
        return (
            "cold_start_first",
            format!(
                "student and teacher share {:.0} % of their likeliest tokens on the student's answers; {why}",
                overlap * 100.0
            ),
        );
    }
    ("go", why)
}
