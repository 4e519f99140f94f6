//! Settles `[runs]`.

use std::time::Duration;

use super::super::error::Error;
use super::super::settled::Runs;
use super::super::written;
use super::Settler;

const MOST_AT_ONCE: usize = 64;

impl Settler<'_> {
    pub(super) fn runs(&mut self, written: written::Runs) -> Result<Runs, Error> {
        let key = "runs.at_once";
        let at_once = self.value(key, written.at_once, 1);
        if at_once > MOST_AT_ONCE {
            return Err(self.wrong(key, format!("0 to {MOST_AT_ONCE} are possible"), None));
        }
        let key = "runs.candidate_idle_seconds";
        let idle = self.value(key, written.candidate_idle_seconds, 600);
        Ok(Runs {
            at_once,
            candidate_idle: Duration::from_secs(idle.into()),
        })
    }
}
