//! What must not matter does not: threads, check-pointing, packing, accumulation, a break; and what
//! must be reached is.

use super::*;

const FAMILIES: [Family; 2] = [Family::Llama, Family::Qwen2];

fn tunings() -> [Tuning; 3] {
    let dropped = Lora {
        dropout: 0.3,
        targets: vec![Target::Query, Target::Value, Target::Down],
        ..lora()
    };
    [Tuning::Full, Tuning::Lora(lora()), Tuning::Lora(dropped)]
}

#[test]
fn every_trained_tensor_gets_a_gradient_and_no_other() {
    for family in FAMILIES {
        for tuning in tunings() {
            let mut trainer = trainer(family, settings(tuning.clone()), 2);
            let batch = batch(&documents());
            // An adapter's B starts at zero, and with it A's gradient.
            let step = trainer
                .step(&[(&batch, Goal::Next)], &cross_entropy())
                .unwrap();
            assert!(step.gradient_norm > 0.0);
            let norms = trainer
                .gradient_norms(&[(&batch, Goal::Next)], &cross_entropy())
                .unwrap();
            for (name, norm) in &norms {
                assert!(
                    *norm > 1e-7,
                    "{family:?} {tuning:?}: {name} has gradient {norm}"
                );
            }
            let want = match &tuning {
                Tuning::Lora(lora) => 2 * 2 * lora.targets.len(),
                _ => Weights::expected_shapes(&config(family)).len(),
            };
            assert_eq!(norms.len(), want);
        }
    }
}

#[test]
fn frozen_weights_stay_as_they_were() {
    let tuning = Tuning::Lora(Lora {
        targets: vec![Target::Key, Target::Up],
        ..lora()
    });
    let mut trainer = trainer(Family::Qwen2, settings(tuning), 1);
    let batch = batch(&documents());
    for _ in 0..2 {
        trainer
            .step(&[(&batch, Goal::Next)], &cross_entropy())
            .unwrap();
    }
    let (before, after) = (weights(Family::Qwen2), trainer.weights().unwrap());
    for (name, tensor) in after.iter() {
        let trained = name.contains("attn_k.weight") || name.contains("ffn_up");
        let same = before.get(name).unwrap() == tensor;
        assert_eq!(same, !trained, "{name}");
    }
}

#[test]
fn the_same_bytes_with_any_number_of_threads_and_with_check_points() {
    for tuning in tunings() {
        let one = after(trainer(Family::Llama, settings(tuning.clone()), 1), 3);
        for threads in [2, 3] {
            let other = after(trainer(Family::Llama, settings(tuning.clone()), threads), 3);
            assert!(
                one == other,
                "{tuning:?}: {threads} threads give other bytes"
            );
        }
        let mut check_points = settings(tuning.clone());
        check_points.checkpointing = true;
        let other = after(trainer(Family::Llama, check_points, 2), 3);
        assert!(one == other, "{tuning:?}: check-pointing gives other bytes");
    }
    let seed = |seed| {
        let mut settings = settings(Tuning::Lora(lora()));
        settings.seed = seed;
        after(trainer(Family::Llama, settings, 1), 2)
    };
    assert!(seed(1) != seed(2));
}

#[test]
fn packed_documents_are_separate_documents() {
    let mut trainer = trainer(Family::Llama, settings(Tuning::Full), 2);
    let all = documents();
    let together = trainer.network().score(&batch(&all)).unwrap();
    let mut apart = Vec::new();
    for document in &all {
        apart.extend(
            trainer
                .network()
                .score(&batch(std::slice::from_ref(document)))
                .unwrap(),
        );
    }
    assert_eq!(together, apart);
}

#[test]
fn accumulated_gradients_are_those_of_the_large_batch() {
    for tuning in tunings().into_iter().take(2) {
        let all = documents();
        let parts: Vec<Batch> = all.iter().map(|d| batch(std::slice::from_ref(d))).collect();
        let large = batch(&all);
        let run = |batches: &[&Batch]| {
            let mut trainer = trainer(Family::Qwen2, settings(tuning.clone()), 2);
            let mut last = None;
            for _ in 0..3 {
                let goals: Vec<_> = batches.iter().map(|b| (*b, Goal::Next)).collect();
                last = Some(trainer.step(&goals, &cross_entropy()).unwrap());
            }
            last.unwrap()
        };
        let (one, two) = (run(&[&large]), run(&[&parts[0], &parts[1]]));
        assert!((one.loss - two.loss).abs() < 1e-5, "{one:?} {two:?}");
        assert!(
            (one.gradient_norm / two.gradient_norm - 1.0).abs() < 1e-4,
            "{one:?} {two:?}"
        );
        assert_eq!(one.tokens, two.tokens);
    }
}

