//! Which ids a sparse target names. Forward divergences want the teacher's likeliest, reverse and
//! mixed ones the student's, or both and the sampled token. The choice is made on logits or
//! log-probabilities alike and is held fixed: no gradient goes through it.

use super::Float;
use crate::{Error, Result};

/// How ids are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// The teacher's `k` likeliest; for forward divergences.
    Teacher(usize),
    /// The student's `k` likeliest; for reverse divergences, where the teacher can be asked at ids.
    Student(usize),
    /// The `k` likeliest of each, and the token that was sampled.
    Union(usize),
}

impl Support {
    /// Fills `ids` with different ids in ascending order. Masked ids are not chosen, so that there
    /// may be fewer than `k`. `sampled` is used by [`Support::Union`].
    ///
    /// # Errors
    /// [`Error::Invalid`] where the rows differ in length, [`Error::UnknownToken`] where the sampled
    /// token is not in them.
    pub fn choose<T: Float>(
        self,
        teacher: &[T],
        student: &[T],
        sampled: Option<u32>,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        if teacher.len() != student.len() {
            let why = "support: teacher and student differ in vocabulary";
            return Err(Error::Invalid(why.into()));
        }
        ids.clear();
        match self {
            Self::Teacher(k) => likeliest(teacher, k, ids),
            Self::Student(k) => likeliest(student, k, ids),
            Self::Union(k) => {
                likeliest(teacher, k, ids);
                likeliest(student, k, ids);
                if let Some(token) = sampled {
                    if token as usize >= teacher.len() {
                        let vocabulary = teacher.len();
                        return Err(Error::UnknownToken { token, vocabulary });
                    }
                    ids.push(token);
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(())
    }
}

/// Appends the `k` greatest, the lower id first where two are equal.
fn likeliest<T: Float>(row: &[T], k: usize, ids: &mut Vec<u32>) {
    let from = ids.len();
    let before = |&a: &u32, &b: &u32| {
        let (x, y) = (row[a as usize].wide(), row[b as usize].wide());
        y.total_cmp(&x).then(a.cmp(&b))
    };
    let there = |&id: &u32| row[id as usize].wide() > f64::NEG_INFINITY;
    ids.extend((0..row.len() as u32).filter(there));
    let candidates = &mut ids[from..];
    if k > 0 && k < candidates.len() {
        candidates.select_nth_unstable_by(k - 1, before);
    }
    ids.truncate(from + k.min(row.len()));
}
