//! Servers that answer what a test tells them, byte by byte, on port 0 of loopback. Their answers
//! are canned because the tests are about what the gateway does with given bytes; what a model
//! says is another room's affair.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// A listening server; it ends with the test's runtime.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Seen>>>,
    /// One permit for each connection that the gateway closed.
    pub(crate) closed: Arc<Semaphore>,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// One accepted connection.
pub(crate) struct Conn {
    stream: TcpStream,
    requests: Arc<Mutex<Vec<Seen>>>,
    closed: Arc<Semaphore>,
}

impl Peer {
    /// Serves each connection with `script`.
    pub(crate) async fn new<F, Fut>(script: F) -> Self
    where
        F: Fn(Conn) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            closed: Arc::new(Semaphore::new(0)),
        };
        let (requests, closed) = (Arc::clone(&peer.requests), Arc::clone(&peer.closed));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(script(Conn {
                    stream,
                    requests: Arc::clone(&requests),
                    closed: Arc::clone(&closed),
                }));
            }
        });
        peer
    }

    /// Answers every request as `answer` says.
    pub(crate) async fn answers(answer: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::new(move |mut conn| {
            let answer = Arc::clone(&answer);
            async move {
                while let Some(seen) = conn.read().await {
                    conn.write(&answer(&seen)).await;
                }
            }
        })
        .await
    }

    /// Answers every request with the same bytes.
    pub(crate) async fn always(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::answers(move |_| answer.clone()).await
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.requests.lock().clone()
    }
}

impl Seen {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Conn {
    /// Reads one request; `None` when the gateway has closed.
    pub(crate) async fn read(&mut self) -> Option<Seen> {
        let mut all = Vec::new();
        loop {
            if self.stream.read_buf(&mut all).await.unwrap_or(0) == 0 {
                return None;
            }
            let text = String::from_utf8_lossy(&all);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let seen = Seen {
                head: head.to_owned(),
                body: body.to_owned(),
            };
            let length = seen.header("content-length");
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                self.requests.lock().push(seen.clone());
                return Some(seen);
            }
        }
    }

    pub(crate) async fn write(&mut self, bytes: &str) {
        // The gateway may have closed: that is some tests' point.
        let _ = self.stream.write_all(bytes.as_bytes()).await;
        let _ = self.stream.flush().await;
    }

    /// Waits until the gateway closes, and says so.
    pub(crate) async fn closed(mut self) {
        let mut rest = [0; 64];
        while self.stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
        self.closed.add_permits(1);
    }
}

/// An answer with a JSON body and these further header lines (each ending in CRLF).
pub(crate) fn json(status: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    )
}

/// The head of a stream.
pub(crate) const SSE_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// One part of a chunked body.
pub(crate) fn part(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// A whole stream, each event a part.
pub(crate) fn stream(events: &[&str]) -> String {
    let parts: String = events.iter().map(|event| part(event)).collect();
    format!("{SSE_HEAD}{parts}0\r\n\r\n")
}

/// A chat answer as servers write it, with odd spacing, to show that no byte of it changes.
pub(crate) const CHAT: &str = r#"{ "id":"chatcmpl-1", "object":"chat.completion","created":1764000000, "model":"up",
 "choices":[{"index":0,"message":{"role":"assistant","content":"Four."},"logprobs":null,"finish_reason":"stop"}],
 "usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":6},"completion_tokens_details":{"reasoning_tokens":1}}, "odd":1e2 }"#;

/// The events of a chat stream: two of text, the end of the choice, the usage, the end marker.
pub(crate) const EVENTS: [&str; 5] = [
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Fo\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ur.\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4,\"total_tokens\":14,\"prompt_tokens_details\":{\"cached_tokens\":6},\"completion_tokens_details\":{\"reasoning_tokens\":1}}}\n\n",
    "data: [DONE]\n\n",
];
