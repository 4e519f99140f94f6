//! The header of a GGUF file: metadata and the list of tensors. A pure function over bytes, which
//! is what the fuzz target calls. Never panics, and allocates in proportion to the bytes given.

use super::format::{
    DEFAULT_ALIGNMENT, MAGIC, MAX_DIMENSIONS, MAX_NAME, MIN_PAIR, MIN_TENSOR, VERSIONS,
};
use super::quant::TensorType;
use super::read::Reader;
use super::value::{Value, value};
use crate::{Error, Result};
use std::collections::HashMap;

/// Where a tensor lies and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name in the file.
    pub name: String,
    /// Sizes, innermost (contiguous) first: a matrix of `rows` outputs is `[columns, rows]`.
    pub dimensions: Vec<u64>,
    /// The type of its elements.
    pub kind: TensorType,
    /// Offset from the start of the file, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

impl TensorInfo {
    /// Number of elements; checked against overflow when the header was read.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.dimensions.iter().product()
    }
}

/// A parsed header. Tensors lie within the file, aligned, without overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Version of the format, 2 or 3.
    pub version: u32,
    /// Metadata by key.
    pub metadata: HashMap<String, Value>,
    /// Tensors in the order of the file.
    pub tensors: Vec<TensorInfo>,
}

impl Header {
    /// Parses the header at the front of `bytes`, the first part (or all) of a file of `file_length`
    /// bytes. [`Error::Truncated`] with `have == bytes.len()` says that more of the file is needed.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Malformed`] or [`Error::Unsupported`]: the file's fault.
    pub fn parse(bytes: &[u8], file_length: u64) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if &reader.array::<4>("magic")? != MAGIC {
            return Err(Error::Malformed("it does not begin with GGUF".into()));
        }
        let version = reader.u32("version")?;
        if !VERSIONS.contains(&version) {
            let swapped = VERSIONS.contains(&version.swap_bytes());
            return Err(Error::Unsupported(if swapped {
                "big-endian GGUF".into()
            } else {
                format!("GGUF version {version}")
            }));
        }
        let tensors = reader.u64("tensor count")?;
        let pairs = reader.u64("metadata count")?;
        let metadata = metadata(&mut reader, pairs)?;
        let alignment = alignment(&metadata)?;
        let mut tensors = tensor_list(&mut reader, tensors)?;
        place(&mut tensors, reader.position(), alignment, file_length)?;
        Ok(Self {
            version,
            metadata,
            tensors,
        })
    }
}

fn metadata(reader: &mut Reader<'_>, count: u64) -> Result<HashMap<String, Value>> {
    reader.expect_room(count, MIN_PAIR, "metadata")?;
    let mut out = HashMap::new();
    for _ in 0..count {
        let key = name(reader, "metadata key")?;
        let kind = reader.u32("metadata type")?;
        let value = value(reader, kind, &key)?;
        if let Some(_twice) = out.insert(key.clone(), value) {
            return Err(Error::Malformed(format!("key {key:?} is there twice")));
        }
    }
    Ok(out)
}

fn name(reader: &mut Reader<'_>, what: &str) -> Result<String> {
    let name = reader.string(what)?;
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Error::Malformed(format!("{what} of {} bytes", name.len())));
    }
    Ok(name)
}

fn alignment(metadata: &HashMap<String, Value>) -> Result<u64> {
    match metadata.get("general.alignment") {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(Value::Unsigned(n)) if n.is_power_of_two() && (8..=65_536).contains(n) => Ok(*n),
        Some(other) => Err(Error::Malformed(format!("general.alignment is {other:?}"))),
    }
}

/// The tensors with `offset` still relative to the data section.
fn tensor_list(reader: &mut Reader<'_>, count: u64) -> Result<Vec<TensorInfo>> {
    let count = reader.expect_room(count, MIN_TENSOR, "tensor list")?;
    (0..count).map(|_| tensor(reader)).collect()
}

fn tensor(reader: &mut Reader<'_>) -> Result<TensorInfo> {
    let name = name(reader, "tensor name")?;
    let count = reader.u32("tensor dimensions")?;
    if count == 0 || count > MAX_DIMENSIONS {
        return Err(Error::Malformed(format!(
            "tensor {name:?} has {count} dimensions"
        )));
    }
    let dimensions: Vec<u64> = (0..count)
        .map(|_| reader.u64("tensor dimensions"))
        .collect::<Result<_>>()?;
    let number = reader.u32("tensor type")?;
    let kind = TensorType::from_number(number)
        .ok_or_else(|| Error::Unsupported(format!("type {number} of tensor {name:?}")))?;
    let offset = reader.u64("tensor offset")?;
    let elements = dimensions.iter().try_fold(1u64, |a, &d| a.checked_mul(d));
    let elements = elements
        .filter(|&n| n > 0)
        .ok_or_else(|| Error::Malformed(format!("tensor {name:?} has sizes {dimensions:?}")))?;
    let (block, bytes) = (kind.block_elements() as u64, kind.block_bytes() as u64);
    if !dimensions[0].is_multiple_of(block) {
        return Err(Error::Malformed(format!(
            "rows of tensor {name:?} are no multiple of its block of {block}"
        )));
    }
    let length = (elements / block)
        .checked_mul(bytes)
        .ok_or_else(|| Error::Malformed(format!("tensor {name:?} overflows")))?;
    Ok(TensorInfo {
        name,
        dimensions,
        kind,
        offset,
        length,
    })
}

/// Turns relative offsets into file offsets and checks that every tensor lies in the file, aligned,
/// under its own name, and apart from the others.
fn place(tensors: &mut [TensorInfo], end: u64, alignment: u64, file_length: u64) -> Result<()> {
    // `end` is at most a slice's length, so rounding up cannot overflow.
    let data = end.next_multiple_of(alignment);
    for t in tensors.iter_mut() {
        if !t.offset.is_multiple_of(alignment) {
            return Err(Error::Malformed(format!(
                "tensor {:?} is not aligned",
                t.name
            )));
        }
        let start = t.offset.checked_add(data);
        let stop = start.and_then(|s| s.checked_add(t.length));
        let (Some(start), Some(stop)) = (start, stop) else {
            return Err(Error::Malformed(format!(
                "offset of tensor {:?} overflows",
                t.name
            )));
        };
        if stop > file_length {
            let what = format!("tensor {:?}", t.name);
            return Err(Error::Truncated {
                what,
                need: stop,
                have: file_length,
            });
        }
        t.offset = start;
    }
    let mut order: Vec<&TensorInfo> = tensors.iter().collect();
    order.sort_by_key(|t| t.offset);
    if let Some(pair) = order
        .windows(2)
        .find(|p| p[0].offset + p[0].length > p[1].offset)
    {
        let (a, b) = (&pair[0].name, &pair[1].name);
        return Err(Error::Malformed(format!("tensors {a:?} and {b:?} overlap")));
    }
    order.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = order.windows(2).find(|p| p[0].name == p[1].name) {
        return Err(Error::Malformed(format!(
            "tensor {:?} is there twice",
            pair[0].name
        )));
    }
    Ok(())
}
