//! Rows as Parquet: `id`, `part`, `cluster`, and `messages`, a list of role and content.

use super::Turns;
use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// Rows that are held before they are written.
const GROUP: usize = 10_000;
const SCHEMA: &str = "
message rows {
    required binary id (UTF8);
    required binary part (UTF8);
    required int64 cluster;
    required group messages (LIST) {
        repeated group list {
            required group element {
                required binary role (UTF8);
                required binary content (UTF8);
            }
        }
    }
}";

/// A file that could not be written: what it is written to is at fault.
#[derive(Debug, thiserror::Error)]
#[error("the Parquet file can't be written: {0}")]
pub struct ExportError(#[from] ParquetError);

/// Writes rows; at most 10,000 are in memory.
pub struct Parquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    group: Group,
}

/// Columns of the rows that are not written yet.
#[derive(Default)]
struct Group {
    ids: Vec<ByteArray>,
    parts: Vec<ByteArray>,
    clusters: Vec<i64>,
    roles: Vec<ByteArray>,
    contents: Vec<ByteArray>,
    /// Of each message whether it goes on in the row of the one before, and of each whether it is
    /// there: a row without messages is one that is not.
    repetition: Vec<i16>,
    definition: Vec<i16>,
}

impl<W: Write + Send> Parquet<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn new(out: W) -> Result<Self, ExportError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("stillhouse".into())
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        Ok(Self {
            file: SerializedFileWriter::new(out, schema, Arc::new(properties))?,
            group: Group::default(),
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn push(
        &mut self,
        id: &str,
        part: &str,
        cluster: usize,
        turns: &Turns,
    ) -> Result<(), ExportError> {
        self.group.push(id, part, cluster, turns);
        if self.group.ids.len() == GROUP {
            self.flush()?;
        }
        Ok(())
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn finish(mut self) -> Result<W, ExportError> {
        if !self.group.ids.is_empty() {
            self.flush()?;
        }
        Ok(self.file.into_inner()?)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        let group = std::mem::take(&mut self.group);
        let mut out = self.file.next_row_group()?;
        column::<ByteArrayType, W>(&mut out, &group.ids, None)?;
        column::<ByteArrayType, W>(&mut out, &group.parts, None)?;
        column::<Int64Type, W>(&mut out, &group.clusters, None)?;
        let levels = Some((group.definition.as_slice(), group.repetition.as_slice()));
        column::<ByteArrayType, W>(&mut out, &group.roles, levels)?;
        column::<ByteArrayType, W>(&mut out, &group.contents, levels)?;
        out.close()?;
        Ok(())
    }
}

impl Group {
    fn push(&mut self, id: &str, part: &str, cluster: usize, turns: &Turns) {
        self.ids.push(id.into());
        self.parts.push(part.into());
        // Places of rows, which are bounded by `u32`.
        self.clusters.push(cluster as i64);
        if turns.messages.is_empty() {
            self.repetition.push(0);
            self.definition.push(0);
        }
        for (place, message) in turns.messages.iter().enumerate() {
            self.repetition.push(i16::from(place > 0));
            self.definition.push(1);
            self.roles.push(message.role.as_str().into());
            self.contents.push(message.content.as_str().into());
        }
    }
}

/// Writes the next column; levels are those of definition and repetition.
fn column<T: DataType, W: Write + Send>(
    out: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<(&[i16], &[i16])>,
) -> Result<(), ParquetError> {
    let next = out.next_column()?;
    let mut writer = next.ok_or_else(|| ParquetError::General("a column too many".into()))?;
    let (definition, repetition) = levels.unzip();
    writer
        .typed::<T>()
        .write_batch(values, definition, repetition)?;
    writer.close()
}
