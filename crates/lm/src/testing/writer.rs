//! Writes GGUF files for tests: exactly what it is told, so that wrong files can be made too.

use crate::Result;
use crate::gguf::{Header, TensorType, Value};

const ALIGNMENT: usize = 32;

/// A file under construction.
#[derive(Debug, Clone, Default)]
pub struct GgufWriter {
    metadata: Vec<(String, Value)>,
    tensors: Vec<(String, Vec<u64>, TensorType, Vec<u8>)>,
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
            (t.name, t.dimensions, t.kind, bytes.to_vec())
        });
        Ok(Self {
            metadata,
            tensors: tensors.collect(),
        })
    }

    /// Replaces the bytes of a tensor, where there is one of this name.
    pub fn replace_tensor(&mut self, name: &str, bytes: Vec<u8>) {
        if let Some(tensor) = self.tensors.iter_mut().find(|t| t.0 == name) {
            tensor.3 = bytes;
        }
    }

    /// Sets a metadata key, or replaces its value.
    pub fn set(&mut self, key: &str, value: Value) {
        self.metadata.retain(|(k, _)| k != key);
        self.metadata.push((key.to_owned(), value));
    }

    /// Adds a tensor; sizes are innermost first.
    pub fn tensor(&mut self, name: &str, sizes: &[u64], kind: TensorType, bytes: Vec<u8>) {
        self.tensors
            .push((name.to_owned(), sizes.to_vec(), kind, bytes));
    }

    /// The file, version 3, tensors aligned to 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            string(&mut out, key);
            write(&mut out, value);
        }
        let mut offset = 0usize;
        for (name, sizes, kind, bytes) in &self.tensors {
            string(&mut out, name);
            out.extend((sizes.len() as u32).to_le_bytes());
            sizes.iter().for_each(|n| out.extend(n.to_le_bytes()));
            out.extend(kind.number().to_le_bytes());
            out.extend((offset as u64).to_le_bytes());
            offset = (offset + bytes.len()).next_multiple_of(ALIGNMENT);
        }
        for (.., bytes) in &self.tensors {
            out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
            out.extend(bytes);
        }
        out
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The format's type number, then the value.
fn write(out: &mut Vec<u8>, value: &Value) {
    let array = |out: &mut Vec<u8>, kind: u32, count: usize| {
        out.extend(9u32.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend((count as u64).to_le_bytes());
    };
    match value {
        Value::Unsigned(n) => match u32::try_from(*n) {
            Ok(n) => {
                out.extend(4u32.to_le_bytes());
                out.extend(n.to_le_bytes());
            }
            Err(_) => {
                out.extend(10u32.to_le_bytes());
                out.extend(n.to_le_bytes());
            }
        },
        Value::Signed(n) => {
            out.extend(11u32.to_le_bytes());
            out.extend(n.to_le_bytes());
        }
        Value::Float(f) => {
            out.extend(12u32.to_le_bytes());
            out.extend(f.to_le_bytes());
        }
        Value::Bool(b) => {
            out.extend(7u32.to_le_bytes());
            out.push(u8::from(*b));
        }
        Value::String(s) => {
            out.extend(8u32.to_le_bytes());
            string(out, s);
        }
        Value::Strings(all) => {
            array(out, 8, all.len());
            all.iter().for_each(|s| string(out, s));
        }
        Value::Integers(all) => {
            array(out, 11, all.len());
            all.iter().for_each(|n| out.extend(n.to_le_bytes()));
        }
        Value::Floats(all) => {
            array(out, 6, all.len());
            all.iter().for_each(|f| out.extend(f.to_le_bytes()));
        }
        Value::Bools(all) => {
            array(out, 7, all.len());
            out.extend(all.iter().map(|&b| u8::from(b)));
        }
    }
}
