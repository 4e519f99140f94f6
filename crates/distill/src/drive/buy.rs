//! Bought scores: reserved, asked, checked, written down and only then used. What was bought
//! before is taken from the vault.

use record::{Amount, Call, CallRole, RunEvent, Stage};
use serde::{Deserialize, Serialize};
use trainer::protocol::{Order, Score, SequenceScores, Stage as Learning};

use super::watch::Flow;
use super::{Child, Driver, Stop, Worked};
use crate::error::{Error, Result};
use crate::teacher::{self, Answer, Unanswered};

/// Sequences of one call.
const PART: usize = 16;
/// How often a call is tried.
const TRIES: u32 = 3;
/// How long bought answers are kept: a run that takes longer buys anew.
const KEEP_US: u64 = 90 * 86_400_000_000;

/// A bought answer as the vault has it.
#[derive(Serialize, Deserialize)]
struct Kept {
    revision: Option<String>,
    sequences: Vec<SequenceScores>,
}

impl Driver<'_, '_> {
    /// Answers a question of the child.
    pub(super) fn answer(&mut self, child: &mut Child, question: &Score) -> Result<Flow> {
        let stage = match question.stage {
            Learning::ColdStart => Stage::ColdStart,
            Learning::OnPolicy => Stage::OnPolicy,
        };
        let mut sequences = Vec::with_capacity(question.sequences.len());
        for (number, part) in question.sequences.chunks(PART).enumerate() {
            let part = Score {
                sequences: part.to_vec(),
                question: 0,
                ..question.clone()
            };
            let call = Call {
                stage,
                step: question.step,
                item: format!("part-{number}"),
                attempt: 0,
                role: CallRole::Score,
            };
            match self.bought(call, &part)? {
                Ok(told) => sequences.extend(told),
                Err(stop) => return Ok(Flow::Stop(stop)),
            }
        }
        let scores = teacher::scores(question.question, sequences);
        child.say(&Order::Scores(scores))?;
        Ok(Flow::On)
    }

    /// The answer to a part of a question, bought at most once.
    fn bought(&mut self, call: Call, part: &Score) -> Result<Worked<Vec<SequenceScores>>> {
        let request = request_digest(part)?;
        let mut why = String::new();
        for _ in 0..TRIES {
            let (attempt, response) = self.state.attempt(&call, &request);
            let call = Call {
                attempt,
                ..call.clone()
            };
            if let Some(response) = response {
                if let Some(kept) = self.kept(&response)? {
                    return Ok(Ok(kept.sequences));
                }
                return Ok(Err(Stop::failed(
                    "an answer that was bought is no longer in the vault: fork the run",
                )));
            }
            if let Some(stop) = self.look(true)? {
                return Ok(Err(stop));
            }
            let answered = match self.ask(&call, request, part)? {
                Ok(answered) => answered,
                Err(stop) => return Ok(Err(stop)),
            };
            match answered {
                Ok(sequences) => return Ok(Ok(sequences)),
                Err(said) => why = said,
            }
        }
        Ok(Err(Stop::failed(format!(
            "the teacher gave no answer of use in {TRIES} tries: {why}"
        ))))
    }

    /// One call: its worst case first, then the question, then what came of it.
    fn ask(
        &mut self,
        call: &Call,
        request: [u8; 32],
        part: &Score,
    ) -> Result<Worked<std::result::Result<Vec<SequenceScores>, String>>> {
        let Some(teacher) = self.world.teacher else {
            return Ok(Err(Stop::failed("the run's teacher cannot be asked here")));
        };
        let Some(served) = self.state.spec.teacher.served.clone() else {
            return Ok(Err(Stop::failed("the run's teacher is on this machine")));
        };
        let read: usize = part.sequences.iter().map(|s| s.tokens.len()).sum();
        // vLLM's way writes one token for each sequence.
        let worst = served
            .prices
            .worst(read as u64, part.sequences.len() as u64);
        let slice = match self.draw(worst)? {
            Ok(slice) => slice,
            Err(stop) => return Ok(Err(stop)),
        };
        if !worst.fits(self.state.left()) {
            return Ok(Err(Stop::pause(record::Cause::Budget)));
        }
        let idempotent = self.state.spec.teacher.idempotent;
        self.record(&RunEvent::Asked {
            call: call.clone(),
            request,
            slice,
            worst,
            idempotent,
        })?;
        if !idempotent {
            // Whatever happens from here on, it may be owed.
            self.purse.spend(worst);
        }
        let key = self.key(call, &request);
        match teacher.score(part, &key) {
            Ok(answer) => self.take(call, (request, slice, worst), part, answer),
            // The same key, and no new price: the call is still under way.
            Err(Unanswered::Lost(why)) if idempotent => Ok(Ok(Err(why))),
            Err(unanswered) => {
                let (spent, why) = match unanswered {
                    Unanswered::Refused(why) => (Amount::ZERO, why),
                    Unanswered::Lost(why) => (worst, why),
                };
                self.lose(call, (slice, worst), spent, &why)?;
                Ok(Ok(Err(why)))
            }
        }
    }

