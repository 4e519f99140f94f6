//! Real texts by family and by role, from the data folder; and the small set of own texts that
//! stands in where no folder is at hand. Never a licensed text inside this repository.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::draw::Draw;
use crate::error::SimError;

/// What a text is good for. A family has one or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A question or task of a person, single turn.
    Prompt,
    /// The same about programs.
    Code,
    /// A task with a checkable answer.
    Problem,
    /// A dialogue of several turns.
    Session,
    /// A passage to be translated, indexed, summarised.
    Document,
    /// A ready request of an automated customer, with its system text.
    Batch,
    /// A ready request that asks to grade.
    Judge,
    /// A question with another model's answer.
    Answers,
    /// A ready request of a real harvester.
    Harvest,
}

const ROLES: usize = 9;

/// Which roles each family of the data folder can fill.
const FAMILIES: [(&str, &[Role]); 25] = [
    ("answers-arena-hard", &[Role::Answers, Role::Document]),
    ("gsm8k-gpt3-answers", &[Role::Answers]),
    ("apibench", &[Role::Harvest, Role::Code]),
    ("bbh-cot-a", &[Role::Harvest]),
    ("gpteacher-codegen", &[Role::Code]),
    ("gpteacher-roleplay", &[Role::Prompt]),
    ("meta-selfinstruct", &[Role::Harvest]),
    ("reason-sky", &[Role::Harvest]),
    ("arena-hard-prompts", &[Role::Prompt, Role::Code]),
    ("chitchat", &[Role::Session]),
    ("dolly-subset", &[Role::Prompt, Role::Document]),
    ("sgd-sessions-a", &[Role::Session]),
    ("wikisql-questions", &[Role::Prompt]),
    ("bfcl-a", &[Role::Batch]),
    ("evals-a", &[Role::Batch, Role::Problem]),
    ("intent-banking77", &[Role::Batch]),
    ("intent-hwu64", &[Role::Batch]),
    ("sgd-extract-a", &[Role::Batch]),
    ("text2sql-advising", &[Role::Batch]),
    ("judge-arena-bench", &[Role::Judge, Role::Document]),
    ("hh-harmless", &[Role::Session, Role::Prompt]),
    ("bbh-tasks-a", &[Role::Problem]),
    ("gsm8k-test", &[Role::Problem]),
    ("gsm8k-train", &[Role::Problem]),
    ("mmlu", &[Role::Problem]),
];

/// The name of the own texts.
const BUILTIN: &str = "builtin";
/// At most so many records of one family are held.
const MOST_RECORDS: usize = 20_000;
/// Passages are cut here, in bytes.
const PASSAGE: usize = 1_400;

/// One text: a dialogue that starts with a user's turn, with what is known of its answer.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// The system text, where it has one.
    pub system: Option<Arc<str>>,
    /// User, assistant, user, … as recorded.
    pub turns: Vec<Arc<str>>,
    /// The recorded answer to the last user turn.
    pub answer: Option<Arc<str>>,
    /// Milliseconds between turns as people took them, where recorded.
    pub gaps: Vec<u32>,
}

impl Record {
    /// The first user turn.
    pub(crate) fn ask(&self) -> &Arc<str> {
        &self.turns[0]
    }
}

/// The texts of a world.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    roles: [Vec<Arc<Record>>; ROLES],
}

impl Texts {
    /// Reads the families of a world: `name`, or `name@k/m` for the k-th of m parts of it.
    pub(crate) fn load(folder: Option<&Path>, wanted: &[String]) -> Result<Self, SimError> {
        let mut texts = Self::default();
        for spec in wanted {
            let (name, part) = part_of(spec)?;
            if name == BUILTIN {
                texts.add_builtin();
                continue;
            }
            let roles = FAMILIES
                .iter()
                .find(|(family, _)| *family == name)
                .map(|(_, roles)| *roles)
                .ok_or_else(|| SimError::World(format!("no family of texts is called `{name}`")))?;
            let file = format!("{name}.jsonl.zst");
            let path = folder.map_or_else(|| file.clone().into(), |folder| folder.join(&file));
            texts.read(&path, roles, part)?;
        }
        // A role that no family fills is filled with own texts, so that every workload can run.
        texts.fill_up();
        Ok(texts)
    }

