//! Writes our own answers and events. Only structs are written, whose fields keep their order,
//! so that the same values are the same bytes in every build.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

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

/// The same JSON without space between its parts, so that it fits in one line of an event.
/// `None` if the text is not JSON.
pub(crate) fn compact(text: &str) -> Option<Box<RawValue>> {
    let mut out = String::with_capacity(text.len());
    let (mut inside, mut escaped) = (false, false);
    for letter in text.chars() {
        if inside {
            inside = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
        } else if letter.is_ascii_whitespace() {
            continue;
        } else {
            inside = letter == '"';
        }
        out.push(letter);
    }
    RawValue::from_string(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_goes_but_not_from_texts() {
        let compacted = compact("{ \"a b\\\" c\" :\n[1, \"\\\\\" , 2]\t}").unwrap();
        assert_eq!(compacted.get(), "{\"a b\\\" c\":[1,\"\\\\\",2]}");
        assert!(compact("{").is_none());
    }
}
