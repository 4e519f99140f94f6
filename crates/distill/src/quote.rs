//! The quote: what a run is expected to need, and whether it should be run at all, from what a
//! probe and a small evaluation measured. Pure.

use record::{Amount, Money, Quote, Real};
use serde::{Deserialize, Serialize};
use trainer::protocol::{Probed, Stage};

use crate::drive::SMOKE;
use crate::measure::{Resampling, Rule, bootstrap};
use crate::spec::Spec;

mod verdict;

use verdict::verdict;

/// How far a machine's speed wanders.
const WANDER: f64 = 0.15;
/// How quickly answers come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
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
    /// Of the start model.
    pub speed: Speed,
    /// Items to learn from.
    pub items: usize,
    /// Items of the whole hold-out.
    pub holdout: usize,
    /// Each teacher, by its number.
    pub teachers: &'a [OfTeacher],
    /// What the run has cost until now, this included.
    pub spent: Amount,
}

/// What was measured of one teacher before the quote.
#[derive(Debug, Clone, PartialEq)]
pub struct OfTeacher {
    /// Its items to learn from.
    pub items: usize,
    /// Its items of the whole hold-out.
    pub holdout: usize,
    /// Of these, those whose answers are bought already.
    pub known: usize,
    /// Of its items of the small evaluation, how good the start model was.
    pub start: Vec<f64>,
    /// How good it was itself; empty where it was not asked.
    pub right: Vec<f64>,
    /// Tokens of its answers; empty where it was not asked.
    pub lengths: Vec<u64>,
    /// Tokens of a prompt of its own, as far as is known.
    pub prompt: f64,
    /// How quickly its answers come.
    pub speed: Speed,
}

/// What a run needs from here on.
#[derive(Debug, Clone)]
struct Needs {
    /// Seconds of the machine.
    seconds: f64,
    /// Tokens that each teacher reads and writes, by its number.
    tokens: Vec<(f64, f64)>,
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
        let mut bought = Money::ZERO;
        for (teacher, (read, written)) in spec.all_teachers().zip(&needs.tokens) {
            if let Some(served) = &teacher.served {
                let worst = served.prices.worst(whole(*read), whole(*written));
                bought = bought.plus(worst.money);
            }
        }
        let tokens = needs.tokens.iter().map(|(read, written)| read + written);
        measured.spent.plus(Amount {
            money: spec.budget.machine(seconds).plus(bought),
            tokens: whole(tokens.sum()),
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
    let mut needs = Needs {
        seconds: 0.0,
        tokens: vec![(0.0, 0.0); measured.teachers.len()],
    };
    let length = mean(measured.lengths.iter().copied());
    let teachers = match measured.teacher_lengths {
        [] => length,
        lengths => mean(lengths.iter().copied()),
    };
    let mut evaluations = 0;
    if let Some(stage) = &spec.stages.on_policy {
        let answer = Answer::of(measured, longer);
        let answers = answers_of(stage, f64::from(stage.learning.samples));
        needs.seconds += answers * (answer.sampling + answer.learning);
        let each = |p: &Probed| p.seconds.refreshing + p.updating;
        needs.seconds += stage.steps as f64 * measured.probed.map_or(0.0, each);
        if stage.learning.loss.kind.asks_teacher(Stage::OnPolicy) {
            needs.seconds += answers * answer.scoring;
            for ((read, _), teacher) in needs.tokens.iter_mut().zip(measured.teachers) {
                let each = measured.prompt(teacher) + answer.length;
                *read += answers * measured.share(teacher) * each;
            }
        }
        evaluations = match spec.evaluate.every {
            0 => 1,
            every => stage.steps.div_ceil(every),
        };
    }
    if let Some(stage) = &spec.stages.cold_start {
        // What is learnt is as long as the teacher writes.
        let sampled = measured.probed.map_or(length, |p| {
            p.tokens.answer as f64 / f64::from(p.answers.max(1))
        });
        let answer = Answer::of(measured, teachers / sampled.max(1.0));
        needs.cold((spec, stage), measured, (&answer, teachers));
        evaluations = evaluations.max(1);
    }
    // The start model, and each student.
    let (start, holdout) = (measured.speed, measured.holdout as f64);
    needs.seconds += start.loading + holdout * start.each;
    needs.seconds += f64::from(u32::try_from(evaluations).unwrap_or(u32::MAX))
        * (start.loading + holdout * start.each * longer);
    needs.seconds += start.loading + measured.items.min(SMOKE) as f64 * start.each;
    needs.asked(spec, measured, teachers);
    needs
}

/// Answers that a stage learns from, with so many to an item.
fn answers_of(stage: &crate::spec::Stage, each: f64) -> f64 {
    stage.steps as f64 * f64::from(stage.learning.batch) * each
}

/// What learning an answer of a given pair takes, in what learning an answer was found to take.
fn pairing(spec: &Spec, measured: &Measured<'_>) -> f64 {
    let own = spec.stages.on_policy.as_ref();
    let own = own.filter(|stage| stage.learning.loss.kind.is_of_pairs());
    match own {
        // Probed as pairs: of an item's answers two were learnt.
        Some(stage) if measured.probed.is_some() => f64::from(stage.learning.samples) / 2.0,
        // The start model and the student each score both answers before they are learnt.
        _ => 2.0,
    }
}

impl Measured<'_> {
    /// A teacher's share of the items to learn from.
    fn share(&self, teacher: &OfTeacher) -> f64 {
        teacher.items as f64 / self.items.max(1) as f64
    }

    /// Tokens of a teacher's prompt, in the mean over its items.
    fn prompt(&self, teacher: &OfTeacher) -> f64 {
        match (self.teachers, self.probed) {
            // Where it is the only one, the probe's are its own.
            ([_], Some(p)) if p.tokens.teacher_prompt > 0 => {
                p.tokens.teacher_prompt as f64 / f64::from(p.answers.max(1))
            }
            _ => teacher.prompt,
        }
    }

    /// Seconds of a teacher's answer, in the mean over the items.
    fn teaching(&self) -> f64 {
        let all = self.teachers.iter();
        all.map(|teacher| teacher.speed.each * self.share(teacher))
            .sum()
    }
}

impl OfTeacher {
    /// The mean length of its answers; `else_` where it was not asked.
    fn length(&self, else_: f64) -> f64 {
        match self.lengths.is_empty() {
            true => else_,
            false => mean(self.lengths.iter().copied()),
        }
    }
}

impl Needs {
    /// Of a cold start: its steps, and the texts that it learns from.
    fn cold(
        &mut self,
        (spec, stage): (&Spec, &crate::spec::Stage),
        measured: &Measured<'_>,
        (answer, length): (&Answer, f64),
    ) {
        // Given answers: one to an item, of pairs two.
        let (each, learning) = match spec.has_pairs() {
            true => (2.0, answer.learning * pairing(spec, measured)),
            false => (1.0, answer.learning),
        };
        let answers = answers_of(stage, each);
        self.seconds += answers * learning;
        self.seconds += stage.steps as f64 * measured.probed.map_or(0.0, |p| p.updating);
        // Learning the answers' tokens alone asks for no scores.
        let scored = stage.learning.loss.kind.asks_teacher(Stage::ColdStart);
        if scored {
            self.seconds += answers * answer.scoring;
        }
        for ((read, written), teacher) in self.tokens.iter_mut().zip(measured.teachers) {
            let items = teacher.items as f64;
            let length = teacher.length(length);
            if scored {
                *read += answers * measured.share(teacher) * (teacher.prompt + length);
            }
            // Pairs are in the rows already.
            if spec.has_pairs() {
                continue;
            }
            if teacher.items > 0 {
                self.seconds += teacher.speed.loading + items * teacher.speed.each;
            }
            *read += items * teacher.prompt;
            *written += items * length;
        }
    }

