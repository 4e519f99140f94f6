//! The quote: what a run is expected to need, and whether it should be run at all, from what a
//! probe and a small evaluation measured. Pure.

use record::{Amount, Money, Quote, Real};
use trainer::protocol::{Probed, Stage};

use crate::measure::{Resampling, Rule, bootstrap, paired_difference};
use crate::spec::Spec;

/// Below this share of common likeliest tokens the student does not sample what the teacher can
/// grade: it needs texts first.
const LEAST_OVERLAP: f64 = 0.35;
/// How far a machine's speed wanders.
const WANDER: f64 = 0.15;
/// Items of the smoke test.
const SMOKE: usize = 16;

/// How quickly answers come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Seconds until the model is loaded.
    pub loading: f64,
    /// Seconds of an answer.
    pub each: f64,
}

/// What was measured before the quote.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// The probe; `None` where the run learns from texts only.
    pub probed: Option<&'a Probed>,
    /// Of each item of the small evaluation, how good the start model was: 1 where it was right, or
    /// log-probabilities.
    pub start: &'a [f64],
    /// The same of the teacher; empty where it was not asked.
    pub teacher: &'a [f64],
    /// Tokens of the start model's answers.
    pub lengths: &'a [u64],
    /// Tokens of the teacher's; empty where it was not asked.
    pub teacher_lengths: &'a [u64],
    /// Tokens of a prompt of the teacher's, as far as is known.
    pub prompt: f64,
    /// Of the start model and of the teacher.
    pub speeds: [Speed; 2],
    /// Items to learn from.
    pub items: usize,
    /// Items of the whole hold-out.
    pub holdout: usize,
    /// Of these, those whose teacher's answers are bought already.
    pub known: usize,
    /// What the run has cost until now, this included.
    pub spent: Amount,
}

/// What a run needs from here on.
#[derive(Debug, Clone, Copy, Default)]
struct Needs {
    /// Seconds of the machine.
    seconds: f64,
    /// Tokens that the teacher reads.
    read: f64,
    /// Tokens that it writes.
    written: f64,
}

/// The quote: seconds from here on, and what the run will have cost in the end.
pub fn quote(spec: &Spec, measured: &Measured<'_>) -> Quote {
    let (verdict, why) = verdict(spec, measured);
    let (narrow, wide) = spread(measured.lengths);
    // A student's answers become as long as the teacher's, sooner or later.
    let end = lengthening(measured);
    let needs = [
        expected(spec, measured, end.min(1.0) * narrow),
        expected(spec, measured, f64::midpoint(1.0, end)),
        expected(spec, measured, end.max(1.0) * wide),
    ];
    let seconds = [
        needs[0].seconds * (1.0 - WANDER),
        needs[1].seconds,
        needs[2].seconds * (1.0 + WANDER),
    ];
    let price = |seconds: f64, needs: &Needs| {
        let whole = |tokens: f64| tokens.ceil() as u64;
        let bought = match &spec.teacher.served {
            Some(served) => {
                served
                    .prices
                    .worst(whole(needs.read), whole(needs.written))
                    .money
            }
            None => Money::ZERO,
        };
        measured.spent.plus(Amount {
            money: spec.budget.machine(seconds).plus(bought),
            tokens: whole(needs.read + needs.written),
        })
    };
    let real = |value: f64| Real::new(value).or_else(|| Real::new(0.0));
    Quote {
        verdict: verdict.to_owned(),
        why,
        amount: [0, 1, 2].map(|i| price(seconds[i], &needs[i])),
        seconds: seconds.map(|value| real(value).expect("zero is finite")),
    }
}

