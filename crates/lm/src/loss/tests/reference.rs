//! Values and gradients of the reference vector, in f64 to 1e-12 and in f32 to 1e-6.

use super::*;

/// Both precisions give the value and, if there is one, the gradient.
fn both(loss: Loss, teacher: &[f64], student: &[f64], value: f64, gradient: Option<[f64; 4]>) {
    let (out, grad) = run(loss, student, &Target::Logits(teacher));
    near(out.value, value, 1e-12);
    let (t, s) = (narrow(teacher), narrow(student));
    let (small, small_grad) = run(loss, &s, &Target::Logits(&t));
    near(small.value, value, 1e-6);
    for (i, want) in gradient.iter().flatten().enumerate() {
        near(grad[i], *want, 1e-12);
        near(small_grad[i], *want, 1e-6);
    }
    assert_eq!((out.clamped, out.saturated), (0, false));
}

fn plain(kind: Kind, one: f64, two: f64) {
    both(Loss::new(kind), &TEACHER, &STUDENT, one, None);
    both(Loss::new(kind).at(2.0), &TEACHER, &STUDENT, two, None);
}

#[test]
fn divergences() {
    plain(Kind::ForwardKl, 0.250865695054, 0.060255470027);
    plain(Kind::ReverseKl, 0.245326893071, 0.057068502149);
    plain(Kind::Gjsd { beta: 0.1 }, 0.022338277854, 0.005381132741);
    plain(Kind::Gjsd { beta: 0.5 }, 0.060646536818, 0.014571406063);
    plain(Kind::Gjsd { beta: 0.9 }, 0.021949300622, 0.005153362963);
    plain(Kind::CrossEntropy, 1.211538485185, 1.309742665027);
    plain(Kind::TotalVariation, 0.341192733272, 0.162254571112);
    let skew = |kind, want| both(Loss::new(kind), &TEACHER, &STUDENT, want, None);
    skew(Kind::SkewForward { alpha: 0.1 }, 0.199119793027);
    skew(Kind::SkewReverse { alpha: 0.1 }, 0.196570262574);
    // A skew of 0 is the plain divergence.
    plain(
        Kind::SkewForward { alpha: 0.0 },
        0.250865695054,
        0.060255470027,
    );
    plain(
        Kind::SkewReverse { alpha: 0.0 },
        0.245326893071,
        0.057068502149,
    );
    // The teacher's entropy is its cross-entropy with itself.
    both(
        Loss::new(Kind::CrossEntropy),
        &TEACHER,
        &TEACHER,
        0.960672790130,
        None,
    );
}

#[test]
fn gradients() {
    let table = [
        (
            Kind::ForwardKl,
            [
                -0.341192733272,
                0.254730355812,
                0.051988372607,
                0.034474004853,
            ],
            [
                -0.081127285556,
                0.048667128861,
                0.014556520526,
                0.017903636169,
            ],
        ),
        (
            Kind::ReverseKl,
            [
                -0.299979702774,
                0.239609856012,
                0.027942179032,
                0.032427667730,
            ],
            [
                -0.072631100705,
                0.045860997577,
                0.009898784968,
                0.016871318160,
            ],
        ),
        (
            Kind::Gjsd { beta: 0.5 },
            [
                -0.076492850565,
                0.058760204457,
                0.009780317195,
                0.007952328913,
            ],
            [
                -0.018956314643,
                0.011654615563,
                0.003014205620,
                0.004287493460,
            ],
        ),
    ];
    for (kind, one, two) in table {
        let value = |loss| run(loss, &STUDENT, &Target::Logits(&TEACHER)).0.value;
        for (temperature, grad) in [(1.0, one), (2.0, two)] {
            let loss = Loss::new(kind).at(temperature);
            both(loss, &TEACHER, &STUDENT, value(loss), Some(grad));
            // Hinton's factor, where it is asked for.
            let scaled = Loss {
                scaled: true,
                ..loss
            };
            let square = temperature * temperature;
            let grad = grad.map(|g| g * square);
            let (out, got) = run(scaled, &STUDENT, &Target::Logits(&TEACHER));
            near(out.value, value(loss) * square, 1e-12);
            got.iter().zip(grad).for_each(|(g, w)| near(*g, w, 4e-12));
        }
    }
}

#[test]
fn log_probabilities_serve_as_well_as_logits() {
    let given = logprobs(&TEACHER, 2.0);
    let (out, grad) = run(
        Loss::new(Kind::ReverseKl).at(2.0),
        &STUDENT,
        &Target::LogProbs(&given),
    );
    near(out.value, 0.057068502149, 1e-12);
    near(grad[0], -0.072631100705, 1e-12);
}