    /// Of the smoke test and the hold-out: what teachers are asked there.
    fn asked(&mut self, spec: &Spec, measured: &Measured<'_>, length: f64) {
        let measures = spec.measures_teacher();
        let smoke = (SMOKE / measured.teachers.len().max(1)).max(1);
        let all = spec.all_teachers().zip(measured.teachers);
        for ((settings, teacher), (read, written)) in all.zip(&mut self.tokens) {
            let here = settings.is_here();
            let mut asked = match here {
                true => teacher.items.min(smoke) as f64,
                false => 0.0,
            };
            if measures {
                asked += teacher.holdout as f64 - teacher.known as f64;
            }
            if asked > 0.0 {
                let loads = f64::from(1 + u8::from(here && measures));
                self.seconds += loads * teacher.speed.loading + asked * teacher.speed.each;
                let answers = asked * teacher.length(length);
                *read += asked * teacher.prompt;
                // Given texts are read.
                match spec.evaluate.scorer {
                    Rule::Perplexity => *read += answers,
                    _ => *written += answers,
                }
            }
        }
    }
}

/// What an answer that is learnt from takes.
struct Answer {
    /// Seconds until it is written.
    sampling: f64,
    /// Seconds until its teacher has scored it.
    scoring: f64,
    /// Seconds until it is learnt.
    learning: f64,
    /// Its tokens.
    length: f64,
}

impl Answer {
    /// An answer `longer` times as long as the probe's.
    fn of(measured: &Measured<'_>, longer: f64) -> Self {
        let length = mean(measured.lengths.iter().copied());
        let Some(p) = measured.probed else {
            // An answer is sampled, and learnt in about the same time.
            let each = measured.speed.each * longer;
            return Self {
                sampling: each,
                scoring: measured.teaching(),
                learning: each,
                length: length * longer,
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
            scoring: match tokens.teacher_prompt > 0 {
                true => seconds.scoring * grown,
                // The probe was of a loss without a teacher, or did not ask it.
                false => measured.teaching(),
            },
            learning: seconds.learning * grown,
            length: answer * longer / answers,
        }
    }
}

#[cfg(test)]
mod tests;
