//! Small trees over bins, as cards hold them.

use serde::{Deserialize, Serialize};

/// A node: a split by a signal's bin, or a leaf with what it adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Node {
    /// The signal's place; of a leaf, [`LEAF`].
    signal: u16,
    /// Bins up to this one go to `low`.
    bin: u8,
    /// Places of the nodes below.
    low: u16,
    high: u16,
    /// What rows that come here get on average; of a leaf, what it adds. Thousandths of decibans.
    adds: i32,
}

/// A node as cards write it: signal, bin, low, high, adds.
type Written = (u16, u8, u16, u16, i32);

impl From<Written> for Node {
    fn from((signal, bin, low, high, adds): Written) -> Self {
        Self {
            signal,
            bin,
            low,
            high,
            adds,
        }
    }
}

impl From<Node> for Written {
    fn from(node: Node) -> Self {
        (node.signal, node.bin, node.low, node.high, node.adds)
    }
}

const LEAF: u16 = u16::MAX;
/// Decibans in one natural unit of log-odds, in thousandths.
const PER_NAT: f64 = 4_342.944_819_032_518;

impl Node {
    pub(crate) fn leaf(nats: f64) -> Self {
        Self {
            signal: LEAF,
            bin: 0,
            low: 0,
            high: 0,
            adds: (nats * PER_NAT).round() as i32,
        }
    }

    pub(crate) const fn split(signal: u16, bin: u8) -> Self {
        Self {
            signal,
            bin,
            low: 0,
            high: 0,
            adds: 0,
        }
    }

    pub(crate) const fn join(&mut self, low: u16, high: u16, adds: i32) {
        self.low = low;
        self.high = high;
        self.adds = adds;
    }

    pub(crate) const fn adds(&self) -> i32 {
        self.adds
    }
}

/// A tree; the first node is its root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree {
    pub(crate) nodes: Vec<Node>,
}

impl Tree {
    /// What it adds for these bins, told by signal: each split's signal has what it changed of the
    /// average on the way to the leaf (Saabas, 2014). Nothing for a tree that is no tree.
    pub(crate) fn add(&self, bins: &[u8], adds: &mut [i32]) {
        let mut at = 0_u16;
        // A node only names later ones, so this ends.
        while let Some(node) = self.nodes.get(usize::from(at)) {
            if node.signal == LEAF {
                return;
            }
            let bin = bins.get(usize::from(node.signal)).copied().unwrap_or(0);
            let next = if bin <= node.bin { node.low } else { node.high };
            let (Some(below), true) = (self.nodes.get(usize::from(next)), next > at) else {
                return;
            };
            if let Some(sum) = adds.get_mut(usize::from(node.signal)) {
                *sum = sum.saturating_add(below.adds.saturating_sub(node.adds));
            }
            at = next;
        }
    }

    /// What it adds on average.
    pub(crate) fn mean(&self) -> i32 {
        self.nodes.first().map_or(0, |root| root.adds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_signals_add_is_what_the_leaf_says() {
        let mut tree = Tree {
            nodes: vec![
                Node::split(1, 4),
                Node::split(0, 2),
                Node::leaf(-0.5),
                Node::leaf(0.25),
                Node::leaf(1.0),
            ],
        };
        tree.nodes[1].join(2, 3, -100);
        tree.nodes[0].join(1, 4, 700);
        for bins in [[0, 0], [3, 4], [0, 5], [9, 9]] {
            let mut adds = [0; 2];
            tree.add(&bins, &mut adds);
            let leaf = match bins {
                [_, bin] if bin > 4 => 4_343,
                [0..=2, _] => -2_171,
                _ => 1_086,
            };
            assert_eq!(tree.mean() + adds[0] + adds[1], leaf, "{bins:?}");
        }
    }

    #[test]
    fn a_tree_that_names_earlier_nodes_ends() {
        let mut tree = Tree {
            nodes: vec![Node::split(0, 1), Node::split(0, 1)],
        };
        tree.nodes[0].join(1, 1, 0);
        tree.nodes[1].join(0, 0, 9);
        let mut adds = [0];
        tree.add(&[0], &mut adds);
        assert_eq!(adds, [9]);
    }
}
