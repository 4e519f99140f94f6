//! Curated rows for other programs: OpenAI's chat lines, and Parquet with a column of conversations
//! as `datasets` and TRL read them. Writes to what it is given, opens nothing.

mod chat;
mod parquet;

pub use chat::{Turns, chat_line};
pub use parquet::{ExportError, Parquet};

#[cfg(test)]
mod tests;
