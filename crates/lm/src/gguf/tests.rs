//! The header: what is read, and what is refused.

use super::*;
use crate::Error;
use crate::testing::GgufWriter;
use proptest::prelude::*;

fn parse(bytes: &[u8]) -> crate::Result<Header> {
    Header::parse(bytes, bytes.len() as u64)
}

fn writer() -> GgufWriter {
    let mut w = GgufWriter::new();
    w.tensor("a", &[4, 2], TensorType::F32, vec![0; 32]);
    w.tensor("b", &[32], TensorType::Q8_0, vec![1; 34]);
    w
}

#[test]
fn what_is_written_is_read() {
    let mut w = writer();
    let values = [
        Value::Unsigned(7),
        Value::Unsigned(u64::MAX),
        Value::Signed(-3),
        Value::Float(1.5),
        Value::Bool(true),
        Value::String("ä".into()),
        Value::Strings(vec!["x".into(), String::new()]),
        Value::Integers(vec![-1, 2]),
        Value::Floats(vec![0.5]),
        Value::Bools(vec![true, false]),
    ];
    for (i, value) in values.iter().enumerate() {
        w.set(&format!("k{i}"), value.clone());
    }
    let header = parse(&w.bytes()).unwrap();
    for (i, value) in values.iter().enumerate() {
        assert_eq!(&header.metadata[&format!("k{i}")], value);
    }
    assert_eq!(header.tensors.len(), 2);
    let b = &header.tensors[1];
    assert_eq!(
        (b.name.as_str(), b.length, b.elements(), b.offset % 32),
        ("b", 34, 32, 0)
    );
}

#[test]
fn wrong_tensors_are_refused() {
    let refused = |name: &str, sizes: &[u64], kind: TensorType, bytes: usize| {
        let mut w = writer();
        w.tensor(name, sizes, kind, vec![0; bytes]);
        parse(&w.bytes()).unwrap_err().to_string()
    };
    assert!(refused("a", &[1], TensorType::F32, 4).contains("twice"));
    assert!(refused("c", &[33], TensorType::Q4_0, 36).contains("multiple"));
    assert!(refused("c", &[0], TensorType::F32, 0).contains("sizes"));
    assert!(refused("c", &[1 << 40, 1 << 40], TensorType::F32, 0).contains("sizes"));
    assert!(refused("c", &[1; 5], TensorType::F32, 4).contains("dimensions"));
    assert!(refused("c", &[100], TensorType::F32, 4).contains("cut off"));
}

#[test]
fn overlap_misalignment_and_unknown_numbers_are_refused() {
    let bytes = writer().bytes();
    // The last tensor's offset and type stand right before the padding to the data.
    let header = parse(&bytes).unwrap();
    let mut end = 24 + (8 + 1 + 4 + 16 + 4 + 8) + (8 + 1 + 4 + 8 + 4 + 8);
    assert_eq!(header.tensors[0].offset, (end as u64).next_multiple_of(32));
    end -= 8;
    let change = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        parse(&bytes).unwrap_err().to_string()
    };
    assert!(change(end, &0u64.to_le_bytes()).contains("overlap"));
    assert!(change(end, &33u64.to_le_bytes()).contains("aligned"));
    assert!(change(end, &(u64::MAX - 31).to_le_bytes()).contains("overflows"));
    assert!(change(end - 4, &99u32.to_le_bytes()).contains("type 99 of tensor \"b\""));
    assert!(change(4, &1u32.to_le_bytes()).contains("version 1"));
    assert!(change(0, b"GGML").contains("GGUF"));
}

#[test]
fn wrong_metadata_is_refused() {
    let refused = |kind: u32, rest: &[u8]| {
        let mut bytes = b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
        bytes.extend(1u64.to_le_bytes());
        bytes.push(b'k');
        bytes.extend(kind.to_le_bytes());
        bytes.extend(rest);
        bytes.extend([0; 32]);
        parse(&bytes).unwrap_err().to_string()
    };
    assert!(refused(13, &[]).contains("metadata type 13"));
    assert!(refused(7, &[2]).contains("bool of 2"));
    assert!(refused(8, &[2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]).contains("UTF-8"));
    assert!(refused(8, &u64::MAX.to_le_bytes()).contains("cut off"));
    assert!(refused(9, &9u32.to_le_bytes()).contains("array of arrays"));
    assert!(
        refused(9, &[6, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]).contains("overflows")
    );
}

#[test]
fn a_long_header_is_read_from_a_file_in_growing_parts() {
    let mut w = writer();
    w.set("long", Value::Strings(vec!["x".repeat(1000); 9000]));
    let bytes = w.bytes();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let source = Source::open(file.path()).unwrap();
    assert_eq!(source.header().unwrap(), parse(&bytes).unwrap());
    // The file is cut after it was opened: an error, not the end of the process.
    std::fs::write(file.path(), &bytes[..100]).unwrap();
    assert!(matches!(source.read(0, 1000), Err(Error::File { .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(&tail);
        let _ = parse(&bytes);
        let _ = parse(&tail);
    }
}

#[test]
fn values_read_in_parts_are_those_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks");
    // Blocks of 210 bytes, somewhat more than two parts of a mebibyte.
    let bytes: Vec<u8> = (0..210 * 10_007u32)
        .map(|i| (i.wrapping_mul(7919) >> 5) as u8 & 0x3f)
        .collect();
    std::fs::write(&path, &bytes).unwrap();
    let mut whole = vec![0.0; 256 * 10_007];
    dequantize(TensorType::Q6_K, &bytes, &mut whole).unwrap();
    let length = bytes.len() as u64;
    for source in [Source::open(&path).unwrap(), Source::Bytes(&bytes)] {
        let values = source.values(TensorType::Q6_K, 0, length).unwrap();
        assert!(values == whole);
        let tail = source.values(TensorType::Q6_K, length - 420, 420).unwrap();
        assert_eq!(tail, whole[256 * 10_005..]);
        assert!(source.values(TensorType::Q6_K, 210, length).is_err());
        assert!(source.values(TensorType::Q6_K, u64::MAX, 210).is_err());
    }
}
