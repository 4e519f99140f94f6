//! What a run's folder keeps to be looked at: how many rows there were and why some left, the
//! answers of start, teacher and student to the hold-out, and single answers of learning, token by
//! token. Reads only; what is not there is left out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use record::{Scored, Stage};
use serde::Deserialize;
use serde::de::IgnoredAny;
use trainer::protocol::{Answered, Item, Prompt, Sample, items};

use crate::curate;
use crate::curation::Left;
use crate::drive::answers_file;
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::measure::Scorer;
use crate::state::{Evaluation, State};

/// Single answers are read from this many last bytes of their file.
const TAIL_BYTES: u64 = 1 << 20;

/// How rows became what is learnt from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funnel {
    /// What became of the rows before they were frozen; `None` where the run curates none.
    pub rows: Option<curate::Funnel>,
    /// Rows to learn from.
    pub items: u64,
    /// Rows of the hold-out.
    pub holdout: u64,
    /// The teacher's answers that were collected; `None` before, or where none are.
    pub collected: Option<u64>,
    /// Rows that curation kept; likewise.
    pub kept: Option<u64>,
    /// Answers that left, each with its reason.
    pub left: Vec<Left>,
}

/// What the run writes of the curation of answers.
#[derive(Deserialize)]
struct Curation {
    left: Vec<Left>,
}

/// An answer of learning, with where it was given.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Shown {
    /// In which stage.
    pub stage: Stage,
    /// In which step.
    pub step: u64,
    /// The answer.
    pub sample: Sample,
}

/// What there is of the hold-out.
pub struct Holdout {
    /// Its items.
    pub items: Vec<Item>,
    /// What is expected, by item.
    pub expected: BTreeMap<String, String>,
    /// Answers of whoever was measured, by item.
    pub answers: Vec<(Scored, BTreeMap<String, Answered>)>,
    /// The measured student that answered.
    pub student: Option<Evaluation>,
    /// What judges an answer; `None` where nothing does, such as under a perplexity.
    pub scorer: Option<Scorer>,
}

/// The funnel of a run; `None` where its folder is not on this machine.
///
/// # Errors
/// The disk's; a file that the run did not write.
pub fn funnel(folder: &Folder) -> Result<Option<Funnel>> {
    let Some(items) = lines(folder, "items.jsonl")? else {
        return Ok(None);
    };
    let left = json::<Curation>(folder, "curation.json")?;
    let collected = json::<Vec<IgnoredAny>>(folder, "answers/collected.json")?;
    Ok(Some(Funnel {
        rows: json(folder, "curation-rows.json")?,
        items,
        holdout: lines(folder, "holdout.jsonl")?.unwrap_or(0),
        collected: collected.map(|answers| answers.len() as u64),
        kept: lines(folder, "curated.jsonl")?,
        left: left.map(|curation| curation.left).unwrap_or_default(),
    }))
}

/// The hold-out with the answers that are kept; `None` where the folder is not on this machine.
///
/// # Errors
/// The disk's; a file that the run did not write.
pub fn holdout(folder: &Folder, state: &State) -> Result<Option<Holdout>> {
    let Some(bytes) = folder.read("holdout.jsonl")? else {
        return Ok(None);
    };
    let holdout = items(bytes.as_slice()).map_err(|error| strange("holdout.jsonl", &error))?;
    let mut answers = Vec::new();
    for who in [Scored::Start, Scored::Teacher] {
        if let Some(found) = by_item(folder, &answers_file(who, None, 0))? {
            answers.push((who, found));
        }
    }
    let mut student = None;
    'newest: for evaluation in state.evaluations.iter().rev() {
        // Its answers are named by how often the run had gone back by then.
        for rollbacks in (0..=state.rollbacks).rev() {
            let place = Some((evaluation.stage, evaluation.step));
            let file = answers_file(Scored::Student, place, rollbacks);
            if let Some(found) = by_item(folder, &file)? {
                answers.push((Scored::Student, found));
                student = Some(evaluation.clone());
                break 'newest;
            }
        }
    }
    let scorer = Scorer::new(&state.spec.evaluate.scorer);
    Ok(Some(Holdout {
        items: holdout,
        expected: json(folder, "expected.json")?.unwrap_or_default(),
        answers,
        student,
        scorer: scorer.ok(),
    }))
}

