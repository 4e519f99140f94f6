//! Boosted trees of depth 3 (Friedman, 2001) on the plain figures of a profile: an upper reference
//! for what an account's own counts give, fitted on one world and tried on another.

use guard::profile::Hot;

use super::super::fold::{Label, Scene};

const ROUNDS: usize = 150;
const RATE: f64 = 0.1;
/// Leaves with less of the second derivative are not made.
const LEAST: f64 = 2.0;
/// Most thresholds tried of a figure.
const CUTS: usize = 24;

/// The plain figures of an account.
pub fn figures(profile: &Hot) -> Vec<f64> {
    let count = profile.exchanges.0.max(1) as f64;
    let share = |one: &u32| f64::from(*one) / count;
    let log = |number: u64| (number as f64 + 1.0).ln();
    let mut all = vec![
        count.ln(),
        log(profile.input.0) - count.ln(),
        log(profile.output.0) - count.ln(),
        log(profile.output.0) - log(profile.input.0),
        log(profile.asked_bytes.0) - count.ln(),
        log(profile.answered_bytes.0) - count.ln(),
        f64::from(profile.hours.count()),
        f64::from(profile.hours.longest_idle()),
        f64::from(profile.coverage.count()),
        f64::from(profile.near_duplicates().unwrap_or(0)),
        f64::from(profile.template_mass().unwrap_or(0)),
    ];
    let distinct = [
        profile.prompts.estimate(),
        profile.heads.estimate(),
        profile.openings.estimate(),
        profile.systems.estimate(),
        profile.toolsets.estimate(),
        profile.addresses.estimate(),
        profile.ranges.estimate(),
        profile.agents.estimate(),
        profile.clients.estimate(),
    ];
    for number in distinct {
        all.push(log(number));
        all.push(number as f64 / count);
    }
    for clock in &profile.clocks {
        all.push(clock.estimate() as f64 / count);
    }
    all.extend(profile.answered.0.iter().map(share));
    all.extend(profile.asked.0.iter().map(share));
    all.extend(profile.sized.0.iter().map(share));
    all.extend(profile.named.0.iter().map(share));
    all.extend(profile.echoes.0.iter().map(share));
    all.extend(profile.networks.0.iter().map(share));
    all.extend(profile.minutes.0.iter().map(share));
    all
}

#[derive(Debug)]
enum Tree {
    Leaf(f64),
    Split {
        figure: usize,
        cut: f64,
        below: Box<Tree>,
        above: Box<Tree>,
    },
}

impl Tree {
    fn score(&self, figures: &[f64]) -> f64 {
        match self {
            Self::Leaf(value) => *value,
            Self::Split {
                figure,
                cut,
                below,
                above,
            } => {
                let side = if figures[*figure] <= *cut {
                    below
                } else {
                    above
                };
                side.score(figures)
            }
        }
    }
}

/// Trees whose values add up to log-odds.
#[derive(Debug)]
pub struct Forest {
    trees: Vec<Tree>,
}

/// What is fitted to: figures by account, cuts by figure, first and second derivatives of the loss.
struct Fit {
    figures: Vec<Vec<f64>>,
    cuts: Vec<Vec<f64>>,
    slopes: Vec<(f64, f64)>,
}

impl Forest {
    /// Fits trees to a world whose truth is known.
    pub fn grow(scene: &Scene) -> Self {
        let accounts = scene.rows.iter().zip(scene.watch.accounts());
        let known = accounts
            .filter(|(row, _)| row.label != Label::Sanctioned)
            .filter_map(|(row, account)| {
                Some((row.label == Label::Distilling, figures(account.hot()?)))
            });
        let (truth, figures): (Vec<bool>, Vec<Vec<f64>>) = known.unzip();
        let count = figures.first().map_or(0, Vec::len);
        let cuts = (0..count).map(|figure| cuts(&figures, figure)).collect();
        let mut fit = Fit {
            figures,
            cuts,
            slopes: vec![(0.0, 0.0); truth.len()],
        };
        let mut odds = vec![0.0; truth.len()];
        let mut trees = Vec::new();
        for _ in 0..ROUNDS {
            for ((slope, odds), truth) in fit.slopes.iter_mut().zip(&odds).zip(&truth) {
                let chance = 1.0 / (1.0 + f64::exp(-odds));
                *slope = (
                    f64::from(u8::from(*truth)) - chance,
                    chance * (1.0 - chance),
                );
            }
            let all: Vec<usize> = (0..truth.len()).collect();
            let tree = fit.tree(&all, 3);
            for (odds, figures) in odds.iter_mut().zip(&fit.figures) {
                *odds += tree.score(figures);
            }
            trees.push(tree);
        }
        Self { trees }
    }

    /// Log-odds of every account.
    pub fn scores(&self, scene: &Scene) -> Vec<f64> {
        let accounts = scene.watch.accounts().iter();
        accounts
            .map(|account| {
                let Some(hot) = account.hot() else {
                    return f64::MIN;
                };
                let figures = figures(hot);
                self.trees.iter().map(|tree| tree.score(&figures)).sum()
            })
            .collect()
    }
}

impl Fit {
    fn sum(&self, accounts: &[usize]) -> (f64, f64) {
        let slopes = accounts.iter().map(|at| self.slopes[*at]);
        slopes.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn tree(&self, accounts: &[usize], depth: u32) -> Tree {
        let whole = self.sum(accounts);
        let leaf = Tree::Leaf(RATE * whole.0 / (whole.1 + 1.0));
        if depth == 0 {
            return leaf;
        }
        let mut best: Option<(f64, usize, f64)> = None;
        for (figure, cuts) in self.cuts.iter().enumerate() {
            // Sums of slopes between neighbouring cuts.
            let mut between = vec![(0.0, 0.0); cuts.len() + 1];
            for at in accounts {
                let value = self.figures[*at][figure];
                let bin = &mut between[cuts.partition_point(|cut| *cut < value)];
                bin.0 += self.slopes[*at].0;
                bin.1 += self.slopes[*at].1;
            }
            let mut below = (0.0, 0.0);
            for (cut, bin) in cuts.iter().zip(between) {
                below = (below.0 + bin.0, below.1 + bin.1);
                let above = (whole.0 - below.0, whole.1 - below.1);
                if below.1 < LEAST || above.1 < LEAST {
                    continue;
                }
                let gain = |side: (f64, f64)| side.0 * side.0 / (side.1 + 1.0);
                let gain = gain(below) + gain(above) - gain(whole);
                if best.is_none_or(|(most, ..)| gain > most) {
                    best = Some((gain, figure, *cut));
                }
            }
        }
        let Some((_, figure, cut)) = best.filter(|(gain, ..)| *gain > 1e-6) else {
            return leaf;
        };
        let (below, above): (Vec<usize>, Vec<usize>) = accounts
            .iter()
            .partition(|at| self.figures[**at][figure] <= cut);
        Tree::Split {
            figure,
            cut,
            below: Box::new(self.tree(&below, depth - 1)),
            above: Box::new(self.tree(&above, depth - 1)),
        }
    }
}

fn cuts(figures: &[Vec<f64>], figure: usize) -> Vec<f64> {
    let mut values: Vec<f64> = figures.iter().map(|one| one[figure]).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let step = (values.len() / CUTS).max(1);
    let mut cuts: Vec<f64> = values.into_iter().step_by(step).collect();
    // Nothing is above the greatest one.
    cuts.pop();
    cuts
}
