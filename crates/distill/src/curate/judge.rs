//! Judges rows together: twins, near duplicates, classes, parts; then says what became of each.

use super::balance;
use super::curator::{Curated, Curator, Entry, Fate, Found, Progress};
use super::funnel::{Example, Funnel, Reason};
use super::minhash::Signature;
use super::near::{Clusters, alike};
use super::settings::Split;
use super::split::{freeze, parts};
use std::collections::HashMap;

/// A row's first reason to leave, with what was found.
type Left = Option<(Reason, String)>;

/// Rows in the order of their digests, which does not depend on that of the input.
struct Judge {
    curator: Curator,
    left: Vec<Left>,
}

impl Curator {
    /// Judges all rows. `tell` hears how far it is.
    #[must_use]
    pub fn finish(mut self, tell: &mut dyn FnMut(Progress)) -> Curated {
        self.entries
            .sort_unstable_by(|a, b| (&a.digest, a.line).cmp(&(&b.digest, b.line)));
        let rows = self.entries.len();
        let mut judge = Judge {
            curator: self,
            left: vec![None; rows],
        };
        judge.own(Reason::Parse..=Reason::Finish);
        judge.twins(Reason::Duplicate, |entry| entry.exact);
        judge.twins(Reason::Id, |entry| entry.id.clone());
        let mut clusters = judge.near(tell);
        judge.own(Reason::Leakage..=Reason::Check);
        judge.classes();
        let placed = judge.split(&mut clusters);
        judge.close(&mut clusters, &placed)
    }
}

impl Judge {
    fn entries(&self) -> &[Entry] {
        &self.curator.entries
    }

