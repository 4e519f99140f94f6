//! `stillhouse guard fit`: fits a card with progress, and says what it is worth.

use operations::replay::learn::{Learn, learn};

use super::arguments::Fit;
use super::page::Page;
use super::replay::watched;
use super::{pretty, print};
use crate::failure::Result;
use crate::world;

/// Fits, writes the card and prints what was measured.
///
/// # Errors
/// As [`learn`]; an interrupt.
pub(super) fn run(given: &Fit, json: bool) -> Result<()> {
    let asked = Learn {
        folders: given.folders.clone(),
        reference: given.reference.clone(),
        out: given.out.clone(),
        threads: given.threads.map_or_else(world::processors, usize::from),
    };
    let learnt = watched(|world| learn(&asked, world))?;
    let card = &learnt.card;
    if json {
        return print(&pretty(&serde_json::json!({
            "hash": card.hash(),
            "made": card.made,
            "reference_accounts": card.reference.accounts,
            "bad_lines": learnt.bad_lines,
        })));
    }
    let [honest, distilling] = card.made.accounts;
    let mut page = Page::fields(vec![
        ("card", Some(given.out.display().to_string())),
        ("hash", Some(card.hash())),
        (
            "fitted on",
            Some(format!(
                "{honest} honest and {distilling} distilling accounts"
            )),
        ),
        (
            "reference",
            Some(format!("{} accounts", card.reference.accounts)),
        ),
        ("bad lines", Some(learnt.bad_lines.to_string())),
    ]);
    for rate in &card.made.rates {
        let [hits, of] = rate.counted;
        let [low, high] = rate.interval;
        page = page.line(format!(
            "{}: {hits} of {of} ({:.0} to {:.0} %)",
            rate.what,
            low * 100.0,
            high * 100.0
        ));
    }
    if !learnt.labelled_reference {
        page = page.line(
            "The reference has no labels: accounts that stand out were put aside as if they distilled.",
        );
    }
    print(
        &page
            .line("use it by: stillhouse replay … --card FILE")
            .to_string(),
    )
}
