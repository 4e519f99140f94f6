//! Clusters and streams as the whole guard told them, against the truth. (`sim clusters` measures
//! links and streams by themselves.)

use std::collections::BTreeMap;

use guard::finding::ClusterStanding;

use super::fold::Scene;
use super::metrics::Rate;
use super::table::{Cell, Table};

/// What a set of campaigns came to.
#[derive(Debug, Default)]
struct Sum {
    campaigns: u64,
    accounts: u64,
    /// Accounts in the cluster that holds most of their campaign.
    together: u64,
    /// All accounts of these clusters.
    clustered: u64,
}

/// Campaigns against the cluster that holds most of each, and distilling exchanges against streams.
pub(super) fn clusters(title: &str, scene: &Scene) -> Table {
    let mut table = Table::new(
        title,
        "Recall: accounts in the cluster that holds most of their campaign. Purity: of all accounts \
         in these clusters, those of the campaign. Streams: distilling exchanges that lie in streams \
         of which most distill, and what of these streams distills. Accounts and exchanges of one \
         campaign are not independent: intervals are too narrow.",
        &[
            "recipe",
            "campaigns",
            "recall",
            "purity",
            "streams, recall",
            "streams, purity",
        ],
    );
    let told = scene.watch.clusters();
    let mut of: BTreeMap<usize, usize> = BTreeMap::new();
    for (place, cluster) in told.iter().enumerate() {
        for account in &cluster.accounts {
            of.insert(account.0 as usize, place);
        }
    }
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for (number, group) in scene.campaigns.iter().enumerate() {
        let rows = scene.rows.iter().enumerate();
        let members: Vec<usize> = rows
            .filter(|(_, row)| row.campaign == Some(number) && row.exchanges > 0)
            .map(|(place, _)| place)
            .collect();
        let Some(first) = members.first().filter(|_| group.accounts > 1) else {
            continue;
        };
        let mut within: BTreeMap<usize, u64> = BTreeMap::new();
        for cluster in members.iter().filter_map(|member| of.get(member)) {
            *within.entry(*cluster).or_default() += 1;
        }
        let best = within.into_iter().max_by_key(|(_, count)| *count);
        for name in [scene.rows[*first].workload, "all"] {
            let sum = sums.entry(name).or_default();
            sum.campaigns += 1;
            sum.accounts += members.len() as u64;
            if let Some((cluster, together)) = best {
                sum.together += together;
                sum.clustered += told[cluster].accounts.len() as u64;
            }
        }
    }
    let streams = streams(scene, &told);
    for (name, sum) in &sums {
        let (recall, purity) = streams.get(name).copied().unwrap_or_default();
        let rate = |hits, of| Cell::from(Rate { hits, of });
        table.row([
            Cell::from(*name),
            Cell::Count(sum.campaigns),
            rate(sum.together, sum.accounts),
            rate(sum.together, sum.clustered),
            rate(recall.0, recall.1),
            rate(purity.0, purity.1),
        ]);
    }
    table
}

type Counts = (u64, u64);

/// By recipe: distilling exchanges found of all, and of those in the streams that most distill.
fn streams<'s>(scene: &'s Scene, told: &[ClusterStanding]) -> BTreeMap<&'s str, (Counts, Counts)> {
    let mut all: BTreeMap<&str, (Counts, Counts)> = BTreeMap::new();
    for row in &scene.rows {
        let group = row.campaign.and_then(|at| scene.campaigns.get(at));
        if group.is_some_and(|group| group.accounts > 1 && group.honest > 0) {
            for name in [row.workload, "all"] {
                all.entry(name).or_default().0.1 += row.distilling;
            }
        }
    }
    for stream in told.iter().flat_map(|cluster| &cluster.streams) {
        let exchanges = stream.exchanges.iter();
        let distilling = exchanges
            .filter(|number| scene.serves.get(**number as usize) == Some(&true))
            .count() as u64;
        let whole = stream.exchanges.len() as u64;
        if 2 * distilling <= whole {
            continue;
        }
        let mut rows = stream.accounts.iter();
        let recipe = rows.find_map(|account| {
            let row = scene.rows.get(account.0 as usize)?;
            row.campaign.map(|_| row.workload)
        });
        for name in [recipe.unwrap_or("none"), "all"] {
            let (recall, purity) = all.entry(name).or_default();
            recall.0 += distilling;
            purity.0 += distilling;
            purity.1 += whole;
        }
    }
    all
}
