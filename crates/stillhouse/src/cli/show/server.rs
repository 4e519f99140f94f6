//! The server as text.

use operations::ledger::BackupState;
use operations::server::{Reloaded, Status};
use operations::settings::{Setting, Settings};

use super::model;
use crate::cli::page::{Page, short};

pub(super) fn status(status: Status) -> Page {
    let ledger = status.ledger;
    let running = match status.since {
        Some(since) => format!("since {}", short(&since)),
        None => "no".into(),
    };
    let entries = format!(
        "{} (synced {}, folded {}, attested {})",
        ledger.appended, ledger.synced, ledger.folded, ledger.attested
    );
    let last = status.backup;
    let made = last.made.as_deref().map(short).unwrap_or_default();
    let backup = match last.state {
        BackupState::None => "none".to_owned(),
        BackupState::Good => made,
        BackupState::Moved => format!("{made} (no longer where it was made)"),
        BackupState::Old => format!("{made} (old)"),
    };
    let known = status.known;
    Page::fields(vec![
        ("version", Some(status.version)),
        ("running", Some(running)),
        ("reached at", status.running.then_some(status.public_url)),
        (
            "in flight",
            status.running.then(|| status.in_flight.to_string()),
        ),
        ("ledger", Some(ledger.state)),
        ("entries", Some(entries)),
        (
            "waiting for the store",
            Some(format!("{} bytes", ledger.unfolded_bytes)),
        ),
        ("ledger's error", ledger.error),
        ("last backup", Some(backup)),
        ("organizations", Some(known.organizations.to_string())),
        ("accounts", Some(known.accounts.to_string())),
        ("keys", Some(known.keys.to_string())),
        ("grants", Some(known.grants.to_string())),
        ("operators", Some(known.operators.to_string())),
    ])
    .line("")
    .and(model::table(status.models))
}

pub(super) fn reloaded(reloaded: Reloaded) -> Page {
    let list = |keys: Vec<String>| match keys.is_empty() {
        true => "nothing".to_owned(),
        false => keys.join(", "),
    };
    Page::fields(vec![
        ("in force now", Some(list(reloaded.changed))),
        ("waits for a restart", Some(list(reloaded.waiting))),
    ])
}

pub(super) fn settings(settings: Settings) -> Page {
    let row = |one: Setting| vec![one.key, one.value, one.from];
    Page::table(
        &["SETTING", "VALUE", "FROM"],
        settings.settings.into_iter().map(row).collect(),
    )
}
