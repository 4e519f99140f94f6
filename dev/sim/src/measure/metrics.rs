//! Rates with their intervals, and how well scores put distillers above honest accounts.
//! Plain arithmetic; nothing here knows what is scored.

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// A share of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub hits: u64,
    /// Of how many.
    pub of: u64,
}

impl Rate {
    /// How many of these are so.
    pub fn count(all: impl IntoIterator<Item = bool>) -> Self {
        all.into_iter()
            .fold(Self { hits: 0, of: 0 }, |rate, is| Self {
                hits: rate.hits + u64::from(is),
                of: rate.of + 1,
            })
    }

    /// The share, 0 of none.
    pub fn share(self) -> f64 {
        if self.of == 0 {
            return 0.0;
        }
        self.hits as f64 / self.of as f64
    }

    /// The interval that holds the true rate with 95% (Clopper, Pearson, 1934); 0 to 1 of none.
    pub fn interval(self) -> (f64, f64) {
        let [low, high] = guard::fit::interval(self.hits, self.of);
        (low, high)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let (low, high) = self.interval();
        let mut all = out.serialize_struct("Rate", 5)?;
        all.serialize_field("hits", &self.hits)?;
        all.serialize_field("of", &self.of)?;
        all.serialize_field("rate", &self.share())?;
        all.serialize_field("low", &low)?;
        all.serialize_field("high", &high)?;
        all.end()
    }
}

/// The least score above which at most this share of honest accounts lies: whoever is above is
/// found, whoever has it is not.
pub fn threshold(honest: &[f64], rate: f64) -> f64 {
    let mut sorted = honest.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let allowed = (rate * sorted.len() as f64).floor() as usize;
    sorted.get(allowed).copied().unwrap_or(f64::NEG_INFINITY)
}

/// The share of scores above a threshold.
pub fn above(scores: &[f64], threshold: f64) -> Rate {
    Rate::count(scores.iter().map(|score| *score > threshold))
}

/// The probability that a distiller's score is above an honest account's, ties counted half, and
/// its 95% interval by Hanley and McNeil (1982); `None` where one side is empty.
pub fn area(honest: &[f64], distilling: &[f64]) -> Option<(f64, f64, f64)> {
    if honest.is_empty() || distilling.is_empty() {
        return None;
    }
    let mut sorted = honest.to_vec();
    sorted.sort_by(f64::total_cmp);
    let sum: f64 = distilling
        .iter()
        .map(|score| {
            let below = sorted.partition_point(|one| one < score);
            let to = sorted.partition_point(|one| one <= score);
            below as f64 + (to - below) as f64 / 2.0
        })
        .sum();
    let (few, many) = (distilling.len() as f64, honest.len() as f64);
    let area = sum / few / many;
    let (q1, q2) = (area / (2.0 - area), 2.0 * area * area / (1.0 + area));
    let variance =
        area * (1.0 - area) + (few - 1.0) * (q1 - area * area) + (many - 1.0) * (q2 - area * area);
    let half = 1.96 * (variance / few / many).max(0.0).sqrt();
    Some((area, (area - half).max(0.0), (area + half).min(1.0)))
}

/// The middle of a list; `None` of an empty one.
pub fn median(list: &[f64]) -> Option<f64> {
    quantile(list, 0.5)
}

/// The value that this share of a list is at or below.
pub fn quantile(list: &[f64], share: f64) -> Option<f64> {
    let mut sorted = list.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = ((sorted.len() as f64 * share).ceil() as usize).max(1) - 1;
    sorted.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_let_no_more_through_than_said() {
        let honest: Vec<f64> = (0..1000).map(|n| f64::from(n / 3)).collect();
        for rate in [0.1, 0.01, 0.001, 0.0001] {
            let found = above(&honest, threshold(&honest, rate));
            assert!(found.share() <= rate, "{rate}: {found:?}");
        }
        assert_eq!(above(&[400.0, 332.0], threshold(&honest, 0.001)).hits, 1);
    }

    #[test]
    fn areas_count_ties_half() {
        let (area, low, high) = area(&[1.0, 2.0, 3.0], &[2.0, 4.0]).unwrap();
        assert!((area - (1.5 + 3.0) / 6.0).abs() < 1e-12);
        assert!(low < area && area < high);
        assert!(super::area(&[], &[1.0]).is_none());
    }

    #[test]
    fn quantiles_are_values_of_the_list() {
        let list = [5.0, 1.0, 3.0];
        assert_eq!(median(&list), Some(3.0));
        assert_eq!(quantile(&list, 1.0), Some(5.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
