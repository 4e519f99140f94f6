//! A run is made: its data frozen in its folder, its models' digests taken, its first entry
//! written. Nothing is spent yet.

use std::collections::BTreeMap;
use std::path::Path;

use ledger::facts::Facts;
use record::id::kind;
use record::{Fact, Id, RunCreated, RunEvent};
use trainer::protocol::Item;

use crate::curation;
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::measure::Rule;
use crate::reward::Reward;
use crate::spec::{Data, Share, Spec};
use crate::state::State;
use crate::{route, rows};

/// The file, in a run's folder, of what is expected of rows to learn from.
pub(crate) const EXPECTED: &str = "expected-items.json";
/// The file, in a run's folder, of what the curation's check looks at: its field's text, by item.
pub(crate) const CHECKED: &str = "checked.json";

/// Makes a run of settled settings. `grant` is the one that they name.
///
/// # Errors
/// Rows or models that can't be read; the ledger's and the disk's. Nothing is written then but,
/// perhaps, its folder.
pub fn create(
    facts: &Facts,
    runs: &Path,
    run: Id<kind::Run>,
    (spec, grant): (&Spec, &record::Grant),
    parent: Option<(Id<kind::Run>, u64)>,
) -> Result<State> {
    let mut spec = spec.clone();
    // By its id alone: what the run file has may be letters of a secret.
    spec.run.grant = grant.id.to_string();
    let fits = crate::file::stage::check(&spec);
    fits.map_err(|fault| {
        Error::Refused(format!(
            "[stages.{}] {}: {}",
            fault.stage, fault.key, fault.what
        ))
    })?;
    let folder = Folder::new(runs, run);
    folder.make()?;
    let Frozen { data, shares } = freeze(&folder, &spec)?;
    let student = model_digest(&spec.student.model)?;
    let teacher = settle_teachers(&mut spec, shares)?;
    let spec = &spec;
    let json = serde_json::to_string(spec).map_err(|error| Error::Refused(error.to_string()))?;
    let event = RunEvent::Created(Box::new(RunCreated {
        name: spec.run.name.clone(),
        grant: grant.id,
        account: grant.account,
        parent,
        seed: spec.run.seed,
        spec: json,
        budget: spec.budget.amount(),
        student,
        teacher,
        data,
    }));
    let state = State::new(&event)?;
    let event = Box::new(event);
    facts.bind(&Fact::Run { run, event })?.wait()?;
    Ok(state)
}

/// Writes down what each of several teachers is and took; the digest of all of them.
fn settle_teachers(spec: &mut Spec, [items, holdout]: [Vec<u64>; 2]) -> Result<[u8; 32]> {
    let mut known: BTreeMap<&Path, [u8; 32]> = BTreeMap::new();
    let mut digests = Vec::new();
    for teacher in spec.all_teachers() {
        let digest = match &teacher.model {
            Some(model) => match known.get(model.as_path()) {
                Some(digest) => *digest,
                None => *known.entry(model).or_insert(model_digest(model)?),
            },
            None => {
                let served = teacher.served.as_ref().map(|s| (&s.upstream, &s.model));
                *blake3::hash(format!("{:?}/{served:?}", teacher.name).as_bytes()).as_bytes()
            }
        };
        digests.push(digest);
    }
    if let ([one], false) = (digests.as_slice(), spec.has_several_teachers()) {
        spec.teacher.share = None;
        return Ok(*one);
    }
    let mut hasher = blake3::Hasher::new();
    let all = std::iter::once(&mut spec.teacher).chain(&mut spec.teachers);
    let counts = items.into_iter().zip(holdout);
    for ((teacher, digest), (items, holdout)) in all.zip(digests).zip(counts) {
        hasher.update(format!("{:?}", teacher.name).as_bytes());
        hasher.update(&digest);
        teacher.share = Some(Share {
            digest: hex::encode(digest),
            items,
            holdout,
        });
    }
    Ok(*hasher.finalize().as_bytes())
}

/// Items and hold-out in the run's folder.
struct Frozen {
    /// Their digests.
    data: [[u8; 32]; 2],
    /// How many of each belong to which teacher.
    shares: [Vec<u64>; 2],
}