#[test]
fn a_training_that_was_broken_off_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for (number, tuning) in tunings().into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        let unbroken = after(trainer(Family::Llama, settings(tuning.clone()), 2), 5);
        let mut first = trainer(Family::Llama, settings(tuning.clone()), 2);
        let batch = batch(&documents());
        for _ in 0..2 {
            first
                .step(&[(&batch, Goal::Next)], &cross_entropy())
                .unwrap();
        }
        first.save(&path).unwrap();
        let mut second = trainer(Family::Llama, settings(tuning), 3);
        second.restore(&path).unwrap();
        assert_eq!(second.steps(), 2);
        let (losses, bytes) = after(second, 3);
        assert_eq!((&losses[..], &bytes), (&unbroken.0[2..], &unbroken.1));
        first.save(&path).unwrap();
        let again = std::fs::read(&path).unwrap();
        first.save(&path).unwrap();
        assert_eq!(again, std::fs::read(&path).unwrap());
    }
}

#[test]
fn the_weights_of_a_state_are_taken_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    for tuning in tunings() {
        let settings = || settings(tuning.clone());
        let mut first = trainer(Family::Llama, settings(), 1);
        let batch = batch(&documents());
        let step = |trainer: &mut Trainer<Cpu>| {
            trainer
                .step(&[(&batch, Goal::Next)], &cross_entropy())
                .unwrap()
                .step
        };
        step(&mut first);
        first.save(&path).unwrap();
        let mut second = trainer(Family::Llama, settings(), 1);
        second.restore_weights(&path).unwrap();
        assert_eq!(bits(&mut second), bits(&mut first));
        // It is another training, from the same weights.
        first.begin_anew().unwrap();
        for number in 1..3 {
            assert_eq!((step(&mut first), step(&mut second)), (number, number));
            assert_eq!(bits(&mut first), bits(&mut second));
        }
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        let refused = second.restore_weights(&path).unwrap_err();
        assert!(matches!(refused, crate::Error::State { .. }), "{refused}");
    }
}

#[test]
fn a_student_learns_its_teacher() {
    let device = Arc::new(Cpu::new(2).unwrap());
    let frozen = settings(Tuning::Frozen);
    let mut teacher = Network::new(Arc::clone(&device), weights(Family::Qwen2), &frozen).unwrap();
    // The student has one layer of the teacher's two.
    let small = drop_layers(&weights(Family::Qwen2), &[1]).unwrap();
    let mut student = Trainer::new(device, small, settings(Tuning::Full)).unwrap();
    let batch = batch(&documents());
    let hidden = teacher.hidden(&batch).unwrap();
    let loss = Loss::new(Kind::ReverseKl);
    let mut step = || {
        student
            .step(&[(&batch, Goal::Teacher(&hidden, &teacher))], &loss)
            .unwrap()
            .loss
    };
    let first = step();
    let last = (0..30).map(|_| step()).last().unwrap();
    assert!(first > 0.05 && last < first / 4.0, "from {first} to {last}");
}

#[test]
fn a_teacher_s_rows_may_come_from_a_model_with_another_prompt() {
    use crate::testing::{tiny_gguf, tiny_weights};
    use crate::{Model, ModelFiles, Options, Step, Want};
    let file = tiny_gguf(Family::Qwen2, 3);
    let files = ModelFiles::from_bytes(&file).unwrap();
    let device = Arc::new(Cpu::new(2).unwrap());
    let head = Head::open(&*device, &files).unwrap();
    let mut network =
        Network::open(Arc::clone(&device), &files, &settings(Tuning::Frozen)).unwrap();
    let student = tiny_weights(Family::Qwen2, 4);
    let mut trainer = Trainer::new(Arc::clone(&device), student, settings(Tuning::Full)).unwrap();
    // The same answer, after a long prompt for the teacher and a short one for the student.
    let (long, short, answer) = ([5u32, 6, 7, 8, 9, 10], [5u32, 6], [20u32, 21, 22, 23]);
    let (long, short) = (
        [&long[..], &answer].concat(),
        [&short[..], &answer].concat(),
    );
    let learnt = Batch::new(&[Document::answer(&short, 2)]).unwrap();
    let taught = Batch::new(&[Document::answer(&long, 6)]).unwrap();
    let rows = network.hidden(&taught).unwrap();
    let model = Model::from_files(&files, &Options::default()).unwrap();
    let mut cache = model.cache();
    let mut feed = |tokens, want| {
        let cache = &mut cache;
        let step = Step {
            cache,
            tokens,
            want,
        };
        model.forward(&mut [step]).unwrap()
    };
    feed(&long[..5], Want::nothing());
    let want = Want {
        hidden: true,
        ..Want::nothing()
    };
    let output = feed(&long[5..9], want);
    let hidden = Hidden::of_rows(&*device, 64, &output[0].hidden).unwrap();
    let loss = Loss::new(Kind::ReverseKl);
    let mut norms = |goal| trainer.gradient_norms(&[(&learnt, goal)], &loss).unwrap();
    let exact = norms(Goal::Teacher(&rows, &network));
    let close = norms(Goal::Hidden(&hidden, &head));
    for (name, norm) in &exact {
        assert!(
            (norm - close[name]).abs() <= 1e-4 * (1e-3 + norm),
            "{name}: {norm}, {}",
            close[name]
        );
    }
    assert!(exact.values().sum::<f64>() > 0.1);
    // What does not fit is refused.
    assert!(Hidden::of_rows(&*device, 64, &[0.0; 65]).is_err());
    let narrow = Hidden::of_rows(&*device, 32, &[0.0; 4 * 32]).unwrap();
    assert!(
        trainer
            .step(&[(&learnt, Goal::Hidden(&narrow, &head))], &loss)
            .is_err()
    );
}

