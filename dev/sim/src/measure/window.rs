//! The window test tried as in Liu, Guo and Dong (2026): benign windows of one set of real prompts,
//! attack windows with a share of another, disjoint benign prompts for the reference, and their
//! maximum mean discrepancy beside it on the same windows. Prompts are sent bare: no system text,
//! no parameters, no answer, so that nothing but the prompt can tell.

mod prompts;
mod tables;

use std::path::Path;
use std::time::{Duration, Instant};

use guard::digest::DIMENSIONS;
use guard::window::{Mark, Reference, Seen as Placed, Test};

use self::prompts::Digests;
use super::baselines::{Kernel, Sums};
use super::metrics::Rate;
use super::table::{Cell, Table};
use crate::draw::Draw;
use crate::error::SimError;

/// Sets of benign prompts, each a task or a site of its own.
const BENIGN: [&str; 12] = [
    "wikisql-questions",
    "intent-banking77",
    "intent-hwu64",
    "mmlu",
    "chitchat",
    "evals-a",
    "sgd-sessions-a",
    "sgd-extract-a",
    "text2sql-advising",
    "gsm8k-train",
    "hh-harmless",
    "arena-hard-prompts",
];
/// Sets of harvesters' prompts.
const ATTACKS: [&str; 6] = [
    "gpteacher-codegen",
    "gpteacher-roleplay",
    "meta-selfinstruct",
    "reason-sky",
    "bbh-cot-a",
    "apibench",
];
/// Lengths of windows.
const LENGTHS: [usize; 5] = [100, 200, 500, 1_000, 1_500];
/// Shares of attack prompts.
const SHARES: [f64; 6] = [0.02, 0.05, 0.1, 0.25, 0.5, 1.0];
/// Benign windows told wrongly that are allowed for.
const RATE: f64 = 0.003;
/// Benign windows of each length in each split.
const BENIGN_WINDOWS: u64 = 6;
/// Further splits for each split, with benign windows of the shortest and the longest length alone and
/// by the guard's test alone: a rate of so little needs thousands of windows to be shown.
const MORE_SPLITS: u64 = 8;
/// Splits from which the discrepancy's threshold comes.
const SPLITS: usize = 400;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The folder of real texts.
    pub data: &'a Path,
    /// Splits of each benign set into reference and rest.
    pub splits: u64,
    /// Attack windows of each pair, length and share, in each split.
    pub windows: u64,
    /// Seed of all.
    pub seed: u64,
}

/// A prompt, in all forms that the tests need.
struct Prompt {
    mark: Mark,
    features: Vec<f32>,
}

/// Windows found by both, of how many.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    windows: u64,
    guard: u64,
    discrepancy: u64,
}

impl Found {
    fn add(&mut self, guard: bool, discrepancy: bool) {
        self.windows += 1;
        self.guard += u64::from(guard);
        self.discrepancy += u64::from(discrepancy);
    }

    fn join(mut self, other: &Self) -> Self {
        self.windows += other.windows;
        self.guard += other.guard;
        self.discrepancy += other.discrepancy;
        self
    }

    fn guard(self) -> Cell {
        Rate {
            hits: self.guard,
            of: self.windows,
        }
        .into()
    }

    fn discrepancy(self) -> Cell {
        Rate {
            hits: self.discrepancy,
            of: self.windows,
        }
        .into()
    }
}

/// What was found: benign windows by benign set and length, attack windows by pair, length, share.
struct Results {
    benign: Vec<[Found; LENGTHS.len()]>,
    /// The same of further splits, by the guard's test alone.
    more: Vec<[Rate; LENGTHS.len()]>,
    attack: Vec<Vec<[[Found; SHARES.len()]; LENGTHS.len()]>>,
}

/// What the guard's test took: how often, and how long in all.
#[derive(Debug, Clone, Copy, Default)]
struct Took {
    times: u64,
    all: Duration,
}

impl Took {
    fn time<T>(&mut self, times: u64, what: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let out = what();
        self.times += times;
        self.all += began.elapsed();
        out
    }

    fn each(self) -> f64 {
        self.all.as_secs_f64() / self.times.max(1) as f64
    }
}

/// Times of learning a reference, placing an exchange, making a test and judging a window, the last
/// two by length.
#[derive(Debug, Default)]
struct Costs {
    learning: Took,
    placing: Took,
    testing: [Took; LENGTHS.len()],
    judging: [Took; LENGTHS.len()],
}

