//! Accounts that no single link puts anywhere, and the clusters that they belong to by many weak ones.
//! What a weak link says is measured: how much more often members of a cluster have one with another
//! member than others have. So signs that everybody has with everybody weigh nothing, whatever the
//! traffic is like. Integers only.

use std::collections::BTreeMap;

use crate::link::{Edge, Family, Known};

/// Kinds of weak links that are weighed by how common they are, with the least decibans that count,
/// how many partners do, and the most that the kind says.
const KINDS: [(&[Family], i32, u32, i32); 3] = [
    (&[Family::Reuse], 5, 8, 36),
    (&[Family::Template, Family::Synchrony], 2, 2, 12),
    (&[Family::Source], 3, 2, 10),
];
/// So many decibans beyond what the cluster's share of all accounts asks for.
const BEYOND: i32 = 17;
/// A kind with less is not counted among those that agree.
const COUNTS: i32 = 4;
/// Hand-offs of so many decibans need no other kind.
const HANDED: i32 = 14;

/// The place of templates among the kinds.
const TEMPLATES: usize = 1;
/// A template says something of a group that has it in so many accounts.
const USERS: u32 = 3;
/// Members from which on a template that is mostly theirs is the group's own.
const MANY: u32 = 16;
/// Rounds in which accounts are put in.
const ROUNDS: usize = 2;
/// Groups that one template may speak for.
const GROUPS: usize = 4;

/// Partners by kind.
type Partners = [u32; KINDS.len()];

/// What is between an account and a cluster.
#[derive(Debug, Clone, Copy, Default)]
struct Between {
    partners: Partners,
    template: i32,
    /// What the two of the group's own templates say that say most.
    own: [i32; 2],
    handed: i32,
    displaced: i32,
    identity: i32,
}

/// What a partner inside and one outside say, in tenths of decibans, by kind.
type Weights = [(i32, i32); KINDS.len()];

/// Puts accounts that are in no group of three or more to the group that speaks for it. Who was put in
/// speaks too, so there are several rounds.
pub(super) fn add(groups: &mut [Vec<u32>], edges: &[Edge], known: &[Known]) {
    for _ in 0..ROUNDS {
        if !round(groups, edges, known) {
            return;
        }
    }
}

/// One round; false where nobody was put in.
fn round(groups: &mut [Vec<u32>], edges: &[Edge], known: &[Known]) -> bool {
    let accounts = known.len();
    let mut of = vec![0_u32; accounts];
    for (place, group) in (1..)
        .zip(groups.iter())
        .filter(|(_, group)| group.len() > 2)
    {
        for account in group {
            of[*account as usize] = place;
        }
    }
    let mut all: Vec<Partners> = vec![Partners::default(); accounts];
    let mut between: BTreeMap<(u32, u32), Between> = BTreeMap::new();
    for edge in edges {
        let kinds = KINDS.map(|(families, least, _, _)| {
            let decibans: i32 = families.iter().map(|family| edge.of(*family)).sum();
            u32::from(decibans >= least)
        });
        for (one, other) in [(edge.a, edge.b), (edge.b, edge.a)] {
            add_to(&mut all[one as usize], &kinds);
            let group = of[other as usize];
            if group == 0 {
                continue;
            }
            let sum = between.entry((one, group)).or_default();
            add_to(&mut sum.partners, &kinds);
            sum.handed += edge.of(Family::HandOff);
            sum.displaced = (sum.displaced + edge.of(Family::Displaced)).min(24);
            sum.identity = sum.identity.max(edge.of(Family::Identity));
        }
    }
    let weights = weights(groups, &of, &all, &between);
    templates(groups, &of, known, &mut between);
    let mut best: BTreeMap<u32, (i32, u32)> = BTreeMap::new();
    for ((account, group), between) in &between {
        let place = *group as usize - 1;
        let asked = decibans(accounts as u64, groups[place].len() as u64) + BEYOND;
        let strength = strength(between, &all[*account as usize], &weights[place]);
        if of[*account as usize] == 0
            && let Some(beyond) = strength.map(|sum| sum - asked).filter(|sum| *sum >= 0)
        {
            let one = best.entry(*account).or_insert((beyond, *group));
            *one = (*one).max((beyond, *group));
        }
    }
    let put = !best.is_empty();
    // What was one of two moves.
    for group in groups.iter_mut().filter(|group| group.len() <= 2) {
        group.retain(|account| !best.contains_key(account));
    }
    for (account, (_, group)) in best {
        let group = &mut groups[group as usize - 1];
        let at = group.partition_point(|other| *other < account);
        group.insert(at, account);
    }
    put
}

