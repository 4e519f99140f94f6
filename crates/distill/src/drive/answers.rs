//! What is asked of a model, or of each item's own teacher, and what came of it. Plain data.

use serde::{Deserialize, Serialize};
use trainer::protocol::{Answered, Sampling, Who};

use record::Stage;

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::quote::Speed;
use crate::state::Place;

/// Somebody's answers, with what they took.
pub(super) struct Answers {
    /// The answers, in the items' order.
    pub(super) answers: Vec<Answered>,
    /// Seconds, now; none where they were read.
    pub(super) seconds: f64,
    /// Tokens of a teacher on this machine, now.
    pub(super) tokens: u64,
    /// How quickly they came.
    pub(super) pace: Pace,
}

/// How quickly answers came, now or when they were written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pace {
    /// All of them.
    pub(super) speed: Speed,
    /// Those of each of several teachers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<Part>,
}

/// How quickly one of several teachers answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Its number.
    pub(super) teacher: usize,
    /// Seconds until it was loaded, and an answer's.
    pub(super) speed: Speed,
}

impl Pace {
    /// Of so many answers in so many seconds, of which loading took a part.
    pub(super) fn of(answers: usize, seconds: f64, loading: f64) -> Self {
        let each = (seconds - loading) / answers.max(1) as f64;
        Self {
            speed: Speed { loading, each },
            parts: Vec::new(),
        }
    }
}

impl Answers {
    /// Those that an earlier step, or a process that ended in mid-step, left in a file: they cost
    /// nothing more, and are as quick as they were.
    pub(super) fn kept(folder: &Folder, file: &str) -> Result<Option<Self>> {
        let Some(bytes) = folder.read(file)? else {
            return Ok(None);
        };
        let Ok(answers) = serde_json::from_slice(&bytes) else {
            return Ok(None);
        };
        let pace = folder.read(&beside(file))?;
        let pace = pace.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Some(Self {
            answers,
            seconds: 0.0,
            tokens: 0,
            pace: pace.unwrap_or_default(),
        }))
    }

    /// Keeps them; their pace first, so that answers are never there without it.
    pub(super) fn keep(&self, folder: &Folder, file: &str) -> Result<()> {
        let failed = |error: serde_json::Error| Error::Child(error.to_string());
        let pace = serde_json::to_vec(&self.pace).map_err(failed)?;
        folder.write(&beside(file), &pace)?;
        let answers = serde_json::to_vec(&self.answers).map_err(failed)?;
        folder.write(file, &answers)
    }
}

/// The file of the pace beside that of answers.
fn beside(file: &str) -> String {
    format!("{file}.pace")
}

/// Whose answers to what.
pub(super) struct Wanted<'a> {
    /// Who answers.
    pub(super) who: Who,
    /// The number of the teacher that answers; none where each item's own one does.
    pub(super) teacher: Option<usize>,
    /// For which stage they are bought, where they are.
    pub(super) stage: Stage,
    /// Which student.
    pub(super) place: Option<Place>,
    /// The file of items, in the run's folder.
    pub(super) items: &'a str,
    /// The answers that the items have are scored, and none is written.
    pub(super) given: bool,
    /// How.
    pub(super) sampling: Sampling,
    /// The file of answers, in the run's folder.
    pub(super) file: String,
}

impl Wanted<'_> {
    /// The number of the teacher that answers.
    pub(super) fn number(&self) -> usize {
        self.teacher.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Id;

    #[test]
    fn answers_that_were_kept_are_as_quick_as_they_were() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path(), Id::from_bytes([1; 16]));
        folder.make().unwrap();
        let file = "answers/few-start.json";
        assert!(Answers::kept(&folder, file).unwrap().is_none());
        let mut pace = Pace::of(4, 11.0, 3.0);
        assert_eq!((pace.speed.loading, pace.speed.each), (3.0, 2.0));
        pace.parts.push(Part {
            teacher: 1,
            speed: pace.speed,
        });
        let answers = Answers {
            answers: vec![Answered {
                item: "i".into(),
                sample: 0,
                text: "yes".into(),
                ending: None,
                prompt_tokens: 3,
                tokens: 1,
                logprob: -0.5,
            }],
            seconds: 11.0,
            tokens: 4,
            pace,
        };
        answers.keep(&folder, file).unwrap();
        let kept = Answers::kept(&folder, file).unwrap().unwrap();
        assert_eq!(kept.answers, answers.answers);
        assert_eq!(kept.pace, answers.pace);
        // What they cost was told when they were written.
        assert_eq!((kept.seconds, kept.tokens), (0.0, 0));
        // A folder of before has no pace.
        std::fs::remove_file(folder.path("answers/few-start.json.pace")).unwrap();
        let kept = Answers::kept(&folder, file).unwrap().unwrap();
        assert_eq!(kept.pace, Pace::default());
    }
}
