//! Gradient boosting of small trees under logistic loss (Friedman, "Greedy function approximation",
//! 2001; second-order leaves as in Chen and Guestrin, 2016), on binned columns. Trees of depth one
//! make an additive model, deeper ones see signals together.
//!
//! Sums are taken in a fixed order and columns are drawn from a seed, so the same rows give the same
//! trees. Nothing here knows what a column means.

use crate::card::{Node, Tree};
use crate::profile::mix;

/// How trees are grown.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    /// Trees.
    pub rounds: u32,
    /// Splits from the root to a leaf.
    pub depth: u32,
    /// Of each tree's step, the share that is taken.
    pub rate: f64,
    /// Least weight of rows in a leaf.
    pub leaf: f64,
    /// Shrinks leaves with few rows.
    pub lambda: f64,
    /// Of the columns, one in so many is looked at by each tree.
    pub one_in: u64,
}

/// Rows in bins.
#[derive(Debug)]
pub struct Table {
    /// One column a signal, one bin a row.
    pub columns: Vec<Vec<u8>>,
    /// Whether a row is distilling.
    pub labels: Vec<bool>,
    /// How much a row counts.
    pub weights: Vec<f64>,
}

const BINS: usize = 33;

#[derive(Clone, Copy, Default)]
struct Sum {
    gradient: f64,
    hessian: f64,
    weight: f64,
}

struct Split {
    column: usize,
    bin: u8,
    gain: f64,
}

/// Grows trees; leaves are in natural units of log-odds. The first score of every row is `prior`.
pub fn grow(table: &Table, growth: &Growth, prior: f64, seed: u64) -> Vec<Tree> {
    let rows = table.labels.len();
    let mut scores = vec![prior; rows];
    let mut sums = vec![Sum::default(); rows];
    let mut trees = Vec::new();
    for round in 0..growth.rounds {
        for row in 0..rows {
            let chance = 1.0 / (1.0 + (-scores[row]).exp());
            let weight = table.weights[row];
            let label = if table.labels[row] { 1.0 } else { 0.0 };
            sums[row] = Sum {
                gradient: weight * (label - chance),
                hessian: weight * chance * (1.0 - chance),
                weight,
            };
        }
        let drawn = |column: usize| {
            let word = mix(seed ^ mix(u64::from(round) << 32 | column as u64));
            word.is_multiple_of(growth.one_in)
        };
        let columns: Vec<usize> = (0..table.columns.len()).filter(|at| drawn(*at)).collect();
        let mut tree = Tree::default();
        let all: Vec<u32> = (0..rows as u32).collect();
        branch(
            table,
            growth,
            &columns,
            &sums,
            &all,
            0,
            &mut tree,
            &mut scores,
        );
        trees.push(tree);
    }
    trees
}

/// Adds a node for these rows and all below it; gives its place.
#[expect(clippy::too_many_arguments, reason = "the state of one recursion")]
fn branch(
    table: &Table,
    growth: &Growth,
    columns: &[usize],
    sums: &[Sum],
    rows: &[u32],
    depth: u32,
    tree: &mut Tree,
    scores: &mut [f64],
) -> u16 {
    let place = tree.nodes.len() as u16;
    let split = (depth < growth.depth)
        .then(|| best(table, growth, columns, sums, rows))
        .flatten();
    match split {
        None => {
            let total = total(sums, rows.iter());
            let step = growth.rate * total.gradient / (total.hessian + growth.lambda);
            for row in rows {
                scores[*row as usize] += step;
            }
            tree.nodes.push(Node::leaf(step));
        }
        Some(split) => {
            let column = &table.columns[split.column];
            let (low, high): (Vec<u32>, Vec<u32>) = rows
                .iter()
                .partition(|row| column[**row as usize] <= split.bin);
            tree.nodes.push(Node::split(split.column as u16, split.bin));
            // The average is over honest rows and distilling ones alike.
            let counts = (
                total(sums, low.iter()).weight,
                total(sums, high.iter()).weight,
            );
            let mut below =
                |rows: &[u32]| branch(table, growth, columns, sums, rows, depth + 1, tree, scores);
            let (low, high) = (below(&low), below(&high));
            let part =
                |place: u16, rows: f64| f64::from(tree.nodes[usize::from(place)].adds()) * rows;
            let mean =
                (part(low, counts.0) + part(high, counts.1)) / (counts.0 + counts.1).max(1e-9);
            tree.nodes[usize::from(place)].join(low, high, mean.round() as i32);
        }
    }
    place
}

fn total<'a>(sums: &[Sum], rows: impl Iterator<Item = &'a u32>) -> Sum {
    rows.fold(Sum::default(), |total, row| {
        let one = sums[*row as usize];
        Sum {
            gradient: total.gradient + one.gradient,
            hessian: total.hessian + one.hessian,
            weight: total.weight + one.weight,
        }
    })
}

fn best(
    table: &Table,
    growth: &Growth,
    columns: &[usize],
    sums: &[Sum],
    rows: &[u32],
) -> Option<Split> {
    let all = total(sums, rows.iter());
    let worth = |sum: &Sum| sum.gradient * sum.gradient / (sum.hessian + growth.lambda);
    let mut found: Option<Split> = None;
    for column in columns {
        let bins = &table.columns[*column];
        let mut counts = [Sum::default(); BINS];
        for row in rows {
            let (one, bin) = (sums[*row as usize], usize::from(bins[*row as usize]));
            counts[bin].gradient += one.gradient;
            counts[bin].hessian += one.hessian;
            counts[bin].weight += one.weight;
        }
        let mut low = Sum::default();
        for (bin, count) in counts.iter().enumerate().take(BINS - 1) {
            low.gradient += count.gradient;
            low.hessian += count.hessian;
            low.weight += count.weight;
            let high = Sum {
                gradient: all.gradient - low.gradient,
                hessian: all.hessian - low.hessian,
                weight: all.weight - low.weight,
            };
            if low.weight < growth.leaf || high.weight < growth.leaf {
                continue;
            }
            let gain = worth(&low) + worth(&high) - worth(&all);
            if gain > 1e-9 && found.as_ref().is_none_or(|best| gain > best.gain) {
                found = Some(Split {
                    column: *column,
                    bin: bin as u8,
                    gain,
                });
            }
        }
    }
    found
}
