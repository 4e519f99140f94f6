//! The events of a run, as its entries hold them. Version 1: see `fact`.

use serde::{Deserialize, Serialize};

use super::{Alarm, Call, Cause, Measure, Paid, Quote, Real, Score, Stage};
use crate::amount::Amount;
use crate::exchange::Usage;
use crate::fact::Actor;
use crate::id::{Id, kind};

/// A run, as it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCreated {
    /// Its name, for people.
    pub name: String,
    /// The leave that it runs under.
    pub grant: Id<kind::Grant>,
    /// Whose it is: the grant's account.
    pub account: Id<kind::Account>,
    /// The run and the checkpoint's step that it was forked from.
    pub parent: Option<(Id<kind::Run>, u64)>,
    /// The seed of everything random in it.
    pub seed: u64,
    /// The settled run file as JSON, whole.
    pub spec: String,
    /// The most it may spend, paid teachers and machine together.
    pub budget: Amount,
    /// BLAKE3 of the student's model file as it starts.
    pub student: [u8; 32],
    /// BLAKE3 of the teacher's model file; of its name and server where it is elsewhere.
    pub teacher: [u8; 32],
    /// BLAKE3 of the items to learn from and of the hold-out.
    pub data: [[u8; 32]; 2],
}

/// A file that a run made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// `safetensors`, `gguf`, `adapter` or `card`.
    pub form: String,
    /// Where, below the run's folder.
    pub path: String,
    /// BLAKE3 of its bytes.
    pub digest: [u8; 32],
}

/// What happened in a run. This list only grows, at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// It was written down.
    Created(Box<RunCreated>),
    /// Grant, licence and budget were found to cover it.
    Approved {
        /// The entry that issued or last changed the grant.
        grant_revision: u64,
        /// What was found of the teacher's licence.
        licence: String,
    },
    /// It went from one stage to another.
    Moved {
        /// From here.
        from: Stage,
        /// To here.
        to: Stage,
        /// Why.
        cause: Cause,
        /// Who caused it.
        actor: Actor,
        /// For a roll-back: the checkpoint's step to go on from.
        back_to: Option<u64>,
    },
    /// A paid call is about to be made; its worst case is taken from a slice.
    Asked {
        /// Which.
        call: Call,
        /// BLAKE3 of the request.
        request: [u8; 32],
        /// The slice that pays for it.
        slice: Id<kind::Slice>,
        /// The most it can cost.
        worst: Amount,
        /// Whether the server answers the same `Idempotency-Key` again without a new price; if
        /// not, a call whose answer was lost counts as paid.
        idempotent: bool,
    },
    /// A paid call was answered.
    Bought {
        /// Which.
        call: Call,
        /// BLAKE3 of the request.
        request: [u8; 32],
        /// The slice that paid for it.
        slice: Id<kind::Slice>,
        /// What it used.
        usage: Usage,
        /// What it cost.
        spent: Amount,
        /// BLAKE3 of the answer, which is kept in the vault.
        response: [u8; 32],
    },
    /// A paid call had no answer of use.
    Lost {
        /// Which.
        call: Call,
        /// The slice that it drew on.
        slice: Id<kind::Slice>,
        /// What it cost all the same.
        spent: Amount,
        /// Why, in words.
        why: String,
    },
    /// A step of learning.
    Step {
        /// In which stage.
        stage: Stage,
        /// Which, from 1.
        step: u64,
        /// BLAKE3 over the ids of its items.
        items: [u8; 32],
        /// BLAKE3 of the teacher's weights; of its name and server where it is elsewhere.
        teacher: [u8; 32],
        /// What was measured.
        measures: Vec<Measure>,
        /// What it cost.
        paid: Paid,
    },
    /// The student was written down.
    Checkpoint {
        /// In which stage.
        stage: Stage,
        /// After which step.
        step: u64,
        /// BLAKE3 of its bytes.
        digest: [u8; 32],
    },
    /// Models were measured on the hold-out.
    Evaluated {
        /// In which stage the student stood.
        stage: Stage,
        /// After which step.
        step: u64,
        /// What came out.
        scores: Vec<Score>,
        /// What it cost.
        paid: Paid,
    },
    /// A measurement went out of bounds.
    Alarmed {
        /// Which.
        alarm: Alarm,
        /// In which stage.
        stage: Stage,
        /// At which step.
        step: u64,
        /// What was measured.
        value: Real,
        /// Its bound.
        bound: Real,
    },
    /// What it is expected to need.
    Quoted {
        /// The estimate.
        quote: Box<Quote>,
        /// What measuring cost.
        paid: Paid,
    },
    /// Files were made of the student.
    Exported {
        /// They.
        files: Vec<Export>,
    },
    /// Work of a stage that has no event of its own.
    Worked {
        /// The stage.
        stage: Stage,
        /// What it cost.
        paid: Paid,
    },
    /// Files of a run that is over were removed.
    Cleaned {
        /// The checkpoints that stayed, by stage and step.
        kept: Vec<(Stage, u64)>,
        /// Bytes that are free now.
        bytes: u64,
        /// Who had it done.
        actor: Actor,
        /// Why, in their words.
        why: String,
    },
}
