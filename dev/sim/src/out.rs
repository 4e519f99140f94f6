//! Lines of a traffic set (`formats/traffic.md`), and where they go: a folder, standard output,
//! or whatever implements `Sink`. Nothing is decided here.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::body::{Request, Response};
use crate::error::SimError;
use crate::identity::AccountRow;
use crate::origin::Source;

/// A line of `truth.jsonl`.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// The account.
    pub account: Arc<str>,
    /// `honest`, `distilling`, `router` or `sanctioned`.
    pub label: &'static str,
    /// Workload or recipe.
    pub workload: &'static str,
    /// Campaign, where it belongs to one.
    pub campaign: Option<Arc<str>>,
    /// `L0` to `L5`.
    pub level: Option<&'static str>,
}

/// A line of `truth-exchanges.jsonl`.
#[derive(Debug, Clone, Serialize)]
pub struct ExchangeTruth<'a> {
    /// The exchange.
    pub id: &'a str,
    /// `honest` or `distilling`.
    pub label: &'static str,
    /// The campaign.
    pub campaign: &'a str,
}

/// A line of `traffic.jsonl` that is an exchange.
#[derive(Debug, Serialize)]
pub struct Exchange<'a> {
    /// Its id.
    pub id: &'a str,
    /// When it arrived.
    pub time: &'a str,
    /// Until the last byte.
    pub duration_ms: i64,
    /// Whose.
    pub account: &'a str,
    /// Where from.
    pub source: Source,
    /// Which key.
    pub key: &'a str,
    /// Place in the order.
    pub seq: u64,
    /// The client left early.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Path.
    pub endpoint: &'static str,
    /// Model asked for.
    pub model: &'a str,
    /// The body.
    pub request: Request<'a>,
    /// HTTP status.
    pub status: u16,
    /// The body answered; null for a refusal.
    pub response: Option<Response<'a>>,
}

/// A line of `traffic.jsonl` that is an event.
#[derive(Debug, Serialize)]
pub struct Event<'a> {
    /// When.
    pub time: &'a str,
    /// `model_released` or `account_suspended`.
    pub event: &'static str,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a str>,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<&'a str>,
}

/// Where lines go.
pub trait Sink {
    /// An account and what it truly is, before its first exchange.
    fn account(&mut self, row: &AccountRow, truth: &Truth) -> Result<(), SimError>;
    /// An exchange, in order of time, and what it truly is where its account is mixed.
    fn exchange(
        &mut self,
        exchange: &Exchange<'_>,
        truth: Option<&ExchangeTruth<'_>>,
    ) -> Result<(), SimError>;
    /// An event, in order of time.
    fn event(&mut self, event: &Event<'_>) -> Result<(), SimError>;
    /// Whether the world may stop here.
    fn is_full(&self) -> bool {
        false
    }
}

/// A file of lines, plain or compressed.
enum Lines {
    Plain(BufWriter<Box<dyn Write>>),
    Zst(Box<zstd::Encoder<'static, BufWriter<File>>>),
}

impl Lines {
    fn create(folder: &Path, name: &str, zst: bool) -> Result<Self, SimError> {
        let path = folder.join(if zst {
            format!("{name}.zst")
        } else {
            name.to_owned()
        });
        let file =
            File::create(&path).map_err(SimError::io(format!("creating {}", path.display())))?;
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(match zst {
            true => {
                let encoder = zstd::Encoder::new(file, 3).map_err(SimError::io("starting zstd"))?;
                Self::Zst(Box::new(encoder))
            }
            false => Self::Plain(BufWriter::with_capacity(1 << 16, Box::new(file))),
        })
    }

    fn put(&mut self, line: &impl Serialize) -> Result<(), SimError> {
        let out: &mut dyn Write = match self {
            Self::Plain(out) => out,
            Self::Zst(out) => out,
        };
        serde_json::to_writer(&mut *out, line)
            .map_err(|err| SimError::io("writing a line")(err.into()))?;
        out.write_all(b"\n").map_err(SimError::io("writing a line"))
    }

    fn finish(self) -> Result<(), SimError> {
        let what = "finishing a file";
        match self {
            Self::Plain(mut out) => out.flush().map_err(SimError::io(what)),
            Self::Zst(out) => out
                .finish()
                .and_then(|mut out| out.flush())
                .map_err(SimError::io(what)),
        }
    }
}

/// Accounts and truth in a folder, exchanges there or elsewhere.
pub struct Folder {
    traffic: Lines,
    accounts: Lines,
    truth: Lines,
    truth_exchanges: Lines,
    rows: Vec<(AccountRow, Truth)>,
}

impl Folder {
    /// All four files in a folder, which is made where it is not there.
    pub fn create(folder: &Path, zst: bool) -> Result<Self, SimError> {
        std::fs::create_dir_all(folder)
            .map_err(SimError::io(format!("making {}", folder.display())))?;
        let traffic = Lines::create(folder, "traffic.jsonl", zst)?;
        Self::around(traffic, folder, zst)
    }

    /// Exchanges and events into a writer (a pipe), the small files into a folder.
    pub fn beside(out: Box<dyn Write>, folder: &Path) -> Result<Self, SimError> {
        std::fs::create_dir_all(folder)
            .map_err(SimError::io(format!("making {}", folder.display())))?;
        Self::around(
            Lines::Plain(BufWriter::with_capacity(1 << 18, out)),
            folder,
            false,
        )
    }

    fn around(traffic: Lines, folder: &Path, zst: bool) -> Result<Self, SimError> {
        Ok(Self {
            traffic,
            accounts: Lines::create(folder, "accounts.jsonl", zst)?,
            truth: Lines::create(folder, "truth.jsonl", zst)?,
            truth_exchanges: Lines::create(folder, "truth-exchanges.jsonl", zst)?,
            rows: Vec::new(),
        })
    }

    /// Writes what is left. Accounts come in order of their ids, which tell nothing.
    pub fn finish(mut self) -> Result<(), SimError> {
        self.rows.sort_by(|one, other| one.0.id.cmp(&other.0.id));
        for (row, truth) in &self.rows {
            self.accounts.put(row)?;
            self.truth.put(truth)?;
        }
        self.accounts.finish()?;
        self.truth.finish()?;
        self.truth_exchanges.finish()?;
        self.traffic.finish()
    }
}

impl Sink for Folder {
    fn account(&mut self, row: &AccountRow, truth: &Truth) -> Result<(), SimError> {
        self.rows.push((row.clone(), truth.clone()));
        Ok(())
    }

    fn exchange(
        &mut self,
        exchange: &Exchange<'_>,
        truth: Option<&ExchangeTruth<'_>>,
    ) -> Result<(), SimError> {
        self.traffic.put(exchange)?;
        match truth {
            Some(truth) => self.truth_exchanges.put(truth),
            None => Ok(()),
        }
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), SimError> {
        self.traffic.put(event)
    }
}
