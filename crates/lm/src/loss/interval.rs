//! How sure a share is: of verdicts that a judge gave, of pairs that a student won.

/// The normal distribution's quantile for 95 % on both sides.
const WIDTH: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval (1927) of a share, from counts. All of it where nothing was tried.
#[must_use]
pub fn wilson(successes: u64, trials: u64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let n = trials as f64;
    let share = successes.min(trials) as f64 / n;
    let square = WIDTH * WIDTH;
    let middle = share + square / (2.0 * n);
    let half = WIDTH * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    let over = 1.0 + square / n;
    (
        ((middle - half) / over).max(0.0),
        ((middle + half) / over).min(1.0),
    )
}
