//! f32 values turned into the blocks that are written: F32, F16, Q8_0. The order of the
//! floating-point operations is that of PyPI `gguf`, so that results are equal to the bit.

use super::TensorType;
use crate::{Error, Result};
use half::f16;

/// Appends the blocks of `values` to `out`.
///
/// # Errors
/// [`Error::Invalid`] where the type is not one that is written, the values fill no whole blocks,
/// or one of them is too large for half precision.
pub fn quantize(kind: TensorType, values: &[f32], out: &mut Vec<u8>) -> Result<()> {
    let (block, size) = (kind.block_elements(), kind.block_bytes());
    if !values.len().is_multiple_of(block) {
        let n = values.len();
        return Err(Error::Invalid(format!(
            "{n} values fill no {kind:?} blocks"
        )));
    }
    out.reserve(values.len() / block * size);
    match kind {
        TensorType::F32 => values.iter().for_each(|v| out.extend(v.to_le_bytes())),
        TensorType::F16 => {
            for &value in values {
                out.extend(half(value)?.to_le_bytes());
            }
        }
        TensorType::Q8_0 => {
            for block in values.chunks_exact(block) {
                q8_0(block, out)?;
            }
        }
        other => return Err(Error::Invalid(format!("{other:?} is read, not written"))),
    }
    Ok(())
}

fn half(value: f32) -> Result<f16> {
    let half = f16::from_f32(value);
    if half.is_finite() {
        return Ok(half);
    }
    Err(Error::Invalid(format!(
        "{value} is too large for half precision"
    )))
}

/// One scale for 32 values, each in a signed byte, the largest at ±127.
fn q8_0(values: &[f32], out: &mut Vec<u8>) -> Result<()> {
    let largest = values.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    let scale = largest / 127.0;
    // A scale so small that its inverse is infinite is 0 in half precision too.
    let inverse = Some(1.0 / scale).filter(|i| i.is_finite()).unwrap_or(0.0);
    out.extend(half(scale)?.to_le_bytes());
    // Ties go away from zero, as `f32::round` has it; the cast saturates.
    out.extend(values.iter().map(|v| (v * inverse).round() as i8 as u8));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::dequantize;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_quantised_comes_back_near(values in prop::collection::vec(-100.0f32..100.0, 64)) {
            for (kind, step) in [(TensorType::F32, 0.0), (TensorType::F16, 0.0005), (TensorType::Q8_0, 0.0045)] {
                let (mut bytes, mut back) = (Vec::new(), vec![0.0; 64]);
                quantize(kind, &values, &mut bytes).unwrap();
                dequantize(kind, &bytes, &mut back).unwrap();
                let most = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                for (a, b) in values.iter().zip(&back) {
                    prop_assert!((a - b).abs() <= most * step + 1e-7, "{kind:?} {a} {b}");
                }
            }
        }
    }

    #[test]
    fn extremes_are_taken_or_refused() {
        let mut out = Vec::new();
        for tiny in [0.0, 1e-45, f32::MIN_POSITIVE] {
            quantize(TensorType::Q8_0, &[tiny; 32], &mut out).unwrap();
        }
        let mut back = [1.0; 32];
        dequantize(TensorType::Q8_0, &out[34..68], &mut back).unwrap();
        assert_eq!(back, [0.0; 32]);
        assert!(quantize(TensorType::F16, &[65_520.0], &mut out).is_err());
        assert!(quantize(TensorType::Q8_0, &[1e9; 32], &mut out).is_err());
        assert!(quantize(TensorType::Q8_0, &[1.0; 31], &mut out).is_err());
        assert!(quantize(TensorType::Q4_K, &[1.0; 256], &mut out).is_err());
    }
}
