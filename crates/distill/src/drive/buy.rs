//! Bought calls: reserved, asked, checked, written down and only then used. What was bought before
//! is taken from the vault. What is asked is not looked at here.

use std::collections::BTreeMap;

use record::id::kind;
use record::{Amount, Call, CallRole, Cause, Id, RunEvent, Usage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Driver, Stop, Worked};
use crate::error::{Error, Result};
use crate::state::Fate;
use crate::teacher::Unanswered;

/// How often a call is tried.
pub(super) const TRIES: u32 = 3;
/// How long bought answers are kept: a run that takes longer buys anew.
const KEEP_US: u64 = 90 * 86_400_000_000;

/// What teachers elsewhere called their version first, by their number and what they were asked for.
pub(super) type Versions = BTreeMap<(usize, CallRole), String>;

/// A bought answer as the vault has it.
#[derive(Serialize, Deserialize)]
struct Kept<T> {
    revision: Option<String>,
    /// Whose it is; none for the run's first teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    teacher: Option<String>,
    #[serde(rename = "sequences")]
    answer: T,
}

/// A call that is to be made.
pub(super) struct Wanted {
    /// The number of the teacher that is asked.
    pub(super) teacher: usize,
    pub(super) call: Call,
    pub(super) request: [u8; 32],
    /// The most that it costs.
    pub(super) worst: Amount,
}

/// A call that is in the ledger, and may be made.
pub(super) struct Open {
    pub(super) key: String,
    wanted: Wanted,
    slice: Id<kind::Slice>,
}

/// What came of a call: its answer, or why there was none of use.
pub(super) type Came<T> = std::result::Result<T, String>;

/// What is known of a call before it is made.
pub(super) enum Known<T> {
    /// It was bought.
    Bought(T),
    /// It is to be made, as this attempt.
    Attempt(u32),
}

impl Driver<'_, '_> {
    /// The answer to a call, where it was bought.
    pub(super) fn known<T: DeserializeOwned>(
        &self,
        call: &Call,
        request: &[u8; 32],
    ) -> Result<Worked<Known<T>>> {
        let (attempt, response) = self.state.attempt(call, request);
        let Some(response) = response else {
            return Ok(Ok(Known::Attempt(attempt)));
        };
        Ok(match self.kept(&response)? {
            Some(kept) => Ok(Known::Bought(kept.answer)),
            None => Err(Stop::failed(
                "an answer that was bought is no longer in the vault: fork the run",
            )),
        })
    }