    /// All records of a family.
    pub(crate) fn family(folder: &Path, name: &str) -> Result<Vec<Arc<Record>>, SimError> {
        let mut texts = Self::default();
        let path = folder.join(format!("{name}.jsonl.zst"));
        texts.read(&path, &[Role::Prompt], (0, 1))?;
        Ok(std::mem::take(&mut texts.roles[Role::Prompt as usize]))
    }

    /// A text of a role.
    pub(crate) fn any(&self, role: Role, draw: &mut Draw) -> &Arc<Record> {
        draw.pick(&self.roles[role as usize])
    }

    /// The text of a role at a place, counted around.
    pub(crate) fn at(&self, role: Role, place: usize) -> &Arc<Record> {
        let list = &self.roles[role as usize];
        &list[place % list.len()]
    }

    fn put(&mut self, role: Role, record: Record) {
        self.roles[role as usize].push(Arc::new(record));
    }

    fn read(&mut self, path: &Path, roles: &[Role], part: (u64, u64)) -> Result<(), SimError> {
        let file =
            std::fs::File::open(path).map_err(|_| SimError::DataMissing(path.to_path_buf()))?;
        let what = || format!("reading {}", path.display());
        let mut decoder = zstd::Decoder::new(file).map_err(SimError::io(what()))?;
        decoder.window_log_max(27).map_err(SimError::io(what()))?;
        let mut taken = 0;
        for (number, line) in BufReader::new(decoder).lines().enumerate() {
            let line = line.map_err(SimError::io(what()))?;
            if number as u64 % part.1 != part.0 {
                continue;
            }
            let raw: Raw = serde_json::from_str(&line).map_err(|err| SimError::DataBroken {
                file: path.to_path_buf(),
                line: number + 1,
                why: err.to_string(),
            })?;
            let Some(record) = raw.record() else { continue };
            let record = Arc::new(record);
            for role in roles {
                if let Some(fit) = fitting(*role, &record) {
                    self.roles[*role as usize].push(fit);
                }
            }
            taken += 1;
            if taken == MOST_RECORDS {
                break;
            }
        }
        Ok(())
    }

    fn fill_up(&mut self) {
        let mut own = Self::default();
        own.add_builtin();
        for (mine, own) in self.roles.iter_mut().zip(own.roles) {
            if mine.is_empty() {
                *mine = own;
            }
        }
    }

    fn add_builtin(&mut self) {
        let plain = |text: &str| Record {
            system: None,
            turns: vec![text.into()],
            answer: None,
            gaps: Vec::new(),
        };
        for line in include_str!("../texts/prompts.txt").lines() {
            self.put(Role::Prompt, plain(line));
            self.put(Role::Answers, plain(line));
        }
        for line in include_str!("../texts/code.txt").lines() {
            self.put(Role::Code, plain(line));
        }
        for line in include_str!("../texts/documents.txt").lines() {
            self.put(Role::Document, plain(line));
        }
        for line in include_str!("../texts/problems.txt").lines() {
            let (ask, answer) = line.split_once('\t').unwrap_or((line, "unknown"));
            let with = Record {
                answer: Some(answer.into()),
                ..plain(ask)
            };
            self.put(Role::Problem, with.clone());
            self.put(Role::Harvest, with);
        }
        let labels: Vec<&str> = include_str!("../texts/utterances.txt")
            .lines()
            .filter_map(|line| Some(line.split_once('\t')?.1))
            .collect();
        let system: Arc<str> = format!(
            "Sort the customer's message. Labels: {}.",
            labels.join(", ")
        )
        .into();
        for line in include_str!("../texts/utterances.txt").lines() {
            let (ask, label) = line.split_once('\t').unwrap_or((line, "other"));
            self.put(
                Role::Batch,
                Record {
                    system: Some(system.clone()),
                    answer: Some(label.into()),
                    ..plain(ask)
                },
            );
        }
        for line in include_str!("../texts/sessions.txt").lines() {
            let turns = line.split(" | ").map(Into::into).collect();
            self.put(Role::Session, Record { turns, ..plain("") });
        }
        for (question, page) in include_str!("../texts/prompts.txt")
            .lines()
            .zip(include_str!("../texts/documents.txt").lines())
        {
            let ask = format!(
                "Question: {question}\nAnswer: {page}\nGive a mark from 1 to 10 and one reason."
            );
            self.put(Role::Judge, plain(&ask));
        }
    }
}

