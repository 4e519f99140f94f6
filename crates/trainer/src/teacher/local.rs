//! The teacher in the same process: prompts' common beginning is read once a process, each item's rest
//! once a step, each answer once. It learns nothing.

use super::{Needs, Position, Taught, compare};
use crate::error::{Error, Result};
use crate::load::{self, Reader};
use crate::protocol::{Item, Kind, Prompt, Tokenizers};
use crate::sampled::{Answer, TOP};
use crate::student;
use crate::uld;
use lm::device::Cpu;
use lm::loss::Uld;
use lm::train::Head;
use lm::{Cache, Model, ModelFiles, Step, Want};
use std::collections::{HashMap, VecDeque};
use std::path::Path;

/// Tokens of one pass.
const ROWS: usize = 512;
/// Items whose prompts are looked at for what they have in common.
const LOOKED_AT: usize = 64;

/// A model beside the student.
pub(crate) struct Local {
    model: Model,
    pub(crate) reader: Reader,
    pub(crate) head: Option<Head<Cpu>>,
    pub(crate) width: usize,
    pub(crate) tokenizers: Tokenizers,
    /// What compares its rows, where its tokens may be others.
    pub(crate) uld: Option<Uld>,
    /// What it is shown of an item.
    shown: fn(&Item) -> &Prompt,
    /// What the prompts begin with, read once.
    common: (Vec<u32>, Cache),
}

impl Local {
    /// The start model, which is shown what the student is, and tells of single tokens alone.
    pub(crate) fn start(
        path: &Path,
        student: &student::Student,
        items: &[&Item],
        threads: usize,
    ) -> Result<Self> {
        let files = load::model(path)?;
        let tokenizers = compare(&student.reader, &Reader::of(&files));
        Self::of((path, &files), tokenizers, (items, Item::student), threads)
    }

    /// Loads it. Its tokenizer must be the student's, unless the loss is between vocabularies.
    pub(crate) fn open(
        (path, kind): (&Path, Kind),
        student: &student::Student,
        items: &[&Item],
        threads: usize,
    ) -> Result<Self> {
        let files = load::model(path)?;
        let tokenizers = compare(&student.reader, &Reader::of(&files));
        if !tokenizers.same && !kind.is_between_vocabularies() {
            let Tokenizers {
                student,
                teacher,
                shared,
                ..
            } = tokenizers;
            return Err(Error::Tokenizers(format!(
                "{student} and {teacher} tokens, {shared} spellings are the same"
            )));
        }
        let head = Head::open(&*student.device, &files).map_err(load::of_model(path))?;
        let mut local = Self::of((path, &files), tokenizers, (items, Item::teacher), threads)?;
        local.head = Some(head);
        local.uld = uld::formula(kind, &student.reader, &local.reader)?;
        Ok(local)
    }

