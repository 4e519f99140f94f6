//! The job that answers items, or scores the answers that they have. Greedy answers tell how good a
//! student is, a teacher's are what a cold start learns, scores of given answers are perplexities.

use crate::World;
use crate::error::{Error, Result};
use crate::learn::since;
use crate::load::{self, Reader};
use crate::parent::Parent;
use crate::protocol::{self, Answered, Answers, Done, Item, Prompt, Ready, Report, Stage, Who};
use crate::{asked, place, random, sampled, student};
use lm::{Model, Question, Scoring};
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;

/// What answers.
struct Speaker {
    model: Model,
    reader: Reader,
    place: Option<protocol::Place>,
    digest: String,
}

/// Does the job.
pub(crate) fn answer<W: Write>(
    job: &protocol::Answer,
    parent: &mut Parent<W>,
    world: World<'_>,
) -> Result<Done> {
    if job.samples == 0 || job.sampling.max_tokens == 0 || job.sampling.slots == 0 {
        return Err(Error::Job("samples, max_tokens or slots is 0".into()));
    }
    if job.score && job.fast {
        return Err(Error::Job("scores are of the exact path".into()));
    }
    if job.score && job.who == Who::Teacher && job.teacher.is_none() {
        return asked::score(job, parent, world);
    }
    let started = (world.clock)();
    let items = load::items(&job.items)?;
    let speaker = Speaker::open(job)?;
    parent.say(&Report::Ready(Ready {
        version: protocol::VERSION,
        from: speaker.place,
        items: items.len(),
        student: speaker.digest.clone(),
        teacher: None,
        teachers: BTreeMap::new(),
        seconds: since(world, started),
    }))?;
    let part = job.sampling.slots / job.samples as usize;
    in_parts((job, parent), (items.len(), part), |_, part| {
        match job.score {
            true => speaker.score(job, &items[part]),
            false => speaker.answers(job, &items[part]),
        }
    })
}

/// Has the answers to so many items made, so many at a time (one at least), and tells each part as it
/// is there; a pause is heard in between.
pub(crate) fn in_parts<W: Write>(
    (job, parent): (&protocol::Answer, &mut Parent<W>),
    (of, size): (usize, usize),
    mut answers: impl FnMut(&mut Parent<W>, Range<usize>) -> Result<Vec<Answered>>,
) -> Result<Done> {
    let mut done = 0;
    while done < of {
        let end = (done + size.max(1)).min(of);
        let answers = answers(parent, done..end)?;
        done = end;
        parent.say(&Report::Answers(Answers {
            who: job.who,
            answers,
            done,
            of,
        }))?;
        if parent.paused()? {
            break;
        }
    }
    Ok(Done {
        paused: done < of,
        step: None,
    })
}

impl Speaker {
    fn open(job: &protocol::Answer) -> Result<Self> {
        let options = student::options(job.threads, job.fast);
        let path = match job.who {
            Who::Student => {
                let (mut student, place, digest) =
                    place::at(&job.folder, &job.student, job.place, job.threads)?;
                let tokenizer = std::sync::Arc::clone(&student.reader.tokenizer);
                let model = match job.fast {
                    false => student.trainer.sampler(tokenizer, None, &options)?,
                    true => {
                        let weights = student.trainer.weights()?;
                        Model::from_weights(&weights, tokenizer, None, &options)?
                    }
                };
                return Ok(Self {
                    model,
                    reader: student.reader,
                    place: Some(place),
                    digest,
                });
            }
            Who::Start => &job.student.model,
            Who::Teacher => job.teacher.as_ref().ok_or_else(|| {
                Error::Job("a teacher is to answer, and the job names no model of it".into())
            })?,
        };
        let files = load::model(path)?;
        Ok(Self {
            model: Model::from_files(&files, &options).map_err(load::of_model(path))?,
            reader: Reader::of(&files),
            place: None,
            digest: load::digest(path)?,
        })
    }

    fn prompt(&self, job: &protocol::Answer, item: &Item) -> Result<Vec<u32>> {
        let prompt: &Prompt = match job.who {
            Who::Teacher => item.teacher(),
            Who::Start | Who::Student => &item.student,
        };
        self.reader.prompt(&item.id, prompt)
    }

    fn answers(&self, job: &protocol::Answer, items: &[Item]) -> Result<Vec<Answered>> {
        let seed = random::of_step(job.seed, Stage::OnPolicy, 0);
        let prompts = items.iter().map(|item| self.prompt(job, item));
        let prompts: Vec<Vec<u32>> = prompts.collect::<Result<_>>()?;
        let asked = items.iter().zip(&prompts);
        let asked: Vec<(&Item, &Vec<u32>, u32)> = asked
            .flat_map(|(item, prompt)| (0..job.samples).map(move |s| (item, prompt, s)))
            .collect();
        let mut questions = Vec::new();
        for &(item, prompt, sample) in &asked {
            self.fits(item, prompt.len() + job.sampling.max_tokens)?;
            let seed = random::of_answer(seed, &item.id, sample);
            questions.push(Question {
                prompt,
                sampling: sampled::how(&job.sampling, seed, 0),
                limits: sampled::limits(&job.sampling),
            });
        }
        let batch = lm::Batch {
            path: match job.fast {
                true => lm::Path::Fast,
                false => lm::Path::Exact,
            },
            slots: job.sampling.slots,
        };
        let written = self.model.sample_many(&questions, batch)?;
        let pairs = asked.into_iter().zip(written);
        let answered = pairs.map(|((item, prompt, sample), mut written)| {
            let kept = sampled::kept_stop(&job.sampling, written.finish);
            written.text.push_str(kept);
            Answered {
                item: item.id.clone(),
                sample,
                ending: sampled::ending(written.finish),
                prompt_tokens: prompt.len() as u64,
                tokens: written.tokens.len() as u64,
                logprob: written.tokens.iter().map(|t| f64::from(t.logprob)).sum(),
                text: written.text,
            }
        });
        Ok(answered.collect())
    }

    fn score(&self, job: &protocol::Answer, items: &[Item]) -> Result<Vec<Answered>> {
        let mut texts = Vec::new();
        for item in items {
            let answer = item.given()?;
            let mut tokens = self.prompt(job, item)?;
            let from = tokens.len();
            tokens.extend(self.reader.answer(answer, &job.sampling));
            self.fits(item, tokens.len())?;
            texts.push((item, answer, tokens, from));
        }
        let scorings = texts.iter().map(|(_, _, tokens, from)| Scoring {
            tokens,
            from: *from,
            top: 0,
            at: &[],
        });
        let scorings: Vec<Scoring<'_>> = scorings.collect();
        let scores = self.model.score_many(&scorings)?;
        let answered = texts
            .iter()
            .zip(scores)
            .map(|((item, text, _, from), scores)| Answered {
                item: item.id.clone(),
                sample: 0,
                text: (*text).to_owned(),
                ending: None,
                prompt_tokens: *from as u64,
                tokens: scores.len() as u64,
                logprob: scores.iter().map(|s| f64::from(s.logprob)).sum(),
            });
        Ok(answered.collect())
    }

    fn fits(&self, item: &Item, tokens: usize) -> Result<()> {
        self.model.check_length(tokens).map_err(|e| Error::Item {
            id: item.id.clone(),
            what: e.to_string(),
        })
    }
}