    fn take(
        &mut self,
        call: &Call,
        (request, slice, worst): ([u8; 32], record::Id<record::id::kind::Slice>, Amount),
        part: &Score,
        answer: Answer,
    ) -> Result<Worked<std::result::Result<Vec<SequenceScores>, String>>> {
        let Some(served) = &self.state.spec.teacher.served else {
            return Ok(Err(Stop::failed("the run's teacher is on this machine")));
        };
        let spent = served.prices.cost(&answer.usage).min(worst);
        if let Err(why) = teacher::check(part, &answer.sequences) {
            let why = format!("what it told is impossible: {why}");
            self.lose(call, (slice, worst), spent, &why)?;
            return Ok(Ok(Err(why)));
        }
        if let Some(stop) = self.other_version(answer.revision.as_deref())? {
            self.lose(
                call,
                (slice, worst),
                spent,
                "the teacher changed its version",
            )?;
            return Ok(Err(stop));
        }
        let kept = Kept {
            revision: answer.revision,
            sequences: answer.sequences,
        };
        let bytes = serde_json::to_vec(&kept).map_err(|error| Error::Child(error.to_string()))?;
        let expires = (self.world.clock)().micros().saturating_add(KEEP_US);
        let vault = self.world.facts.ledger().vault();
        let hashes = vault.put(&[&bytes], ledger::Lock::House, expires)?;
        let response = hashes.first().copied().unwrap_or_default();
        self.settle_call(worst, spent);
        self.record(&RunEvent::Bought {
            call: call.clone(),
            request,
            slice,
            usage: answer.usage,
            spent,
            response,
        })?;
        Ok(Ok(Ok(kept.sequences)))
    }

    fn lose(
        &mut self,
        call: &Call,
        (slice, worst): (record::Id<record::id::kind::Slice>, Amount),
        spent: Amount,
        why: &str,
    ) -> Result<()> {
        self.settle_call(worst, spent);
        self.record(&RunEvent::Lost {
            call: call.clone(),
            slice,
            spent,
            why: why.to_owned(),
        })
    }

    fn settle_call(&mut self, worst: Amount, spent: Amount) {
        if !self.state.spec.teacher.idempotent {
            self.purse.refund(worst);
        }
        self.purse.spend(spent);
    }

    /// A teacher that is another one in mid-run is no longer the run's.
    fn other_version(&mut self, told: Option<&str>) -> Result<Option<Stop>> {
        if self.revision.is_none() {
            let first = self.state.calls.values().find_map(|fate| match fate {
                crate::state::Fate::Bought { response, .. } => Some(*response),
                _ => None,
            });
            if let Some(response) = first {
                self.revision = self.kept(&response)?.and_then(|kept| kept.revision);
            }
        }
        let Some(told) = told else {
            return Ok(None);
        };
        let known = self.revision.get_or_insert_with(|| told.to_owned());
        Ok((known != told).then(|| {
            Stop::failed(format!(
                "the teacher changed its version from {known} to {told}: fork the run to go on with it"
            ))
        }))
    }

    fn kept(&self, response: &[u8; 32]) -> Result<Option<Kept>> {
        let vault = self.world.facts.ledger().vault();
        let bytes = vault.get(response, ledger::Lock::House)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The `Idempotency-Key`: the same for the same call of the same run.
    fn key(&self, call: &Call, request: &[u8; 32]) -> String {
        let text = format!(
            "{}/{:?}/{}/{}/{}",
            self.run, call.stage, call.step, call.item, call.attempt
        );
        let mut hasher = blake3::Hasher::new();
        hasher.update(text.as_bytes());
        hasher.update(request);
        format!("stillhouse-{}", hasher.finalize().to_hex())
    }
}

fn request_digest(part: &Score) -> Result<[u8; 32]> {
    let bytes = serde_json::to_vec(part).map_err(|error| Error::Child(error.to_string()))?;
    Ok(*blake3::hash(&bytes).as_bytes())
}
