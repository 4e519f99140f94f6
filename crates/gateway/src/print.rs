//! A print of the client's HTTP library: the order and the case of its header names.
//!
//! The HTTP library below lower-cases names, so the first head of each connection is looked at
//! as it comes. Nothing of any value is kept, only a hash of the names, and whether the head has
//! both a length and a transfer coding, of which the library would drop one without a word. On a
//! later request of the connection the coding decides, as RFC 9112 (6.3) has it; a connection is
//! closed behind every chunked body, so that nothing after it is taken for a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::AsyncRead;
use tokio_util::io::InspectReader;

/// A head that is longer than this is hashed up to here.
const MOST: usize = 16 << 10;

/// What was seen of a connection's first head.
#[derive(Debug, Default)]
pub(crate) struct Print {
    /// The hash of its header names; 0 until the head is whole.
    pub(crate) hash: AtomicU64,
    /// Whether it says twice how long the body is.
    pub(crate) two_lengths: AtomicBool,
}

/// A connection whose first request head is hashed into `print` while it is read.
pub(crate) fn printed<T: AsyncRead>(
    connection: T,
    print: Arc<Print>,
) -> InspectReader<T, impl FnMut(&[u8])> {
    let head = Some(Vec::new());
    let mut first = First { head, print };
    InspectReader::new(connection, move |bytes: &[u8]| first.look(bytes))
}

/// A connection's first head.
struct First {
    /// As far as it has come; gone when it is whole.
    head: Option<Vec<u8>>,
    print: Arc<Print>,
}

impl First {
    fn look(&mut self, bytes: &[u8]) {
        let Some(head) = &mut self.head else { return };
        let room = MOST - head.len();
        head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if memchr::memmem::find(head, b"\r\n\r\n").is_some() || head.len() >= MOST {
            self.print.hash.store(hash(head), Ordering::Relaxed);
            let has = |name: &[u8]| names(head).any(|other| other.eq_ignore_ascii_case(name));
            let two = has(b"content-length") && has(b"transfer-encoding");
            self.print.two_lengths.store(two, Ordering::Relaxed);
            self.head = None;
        }
    }
}

/// The header names of a head, as they were written.
fn names(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    lines.map_while(|line| memchr::memchr(b':', line).map(|end| &line[..end]))
}

/// The hash of the header names of a head, in their order and case; never 0.
fn hash(head: &[u8]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for name in names(head) {
        hasher.update(name).update(b"\n");
    }
    let digest = hasher.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_le_bytes(first).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    async fn print_of(parts: &[&[u8]]) -> u64 {
        let mut builder = Vec::new();
        for part in parts {
            builder.extend_from_slice(part);
        }
        let print = Arc::new(Print::default());
        let mut connection = printed(&builder[..], Arc::clone(&print));
        let mut all = Vec::new();
        connection.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, builder);
        print.hash.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn names_count_and_values_do_not() {
        let one = print_of(&[b"POST / HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\nbody"]).await;
        let other = print_of(&[b"GET /x HTTP/1.1\r\nHost: c\r\nAccept: dd\r\n\r\n"]).await;
        let cased = print_of(&[b"POST / HTTP/1.1\r\nhost: a\r\nAccept: b\r\n\r\n"]).await;
        let swapped = print_of(&[b"POST / HTTP/1.1\r\nAccept: b\r\nHost: a\r\n\r\n"]).await;
        assert_ne!(one, 0);
        assert_eq!(one, other);
        assert_ne!(one, cased);
        assert_ne!(one, swapped);
        assert_eq!(print_of(&[b"POST / HTTP/1.1\r\nHost: a\r\n"]).await, 0);
    }
}
