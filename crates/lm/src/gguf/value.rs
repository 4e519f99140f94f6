//! Metadata values of the format. Integers are widened, since files differ in the width they choose;
//! arrays are of one type and never of arrays. Counts are checked before anything is allocated.

use super::read::Reader;
use crate::{Error, Result};

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Any unsigned integer type of the format.
    Unsigned(u64),
    /// Any signed integer type of the format.
    Signed(i64),
    /// `float32` or `float64`.
    Float(f64),
    /// `bool`.
    Bool(bool),
    /// `string`.
    String(String),
    /// An array of strings.
    Strings(Vec<String>),
    /// An array of integers.
    Integers(Vec<i64>),
    /// An array of floats.
    Floats(Vec<f32>),
    /// An array of booleans.
    Bools(Vec<bool>),
}

/// One value of the format's type number `kind`.
pub(super) fn value(reader: &mut Reader<'_>, kind: u32, key: &str) -> Result<Value> {
    Ok(match kind {
        0 | 2 | 4 | 10 => Value::Unsigned(unsigned(reader, kind, key)?),
        1 | 3 | 5 | 11 => Value::Signed(signed(reader, kind, key)?),
        6 | 12 => Value::Float(float(reader, kind, key)?),
        7 => Value::Bool(boolean(reader, key)?),
        8 => Value::String(reader.string(key)?),
        9 => array(reader, key)?,
        _ => {
            return Err(Error::Unsupported(format!(
                "metadata type {kind} of key {key:?}"
            )));
        }
    })
}

fn array(reader: &mut Reader<'_>, key: &str) -> Result<Value> {
    let kind = reader.u32(key)?;
    let count = reader.u64(key)?;
    let size = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        8 | 10..=12 => 8,
        9 => {
            return Err(Error::Unsupported(format!(
                "array of arrays in key {key:?}"
            )));
        }
        _ => {
            return Err(Error::Unsupported(format!(
                "array type {kind} of key {key:?}"
            )));
        }
    };
    let count = reader.expect_room(count, size, key)?;
    Ok(match kind {
        8 => Value::Strings(
            (0..count)
                .map(|_| reader.string(key))
                .collect::<Result<_>>()?,
        ),
        6 | 12 => Value::Floats(
            (0..count)
                .map(|_| float(reader, kind, key).map(|f| f as f32))
                .collect::<Result<_>>()?,
        ),
        7 => Value::Bools(
            (0..count)
                .map(|_| boolean(reader, key))
                .collect::<Result<_>>()?,
        ),
        0 | 2 | 4 | 10 => {
            let one = |_| {
                let n = unsigned(reader, kind, key)?;
                i64::try_from(n)
                    .map_err(|_| Error::Unsupported(format!("number {n} in key {key:?}")))
            };
            Value::Integers((0..count).map(one).collect::<Result<_>>()?)
        }
        _ => Value::Integers(
            (0..count)
                .map(|_| signed(reader, kind, key))
                .collect::<Result<_>>()?,
        ),
    })
}

fn unsigned(reader: &mut Reader<'_>, kind: u32, key: &str) -> Result<u64> {
    Ok(match kind {
        0 => u8::from_le_bytes(reader.array(key)?).into(),
        2 => u16::from_le_bytes(reader.array(key)?).into(),
        4 => reader.u32(key)?.into(),
        _ => reader.u64(key)?,
    })
}

fn signed(reader: &mut Reader<'_>, kind: u32, key: &str) -> Result<i64> {
    Ok(match kind {
        1 => i8::from_le_bytes(reader.array(key)?).into(),
        3 => i16::from_le_bytes(reader.array(key)?).into(),
        5 => i32::from_le_bytes(reader.array(key)?).into(),
        _ => i64::from_le_bytes(reader.array(key)?),
    })
}

fn float(reader: &mut Reader<'_>, kind: u32, key: &str) -> Result<f64> {
    Ok(match kind {
        6 => f32::from_le_bytes(reader.array(key)?).into(),
        _ => f64::from_le_bytes(reader.array(key)?),
    })
}

fn boolean(reader: &mut Reader<'_>, key: &str) -> Result<bool> {
    match reader.array::<1>(key)? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(Error::Malformed(format!("bool of {other} in key {key:?}"))),
    }
}