/// The mean of counts; 0 of none.
pub(crate) fn mean(counts: impl ExactSizeIterator<Item = u64>) -> f64 {
    let many = counts.len().max(1) as f64;
    counts.sum::<u64>() as f64 / many
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

/// The length of the teacher's answers in those of the start model; 1 where it is not known.
fn lengthening(measured: &Measured<'_>) -> f64 {
    let start = mean(measured.lengths.iter().copied());
    let teacher = mean(measured.teacher_lengths.iter().copied());
    match start > 0.0 && teacher > 0.0 {
        true => teacher / start,
        false => 1.0,
    }
}

/// What a run needs, where the student's answers are on the average `longer` times as long as the
/// start model's.
fn expected(spec: &Spec, measured: &Measured<'_>, longer: f64) -> Needs {
    let mut needs = Needs::default();
    let [start, teacher] = measured.speeds;
    let length = mean(measured.lengths.iter().copied());
    let teachers = match measured.teacher_lengths {
        [] => length,
        lengths => mean(lengths.iter().copied()),
    };
    let batch = |stage: &crate::spec::Stage| {
        f64::from(stage.learning.batch) * f64::from(stage.learning.samples)
    };
    let answer = Answer::of(measured, longer);
    let mut evaluations = 0;
    if let Some(stage) = &spec.stages.on_policy {
        let answers = stage.steps as f64 * batch(stage);
        needs.seconds += answers * (answer.sampling + answer.scoring + answer.learning);
        let each = |p: &Probed| p.seconds.refreshing + p.updating;
        needs.seconds += stage.steps as f64 * measured.probed.map_or(0.0, each);
        if stage.learning.loss.kind.asks_teacher(Stage::OnPolicy) {
            needs.read += answers * answer.read;
        }
        evaluations = match spec.evaluate.every {
            0 => 1,
            every => stage.steps.div_ceil(every),
        };
    }
    if let Some(stage) = &spec.stages.cold_start {
        let answers = stage.steps as f64 * batch(stage);
        // What is learnt is as long as the teacher writes.
        let sampled = measured.probed.map_or(length, |p| {
            p.tokens.answer as f64 / f64::from(p.answers.max(1))
        });
        let answer = Answer::of(measured, teachers / sampled.max(1.0));
        needs.seconds += answers * answer.learning;
        needs.seconds += stage.steps as f64 * measured.probed.map_or(0.0, |p| p.updating);
        // Learning the answers' tokens alone asks for no scores.
        if stage.learning.loss.kind.asks_teacher(Stage::ColdStart) {
            needs.seconds += answers * answer.scoring;
            needs.read += answers * (measured.prompt + teachers);
        }
        // Pairs are in the rows already.
        let items = match spec.has_pairs() {
            true => 0.0,
            false => measured.items as f64,
        };
        needs.seconds += teacher.loading + items * teacher.each;
        needs.read += items * measured.prompt;
        needs.written += items * teachers;
        evaluations = evaluations.max(1);
    }
    let (holdout, smoke) = (measured.holdout as f64, measured.items.min(SMOKE) as f64);
    let local = spec.teacher.model.is_some();
    // The start model, and each student.
    needs.seconds += start.loading + holdout * start.each;
    needs.seconds += f64::from(u32::try_from(evaluations).unwrap_or(u32::MAX))
        * (start.loading + holdout * start.each * longer);
    needs.seconds += start.loading + smoke * start.each;
    let mut asked = if local { smoke } else { 0.0 };
    if spec.measures_teacher() {
        asked += holdout - measured.known as f64;
    }
    if asked > 0.0 {
        let loads = f64::from(1 + u8::from(local && spec.measures_teacher()));
        needs.seconds += loads * teacher.loading + asked * teacher.each;
        needs.read += asked * measured.prompt;
        needs.written += asked * teachers;
    }
    needs
}

/// What an answer that is learnt from takes.
struct Answer {
    /// Seconds until it is written.
    sampling: f64,
    /// Seconds until it is scored.
    scoring: f64,
    /// Seconds until it is learnt.
    learning: f64,
    /// Tokens that the teacher reads.
    read: f64,
}

impl Answer {
    /// An answer `longer` times as long as the probe's.
    fn of(measured: &Measured<'_>, longer: f64) -> Self {
        let length = mean(measured.lengths.iter().copied());
        let Some(p) = measured.probed else {
            // An answer is sampled, and learnt in about the same time.
            let each = measured.speeds[0].each * longer;
            return Self {
                sampling: each,
                scoring: 0.0,
                learning: each,
                read: measured.prompt + length * longer,
            };
        };
        let answers = f64::from(p.answers.max(1));
        let tokens = &p.tokens;
        // Prompt and answer are learnt together, and the answer alone grows.
        let (prompt, answer) = (tokens.student_prompt as f64, tokens.answer as f64);
        let grown = (prompt + answer * longer) / (prompt + answer).max(1.0) / answers;
        let seconds = &p.seconds;
        Self {
            sampling: seconds.sampling * longer / answers,
            scoring: seconds.scoring * grown,
            learning: seconds.learning * grown,
            read: (tokens.teacher_prompt as f64 + tokens.answer as f64 * longer) / answers,
        }
    }
}

/// `go`, `cold_start_first` or `do_not`, with why.
fn verdict(spec: &Spec, measured: &Measured<'_>) -> (&'static str, String) {
    if let Some(tokenizers) = measured.probed.and_then(|probed| probed.tokenizers)
        && !tokenizers.same
        && !spec.is_between_vocabularies()
    {
        return (
            "do_not",
            format!(
                "the tokenizers differ: of {} tokens of the student's the teacher has {}; name a teacher of the same family, or learn by `uld`",
                tokenizers.student, tokenizers.shared
            ),
        );
    }
    let mut why = String::new();
    if !measured.teacher.is_empty() {
        let (start, teacher) = (measured.start, measured.teacher);
        let gap = paired_difference(teacher, start, Resampling::default());
        let (unit, times, digits) = match spec.evaluate.scorer {
            Rule::Perplexity => ("nats a token", 1.0, 3),
            _ => ("points", 100.0, 1),
        };
        let told = |value: f64| format!("{:.digits$}", value * times);
        why = format!(
            "on {} items the teacher is {} {unit} over the start ({} to {})",
            start.len(),
            told(gap.value),
            told(gap.low),
            told(gap.high)
        );
        // Where only a judge teaches, the teacher may be as weak as it likes.
        let taught = |stage: &crate::spec::Stage, at| stage.learning.loss.kind.asks_teacher(at);
        let own = spec.stages.on_policy.as_ref();
        let judged = (spec.stages.cold_start.is_none() || spec.has_pairs())
            && own.is_none_or(|stage| !taught(stage, Stage::OnPolicy));
        if gap.value <= 0.0 && !judged {
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
