//! Volume, and the four indicators of use that the advisory AA26-251A lists. No content is read.

use guard::profile::Hot;
use record::PlanKind;

use super::super::fold::Scene;

/// Exchanges alone.
pub fn volume(scene: &Scene) -> Vec<f64> {
    let rows = scene.rows.iter();
    rows.map(|row| row.exchanges as f64).collect()
}

/// The mean place, among all accounts of the world, by each of: active hours of its span, use on
/// the first day of a new account, addresses and user agents, use for its plan.
pub fn indicators(scene: &Scene) -> Vec<f64> {
    let mut sums = vec![0.0; scene.rows.len()];
    for indicator in [clock, ramp, sources, usage] {
        let of = |place: usize| {
            let account = &scene.watch.accounts()[place];
            let hot = account.hot();
            hot.map_or(0.0, |hot| indicator(&account.about, hot))
        };
        let values: Vec<f64> = (0..sums.len()).map(of).collect();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        for (sum, value) in sums.iter_mut().zip(values) {
            let below = sorted.partition_point(|one| *one < value);
            // What only few exceed counts for more than what half exceed.
            *sum -= (1.0 - below as f64 / (sorted.len() + 1) as f64).ln();
        }
    }
    sums
}

type Of<'a> = &'a guard::digest::About;

fn clock(_: Of<'_>, profile: &Hot) -> f64 {
    let span = profile.newest.0.saturating_sub(profile.oldest.0) + 1;
    if span < 24 {
        return 0.0;
    }
    let share = f64::from(profile.hours.count()) / f64::from(span);
    share - f64::from(profile.hours.longest_idle()) / 24.0
}

fn ramp(about: Of<'_>, profile: &Hot) -> f64 {
    let opened = about
        .created
        .map_or(0, |time| time.micros() / 3_600_000_000);
    let age = u64::from(profile.oldest.0).saturating_sub(opened);
    if age > 7 * 24 {
        return 0.0;
    }
    f64::from(profile.early.after(0)) + f64::from(profile.early.after(1))
}

fn sources(_: Of<'_>, profile: &Hot) -> f64 {
    let addresses = profile.addresses.estimate() as f64;
    let agents = profile.agents.estimate() as f64;
    addresses.max(1.0).ln() + agents.max(1.0).ln()
}

fn usage(about: Of<'_>, profile: &Hot) -> f64 {
    let days = f64::from(profile.newest.0.saturating_sub(profile.oldest.0)) / 24.0 + 1.0;
    let plan = match about.plan {
        Some(PlanKind::Enterprise) => 100.0,
        Some(PlanKind::Team) => 20.0,
        Some(PlanKind::Payg) => 10.0,
        Some(PlanKind::Free) | None => 1.0,
    };
    profile.exchanges.0 as f64 / days / plan
}
