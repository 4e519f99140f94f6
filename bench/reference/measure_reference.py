"""Reference values of `distill::measure`, from scipy and statsmodels.

    python bench/reference/measure_reference.py > crates/distill/src/measure/reference.json

Needs scipy and statsmodels. Wilson's intervals and quantiles are exact; bootstrap intervals are of
a million resamples, so that another implementation's differ by its own resampling only.
"""

import json

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint


def data():
    """Scores of 200 items: right or wrong for start, teacher and three students."""
    rng = np.random.default_rng(5)
    teacher = rng.random(200) < 0.6
    start = rng.random(200) < 0.03
    # A student is right where the teacher is, more often than elsewhere.
    students = [np.where(teacher, rng.random(200) < p, rng.random(200) < 0.15) for p in (0.9, 0.8, 0.85)]
    return start.astype(float), teacher.astype(float), [s.astype(float) for s in students]


def main():
    wilson = [
        [k, n, *map(float, proportion_confint(k, n, 0.05, "wilson"))]
        for k, n in [(0, 1), (1, 1), (0, 200), (120, 200), (200, 200), (3, 7), (1, 100_000)]
    ]
    values = np.random.default_rng(3).gamma(2.0, 1.5, 40)
    grid = [0.0, 0.025, 0.3333, 0.5, 0.9, 0.975, 1.0]
    quantiles = [float(np.quantile(values, q)) for q in grid]
    times, how = 1_000_000, np.random.default_rng(1)
    mean = stats.bootstrap(
        (values,), np.mean, n_resamples=times, method="percentile", batch=10_000, rng=how
    ).confidence_interval
    start, teacher, students = data()
    paired = stats.bootstrap(
        (students[0], teacher), lambda a, b, axis: np.mean(a - b, axis=axis),
        n_resamples=times, method="percentile", paired=True, vectorized=True, batch=10_000, rng=how,
    ).confidence_interval
    gap = stats.bootstrap(
        (start, teacher, students[0]),
        lambda s, t, x, axis: (x.mean(axis) - s.mean(axis)) / (t.mean(axis) - s.mean(axis)),
        n_resamples=times, method="percentile", paired=True, vectorized=True, batch=10_000, rng=how,
    ).confidence_interval
    # Over seeds too, which scipy has no word for: items and seeds are drawn independently.
    draws = []
    for _ in range(100):
        items = how.integers(200, size=(2_000, 200))
        seeds = how.integers(3, size=(2_000, 3))
        s, t = start[items].mean(1), teacher[items].mean(1)
        each = np.stack([x[items].mean(1) for x in students], 1)
        x = np.take_along_axis(each, seeds, 1).mean(1)
        draws.append((x - s) / (t - s))
    seeds = np.quantile(np.concatenate(draws), [0.025, 0.975])
    print(json.dumps({
        "wilson": wilson,
        "values": values.tolist(), "grid": grid, "quantiles": quantiles,
        "mean": [float(values.mean()), float(mean.low), float(mean.high)],
        "start": start.tolist(), "teacher": teacher.tolist(), "students": [s.tolist() for s in students],
        "paired": [float((students[0] - teacher).mean()), float(paired.low), float(paired.high)],
        "gap": [float((students[0].mean() - start.mean()) / (teacher.mean() - start.mean())), float(gap.low), float(gap.high)],
        "gap_seeds": [float((np.mean(students) - start.mean()) / (teacher.mean() - start.mean())), *map(float, seeds)],
    }))


main()
