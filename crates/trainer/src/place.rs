//! A student at a place: what answers, and what is exported.

use crate::checkpoint::Checkpoints;
use crate::error::{Error, Result};
use crate::protocol::{self, Place};
use crate::student::Student;
use std::path::Path;

/// The student at a place, or at the newest checkpoint of its run, and its digest.
pub(crate) fn at(
    folder: &Path,
    student: &protocol::Student,
    place: Option<Place>,
    threads: usize,
) -> Result<(Student, Place, String)> {
    let checkpoints = Checkpoints::of(folder);
    let place = match place {
        Some(place) => place,
        None => checkpoints.newest()?.ok_or_else(|| Error::Checkpoint {
            path: folder.to_owned(),
            what: "there is none yet".into(),
        })?,
    };
    let mut student = Student::frozen(student, checkpoints.seed(place)?, threads)?;
    let digest = checkpoints.weights(&mut student, place)?;
    Ok((student, place, digest))
}
