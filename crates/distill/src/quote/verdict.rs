//! Whether a run should be run at all: `go`, `cold_start_first` or `do_not`, with why. Pure.

use trainer::protocol::{Stage, Tokenizers};

use super::Measured;
use crate::measure::{Resampling, Rule, paired_difference};
use crate::spec::Spec;

/// Below this share of common likeliest tokens the student does not sample what the teacher can
/// grade: it needs texts first.
const LEAST_OVERLAP: f64 = 0.35;

/// The verdict, with why.
pub(super) fn verdict(spec: &Spec, measured: &Measured<'_>) -> (&'static str, String) {
    if let Some((whose, tokenizers)) = other_tokenizer(spec, measured)
        && !spec.is_between_vocabularies()
    {
        let (student, shared) = (tokenizers.student, tokenizers.shared);
        return (
            "do_not",
            format!(
                "the tokenizers differ: of {student} tokens of the student's the {whose} has {shared}; name a teacher of the same family, or learn by `uld`"
            ),
        );
    }
    let mut why = String::new();
    if !measured.teacher.is_empty() {
        let gap = Gap::of(spec, measured.start, measured.teacher);
        why = format!(
            "on {} items the teacher is {}",
            gap.items,
            gap.told("over the start")
        );
        if spec.has_several_teachers() {
            why.push_str(&each(spec, measured));
        }
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
    if let Some((whose, overlap)) = least_overlap(spec, measured)
        && overlap < LEAST_OVERLAP
        && spec.stages.cold_start.is_none()
    {
        return (
            "cold_start_first",
            format!(
                "student and {whose} share {:.0} % of their likeliest tokens on the student's answers; {why}",
                overlap * 100.0
            ),
        );
    }
    ("go", why)
}

/// How much better teachers are than the start model.
struct Gap {
    items: usize,
    value: f64,
    low: f64,
    high: f64,
    unit: &'static str,
    times: f64,
    digits: usize,
}

impl Gap {
    fn of(spec: &Spec, start: &[f64], teacher: &[f64]) -> Self {
        let gap = paired_difference(teacher, start, Resampling::default());
        let (unit, times, digits) = match spec.evaluate.scorer {
            Rule::Perplexity => ("nats a token", 1.0, 3),
            _ => ("points", 100.0, 1),
        };
        Self {
            items: start.len(),
            value: gap.value,
            low: gap.low,
            high: gap.high,
            unit,
            times,
            digits,
        }
    }

    /// In words, with its interval; `over` is what it is over.
    fn told(&self, over: &str) -> String {
        let digits = self.digits;
        let told = |value: f64| format!("{:.digits$}", value * self.times);
        format!(
            "{} {} {over} ({} to {})",
            told(self.value),
            self.unit,
            told(self.low),
            told(self.high)
        )
    }
}

/// Each teacher's gap on its own items, and what its likeliest tokens have in common with the student's.
fn each(spec: &Spec, measured: &Measured<'_>) -> String {
    let mut told = Vec::new();
    let all = spec.all_teachers().zip(measured.teachers).enumerate();
    for (number, (settings, teacher)) in all {
        if teacher.items == 0 && teacher.right.is_empty() {
            continue;
        }
        let mut one = match teacher.right.is_empty() {
            true => format!("{} was not measured", settings.name),
            false => {
                let gap = Gap::of(spec, &teacher.start, &teacher.right);
                let none = if gap.value <= 0.0 { ", no gap" } else { "" };
                let (over, items) = (gap.told("over it"), gap.items);
                format!("{} {over} on {items}{none}", settings.name)
            }
        };
        let name = spec.taught_by(number);
        let probed = measured.probed.iter().flat_map(|probed| &probed.teachers);
        let mut overlaps = probed.filter(|of| of.name.as_deref() == name);
        if let Some(overlap) = overlaps.find_map(|of| of.overlap) {
            one.push_str(&format!(
                ", {:.0} % of likeliest tokens shared",
                overlap * 100.0
            ));
        }
        told.push(one);
    }
    format!(" [{}]", told.join("; "))
}

/// A teacher whose tokenizer is not the student's.
fn other_tokenizer(spec: &Spec, measured: &Measured<'_>) -> Option<(String, Tokenizers)> {
    let probed = measured.probed?;
    let each = probed.teachers.iter();
    let each = each.filter_map(|of| Some((whose(spec, of.name.as_deref()), of.tokenizers?)));
    let one = probed.tokenizers.map(|t| (whose(spec, None), t));
    each.chain(one).find(|(_, tokenizers)| !tokenizers.same)
}

/// The least share of common likeliest tokens, and with which teacher.
fn least_overlap(spec: &Spec, measured: &Measured<'_>) -> Option<(String, f64)> {
    let probed = measured.probed?;
    if probed.teachers.is_empty() {
        return Some((whose(spec, None), probed.metrics.overlap?));
    }
    let each = probed.teachers.iter();
    let each = each.filter_map(|of| Some((whose(spec, of.name.as_deref()), of.overlap?)));
    each.min_by(|a, b| a.1.total_cmp(&b.1))
}

/// A teacher in words, by what items call it.
fn whose(spec: &Spec, name: Option<&str>) -> String {
    match spec.has_several_teachers() {
        true => format!("teacher `{}`", name.unwrap_or(&spec.teacher.name)),
        false => "teacher".to_owned(),
    }
}
