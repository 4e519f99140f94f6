//! The job that has the parent's teacher score the answers that items have: its perplexity. The
//! student's model gives the tokenizer and nothing else; no weights are loaded.

use crate::World;
use crate::answer::in_parts;
use crate::error::{Error, Result};
use crate::learn::since;
use crate::load::{self, Reader};
use crate::parent::Parent;
use crate::protocol::{self, Answered, Done, Item, Ready, Report, Stage};
use crate::sampled;
use crate::teacher::{self, Needs, Taught};
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;

/// Does the job. Questions are numbered by the first item that they are about.
pub(crate) fn score<W: Write>(
    job: &protocol::Answer,
    parent: &mut Parent<W>,
    world: World<'_>,
) -> Result<Done> {
    let started = (world.clock)();
    let items = load::items(&job.items)?;
    let reader = Reader::of(&load::model(&job.student.model)?);
    parent.say(&Report::Ready(Ready {
        version: protocol::VERSION,
        from: None,
        items: items.len(),
        student: load::digest(&job.student.model)?,
        teacher: None,
        teachers: BTreeMap::new(),
        seconds: since(world, started),
    }))?;
    let parts = (items.len(), job.sampling.slots);
    in_parts((job, parent), parts, |parent, range| {
        part(job, parent, (&items, &reader), range)
    })
}

/// The scores of the items from one number to another.
fn part<W: Write>(
    job: &protocol::Answer,
    parent: &mut Parent<W>,
    (items, reader): (&[Item], &Reader),
    range: Range<usize>,
) -> Result<Vec<Answered>> {
    let from = range.start;
    let mut answers = Vec::with_capacity(range.len());
    for number in range {
        let text = items[number].given()?;
        answers.push(sampled::Answer {
            item: number,
            sample: 0,
            tokens: reader.answer(text, &job.sampling),
            logprobs: Vec::new(),
            top: Vec::new(),
            text: text.to_owned(),
            cut: false,
        });
    }
    let answers: Vec<&sampled::Answer> = answers.iter().collect();
    let (about, at) = ((items, reader), (Stage::OnPolicy, from as u64));
    let question = teacher::ask(parent, about, at, &answers, Needs::TOKENS)?;
    let told = teacher::told(parent.answer(question)?, &answers, Needs::TOKENS)?;
    let pairs = answers.into_iter().zip(told);
    pairs
        .map(|(answer, told)| answered(&items[answer.item], reader, answer, told))
        .collect()
}

fn answered(
    item: &Item,
    reader: &Reader,
    answer: &sampled::Answer,
    told: Option<Taught>,
) -> Result<Answered> {
    let positions = told.map(|told| told.positions).unwrap_or_default();
    let logprobs: Option<Vec<f64>> = positions.iter().map(|p| p.token.map(f64::from)).collect();
    let logprobs = logprobs.filter(|all| !all.is_empty());
    let logprobs = logprobs.ok_or_else(|| {
        Error::Teacher(format!(
            "it does not tell how likely the expected text of the item {:?} is",
            item.id
        ))
    })?;
    Ok(Answered {
        item: item.id.clone(),
        sample: 0,
        text: answer.text.clone(),
        ending: None,
        prompt_tokens: reader.prompt(&item.id, item.teacher())?.len() as u64,
        tokens: logprobs.len() as u64,
        logprob: logprobs.iter().sum(),
    })
}
