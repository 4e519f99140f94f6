//! Takes rows in, one by one: what each tells by itself is seen here, what only all together tell
//! in `judge`.

use super::funnel::{Funnel, Reason};
use super::leakage::HoldOut;
use super::minhash::{MinHash, Signature};
use super::private::{Finder, Private};
use super::refusal::{declines, phrases};
use super::row::Row;
use super::settings::Settings;
use super::split::Frozen;
use super::text::{folded, runs, text_hash, words};
use super::verify::Verifier;
use crate::measure::ScorerError;
use regex::Regex;

/// Words of the runs whose likeness counts.
const RUN: usize = 5;
/// Bytes of an id.
const LONGEST_ID: usize = 128;

/// What can't be curated at all. The settings are at fault, or the data are too many for them.
#[derive(Debug, thiserror::Error)]
pub enum CurateError {
    /// A pattern or phrase does not compile.
    #[error("a pattern of the curation can't be used: {0}")]
    Pattern(#[from] regex::Error),
    /// The check can't be used.
    #[error(transparent)]
    Check(#[from] ScorerError),
    /// A number is outside of what it may be.
    #[error("{name} is {value}; it must be {must}")]
    Setting {
        /// Which setting.
        name: &'static str,
        /// What it was.
        value: f64,
        /// What it may be.
        must: &'static str,
    },
    /// More rows came than may be taken in.
    #[error(
        "over {0} rows; raise `most_rows` (about half a KiB of memory a row), or curate them in parts"
    )]
    Rows(usize),
    /// A line of the hold-out can't be read: without it no leak could be found.
    #[error("line {line} of the hold-out can't be read: {problem}")]
    HoldOut {
        /// The line, from 0.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
}

/// How far the end of a curation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows of the input that were taken in.
    pub rows: u64,
    /// Steps of the comparison that are done, and all of them; (0, 0) while rows come in.
    pub compared: (usize, usize),
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Fate {
    /// Its id: its own, or one from its digest. Empty where it could not be parsed.
    pub id: String,
    /// Why it left, first, and for what else it would have left at a check that looks at it alone.
    /// Empty: it stays.
    pub reasons: Vec<Reason>,
    /// What was found, where it left.
    pub detail: String,
    /// Where it is, by the place of the part; `None` where it left.
    pub part: Option<usize>,
    /// Rows with the same number hang together.
    pub cluster: Option<usize>,
}

/// What a curation came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Curated {
    /// What became of each line, in the order of the input.
    pub fates: Vec<Fate>,
    /// How many left where.
    pub funnel: Funnel,
    /// The parts and their digests.
    pub frozen: Frozen,
}

/// What is remembered of a row.
pub(super) struct Entry {
    pub(super) line: u64,
    pub(super) id: String,
    pub(super) digest: [u8; 32],
    /// Hashes of all that is asked and answered, and of the words that are asked.
    pub(super) exact: [u8; 16],
    pub(super) asked: u64,
    pub(super) group: Option<u64>,
    pub(super) class: u64,
    pub(super) signature: Option<Box<Signature>>,
    /// Reasons that the row gives by itself, in their order, with what was found.
    pub(super) own: Vec<(Reason, Found)>,
}

/// What was found in a row: few bytes, made into words at the end.
#[derive(Clone)]
pub(super) enum Found {
    Asked(usize),
    Answer(usize),
    Finish,
    Leak(u32),
    Private(Private),
    Refusal,
    /// In words, a line at most.
    Check(Box<str>),
}

/// Takes rows in.
pub struct Curator {
    pub(super) settings: Settings,
    min_hash: MinHash,
    finder: Finder,
    phrases: Regex,
    verifier: Option<Verifier>,
    pub(super) hold_out: HoldOut,
    pub(super) hold_out_digests: Vec<[u8; 32]>,
    pub(super) lines: u64,
    pub(super) entries: Vec<Entry>,
    /// Lines that are no rows, and why.
    pub(super) unread: Vec<(u64, String)>,
}

impl Curator {
    /// Begins a curation.
    ///
    /// # Errors
    /// [`CurateError::Pattern`], [`CurateError::Check`], [`CurateError::Setting`].
    pub fn new(settings: Settings) -> Result<Self, CurateError> {
        let share = |name, value: f64, least: f64| match value >= least && value <= 1.0 {
            true => Ok(()),
            false => Err(CurateError::Setting {
                name,
                value,
                must: "a share: near duplicates and clusters from 0.5 to 1, others from 0 to 1",
            }),
        };
        share("duplicates.near", settings.duplicates.near, 0.5)?;
        share("duplicates.cluster", settings.duplicates.cluster, 0.5)?;
        share("leakage.likeness", settings.leakage.likeness, 0.0)?;
        share("leakage.contained", settings.leakage.contained, 0.0)?;
        share("leakage.wording", settings.leakage.wording, 0.0)?;
        for split in &settings.splits {
            if !(split.share > 0.0 && split.share.is_finite()) {
                return Err(CurateError::Setting {
                    name: "a split's share",
                    value: split.share,
                    must: "over 0",
                });
            }
        }
        Ok(Self {
            min_hash: MinHash::new(),
            finder: Finder::new(&settings.private)?,
            phrases: phrases(&settings.phrases)?,
            verifier: settings.check.as_ref().map(Verifier::new).transpose()?,
            hold_out: HoldOut::new(settings.leakage),
            hold_out_digests: Vec::new(),
            lines: 0,
            entries: Vec::new(),
            unread: Vec::new(),
            settings,
        })
    }