/// The newest answers of learning that were kept, newest first. A step that was taken again counts
/// once.
///
/// # Errors
/// The disk's.
pub fn samples(folder: &Folder, most: usize) -> Result<Vec<Shown>> {
    let path = folder.path("samples.jsonl");
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(&path)(error)),
    };
    let mut bytes = Vec::new();
    let mut read = || {
        let from = file.metadata()?.len().saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes)
    };
    read().map_err(Error::io(&path))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut shown: Vec<Shown> = Vec::new();
    // The first line may be half of one, and so may the last while the run goes on.
    for line in text.lines().rev() {
        let Ok(found) = serde_json::from_str::<Shown>(line) else {
            continue;
        };
        let place = |shown: &Shown| (shown.stage, shown.step, shown.sample.item.clone());
        if shown.iter().all(|known| place(known) != place(&found)) {
            shown.push(found);
        }
        if shown.len() == most {
            break;
        }
    }
    Ok(shown)
}

/// An item's id, and what the student is asked.
pub fn asked(item: &Item) -> (&str, String) {
    let text = match &item.student {
        Prompt::Text { text } => text.clone(),
        Prompt::Messages { messages } => {
            let contents = messages.iter().map(|message| message.content.as_str());
            contents.collect::<Vec<_>>().join("\n\n")
        }
    };
    (&item.id, text)
}

/// An answer's text and its tokens.
pub fn said(answer: &Answered) -> (&str, u64) {
    (&answer.text, answer.tokens)
}

fn by_item(folder: &Folder, file: &str) -> Result<Option<BTreeMap<String, Answered>>> {
    let answers = json::<Vec<Answered>>(folder, file)?;
    Ok(answers.map(|answers| {
        let named = answers
            .into_iter()
            .map(|answer| (answer.item.clone(), answer));
        named.collect()
    }))
}

fn json<T: serde::de::DeserializeOwned>(folder: &Folder, name: &str) -> Result<Option<T>> {
    let Some(bytes) = folder.read(name)? else {
        return Ok(None);
    };
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|error| strange(name, &error))
}

fn lines(folder: &Folder, name: &str) -> Result<Option<u64>> {
    let bytes = folder.read(name)?;
    Ok(bytes.map(|bytes| bytes.iter().filter(|byte| **byte == b'\n').count() as u64))
}

fn strange(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Refused(format!("the run's file {name} can't be read: {error}"))
}

#[cfg(test)]
mod tests {
    use record::Id;

    use super::*;

    #[test]
    fn what_is_kept_is_counted_and_the_newest_answers_come_first() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path(), Id::from_bytes([1; 16]));
        assert_eq!(funnel(&folder).unwrap(), None);
        assert!(samples(&folder, 3).unwrap().is_empty());
        folder.make().unwrap();
        folder.write("items.jsonl", b"{}\n{}\n{}\n").unwrap();
        folder.write("curated.jsonl", b"{}\n").unwrap();
        let left = br#"{"funnel":{},"left":[{"item":"a","reason":"finish","detail":""},{"item":"b","reason":"length","detail":""}]}"#;
        folder.write("curation.json", left).unwrap();
        let found = funnel(&folder).unwrap().unwrap();
        assert_eq!((found.items, found.holdout, found.collected), (3, 0, None));
        assert_eq!((found.kept, found.left.len()), (Some(1), 2));
        for step in [1, 2, 3, 3] {
            let line = format!(
                r#"{{"stage":"on_policy","step":{step},"sample":{{"item":"a","text":"x","tokens":[{{"text":"x","student":-0.5,"teacher":null}}]}}}}"#
            );
            folder.append("samples.jsonl", &line).unwrap();
        }
        folder.append("samples.jsonl", "{\"stage\":\"on_").unwrap();
        let steps = |most| {
            let shown = samples(&folder, most).unwrap();
            shown.iter().map(|shown| shown.step).collect::<Vec<_>>()
        };
        assert_eq!(steps(9), [3, 2, 1]);
        assert_eq!(steps(2), [3, 2]);
    }
}