fn add_to(sum: &mut Partners, more: &Partners) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}

/// What partners say, for each group: the share of members' partners that are members, against that
/// of accounts in no group.
fn weights(
    groups: &[Vec<u32>],
    of: &[u32],
    all: &[Partners],
    between: &BTreeMap<(u32, u32), Between>,
) -> Vec<Weights> {
    let count = groups.len() + 1;
    // By group: members' partners inside, and all of them; others' partners inside.
    let mut inside = vec![Partners::default(); count];
    let mut theirs = vec![Partners::default(); count];
    let mut others = vec![Partners::default(); count];
    for (account, partners) in all.iter().enumerate() {
        add_to(&mut theirs[of[account] as usize], partners);
    }
    for ((account, group), between) in between {
        match of[*account as usize] {
            0 => add_to(&mut others[*group as usize], &between.partners),
            own if own == *group => add_to(&mut inside[own as usize], &between.partners),
            _ => {}
        }
    }
    let weigh = |group: usize| {
        let mut weights = Weights::default();
        for (kind, weight) in weights.iter_mut().enumerate() {
            let shares = |part: u32, whole: u32| (u64::from(part) + 1, u64::from(whole) + 2);
            let member = shares(inside[group][kind], theirs[group][kind]);
            let other = shares(others[group][kind], theirs[0][kind]);
            let ratio = |mine: u64, theirs: u64| tenths(mine * other.1, theirs * member.1);
            let within = ratio(member.0, other.0).clamp(0, 120);
            let without = ratio(member.1 - member.0, other.1 - other.0).clamp(-50, 0);
            *weight = if within == 0 {
                (0, 0)
            } else {
                (within, without)
            };
        }
        weights
    };
    (1..count).map(weigh).collect()
}

/// What templates say of accounts in no group: how much more often a group's members use one than all
/// others do, those of no group among them.
fn templates(
    groups: &[Vec<u32>],
    of: &[u32],
    known: &[Known],
    between: &mut BTreeMap<(u32, u32), Between>,
) {
    let used = |account: usize| known[account].templates.into_iter().filter(|one| *one != 0);
    let members = of.iter().enumerate().filter(|(_, group)| **group != 0);
    let mut pairs: Vec<(u32, u32)> = members
        .flat_map(|(account, group)| used(account).map(|one| (one, *group)))
        .collect();
    pairs.sort_unstable();
    let users = |run: &[(u32, u32)]| run.first().map(|pair| (pair.0, pair.1, run.len() as u32));
    let counts: Vec<(u32, u32, u32)> = pairs
        .chunk_by(|one, next| one == next)
        .filter_map(users)
        .filter(|(_, _, users)| *users >= USERS)
        .collect();
    let range = |template: u32| {
        let from = counts.partition_point(|one| one.0 < template);
        let until = counts[from..].partition_point(|one| one.0 == template) + from;
        from..until
    };
    let mut all = vec![0_u32; counts.len()];
    for template in (0..known.len()).flat_map(used) {
        for place in range(template) {
            all[place] += 1;
        }
    }
    for account in (0..known.len()).filter(|account| of[*account] == 0) {
        for place in used(account)
            .map(range)
            .filter(|range| range.len() <= GROUPS)
            .flatten()
        {
            let (_, group, mine) = counts[place];
            let size = groups[group as usize - 1].len() as u64;
            let others = (known.len() as u64).saturating_sub(size).max(1);
            let part = u64::from(2 * mine + 1) * others;
            let whole = u64::from(2 * (all[place] - mine) + 1) * size;
            let said = decibans(part, whole).min(KINDS[TEMPLATES].3);
            if said >= COUNTS {
                let sum = between.entry((account as u32, group)).or_default();
                sum.template = sum.template.max(said);
                if mine >= MANY && 2 * mine >= all[place] {
                    sum.own = [sum.own[0].max(said), sum.own[1].max(said.min(sum.own[0]))];
                }
            }
        }
    }
}