/// Measures every pair; `tell` is told what is begun.
pub fn measure(wanted: &Wanted<'_>, tell: &mut dyn FnMut(&str)) -> Result<Vec<Table>, SimError> {
    let mut kernel = Kernel::new(wanted.seed);
    let mut digests = Digests::new();
    let attacks = ATTACKS
        .iter()
        .map(|name| digests.read(wanted.data, name))
        .collect::<Result<Vec<_>, _>>()?;
    let mut results = Results {
        benign: vec![[Found::default(); LENGTHS.len()]; BENIGN.len()],
        more: vec![[Rate { hits: 0, of: 0 }; LENGTHS.len()]; BENIGN.len()],
        attack: vec![vec![Default::default(); ATTACKS.len()]; BENIGN.len()],
    };
    let mut costs = Costs::default();
    for (set, name) in BENIGN.iter().enumerate() {
        tell(name);
        let benign = digests.read(wanted.data, name)?;
        kernel.suit(&benign.iter().map(coordinates).collect::<Vec<_>>());
        let benign = prompts(benign, &kernel);
        let attacks = attacks.iter().filter(|_| wanted.windows > 0);
        let attacks: Vec<_> = attacks
            .map(|marks| prompts(marks.clone(), &kernel))
            .collect();
        for split in 0..wanted.splits {
            let draw = Draw::named(wanted.seed, name, split);
            let (guard, mut trial) = Trial::new(&benign, &attacks, draw, &mut costs)?;
            let found = (&mut results.benign[set], &mut results.attack[set][..]);
            trial.run((&guard, &mut costs), wanted.windows, found)?;
        }
        for split in 0..wanted.splits * MORE_SPLITS {
            let draw = Draw::named(wanted.seed, name, wanted.splits + split);
            let (guard, mut trial) = Trial::new(&benign, &[], draw, &mut costs)?;
            trial.benign(&guard, &mut results.more[set])?;
        }
    }
    Ok(vec![
        tables::by_length(&results),
        tables::by_benign(&results),
        tables::more(&results),
        tables::pairs(&results),
        tables::cost(&costs),
    ])
}

/// One split of one benign set.
struct Trial<'p> {
    prompts: &'p [Prompt],
    /// Places of the reference, and of what benign windows are drawn from.
    reference: Vec<usize>,
    rest: Vec<usize>,
    seen: Vec<Placed>,
    attacks: Vec<(&'p [Prompt], Vec<Placed>)>,
    draw: Draw,
}

impl<'p> Trial<'p> {
    fn new(
        prompts: &'p [Prompt],
        attacks: &'p [Vec<Prompt>],
        mut draw: Draw,
        costs: &mut Costs,
    ) -> Result<(Reference, Self), SimError> {
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        shuffle(&mut order, prompts.len(), &mut draw);
        let rest = order.split_off(prompts.len() / 2);
        order.truncate(guard::window::MOST);
        let marks = order.iter().map(|at| prompts[*at].mark.clone()).collect();
        let learned = costs.learning.time(1, || Reference::new(marks));
        let guard = learned.map_err(wrong)?;
        let place = || {
            let rest = rest.iter().map(|at| guard.see(&prompts[*at].mark));
            rest.collect()
        };
        let seen = costs.placing.time(rest.len() as u64, place);
        let attacks = attacks.iter().map(|prompts| {
            // More than any window needs.
            let prompts = &prompts[..prompts.len().min(2_000)];
            let seen = prompts.iter().map(|one| guard.see(&one.mark)).collect();
            (prompts, seen)
        });
        let trial = Self {
            prompts,
            reference: order,
            rest,
            seen,
            attacks: attacks.collect(),
            draw,
        };
        Ok((guard, trial))
    }

    fn run(
        &mut self,
        (guard, costs): (&Reference, &mut Costs),
        windows: u64,
        (benign, attack): (
            &mut [Found; LENGTHS.len()],
            &mut [[[Found; SHARES.len()]; LENGTHS.len()]],
        ),
    ) -> Result<(), SimError> {
        let mut whole = Sums::default();
        for at in &self.reference {
            whole.add(&self.prompts[*at].features);
        }
        for (length, size) in LENGTHS.into_iter().enumerate() {
            if self.rest.len() < size {
                continue;
            }
            let bar = self.bar(size, &whole);
            let test = costs.testing[length].time(1, || guard.test(size));
            let tests = (&test.map_err(wrong)?, &whole, bar);
            for _ in 0..BENIGN_WINDOWS {
                let judging = &mut costs.judging[length];
                let both = judging.time(1, || self.window(tests, size, None))?;
                benign[length].add(both.0, both.1);
            }
            for (place, found) in attack.iter_mut().enumerate() {
                for (share, found) in SHARES.into_iter().zip(&mut found[length]) {
                    let with = (place, (share * size as f64).round() as usize);
                    for _ in 0..windows {
                        let both = self.window(tests, size, Some(with))?;
                        found.add(both.0, both.1);
                    }
                }
            }
        }
        Ok(())
    }