/// The tool sets that agents carry: whole `tools` members, our own.
pub(crate) fn tool_sets() -> Vec<Box<serde_json::value::RawValue>> {
    include_str!("../texts/tools.jsonl")
        .lines()
        .filter_map(|line| serde_json::value::RawValue::from_string(line.to_owned()).ok())
        .collect()
}

/// Splits `name@k/m`.
fn part_of(spec: &str) -> Result<(&str, (u64, u64)), SimError> {
    let Some((name, part)) = spec.split_once('@') else {
        return Ok((spec, (0, 1)));
    };
    part.split_once('/')
        .and_then(|(k, m)| Some((k.parse().ok()?, m.parse().ok()?)))
        .filter(|(k, m): &(u64, u64)| k < m)
        .map(|part| (name, part))
        .ok_or_else(|| SimError::World(format!("`{spec}` is no part of a family; write name@0/3")))
}

/// The record as the role needs it, or nothing where it does not fit.
fn fitting(role: Role, record: &Arc<Record>) -> Option<Arc<Record>> {
    match role {
        Role::Session => (record.turns.len() >= 3).then(|| record.clone()),
        Role::Document => {
            let text = match &record.answer {
                Some(answer) if answer.len() > 300 => answer,
                _ => record.turns.iter().max_by_key(|turn| turn.len())?,
            };
            (text.len() > 200).then(|| {
                Arc::new(Record {
                    system: None,
                    turns: vec![head(text, PASSAGE).into()],
                    answer: None,
                    gaps: Vec::new(),
                })
            })
        }
        Role::Answers => record.answer.as_ref().map(|_| record.clone()),
        _ => Some(record.clone()),
    }
}

/// The first bytes of a text, cut at a character.
pub(crate) fn head(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[derive(Deserialize)]
struct Raw {
    messages: Vec<RawMessage>,
    answer: Option<Answer>,
    meta: Option<RawMeta>,
}

/// One answer, or several that are all right, of which the first is taken.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    One(String),
    Several(Vec<String>),
}

impl Answer {
    fn text(self) -> Option<String> {
        match self {
            Self::One(text) => Some(text),
            Self::Several(texts) => texts.into_iter().next(),
        }
    }
}

#[derive(Deserialize)]
struct RawMessage {
    role: String,
    content: String,
}

#[derive(Deserialize)]
struct RawMeta {
    #[serde(default)]
    turn_times: Vec<i64>,
}

impl Raw {
    fn record(self) -> Option<Record> {
        let mut system = None;
        let mut turns: Vec<Arc<str>> = Vec::new();
        for message in self.messages {
            match message.role.as_str() {
                "system" => system = Some(message.content.into()),
                // Turns alternate; what does not is left out rather than guessed at.
                "user" if turns.len().is_multiple_of(2) => turns.push(message.content.into()),
                "assistant" if turns.len() % 2 == 1 => turns.push(message.content.into()),
                _ => {}
            }
        }
        let times = self.meta.map(|meta| meta.turn_times).unwrap_or_default();
        let gaps = times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).clamp(1, 3_600) as u32 * 1_000)
            .collect();
        (!turns.is_empty()).then(|| Record {
            system,
            turns,
            answer: self
                .answer
                .and_then(Answer::text)
                .filter(|text| !text.is_empty())
                .map(Into::into),
            gaps,
        })
    }
}
