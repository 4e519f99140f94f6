//! Advantages, preferences and the discriminator, at their reference values.

use super::*;
use advantage::{Groups, Spread, discounted};
use preference::{Dpo, Pair, discriminator, winner};

const PAIR: Pair = Pair {
    won: -12.3,
    lost: -15.8,
    reference_won: -13.1,
    reference_lost: -14.9,
    tokens_won: 4,
    tokens_lost: 5,
};

#[test]
fn discounted_sums() {
    for (gamma, want) in [
        (0.0, [0.5, -0.2, 0.8]),
        (0.5, [0.6, 0.2, 0.8]),
        (1.0, [1.1, 0.6, 0.8]),
    ] {
        let mut ratios = [0.5, -0.2, 0.8];
        assert_eq!(discounted(&mut ratios, gamma, 5.0), 0);
        ratios
            .iter()
            .zip(want)
            .for_each(|(g, w)| near(*g, w, 1e-12));
    }
    let mut ratios = [4.0, 7.0, -6.0];
    assert_eq!(discounted(&mut ratios, 0.0, 5.0), 2);
    assert_eq!(ratios, [4.0, 5.0, -5.0]);
    // What is clipped is the sum, not what enters it.
    let mut ratios = [0.0, 0.0, 8.0];
    assert_eq!(discounted(&mut ratios, 0.5, 5.0), 1);
    assert_eq!(ratios, [2.0, 4.0, 5.0]);
}

#[test]
fn groups() {
    let mut groups = Groups::default();
    for (spread, want) in [
        (Spread::Population, 1.413813675478),
        (Spread::Sample, 1.224444944858),
        (Spread::None, 0.5),
    ] {
        let mut rewards = [1.0, 0.0, 0.5, 0.5];
        assert!(groups.advantages(&mut rewards, spread));
        for (got, want) in rewards.iter().zip([want, -want, 0.0, 0.0]) {
            near(*got, want, 1e-12);
        }
    }
    for rewards in [&mut [0.3; 4][..], &mut [], &mut [1.0], &mut [1.0, f64::NAN]] {
        assert!(!groups.advantages(rewards, Spread::Population));
        assert!(rewards.iter().all(|&r| r == 0.0));
    }
    assert_eq!((groups.kept, groups.skipped), (3, 4));
}

#[test]
fn preferences() {
    let dpo = Dpo::new(0.1).unwrap();
    let out = dpo.pair(&PAIR);
    near(out.margin, 0.17, 1e-12);
    near(out.value, 0.611755338871, 1e-12);
    near(out.grad_won, -0.045760205923, 1e-12);
    near(out.grad_lost, 0.045760205923, 1e-12);
    near(
        dpo.flipped(0.1).unwrap().pair(&PAIR).value,
        0.628755338871,
        1e-12,
    );
    // Slopes against finite differences, with flips and lengths.
    let dpo = dpo.flipped(0.2).unwrap().by_length();
    let out = dpo.pair(&PAIR);
    let value = |won: f64, lost: f64| {
        let pair = Pair {
            won: PAIR.won + won,
            lost: PAIR.lost + lost,
            ..PAIR
        };
        dpo.pair(&pair).value
    };
    let step = 1e-5;
    near(
        out.grad_won,
        (value(step, 0.0) - value(-step, 0.0)) / (2.0 * step),
        1e-9,
    );
    near(
        out.grad_lost,
        (value(0.0, step) - value(0.0, -step)) / (2.0 * step),
        1e-9,
    );
    // Far beyond what e can be raised to.
    let far = Pair { won: -1e6, ..PAIR };
    let out = Dpo::new(1.0).unwrap().pair(&far);
    near(out.value, 1e6 - 13.1 - 0.9, 1.0);
    near(out.grad_won, -1.0, 1e-12);
    assert!(Dpo::new(0.0).is_err() && dpo.flipped(0.6).is_err());
    assert_eq!(winner(0.2, 0.1), Some(0));
    assert_eq!(winner(0.1, 0.2), Some(1));
    assert_eq!((winner(0.1, 0.1), winner(f64::NAN, 0.1)), (None, None));
}

#[test]
fn a_discriminator() {
    let (value, grad) = discriminator(1.7, 0.4);
    near(value, 0.241008453833, 1e-12);
    let step = 1e-5;
    let slope = (discriminator(1.7 + step, 0.4).0 - discriminator(1.7 - step, 0.4).0) / 2.0 / step;
    near(grad[0], slope, 1e-9);
    near(grad[1], -slope, 1e-9);
}
