//! The arithmetic of plots: round bounds, and paths through points. No HTML here.

/// The top of an axis and its step: four round steps that hold `most`.
pub(crate) fn axis(most: f64, is_whole: bool) -> (f64, f64) {
    let least = if is_whole { 1.0 } else { 1e-9 };
    let rough = (most / 4.0).max(least);
    let size = 10f64.powf(rough.log10().floor());
    let factors: &[f64] = if is_whole && size < 10.0 {
        &[1.0, 2.0, 5.0, 10.0]
    } else {
        &[1.0, 1.5, 2.0, 2.5, 5.0, 10.0]
    };
    // A hair of room, so that a step that is exact but for rounding is taken.
    let factor = factors
        .iter()
        .find(|factor| *factor * size >= rough * (1.0 - 1e-9));
    let step = factor.unwrap_or(&10.0) * size;
    (step * 4.0, step)
}

/// An axis from a round value to another, over zero.
pub(crate) struct Axis {
    bottom: f64,
    step: f64,
    /// How many steps it has.
    pub(crate) ticks: u32,
}

impl Axis {
    /// The value of a tick.
    pub(crate) fn at(&self, tick: u32) -> f64 {
        self.bottom + self.step * f64::from(tick)
    }

    /// How far from the upper edge of a box a value lies.
    pub(crate) fn y(&self, value: f64, height: f64) -> f64 {
        let part = (value - self.bottom) / (self.step * f64::from(self.ticks));
        height - part.clamp(0.0, 1.0) * height
    }
}

/// The axis that holds all from `low`, which is not above zero, to `high`, which is not below.
pub(crate) fn between(low: f64, high: f64) -> Axis {
    if low >= 0.0 {
        let (_, step) = axis(high, false);
        // Half an axis would be empty where its four steps are too many.
        let ticks = ((high / step) * (1.0 - 1e-9)).ceil().clamp(1.0, 4.0);
        return Axis {
            bottom: 0.0,
            step,
            ticks: ticks as u32,
        };
    }
    let (_, step) = axis(high - low, false);
    let below = (-low / step).ceil();
    let above = (high / step).ceil();
    Axis {
        bottom: -below * step,
        step,
        // Each is at most 5: a round step of a fourth of their span.
        ticks: (below + above) as u32,
    }
}

/// A round whole step, so that `most` has at most `parts` of them.
pub(crate) fn whole_step(most: u64, parts: u64) -> u64 {
    let mut size = 1;
    loop {
        for factor in [1, 2, 5] {
            if most <= factor * size * parts {
                return factor * size;
            }
        }
        size *= 10;
    }
}

/// A path through values in a box of `width` by `height`, `top` at its upper edge.
pub(crate) fn line(values: &[f64], top: f64, width: f64, height: f64) -> String {
    let last = values.len().saturating_sub(1).max(1) as f64;
    let mut path = String::new();
    for (index, value) in values.iter().enumerate() {
        let x = index as f64 / last * width;
        let y = height - (value / top).clamp(0.0, 1.0) * height;
        path.push(if index == 0 { 'M' } else { 'L' });
        path.push_str(&format!("{} {}", place(x), place(y)));
    }
    path
}

/// The same path, closed along the lower edge.
pub(crate) fn area(line: &str, width: f64, height: f64) -> String {
    format!(
        "{line}L{} {}L0 {}Z",
        place(width),
        place(height),
        place(height)
    )
}

/// Bars for values, each with a little room beside it.
pub(crate) fn bars(values: &[f64], top: f64, width: f64, height: f64) -> String {
    let each = width / values.len().max(1) as f64;
    let gap = each * 0.14;
    let mut path = String::new();
    for (index, value) in values.iter().enumerate() {
        let tall = (value / top).clamp(0.0, 1.0) * height;
        if tall > 0.0 {
            let x = index as f64 * each + gap;
            let (left, right) = (place(x), place(x + each - 2.0 * gap));
            let (foot, head) = (place(height), place(height - tall));
            path.push_str(&format!("M{left} {foot}V{head}H{right}V{foot}Z"));
        }
    }
    path
}

/// A line in a box of 100 by 28, from nothing to its largest value.
pub(crate) fn spark_path(values: &[f64]) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    // Taller than the box, so that the line's own width fits at the top.
    line(
        values,
        if most > 0.0 { most * 1.08 } else { 1.0 },
        100.0,
        27.0,
    )
}

fn place(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0")
        .map_or_else(|| text.clone(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn axes_are_round() {
        assert_eq!(axis(0.0, true), (4.0, 1.0));
        assert_eq!(axis(3.0, true), (4.0, 1.0));
        assert_eq!(axis(9.0, true), (20.0, 5.0));
        assert_eq!(axis(97.0, true), (100.0, 25.0));
        assert_eq!(axis(400.0, true), (400.0, 100.0));
        let (top, step) = axis(0.9, false);
        assert!((top - 1.0).abs() < 1e-9 && (step - 0.25).abs() < 1e-9);
    }

    #[test]
    fn paths() {
        assert_eq!(
            line(&[0.0, 5.0, 10.0], 10.0, 100.0, 40.0),
            "M0 40L50 20L100 0"
        );
        assert_eq!(area("M0 40L100 0", 100.0, 40.0), "M0 40L100 0L100 40L0 40Z");
        assert_eq!(bars(&[0.0, 10.0], 10.0, 100.0, 40.0), "M57 40V0H93V40Z");
        assert_eq!(line(&[], 1.0, 100.0, 40.0), "");
    }

    #[test]
    fn steps_are_round_and_few() {
        assert_eq!(
            [0, 6, 7, 16, 60, 61, 1000].map(|n| whole_step(n, 6)),
            [1, 1, 2, 5, 10, 20, 200]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn an_axis_over_zero_holds_both_ends(low in -1e9f64..0.0, high in 0.0f64..1e9) {
            let axis = between(low, high);
            prop_assert!(axis.at(0) <= low && axis.at(axis.ticks) * (1.0 + 1e-9) >= high);
            prop_assert!((1..=10).contains(&axis.ticks));
            prop_assert!(axis.y(high, 160.0) <= axis.y(low, 160.0));
        }

        #[test]
        fn the_axis_holds_every_value(most in 0.0f64..1e13, is_whole: bool) {
            let (top, step) = axis(most, is_whole);
            prop_assert!(top * (1.0 + 1e-9) >= most && step > 0.0 && top.is_finite());
            prop_assert!(!is_whole || (step - step.round()).abs() < 1e-6 * step);
        }
    }
}
