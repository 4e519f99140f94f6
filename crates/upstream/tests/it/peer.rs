//! Servers that do exactly what a test tells them, byte by byte, on port 0 of loopback.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use record::Endpoint;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use upstream::{Answer, AnswerBody, Ask, Error, HttpUpstream, Kind, Settings};

/// Longer than anything in these tests should last; not a measure of speed.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A listening server; it ends with the test's runtime.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Connections accepted.
    pub(crate) connections: Arc<AtomicUsize>,
    /// The requests read, head and body as they came.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    pub(crate) fn base(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    pub(crate) fn asked(&self) -> usize {
        self.requests.lock().len()
    }
}

/// One accepted connection.
pub(crate) struct Conn<S = TcpStream> {
    pub(crate) stream: S,
    /// Its number, from 0.
    pub(crate) nth: usize,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conn<S> {
    /// Reads one request; `None` when the client has closed.
    pub(crate) async fn read(&mut self) -> Option<String> {
        let mut all = Vec::new();
        loop {
            if self.stream.read_buf(&mut all).await.unwrap_or(0) == 0 {
                return None;
            }
            let text = String::from_utf8_lossy(&all);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                let text = text.into_owned();
                self.requests.lock().push(text.clone());
                return Some(text);
            }
        }
    }

    pub(crate) async fn write(&mut self, bytes: &str) {
        // The client may have gone: that is some tests' point.
        let _ = self.stream.write_all(bytes.as_bytes()).await;
        let _ = self.stream.flush().await;
    }

    /// Waits until the client closes.
    pub(crate) async fn closed(&mut self) {
        let mut rest = [0; 64];
        while self.stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
    }
}

/// Serves each connection with `script`.
pub(crate) async fn serve<F, Fut>(script: F) -> Peer
where
    F: Fn(Conn) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve_on(listener, script)
}

pub(crate) fn serve_on<F, Fut>(listener: TcpListener, script: F) -> Peer
where
    F: Fn(Conn) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let peer = Peer {
        address: listener.local_addr().unwrap(),
        connections: Arc::default(),
        requests: Arc::default(),
    };
    let (connections, requests) = (Arc::clone(&peer.connections), Arc::clone(&peer.requests));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let nth = connections.fetch_add(1, SeqCst);
            tokio::spawn(script(Conn {
                stream,
                nth,
                requests: Arc::clone(&requests),
            }));
        }
    });
    peer
}

/// Answers every request of every connection with the same bytes.
pub(crate) async fn always(answer: impl Into<String>) -> Peer {
    let answer: Arc<str> = answer.into().into();
    serve(move |mut conn| {
        let answer = Arc::clone(&answer);
        async move {
            while conn.read().await.is_some() {
                conn.write(&answer).await;
            }
        }
    })
    .await
}

/// An answer with a JSON body and these further header lines (each ending in CRLF).
pub(crate) fn json(status: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    )
}

pub(crate) const SSE_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// One chunk of the chunked coding.
pub(crate) fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// A port on which nobody listens.
pub(crate) async fn dead_base() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

pub(crate) fn settings(servers: Vec<String>) -> Settings {
    let mut settings = Settings::new("house", Kind::OpenAi, servers);
    settings.connect_timeout = SOON;
    settings.first_byte_timeout = SOON;
    settings.idle_timeout = SOON;
    settings
}

pub(crate) fn upstream(servers: Vec<String>) -> HttpUpstream {
    HttpUpstream::new(&settings(servers)).unwrap()
}

pub(crate) fn chat() -> Ask {
    Ask {
        endpoint: Endpoint::Chat,
        query: None,
        body: Bytes::from_static(br#"{"model":"m"}"#),
        streamed: false,
        headers: HeaderMap::new(),
        account: None,
    }
}

/// A whole body, as text.
pub(crate) fn whole(answer: &Answer) -> &str {
    match &answer.body {
        AnswerBody::Whole(body) => std::str::from_utf8(body).unwrap(),
        AnswerBody::Chunks(_) => panic!("a stream where one document was expected"),
    }
}

/// A stream read to its end or failure.
pub(crate) async fn drained(answer: Answer) -> (String, Option<Error>) {
    let AnswerBody::Chunks(mut chunks) = answer.body else {
        panic!("no stream")
    };
    let mut text = String::new();
    while let Some(frame) = chunks.frame().await {
        match frame {
            Ok(frame) => text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
            Err(error) => return (text, Some(error)),
        }
    }
    (text, None)
}
