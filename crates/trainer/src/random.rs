//! All that is random, from the run's seed and the names of what it is for: whoever comes again to the
//! same step draws the same.

use crate::protocol::Stage;

/// A number that depends on all bytes of all parts.
fn number(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let bytes = hasher.finalize();
    u64::from_le_bytes(bytes.as_bytes()[..8].try_into().unwrap_or_default())
}

/// The seed of a step's sampling.
pub(crate) fn of_step(seed: u64, stage: Stage, step: u64) -> u64 {
    let name = stage.name().as_bytes();
    number(&[&seed.to_le_bytes(), name, &step.to_le_bytes()])
}

/// The seed of one answer.
pub(crate) fn of_answer(step_seed: u64, item: &str, sample: u32) -> u64 {
    number(&[
        &step_seed.to_le_bytes(),
        item.as_bytes(),
        &sample.to_le_bytes(),
    ])
}

/// A number in `[0, 1)` for a token's draw from a teacher.
pub(crate) fn uniform(answer_seed: u64, place: u64, draw: u64) -> f64 {
    let [seed, place, draw] = [answer_seed, place, draw].map(u64::to_le_bytes);
    // The 53 bits that an f64 holds.
    (number(&[b"draw", &seed, &place, &draw]) >> 11) as f64 / (1u64 << 53) as f64
}

/// The items of a step, by number: the next `batch` of an endless walk that goes over all `count` of
/// them in a new order each time. `count` is above 0.
pub(crate) fn items(
    seed: u64,
    stage: Stage,
    step: u64,
    (batch, count): (u64, usize),
) -> Vec<usize> {
    let count = count as u64;
    let first = (step - 1) * batch;
    let mut order: (u64, Vec<usize>) = (u64::MAX, Vec::new());
    let one = |place: u64| {
        let round = place / count;
        if order.0 != round {
            order = (round, shuffled(seed, stage, round, count as usize));
        }
        order.1[(place % count) as usize]
    };
    (first..first + batch).map(one).collect()
}

/// Fisher and Yates, with numbers by counter.
fn shuffled(seed: u64, stage: Stage, round: u64, count: usize) -> Vec<usize> {
    let mut out: Vec<usize> = (0..count).collect();
    let key = number(&[b"order", &of_step(seed, stage, round).to_le_bytes()]);
    for last in (1..count).rev() {
        let draw = number(&[&key.to_le_bytes(), &(last as u64).to_le_bytes()]);
        // The bias is below one in 2^44.
        let at = (u128::from(draw) * (last as u128 + 1)) >> 64;
        out.swap(last, at as usize);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_goes_over_all_items_in_another_order() {
        let walk = |step| items(7, Stage::OnPolicy, step, (4, 10));
        let all: Vec<usize> = (1..=5).flat_map(walk).collect();
        for round in all.chunks(10) {
            let mut sorted = round.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(all[..10], all[10..]);
        assert_eq!(walk(3), walk(3));
        assert_ne!(walk(1), items(8, Stage::OnPolicy, 1, (4, 10)));
        assert_ne!(walk(1), items(7, Stage::ColdStart, 1, (4, 10)));
        // More than there are: some come twice.
        assert_eq!(items(7, Stage::OnPolicy, 1, (25, 10)).len(), 25);
    }

    #[test]
    fn seeds_differ_by_all_that_they_are_for() {
        let step = of_step(1, Stage::OnPolicy, 2);
        let all = [
            step,
            of_step(2, Stage::OnPolicy, 2),
            of_step(1, Stage::ColdStart, 2),
            of_step(1, Stage::OnPolicy, 3),
            of_answer(step, "a", 0),
            of_answer(step, "b", 0),
            of_answer(step, "a", 1),
        ];
        let different: std::collections::HashSet<u64> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
