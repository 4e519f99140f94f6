//! A client that shows every byte: it knows whether an answer came to its proper end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Longer than anything in these tests should last; not a measure of speed.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// One connection to the gateway.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    /// How long it waits for an answer's head; a real model on a busy machine takes its time.
    pub(crate) patience: Duration,
}

/// The head of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: String,
    /// Whether it came to its proper end.
    pub(crate) whole: bool,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The request id.
    pub(crate) fn id(&self) -> String {
        self.header("x-request-id")
            .expect("a request id")
            .to_owned()
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    pub(crate) fn id(&self) -> String {
        self.head.id()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// OpenAI's `code`.
    pub(crate) fn code(&self) -> String {
        let json = self.json();
        json["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// OpenAI's `param`.
    pub(crate) fn param(&self) -> Option<String> {
        let json = self.json();
        json["error"]["param"].as_str().map(str::to_owned)
    }
}

/// A request's bytes.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
            patience: SOON,
        }
    }

    /// Sends bytes as they are. The gateway may have closed.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The head of the next answer; `None` where the connection was closed without.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        tokio::time::timeout(self.patience, self.read_head())
            .await
            .expect("a head in time")
    }

    async fn read_head(&mut self) -> Option<Head> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut lines = lines.into_iter();
        let first = lines.next()?;
        let status = first.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| {
                let (name, value) = line.split_once(": ")?;
                Some((name.to_ascii_lowercase(), value.to_owned()))
            })
            .collect();
        Some(Head { status, headers })
    }

    /// The next part of a chunked body: `Some("")` at its proper end, `None` where it was cut.
    pub(crate) async fn part(&mut self) -> Option<String> {
        tokio::time::timeout(SOON, self.read_part())
            .await
            .expect("a part in time")
    }

    async fn read_part(&mut self) -> Option<String> {
        let mut size = String::new();
        if self.stream.read_line(&mut size).await.unwrap_or(0) == 0 {
            return None;
        }
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut data = vec![0; size + 2];
        self.stream.read_exact(&mut data).await.ok()?;
        data.truncate(size);
        Some(String::from_utf8(data).unwrap())
    }

    /// The rest of an answer whose head was read.
    pub(crate) async fn rest(&mut self, head: Head) -> Answer {
        let mut body = String::new();
        let mut whole = true;
        if head.header("transfer-encoding").is_some() {
            loop {
                match self.part().await {
                    Some(part) if part.is_empty() => break,
                    Some(part) => body.push_str(&part),
                    None => {
                        whole = false;
                        break;
                    }
                }
            }
        } else {
            let length = head.header("content-length").unwrap_or("0");
            let mut data = vec![0; length.parse().unwrap()];
            whole = self.stream.read_exact(&mut data).await.is_ok();
            body = String::from_utf8(data).unwrap();
        }
        Answer { head, body, whole }
    }

    /// The next answer, whole.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await.expect("an answer");
        self.rest(head).await
    }

    /// Whether the gateway closes the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        let read = tokio::time::timeout(SOON, self.stream.read(&mut byte));
        matches!(read.await, Ok(Ok(0) | Err(_)))
    }
}
