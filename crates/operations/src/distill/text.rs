//! `distill text`: what start, student and teacher answered to the hold-out, and single answers of
//! learning token by token. It is text: the look is in the ledger before anything is shown.

use std::collections::BTreeMap;

use ::distill::folder::Folder;
use ::distill::kept::{self, Holdout, Shown};
use record::{Actor, Change, Scored};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::{find, named};
use crate::error::{Error, Result};
use crate::house::House;

/// Items of the hold-out in one answer.
const ITEMS: usize = 20;
/// Answers of learning in one answer.
const SAMPLES: usize = 12;

/// What `text` takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The run's id, or its name where that is unique.
    pub run: String,
    /// The first item of the hold-out to show, from 1.
    #[serde(default)]
    pub from: Option<u64>,
    /// Why somebody has to look; it is kept in the ledger with who did.
    pub why: String,
}

/// What `text` gives.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Texts {
    /// The run's id.
    pub run: String,
    /// The first item that is here, from 1.
    pub from: u64,
    /// Items of the hold-out in all.
    pub total: u64,
    /// The stage of the student that answered; null where none was measured yet.
    pub stage: Option<String>,
    /// The step of that student.
    pub step: Option<u64>,
    /// Items of the hold-out.
    pub items: Vec<Item>,
    /// Answers of learning, newest first.
    pub samples: Vec<Sample>,
}

/// An item of the hold-out, with what was answered.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// Its id.
    pub item: String,
    /// What the student is asked.
    pub prompt: String,
    /// What is expected.
    pub expected: String,
    /// What the start model answered.
    pub start: Option<Answer>,
    /// What the student answered.
    pub student: Option<Answer>,
    /// What the teacher answered.
    pub teacher: Option<Answer>,
}

/// An answer.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// Its tokens.
    pub tokens: u64,
    /// Whether it is right; null where that can't be told.
    pub right: Option<bool>,
}

/// An answer of learning.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// In which stage.
    pub stage: String,
    /// In which step.
    pub step: u64,
    /// Which item it answers.
    pub item: String,
    /// Its tokens.
    pub tokens: Vec<Token>,
}

/// A token with what both models think of it.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// Its text.
    pub text: String,
    /// The student's log-probability, in nats.
    pub student: f64,
    /// The teacher's; null where it was not told.
    pub teacher: Option<f64>,
}

/// Texts of a run.
///
/// # Errors
/// No reason why; no such run; its folder is not on this machine; the ledger's.
pub fn text(house: &House, by: &Actor, input: Text) -> Result<Texts> {
    if input.why.trim().is_empty() {
        let error = Error::invalid("why", "a look at text needs a reason");
        return Err(error.with_hint("it is kept in the ledger with who looked"));
    }
    let first = input.from.unwrap_or(1);
    if first == 0 {
        return Err(Error::invalid("from", "items are counted from 1"));
    }
    let run = find(&house.folded, &input.run)?;
    let folder = Folder::new(&house.runs, run.id);
    let holdout = kept::holdout(&folder, &run.state)?.ok_or_else(|| {
        let hint = format!(
            "its texts are where it was driven: {}",
            folder.root().display()
        );
        Error::missing("the run's folder is not on this machine", Some(hint))
    })?;
    let samples = kept::samples(&folder, SAMPLES)?;
    house.change(by, &input.why, Change::TextViewed { seq: run.entry })?;
    let at = usize::try_from(first - 1).unwrap_or(usize::MAX);
    Ok(Texts {
        run: run.id.to_string(),
        from: first,
        total: holdout.items.len() as u64,
        stage: holdout
            .student
            .as_ref()
            .map(|student| named(&student.stage)),
        step: holdout.student.as_ref().map(|student| student.step),
        items: items(&holdout, at),
        samples: samples.into_iter().map(sample).collect(),
    })
}

fn items(holdout: &Holdout, at: usize) -> Vec<Item> {
    let nobody = BTreeMap::new();
    let of = |who: Scored| {
        let found = holdout.answers.iter().find(|(of, _)| *of == who);
        found.map_or(&nobody, |(_, answers)| answers)
    };
    let [start, student, teacher] = [Scored::Start, Scored::Student, Scored::Teacher].map(of);
    let shown = holdout.items.iter().skip(at).take(ITEMS);
    let item = |item: &_| {
        let (id, prompt) = kept::asked(item);
        let expected = holdout.expected.get(id).map_or("", String::as_str);
        let answer = |answers: &BTreeMap<String, _>| {
            let found = answers.get(id)?;
            let (text, tokens) = kept::said(found);
            let judged = holdout.scorer.as_ref();
            let judged = judged.and_then(|scorer| scorer.score(text, expected).ok());
            Some(Answer {
                text: text.to_owned(),
                tokens,
                right: judged.map(|score| score.right),
            })
        };
        Item {
            item: id.to_owned(),
            prompt,
            expected: expected.to_owned(),
            start: answer(start),
            student: answer(student),
            teacher: answer(teacher),
        }
    };
    shown.map(item).collect()
}

fn sample(shown: Shown) -> Sample {
    let tokens = shown.sample.tokens.into_iter().map(|token| Token {
        text: token.text,
        student: f64::from(token.student),
        teacher: token.teacher.map(f64::from),
    });
    Sample {
        stage: named(&shown.stage),
        step: shown.step,
        item: shown.sample.item,
        tokens: tokens.collect(),
    }
}
