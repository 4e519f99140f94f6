//! Sessions: made at sign-in, found by a random id that only the browser has, ended by time, by
//! its owner, or with its operator. They are in memory: a restart signs everybody out.

use std::collections::HashMap;
use std::time::Duration;

use operations::House;
use parking_lot::Mutex;
use record::id::kind;
use record::{Id, Time};

/// How long a session may be unused.
const IDLE: Duration = Duration::from_secs(3600);
/// The most sessions at a time; the one that was unused longest makes room.
const MOST: usize = 10_000;

/// Whose session it is, and what proves that a form is from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Whose it is.
    pub(crate) operator: Id<kind::Operator>,
    /// The token that each form carries, hexadecimal.
    pub(crate) csrf: String,
    made: Time,
    seen: Time,
}

/// Every session, by the hash of its id.
pub(crate) struct Sessions {
    by_hash: Mutex<HashMap<[u8; 32], Session>>,
    longest: Duration,
}

impl Sessions {
    pub(crate) fn new(longest: Duration) -> Self {
        Self {
            by_hash: Mutex::default(),
            longest,
        }
    }

    /// Begins one, and gives its id.
    pub(crate) fn begin(&self, house: &House, operator: Id<kind::Operator>) -> String {
        let (now, id) = ((house.clock)(), random(house));
        let session = Session {
            operator,
            csrf: random(house),
            made: now,
            seen: now,
        };
        let mut by_hash = self.by_hash.lock();
        by_hash.retain(|_, session| !self.is_over(session, now));
        if by_hash.len() >= MOST
            && let Some(oldest) = by_hash.iter().min_by_key(|(_, one)| one.seen)
        {
            let hash = *oldest.0;
            by_hash.remove(&hash);
        }
        by_hash.insert(hash(&id), session);
        id
    }

    /// The session of this id, if it is not over.
    pub(crate) fn find(&self, house: &House, id: &str) -> Option<Session> {
        let by_hash = self.by_hash.lock();
        let found = by_hash.get(&hash(id))?;
        (!self.is_over(found, (house.clock)())).then(|| found.clone())
    }

    /// The session of this id, if it is not over, is used now.
    pub(crate) fn touch(&self, house: &House, id: &str) {
        let now = (house.clock)();
        let mut by_hash = self.by_hash.lock();
        if let Some(found) = by_hash.get_mut(&hash(id))
            && !self.is_over(found, now)
        {
            found.seen = now;
        }
    }

    /// Ends the session of this id.
    pub(crate) fn end(&self, id: &str) {
        self.by_hash.lock().remove(&hash(id));
    }

    /// Ends every session of an operator.
    pub(crate) fn end_all_of(&self, operator: Id<kind::Operator>) {
        let mut by_hash = self.by_hash.lock();
        by_hash.retain(|_, session| session.operator != operator);
    }

    fn is_over(&self, session: &Session, now: Time) -> bool {
        let since = |time: Time| Duration::from_micros(now.micros().saturating_sub(time.micros()));
        since(session.seen) >= IDLE || since(session.made) >= self.longest
    }
}

fn random(house: &House) -> String {
    let mut bytes = [0; 32];
    (house.random)(&mut bytes);
    hex::encode(bytes)
}

fn hash(id: &str) -> [u8; 32] {
    *blake3::hash(id.as_bytes()).as_bytes()
}
