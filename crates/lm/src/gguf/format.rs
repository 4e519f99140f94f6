//! The numbers of the GGUF format and the bounds that this reader adds. Constants only.

/// First four bytes of a file.
pub(crate) const MAGIC: &[u8; 4] = b"GGUF";
/// Versions that this reader knows; 2 and 3 have one layout in little-endian files.
pub(super) const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
/// Alignment of tensor data where the file names none.
pub(super) const DEFAULT_ALIGNMENT: u64 = 32;
/// Longest name of a key or tensor that is taken; the format says 65,535 and 64.
pub(super) const MAX_NAME: usize = 65_535;
/// Most dimensions of a tensor.
pub(super) const MAX_DIMENSIONS: u32 = 4;
/// Fewest bytes of a key-value pair (length of key, type, one byte of value).
pub(super) const MIN_PAIR: u64 = 8 + 4 + 1;
/// Fewest bytes of a tensor's entry (length of name, dimensions, one size, type, offset).
pub(super) const MIN_TENSOR: u64 = 8 + 4 + 8 + 4 + 8;