    fn of(
        (path, files): (&Path, &ModelFiles<'_>),
        tokenizers: Tokenizers,
        (items, shown): (&[&Item], fn(&Item) -> &Prompt),
        threads: usize,
    ) -> Result<Self> {
        let model = Model::from_files(files, &student::options(threads, false));
        let model = model.map_err(load::of_model(path))?;
        let reader = Reader::of(files);
        let mut common: Option<Vec<u32>> = None;
        for item in items.iter().take(LOOKED_AT) {
            let prompt = reader.prompt(&item.id, shown(item))?;
            let length = common.as_ref().map_or(prompt.len(), |c| equal(c, &prompt));
            common.get_or_insert(prompt).truncate(length);
        }
        let common = common.unwrap_or_default();
        let mut cache = model.cache();
        model.check_length(common.len())?;
        for tokens in common.chunks(ROWS) {
            let want = Want::nothing();
            let cache = &mut cache;
            model.forward(&mut [Step {
                cache,
                tokens,
                want,
            }])?;
        }
        Ok(Self {
            width: model.config().width,
            model,
            reader,
            head: None,
            uld: None,
            tokenizers,
            shown,
            common: (common, cache),
        })
    }

    /// What it tells of answers, in their order.
    pub(crate) fn score(
        &self,
        items: &[Item],
        answers: &[&Answer],
        needs: Needs,
    ) -> Result<Vec<Taught>> {
        let mut prompts: HashMap<usize, (u32, Cache)> = HashMap::new();
        self.read_prompts(items, answers, &mut prompts)?;
        let mut out: Vec<Taught> = answers.iter().map(|_| Taught::default()).collect();
        let mut waiting: VecDeque<Part> = VecDeque::new();
        for (index, answer) in answers.iter().enumerate() {
            let Some((last, _)) = prompts.get(&answer.item) else {
                continue;
            };
            let before = answer.tokens.len() - 1;
            waiting.push_back(Part {
                index,
                cache: None,
                fed: std::iter::once(*last)
                    .chain(answer.tokens[..before].iter().copied())
                    .collect(),
                ids: answer.ids(needs),
                start: 0,
                end: 0,
            });
        }
        while !waiting.is_empty() {
            let mut left = ROWS;
            let mut parts = Vec::new();
            while left > 0
                && let Some(mut part) = waiting.pop_front()
            {
                part.end = part.fed.len().min(part.start + left);
                left -= part.end - part.start;
                let item = answers[part.index].item;
                if part.cache.is_none() {
                    part.cache = prompts.get(&item).map(|(_, cache)| cache.clone());
                }
                parts.push(part);
            }
            self.pass(answers, &mut parts, needs, &mut out)?;
            for mut part in parts.into_iter().rev() {
                if part.end < part.fed.len() {
                    part.start = part.end;
                    waiting.push_front(part);
                }
            }
        }
        Ok(out)
    }

    /// Reads the prompts of answers but for their last tokens; each once.
    fn read_prompts(
        &self,
        items: &[Item],
        answers: &[&Answer],
        prompts: &mut HashMap<usize, (u32, Cache)>,
    ) -> Result<()> {
        let mut waiting: VecDeque<(usize, Vec<u32>, Cache)> = VecDeque::new();
        for answer in answers {
            if prompts.contains_key(&answer.item) || waiting.iter().any(|w| w.0 == answer.item) {
                continue;
            }
            let item = &items[answer.item];
            let tokens = self.reader.prompt(&item.id, (self.shown)(item))?;
            self.fits(item, tokens.len() + answer.tokens.len())?;
            let mut cache = self.common.1.clone();
            cache.truncate(equal(&self.common.0, &tokens).min(tokens.len() - 1));
            waiting.push_back((answer.item, tokens, cache));
        }
        while !waiting.is_empty() {
            let mut left = ROWS;
            let mut parts = Vec::new();
            while left > 0
                && let Some((item, tokens, cache)) = waiting.pop_front()
            {
                let start = cache.len();
                let end = (tokens.len() - 1).min(start + left);
                left -= end - start;
                parts.push((item, tokens, cache, start..end));
            }
            let steps = parts.iter_mut().filter(|p| !p.3.is_empty());
            let mut steps: Vec<Step<'_>> = steps
                .map(|(_, tokens, cache, range)| Step {
                    cache,
                    tokens: &tokens[range.clone()],
                    want: Want::nothing(),
                })
                .collect();
            self.model.forward(&mut steps)?;
            for (item, tokens, cache, range) in parts.into_iter().rev() {
                match tokens.split_last() {
                    Some((&last, before)) if range.end == before.len() => {
                        prompts.insert(item, (last, cache));
                    }
                    _ => waiting.push_front((item, tokens, cache)),
                }
            }
        }
        Ok(())
    }

    fn fits(&self, item: &Item, tokens: usize) -> Result<()> {
        self.model.check_length(tokens).map_err(|e| Error::Item {
            id: item.id.clone(),
            what: format!("the teacher's prompt with its answer: {e}"),
        })
    }

    /// One pass over parts of answers.
    fn pass(
        &self,
        answers: &[&Answer],
        parts: &mut [Part],
        needs: Needs,
        out: &mut [Taught],
    ) -> Result<()> {
        let mut steps = Vec::new();
        for part in parts.iter_mut() {
            let range = part.start..part.end;
            let Some(cache) = &mut part.cache else {
                continue;
            };
            steps.push(Step {
                cache,
                tokens: &part.fed[range.clone()],
                want: Want {
                    score: &answers[part.index].tokens[range.clone()],
                    top: needs.top.max(TOP),
                    at: part.ids.get(range).unwrap_or(&[]),
                    hidden: needs.whole,
                    ..Want::nothing()
                },
            });
        }
        let outputs = self.model.forward(&mut steps)?;
        for (part, output) in parts.iter().zip(outputs) {
            let taught = &mut out[part.index];
            taught.hidden.extend(output.hidden);
            let ids = part.ids.get(part.start..part.end).unwrap_or(&[]);
            for (row, scored) in output.scores.into_iter().enumerate() {
                let ids = ids.get(row).map_or(&[][..], Vec::as_slice);
                taught.positions.push(Position {
                    token: Some(scored.logprob),
                    at: ids.iter().copied().zip(scored.at).collect(),
                    top: scored.top.iter().map(|t| (t.token, t.logprob)).collect(),
                });
            }
        }
        Ok(())
    }
}

/// An answer under way.
struct Part {
    index: usize,
    cache: Option<Cache>,
    /// The last token of the prompt, and the answer's but its last.
    fed: Vec<u32>,
    ids: Vec<Vec<u32>>,
    start: usize,
    end: usize,
}

/// How many tokens two sequences begin with in common.
fn equal(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
