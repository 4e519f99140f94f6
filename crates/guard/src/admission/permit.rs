//! The proof that a request was let through.

use std::sync::Arc;

use record::{Amount, CapabilitySet, Reason, Time};

use super::credential::{Credential, Holder};
use super::denied::Denied;
use super::meter::Rates;

/// What a request wants, as far as limits care.
#[derive(Clone, Copy)]
pub struct Want<'a> {
    /// The model that it asks for.
    pub model: &'a str,
    /// Tokens that it will use by estimate, for the limit a minute.
    pub tokens: u64,
    /// The first field that asks for more than this set gives, if one does.
    pub beyond: &'a dyn Fn(&CapabilitySet) -> Option<&'static str>,
}

/// The proof that every limit was passed. It holds a place among the requests at the same time
/// and gives it back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    credential: Arc<Credential>,
    estimate: u64,
    used: bool,
    /// What is left of the limits, for the answer's headers.
    pub rates: Rates,
}

impl Permit {
    pub(super) fn grant(
        credential: &Arc<Credential>,
        want: &Want<'_>,
        now: Time,
    ) -> Result<Self, Denied> {
        if let Some(denied) = credential.ended(now) {
            return Err(denied);
        }
        let holder = credential.holder();
        let terms = holder.terms();
        if !terms.allows_model(want.model) {
            return Err(Denied::for_good(Reason::ModelNotFound, Some("model")));
        }
        if let Some(param) = (want.beyond)(&terms.capabilities) {
            return Err(Denied::for_good(Reason::CapabilityNotAllowed, Some(param)));
        }
        let entered = holder.meter().enter(&terms.limits, want.tokens, now);
        let rates = entered.map_err(|reached| denied(holder, reached, now))?;
        Ok(Self {
            credential: Arc::clone(credential),
            estimate: want.tokens,
            used: false,
            rates,
        })
    }

    /// The credential that was let through.
    pub fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// Corrects the limit a minute by what was used, once.
    pub fn used(&mut self, real: Amount) {
        self.holder()
            .meter()
            .correct_tokens(self.estimate, real.tokens);
        self.estimate = real.tokens;
        self.used = true;
    }

    fn holder(&self) -> &Holder {
        self.credential.holder()
    }
}

/// Counts a request that is answered without using anything: against the requests a minute alone.
pub(super) fn repeat(credential: &Credential, now: Time) -> Result<Rates, Denied> {
    if let Some(denied) = credential.ended(now) {
        return Err(denied);
    }
    let holder = credential.holder();
    let counted = holder.meter().repeat(&holder.terms().limits, now);
    counted.map_err(|reached| denied(holder, reached, now))
}

/// A limit is reached, and another try may succeed after so many microseconds.
fn denied(holder: &Holder, (reason, wait): (Reason, u64), now: Time) -> Denied {
    Denied {
        reason,
        retry_after_us: Some(wait),
        param: None,
        rates: Some(holder.meter().rates(&holder.terms().limits, now)),
    }
}

impl Drop for Permit {
    /// A request that came to nothing used no tokens.
    fn drop(&mut self) {
        if !self.used {
            self.used(Amount::ZERO);
        }
        self.holder().meter().leave();
    }
}