    /// Takes in a line of the hold-out. Rows that are taken in before it are not held against it.
    ///
    /// # Errors
    /// [`CurateError::HoldOut`].
    pub fn hold_out(&mut self, line: &str) -> Result<(), CurateError> {
        let number = self.hold_out_digests.len() as u64;
        let failed = |problem: String| CurateError::HoldOut {
            line: number,
            problem,
        };
        let row = Row::parse(line).map_err(failed)?;
        let asked = row.asked(&self.settings.text);
        let asked = asked.ok_or_else(|| failed("nothing is asked in it".into()))?;
        self.hold_out_digests.push(row.digest());
        let name = row.id.unwrap_or_else(|| format!("line {number}"));
        self.hold_out.add(name, &words(&folded(&asked)));
        Ok(())
    }

    /// Takes in a row.
    ///
    /// # Errors
    /// [`CurateError::Rows`].
    pub fn push(&mut self, line: &str) -> Result<(), CurateError> {
        if self.lines >= self.settings.most_rows as u64 {
            return Err(CurateError::Rows(self.settings.most_rows));
        }
        if self.lines == 0 {
            self.hold_out.close();
        }
        let number = self.lines;
        self.lines += 1;
        match self.read(number, line) {
            Ok(entry) => self.entries.push(entry),
            Err(problem) => self.unread.push((number, problem)),
        }
        Ok(())
    }

    fn read(&self, line: u64, text: &str) -> Result<Entry, String> {
        let most = self.settings.length.most_bytes;
        if text.len() > most {
            return Err(format!("{} bytes, at most {most}", text.len()));
        }
        let row = Row::parse(text)?;
        let Some(asked) = row.asked(&self.settings.text) else {
            return Err("nothing is asked in it: no prompt, messages or named field".into());
        };
        let digest = row.digest();
        let id = match &row.id {
            Some(id) if id.len() > LONGEST_ID => return Err("its id is over 128 bytes".into()),
            Some(id) => id.clone(),
            None => blake3::Hash::from(digest).to_hex()[..16].to_string(),
        };
        let (asked, answer) = (folded(&asked), row.answer.as_deref().map(folded));
        let mut exact = blake3::Hasher::new();
        exact.update(asked.as_bytes());
        if let Some(answer) = &answer {
            exact.update(b"\n").update(answer.as_bytes());
        }
        let asked = words(&asked);
        let answer = answer.map(|answer| words(&answer)).unwrap_or_default();
        let whole = [asked.as_slice(), &answer].concat();
        let set = runs(&whole, RUN);
        let of = |name: &Option<String>| name.as_ref().and_then(|name| row.field(name));
        let class = self
            .settings
            .balance
            .as_ref()
            .and_then(|b| row.field(&b.field));
        Ok(Entry {
            line,
            id,
            digest,
            exact: exact.finalize().as_bytes()[..16]
                .try_into()
                .unwrap_or_default(),
            asked: runs(&asked, asked.len()).first().copied().unwrap_or(0),
            group: of(&self.settings.group).map(|group| text_hash(&group)),
            class: class.map_or(0, |class| text_hash(&class)),
            signature: (!set.is_empty()).then(|| Box::new(self.min_hash.signature(&set))),
            own: self.own(&row, &asked, &whole),
        })
    }

    /// What the row leaves for by itself.
    fn own(&self, row: &Row, asked: &[u64], whole: &[u64]) -> Vec<(Reason, Found)> {
        let length = &self.settings.length;
        let mut out = Vec::new();
        if !(length.least_asked..=length.most_asked).contains(&asked.len()) {
            out.push((Reason::Length, Found::Asked(asked.len())));
        }
        // An answer may be of signs alone; it is empty when nothing is in it.
        let said = row
            .answer
            .as_deref()
            .map(|text| text.split_whitespace().count());
        if let Some(words) =
            said.filter(|n| !(length.least_answer..=length.most_answer).contains(n))
        {
            out.push((Reason::Length, Found::Answer(words)));
        }
        if matches!(
            row.finish_reason.as_deref(),
            Some("length" | "content_filter")
        ) {
            out.push((Reason::Finish, Found::Finish));
        }
        let leak = self.hold_out.find(asked);
        if let Some(text) = leak.or_else(|| self.hold_out.find(whole)) {
            out.push((Reason::Leakage, Found::Leak(text)));
        }
        if let Some(kind) = self.finder.find(&row.texts()) {
            out.push((Reason::Private, Found::Private(kind)));
        }
        let answer = row.answer.as_deref().unwrap_or_default();
        if self.settings.refusals && declines(&self.phrases, answer) {
            out.push((Reason::Refusal, Found::Refusal));
        }
        let verifier = self.verifier.as_ref();
        if let Some(fault) = verifier.and_then(|verifier| verifier.fault(row)) {
            out.push((Reason::Check, Found::Check(fault.into())));
        }
        out
    }
}
