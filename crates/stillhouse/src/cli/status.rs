//! `stillhouse status`

use operations::Nothing;
use operations::server::Status;

use super::call::Call;
use super::models;
use super::page::{Page, short};

pub(super) fn call() -> Call {
    Call::new("server", "status", &Nothing {}, show)
}

fn show(status: Status) -> Page {
    let ledger = status.ledger;
    let running = match status.since {
        Some(since) => format!("since {}", short(&since)),
        None => "no".into(),
    };
    let entries = format!(
        "{} (synced {}, folded {}, attested {})",
        ledger.appended, ledger.synced, ledger.folded, ledger.attested
    );
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
        ("organizations", Some(known.organizations.to_string())),
        ("accounts", Some(known.accounts.to_string())),
        ("keys", Some(known.keys.to_string())),
        ("grants", Some(known.grants.to_string())),
    ])
    .line("")
    .and(models::table(status.models))
}
