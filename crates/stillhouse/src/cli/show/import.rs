//! What an import made, or would make, as text.

use operations::import::Imported;

use super::words::{limits, spend};
use crate::cli::page::{Page, or_dash};

pub(super) fn litellm(imported: Imported) -> Page {
    let rows = imported.accounts.iter().map(|one| {
        vec![
            one.account.clone(),
            one.organization.clone(),
            one.key.clone(),
            one.plan.clone(),
            format!("{:?}", one.state).to_lowercase(),
            or_dash(limits(&one.limits)),
            or_dash(one.spend.as_ref().map(spend)),
            or_dash(one.expires.clone()),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let mut page = Page::default();
    if !imported.settings.is_empty() {
        page = match &imported.settings_written_to {
            Some(path) => page.line(format!("Lines for the settings file: {}", path.display())),
            None => page
                .line("For the settings file:")
                .line("")
                .line(imported.settings),
        };
    }
    let heading = match imported.applied {
        true => "Made:",
        false => "Would be made (--apply makes it):",
    };
    let columns = [
        "ACCOUNT",
        "ORGANIZATION",
        "KEY",
        "PLAN",
        "STATE",
        "LIMITS",
        "SPEND",
        "EXPIRES",
    ];
    page = page
        .line("")
        .line(heading)
        .line(format!("{} organizations, {} accounts with a key each; {} keys are here already, {} have ended", imported.organizations.len(), rows.len(), imported.known_keys, imported.ended_keys))
        .and(Page::table(&columns, rows));
    if !imported.notes.is_empty() {
        page = page.line("").line("Not carried over:");
        for note in imported.notes {
            page = page.line(format!("* {note}"));
        }
    }
    page
}
