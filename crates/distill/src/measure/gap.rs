//! The share of the gap between start and teacher that a student recovered.

use super::Estimate;
use super::interval::{Resampling, mean, percentile};
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// Scores of the same items, in the same order.
#[derive(Debug, Clone, Copy)]
pub struct Arms<'a> {
    /// Of the student before it learnt.
    pub start: &'a [f64],
    /// Of the teacher.
    pub teacher: &'a [f64],
    /// Of the student after it learnt, one slice a seed.
    pub students: &'a [&'a [f64]],
}

/// What was recovered: 0 is the start, 1 the teacher.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// (student - start) / (teacher - start), over items and seeds.
    pub recovered: Estimate,
    /// The share of resamples in which the teacher was not better than the start; they are left out
    /// of the interval. Over a few percent, the gap is too small for these items to show it.
    pub without_gap: f64,
}

/// What share of the gap the students recovered. Items and, where there are several, seeds are
/// drawn again: the interval is over both. It is `None` where nothing can be said: no items, no
/// student, unequal numbers of items, or a teacher that is not better than the start.
#[must_use]
pub fn gap_recovered(arms: &Arms<'_>, how: Resampling) -> Option<Gap> {
    let items = arms.start.len();
    let lengths = arms.students.iter().map(|scores| scores.len());
    if arms.students.is_empty() || lengths.chain([arms.teacher.len()]).any(|n| n != items) {
        return None;
    }
    let students = arms.students.iter().map(|scores| mean(scores));
    let student = students.sum::<f64>() / arms.students.len() as f64;
    let value = recovered(mean(arms.start), mean(arms.teacher), student)?;
    let mut random = Random::new(how.seed);
    let mut seeds = vec![0_usize; arms.students.len()];
    let mut draws = Vec::with_capacity(how.times);
    for _ in 0..how.times {
        for seed in &mut seeds {
            *seed = random.below(arms.students.len());
        }
        draws.extend(draw(arms, &seeds, &mut random));
    }
    let without_gap = match how.times {
        0 => 0.0,
        times => 1.0 - draws.len() as f64 / times as f64,
    };
    Some(Gap {
        recovered: percentile(value, draws),
        without_gap,
    })
}

/// What was recovered on items that are drawn, by the students of these seeds.
fn draw(arms: &Arms<'_>, seeds: &[usize], random: &mut Random) -> Option<f64> {
    let (mut start, mut teacher, mut student) = (0.0, 0.0, 0.0);
    for _ in arms.start {
        let item = random.below(arms.start.len());
        start += arms.start[item];
        teacher += arms.teacher[item];
        let scores = seeds.iter().map(|&seed| arms.students[seed][item]);
        student += scores.sum::<f64>() / seeds.len() as f64;
    }
    recovered(start, teacher, student)
}

fn recovered(start: f64, teacher: f64, student: f64) -> Option<f64> {
    // Also false where a score is not a number.
    (teacher > start).then(|| (student - start) / (teacher - start))
}
