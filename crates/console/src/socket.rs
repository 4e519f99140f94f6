//! The socket: made so that nobody else can open it, and served until the server stops.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use operations::House;
use record::Actor;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::error::{Error, Result};
use crate::route::route;

/// The longest path of a socket: `sun_path` of Linux without its closing zero.
const MAX_PATH_BYTES: usize = 107;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// A socket that listens.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens at a path. A socket that nobody answers on is replaced.
    ///
    /// # Errors
    /// Another server answers there, the path is too long, or the system refuses.
    pub async fn bind(path: &Path) -> Result<Self> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        // It is made under another name first, so that nobody can open it before its mode is set.
        let new = path.with_extension("new");
        if new.as_os_str().len() > MAX_PATH_BYTES {
            return Err(Error::TooLong {
                path: path.to_owned(),
                limit: MAX_PATH_BYTES,
            });
        }
        if UnixStream::connect(path).await.is_ok() {
            return Err(Error::InUse {
                path: path.to_owned(),
            });
        }
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&new).map_err(io)?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).map_err(io)?;
        std::fs::rename(&new, path).map_err(io)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Answers until `stop` says so; then what runs is finished, and the socket is removed.
    pub async fn serve(self, house: Arc<House>, mut stop: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, _)) => converse(&graceful, stream, Arc::clone(&house)),
                Err(error) => {
                    tracing::warn!(%error, "the local socket can't accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the local socket can't be removed");
        }
        graceful.shutdown().await;
    }
}

fn converse(graceful: &GracefulShutdown, stream: UnixStream, house: Arc<House>) {
    let by = match stream.peer_cred() {
        Ok(peer) => Actor::Operator(format!("uid:{}", peer.uid())),
        Err(error) => {
            tracing::warn!(%error, "a caller on the local socket is unknown");
            return;
        }
    };
    let service = service_fn(move |request| {
        let (house, by) = (Arc::clone(&house), by.clone());
        async move { Ok::<_, std::convert::Infallible>(route(house, by, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection on the local socket broke off");
        }
    });
}
