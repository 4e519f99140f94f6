//! `stillhouse doctor`

use super::page::Page;
use super::{pretty, print};
use crate::doctor::{Findings, Grade, look};
use crate::failure::{Failure, Result};
use crate::settings::Outside;

/// Looks at everything and prints what was found.
///
/// # Errors
/// Warnings or faults were found.
pub(super) fn run(outside: &Outside, json: bool) -> Result<()> {
    let found = look(outside)?;
    let (faults, warnings) = (found.count(Grade::Fault), found.count(Grade::Warning));
    print(&match json {
        true => pretty(&serde_json::json!({
            "faults": faults,
            "warnings": warnings,
            "findings": found,
        })),
        false => show(&found).to_string(),
    })?;
    match (faults, warnings) {
        (0, 0) => Ok(()),
        _ => Err(Failure::Unwell { faults, warnings }),
    }
}

fn show(found: &Findings) -> Page {
    let mut page = Page::default();
    for one in found.all() {
        let grade = match one.grade {
            Grade::Good => "good",
            Grade::Advice => "advice",
            Grade::Warning => "WARNING",
            Grade::Fault => "FAULT",
        };
        page = page.line(format!("{grade:8} {:9} {}", one.check, one.what));
        if let Some(hint) = &one.hint {
            page = page.line(format!("{:18} -> {hint}", ""));
        }
    }
    page
}
