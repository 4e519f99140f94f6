//! Writes GGUF files, version 3: metadata, the list of tensors, the tensors. It writes exactly what
//! it is told, so that wrong files can be made too.

use super::{Header, TensorType, Value};
use crate::Result;

const ALIGNMENT: usize = 32;

/// A file under construction.
#[derive(Debug, Clone, Default)]
pub struct GgufWriter {
    metadata: Vec<(String, Value)>,
    tensors: Vec<Part>,
}

/// A tensor to be written.
#[derive(Debug, Clone)]
struct Part {
    name: String,
    sizes: Vec<u64>,
    kind: TensorType,
    bytes: Vec<u8>,
}

impl Part {
    fn head(&self) -> TensorHead<'_> {
        TensorHead {
            name: &self.name,
            sizes: &self.sizes,
            kind: self.kind,
            length: self.bytes.len(),
        }
    }
}

impl GgufWriter {
    /// An empty file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The contents of a file, to be changed; metadata in the order of their keys.
    ///
    /// # Errors
    /// Those of [`Header::parse`].
    pub fn from_gguf(bytes: &[u8]) -> Result<Self> {
        let header = Header::parse(bytes, bytes.len() as u64)?;
        let mut metadata: Vec<(String, Value)> = header.metadata.into_iter().collect();
        metadata.sort_by(|a, b| a.0.cmp(&b.0));
        let tensors = header.tensors.into_iter().map(|t| {
            // The header was parsed against these bytes: the tensor lies within them.
            let bytes = &bytes[t.offset as usize..][..t.length as usize];
            Part {
                name: t.name,
                sizes: t.dimensions,
                kind: t.kind,
                bytes: bytes.to_vec(),
            }
        });
        Ok(Self {
            metadata,
            tensors: tensors.collect(),
        })
    }

    /// Replaces the bytes of a tensor, where there is one of this name.
    pub fn replace_tensor(&mut self, name: &str, bytes: Vec<u8>) {
        if let Some(tensor) = self.tensors.iter_mut().find(|t| t.name == name) {
            tensor.bytes = bytes;
        }
    }

    /// Sets a metadata key, or replaces its value.
    pub fn set(&mut self, key: &str, value: Value) {
        self.metadata.retain(|(k, _)| k != key);
        self.metadata.push((key.to_owned(), value));
    }

    /// Adds a tensor; sizes are innermost first.
    pub fn tensor(&mut self, name: &str, sizes: &[u64], kind: TensorType, bytes: Vec<u8>) {
        self.tensors.push(Part {
            name: name.to_owned(),
            sizes: sizes.to_vec(),
            kind,
            bytes,
        });
    }

    /// The file, version 3, tensors aligned to 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let heads: Vec<TensorHead<'_>> = self.tensors.iter().map(Part::head).collect();
        let mut out = head(&self.metadata, &heads);
        for tensor in &self.tensors {
            out.extend(&tensor.bytes);
            out.resize(out.len() + padding(tensor.bytes.len()), 0);
        }
        out
    }
}

/// What the list of tensors says of one.
pub(crate) struct TensorHead<'a> {
    pub(crate) name: &'a str,
    /// Sizes, innermost first.
    pub(crate) sizes: &'a [u64],
    pub(crate) kind: TensorType,
    /// Length in bytes.
    pub(crate) length: usize,
}

/// Zeros after so many bytes, up to the next tensor.
pub(crate) fn padding(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT) - length
}

/// Everything before the data of the first tensor. Each tensor's bytes follow, then its
/// [`padding`].
pub(crate) fn head(metadata: &[(String, Value)], tensors: &[TensorHead<'_>]) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        string(&mut out, key);
        write(&mut out, value);
    }
    let mut offset = 0;
    for tensor in tensors {
        string(&mut out, tensor.name);
        out.extend((tensor.sizes.len() as u32).to_le_bytes());
        tensor
            .sizes
            .iter()
            .for_each(|n| out.extend(n.to_le_bytes()));
        out.extend(tensor.kind.number().to_le_bytes());
        out.extend((offset as u64).to_le_bytes());
        offset += tensor.length + padding(tensor.length);
    }
    out.resize(out.len() + padding(out.len()), 0);
    out
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The format's type number, then the value: the narrowest type of 32 bits or more that holds it,
/// as other readers expect.
fn write(out: &mut Vec<u8>, value: &Value) {
    let mut kind = |number: u32| out.extend(number.to_le_bytes());
    match value {
        Value::Unsigned(n) => match u32::try_from(*n) {
            Ok(n) => {
                kind(4);
                out.extend(n.to_le_bytes());
            }
            Err(_) => {
                kind(10);
                out.extend(n.to_le_bytes());
            }
        },
        Value::Signed(n) => match i32::try_from(*n) {
            Ok(n) => {
                kind(5);
                out.extend(n.to_le_bytes());
            }
            Err(_) => {
                kind(11);
                out.extend(n.to_le_bytes());
            }
        },
        Value::Float(f) if f64::from(*f as f32) == *f => {
            kind(6);
            out.extend((*f as f32).to_le_bytes());
        }
        Value::Float(f) => {
            kind(12);
            out.extend(f.to_le_bytes());
        }
        Value::Bool(b) => {
            kind(7);
            out.push(u8::from(*b));
        }
        Value::String(s) => {
            kind(8);
            string(out, s);
        }
        Value::Strings(_) | Value::Integers(_) | Value::Floats(_) | Value::Bools(_) => {
            kind(9);
            array(out, value);
        }
    }
}

/// The type of an array's elements, their number, the elements.
fn array(out: &mut Vec<u8>, value: &Value) {
    let head = |out: &mut Vec<u8>, kind: u32, count: usize| {
        out.extend(kind.to_le_bytes());
        out.extend((count as u64).to_le_bytes());
    };
    match value {
        Value::Strings(all) => {
            head(out, 8, all.len());
            all.iter().for_each(|s| string(out, s));
        }
        Value::Integers(all) => {
            let narrow: Option<Vec<i32>> = all.iter().map(|&n| i32::try_from(n).ok()).collect();
            head(out, if narrow.is_some() { 5 } else { 11 }, all.len());
            match narrow {
                Some(all) => all.iter().for_each(|n| out.extend(n.to_le_bytes())),
                None => all.iter().for_each(|n| out.extend(n.to_le_bytes())),
            }
        }
        Value::Floats(all) => {
            head(out, 6, all.len());
            all.iter().for_each(|f| out.extend(f.to_le_bytes()));
        }
        Value::Bools(all) => {
            head(out, 7, all.len());
            out.extend(all.iter().map(|&b| u8::from(b)));
        }
        // The caller hands in arrays alone.
        _ => {}
    }
}
