//! Streams: the kinds of work inside a cluster, kept apart so that what distills can be told from a
//! reseller's honest customers, whichever accounts it runs through.
//!
//! Every exchange gets a key when it comes, before anybody knows that its account belongs to a
//! cluster; a cluster's streams are then its members' exchanges by key. An answer that is fed back
//! draws the exchange that got it into the stream that feeds on it. Space is bounded, nothing is
//! drawn by chance, and nothing is decided here.

mod count;
mod journal;
mod key;

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use self::count::Counts;
use self::journal::{Entry, Journal};
use self::key::{Key, Kind};
use crate::cluster::Changes;
use crate::digest::{FAMILIES_COUNT, Family, MinHash};
use crate::echo::{AccountNumber, LEAST, Origin};
use crate::link::{Linked, Links};
use crate::profile::{Event, Hot, mix};

/// Conversations whose stream is remembered: a power of two.
const THREADS: usize = 1 << 19;
/// Streams of smaller clusters are not told apart.
pub const ACCOUNTS: usize = 3;
/// Two templates are one stream if so many 255ths of their shingles agree.
const LIKE: u8 = 110;
/// A family of phrases is a template's if it is in so many percent of its exchanges.
const MOSTLY: u64 = 60;
/// A cluster that lost at most one in so many accounts keeps its streams' profiles.
const STAYED: usize = 4;
/// Before so many exchanges a key is a stream of its own.
const SEEN: u64 = 4;

/// Bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Exchanges whose stream is remembered, 16 bytes each.
    pub exchanges: u32,
    /// Profiles of one cluster, 4 KiB each; a quarter of its accounts where that is more.
    pub of_cluster: usize,
    /// Profiles of all.
    pub profiles: usize,
}

impl Default for Options {
    /// 32 MiB, and 64 MiB at most.
    fn default() -> Self {
        Self {
            exchanges: 1 << 21,
            of_cluster: 64,
            profiles: 16_384,
        }
    }
}

/// A stream of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Its number: the cluster's in the upper half.
    pub id: u64,
    /// Its cluster.
    pub cluster: u32,
    /// Accounts that it went through, in order.
    pub accounts: Vec<AccountNumber>,
    /// Its exchanges' numbers, in order, as far back as they are remembered.
    pub exchanges: Vec<u64>,
    /// What its exchanges have in common, from when the cluster was known.
    pub profile: Hot,
}

/// What is kept of a key inside a cluster.
#[derive(Debug, Clone)]
struct Kept {
    profile: Box<Hot>,
    /// Exchanges, with those of the key whose place it took.
    count: u64,
    shingles: MinHash<32>,
    /// The key by which its stream is known, once it is.
    stream: Option<Key>,
}

/// All streams.
#[derive(Debug, Clone)]
pub struct Streams {
    options: Options,
    counts: Counts,
    /// By hash of a conversation so far: the rest of the hash, and the key.
    threads: Vec<(u32, Key)>,
    journal: Journal,
    kept: BTreeMap<(u32, Key), Kept>,
    /// Cluster, count and key of each, so that the least is at hand.
    ranks: BTreeSet<(u32, u64, Key)>,
    /// Profiles of each cluster.
    held: BTreeMap<u32, usize>,
    /// Accounts of each cluster that is large enough.
    sizes: BTreeMap<u32, usize>,
    /// Profiles that had to go.
    displaced: u64,
}

