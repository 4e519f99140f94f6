//! The exponential that loops are vectorised over. One value in, one out, with the same result in
//! every lane; compiled for the level of whoever calls it.

use super::level::multiply_add;

/// `e^x` to 2 units in the last place; 0 below -87.3, where the result is no longer a normal number,
/// and no more than `e^88.3`. Cephes' polynomial on `[-ln 2 / 2, ln 2 / 2]`. NaN gives NaN.
#[inline(always)]
pub(crate) fn exp<const FUSED: bool>(x: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    const LEAST: f32 = -87.3;
    // Not `clamp`: a NaN shall pass.
    let bounded = if x < LEAST { LEAST } else { x };
    let bounded = if bounded > 88.3 { 88.3 } else { bounded };
    let shifted = multiply_add::<FUSED>(bounded, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<FUSED>(n, -0.693_359_4, bounded);
    let r = multiply_add::<FUSED>(n, 2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4;
    for c in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        0.166_666_65,
        0.5,
    ] {
        p = multiply_add::<FUSED>(p, r, c);
    }
    let p = multiply_add::<FUSED>(p, r * r, r + 1.0);
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < LEAST { 0.0 } else { p * power }
}
