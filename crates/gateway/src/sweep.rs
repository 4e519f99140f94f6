//! What has to be looked at from time to time: ended credentials, slices that are done with,
//! snapshots of the folds.

use std::sync::Arc;
use std::time::Duration;

use crate::state::Gateway;
use crate::{budget, record};

const EVERY: Duration = Duration::from_millis(200);
/// A snapshot is due after so many entries.
const SNAPSHOT_ENTRIES: u64 = 200_000;

/// Runs until the gateway is gone.
pub(crate) async fn run(gateway: std::sync::Weak<Gateway>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut round = 0u64;
    loop {
        ticks.tick().await;
        let Some(gateway) = gateway.upgrade() else {
            return;
        };
        gateway.live.sweep(gateway.now());
        gateway.look_at_ledger();
        round += 1;
        if round.is_multiple_of(5) {
            budget::sweep(&gateway, false);
            record::flood(&gateway);
            // While the store takes nothing, only memory knows what ended.
            if gateway.facts.ledger().health().state == ledger::State::Good {
                gateway.running.forget();
            }
            snapshot(&gateway);
        }
    }
}

fn snapshot(gateway: &Arc<Gateway>) {
    let facts = gateway.facts.clone();
    if facts.entries_since_snapshot() < SNAPSHOT_ENTRIES {
        return;
    }
    tokio::task::spawn_blocking(move || {
        if let Err(error) = facts.snapshot(SNAPSHOT_ENTRIES) {
            tracing::error!(%error, "a snapshot could not be written; the next start takes longer");
        }
    });
}
