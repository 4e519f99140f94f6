//! Safetensors files. Reading their header is a pure function over bytes; tensors lie in the file one after
//! the other without gap or overlap, as the format asks for. It never panics, and allocates in
//! proportion to the bytes given.

use super::atomic::{self, failed};
use crate::gguf::TensorType;
use crate::json::{self, Unique};
use crate::{Error, Result};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// The longest header that the format allows, in bytes.
pub(super) const MOST_HEADER: u64 = 100_000_000;

/// Where a tensor lies and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeTensor {
    /// The type of its elements: F32, F16 or BF16.
    pub kind: TensorType,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Offset from the start of the file, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

/// One entry of the header as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The whole header: `__metadata__` is free text for people.
struct Entries(Unique<Entry>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Entries, A::Error> {
                let mut out = Unique::default();
                let mut about = Unique::default();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "__metadata__" {
                        let text = map.next_value::<Option<Unique<String>>>()?;
                        about.insert(key, text)?;
                    } else {
                        out.insert(key, map.next_value()?)?;
                    }
                }
                Ok(Entries(out))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// The length of a header by the first eight bytes of a file of `file_length` bytes.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Malformed`]: the file's fault.
pub(super) fn header_length(first: [u8; 8], file_length: u64) -> Result<u64> {
    let length = u64::from_le_bytes(first);
    if length > MOST_HEADER {
        return Err(Error::Malformed(format!(
            "a safetensors header of {length} bytes"
        )));
    }
    if length > file_length.saturating_sub(8) {
        return Err(Error::Truncated {
            what: "safetensors header".into(),
            need: length + 8,
            have: file_length,
        });
    }
    Ok(length)
}

/// Parses the header at the front of `bytes`, the first part (or all) of a file of `file_length`
/// bytes.
///
/// # Errors
/// [`Error::Truncated`], [`Error::Malformed`] or [`Error::Unsupported`]: the file's fault.
pub fn parse(bytes: &[u8], file_length: u64) -> Result<BTreeMap<String, SafeTensor>> {
    let short = || Error::Truncated {
        what: "safetensors header".into(),
        need: 8,
        have: bytes.len() as u64,
    };
    let first = bytes.first_chunk::<8>().ok_or_else(short)?;
    let length = header_length(*first, file_length)?;
    let text = bytes
        .get(8..8 + length as usize)
        .ok_or_else(|| Error::Truncated {
            what: "safetensors header".into(),
            need: 8 + length,
            have: bytes.len() as u64,
        })?;
    let Entries(Unique(entries)) = json::parse("safetensors header", text)?;
    let data = file_length - 8 - length;
    let mut out = BTreeMap::new();
    let mut places = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        let (begin, end) = entry.data_offsets;
        let tensor = tensor(&name, entry, 8 + length)?;
        places.push((begin, end));
        out.insert(name, tensor);
    }
    places.sort_unstable();
    let mut at = 0;
    for (begin, end) in places {
        if begin != at || end < begin {
            return Err(Error::Malformed(format!(
                "safetensors: tensors leave a gap or overlap at {at}"
            )));
        }
        at = end;
    }
    if at > data {
        return Err(Error::Truncated {
            what: "safetensors data".into(),
            need: at.saturating_add(8 + length),
            have: file_length,
        });
    }
    if at < data {
        return Err(Error::Malformed(format!(
            "safetensors: {} bytes after the last tensor",
            data - at
        )));
    }
    Ok(out)
}

/// One entry, checked by itself; `base` is where the data begins.
fn tensor(name: &str, entry: Entry, base: u64) -> Result<SafeTensor> {
    let kind = match entry.dtype.as_str() {
        "F32" => TensorType::F32,
        "F16" => TensorType::F16,
        "BF16" => TensorType::BF16,
        other => {
            let text = format!("type {other:?} of tensor {name:?}");
            return Err(Error::Unsupported(text));
        }
    };
    let (begin, end) = entry.data_offsets;
    let wrong = || Error::Malformed(format!("tensor {name:?} has sizes {:?}", entry.shape));
    let elements = entry.shape.iter().try_fold(1u64, |a, &n| a.checked_mul(n));
    let length = elements.and_then(|n| n.checked_mul(kind.block_bytes() as u64));
    let length = length.ok_or_else(wrong)?;
    let fits = end.checked_sub(begin) == Some(length) && begin.checked_add(base).is_some();
    if !fits {
        return Err(Error::Malformed(format!(
            "tensor {name:?} of {length} bytes lies at {begin}..{end}"
        )));
    }
    let shape = entry.shape.iter().map(|&n| usize::try_from(n));
    Ok(SafeTensor {
        kind,
        shape: shape
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| wrong())?,
        offset: begin + base,
        length,
    })
}

/// A tensor to be written: its name, its values when they are asked for, its sizes.
pub(super) type Part<'a, F> = (String, F, &'a [usize]);