    /// Benign windows by the guard's test alone.
    fn benign(
        &mut self,
        guard: &Reference,
        found: &mut [Rate; LENGTHS.len()],
    ) -> Result<(), SimError> {
        for length in [0, LENGTHS.len() - 1] {
            let size = LENGTHS[length];
            if self.rest.len() < size {
                continue;
            }
            let test = guard.test(size).map_err(wrong)?;
            for _ in 0..BENIGN_WINDOWS {
                let mut order: Vec<usize> = (0..self.rest.len()).collect();
                shuffle(&mut order, size, &mut self.draw);
                let window = order[..size].iter().map(|at| &self.seen[*at]);
                let verdict = test.judge(window).map_err(wrong)?;
                found[length].of += 1;
                found[length].hits += u64::from(verdict.chance <= RATE);
            }
        }
        Ok(())
    }

    /// Whether each test tells a window with so many prompts of an attack.
    fn window(
        &mut self,
        (test, whole, bar): (&Test<'_>, &Sums, f64),
        size: usize,
        with: Option<(usize, usize)>,
    ) -> Result<(bool, bool), SimError> {
        let many = with.map_or(0, |(_, many)| many);
        let mut sums = Sums::default();
        let mut window: Vec<&Placed> = Vec::with_capacity(size);
        let mut order: Vec<usize> = (0..self.rest.len()).collect();
        shuffle(&mut order, size - many, &mut self.draw);
        for at in &order[..size - many] {
            sums.add(&self.prompts[self.rest[*at]].features);
            window.push(&self.seen[*at]);
        }
        if let Some((attack, many)) = with {
            let (prompts, seen) = &self.attacks[attack];
            let mut order: Vec<usize> = (0..prompts.len()).collect();
            shuffle(&mut order, many, &mut self.draw);
            for at in &order[..many] {
                sums.add(&prompts[*at].features);
                window.push(&seen[*at]);
            }
        }
        let verdict = test.judge(window).map_err(wrong)?;
        Ok((verdict.chance <= RATE, sums.distance(whole) > bar))
    }

    /// The discrepancy that benign windows exceed at the allowed rate, by windows of the reference
    /// against the rest of it; its tail is taken as exponential, as the guard's is.
    fn bar(&mut self, size: usize, whole: &Sums) -> f64 {
        let size = size.min(self.reference.len() / 2);
        let mut found: Vec<f64> = (0..SPLITS)
            .map(|_| {
                let mut order = self.reference.clone();
                shuffle(&mut order, size, &mut self.draw);
                let mut part = Sums::default();
                for at in &order[..size] {
                    part.add(&self.prompts[*at].features);
                }
                part.distance(&whole.without(&part))
            })
            .collect();
        found.sort_by(f64::total_cmp);
        let beyond = &found[SPLITS * 95 / 100..];
        let mean = beyond.iter().map(|one| one - beyond[0]).sum::<f64>() / beyond.len() as f64;
        beyond[0] + mean * (0.05 / RATE).ln()
    }
}

fn wrong(err: guard::window::WindowError) -> SimError {
    SimError::World(err.to_string())
}

/// Brings a random choice of so many to the front.
fn shuffle(order: &mut [usize], many: usize, draw: &mut Draw) {
    for place in 0..many.min(order.len()) {
        let pick = place + draw.below(order.len() - place);
        order.swap(place, pick);
    }
}

fn coordinates(mark: &(Mark, [i8; DIMENSIONS])) -> &[i8; DIMENSIONS] {
    &mark.1
}

fn prompts(marks: Vec<(Mark, [i8; DIMENSIONS])>, kernel: &Kernel) -> Vec<Prompt> {
    let all = marks.into_iter();
    all.map(|(mark, position)| Prompt {
        mark,
        features: kernel.features(&position),
    })
    .collect()
}
