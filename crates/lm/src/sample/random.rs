//! Random numbers by counter: the `n`-th number of a seed needs no state, so that a request's draws
//! do not depend on what else is in the batch. SplitMix64's finaliser (Steele et al. 2014).

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Uniform in `[0, 1)`, with 53 bits. The seed is mixed first, so that near seeds share no stream.
pub(crate) fn uniform(seed: u64, counter: u64) -> f64 {
    let start = mix(seed.wrapping_add(GOLDEN));
    let bits = mix(start.wrapping_add(counter.wrapping_add(1).wrapping_mul(GOLDEN)));
    // 2^-53 times an integer below 2^53: exact.
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}
