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
fn a_tensor_that_is_not_finite_or_has_no_place_is_not_set() {
    let mut model = model(&tiny_weights(Family::Llama, 3)).unwrap();
    let before = model.score(&[5, 9, 77], 4).unwrap();
    let mut other = tiny_weights(Family::Llama, 4);
    let name = "blk.1.ffn_down.weight";
    let values = other.get_mut(name).unwrap().data_mut();
    values[7] = f32::NAN;
    let error = model.set(name, values).unwrap_err().to_string();
    assert!(error.contains(name) && error.contains("finite"), "{error}");
    for unknown in ["blk.9.ffn_down.weight", "blk.1.other", "output.weight"] {
        assert!(model.set(unknown, &[1.0]).is_err(), "{unknown}");
    }
    assert_eq!(model.score(&[5, 9, 77], 4).unwrap(), before);
    values[7] = 0.0;
    model.set(name, values).unwrap();
    assert_ne!(model.score(&[5, 9, 77], 4).unwrap(), before);
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
