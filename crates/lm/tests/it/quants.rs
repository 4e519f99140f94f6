//! Every quantisation is equal, to the bit, to PyPI `gguf`'s.

use crate::reference::read;
use lm::gguf::{TensorType, dequantize, quantize};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    r#type: String,
    id: u32,
    bytes: String,
    bits: Vec<u32>,
}

#[test]
fn dequantised_values_equal_the_reference() {
    let cases: Vec<Case> = read("quants.json");
    assert_eq!(cases.len(), TensorType::ALL.len(), "each type has its case");
    for case in cases {
        let kind = TensorType::from_number(case.id).expect("the type is known");
        assert_eq!(format!("{kind:?}"), case.r#type);
        let bytes: Vec<u8> = (0..case.bytes.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&case.bytes[i..i + 2], 16).unwrap())
            .collect();
        let mut values = vec![0.0; case.bits.len()];
        dequantize(kind, &bytes, &mut values).unwrap();
        for (i, (value, &bits)) in values.iter().zip(&case.bits).enumerate() {
            assert_eq!(value.to_bits(), bits, "{kind:?} element {i}: {value}");
        }
    }
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the names are ggml's own")]
struct Quantised {
    bits: Vec<u32>,
    F16: String,
    Q8_0: String,
}

#[test]
fn quantised_blocks_equal_the_reference() {
    let case: Quantised = read("quantised.json");
    let values: Vec<f32> = case.bits.iter().map(|&b| f32::from_bits(b)).collect();
    for (kind, want) in [(TensorType::F16, case.F16), (TensorType::Q8_0, case.Q8_0)] {
        let mut bytes = Vec::new();
        quantize(kind, &values, &mut bytes).unwrap();
        let got: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        for (i, (got, want)) in got
            .as_bytes()
            .chunks(68)
            .zip(want.as_bytes().chunks(68))
            .enumerate()
        {
            assert_eq!(got, want, "{kind:?} piece {i}");
        }
        assert_eq!(got.len(), want.len());
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let mut out = [0.0; 32];
    for kind in TensorType::ALL {
        assert!(dequantize(kind, &[0; 3], &mut out).is_err(), "{kind:?}");
    }
}
