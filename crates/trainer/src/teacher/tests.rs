use super::*;

pub(super) fn answer(item: usize, tokens: &[u32]) -> Answer {
    Answer {
        item,
        sample: 0,
        tokens: tokens.to_vec(),
        logprobs: vec![-1.0; tokens.len()],
        top: vec![vec![9, 4]; tokens.len()],
        text: String::new(),
        cut: false,
    }
}

fn scores(positions: Vec<PositionScores>) -> Scores {
    Scores {
        question: 1,
        sequences: vec![Some(SequenceScores { positions })],
    }
}

#[test]
fn what_no_distribution_could_say_is_refused() {
    let needs = Needs {
        whole: false,
        top: 2,
        at: 2,
        spans: false,
        temperature: 1.0,
    };
    let answer = answer(0, &[7]);
    let answers = [&answer];
    let told = |at: &[Option<f32>], top: &[(u32, f32)], tail| {
        let position = PositionScores {
            at: at.to_vec(),
            top: top.to_vec(),
            tail,
        };
        told(scores(vec![position]), &answers, needs)
    };
    // Ids asked for: 4, 7, 9.
    let good = told(&[Some(-1.0), None, Some(-2.0)], &[(7, -0.9)], Some(0.01)).unwrap();
    let position = &good[0].as_ref().unwrap().positions[0];
    assert_eq!(position.token, Some(-0.9));
    assert_eq!(position.at, [(4, -1.0), (9, -2.0)]);
    let at = [Some(-1.0), Some(-2.0), Some(-3.0)];
    assert!(told(&at, &[], None).is_ok());
    for (at, top, tail) in [
        (&at[..2], &[][..], None),
        (&[Some(0.1), None, None], &[], None),
        (&[Some(f32::NAN), None, None], &[], None),
        (&[Some(-0.1), Some(-0.1), None], &[], None),
        (&at, &[(4, -1.5)], None),
        (&at, &[(3, -0.2)], None),
        (&at, &[], Some(0.9)),
        (&at, &[], Some(-0.1)),
    ] {
        let error = told(at, top, tail).unwrap_err();
        assert!(matches!(error, Error::Teacher(_)), "{error}");
    }
    let none = Scores {
        question: 1,
        sequences: vec![None],
    };
    assert_eq!(super::told(none, &answers, needs).unwrap(), [None]);
    assert!(super::told(scores(Vec::new()), &answers, needs).is_err());
}
