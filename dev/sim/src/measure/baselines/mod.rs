//! What stands beside the guard on the same traffic: volume, the advisory's indicators, the
//! windowed test of Liu, Guo and Dong, a text classifier, boosted trees on plain figures. Each
//! gives every account of a world a score; none sees the truth of the world it is tried on.

mod mmd;
mod rules;
mod trees;
mod words;

pub use mmd::{Kernel, Sums};
pub use rules::{indicators, volume};
pub use trees::{Forest, figures};
pub use words::Words;

use super::fold::{Label, Scene};

/// The scores of one baseline.
#[derive(Debug)]
pub struct Scores {
    /// What it is called in the table.
    pub name: &'static str,
    /// By account.
    pub scores: Vec<f64>,
}

/// What is fitted beforehand, on another world.
#[derive(Debug)]
pub struct Fitted {
    kernel: Kernel,
    benign: Sums,
    forest: Forest,
}

impl Fitted {
    /// Fits what can be fitted on a world whose truth is known.
    pub fn new(scene: &Scene) -> Self {
        let mut kernel = Kernel::new(1);
        let mut benign = Sums::default();
        let rows = scene.rows.iter().zip(&scene.extras);
        let honest = rows.filter(|(row, _)| row.label == Label::Honest);
        // So many of each account that none outweighs the rest.
        let positions: Vec<_> = honest
            .flat_map(|(_, extra)| extra.positions.iter().take(40))
            .collect();
        kernel.suit(&positions);
        for position in positions {
            benign.add(&kernel.features(position));
        }
        Self {
            kernel,
            benign,
            forest: Forest::grow(scene),
        }
    }

    /// The scores of every baseline on a world that was folded with extras.
    pub fn scores(&self, scene: &Scene) -> Vec<Scores> {
        let words = |extra: &super::fold::Extra| match extra.texts {
            0 => f64::NEG_INFINITY,
            texts => extra.words / f64::from(texts),
        };
        vec![
            Scores {
                name: "volume alone",
                scores: volume(scene),
            },
            Scores {
                name: "the advisory's four indicators",
                scores: indicators(scene),
            },
            Scores {
                name: "windowed MMD, an account's last 1,500",
                scores: scene
                    .extras
                    .iter()
                    .map(|extra| self.distance(&extra.positions))
                    .collect(),
            },
            Scores {
                name: "windowed MMD, campaigns pooled by an oracle",
                scores: self.pooled(scene),
            },
            Scores {
                name: "text classifier",
                scores: scene.extras.iter().map(words).collect(),
            },
            Scores {
                name: "boosted trees on plain figures",
                scores: self.forest.scores(scene),
            },
        ]
    }

    /// How far the positions are from the benign ones, in deviations of a benign window as long:
    /// the threshold of a longer window is lower, as it is in the published test.
    fn distance(&self, positions: &[[i8; guard::digest::DIMENSIONS]]) -> f64 {
        let mut sums = Sums::default();
        for position in positions {
            sums.add(&self.kernel.features(position));
        }
        sums.distance(&self.benign)
    }

    /// Every account's score is that of its campaign's traffic put together.
    fn pooled(&self, scene: &Scene) -> Vec<f64> {
        let mut pools: Vec<Vec<_>> = vec![Vec::new(); scene.campaigns.len()];
        for (row, extra) in scene.rows.iter().zip(&scene.extras) {
            if let Some(pool) = row.campaign.and_then(|at| pools.get_mut(at)) {
                let room = super::fold::WINDOW.saturating_sub(pool.len());
                pool.extend(extra.positions.iter().take(room).copied());
            }
        }
        let scores: Vec<f64> = pools.iter().map(|pool| self.distance(pool)).collect();
        let rows = scene.rows.iter().zip(&scene.extras);
        rows.map(|(row, extra)| match row.campaign {
            Some(at) => scores[at],
            None => self.distance(&extra.positions),
        })
        .collect()
    }
}