#[test]
fn sparse_targets() {
    use Tail::{Bucket, PerId, Renormalised, Truncated};
    let table: [(&[u32], Tail, Kind, f64); 10] = [
        (&[0, 1], Bucket, Kind::ForwardKl, 0.249740799003),
        (&[0, 1], Bucket, Kind::ReverseKl, 0.243352138183),
        (&[0, 1], Bucket, Kind::Gjsd { beta: 0.5 }, 0.060288536554),
        (&[0, 1], Renormalised, Kind::ForwardKl, 0.257403164607),
        (&[0, 1], Renormalised, Kind::ReverseKl, 0.272873700141),
        (&[0, 1], Truncated, Kind::ForwardKl, 0.315711600265),
        (&[0, 1], PerId, Kind::ForwardKl, 0.229249222805),
        (&[1, 0], PerId, Kind::ReverseKl, 0.219001767577),
        (&[1], Bucket, Kind::ReverseKl, 0.153041876800),
        (&[1], Bucket, Kind::ForwardKl, 0.137255367050),
    ];
    let teacher = logprobs(&TEACHER, 1.0);
    for (ids, tail, kind, want) in table {
        let known: Vec<f64> = ids.iter().map(|&i| teacher[i as usize]).collect();
        let target = Target::Sparse {
            ids,
            logprobs: &known,
            tail,
        };
        near(run(Loss::new(kind), &STUDENT, &target).0.value, want, 1e-12);
        let known = narrow(&known);
        let target = Target::Sparse {
            ids,
            logprobs: &known,
            tail,
        };
        let small = run(Loss::new(kind), &narrow(&STUDENT), &target).0;
        near(small.value, want, 1e-6);
    }
}

#[test]
fn sampled_tokens() {
    let teacher = logprobs(&TEACHER, 1.0);
    let q: Vec<f64> = logprobs(&STUDENT, 1.0).iter().map(|l| l.exp()).collect();
    let table = [
        (-0.765135757398, 0.292716363625, 0.384150378946),
        (0.734864242602, 0.270012727527, 0.214434802409),
        (0.434864242602, 0.094553454747, 0.082216786612),
        (0.734864242602, 0.270012727527, 0.214434802409),
    ];
    let mut means = [0.0; 3];
    for ((token, want), q) in (0..).zip(table).zip(q) {
        let (logprob, wants) = (teacher[token as usize], [want.0, want.1, want.2]);
        for (i, kind) in [Kind::K1, Kind::K2, Kind::K3].into_iter().enumerate() {
            let loss = Loss::new(kind);
            let got = run(loss, &STUDENT, &Target::Scored { token, logprob })
                .0
                .value;
            near(got, wants[i], 1e-12);
            means[i] += q * got;
            let small = run(loss, &narrow(&STUDENT), &Target::Scored { token, logprob }).0;
            near(small.value, wants[i], 1e-6);
        }
    }
    near(means[0], 0.245326893071, 1e-12);
    near(means[1], 0.250886092457, 1e-12);
    near(means[2], 0.245326893071, 1e-12);
}

#[test]
fn extremes() {
    let value = |kind, teacher: &[f64], student: &[f64]| {
        let out = run(Loss::new(kind), student, &Target::Logits(teacher)).0;
        let (t, s) = (narrow(teacher), narrow(student));
        let small = run(Loss::new(kind), &s, &Target::Logits(&t)).0;
        near(small.value, out.value, 1e-6);
        out
    };
    let (t, s) = ([1000.0, 0.0, -1000.0], [0.0, 1000.0, -1000.0]);
    near(value(Kind::ForwardKl, &t, &s).value, 1000.0, 1e-9);
    near(value(Kind::ReverseKl, &t, &s).value, 1000.0, 1e-9);
    assert!(value(Kind::ReverseKl, &t, &s).saturated);
    assert!(!value(Kind::ForwardKl, &t, &s).saturated);
    let (_, grad) = run(Loss::new(Kind::ReverseKl), &s, &Target::Logits(&t));
    assert!(grad.iter().all(|&g| g == 0.0), "{grad:?}");
    let jsd = |beta| value(Kind::Gjsd { beta }, &t, &s).value;
    near(jsd(0.5), std::f64::consts::LN_2, 1e-12);
    near(jsd(0.1), 0.325082973391, 1e-12);
    near(jsd(0.9), 0.325082973391, 1e-12);
    let masked = f64::NEG_INFINITY;
    let (t, s) = ([0.0, 1.0, masked], [1.0, 0.0, masked]);
    near(value(Kind::ForwardKl, &t, &s).value, 0.462117157260, 1e-12);
    near(value(Kind::ReverseKl, &t, &s).value, 0.462117157260, 1e-12);
    let out = value(Kind::Gjsd { beta: 0.5 }, &t, &s);
    near(out.value, 0.110944071672, 1e-12);
    assert_eq!(out.clamped, 0);
}

#[test]
fn the_clipped_policy_gradient() {
    // Two tokens, so that the student's log-probability is what we like: -1.
    let student = [0.0, (1f64.exp() - 1.0).ln()];
    near(logprobs(&student, 1.0)[0], -1.0, 1e-12);
    let policy = |advantage, low, high| {
        let target = Target::Sampled {
            token: 0,
            advantage,
            old_logprob: -1.3,
        };
        run(Loss::new(Kind::Policy { low, high }), &student, &target)
    };
    let (out, grad) = policy(1.2, 0.2, 0.2);
    near(out.value, -1.44, 1e-12);
    assert_eq!((out.clamped, grad), (1, vec![0.0, 0.0]));
    let (out, grad) = policy(-1.2, 0.2, 0.2);
    near(out.value, 1.619830569091, 1e-12);
    assert!(out.clamped == 0 && grad[0] > 0.0);
    let (out, _) = policy(1.0, f64::INFINITY, f64::INFINITY);
    near(-out.value, 1.349858807576, 1e-12);
}
