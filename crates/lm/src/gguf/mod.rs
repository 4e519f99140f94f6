//! GGUF, the file format: header, tensor list, quantised blocks. Reading checks every offset, size,
//! count and type before use; nothing here knows what the tensors mean.

mod format;
mod header;
mod metadata;
mod quant;
mod quantize;
mod read;
mod source;
mod value;
mod writer;

pub use header::{Header, TensorInfo};
pub use quant::{TensorType, dequantize};
pub use quantize::quantize;
pub(crate) use source::Source;
pub use value::Value;
pub use writer::GgufWriter;
pub(crate) use writer::{TensorHead, head, padding};

#[cfg(test)]
mod tests;
