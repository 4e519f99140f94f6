//! Writes our own answers and events. Only structs are written, whose fields keep their order,
//! so that the same values are the same bytes in every build.

use bytes::Bytes;
use serde::Serialize;

/// A value as JSON.
pub(crate) fn bytes<T: Serialize>(value: &T) -> Bytes {
    let mut out = Vec::with_capacity(256);
    write(&mut out, value);
    out.into()
}

/// A value as one server-sent event, with a name where its API names events.
pub(crate) fn event<T: Serialize>(name: Option<&str>, value: &T) -> Bytes {
    let mut out = Vec::with_capacity(256);
    write_event(&mut out, name, value);
    out.into()
}

/// Likewise, behind what is already there.
pub(crate) fn write_event<T: Serialize>(out: &mut Vec<u8>, name: Option<&str>, value: &T) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    write(out, value);
    out.extend_from_slice(b"\n\n");
}

fn write<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    // Memory does not fail, and our structs have text keys only.
    let written = serde_json::to_writer(&mut *out, value);
    debug_assert!(written.is_ok(), "{written:?}");
}