/// Decibans for an account being of a cluster, if enough kinds agree.
fn strength(between: &Between, all: &Partners, weights: &Weights) -> Option<i32> {
    let mut kinds = [0; KINDS.len() + 3];
    let mut sum = between.handed;
    for (place, (_, _, most, cap)) in KINDS.into_iter().enumerate() {
        let mine = between.partners[place];
        if mine == 0 {
            continue;
        }
        // Of many partners so many count, in the shares that they have.
        let counted = all[place].min(3 * most);
        let inside = 10 * i64::from(mine) * i64::from(counted) / i64::from(all[place]);
        let elsewhere = 10 * i64::from(counted) - inside;
        let (within, without) = weights[place];
        let said = inside * i64::from(within) + elsewhere * i64::from(without);
        kinds[place] = (said / 100).clamp(-i64::from(cap), i64::from(cap)) as i32;
    }
    kinds[TEMPLATES] = kinds[TEMPLATES].max(between.template);
    kinds[KINDS.len()] = between.displaced;
    kinds[KINDS.len() + 1] = between.identity;
    kinds[KINDS.len() + 2] = between.own[1];
    sum += kinds.iter().sum::<i32>();
    let agree = kinds.iter().filter(|kind| **kind >= COUNTS).count();
    let handed = between.handed >= COUNTS;
    (between.handed >= HANDED || agree + usize::from(handed) >= 2).then_some(sum)
}

/// Ten times the logarithm of a ratio, to within half a deciban.
fn decibans(part: u64, whole: u64) -> i32 {
    tenths(part, whole) / 10
}

/// A hundred times the logarithm of a ratio.
fn tenths(part: u64, whole: u64) -> i32 {
    // Logarithms of base 2 in 256ths: the power, and the rest as if it were straight.
    let log = |number: u64| {
        let number = number.max(1);
        let power = number.ilog2();
        let rest = (u128::from(number) << 8 >> power) as i64 - 256;
        i64::from(power) * 256 + rest
    };
    // 3.0103 decibans a power of two.
    ((log(part) - log(whole)) * 7_706 / 65_536) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hundred accounts: the first forty are a group, the rest are in none.
    const GROUP: u32 = 40;
    const ALL: usize = 200;

    fn known(templates: impl Fn(usize) -> Vec<u32>) -> Vec<Known> {
        let of = |account: usize| {
            let mut known = Known::default();
            for (slot, template) in known.templates.iter_mut().zip(templates(account)) {
                *slot = template;
            }
            known
        };
        (0..ALL).map(of).collect()
    }

    fn grown(edges: &[Edge], known: &[Known]) -> Vec<u32> {
        let mut groups = vec![(0..GROUP).collect::<Vec<u32>>()];
        add(&mut groups, edges, known);
        groups[0].split_off(GROUP as usize)
    }

    fn edge(a: u32, b: u32, family: Family, decibans: u8) -> Edge {
        let mut edge = Edge {
            a: a.min(b),
            b: a.max(b),
            ..Edge::default()
        };
        edge.decibans[family as usize] = decibans;
        edge
    }

    #[test]
    fn two_templates_of_the_groups_own_put_an_account_in_and_one_does_not() {
        let own = |account: usize| match account {
            0..30 => vec![7, 8],
            100 => vec![7, 8],
            101 => vec![7],
            _ => vec![1000 + account as u32],
        };
        assert_eq!(grown(&[], &known(own)), [100]);
        // Two operators of one public recipe: each has few of all who use it.
        let public = |account: usize| match account {
            0..30 | 100..160 => vec![7, 8],
            _ => vec![1000 + account as u32],
        };
        assert!(grown(&[], &known(public)).is_empty());
    }

    #[test]
    fn partners_count_by_their_shares() {
        // Members reuse each other's answers; 100 has partners inside alone, 101 everywhere.
        let mut edges: Vec<Edge> = (0..GROUP)
            .flat_map(|one| {
                (1..4).map(move |step| edge(one, (one + step) % GROUP, Family::Reuse, 9))
            })
            .collect();
        edges.sort_by_key(|edge| (edge.a, edge.b));
        edges.dedup_by_key(|edge| (edge.a, edge.b));
        edges.extend((0..6).map(|one| edge(one, 100, Family::Reuse, 9)));
        edges.extend((0..6).map(|one| edge(one, 101, Family::Reuse, 9)));
        edges.extend((110..170).map(|one| edge(one, 101, Family::Reuse, 9)));
        edges.extend((110..150).map(|one| edge(one, one + 1, Family::Reuse, 9)));
        let shared = |account: usize| match account {
            0..30 | 100 | 101 => vec![7],
            _ => vec![1000 + account as u32],
        };
        assert_eq!(grown(&edges, &known(shared)), [100]);
    }

    #[test]
    fn decibans_are_near() {
        for (part, whole, sought) in [
            (1, 1, 0),
            (2, 1, 3),
            (10, 1, 10),
            (1000, 1, 30),
            (1, 100, -20),
        ] {
            assert!(
                (decibans(part, whole) - sought).abs() <= 1,
                "{part} {whole}"
            );
        }
    }
}
