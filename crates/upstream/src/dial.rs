//! Opens connections: name, TCP, TLS, and the choice between HTTP/1.1 and HTTP/2 by ALPN.
//! Nothing here is kept or reused, and no environment decides which certificates are trusted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connection as _, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_util::io::InspectReader;
use tower_service::Service as _;

use crate::link::{Http1, Link};
use crate::settings::InvalidSettings;

/// How often a busy HTTP/2 connection is asked for a sign of life, and how long it may take.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(20));

type Stream = TokioIo<MaybeHttpsStream<TokioIo<tokio::net::TcpStream>>>;

/// Opens connections for one upstream.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    connector: HttpsConnector<HttpConnector>,
    timeout: Duration,
}

impl Dialer {
    /// Trusts the certificates given (PEM), or else those that the public web trusts.
    pub(crate) fn new(
        roots_pem: Option<&[u8]>,
        timeout: Duration,
    ) -> Result<Self, InvalidSettings> {
        let invalid = |why: String| InvalidSettings::new("roots_pem", why);
        let mut roots = rustls::RootCertStore::empty();
        match roots_pem {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|e| invalid(format!("no PEM: {e}")))?;
                    roots.add(certificate).map_err(|e| invalid(e.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(invalid("holds no certificate".to_owned()));
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| invalid(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timeout));
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        Ok(Self { connector, timeout })
    }

    /// Connects, or says in words why not.
    pub(crate) async fn dial(&self, root: Uri) -> Result<Link, String> {
        let mut connector = self.connector.clone();
        let connecting = async {
            let stream = connector
                .call(root)
                .await
                .map_err(|e| in_words(e.as_ref()))?;
            let is_h2 = stream.connected().is_negotiated_h2();
            let stream = TokioIo::new(stream);
            if is_h2 {
                http2(stream).await
            } else {
                http1(stream).await
            }
        };
        tokio::time::timeout(self.timeout, connecting)
            .await
            .unwrap_or_else(|_| Err(format!("no connection within {:?}", self.timeout)))
    }
}

async fn http1(stream: Stream) -> Result<Link, String> {
    let heard = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&heard);
    let hear: Hear = Box::new(move |bytes| {
        if !bytes.is_empty() {
            noted.store(true, Relaxed);
        }
    });
    let io = TokioIo::new(InspectReader::new(stream, hear));
    let (sender, connection) = http1::Builder::new()
        .handshake(io)
        .await
        .map_err(|e| in_words(&e))?;
    Ok(Link::Http1(Box::new(Http1::new(sender, connection, heard))))
}

async fn http2(stream: Stream) -> Result<Link, String> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(|e| in_words(&e))?;
    // It carries many requests, so none of them can drive it; it ends with its last sender.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an HTTP/2 connection to an upstream ended");
        }
    });
    Ok(Link::Http2(sender))
}

/// An error with all its causes, once each.
pub(crate) fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words.push_str(": ");
            words.push_str(&cause_words);
        }
        source = cause.source();
    }
    words
}

/// Notes whether any byte has come: hyper does not tell a connection that was closed before the
/// answer from one closed within its head, but only the former may be tried again.
type Hear = Box<dyn FnMut(&[u8]) + Send>;

/// What an HTTP/1.1 connection runs over.
pub(crate) type Io = TokioIo<InspectReader<Stream, Hear>>;
