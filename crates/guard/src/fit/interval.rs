//! The interval of a rate that was counted. Plain arithmetic.

/// The interval that holds the true rate with 95% (Clopper, Pearson, 1934); 0 to 1 of none.
pub fn interval(hits: u64, of: u64) -> [f64; 2] {
    if of == 0 {
        return [0.0, 1.0];
    }
    let hits = hits.min(of);
    let (h, misses) = (hits as f64, (of - hits) as f64);
    let low = match hits {
        0 => 0.0,
        _ => beta_quantile(0.025, h, misses + 1.0),
    };
    let high = match of - hits {
        0 => 1.0,
        _ => beta_quantile(0.975, h + 1.0, misses),
    };
    [low, high]
}

/// Where the incomplete beta function reaches `p`, by halving.
fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if beta(middle, a, b) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// The regularised incomplete beta function, by its continued fraction (Lentz, 1976).
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta(1.0 - x, b, a);
    }
    let front = gamma_log(a + b) - gamma_log(a) - gamma_log(b) + a * x.ln() + b * (1.0 - x).ln();
    let small = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut c, mut d) = (1.0, 1.0 / small(1.0 - (a + b) * x / (a + 1.0)));
    let mut sum = d;
    for step in 1..500 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut last = 1.0;
        for term in [even, odd] {
            d = 1.0 / small(1.0 + term * d);
            c = small(1.0 + term / c);
            last = c * d;
            sum *= last;
        }
        if (last - 1.0).abs() < 1e-14 {
            break;
        }
    }
    front.exp() * sum / a
}

/// The logarithm of the gamma function (Lanczos, 1964).
fn gamma_log(x: f64) -> f64 {
    const TERMS: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.001_208_650_973_866_179,
        -0.000_005_395_239_384_953,
    ];
    let base = x + 5.5;
    let base = base - (x + 0.5) * base.ln();
    let places = TERMS.iter().zip(1..);
    let sum = places.fold(1.000_000_000_190_015, |sum, (term, place)| {
        sum + term / (x + f64::from(place))
    });
    -base + (2.506_628_274_631_000_5 * sum / x).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        let near = |(hits, of): (u64, u64), low: f64, high: f64| {
            let [a, b] = interval(hits, of);
            assert!((a - low).abs() < 5e-4 && (b - high).abs() < 5e-4, "{a} {b}");
        };
        near((0, 3000), 0.0, 0.00123);
        near((5, 10), 0.1871, 0.8129);
        near((10, 10), 0.6915, 1.0);
        near((90, 100), 0.8238, 0.9510);
        assert_eq!(interval(0, 0), [0.0, 1.0]);
    }
}
