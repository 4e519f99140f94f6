//! Bad input: memory, settings, batches, values that are not finite, files that are no state.

use super::*;
use crate::Error;

#[test]
fn memory_is_foreseen_and_refused_before_the_work_starts() {
    let device = Cpu::new(1).unwrap();
    let config = config(Family::Llama);
    let need = |settings: &Settings| Memory::foresee(&device, &config, settings);
    let full = need(&settings(Tuning::Full));
    assert_eq!(full.training, 3 * full.weights);
    let lora = need(&settings(Tuning::Lora(lora())));
    assert!(lora.training < full.training / 4);
    let mut check_points = settings(Tuning::Full);
    check_points.checkpointing = true;
    assert!(need(&check_points).passes < full.passes);
    let mut limited = settings(Tuning::Full);
    limited.memory = Some(full.total() - 1);
    let refused = Trainer::new(Arc::new(device), weights(Family::Llama), limited).unwrap_err();
    assert!(
        matches!(refused, Error::Memory { need, .. } if need == full.total()),
        "{refused}"
    );
    let mut huge = settings(Tuning::Full);
    huge.rows = usize::MAX / 2;
    let device = Arc::new(Cpu::new(1).unwrap());
    assert!(matches!(
        Trainer::new(device, weights(Family::Llama), huge),
        Err(Error::Memory { .. })
    ));
}

#[test]
fn settings_out_of_range_are_named() {
    let refused = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings(Tuning::Lora(lora()));
        change(&mut settings);
        let device = Arc::new(Cpu::new(1).unwrap());
        let error = Trainer::new(device, weights(Family::Llama), settings).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    };
    refused(&|s| s.rows = 0);
    refused(&|s| s.tuning = Tuning::Frozen);
    refused(&|s| s.optimiser.beta1 = 1.0);
    refused(&|s| s.optimiser.epsilon = 0.0);
    refused(&|s| s.optimiser.decay = f32::NAN);
    refused(&|s| s.optimiser.schedule.rate = f32::INFINITY);
    refused(&|s| s.optimiser.clip = Some(0.0));
    for bad in [
        Lora { rank: 0, ..lora() },
        Lora {
            dropout: 1.0,
            ..lora()
        },
        Lora {
            targets: vec![],
            ..lora()
        },
        Lora {
            alpha: f32::NAN,
            ..lora()
        },
        Lora {
            targets: vec![Target::Up, Target::Up],
            ..lora()
        },
    ] {
        refused(&|s| s.tuning = Tuning::Lora(bad.clone()));
    }
}

#[test]
fn batches_that_do_not_fit_are_refused_and_change_nothing() {
    let mut trainer = trainer(Family::Llama, settings(Tuning::Full), 1);
    let before = bits(&mut trainer);
    let tokens: Vec<u32> = (0..65).collect();
    let long = Batch::new(&[Document::text(&tokens)]).unwrap();
    let two = Batch::new(&[Document::text(&tokens[..60]), Document::text(&tokens[..9])]).unwrap();
    let unknown = Batch::new(&[Document::text(&[1, 96])]).unwrap();
    let mut nothing = batch(&documents());
    nothing.weights_mut().fill(0.0);
    for bad in [&long, &two, &unknown, &nothing] {
        let error = trainer
            .step(&[(bad, Goal::Next)], &cross_entropy())
            .unwrap_err();
        assert!(error.is_callers_fault(), "{error}");
    }
    let good = batch(&documents());
    let targets = [crate::loss::Target::Token(1); 3];
    for goal in [Goal::Rows(&targets), Goal::Rows(&[])] {
        assert!(trainer.step(&[(&good, goal)], &cross_entropy()).is_err());
    }
    assert_eq!(bits(&mut trainer), before);
    assert_eq!(trainer.steps(), 0);
}

#[test]
fn values_that_are_not_finite_stop_the_step() {
    let mut trainer = trainer(Family::Llama, settings(Tuning::Full), 1);
    let before = bits(&mut trainer);
    let batch = batch(&documents());
    let nan = [f32::NAN; VOCABULARY];
    let targets = vec![crate::loss::Target::LogProbs(&nan[..]); batch.learnt().len()];
    let loss = Loss::new(Kind::ForwardKl);
    let error = trainer
        .step(&[(&batch, Goal::Rows(&targets))], &loss)
        .unwrap_err();
    assert!(matches!(error, Error::Diverged { step: 1, .. }), "{error}");
    assert_eq!(bits(&mut trainer), before);
    // And the step after it is that of a training that never saw it.
    let clean = after(self::trainer(Family::Llama, settings(Tuning::Full), 1), 1);
    assert_eq!(after(trainer, 1), clean);
    let mut bad = weights(Family::Llama);
    bad.get_mut("output_norm.weight").unwrap().data_mut()[3] = f32::NAN;
    let device = Arc::new(Cpu::new(1).unwrap());
    assert!(Trainer::new(device, bad, settings(Tuning::Full)).is_err());
}

#[test]
fn files_that_are_no_state_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let mut trainer = trainer(Family::Llama, settings(Tuning::Lora(lora())), 1);
    let batch = batch(&documents());
    trainer
        .step(&[(&batch, Goal::Next)], &cross_entropy())
        .unwrap();
    trainer.save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    let before = bits(&mut trainer);
    let mut refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = trainer.restore(&path).unwrap_err();
        assert!(matches!(error, Error::State { .. }), "{error}");
        assert_eq!(bits(&mut trainer), before);
    };
    for cut in [0, 10, 31, 100, good.len() - 1] {
        refused(&good[..cut]);
    }
    refused(&[&good[..], &[0]].concat());
    for place in [0, 25, 30, 60, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[place] ^= 0x40;
        refused(&bytes);
    }
    let mut other = self::trainer(Family::Llama, settings(Tuning::Full), 1);
    std::fs::write(&path, &good).unwrap();
    assert!(matches!(other.restore(&path), Err(Error::State { .. })));
    assert!(matches!(
        trainer.restore(&folder.path().join("none")),
        Err(Error::File { .. })
    ));
    trainer.restore(&path).unwrap();
}