impl Streams {
    /// Streams of nothing.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            counts: Counts::default(),
            threads: vec![(0, Key(0)); THREADS],
            journal: Journal::new(options.exchanges),
            kept: BTreeMap::new(),
            ranks: BTreeSet::new(),
            held: BTreeMap::new(),
            sizes: BTreeMap::new(),
            displaced: 0,
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.counts.bytes()
            + size_of_val(&*self.threads)
            + self.journal.bytes()
            + self.kept.len() * (size_of::<Hot>() + size_of::<Kept>() + 16)
    }

    /// Profiles that had to make room since the beginning.
    pub fn displaced(&self) -> u64 {
        self.displaced
    }

    /// Takes in an exchange of an account that is in this cluster, or in none.
    pub fn exchange(&mut self, linked: &Linked<'_>, event: &Event<'_>, cluster: Option<u32>) {
        let chain = &linked.digest.chain;
        let before = self
            .thread(chain.before)
            .or_else(|| self.thread(chain.earlier));
        let mut key = match before {
            Some(key) => key,
            None => Key::of(linked.digest, &mut self.counts),
        };
        if before.is_none() {
            key = self.fed(linked, key);
        }
        if chain.after != 0 {
            let (place, rest) = place(chain.after);
            self.threads[place] = (rest, key);
        }
        self.journal.push(Entry {
            number: linked.number,
            account: linked.account.0,
            key,
        });
        if let Some(size) = cluster.and_then(|id| self.sizes.get(&id))
            && let Some(cluster) = cluster
        {
            let room = self.options.of_cluster.max(size / 4);
            self.add((cluster, key), room, linked, event);
        }
    }

    /// Follows the clusters. Called after the links' boundary.
    pub fn boundary(&mut self, changes: &Changes, links: &Links) {
        for (gone, into) in &changes.merged {
            for (key, kept) in self.cluster(*gone) {
                let mut both = self.drop(*into, key).unwrap_or_else(|| Kept {
                    profile: Box::default(),
                    count: 0,
                    stream: None,
                    ..kept
                });
                both.profile.merge(&kept.profile);
                both.count += kept.count;
                self.put((*into, key), both);
            }
        }
        // What was two can't be told apart any more: it begins anew, unless nearly all stayed.
        let size = |id: u32| links.cluster(id).map_or(0, |one| one.accounts.len());
        let mut left: BTreeMap<u32, usize> = BTreeMap::new();
        for (from, new) in &changes.split {
            *left.entry(*from).or_default() += size(*new);
        }
        for (from, left) in left {
            if left * STAYED > size(from) {
                self.cluster(from);
            }
        }
        for gone in &changes.gone {
            self.cluster(*gone);
        }
        self.sizes = links
            .clusters()
            .filter(|one| one.accounts.len() >= ACCOUNTS)
            .map(|one| (one.id, one.accounts.len()))
            .collect();
        let clusters: Vec<u32> = self.sizes.keys().copied().collect();
        for cluster in clusters {
            self.group(cluster);
        }
    }

    /// Forgets an account. Profiles of streams that it had part in begin anew.
    pub fn erase(&mut self, account: AccountNumber, cluster: Option<u32>) {
        self.journal.erase(account.0);
        if let Some(cluster) = cluster {
            self.cluster(cluster);
        }
    }

    /// The streams of every cluster that is large enough, by number.
    pub fn all(&self, links: &Links) -> Vec<Stream> {
        let large = |id: &u32| {
            let cluster = links.cluster(*id);
            cluster.is_some_and(|one| one.accounts.len() >= ACCOUNTS)
        };
        let mut streams: BTreeMap<u64, (Stream, BTreeSet<u32>)> = BTreeMap::new();
        for entry in self.journal.iter() {
            let Some(cluster) = links.cluster_of(AccountNumber(entry.account)).filter(large) else {
                continue;
            };
            let kept = self.kept.get(&(cluster, entry.key));
            let key = kept.and_then(|kept| kept.stream).unwrap_or(entry.key);
            let id = u64::from(cluster) << 32 | u64::from(key.0);
            let (stream, accounts) = streams.entry(id).or_insert_with(|| {
                let stream = Stream {
                    id,
                    cluster,
                    accounts: Vec::new(),
                    exchanges: Vec::new(),
                    profile: Hot::default(),
                };
                (stream, BTreeSet::new())
            });
            stream.exchanges.push(entry.number);
            accounts.insert(entry.account);
        }
        for ((cluster, key), kept) in &self.kept {
            let id = u64::from(*cluster) << 32 | u64::from(kept.stream.unwrap_or(*key).0);
            if let Some((stream, _)) = streams.get_mut(&id) {
                stream.profile.merge(&kept.profile);
            }
        }
        let told = |(mut stream, accounts): (Stream, BTreeSet<u32>)| {
            stream.accounts = accounts.into_iter().map(AccountNumber).collect();
            stream
        };
        streams.into_values().map(told).collect()
    }

    fn thread(&self, hash: u64) -> Option<Key> {
        let (place, rest) = place(hash);
        let (known, key) = self.threads[place];
        (hash != 0 && known == rest).then_some(key)
    }

    /// The key of an exchange that may feed on earlier answers. Where one of the two is known by more
    /// than its looks, both are of its stream.
    fn fed(&mut self, linked: &Linked<'_>, key: Key) -> Key {
        let found = linked.found;
        let others = found.others.iter().filter(|_| found.accounts <= 2);
        let origins: SmallVec<[Origin; 6]> = found
            .own
            .iter()
            .chain(others)
            .filter(|origin| origin.prints >= LEAST)
            .copied()
            .collect();
        for origin in origins {
            let Some(entry) = self.journal.find(origin.exchange) else {
                continue;
            };
            match (key.kind(), entry.key.kind()) {
                (Kind::Plain, Kind::Plain) => {}
                (Kind::Plain, _) => return entry.key,
                (_, Kind::Plain) => entry.key = key,
                _ => {}
            }
        }
        key
    }

    /// Adds an exchange to what is kept of its key. The least key of a full cluster gives its place
    /// up, and its count with it, as in the space-saving sketch (Metwally, Agrawal, El Abbadi, 2005).
    fn add(&mut self, at: (u32, Key), room: usize, linked: &Linked<'_>, event: &Event<'_>) {
        let mut kept = match self.drop(at.0, at.1) {
            Some(kept) => kept,
            None => {
                let mut count = 0;
                let held = self.held.get(&at.0).copied().unwrap_or(0);
                if held >= room || self.kept.len() >= self.options.profiles {
                    let range = (at.0, 0, Key(0))..(at.0, u64::MAX, Key(0));
                    let Some((_, least, key)) = self.ranks.range(range).next().copied() else {
                        return;
                    };
                    self.drop(at.0, key);
                    self.displaced += 1;
                    count = least;
                }
                Kept {
                    profile: Box::default(),
                    count,
                    shingles: linked.digest.template.shingles,
                    stream: None,
                }
            }
        };
        kept.count += 1;
        kept.profile.add(event);
        self.put(at, kept);
    }

    fn put(&mut self, at: (u32, Key), kept: Kept) {
        self.ranks.insert((at.0, kept.count, at.1));
        *self.held.entry(at.0).or_default() += 1;
        self.kept.insert(at, kept);
    }

    fn drop(&mut self, cluster: u32, key: Key) -> Option<Kept> {
        let kept = self.kept.remove(&(cluster, key))?;
        self.ranks.remove(&(cluster, kept.count, key));
        if let Some(held) = self.held.get_mut(&cluster) {
            *held -= 1;
        }
        Some(kept)
    }

    fn of(&self, cluster: u32) -> impl Iterator<Item = (Key, &Kept)> + Clone {
        let range = (cluster, Key(0))..=(cluster, Key(u32::MAX));
        self.kept.range(range).map(|((_, key), kept)| (*key, kept))
    }

    /// Takes out what is kept of a cluster.
    fn cluster(&mut self, cluster: u32) -> Vec<(Key, Kept)> {
        let keys: Vec<Key> = self.of(cluster).map(|(key, _)| key).collect();
        keys.into_iter()
            .filter_map(|key| Some((key, self.drop(cluster, key)?)))
            .collect()
    }

    /// Puts keys of a cluster together that are one kind of work: paraphrases of one template. What
    /// is together stays so.
    fn group(&mut self, cluster: u32) {
        let mut keys: Vec<(u64, Key)> = self
            .of(cluster)
            .filter(|(_, kept)| kept.profile.exchanges.0 >= SEEN)
            .map(|(key, kept)| (u64::MAX - kept.count, key))
            .collect();
        // Those that lead a stream first, then the most frequent.
        keys.sort_unstable_by_key(|(rank, key)| {
            let leads = self.kept[&(cluster, *key)].stream == Some(*key);
            (!leads, *rank, *key)
        });
        let mut leaders: Vec<(Key, u64, MinHash<32>)> = Vec::new();
        for (_, key) in keys {
            let Some(kept) = self.kept.get_mut(&(cluster, key)) else {
                continue;
            };
            let signature = signature(&kept.profile);
            let known = kept.stream.filter(|stream| *stream != key);
            if known.is_some_and(|stream| leaders.iter().any(|(leader, ..)| *leader == stream)) {
                continue;
            }
            let joins = |(leader, theirs, shingles): &&(Key, u64, MinHash<32>)| {
                let prompts = key.kind() != Kind::Plain && leader.kind() != Kind::Plain;
                let like = kept.shingles.likeness(shingles) >= LIKE;
                prompts && (like || (signature != 0 && signature == *theirs))
            };
            let leads = kept.stream == Some(key);
            match leaders.iter().find(joins).filter(|_| !leads) {
                Some((leader, ..)) => kept.stream = Some(*leader),
                None => {
                    kept.stream = Some(key);
                    leaders.push((key, signature, kept.shingles));
                }
            }
        }
    }
}

/// The families of phrases that are in most of a profile's exchanges, beside steps of thought.
fn signature(profile: &Hot) -> u64 {
    let all = profile.exchanges.0;
    let families = profile.named.0.iter().take(FAMILIES_COUNT).enumerate();
    families
        .filter(|(family, count)| {
            *family != Family::Steps as usize && u64::from(**count) * 100 >= all * MOSTLY
        })
        .fold(0, |set, (family, _)| set | 1 << family)
}

fn place(hash: u64) -> (usize, u32) {
    let spread = mix(hash);
    (spread as usize & (THREADS - 1), (spread >> 32) as u32 | 1)
}