    /// Reserves what calls cost at most, and writes down that they are made.
    pub(super) fn open(&mut self, wanted: Vec<Wanted>) -> Result<Worked<Vec<Open>>> {
        let all = wanted.iter().map(|wanted| wanted.worst);
        let worst = all.fold(Amount::ZERO, Amount::plus);
        let slice = match self.draw(worst)? {
            Ok(slice) => slice,
            Err(stop) => return Ok(Err(stop)),
        };
        let again = wanted.iter().map(|wanted| self.reserved_before(wanted));
        let again = again.fold(Amount::ZERO, Amount::plus);
        if !worst.fits(self.state.left().plus(again)) {
            return Ok(Err(Stop::pause(Cause::Budget)));
        }
        let mut open = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let idempotent = self.is_idempotent(&wanted);
            self.record(&RunEvent::Asked {
                call: wanted.call.clone(),
                request: wanted.request,
                slice,
                worst: wanted.worst,
                idempotent,
            })?;
            if !idempotent {
                // Whatever happens from here on, it may be owed.
                self.purse.spend(wanted.worst);
            }
            open.push(Open {
                key: self.key(&wanted),
                wanted,
                slice,
            });
        }
        Ok(Ok(open))
    }

    /// Whether a call can be made again without a new price.
    fn is_idempotent(&self, wanted: &Wanted) -> bool {
        self.state.spec.teacher_at(wanted.teacher).idempotent
    }

    /// What a call that was under way when the run was stopped has reserved already.
    fn reserved_before(&self, wanted: &Wanted) -> Amount {
        match self.state.calls.get(&wanted.call) {
            Some(Fate::Asked {
                worst,
                idempotent: true,
                ..
            }) => *worst,
            _ => Amount::ZERO,
        }
    }

    /// Writes down that a call had no answer; why, in words.
    pub(super) fn unanswered(&mut self, open: &Open, unanswered: Unanswered) -> Result<String> {
        let (spent, why) = match unanswered {
            // The same key, and no new price: the call is still under way.
            Unanswered::Lost(why) if self.is_idempotent(&open.wanted) => return Ok(why),
            Unanswered::Lost(why) => (open.wanted.worst, why),
            Unanswered::Refused(why) => (Amount::ZERO, why),
        };
        self.lose(open, spent, &why)?;
        Ok(why)
    }

    /// Pays an answer and keeps it, or says why it is of no use. `checked` says whether it is
    /// possible.
    pub(super) fn take<T: Serialize>(
        &mut self,
        open: &Open,
        (revision, usage): (Option<String>, Usage),
        answer: T,
        checked: std::result::Result<(), String>,
    ) -> Result<Worked<Came<T>>> {
        let wanted = &open.wanted;
        let teacher = self.state.spec.teacher_at(wanted.teacher);
        let Some(served) = &teacher.served else {
            return Ok(Err(Stop::failed("the run's teacher is on this machine")));
        };
        let spent = served.prices.cost(&usage).min(wanted.worst);
        if let Err(why) = checked {
            let why = format!("what it told is impossible: {why}");
            self.lose(open, spent, &why)?;
            return Ok(Ok(Err(why)));
        }
        if let Some(stop) = self.other_version(wanted, revision.as_deref())? {
            self.lose(open, spent, "the teacher changed its version")?;
            return Ok(Err(stop));
        }
        let teacher = self.state.spec.taught_by(wanted.teacher);
        let kept = Kept {
            revision,
            teacher: teacher.map(str::to_owned),
            answer,
        };
        let bytes = serde_json::to_vec(&kept).map_err(|error| Error::Child(error.to_string()))?;
        let expires = (self.world.clock)().micros().saturating_add(KEEP_US);
        let vault = self.world.facts.ledger().vault();
        let hashes = vault.put(&[&bytes], ledger::Lock::House, expires)?;
        let response = hashes.first().copied().unwrap_or_default();
        self.settle_call(wanted, spent);
        self.record(&RunEvent::Bought {
            call: wanted.call.clone(),
            request: wanted.request,
            slice: open.slice,
            usage,
            spent,
            response,
        })?;
        Ok(Ok(Ok(kept.answer)))
    }

    fn lose(&mut self, open: &Open, spent: Amount, why: &str) -> Result<()> {
        self.settle_call(&open.wanted, spent);
        self.record(&RunEvent::Lost {
            call: open.wanted.call.clone(),
            slice: open.slice,
            spent,
            why: why.to_owned(),
        })
    }

    fn settle_call(&mut self, wanted: &Wanted, spent: Amount) {
        if !self.is_idempotent(wanted) {
            self.purse.refund(wanted.worst);
        }
        self.purse.spend(spent);
    }

    /// A teacher that is another one in mid-run is no longer the run's.
    fn other_version(&mut self, wanted: &Wanted, told: Option<&str>) -> Result<Option<Stop>> {
        let of = (wanted.teacher, wanted.call.role);
        if !self.versions.contains_key(&of)
            && let Some(known) = self.first_version(of)?
        {
            self.versions.insert(of, known);
        }
        let Some(told) = told else {
            return Ok(None);
        };
        let known = self.versions.entry(of);
        let known = known.or_insert_with(|| told.to_owned());
        let teacher = match self.state.spec.taught_by(wanted.teacher) {
            Some(name) => format!("the teacher `{name}`"),
            None => "the teacher".to_owned(),
        };
        Ok((known != told).then(|| {
            Stop::failed(format!(
                "{teacher} changed its version from {known} to {told}: fork the run to go on with it"
            ))
        }))
    }

    /// What a teacher called its version in the first answer that was bought of it.
    fn first_version(&self, (teacher, role): (usize, CallRole)) -> Result<Option<String>> {
        let name = self.state.spec.taught_by(teacher);
        for (call, fate) in &self.state.calls {
            if let Fate::Bought { response, .. } = fate
                && call.role == role
                && let Some(kept) = self.kept::<serde::de::IgnoredAny>(response)?
                && kept.teacher.as_deref() == name
            {
                return Ok(kept.revision);
            }
        }
        Ok(None)
    }

    fn kept<T: DeserializeOwned>(&self, response: &[u8; 32]) -> Result<Option<Kept<T>>> {
        let vault = self.world.facts.ledger().vault();
        let bytes = vault.get(response, ledger::Lock::House)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The `Idempotency-Key`: the same for the same call of the same run.
    fn key(&self, wanted: &Wanted) -> String {
        let call = &wanted.call;
        let text = format!(
            "{}/{:?}/{}/{}/{}",
            self.run, call.stage, call.step, call.item, call.attempt
        );
        let mut hasher = blake3::Hasher::new();
        hasher.update(text.as_bytes());
        hasher.update(&wanted.request);
        format!("stillhouse-{}", hasher.finalize().to_hex())
    }
}

/// A digest of what is asked.
pub(super) fn digest_of(question: &impl Serialize) -> Result<[u8; 32]> {
    let bytes = serde_json::to_vec(question).map_err(|error| Error::Child(error.to_string()))?;
    Ok(*blake3::hash(&bytes).as_bytes())
}
