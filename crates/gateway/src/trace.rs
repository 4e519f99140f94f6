//! Where a request stands in a trace (W3C Trace Context), and what is noted of the answer for it.
//! Whether and where a trace is sent is decided elsewhere; no text of an answer is kept here.

use http::HeaderValue;

/// The header of W3C Trace Context.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// The most reasons for an end that are noted, one a choice.
const MOST_REASONS: usize = 8;
/// The longest reason or model name that is noted, in bytes.
const LONGEST: usize = 128;

/// A request's place in a trace: one span for the request, one within for the upstream's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub id: [u8; 16],
    /// The span of whoever sent the request, if they said.
    pub parent: Option<[u8; 8]>,
    /// The span of the request.
    pub server: [u8; 8],
    /// The span of the upstream's call.
    pub client: [u8; 8],
}

/// What a `traceparent` header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub id: [u8; 16],
    /// The sender's span.
    pub span: [u8; 8],
    /// Whether the sender records the trace.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads a header's value; `None` for what the specification calls invalid.
    pub fn read(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        // Later versions may only append: what is known of version 0 is where it was.
        let (known, rest) = bytes.split_at_checked(55)?;
        let version = hex::<1>(&known[..2])?[0];
        let fits = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        if !fits || known[2] != b'-' || known[35] != b'-' || known[52] != b'-' {
            return None;
        }
        let (id, span) = (hex::<16>(&known[3..35])?, hex::<8>(&known[36..52])?);
        if id == [0; 16] || span == [0; 8] {
            return None;
        }
        let sampled = hex::<1>(&known[53..55])?[0] & 1 == 1;
        Some(Self { id, span, sampled })
    }
}

/// Lower-case hexadecimal, as the specification asks.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

impl Trace {
    /// The header for the upstream: its parent is the span of its call.
    pub(crate) fn traceparent(&self) -> HeaderValue {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
        let mut write = |at: usize, bytes: &[u8]| {
            for (place, byte) in text[at..].chunks_exact_mut(2).zip(bytes) {
                place[0] = DIGITS[usize::from(byte >> 4)];
                place[1] = DIGITS[usize::from(byte & 15)];
            }
        };
        write(3, &self.id);
        write(36, &self.client);
        HeaderValue::from_bytes(&text).expect("digits and dashes are a header's value")
    }
}

/// What a trace tells of an answer, read from its bytes as they pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// The model that the upstream says it was.
    pub model: Option<String>,
    /// Why the generation ended, one a choice, in the API's own words.
    pub finish_reasons: Vec<String>,
}

impl Answered {
    /// Looks at a whole answer, or at whole events of one.
    ///
    /// This finds members by name: within a JSON string their quotes would be escaped. A member
    /// of a tool's arguments may be taken for one of the answer's; only a trace would say so.
    pub(crate) fn look(&mut self, bytes: &[u8]) {
        if self.model.is_none() {
            self.model = values(bytes, b"\"model\"").next();
        }
        for name in [&b"\"finish_reason\""[..], b"\"stop_reason\""] {
            for reason in values(bytes, name) {
                if self.finish_reasons.len() < MOST_REASONS {
                    self.finish_reasons.push(reason);
                }
            }
        }
    }
}

/// The strings that members of this name have.
fn values<'a>(bytes: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = String> + 'a {
    memchr::memmem::find_iter(bytes, name).filter_map(move |at| {
        let rest = bytes[at + name.len()..].trim_ascii_start();
        let value = rest.strip_prefix(b":")?.trim_ascii_start();
        let value = value.strip_prefix(b"\"")?;
        let end = memchr::memchr2(b'"', b'\\', &value[..value.len().min(LONGEST)])?;
        let text = value[..end].to_vec();
        (value[end] == b'"').then(|| String::from_utf8(text).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_as_the_specification_says() {
        let read = |text: &str| TraceParent::read(&HeaderValue::from_str(text).unwrap());
        let parent = read(PARENT).unwrap();
        assert_eq!((parent.id[0], parent.span[7]), (0x0a, 0x31));
        assert!(parent.sampled);
        assert!(!read(&PARENT.replace("-01", "-00")).unwrap().sampled);
        assert!(read(&PARENT.replacen("00", "01", 1)).is_some());
        assert!(read(&format!("{}-more", PARENT.replacen("00", "cc", 1))).is_some());
        let zeros = "0".repeat(32);
        for bad in [
            "",
            "00-1-2-01",
            &PARENT.to_uppercase(),
            &format!("{PARENT}-more"),
            &PARENT.replacen("00", "ff", 1),
            &PARENT.replace("0af7651916cd43dd8448eb211c80319c", &zeros),
            &PARENT.replace("b7ad6b7169203331", &zeros[..16]),
            &PARENT.replace('-', "_"),
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_header_for_the_upstream_names_its_own_span() {
        let parent = TraceParent::read(&HeaderValue::from_static(PARENT)).unwrap();
        let trace = Trace {
            id: parent.id,
            parent: Some(parent.span),
            server: [1; 8],
            client: [0xab; 8],
        };
        let header = trace.traceparent();
        let expected = PARENT.replace("b7ad6b7169203331", &"ab".repeat(8));
        assert_eq!(header.to_str().unwrap(), expected);
    }

    #[test]
    fn an_answer_is_read_for_its_model_and_its_end() {
        let mut seen = Answered::default();
        seen.look(br#"data: {"model":"gpt-x","choices":[{"finish_reason":null}]}"#);
        seen.look(br#"data: {"choices":[{"delta":{"content":"\"finish_reason\":\"no\""},"finish_reason" : "stop"}]}"#);
        seen.look(br#"{"stop_reason":"end_turn","model":"later"}"#);
        assert_eq!(seen.model.as_deref(), Some("gpt-x"));
        assert_eq!(seen.finish_reasons, ["stop", "end_turn"]);
        let mut none = Answered::default();
        none.look(b"\"model\":\"cut off");
        none.look(format!("\"model\":\"{}\"", "x".repeat(500)).as_bytes());
        none.look(br#""model":"a\u0041""#);
        assert_eq!(none, Answered::default());
    }
}
