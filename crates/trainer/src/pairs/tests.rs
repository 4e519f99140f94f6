use super::*;
use crate::protocol::{self, Learning, Loss, Rate, Student as Wanted, Support, Tail, Tuning};
use crate::reward::Judged;
use crate::sampled::Answer;
use crate::student::Student;
use crate::targets::{self, Step};
use lm::Family;
use lm::testing::tiny_gguf;

const DPO: Kind = Kind::Dpo {
    beta: 0.1,
    flipped: 0.0,
    by_length: false,
};

fn answer(item: usize, sample: u32, tokens: &[u32]) -> Answer {
    Answer {
        item,
        sample,
        tokens: tokens.to_vec(),
        logprobs: Vec::new(),
        top: Vec::new(),
        text: String::new(),
        cut: false,
    }
}

fn learnt(answer: &Answer, reward: f64) -> Learnt<'_> {
    Learnt {
        prompt: vec![5, 6, 7],
        answer,
        taught: None,
        local: None,
        judged: Some(Judged {
            reward,
            advantage: 0.0,
            alike: false,
        }),
        own: Vec::new(),
        start: Vec::new(),
        weighed: None,
    }
}

#[test]
fn the_best_is_held_against_the_worst_and_ties_are_left_out() {
    let answers: Vec<Answer> = [(2, 0), (2, 1), (4, 0), (4, 1), (2, 2), (9, 0)]
        .map(|(item, sample)| answer(item, sample, &[8]))
        .to_vec();
    let rewards = [0.5, 1.0, 1.0, 1.0, 0.0, 1.0];
    let learnt: Vec<Learnt<'_>> = answers
        .iter()
        .zip(rewards)
        .map(|(a, r)| learnt(a, r))
        .collect();
    assert_eq!(pairs(&learnt), [[1, 4]]);
}

/// The values of the research file, to its 12 digits.
#[test]
fn a_pair_s_loss_and_slopes_are_the_references() {
    let answers = [answer(0, 0, &[8, 9]), answer(0, 1, &[10, 11, 12])];
    for (flipped, value) in [(0.0, 0.611_755_338_871), (0.1, 0.628_755_338_871)] {
        let kind = Kind::Dpo {
            beta: 0.1,
            flipped,
            by_length: false,
        };
        let dpo = formula(kind).unwrap().unwrap();
        let mut learnt: Vec<Learnt<'_>> = vec![learnt(&answers[0], 1.0), learnt(&answers[1], 0.0)];
        let pairs = pairs(&learnt);
        let own = [vec![-12.0, -0.3], vec![-15.0, -0.5, -0.3]];
        let mut metrics = Metrics::default();
        let told = (own.as_slice(), [-13.1, -14.9].as_slice());
        weigh(&mut learnt, (&pairs, &dpo), told, &mut metrics).unwrap();
        // f32 holds the log-probabilities.
        assert!((metrics.loss - value).abs() < 1e-7, "{}", metrics.loss);
        assert!((metrics.margin.unwrap() - 0.17).abs() < 1e-6);
        if flipped == 0.0 {
            let weighed = learnt.iter().map(|l| l.weighed.unwrap());
            let slopes: Vec<f64> = weighed.map(|a| a / 5.0).collect();
            let wanted = 0.045_760_205_923;
            assert!((slopes[0] - wanted).abs() < 1e-7 && (slopes[1] + wanted).abs() < 1e-7);
        }
    }
}

fn student(root: &std::path::Path) -> Student {
    let model = root.join("student.gguf");
    std::fs::write(&model, tiny_gguf(Family::Llama, 1)).unwrap();
    let tuning = Tuning::Lora {
        rank: 4,
        alpha: 8.0,
        dropout: 0.0,
        targets: Vec::new(),
    };
    let learning = Learning {
        batch: 2,
        samples: 1,
        rate: Rate {
            rate: 1e-3,
            warm_up: 0,
            decay: protocol::Decay::Constant,
            floor: 0.0,
        },
        loss: settings(),
        weight_decay: 0.0,
        beta1: 0.9,
        beta2: 0.999,
        clip: 0.0,
        rows: 64,
        recompute: false,
        one_step_off: false,
    };
    Student::open(&Wanted { model, tuning }, (3, &learning), (10, 1)).unwrap()
}

fn settings() -> Loss {
    Loss {
        kind: DPO,
        temperature: 1.0,
        scaled: false,
        floor: None,
        support: Support::Whole,
        tail: Tail::Bucket,
    }
}

/// Along its own gradient the loss falls as the gradient's square says.
#[test]
fn the_gradient_is_that_of_the_pairs_loss() {
    let root = tempfile::tempdir().unwrap();
    let mut student = student(root.path());
    let answers = [
        answer(0, 0, &[40, 41, 42, 43]),
        answer(0, 1, &[50, 51]),
        answer(1, 0, &[60, 61, 62]),
        answer(1, 1, &[70, 71, 72, 73, 74]),
    ];
    let rewards = [1.0, 0.0, 0.0, 1.0];
    let mut all: Vec<Learnt<'_>> = answers
        .iter()
        .zip(rewards)
        .map(|(a, r)| learnt(a, r))
        .collect();
    let pairs = pairs(&all);
    assert_eq!(pairs, [[0, 1], [3, 2]]);
    let places: Vec<usize> = pairs.iter().flatten().copied().collect();
    let dpo = Dpo::new(0.5).unwrap();
    let reference = [-20.0, -11.0, -26.0, -17.0];
    let loss = |student: &mut Student, all: &mut [Learnt<'_>]| {
        let network = student.trainer.network();
        let own = logprobs(network, all, (&places, 64)).unwrap();
        let mut metrics = Metrics::default();
        weigh(all, (&pairs, &dpo), (&own, &reference), &mut metrics).unwrap();
        metrics.loss
    };
    let before = loss(&mut student, &mut all);
    let step = Step::new(&all, &settings(), (&*student.device, &[], 64)).unwrap();
    let formula = targets::loss(&settings());
    let mut squares = 0.0;
    let mut gradients = std::collections::BTreeMap::new();
    let trainer = &mut student.trainer;
    step.with(&[], |batches| {
        trainer.gradients_at(batches, &formula, &mut |name, values| {
            squares += values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
            gradients.insert(name.to_owned(), values.to_vec());
        })
    })
    .unwrap();
    assert!(squares > 1e-6, "{squares}");
    let adapter = trainer.adapter().unwrap().unwrap();
    let mut moved = |by: f64| {
        let mut other = lm::Adapter::new(4, 8.0, 0.0).unwrap();
        let config = student.trainer.network().config().clone();
        for (name, part) in adapter.iter() {
            let shifted = |which: &str, tensor: &lm::Tensor| {
                let slopes = &gradients[&format!("{name}.lora_{which}")];
                let pairs = tensor.data().iter().zip(slopes);
                let values = pairs.map(|(&w, &g)| (f64::from(w) + by * f64::from(g)) as f32);
                lm::Tensor::new(tensor.shape().to_vec(), values.collect()).unwrap()
            };
            let (a, b) = (shifted("a", &part.a), shifted("b", &part.b));
            other.insert(&config, name, lm::LowRank { a, b }).unwrap();
        }
        student.trainer.load_adapter(&other).unwrap();
        loss(&mut student, &mut all)
    };
    let by = 0.01 / squares.sqrt();
    let slope = (moved(by) - moved(-by)) / (2.0 * by);
    assert!((moved(0.0) - before).abs() < 1e-9);
    assert!(
        (slope / squares - 1.0).abs() < 0.02,
        "{slope} is not {squares}"
    );
}
