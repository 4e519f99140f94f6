//! A teacher elsewhere is asked: for scores, as the child wants them, and for texts, as a stage
//! wants them. Each call goes through `buy`, so that none is paid twice.

use std::collections::BTreeMap;

use record::{Call, CallRole, Prices};
use trainer::protocol::{Answered, Item, Order, Score, Scores, SequenceScores};

use super::answers::{Answers, Pace, Wanted};
use super::buy::{Came, Known, Open, TRIES, Wanted as Wants, digest_of};
use super::learn::of_child;
use super::measure::bytes_of;
use super::watch::Flow;
use super::{Child, Driver, Stop, Worked};
use crate::error::{Error, Result};
use crate::spec::Spec;
use crate::teacher::{self, Teacher, Text, Written};

/// Sequences of one call for scores.
pub(crate) const PART: usize = 16;
/// Texts that are asked for at a time.
const AT_A_TIME: usize = 8;

impl<'w> Driver<'_, 'w> {
    /// Answers a question of the child that learns.
    pub(super) fn answer(&mut self, child: &mut Child, question: &Score) -> Result<Flow> {
        self.answer_for(of_child(question.stage), child, question)
    }

    /// Answers a question of the child; the calls are for this stage.
    pub(super) fn answer_for(
        &mut self,
        stage: record::Stage,
        child: &mut Child,
        question: &Score,
    ) -> Result<Flow> {
        let mut told: Vec<Option<SequenceScores>> = vec![None; question.sequences.len()];
        for (number, part, places) in parts(&self.state.spec, question)? {
            let call = Call {
                stage,
                step: question.step,
                item: part,
                attempt: 0,
                role: CallRole::Score,
            };
            let its = places.iter().map(|place| &question.sequences[*place]);
            let part = Score {
                sequences: its.cloned().collect(),
                question: 0,
                ..*question
            };
            match self.scores(number, call, &part)? {
                Ok(scores) => {
                    for (place, scores) in places.into_iter().zip(scores) {
                        told[place] = Some(scores);
                    }
                }
                Err(stop) => return Ok(Flow::Stop(stop)),
            }
        }
        let scores = Scores {
            question: question.question,
            sequences: told,
        };
        child.say(&Order::Scores(scores))?;
        Ok(Flow::On)
    }

    /// The teacher elsewhere of a number, and what it costs.
    fn asked(&self, number: usize) -> Worked<(&'w dyn Teacher, Prices)> {
        let spec = self.state.spec.teacher_at(number);
        let teacher = self.world.teachers.get(&spec.name).copied();
        let teacher = teacher.ok_or_else(|| Stop::failed("the run's teacher cannot be asked here"));
        let served = spec.served.as_ref();
        let served = served.ok_or_else(|| Stop::failed("the run's teacher is on this machine"));
        Ok((teacher?, served?.prices))
    }

    /// The answer to a part of a question, bought at most once.
    fn scores(
        &mut self,
        number: usize,
        call: Call,
        part: &Score,
    ) -> Result<Worked<Vec<SequenceScores>>> {
        let (teacher, prices) = match self.asked(number) {
            Ok(asked) => asked,
            Err(stop) => return Ok(Err(stop)),
        };
        let request = digest_of(part)?;
        let read: usize = part.sequences.iter().map(|s| s.tokens.len()).sum();
        // vLLM's way writes one token for each sequence.
        let worst = prices.worst(read as u64, part.sequences.len() as u64);
        let mut why = String::new();
        for _ in 0..TRIES {
            let attempt = match self.known(&call, &request)? {
                Ok(Known::Attempt(attempt)) => attempt,
                Ok(Known::Bought(scores)) => return Ok(Ok(scores)),
                Err(stop) => return Ok(Err(stop)),
            };
            if let Some(stop) = self.look(true)? {
                return Ok(Err(stop));
            }
            let call = Call {
                attempt,
                ..call.clone()
            };
            let wanted = Wants {
                teacher: number,
                call,
                request,
                worst,
            };
            let mut open = match self.open(vec![wanted])? {
                Ok(open) => open,
                Err(stop) => return Ok(Err(stop)),
            };
            let Some(open) = open.pop() else { break };
            let came = match teacher.score(part, &open.key) {
                Err(unanswered) => Ok(Err(self.unanswered(&open, unanswered)?)),
                Ok(answer) => {
                    let checked = teacher::check(part, &answer.sequences);
                    let told = (answer.revision, answer.usage);
                    self.take(&open, told, answer.sequences, checked)?
                }
            };
            match came {
                Ok(Ok(sequences)) => return Ok(Ok(sequences)),
                Ok(Err(said)) => why = said,
                Err(stop) => return Ok(Err(stop)),
            }
        }
        Ok(Err(no_use(&why)))
    }

    /// A teacher's texts for items, each bought at most once, in the items' order.
    pub(super) fn texts(&mut self, wanted: &Wanted<'_>) -> Result<Worked<Answers>> {
        let began = (self.world.clock)();
        let items = self.items(wanted.items)?;
        let mut answers = Vec::with_capacity(items.len());
        for part in items.chunks(AT_A_TIME) {
            match self.part_of_texts(wanted, part)? {
                Ok(told) => answers.extend(told),
                Err(stop) => return Ok(Err(stop)),
            }
            let (done, of) = (answers.len() as u64, items.len() as u64);
            let what = "the teacher's answers";
            self.world.observer.working(&self.state, what, done, of);
        }
        let seconds = self.since(began);
        Ok(Ok(Answers {
            pace: Pace::of(answers.len(), seconds, 0.0),
            answers,
            seconds,
            // Each call paid its own.
            tokens: 0,
        }))
    }

    fn part_of_texts(
        &mut self,
        wanted: &Wanted<'_>,
        items: &[Item],
    ) -> Result<Worked<Vec<Answered>>> {
        let mut told: Vec<Option<Written>> = vec![None; items.len()];
        let mut why = String::new();
        for tried in 0..=TRIES {
            let missing = match self.missing(wanted, items, &mut told)? {
                Ok(missing) => missing,
                Err(stop) => return Ok(Err(stop)),
            };
            if missing.is_empty() {
                let pairs = items.iter().zip(told);
                let answered = pairs.filter_map(|(item, told)| Some(told?.answered(&item.id)));
                return Ok(Ok(answered.collect()));
            }
            if tried == TRIES {
                break;
            }
            if let Some(stop) = self.look(true)? {
                return Ok(Err(stop));
            }
            match self.write(wanted.number(), missing)? {
                Ok(Ok(())) => {}
                Ok(Err(said)) => why = said,
                Err(stop) => return Ok(Err(stop)),
            }
        }
        Ok(Err(no_use(&why)))
    }

    /// What was bought goes into `told`; what was not is to be asked.
    fn missing(
        &self,
        wanted: &Wanted<'_>,
        items: &[Item],
        told: &mut [Option<Written>],
    ) -> Result<Worked<Vec<(Wants, Text)>>> {
        let (_, prices) = match self.asked(wanted.number()) {
            Ok(asked) => asked,
            Err(stop) => return Ok(Err(stop)),
        };
        let mut missing = Vec::new();
        for (item, told) in items.iter().zip(told) {
            let text = Text {
                prompt: item.teacher().clone(),
                sampling: wanted.sampling.clone(),
                seed: seed(self.state.created.seed, &item.id),
            };
            let mut call = Call {
                stage: wanted.stage,
                step: 0,
                item: item.id.clone(),
                attempt: 0,
                role: CallRole::Answer,
            };
            let request = digest_of(&text)?;
            match self.known(&call, &request)? {
                Ok(Known::Bought(written)) => *told = Some(written),
                Err(stop) => return Ok(Err(stop)),
                Ok(Known::Attempt(attempt)) => {
                    call.attempt = attempt;
                    let most = wanted.sampling.max_tokens as u64;
                    let worst = prices.worst(bytes_of(&text.prompt), most);
                    let wants = Wants {
                        teacher: wanted.number(),
                        call,
                        request,
                        worst,
                    };
                    missing.push((wants, text));
                }
            }
        }
        Ok(Ok(missing))
    }

    /// Asks for texts at once; the last reason why one did not come.
    fn write(&mut self, number: usize, missing: Vec<(Wants, Text)>) -> Result<Worked<Came<()>>> {
        let (teacher, _) = match self.asked(number) {
            Ok(asked) => asked,
            Err(stop) => return Ok(Err(stop)),
        };
        let (wanted, texts): (Vec<_>, Vec<_>) = missing.into_iter().unzip();
        let open = match self.open(wanted)? {
            Ok(open) => open,
            Err(stop) => return Ok(Err(stop)),
        };
        let keys = open.iter().map(|open: &Open| open.key.as_str());
        let asked: Vec<(&Text, &str)> = texts.iter().zip(keys).collect();
        let replies = teacher.write(&asked);
        let mut came = Ok(());
        let mut stopped = None;
        // Each is written down, also where one before it stops the run: it is paid.
        for ((open, text), reply) in open.iter().zip(&texts).zip(replies) {
            match reply {
                Err(unanswered) => came = Err(self.unanswered(open, unanswered)?),
                Ok(reply) => {
                    let checked = reply.written.check(text);
                    let told = (reply.revision, reply.usage);
                    match self.take(open, told, reply.written, checked)? {
                        Ok(Ok(_)) => {}
                        Ok(Err(said)) => came = Err(said),
                        Err(stop) => stopped = Some(stop),
                    }
                }
            }
        }
        Ok(match stopped {
            Some(stop) => Err(stop),
            None => Ok(came),
        })
    }
}

