//! TLS with a private root; HTTP/2 where the server offers it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use upstream::{AnswerBody, Error, HttpUpstream, Settings, Upstream as _};

use crate::peer::{chat, settings, whole};

/// A TLS server's base URL, its certificate, and how many connections it accepted.
struct Tls {
    base: String,
    pem: Vec<u8>,
    connections: Arc<AtomicUsize>,
    left: mpsc::UnboundedReceiver<()>,
}

impl Tls {
    fn settings(&self) -> Settings {
        let mut settings = settings(vec![self.base.clone()]);
        settings.roots_pem = Some(self.pem.clone());
        settings
    }
}

/// Tells when the stream's body is dropped, that is, when the client has left.
struct Leaving(mpsc::UnboundedSender<()>);

impl Drop for Leaving {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

type AnyBody = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

/// Says its HTTP version; asked for a stream (by a query), it sends one part and waits.
fn answer(request: &Request<Incoming>, leaving: Leaving) -> Response<AnyBody> {
    let version = request.version();
    if request.uri().query() == Some("stream") {
        let parts = futures_util::stream::unfold((0, leaving), |(n, leaving)| async move {
            if n > 0 {
                std::future::pending::<()>().await;
            }
            Some((
                Ok(Frame::data(Bytes::from_static(b"data: 1\n\n"))),
                (n + 1, leaving),
            ))
        });
        let mut response = Response::new(StreamBody::new(parts).boxed_unsync());
        let sse = http::HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert("content-type", sse);
        return response;
    }
    let has_host = request.headers().contains_key("host");
    let text = format!("{version:?} {} host:{has_host}", request.uri().path());
    Response::new(Full::new(Bytes::from(text)).boxed_unsync())
}

async fn serve_tls(alpn: &[&str]) -> Tls {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}/v1", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let (tell, left) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, counter, tell) = (acceptor.clone(), Arc::clone(&counter), tell.clone());
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else {
                    return;
                };
                counter.fetch_add(1, SeqCst);
                let service = service_fn(move |request: Request<Incoming>| {
                    let tell = tell.clone();
                    async move { Ok::<_, Infallible>(answer(&request, Leaving(tell))) }
                });
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(tls), service).await;
            });
        }
    });
    Tls {
        base,
        pem: made.cert.pem().into_bytes(),
        connections,
        left,
    }
}

#[tokio::test]
async fn http1_over_tls_with_a_private_root() {
    let tls = serve_tls(&["http/1.1"]).await;
    let upstream = HttpUpstream::new(&tls.settings()).unwrap();
    for _ in 0..3 {
        let answer = upstream.ask(chat()).await.unwrap();
        assert_eq!(
            whole(&answer),
            format!("{:?} /v1/chat/completions host:true", Version::HTTP_11)
        );
    }
    assert_eq!(tls.connections.load(SeqCst), 1);
}

#[tokio::test]
async fn http2_by_alpn_shares_one_connection() {
    let tls = serve_tls(&["h2", "http/1.1"]).await;
    let upstream = HttpUpstream::new(&tls.settings()).unwrap();
    let expected = format!("{:?} /v1/chat/completions host:false", Version::HTTP_2);
    assert_eq!(whole(&upstream.ask(chat()).await.unwrap()), expected);
    for answer in futures_util::future::join_all((0..8).map(|_| upstream.ask(chat()))).await {
        assert_eq!(whole(&answer.unwrap()), expected);
    }
    assert_eq!(tls.connections.load(SeqCst), 1);
    assert_eq!(upstream.health().in_flight, 0);
}

#[tokio::test]
async fn leaving_a_stream_is_seen_over_both_versions() {
    for alpn in ["http/1.1", "h2"] {
        let mut tls = serve_tls(&[alpn]).await;
        let upstream = HttpUpstream::new(&tls.settings()).unwrap();
        let mut ask = chat();
        ask.query = Some("stream".into());
        let answer = upstream.ask(ask).await.unwrap();
        let AnswerBody::Chunks(mut chunks) = answer.body else {
            panic!("no stream")
        };
        assert!(chunks.frame().await.unwrap().is_ok());
        assert!(tls.left.try_recv().is_err());
        drop(chunks);
        let seen = tokio::time::timeout(Duration::from_secs(1), tls.left.recv()).await;
        assert_eq!(seen, Ok(Some(())), "{alpn}");
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_not_trusted() {
    let tls = serve_tls(&["http/1.1"]).await;
    let other = serve_tls(&["http/1.1"]).await;
    let public_roots_only = settings(vec![tls.base.clone()]);
    let mut wrong_root = tls.settings();
    wrong_root.roots_pem = Some(other.pem.clone());
    for settings in [public_roots_only, wrong_root] {
        let error = HttpUpstream::new(&settings)
            .unwrap()
            .ask(chat())
            .await
            .err()
            .unwrap();
        let Error::Unreachable { why, .. } = &error else {
            panic!("{error:?}")
        };
        assert!(why.contains("certificate"), "{why}");
    }
    assert_eq!(tls.connections.load(SeqCst), 0);
}

#[tokio::test]
async fn roots_that_are_none_are_refused() {
    let mut settings = settings(vec!["https://127.0.0.1/v1".to_owned()]);
    for pem in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        settings.roots_pem = Some(pem.as_bytes().to_vec());
        let error = HttpUpstream::new(&settings).unwrap_err();
        assert_eq!(error.field, "roots_pem", "{pem}");
    }
}
