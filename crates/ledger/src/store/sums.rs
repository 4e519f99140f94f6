//! How sums stand in a row: one alone as SQLite's own integer, several as a blob of signed
//! variable-length integers (postcard). Any number of them can be added to any other.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{FromSqlError, ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ToSql};

use crate::folder::{MOST_SUMS, add_sums};

/// Sums on their way into a row.
pub(super) struct Sums<'a>(pub(super) &'a [i64]);

impl ToSql for Sums<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(value(self.0)))
    }
}

fn value(sums: &[i64]) -> Value {
    if let [sum] = sums {
        return Value::Integer(*sum);
    }
    let mut bytes = Vec::with_capacity(4 * sums.len());
    for sum in sums {
        bytes = postcard::to_extend(sum, bytes).expect("an integer is written to memory");
    }
    Value::Blob(bytes)
}

/// Reads a row's sums into `sums`, which loses what was in it.
pub(super) fn read(row: ValueRef<'_>, sums: &mut Vec<i64>) -> Result<(), FromSqlError> {
    sums.clear();
    match row {
        ValueRef::Integer(sum) => sums.push(sum),
        ValueRef::Blob(mut bytes) => {
            while !bytes.is_empty() {
                let (sum, rest) = postcard::take_from_bytes(bytes).map_err(FromSqlError::other)?;
                if sums.len() == MOST_SUMS {
                    return Err(FromSqlError::OutOfRange(sum));
                }
                sums.push(sum);
                bytes = rest;
            }
        }
        _ => return Err(FromSqlError::InvalidType),
    }
    Ok(())
}

/// Gives a connection the function that adds sums within a statement.
pub(super) fn define(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("sums_added", 2, flags, |context: &mut Context<'_>| {
        let read_at = |at| {
            let mut sums = Vec::with_capacity(MOST_SUMS);
            let read = read(context.get_raw(at), &mut sums);
            read.map_err(|error| rusqlite::Error::UserFunctionError(Box::new(error)))?;
            Ok::<_, rusqlite::Error>(sums)
        };
        let mut sums = read_at(0)?;
        add_sums(&mut sums, &read_at(1)?);
        Ok(value(&sums))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read(sums in prop::collection::vec(any::<i64>(), 1..=MOST_SUMS)) {
            let written = value(&sums);
            let mut back = vec![7];
            read(ValueRef::from(&written), &mut back).unwrap();
            prop_assert_eq!(back, sums);
        }

        #[test]
        fn a_torn_blob_is_an_error_or_sums(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut sums = Vec::new();
            if read(ValueRef::Blob(&bytes), &mut sums).is_ok() {
                prop_assert!(sums.len() <= MOST_SUMS);
            }
        }
    }
}