/// A question in parts, each of one teacher: its number, what the call is named by, and which of the
/// sequences.
fn parts(spec: &Spec, question: &Score) -> Result<Vec<(usize, String, Vec<usize>)>> {
    let mut of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, sequence) in question.sequences.iter().enumerate() {
        let name = sequence.teacher.as_deref();
        let number = spec.teacher_number(name).ok_or_else(|| {
            Error::Child(format!("it asks {name:?}, who is no teacher of the run"))
        })?;
        of.entry(number).or_default().push(place);
    }
    let mut parts = Vec::new();
    for (number, places) in of {
        let whose = spec.taught_by(number);
        let whose = whose.map_or_else(String::new, |name| format!("@{name}"));
        for (index, part) in places.chunks(PART).enumerate() {
            parts.push((number, format!("part-{index}{whose}"), part.to_vec()));
        }
    }
    Ok(parts)
}

fn no_use(why: &str) -> Stop {
    Stop::failed(format!(
        "the teacher gave no answer of use in {TRIES} tries: {why}"
    ))
}

/// A seed for an item's text, where the teacher takes one.
fn seed(run: u64, item: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&run.to_le_bytes()).update(item.as_bytes());
    let digest = hasher.finalize();
    // Within what JSON's numbers hold everywhere.
    digest.as_bytes()[..4]
        .iter()
        .fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}
