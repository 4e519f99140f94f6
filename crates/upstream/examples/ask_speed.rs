//! What an ask costs: processor time of the asking thread, against an echo on loopback that runs
//! on a thread of its own; beside it the same requests through hyper-util's pooled client.
//! It measures itself and dials nothing but its own echo.
//!
//! `cargo run --release -p upstream --example ask_speed [asks [ask|client|stream]]`
//! (Linux; 50,000 asks and all three by default).

#![expect(clippy::print_stdout, reason = "a measuring tool, not a library")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use record::Endpoint;
use upstream::{AnswerBody, Ask, HttpUpstream, Kind, Secret, Settings, Upstream as _};

/// Tasks that ask at once: few enough to keep every connection busy, enough to hide the echo.
const AT_ONCE: usize = 16;
const PARTS: usize = 100;

fn main() {
    let asks: usize = std::env::args()
        .nth(1)
        .map_or(50_000, |n| n.parse().expect("how many asks: a number"));
    let only = std::env::args().nth(2);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let address = echo();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the echo and its client are our own");
    for round in 1..=3 {
        if wanted("ask") {
            let us = runtime.block_on(whole(address, asks));
            println!("round {round}: {us:6.2} us an ask");
        }
        if wanted("client") {
            let us = runtime.block_on(pooled(address, asks));
            println!("round {round}: {us:6.2} us the same by hyper-util's client");
        }
        if wanted("stream") {
            let us = runtime.block_on(streamed(address, asks / PARTS));
            println!("round {round}: {us:6.2} us a streamed part");
        }
    }
}

/// Nanoseconds this thread has run.
fn cpu_ns() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")
        .expect("Linux tells a thread its time");
    stat.split(' ')
        .next()
        .expect("a first number")
        .parse()
        .expect("nanoseconds")
}

fn question() -> Bytes {
    let words = "why is the sky blue? ".repeat(40);
    let text = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{words}"}}]}}"#);
    Bytes::from(text)
}

fn upstream(address: SocketAddr) -> HttpUpstream {
    let mut settings = Settings::new("echo", Kind::OpenAi, vec![format!("http://{address}/v1")]);
    settings.secret = Some(Secret::new("upstream-key"));
    HttpUpstream::new(&settings).expect("settings of our own")
}

fn ask(body: &Bytes, streamed: bool) -> Ask {
    let endpoint = if streamed {
        Endpoint::Completions
    } else {
        Endpoint::Chat
    };
    Ask {
        endpoint,
        query: None,
        body: body.clone(),
        streamed,
        headers: HeaderMap::new(),
        account: None,
    }
}

async fn whole(address: SocketAddr, asks: usize) -> f64 {
    let (upstream, body) = (Arc::new(upstream(address)), question());
    let one = move || {
        let (upstream, body) = (Arc::clone(&upstream), body.clone());
        async move {
            for _ in 0..asks / AT_ONCE {
                let answer = upstream
                    .ask(ask(&body, false))
                    .await
                    .expect("the echo answers");
                assert!(matches!(answer.body, AnswerBody::Whole(body) if body.len() == 900));
            }
        }
    };
    measured(one, asks).await
}

/// Microseconds of this thread for each ask, after a round to warm up. Each asker is a task, as
/// the gateway's connections are.
async fn measured<F>(one: impl Fn() -> F, asks: usize) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut start = 0.0;
    for _ in 0..2 {
        start = cpu_ns();
        let tasks: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(one())).collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
    }
    (cpu_ns() - start) / 1000.0 / asks as f64
}

/// Streams one after the other; the cost of one part, its share of the head included.
async fn streamed(address: SocketAddr, streams: usize) -> f64 {
    let (upstream, body) = (upstream(address), question());
    let start = cpu_ns();
    for _ in 0..streams {
        let answer = upstream
            .ask(ask(&body, true))
            .await
            .expect("the echo answers");
        let AnswerBody::Chunks(mut chunks) = answer.body else {
            unreachable!("it is a stream")
        };
        while let Some(frame) = chunks.frame().await {
            frame.expect("the echo streams whole answers");
        }
    }
    (cpu_ns() - start) / 1000.0 / (streams * PARTS) as f64
}

async fn pooled(address: SocketAddr, asks: usize) -> f64 {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
    let body = question();
    let one = move || {
        let (client, body) = (client.clone(), body.clone());
        async move {
            for _ in 0..asks / AT_ONCE {
                let answer = client.request(request(address, &body));
                let answer = tokio::time::timeout(Duration::from_secs(600), answer).await;
                let body = answer
                    .expect("the echo and its client are our own")
                    .expect("the echo and its client are our own")
                    .into_body()
                    .collect()
                    .await
                    .expect("the echo and its client are our own");
                assert_eq!(body.to_bytes().len(), 900);
            }
        }
    };
    measured(one, asks).await
}

fn request(address: SocketAddr, body: &Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::post(format!("http://{address}/v1/chat/completions"))
        .body(Full::new(body.clone()))
        .expect("the echo and its client are our own");
    let headers = request.headers_mut();
    headers.insert(
        "authorization",
        HeaderValue::from_static("Bearer upstream-key"),
    );
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("accept-encoding", HeaderValue::from_static("identity"));
    headers.insert("user-agent", HeaderValue::from_static("stillhouse/0.1.0"));
    request
}

/// Answers every request at once: chat with 900 bytes, completions with a stream. One thread a
/// connection.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("loopback has a free port");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("the echo is asked by us alone");
            stream
                .set_nodelay(true)
                .expect("the echo and its client are our own");
            std::thread::spawn(move || {
                let mut buffer = vec![0; 64 << 10];
                let body = "x".repeat(900);
                let document = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\
                     x-request-id: 1\r\nserver: echo\r\ndate: now\r\n\r\n{body}"
                );
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    let sent = if buffer[..count].starts_with(b"POST /v1/chat/") {
                        stream.write_all(document.as_bytes())
                    } else {
                        parts(&mut stream)
                    };
                    if sent.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

fn parts(stream: &mut std::net::TcpStream) -> std::io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    let part = format!("c8\r\n{}\n\n\r\n", "d".repeat(198));
    for _ in 0..PARTS {
        stream.write_all(part.as_bytes())?;
        std::thread::sleep(Duration::from_micros(50));
    }
    stream.write_all(b"0\r\n\r\n")
}
