//! SIGHUP: the settings are read again, and plans and models taken over. What can't be changed
//! while the server runs is named and waits for a restart; a file that is wrong changes nothing.

use std::sync::Arc;

use gateway::Gateway;
use guard::admission::Table;

use super::upstreams::Upstreams;
use crate::failure::Failure;
use crate::settings::{Outside, Settings, settle};
use crate::world;

/// What is needed to take settings over.
pub(super) struct Reload {
    outside: Outside,
    settings: Settings,
    table: Arc<Table>,
    gateway: Arc<Gateway>,
    upstreams: Arc<Upstreams>,
}

impl Reload {
    pub(super) fn new(
        outside: Outside,
        settings: Settings,
        table: Arc<Table>,
        gateway: Arc<Gateway>,
        upstreams: Arc<Upstreams>,
    ) -> Self {
        Self {
            outside,
            settings,
            table,
            gateway,
            upstreams,
        }
    }

    /// Reads the settings again.
    pub(super) fn reload(&mut self) {
        let new = match settle(&self.outside) {
            Ok(new) => new,
            Err(error) => {
                let failure = Failure::from(error);
                let hint = failure.hint().unwrap_or_default();
                tracing::error!(error = %failure, hint, "the settings are wrong; the old ones stay");
                return;
            }
        };
        let differing = self.settings.report.differing(&new.report);
        let now: fn(&&String) -> bool =
            |key| key.starts_with("plans.") || key.starts_with("models.");
        let later: Vec<&String> = differing.iter().filter(|key| !now(key)).collect();
        let names = |settings: &Settings| settings.upstreams.keys().cloned().collect::<Vec<_>>();
        if names(&new) != names(&self.settings) {
            tracing::error!(
                "upstreams were added or taken away: that needs a restart; the old settings stay"
            );
            return;
        }
        self.table.set_plans(new.plans.clone(), world::now());
        self.gateway.set_models(self.upstreams.models(&new));
        tracing::info!(
            plans = new.plans.len(),
            models = new.models.len(),
            changed = differing.len() - later.len(),
            "plans and models are taken over"
        );
        if !later.is_empty() {
            tracing::warn!(settings = ?later, "these settings wait for a restart");
        }
        // Only what is in force is compared with the next time.
        self.settings.plans = new.plans;
        self.settings.models = new.models;
        let old = std::mem::take(&mut self.settings.report.lines);
        let kept = old.into_iter().filter(|line| !now(&&line.key));
        let taken = new.report.lines.into_iter().filter(|line| now(&&line.key));
        self.settings.report.lines = kept.chain(taken).collect();
    }
}
