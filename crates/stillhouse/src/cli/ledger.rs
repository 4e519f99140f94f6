//! `stillhouse ledger …`

use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use operations::ledger::{
    BackedUp, Backup, By, Cost, Costs, Erase, Erased, Export, Exported, Prune, Pruned, Row, Tail,
    Tailed, Verified, export_to, tail, verify_with,
};

use super::call::Call;
use super::page::{Page, short};
use super::{door, pretty, print};
use crate::failure::{Failure, Result};
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum LedgerVerb {
    /// Checks links, commitments, signed heads and bodies; names the first bad entry.
    Verify,
    /// The last entries, or those from a position on.
    Tail(TailFlags),
    /// Entries as JSON lines, or exchanges in the guard's interchange format.
    Export(ExportFlags),
    /// What was used and what it cost, by account, model and day.
    Cost(CostFlags),
    /// A copy that opens and verifies by itself, made while the server goes on.
    Backup {
        /// A folder that is not there, or is empty.
        folder: PathBuf,
        /// Copies the keys too, so that the copy can be written to.
        #[arg(long)]
        with_keys: bool,
    },
    /// Erases what names a person; the chain and the money stay.
    Erase {
        /// The account's id, or its name where that is unique.
        #[arg(long)]
        account: String,
        /// Why, for the ledger; it stays, so name nobody.
        #[arg(long, default_value = "", hide_default_value = true)]
        why: String,
        /// Does it: an erasure can't be taken back.
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Drops payloads of exchanges and refusals by age; headers, changes and money stay.
    Prune {
        /// Payloads older than so many days go.
        #[arg(long, value_name = "DAYS")]
        older_than_days: u32,
    },
}

#[derive(Debug, Args)]
pub(super) struct TailFlags {
    /// The first entry.
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: u64,
    /// Goes on as entries come in.
    #[arg(short, long)]
    follow: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportFlags {
    /// A new file, instead of standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "traffic")]
    to: Option<PathBuf>,
    /// A folder for accounts.jsonl and traffic.jsonl, the guard's interchange format.
    #[arg(long, value_name = "FOLDER")]
    traffic: Option<PathBuf>,
    /// The first entry.
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// The last entry.
    #[arg(long, value_name = "SEQ")]
    until: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct CostFlags {
    /// Only this account.
    #[arg(long)]
    account: Option<String>,
    /// Only this model.
    #[arg(long)]
    model: Option<String>,
    /// From this day on, such as 2026-11-25.
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Up to this day, and with it.
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// What rows stand for; all three where nothing is said.
    #[arg(long, value_enum, value_delimiter = ',')]
    by: Vec<ByName>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ByName {
    Account,
    Model,
    Day,
}

impl From<ByName> for By {
    fn from(name: ByName) -> Self {
        match name {
            ByName::Account => Self::Account,
            ByName::Model => Self::Model,
            ByName::Day => Self::Day,
        }
    }
}

impl LedgerVerb {
    /// The call to make, or `None` where all is done: reading goes on as long as there is
    /// something, which no one answer holds.
    pub(super) fn run(self, settings: &Settings, json: bool) -> Result<Option<Call>> {
        const NOUN: &str = "ledger";
        let call = match self {
            Self::Verify => return verify(settings, json).map(|()| None),
            Self::Tail(flags) if flags.follow => {
                return follow(settings, &flags, json).map(|()| None);
            }
            Self::Tail(flags) => {
                let tail = Tail {
                    from: flags.from,
                    limit: Some(flags.limit),
                };
                Call::new(NOUN, "tail", &tail, tailed)
            }
            Self::Export(flags) if flags.to.is_none() && flags.traffic.is_none() => {
                return stream(settings, &flags).map(|()| None);
            }
            Self::Export(flags) => {
                let export = Export {
                    to: flags.to.as_deref().map(door::absolute).transpose()?,
                    traffic: flags.traffic.as_deref().map(door::absolute).transpose()?,
                    from: flags.from,
                    until: flags.until,
                };
                Call::new(NOUN, "export", &export, exported)
            }
            Self::Cost(flags) => {
                let cost = Cost {
                    account: flags.account,
                    model: flags.model,
                    from: flags.from,
                    until: flags.until,
                    by: flags.by.into_iter().map(By::from).collect(),
                    ..Cost::default()
                };
                Call::new(NOUN, "cost", &cost, costs)
            }
            Self::Backup { folder, with_keys } => {
                let backup = Backup {
                    to: door::absolute(&folder)?,
                    with_keys,
                };
                Call::new(NOUN, "backup", &backup, backed_up)
            }
            Self::Erase {
                account,
                why,
                yes: _,
            } => Call::new(
                NOUN,
                "erase",
                &Erase {
                    account,
                    revision: None,
                    why,
                },
                erased,
            ),
            Self::Prune { older_than_days } => {
                Call::new(NOUN, "prune", &Prune { older_than_days }, pruned)
            }
        };
        Ok(Some(call))
    }
}

fn verify(settings: &Settings, json: bool) -> Result<()> {
    let reader = door::reader(settings)?;
    let watched = std::io::stderr().is_terminal();
    let mut shown = Instant::now();
    let verified = verify_with(&reader, &mut |seq| {
        if watched && shown.elapsed() > Duration::from_millis(200) {
            shown = Instant::now();
            let _ = write!(std::io::stderr(), "\rentry {seq}");
        }
    })?;
    if watched {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let sound = verified.sound;
    print(&match json {
        true => pretty(&verified),
        false => verdict(verified).to_string(),
    })?;
    match sound {
        true => Ok(()),
        false => Err(Failure::Unsound),
    }
}

fn verdict(verified: Verified) -> Page {
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

/// Reads on, until it is interrupted or nobody reads any more.
fn follow(settings: &Settings, flags: &TailFlags, json: bool) -> Result<()> {
    const EVERY: Duration = Duration::from_millis(200);
    let reader = door::reader(settings)?;
    let mut input = Tail {
        from: flags.from,
        limit: Some(flags.limit.max(1)),
    };
    loop {
        let some = tail(&reader, &input)?;
        let next = some.next;
        let quiet = some.entries.is_empty();
        let mut out = std::io::stdout().lock();
        for entry in some.entries {
            let line = match json {
                true => serde_json::to_string(&entry).unwrap_or_default(),
                false => entry_line(&entry),
            };
            if writeln!(out, "{line}").is_err() {
                return Ok(());
            }
        }
        input = Tail {
            from: Some(next),
            limit: Some(1000),
        };
        if quiet {
            std::thread::sleep(EVERY);
        }
    }
}

fn stream(settings: &Settings, flags: &ExportFlags) -> Result<()> {
    let reader = door::reader(settings)?;
    let input = Export {
        from: flags.from,
        until: flags.until,
        ..Export::default()
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    export_to(&reader, &input, &mut out)?;
    out.flush()
        .map_err(Failure::system("writing to standard output"))
}

fn tailed(tailed: Tailed) -> Page {
    let lines = tailed.entries.iter().map(entry_line);
    lines.fold(Page::default(), |page, line| page.line(line))
}

fn entry_line(entry: &operations::ledger::Entry) -> String {
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

fn exported(exported: Exported) -> Page {
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

fn costs(costs: Costs) -> Page {
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

fn backed_up(done: BackedUp) -> Page {
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

fn erased(erased: Erased) -> Page {
    Page::fields(vec![
        ("account", Some(erased.account)),
        ("entries erased", Some(erased.entries.to_string())),
        ("bodies removed", Some(erased.bodies.to_string())),
        ("marked by entry", erased.marker.map(|seq| seq.to_string())),
    ])
}

fn pruned(pruned: Pruned) -> Page {
    let before = short(&pruned.before);
    Page::default().line(match pruned.marker {
        Some(seq) => format!("payloads before {before} are gone; entry {seq} marks it"),
        None => format!("nothing before {before} was left to drop"),
    })
}