#[test]
fn a_dry_step_tells_the_same_and_changes_nothing() {
    let mut first = trainer(Family::Llama, settings(Tuning::Full), 1);
    let before = bits(&mut first);
    let batch = batch(&documents());
    let goal = [(&batch, Goal::Next)];
    let dry = first.dry_step(&goal, &cross_entropy()).unwrap();
    assert_eq!(bits(&mut first), before);
    assert_eq!(first.step(&goal, &cross_entropy()).unwrap(), dry);
    let mut second = trainer(Family::Llama, settings(Tuning::Full), 1);
    second.step(&goal, &cross_entropy()).unwrap();
    assert_eq!(bits(&mut first), bits(&mut second));
}

#[test]
fn steps_that_learn_nothing_leave_the_next_as_large_as_the_first() {
    let batch = batch(&documents());
    let goal = [(&batch, Goal::Next)];
    let steady = || trainer(Family::Llama, settings(Tuning::Full), 1);
    let (mut first, mut second) = (steady(), steady());
    for number in 1..=11 {
        assert_eq!(second.pass().step, number);
    }
    // Also after a break.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    second.save(&file).unwrap();
    let mut second = steady();
    second.restore(&file).unwrap();
    first.step(&goal, &cross_entropy()).unwrap();
    let report = second.step(&goal, &cross_entropy()).unwrap();
    assert_eq!(report.step, 12);
    assert_eq!(bits(&mut first), bits(&mut second));
}

#[test]
fn a_training_begun_anew_goes_as_one_from_the_same_weights() {
    let lora = || settings(Tuning::Lora(lora()));
    let mut first = trainer(Family::Llama, lora(), 1);
    let batch = batch(&documents());
    let step = |trainer: &mut Trainer<Cpu>| {
        let report = trainer
            .step(&[(&batch, Goal::Next)], &cross_entropy())
            .unwrap();
        (report.step, report.loss)
    };
    step(&mut first);
    let adapter = first.adapter().unwrap().unwrap();
    first.begin_anew().unwrap();
    let mut second = trainer(Family::Llama, lora(), 1);
    second.load_adapter(&adapter).unwrap();
    for number in 1..4 {
        let got = step(&mut first);
        assert_eq!((got, got.0), (step(&mut second), number));
    }
    assert_eq!(bits(&mut first), bits(&mut second));
}

#[test]
fn weights_written_out_are_the_base_with_the_adapter_merged() {
    let tuning = Tuning::Lora(lora());
    let mut trainer = trainer(Family::Llama, settings(tuning), 2);
    let batch = batch(&documents());
    for _ in 0..2 {
        trainer
            .step(&[(&batch, Goal::Next)], &cross_entropy())
            .unwrap();
    }
    let mut merged = weights(Family::Llama);
    trainer
        .adapter()
        .unwrap()
        .unwrap()
        .merge(&mut merged)
        .unwrap();
    let written = trainer.weights().unwrap();
    for (name, tensor) in merged.iter() {
        let got = written.get(name).unwrap();
        let pairs = tensor.data().iter().zip(got.data());
        assert!(
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-6,
            "{name}"
        );
    }
}

