//! `stillhouse restore`

use std::path::Path;

use super::page::Page;
use super::{pretty, print};
use crate::failure::Result;
use crate::restore::{Restored, restore};

/// Restores and prints what was restored; progress goes to standard error.
///
/// # Errors
/// As [`restore`].
pub(super) fn run(backup: &Path, to: &Path, keys: Option<&Path>, json: bool) -> Result<()> {
    let mut said = String::new();
    let mut progress = |doing: &str, seq: u64| {
        if doing != said {
            doing.clone_into(&mut said);
            tell(&format!("{doing} …\n"));
        } else if seq.is_multiple_of(1_000_000) {
            tell(&format!("{doing}: entry {seq}\n"));
        }
    };
    let restored = restore(backup, to, keys, &mut progress)?;
    print(&match json {
        true => pretty(&restored),
        false => show(&restored).to_string(),
    })
}

fn tell(text: &str) {
    use std::io::Write;
    // Progress that nobody reads is no failure.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

fn show(restored: &Restored) -> Page {
    let mut page = Page::fields(vec![
        ("data folder", Some(restored.to.display().to_string())),
        ("chain", Some(restored.chain.clone())),
        ("entries", Some(restored.entries.to_string())),
        ("attested up to", Some(restored.attested.to_string())),
        ("stored bodies", Some(restored.bodies.to_string())),
    ])
    .line("")
    .line("Not in the backup:");
    for one in &restored.missing {
        page = page.line(format!("* {one}"));
    }
    page
}
