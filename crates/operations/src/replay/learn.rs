//! `guard fit`: labelled traffic in, a card out. The reading is that of a replay; the mathematics is
//! the guard's. Accounts without a label are watched, since others hand conversations to them, and
//! neither fitted on nor taken for honest.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guard::card::{Card, Made};
use guard::digest::{About, Digester, HashKey};
use guard::echo::AccountNumber;
use guard::fit::{self, Gather, Label, Row};
use guard::watch::Folded;
use record::SeenAccount;
use record::time::day_text;
use serde::Deserialize;
use wire::import::logs::Format;
use wire::traffic;

use super::input::{self, Input};
use super::order::Order;
use super::pipe::{self, Reading, Taker};
use super::read::{Batch, Item, What};
use super::{DEFAULT_KEY, Observer, World};
use crate::error::{Error, Result};

/// Honest accounts that a reference must have for anything to be stated.
const LEAST: usize = 200;

/// What a fit takes.
#[derive(Debug, Clone)]
pub struct Learn {
    /// Folders of labelled traffic.
    pub folders: Vec<PathBuf>,
    /// A folder to calibrate on.
    pub reference: PathBuf,
    /// The file to write.
    pub out: PathBuf,
    /// Threads that read and digest.
    pub threads: usize,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Learnt {
    /// The card as it was written.
    pub card: Card,
    /// Lines that could not be read.
    pub bad_lines: u64,
    /// Whether the reference had labels.
    pub labelled_reference: bool,
}

/// Fits and writes a card.
///
/// # Errors
/// Folders that are not there or have no labels; too few accounts of either kind; an interrupt.
pub fn learn(asked: &Learn, world: &mut World<'_>) -> Result<Learnt> {
    let mut rows = Vec::new();
    let mut bad_lines = 0;
    let mut known = Vec::new();
    for (place, folder) in (0_u32..).zip(&asked.folders) {
        let labels = labels(folder)?.ok_or_else(|| {
            let error = Error::invalid("folders", format!("{} has no labels", folder.display()));
            error
                .with_hint("a fit needs truth.jsonl beside traffic.jsonl: account and label a line")
        })?;
        known.push(labels.clone());
        let watched = watch(folder, labels, Card::blank(), asked.threads, world)?;
        bad_lines += watched.bad;
        let more = watched.gather.rows().into_iter();
        rows.extend(more.map(|row| Row {
            account: row.account | place << 24,
            ..row
        }));
    }
    let accounts = |label: bool| {
        let of = rows.iter().filter(|row| row.distilling == label);
        of.map(|row| row.weight).sum::<f64>().round() as u32
    };
    let accounts = [accounts(false), accounts(true)];
    if accounts[0] < 50 || accounts[1] < 20 {
        let error = Error::invalid(
            "folders",
            format!(
                "{} honest and {} distilling accounts with 8 exchanges or more are too few",
                accounts[0], accounts[1]
            ),
        );
        return Err(error.with_hint("50 and 20 are the least; hundreds of each are good"));
    }
    let made = Made {
        date: day_text((world.clock)().day()),
        fitted_on: asked.folders.iter().map(|one| name(one)).collect(),
        calibrated_on: vec![name(&asked.reference)],
        held_out: Vec::new(),
        accounts,
        rates: fit::rates(&rows),
    };
    let mut card = fit::fit(&rows, made);
    let labels = labels(&asked.reference)?;
    let labelled_reference = labels.is_some();
    let all = labels.unwrap_or_default();
    let watched = watch(&asked.reference, all, card.clone(), asked.threads, world)?;
    bad_lines += watched.bad;
    card.reference = match labelled_reference {
        true => fit::reference(enough(watched.gather.peaks(Label::Honest))?),
        false => {
            // Who stands out from the honest accounts of the fit is put aside.
            let mut honest = Vec::new();
            for (folder, labels) in asked.folders.iter().zip(known) {
                let seen = watch(folder, labels, card.clone(), asked.threads, world)?;
                honest.extend(seen.gather.peaks(Label::Honest));
            }
            card.reference = fit::reference(honest);
            fit::reference_of_site(enough(watched.gather.peaks(Label::Neither))?, &card)
        }
    };
    let text = card
        .encode()
        .map_err(|error| Error::invalid("card", error))?;
    std::fs::write(&asked.out, text).map_err(|error| Error::file(&asked.out, &error))?;
    Ok(Learnt {
        card,
        bad_lines,
        labelled_reference,
    })
}

fn enough(peaks: Vec<i32>) -> Result<Vec<i32>> {
    if peaks.len() < LEAST {
        let error = Error::invalid(
            "reference",
            format!(
                "{} accounts with 8 exchanges or more are too few",
                peaks.len()
            ),
        );
        return Err(error.with_hint("a rate of 1 in 100 needs 200 honest accounts at least"));
    }
    Ok(peaks)
}

fn name(folder: &Path) -> String {
    let last = folder.file_name().unwrap_or(folder.as_os_str());
    last.to_string_lossy().into_owned()
}

type Labels = HashMap<Box<str>, (Label, u32)>;

#[derive(Deserialize)]
struct Truth {
    account: Box<str>,
    label: String,
    #[serde(default)]
    workload: String,
}

/// The labels of a folder, where it has any.
fn labels(folder: &Path) -> Result<Option<Labels>> {
    let Some(path) = input::either(folder, "truth.jsonl") else {
        return Ok(None);
    };
    let failed = |error: std::io::Error| Error::file(&path, &error);
    let lines = BufReader::new(input::open(&path, &Arc::default())?).lines();
    let mut labels = Labels::new();
    for (number, line) in (1..).zip(lines) {
        let line = line.map_err(failed)?;
        if line.trim().is_empty() {
            continue;
        }
        let truth: Truth = serde_json::from_str(&line).map_err(|error| {
            let at = format!("{}:{number}: {error}", path.display());
            Error::invalid("truth.jsonl", at)
        })?;
        let label = match truth.label.as_str() {
            "honest" => Label::Honest,
            "distilling" | "router" => Label::Distilling,
            _ => Label::Neither,
        };
        let kind = blake3::hash(truth.workload.as_bytes());
        let kind = u32::from_le_bytes(*kind.as_bytes().first_chunk().unwrap_or(&[0; 4]));
        labels.insert(truth.account, (label, kind));
    }
    Ok(Some(labels))
}

struct Watched {
    gather: Gather,
    digester: Digester,
    labels: Labels,
    numbers: HashMap<Box<str>, AccountNumber>,
    order: Order,
    exchanges: u64,
    bad: u64,
}

fn watch(
    folder: &Path,
    labels: Labels,
    card: Card,
    threads: usize,
    world: &mut World<'_>,
) -> Result<Watched> {
    let key = HashKey::new(DEFAULT_KEY);
    let input = Input::find(folder, Some(Format::Traffic))?;
    let mut watched = Watched {
        gather: Gather::new(&key, card),
        digester: Digester::new(&key),
        labels,
        numbers: HashMap::new(),
        order: Order::default(),
        exchanges: 0,
        bad: 0,
    };
    if let Some(path) = &input.accounts {
        let failed = |error: std::io::Error| Error::file(path, &error);
        for line in BufReader::new(input::open(path, &Arc::default())?).lines() {
            let line = line.map_err(failed)?;
            match traffic::account(&line) {
                Ok(account) => {
                    let about = watched.digester.account(&account.seen());
                    watched.known(&account.id, about);
                }
                Err(_) if line.trim().is_empty() => {}
                Err(_) => watched.bad += 1,
            }
        }
    }
    let reading = Reading {
        threads,
        account: None,
        key: &key,
    };
    pipe::run(&reading, &input, world, &mut watched)?;
    if world.stop.load(std::sync::atomic::Ordering::Relaxed) {
        return Err(Error::invalid("fit", "it was stopped; no card was written"));
    }
    Ok(watched)
}

impl Watched {
    fn known(&mut self, id: &str, about: About) -> AccountNumber {
        let (label, kind) = self.labels.get(id).copied().unwrap_or((Label::Neither, 0));
        let number = self.gather.account(about, label, kind);
        self.numbers.insert(id.into(), number);
        number
    }

