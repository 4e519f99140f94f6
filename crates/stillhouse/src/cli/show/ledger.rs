//! What the ledger's verbs give, as text.

use operations::ledger::{BackedUp, Costs, Entry, Erased, Exported, Pruned, Row, Tailed, Verified};

use crate::cli::page::{Page, short};

pub(in crate::cli) fn verdict(verified: Verified) -> Page {
    let first_bad = verified.first_bad.map(|found| match found.seq {
        0 => format!("{}: {}", found.place, found.what),
        seq => format!("entry {seq} in {}: {}", found.place, found.what),
    });
    let page = Page::fields(vec![
        (
            "sound",
            Some(if verified.sound { "yes" } else { "no" }.into()),
        ),
        ("first bad", first_bad),
        ("chain", Some(verified.chain)),
        ("entries", Some(verified.tip.to_string())),
        (
            "attested",
            Some(format!(
                "{} (by {} heads)",
                verified.attested, verified.heads
            )),
        ),
        ("unattested", Some(verified.unattested.to_string())),
        (
            "gone",
            Some(format!("{} payloads, each by a marker", verified.gone)),
        ),
        (
            "bodies",
            Some(format!(
                "{} opened, {} sealed",
                verified.bodies_opened, verified.bodies_sealed
            )),
        ),
    ]);
    let findings = verified.findings.into_iter();
    let page = findings.fold(page, |page, found| {
        page.line(format!("  {} {}: {}", found.seq, found.place, found.what))
    });
    match verified.more_findings {
        0 => page,
        more => page.line(format!("  and {more} more")),
    }
}

pub(super) fn tailed(tailed: Tailed) -> Page {
    let lines = tailed.entries.iter().map(entry_line);
    lines.fold(Page::default(), |page, line| page.line(line))
}

pub(in crate::cli) fn entry_line(entry: &Entry) -> String {
    let said = match (&entry.fact, entry.gone) {
        (Some(fact), _) => fact.to_string(),
        (None, true) => "(gone)".into(),
        (None, false) => String::new(),
    };
    format!(
        "{:>8}  {}  {:<14} {said}",
        entry.seq, entry.time, entry.kind
    )
    .trim_end()
    .to_owned()
}

pub(super) fn exported(exported: Exported) -> Page {
    Page::fields(vec![
        ("lines", Some(exported.lines.to_string())),
        ("accounts", Some(exported.accounts.to_string())),
        (
            "refusals without an account, left out",
            Some(exported.without_account.to_string()),
        ),
        (
            "entries whose payload is gone",
            Some(exported.gone.to_string()),
        ),
    ])
}

pub(super) fn costs(costs: Costs) -> Page {
    let row = |row: Row| {
        let account = match row.account_name.filter(|name| !name.is_empty()) {
            Some(name) => Some(name),
            None => row.account,
        };
        vec![
            account.unwrap_or_default(),
            row.model.unwrap_or_default(),
            row.day.unwrap_or_default(),
            row.requests.to_string(),
            row.input_tokens.to_string(),
            row.cached_tokens.to_string(),
            row.output_tokens.to_string(),
            row.reasoning_tokens.to_string(),
            row.estimated.to_string(),
            row.dollars,
        ]
    };
    let total = Row {
        account_name: Some("all".into()),
        ..costs.sum
    };
    let headings = [
        "ACCOUNT",
        "MODEL",
        "DAY",
        "REQUESTS",
        "INPUT",
        "CACHED",
        "OUTPUT",
        "REASONING",
        "ESTIMATED",
        "DOLLARS",
    ];
    let rows = costs.rows.into_iter().chain([total]).map(row).collect();
    let page = Page::table(&headings, rows);
    match costs.behind {
        true => page.line("The newest entries are not in these sums yet."),
        false => page,
    }
}

pub(super) fn backed_up(done: BackedUp) -> Page {
    let keys = match done.with_keys {
        true => "with its keys: keep it as secret as the original",
        false => "without keys: it verifies, but can't be written to",
    };
    Page::default().line(format!(
        "copied {} entries to {}, {keys}",
        done.entries,
        done.to.display()
    ))
}

pub(super) fn erased(erased: Erased) -> Page {
    Page::fields(vec![
        ("account", Some(erased.account)),
        ("entries erased", Some(erased.entries.to_string())),
        ("bodies removed", Some(erased.bodies.to_string())),
        ("marked by entry", erased.marker.map(|seq| seq.to_string())),
    ])
}

pub(super) fn pruned(pruned: Pruned) -> Page {
    let before = short(&pruned.before);
    Page::default().line(match pruned.marker {
        Some(seq) => format!("payloads before {before} are gone; entry {seq} marks it"),
        None => format!("nothing before {before} was left to drop"),
    })
}