/// Writes tensors in f32, one after the other.
pub(super) fn write<'a, F>(path: &Path, parts: &[Part<'a, F>]) -> Result<()>
where
    F: Fn() -> Cow<'a, [f32]>,
{
    let mut entries = serde_json::Map::new();
    entries.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut at = 0;
    for (name, _, shape) in parts {
        let end = at + shape.iter().product::<usize>() * size_of::<f32>();
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [at, end]});
        entries.insert(name.clone(), entry);
        at = end;
    }
    let mut header = serde_json::Value::Object(entries).to_string();
    // Spaces, so that the data begins at a multiple of 8.
    let filled = header.len().next_multiple_of(8);
    header.extend(std::iter::repeat_n(' ', filled - header.len()));
    atomic::file(path, |out| {
        let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(|e| failed(path, e));
        put(&(header.len() as u64).to_le_bytes())?;
        put(header.as_bytes())?;
        let mut bytes = Vec::new();
        for (_, values, _) in parts {
            for values in values().chunks(1 << 14) {
                bytes.clear();
                bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
                put(&bytes)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Header and data of tensors of these names and sizes, written and read again.
    fn round(parts: &BTreeMap<String, Vec<usize>>) -> (Vec<u8>, BTreeMap<String, SafeTensor>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let values = |shape: &[usize]| {
            let count = shape.iter().product::<usize>();
            (0..count).map(|i| i as f32 - 3.5).collect::<Vec<f32>>()
        };
        let parts = parts.iter().map(|(name, shape)| {
            let values = move || Cow::Owned(values(shape));
            (name.clone(), values, shape.as_slice())
        });
        write(&path, &parts.collect::<Vec<_>>()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let header = parse(&bytes, bytes.len() as u64).unwrap();
        (bytes, header)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_by_us_and_by_the_formats_own_library(
            parts in prop::collection::btree_map("[a-z.0-9\"é ]{1,12}", prop::collection::vec(1usize..5, 0..4), 0..6)
        ) {
            let (bytes, header) = round(&parts);
            let theirs = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
            prop_assert_eq!(header.len(), parts.len());
            prop_assert_eq!(theirs.len(), parts.len());
            for (name, shape) in &parts {
                let (ours, theirs) = (&header[name], theirs.tensor(name).unwrap());
                prop_assert_eq!(&ours.shape, shape);
                prop_assert_eq!(theirs.shape(), shape.as_slice());
                prop_assert_eq!(theirs.data(), &bytes[ours.offset as usize..][..ours.length as usize]);
                prop_assert_eq!(ours.offset % 4, 0);
            }
        }

        #[test]
        fn every_cut_is_refused(cut in 0usize..400) {
            let parts = BTreeMap::from([("a".to_owned(), vec![3, 2]), ("b".to_owned(), vec![7])]);
            let (bytes, _) = round(&parts);
            let cut = cut.min(bytes.len() - 1);
            prop_assert!(parse(&bytes[..cut], cut as u64).is_err());
        }
    }

    #[test]
    fn a_header_that_contradicts_itself_is_refused() {
        let file = |header: &str, data: usize| {
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend(header.as_bytes());
            bytes.resize(bytes.len() + data, 0);
            let length = bytes.len() as u64;
            parse(&bytes, length).map(drop).map_err(|e| e.to_string())
        };
        let entry = |name: &str, shape: &str, from: u64, to: u64| {
            format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
        };
        let one = entry("a", "[2]", 0, 8);
        file(&format!("{{{one}}}"), 8).unwrap();
        for (header, data, word) in [
            (format!("{{{one}}}"), 7, "cut off"),
            (format!("{{{one}}}"), 9, "after the last"),
            (format!("{{{one},{one}}}"), 8, "twice"),
            (
                format!("{{{one},{}}}", entry("b", "[1]", 4, 8)),
                8,
                "overlap",
            ),
            (
                format!("{{{one},{}}}", entry("b", "[1]", 12, 16)),
                16,
                "gap",
            ),
            (format!("{{{}}}", entry("a", "[2]", 8, 0)), 8, "lies at"),
            (
                format!("{{{}}}", entry("a", "[4294967296,4294967296]", 0, 8)),
                8,
                "sizes",
            ),
            (format!("{{{}}}", entry("a", "[3]", 0, 8)), 8, "lies at"),
            (
                r#"{"__metadata__":{"a":"b"},"__metadata__":{}}"#.into(),
                0,
                "twice",
            ),
            (
                r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}"#.into(),
                4,
                "`x`",
            ),
            ("[".repeat(10_000), 0, "safetensors"),
        ] {
            let error = file(&header, data).unwrap_err();
            assert!(error.contains(word), "{header:.80}: {error}");
        }
        let huge = u64::MAX.to_le_bytes();
        assert!(parse(&huge, u64::MAX).is_err());
    }
}