    fn number(&mut self, id: &str) -> AccountNumber {
        match self.numbers.get(id) {
            Some(number) => *number,
            None => {
                let about = self.digester.account(&SeenAccount::default());
                self.known(id, about)
            }
        }
    }

    fn fold(&mut self, item: &Item) {
        match &item.what {
            What::Released { model } => self.gather.released(item.arrived, *model),
            What::Suspended { account } => {
                let number = self.number(account);
                self.gather.suspended(item.arrived, number);
            }
            What::Exchange(exchange) => {
                let account = self.number(&exchange.account);
                self.gather.exchange(&Folded {
                    number: self.exchanges,
                    account,
                    arrived: item.arrived,
                    ended: item.ended,
                    digest: &exchange.digest,
                });
                self.exchanges += 1;
            }
        }
    }
}

impl Taker for Watched {
    fn take(&mut self, batch: Batch, _: &Input, _: &mut dyn Observer) -> Result<()> {
        self.bad += batch.bad.len() as u64;
        let mut ready = Vec::new();
        for item in batch.items {
            self.order.push(item, |item| ready.push(item));
        }
        ready.iter().for_each(|item| self.fold(item));
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        let mut ready = Vec::new();
        std::mem::take(&mut self.order).finish(|item| ready.push(item));
        ready.iter().for_each(|item| self.fold(item));
        Ok(())
    }

    fn counted(&self) -> (u64, u64) {
        (self.exchanges, 0)
    }
}