    fn staying(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.left.len()).filter(|place| self.left[*place].is_none())
    }

    /// Rows leave for what they tell by themselves.
    fn own(&mut self, reasons: std::ops::RangeInclusive<Reason>) {
        for place in 0..self.left.len() {
            let own = &self.curator.entries[place].own;
            let first = own.iter().find(|(reason, _)| reasons.contains(reason));
            if let (None, Some((reason, found))) = (&self.left[place], first) {
                self.left[place] = Some((*reason, self.words(found)));
            }
        }
    }

    /// What was found, for people.
    fn words(&self, found: &Found) -> String {
        match found {
            Found::Asked(words) => format!("{words} words are asked"),
            Found::Answer(words) => format!("an answer of {words} words"),
            Found::Finish => "cut or filtered".into(),
            Found::Leak(text) => format!("known from {}", self.curator.hold_out.name(*text)),
            Found::Private(kind) => kind.name().into(),
            Found::Refusal => "declines, or speaks of being a model".into(),
            Found::Check(fault) => fault.to_string(),
        }
    }

    /// Of rows with the same key the first stays.
    fn twins<K: std::hash::Hash + Eq>(&mut self, reason: Reason, key: impl Fn(&Entry) -> K) {
        let mut first: HashMap<K, usize> = HashMap::new();
        for place in 0..self.left.len() {
            if self.left[place].is_some() {
                continue;
            }
            let twin = *first.entry(key(&self.entries()[place])).or_insert(place);
            if twin != place {
                self.left[place] = Some((reason, format!("as {}", self.entries()[twin].id)));
            }
        }
    }

    /// A row leaves if an earlier one that stays is nearly the same. Gives the clusters.
    fn near(&mut self, tell: &mut dyn FnMut(Progress)) -> Clusters {
        let rows = self.curator.lines;
        let how = self.curator.settings.duplicates;
        let signatures: Vec<Option<&Signature>> = self
            .entries()
            .iter()
            .zip(&self.left)
            .map(|(entry, left)| entry.signature.as_deref().filter(|_| left.is_none()))
            .collect();
        let alike = alike(&signatures, how.near, how.cluster, |done, all| {
            tell(Progress {
                rows,
                compared: (done, all),
            });
        });
        for (place, earlier) in alike.duplicates.iter().enumerate() {
            let stays = earlier
                .iter()
                .find(|(other, _)| self.left[*other as usize].is_none());
            if let Some((other, likeness)) = stays {
                let twin = &self.entries()[*other as usize].id;
                let detail = format!("{:.0}% as {twin}", likeness * 100.0);
                self.left[place] = Some((Reason::NearDuplicate, detail));
            }
        }
        alike.clusters
    }

    fn classes(&mut self) {
        let Some(how) = self.curator.settings.balance.clone() else {
            return;
        };
        let staying = self.staying().map(|place| {
            let entry = &self.entries()[place];
            (place, entry.class, hash(entry))
        });
        let staying: Vec<(usize, u64, u64)> = staying.collect();
        for place in balance::leaving(&how, &staying, self.curator.settings.seed) {
            self.left[place] = Some((Reason::Balance, "its class has enough".into()));
        }
    }

    /// The part of each row that stays, by its place.
    fn split(&self, clusters: &mut Clusters) -> Vec<(usize, usize)> {
        let mut asked: HashMap<u64, usize> = HashMap::new();
        let mut groups: HashMap<u64, usize> = HashMap::new();
        for place in self.staying() {
            let entry = &self.entries()[place];
            clusters.join(*asked.entry(entry.asked).or_insert(place), place);
            if let Some(group) = entry.group {
                clusters.join(*groups.entry(group).or_insert(place), place);
            }
        }
        let staying: Vec<usize> = self.staying().collect();
        let rows: Vec<(usize, u64)> = staying
            .iter()
            .map(|place| (clusters.of(*place), hash(&self.entries()[*place])))
            .collect();
        let parts = parts(&self.splits(), &rows, self.curator.settings.seed);
        staying.into_iter().zip(parts).collect()
    }

    fn splits(&self) -> Vec<Split> {
        match self.curator.settings.splits.as_slice() {
            [] => vec![Split {
                name: "train".into(),
                share: 1.0,
            }],
            splits => splits.to_vec(),
        }
    }

    fn close(mut self, clusters: &mut Clusters, placed: &[(usize, usize)]) -> Curated {
        self.curator.hold_out_digests.sort_unstable();
        let digest = |(place, part): &(usize, usize)| (*part, self.entries()[*place].digest);
        let frozen = freeze(
            &self.splits(),
            &self.curator.settings,
            &self.curator.hold_out_digests,
            &placed.iter().map(digest).collect::<Vec<_>>(),
        );
        let mut fates = self.fates(clusters, placed);
        let mut funnel = Funnel::new(self.curator.lines);
        for (line, fate) in &fates {
            if let Some(reason) = fate.reasons.first() {
                funnel.leave(*reason, self.curator.settings.examples, || Example {
                    line: *line,
                    id: fate.id.clone(),
                    detail: fate.detail.clone(),
                });
            }
        }
        funnel.close();
        fates.sort_unstable_by_key(|(line, _)| *line);
        Curated {
            fates: fates.into_iter().map(|(_, fate)| fate).collect(),
            funnel,
            frozen,
        }
    }

    /// What became of each line, in the order of digests.
    fn fates(&mut self, clusters: &mut Clusters, placed: &[(usize, usize)]) -> Vec<(u64, Fate)> {
        let parts: HashMap<usize, usize> = placed.iter().copied().collect();
        let unread = std::mem::take(&mut self.curator.unread).into_iter();
        let mut fates: Vec<(u64, Fate)> = unread
            .map(|(line, problem)| {
                (
                    line,
                    Fate::left(String::new(), vec![Reason::Parse], problem),
                )
            })
            .collect();
        let left = std::mem::take(&mut self.left);
        for (place, (left, entry)) in left.into_iter().zip(self.entries()).enumerate() {
            let fate = match left {
                Some((first, detail)) => {
                    let own = entry.own.iter().map(|(reason, _)| *reason);
                    let also = own.filter(|reason| *reason > first);
                    let mut reasons: Vec<Reason> = [first].into_iter().chain(also).collect();
                    reasons.dedup();
                    Fate::left(entry.id.clone(), reasons, detail)
                }
                None => Fate {
                    id: entry.id.clone(),
                    reasons: Vec::new(),
                    detail: String::new(),
                    part: parts.get(&place).copied(),
                    cluster: Some(clusters.of(place)),
                },
            };
            fates.push((entry.line, fate));
        }
        fates
    }
}

impl Fate {
    fn left(id: String, reasons: Vec<Reason>, detail: String) -> Self {
        Self {
            id,
            reasons,
            detail,
            part: None,
            cluster: None,
        }
    }
}

/// A hash of the row, from its digest.
fn hash(entry: &Entry) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = entry.digest;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Curates rows that are at hand. See [`Curator`] for rows that come one by one.
///
/// # Errors
/// Those of [`Curator::new`], [`Curator::hold_out`] and [`Curator::push`].
pub fn curate<'a>(
    settings: super::Settings,
    hold_out: impl IntoIterator<Item = &'a str>,
    rows: impl IntoIterator<Item = &'a str>,
    tell: &mut dyn FnMut(Progress),
) -> Result<Curated, super::CurateError> {
    let mut curator = Curator::new(settings)?;
    for line in hold_out {
        curator.hold_out(line)?;
    }
    for (rows, line) in (1..).zip(rows) {
        curator.push(line)?;
        if rows % 1000 == 0 {
            tell(Progress {
                rows,
                compared: (0, 0),
            });
        }
    }
    Ok(curator.finish(tell))
}
