//! The guard's card: what each signal's value is worth, from where on an action is proposed, and on
//! what all of it was fitted, with the rates that were measured. One small versioned file in JSON; its
//! hash stands in every decision, so that a later card never changes the past.
//!
//! A card is data: nothing here fits, acts or reads a clock.

mod score;
mod tree;

use serde::{Deserialize, Serialize};

pub use self::score::Score;
pub use self::tree::{Node, Tree};
use crate::finding::{ACTIONS, Action};
use crate::signal::SIGNALS;

/// The version of cards that this program writes and reads.
pub const VERSION: u32 = 1;

/// A card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// [`VERSION`].
    pub version: u32,
    /// What it was made from.
    pub made: Made,
    /// Bins of each signal's values.
    pub signals: Vec<Worth>,
    /// What bins are worth, up to three signals together.
    pub trees: Vec<Tree>,
    /// Evidence where nothing is known, in thousandths of decibans.
    pub prior: i32,
    /// How honest accounts score.
    pub reference: Reference,
}

/// Where a card comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// Sets of traffic it was fitted on.
    pub fitted_on: Vec<String>,
    /// Sets of traffic its reference is from.
    pub calibrated_on: Vec<String>,
    /// What was held out.
    pub held_out: Vec<String>,
    /// Accounts that it was fitted on: honest ones, distilling ones.
    pub accounts: [u32; 2],
    /// Rates that were measured, with their 95 % intervals.
    pub rates: Vec<Rate>,
}

/// A rate that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Of what.
    pub what: String,
    /// Hits and trials.
    pub counted: [u64; 2],
    /// The interval's ends (Clopper, Pearson, 1934).
    pub interval: [f64; 2],
}

/// A signal's bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worth {
    /// The signal.
    pub name: String,
    /// Edges of its bins; a value belongs to the bin of how many edges lie below it.
    pub edges: Vec<f32>,
}

/// How honest accounts of the calibration score: the greatest evidence that each ever showed, so that
/// a rate holds however long one watches.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Accounts.
    pub accounts: u32,
    /// The highest of their scores, in decibans, the highest first.
    pub highest: Vec<i32>,
    /// From which evidence on each action is proposed, in decibans, by [`ACTIONS`].
    pub from: [i32; ACTIONS.len()],
    /// The false-positive rate stated for each, by [`ACTIONS`].
    pub stated: [f64; ACTIONS.len()],
}

/// Why a card can't be used. It is the fault of who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// Not JSON, or not of this shape.
    #[error("the card can't be read: {0}")]
    Broken(String),
    /// Of another version.
    #[error("the card is of version {0}, this program knows {VERSION}; fit it anew")]
    Version(u32),
    /// It names a signal that this program does not have, or lacks one.
    #[error("the card's signals are not this program's (`{0}`); fit it anew")]
    Signals(String),
    /// A part that makes no sense.
    #[error("the card is inconsistent: {0}")]
    Inconsistent(String),
}

const SHIPPED: &str = include_str!("../../card/shipped.json");

impl Card {
    /// The card that comes with the program.
    ///
    /// # Errors
    /// None in a released program: a test reads it.
    pub fn shipped() -> Result<Self, CardError> {
        Self::decode(SHIPPED)
    }

    /// A card on which nothing is worth anything: what is watched under it is only gathered.
    pub fn blank() -> Self {
        let worth = |signal: &crate::signal::Signal| Worth {
            name: signal.name.to_owned(),
            edges: Vec::new(),
        };
        Self {
            version: VERSION,
            made: Made::default(),
            signals: SIGNALS.iter().map(worth).collect(),
            trees: Vec::new(),
            prior: 0,
            reference: Reference {
                from: [i32::MAX; ACTIONS.len()],
                ..Reference::default()
            },
        }
    }

    /// Reads a card and checks it.
    ///
    /// # Errors
    /// What is no card of this program.
    pub fn decode(text: &str) -> Result<Self, CardError> {
        let card: Self =
            serde_json::from_str(text).map_err(|err| CardError::Broken(err.to_string()))?;
        if card.version != VERSION {
            return Err(CardError::Version(card.version));
        }
        let names = card.signals.iter().map(|worth| worth.name.as_str());
        let mine = SIGNALS.iter().map(|signal| signal.name);
        if let Some(other) = names.clone().zip(mine.clone()).find(|(a, b)| a != b) {
            return Err(CardError::Signals(other.0.to_owned()));
        }
        if card.signals.len() != SIGNALS.len() {
            return Err(CardError::Signals(format!(
                "{} of them",
                card.signals.len()
            )));
        }
        for worth in &card.signals {
            let ordered = worth.edges.windows(2).all(|pair| pair[0] < pair[1]);
            if !ordered || worth.edges.len() > 254 {
                return Err(CardError::Inconsistent(worth.name.clone()));
            }
        }
        if !card.reference.from.is_sorted() {
            return Err(CardError::Inconsistent("thresholds fall".to_owned()));
        }
        Ok(card)
    }

    /// The card as it is written, signals a line.
    ///
    /// # Errors
    /// None: a card has nothing that JSON can't say.
    pub fn encode(&self) -> Result<String, CardError> {
        let text = serde_json::to_string(self).map_err(|err| CardError::Broken(err.to_string()))?;
        Ok(text
            .replace("{\"name\":", "\n{\"name\":")
            .replace("\"trees\":", "\n\"trees\":")
            + "\n")
    }

    /// The hash by which decisions name it, in hex.
    pub fn hash(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }

    /// What is proposed at so much evidence, in decibans, with so much agreement.
    pub fn action(&self, score: &Score) -> Action {
        let mut proposed = Action::None;
        for (action, from) in ACTIONS.iter().zip(self.reference.from) {
            if *action != Action::None && score.decibans >= from {
                proposed = *action;
            }
        }
        // Nobody is brought before a person on one kind of evidence.
        if proposed == Action::ProposeSuspend && score.families() < 3 {
            proposed = Action::StepUp;
        }
        proposed
    }

    /// How often honest accounts ever show so much evidence: a conformal p-value (Vovk, Gammerman,
    /// Shafer, 2005), never 0.
    pub fn p_value(&self, decibans: i32) -> f64 {
        let reference = &self.reference;
        let above = reference
            .highest
            .partition_point(|score| *score >= decibans);
        if above == reference.highest.len() && reference.accounts as usize > above {
            // Below what is kept, nothing is stated.
            return 1.0;
        }
        (above as f64 + 1.0) / (f64::from(reference.accounts) + 1.0)
    }
}