#[test]
fn the_engine_that_serves_scores_what_was_trained() {
    let family = Family::Qwen2;
    let start = crate::testing::tiny_weights(family, 3);
    let device = Arc::new(Cpu::new(2).unwrap());
    let mut trainer = Trainer::new(device, start, settings(Tuning::Lora(lora()))).unwrap();
    let tokens: Vec<u32> = (0..40).map(|i| (i * 37 + 11) % 250).collect();
    let batch = Batch::new(&[Document::text(&tokens)]).unwrap();
    for _ in 0..3 {
        trainer
            .step(&[(&batch, Goal::Next)], &cross_entropy())
            .unwrap();
    }
    let tokenizer = crate::testing::tiny_tokenizer(family);
    let merged = trainer.weights().unwrap();
    let options = crate::Options::default();
    let model = crate::Model::from_weights(&merged, tokenizer, None, &options).unwrap();
    let want = model.score(&tokens, 0).unwrap();
    let got = trainer.network().score(&batch).unwrap();
    for (got, want) in got.iter().zip(&want) {
        assert!(
            (got - want.logprob).abs() < 1e-4,
            "{got} is not {}",
            want.logprob
        );
    }
}

#[test]
fn pruned_heads_are_those_of_a_model_without_them() {
    let whole = weights(Family::Llama);
    // With the values of what goes at zero, nothing is lost by leaving it out.
    let mut silent = whole.clone();
    for layer in 0..2 {
        let output = silent
            .get_mut(&format!("blk.{layer}.attn_output.weight"))
            .unwrap();
        for row in output.data_mut().chunks_exact_mut(48) {
            row[..24].fill(0.0);
        }
    }
    let pruned = prune_heads(&silent, &[vec![3, 4, 5], vec![3, 4, 5]]).unwrap();
    assert_eq!(pruned.config().heads.query, 3);
    assert_eq!(pruned.config().heads.key_value, 1);
    let batch = batch(&documents());
    let score = |weights: Weights| {
        let device = Arc::new(Cpu::new(2).unwrap());
        let mut network = Network::new(device, weights, &settings(Tuning::Frozen)).unwrap();
        network.score(&batch).unwrap()
    };
    let (with, without) = (score(silent), score(pruned));
    for (a, b) in with.iter().zip(&without) {
        assert!((a - b).abs() < 1e-5, "{a} is not {b}");
    }
    let one_each = prune_heads(&whole, &[vec![0, 5], vec![2, 3]]).unwrap();
    assert_eq!(
        (
            one_each.config().heads.query,
            one_each.config().heads.key_value
        ),
        (2, 2)
    );
    for bad in [vec![], vec![5, 0], vec![0, 0], vec![0, 6], vec![0, 1, 3]] {
        assert!(
            prune_heads(&whole, &[bad.clone(), bad.clone()]).is_err(),
            "{bad:?}"
        );
    }
    assert!(prune_heads(&whole, &[vec![0], vec![0, 1]]).is_err());
    assert!(drop_layers(&whole, &[2]).is_err() && drop_layers(&whole, &[]).is_err());
}

#[test]
fn a_refreshed_sampler_is_a_model_of_the_weights() {
    for (family, tuning) in [
        (Family::Llama, Tuning::Full),
        (Family::Qwen2, Tuning::Full),
        (Family::Qwen2, Tuning::Lora(lora())),
    ] {
        let start = crate::testing::tiny_weights(family, 3);
        let tokenizer = crate::testing::tiny_tokenizer(family);
        let device = Arc::new(crate::device::Cpu::new(2).unwrap());
        let mut trainer = Trainer::new(device, start, settings(tuning)).unwrap();
        let options = crate::Options {
            threads: 1,
            ..Default::default()
        };
        let mut sampler = trainer
            .sampler(Arc::clone(&tokenizer), None, &options)
            .unwrap();
        let before = sampler.score(&[5, 9, 77], 4).unwrap();
        let batch = batch(&documents());
        trainer
            .step(&[(&batch, Goal::Next)], &cross_entropy())
            .unwrap();
        trainer.refresh(&mut sampler).unwrap();
        let weights = trainer.weights().unwrap();
        let model = crate::Model::from_weights(&weights, tokenizer, None, &options).unwrap();
        let want = model.score(&[5, 9, 77], 4).unwrap();
        assert_ne!(before, want);
        assert_eq!(sampler.score(&[5, 9, 77], 4).unwrap(), want);
    }
}

#[test]
fn a_sampler_of_another_shape_or_path_is_refused() {
    let trainer = trainer(Family::Llama, settings(Tuning::Full), 1);
    let bytes = crate::testing::tiny_gguf(Family::Qwen2, 1);
    let mut other = crate::Model::from_bytes(&bytes, &crate::Options::default()).unwrap();
    assert!(trainer.refresh(&mut other).unwrap_err().is_callers_fault());
}
