//! What may be put into weights, and models made of them.

use super::*;
use crate::testing::{tiny_gguf, tiny_tokenizer, tiny_weights};
use crate::{Family, Model, Options};

fn options() -> Options {
    Options {
        threads: 1,
        ..Options::default()
    }
}

fn model(weights: &Weights) -> Result<Model> {
    let tokenizer = tiny_tokenizer(weights.config().family);
    Model::from_weights(weights, tokenizer, None, &options())
}

#[test]
fn a_model_of_weights_is_that_of_the_file() {
    for family in [Family::Llama, Family::Qwen2] {
        let file = Model::from_bytes(&tiny_gguf(family, 3), &options()).unwrap();
        let weights = tiny_weights(family, 3);
        let want = file.score(&[5, 9, 77], 4).unwrap();
        assert_eq!(
            model(&weights).unwrap().score(&[5, 9, 77], 4).unwrap(),
            want
        );
    }
}

#[test]
fn a_refreshed_model_is_a_new_one() {
    for family in [Family::Llama, Family::Qwen2] {
        let mut old = model(&tiny_weights(family, 3)).unwrap();
        let other = tiny_weights(family, 4);
        let want = model(&other).unwrap().score(&[5, 9, 77], 4).unwrap();
        assert_ne!(old.score(&[5, 9, 77], 4).unwrap(), want);
        old.refresh(&other).unwrap();
        assert_eq!(old.score(&[5, 9, 77], 4).unwrap(), want);
    }
}

#[test]
fn a_refresh_that_fails_changes_nothing() {
    let mut model = model(&tiny_weights(Family::Llama, 3)).unwrap();
    let before = model.score(&[5, 9, 77], 4).unwrap();
    let mut bad = tiny_weights(Family::Llama, 4);
    bad.get_mut("blk.1.ffn_down.weight").unwrap().data_mut()[7] = f32::NAN;
    let error = model.refresh(&bad).unwrap_err().to_string();
    assert!(error.contains("blk.1.ffn_down.weight") && error.contains("finite"));
    let other = tiny_weights(Family::Qwen2, 4);
    assert!(model.refresh(&other).unwrap_err().is_callers_fault());
    assert_eq!(model.score(&[5, 9, 77], 4).unwrap(), before);
}

#[test]
fn only_what_the_shape_asks_for_goes_in() {
    let full = tiny_weights(Family::Llama, 1);
    let mut weights = Weights::new(full.config().clone());
    let error = weights.check().unwrap_err().to_string();
    assert!(error.contains("token_embd.weight"), "{error}");
    for (name, tensor) in full.iter() {
        weights.insert(name, tensor.clone()).unwrap();
    }
    weights.check().unwrap();
    assert_eq!(weights, full);
    for name in [
        "blk.2.ffn_up.weight",
        "blk.01.ffn_up.weight",
        "output.weight",
        "x",
    ] {
        let tensor = full.get("blk.0.ffn_up.weight").unwrap().clone();
        assert!(weights.insert(name, tensor).is_err(), "{name}");
    }
    let narrow = Tensor::new(vec![3], vec![0.0; 3]).unwrap();
    assert!(weights.insert("output_norm.weight", narrow).is_err());
    assert!(Tensor::new(vec![2, 3], vec![0.0; 5]).is_err());
    assert!(Tensor::new(vec![usize::MAX, 2], vec![]).is_err());
}

#[test]
fn what_is_not_finite_is_seen() {
    assert!(all_finite(&[0.0, -0.0, f32::MAX, f32::MIN]));
    for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(!all_finite(&[1.0, bad, 2.0]), "{bad}");
    }
}
