//! GGUF, the file format: header, tensor list, quantised blocks. Reading checks every offset, size,
//! count and type before use; nothing here knows what the tensors mean.

mod format;
mod header;
mod metadata;
mod quant;
mod read;
mod source;
mod value;

pub use header::{Header, TensorInfo};
pub use quant::{TensorType, dequantize};
pub(crate) use source::Source;
pub use value::Value;

#[cfg(test)]
mod tests;
