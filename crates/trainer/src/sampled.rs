//! The answers of a step: what the student wrote, or what items say it should write.

use crate::error::{Error, Result};
use crate::load::Reader;
use crate::protocol::{Ending, Item, Sampling, Stage};
use crate::random;
use lm::{Finish, Limits, Model, Path, Question};
use serde::{Deserialize, Serialize};

/// Likeliest tokens that are compared between student and teacher.
pub(crate) const TOP: usize = 16;

/// The answers of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sampled {
    /// The step that learns from them.
    pub(crate) step: u64,
    /// What their sampling was made from.
    pub(crate) seed: u64,
    /// Steps that the student which wrote them had done.
    pub(crate) written_at: u64,
    /// In the order of items and samples.
    pub(crate) answers: Vec<Answer>,
}

impl Sampled {
    /// BLAKE3 over the answers' items and tokens, in hexadecimal.
    pub(crate) fn digest(&self, items: &[Item]) -> String {
        let mut hasher = blake3::Hasher::new();
        for answer in &self.answers {
            let id = &items[answer.item].id;
            hasher.update(&(id.len() as u64).to_le_bytes());
            hasher.update(id.as_bytes());
            hasher.update(&(answer.tokens.len() as u64).to_le_bytes());
            for token in &answer.tokens {
                hasher.update(&token.to_le_bytes());
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The item, by number.
    pub(crate) item: usize,
    /// Which of its answers.
    pub(crate) sample: u32,
    /// Its tokens, its end included.
    pub(crate) tokens: Vec<u32>,
    /// The student's log-probabilities of them; empty where it did not write them.
    pub(crate) logprobs: Vec<f32>,
    /// The student's likeliest tokens at each; empty where it did not write them.
    pub(crate) top: Vec<Vec<u32>>,
    /// Its text.
    pub(crate) text: String,
    /// Whether it was cut at the limit.
    pub(crate) cut: bool,
}

/// How many answers to which items of which step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Which<'a> {
    pub(crate) seed: u64,
    pub(crate) stage: Stage,
    pub(crate) step: u64,
    pub(crate) items: &'a [Item],
    /// The chosen ones, by number.
    pub(crate) chosen: &'a [usize],
}

/// The answers that items have; of pairs the better one, then the other.
pub(crate) fn given(
    which: Which<'_>,
    reader: &Reader,
    sampling: &Sampling,
    pairs: bool,
) -> Result<Sampled> {
    let samples: &[u32] = if pairs { &[0, 1] } else { &[0] };
    let chosen = which.chosen.iter();
    let asked = chosen.flat_map(|&item| samples.iter().map(move |&sample| (item, sample)));
    let one = |(item, sample): (usize, u32)| {
        let Item {
            id,
            answer,
            rejected,
            ..
        } = &which.items[item];
        let (text, missing) = match sample {
            0 => (answer, "it has no answer to learn"),
            _ => (rejected, "it has no rejected answer to learn from"),
        };
        let text = text.clone().ok_or_else(|| Error::Item {
            id: id.clone(),
            what: missing.into(),
        })?;
        Ok(Answer {
            item,
            sample,
            tokens: reader.answer(&text, sampling),
            logprobs: Vec::new(),
            top: Vec::new(),
            text,
            cut: false,
        })
    };
    Ok(Sampled {
        step: which.step,
        seed: random::of_step(which.seed, which.stage, which.step),
        written_at: which.step - 1,
        answers: asked.map(one).collect::<Result<_>>()?,
    })
}

/// The student's own answers, `samples` to each item, each with `top` of its likeliest tokens.
pub(crate) fn own(
    which: Which<'_>,
    (model, reader, written_at): (&Model, &Reader, u64),
    sampling: &Sampling,
    (samples, top): (u32, usize),
) -> Result<Sampled> {
    let seed = random::of_step(which.seed, which.stage, which.step);
    let prompt = |&item: &usize| {
        let item = &which.items[item];
        reader.prompt(&item.id, &item.student)
    };
    let prompts: Vec<Vec<u32>> = which.chosen.iter().map(prompt).collect::<Result<_>>()?;
    let mut asked: Vec<(usize, u32)> = Vec::new();
    let mut questions = Vec::new();
    for (place, (&item, prompt)) in which.chosen.iter().zip(&prompts).enumerate() {
        // An item that comes twice in a step gets further answers.
        let first = samples * before(which.chosen, place);
        for sample in first..first + samples {
            let seed = random::of_answer(seed, &which.items[item].id, sample);
            asked.push((item, sample));
            questions.push(Question {
                prompt,
                sampling: how(sampling, seed, top),
                limits: limits(sampling),
            });
        }
    }
    let batch = lm::Batch {
        path: Path::Exact,
        slots: sampling.slots.max(1),
    };
    let written = model.sample_many(&questions, batch)?;
    let answers = asked.iter().zip(written).map(|(&(item, sample), written)| {
        let finish = written.finish;
        let mut text = written.text;
        text.push_str(kept_stop(sampling, finish));
        Answer {
            item,
            sample,
            logprobs: written.tokens.iter().map(|t| t.logprob).collect(),
            tokens: written.tokens.iter().map(|t| t.token).collect(),
            top: written
                .tokens
                .into_iter()
                .map(|t| t.top.into_iter().map(|t| t.token).collect())
                .collect(),
            text,
            cut: finish == Some(Finish::Length),
        }
    });
    Ok(Sampled {
        step: which.step,
        seed,
        written_at,
        answers: answers.collect(),
    })
}

/// How often the item at a place was chosen before.
fn before(chosen: &[usize], place: usize) -> u32 {
    let same = chosen[..place].iter().filter(|&&c| c == chosen[place]);
    same.count() as u32
}

/// The engine's words for how an answer is sampled.
pub(crate) fn how(sampling: &Sampling, seed: u64, top: usize) -> lm::Sampling {
    lm::Sampling {
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        seed,
        top_logprobs: top,
        ..lm::Sampling::default()
    }
}

/// Where an answer ends.
pub(crate) fn limits(sampling: &Sampling) -> Limits {
    Limits {
        max_tokens: sampling.max_tokens,
        stop: sampling.stop.clone(),
        ignore_end: false,
    }
}

/// The text that ended an answer, where it stays part of it.
pub(crate) fn kept_stop(sampling: &Sampling, finish: Option<Finish>) -> &str {
    match finish {
        Some(Finish::Stop(index)) if sampling.keep_stop => {
            sampling.stop.get(index).map_or("", String::as_str)
        }
        _ => "",
    }
}

/// Why an answer ended.
pub(crate) fn ending(finish: Option<Finish>) -> Option<Ending> {
    finish.map(|finish| match finish {
        Finish::End => Ending::End,
        Finish::Stop(_) => Ending::Stop,
        Finish::Length => Ending::Length,
        Finish::Broken => Ending::Broken,
    })
}
