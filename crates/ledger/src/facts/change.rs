//! Changes: checked, written, made durable, applied and told, one at a time. Whoever changes
//! something can say which revision of it they saw.

use std::sync::Arc;

use record::{Actor, Change, Fact, Operator, Time};

use super::codec;
use super::directory::{Impossible, Thing, Touched};
use super::front::Facts;
use crate::{Draft, Error, Seq};

/// Called with what a change touched, after it is durable and before the caller is told.
pub type Follower = Box<dyn Fn(&Touched) + Send + Sync>;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It makes no sense now.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// Somebody changed the thing since the caller looked at it.
    #[error("it was changed in the meantime, by entry {current}")]
    Stale {
        /// Its revision now.
        current: Seq,
    },
    /// The ledger could not take it.
    #[error(transparent)]
    Ledger(#[from] Error),
}

/// What a caller saw before it changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The thing.
    pub thing: Thing,
    /// The revision it had.
    pub revision: Seq,
}

/// Changes to one write, in [`Facts::change_all`].
const MANY: usize = 1000;

impl Facts {
    /// Makes a change: checks it, writes it, waits until it is on the device, applies it and
    /// tells the follower. Blocks for a sync; call it off the request path.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn change(
        &self,
        by: Actor,
        why: &str,
        change: Change,
    ) -> std::result::Result<Seq, ChangeError> {
        self.change_at(by, why, vec![change], None)
    }

    /// Makes changes that belong together, all or none, with one write and one wait; where
    /// something is expected, only if that is so at the moment of the change. Returns the last
    /// one's entry, which is the new revision of what it changed.
    ///
    /// A power cut before this returns can leave the first of several without the others.
    ///
    /// # Errors
    /// Nothing was changed: [`ChangeError::Stale`] where the thing has another revision.
    pub fn change_at(
        &self,
        by: Actor,
        why: &str,
        changes: Vec<Change>,
        expected: Option<Expected>,
    ) -> std::result::Result<Seq, ChangeError> {
        let _turn = self.changing.lock();
        {
            let directory = self.live.directory.read();
            if let Some(Expected { thing, revision }) = expected {
                let current = directory.revision(&thing);
                if current != revision {
                    return Err(ChangeError::Stale { current });
                }
            }
            directory.check_all(&changes)?;
        }
        self.write(&by, why, &changes)
    }

    /// Makes the first operator: of two who try at once, one becomes it.
    ///
    /// # Errors
    /// Nothing was changed: [`Impossible::NotFirst`] where there is one, also a revoked one.
    pub fn first_operator(
        &self,
        by: Actor,
        why: &str,
        new: Operator,
    ) -> std::result::Result<Seq, ChangeError> {
        let _turn = self.changing.lock();
        self.live.directory.read().check_first(&new)?;
        self.write(&by, why, &[Change::OperatorCreated(new)])
    }

    /// Makes many changes with one write and one wait for each thousand (an import).
    ///
    /// # Errors
    /// Where one makes no sense nothing was changed; where the ledger fails, the thousands
    /// before that were.
    pub fn change_all(
        &self,
        by: Actor,
        why: &str,
        changes: Vec<Change>,
    ) -> std::result::Result<(), ChangeError> {
        let _turn = self.changing.lock();
        self.live.directory.read().check_all(&changes)?;
        for changes in changes.chunks(MANY) {
            self.write(&by, why, changes)?;
        }
        Ok(())
    }

    /// Writes checked changes, applies them and tells of them. The caller holds the turn.
    fn write(
        &self,
        by: &Actor,
        why: &str,
        changes: &[Change],
    ) -> std::result::Result<Seq, ChangeError> {
        if changes.is_empty() {
            return Ok(self.ledger.tip().seq);
        }
        let payload = |change: &Change| {
            let (by, why, change) = (by.clone(), why.to_owned(), Box::new(change.clone()));
            let mut payload = Vec::new();
            codec::encode(&Fact::Changed { by, why, change }, &mut payload);
            payload
        };
        let payloads: Vec<Vec<u8>> = changes.iter().map(payload).collect();
        let draft = |payload| Draft::new(codec::kind::CHANGED, codec::VERSION, payload);
        let drafts: Vec<Draft<'_>> = payloads.iter().map(|payload| draft(payload)).collect();
        let at = self.ledger.bind(&drafts)?.wait()?;
        let time = Time::from_micros(at.time_us);
        let mut directory = self.live.directory.write();
        let touched: Vec<Touched> = changes
            .iter()
            .zip(at.first..)
            .map(|(change, seq)| directory.apply(change, time, seq))
            .collect();
        drop(directory);
        if let Some(follower) = self.follower.read().as_ref() {
            touched.iter().for_each(follower);
            changes
                .iter()
                .for_each(|change| self.tell_beside(change, follower));
        }
        Ok(at.last)
    }

    /// What a change touched beside what it names.
    fn tell_beside(&self, change: &Change, follower: &Follower) {
        let directory = self.live.directory.read();
        match change {
            Change::AccountErased { account } => {
                for key in directory.keys_of(*account) {
                    follower(&Touched::Key(Arc::clone(key)));
                }
                for grant in directory.grants_of(*account) {
                    follower(&Touched::Grant(Arc::clone(grant)));
                }
            }
            Change::OperatorRevoked { operator } => {
                for token in directory.tokens_of(*operator) {
                    follower(&Touched::Token(Arc::clone(token)));
                }
            }
            _ => {}
        }
    }
}