/// Writes the items into the run's folder, so that nothing outside decides what a run does.
fn freeze(folder: &Folder, spec: &Spec) -> Result<Frozen> {
    let data = &spec.data;
    let (mut learnt, held) = (text(&data.items)?, text(&data.holdout)?);
    if let Some(settings) = &spec.curate {
        let (kept, funnel) = curation::rows(settings, &data.student, &held, &learnt)?;
        folder.write("curation-rows.json", &json(&funnel)?)?;
        if funnel.kept == 0 {
            let why = "curation left no row to learn from; the reasons are in curation-rows.json";
            return Err(Error::Refused(why.into()));
        }
        learnt = kept;
    }
    let items = rows::read(&data.items, &learnt, &data.id)?;
    let holdout = rows::read(&data.holdout, &held, &data.id)?;
    let holdout = match spec.evaluate.items {
        Some(most) => &holdout[..holdout.len().min(most)],
        None => &holdout[..],
    };
    let mut expected = BTreeMap::new();
    for row in holdout {
        let text = row.text(&data.expected).unwrap_or_default();
        expected.insert(row.id.clone(), text);
    }
    expect(folder, spec, &items)?;
    check_with(folder, spec, &items)?;
    let mut asked = rows::items(&data.items, &items, data)?;
    if spec.has_pairs() {
        pair(&mut asked, &items, data)?;
    }
    let mut measured = rows::items(&data.holdout, holdout, data)?;
    let shares = [
        route::assign(spec, &items, &mut asked),
        route::assign(spec, holdout, &mut measured),
    ];
    route::check(spec, &items, &shares[0])?;
    let learnt = rows::lines(&asked);
    if spec.evaluate.scorer == Rule::Perplexity {
        give(&mut measured, &expected, data)?;
    }
    let write = |name: &str, bytes: &[u8]| -> Result<[u8; 32]> {
        folder.write(name, bytes)?;
        Ok(*blake3::hash(bytes).as_bytes())
    };
    let held = rows::lines(&measured);
    write("expected.json", &json(&expected)?)?;
    let digests = [
        write("items.jsonl", learnt.as_bytes())?,
        write("holdout.jsonl", held.as_bytes())?,
    ];
    Ok(Frozen {
        data: digests,
        shares,
    })
}

/// Keeps what is expected of rows to learn from, where answers to them are judged.
fn expect(folder: &Folder, spec: &Spec, items: &[rows::Row]) -> Result<()> {
    let stages = [&spec.stages.cold_start, &spec.stages.on_policy];
    let rewards = stages
        .into_iter()
        .flatten()
        .filter_map(|s| s.reward.as_ref());
    let rewards: Vec<&Reward> = rewards.collect();
    if rewards.is_empty() {
        return Ok(());
    }
    let field = &spec.data.expected;
    let mut expected = BTreeMap::new();
    for row in items {
        let wrong = |what: &dyn std::fmt::Display| {
            let file = spec.data.items.display();
            Error::Refused(format!("{file}: the row {:?}: {what}", row.id))
        };
        let text = row.text(field);
        for reward in &rewards {
            if reward.compares() && text.is_none() {
                let what = format!("it has no field `{field}`, with which answers are compared");
                return Err(wrong(&what));
            }
            let judge = reward.judge().map_err(|error| wrong(&error))?;
            let fits = judge.reward("", text.as_deref().unwrap_or_default());
            fits.map_err(|error| wrong(&error))?;
        }
        expected.insert(row.id.clone(), text.unwrap_or_default());
    }
    folder.write(EXPECTED, &json(&expected)?)
}

/// Gives rows the two answers that they have, the better and the worse.
fn pair(learnt: &mut [Item], rows: &[rows::Row], data: &Data) -> Result<()> {
    for (item, row) in learnt.iter_mut().zip(rows) {
        let wrong = |what: String| {
            let file = data.items.display();
            Error::Refused(format!("{file}: the row {:?} {what}", row.id))
        };
        let field = |name: &str| {
            let text = row.text(name).filter(|text| !text.is_empty());
            text.ok_or_else(|| {
                wrong(format!(
                    "has no text in `{name}`; dpo in a cold start learns pairs"
                ))
            })
        };
        let (chosen, rejected) = (field("chosen")?, field("rejected")?);
        if chosen == rejected {
            return Err(wrong("has the same text in `chosen` and `rejected`".into()));
        }
        (item.answer, item.rejected) = (Some(chosen), Some(rejected));
    }
    Ok(())
}

/// Keeps what the curation's check holds each collected answer against, where it does.
fn check_with(folder: &Folder, spec: &Spec, items: &[rows::Row]) -> Result<()> {
    let check = spec.curate.as_ref().and_then(|c| c.check.as_ref());
    let Some(field) = check.and_then(|check| check.field()) else {
        return Ok(());
    };
    let text = |row: &rows::Row| Some((row.id.clone(), row.text(field)?));
    let checked: BTreeMap<String, String> = items.iter().filter_map(text).collect();
    folder.write(CHECKED, &json(&checked)?)
}

/// Gives rows of the hold-out their expected texts, whose perplexity is to be measured.
fn give(rows: &mut [Item], expected: &BTreeMap<String, String>, data: &Data) -> Result<()> {
    for row in rows {
        let text = expected.get(&row.id).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| {
            Error::Refused(format!(
                "{}: the row {:?} has no text in `{}`, whose perplexity is to be measured",
                data.holdout.display(),
                row.id,
                data.expected
            ))
        })?;
        row.answer = Some(text.clone());
    }
    Ok(())
}

fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(Error::io(file))
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Refused(error.to_string()))
}

/// BLAKE3 of a model's file; of its files' names and digests where it is a folder.
///
/// # Errors
/// It can't be read.
pub fn model_digest(model: &Path) -> Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    if model.is_dir() {
        let entries = std::fs::read_dir(model).map_err(Error::io(model))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.is_file());
        files.sort();
        for file in files {
            hasher.update(file.file_name().unwrap_or_default().as_encoded_bytes());
            hasher.update(&model_digest(&file)?);
        }
    } else {
        let mut file = std::fs::File::open(model).map_err(Error::io(model))?;
        hasher.update_reader(&mut file).map_err(Error::io(model))?;
    }
    Ok(*hasher.finalize().as_bytes())
}
