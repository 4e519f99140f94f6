//! The other end of the socket, for the command line.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::MAX_BODY_BYTES;
use crate::error::{Error, Result};
use crate::problem::Problem;

/// A connection to a running server.
pub struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    path: PathBuf,
}

impl Client {
    /// Connects; `None` where no server answers.
    ///
    /// # Errors
    /// The socket is there but may not be opened.
    pub async fn connect(path: &Path) -> Result<Option<Self>> {
        let stream = match UnixStream::connect(path).await {
            Ok(stream) => stream,
            Err(error) if nobody_there(&error) => return Ok(None),
            Err(source) => {
                return Err(Error::Io {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(path, &error))?;
        // It ends with the sender.
        tokio::spawn(connection);
        Ok(Some(Self {
            sender,
            path: path.to_owned(),
        }))
    }

    /// Calls a verb.
    ///
    /// # Errors
    /// The verb's, or the connection's.
    pub async fn call(&mut self, noun: &str, verb: &str, input: &impl Serialize) -> Result<Value> {
        let broken = |what: &dyn std::fmt::Display| broken(&self.path, what);
        let body = serde_json::to_vec(input).map_err(|error| broken(&error))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/v1/{noun}/{verb}"))
            .header(header::HOST, "stillhouse")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| broken(&error))?;
        let response = self
            .sender
            .send_request(request)
            .await
            .map_err(|error| broken(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY_BYTES)
            .collect()
            .await;
        let bytes = body.map_err(|error| broken(&error))?.to_bytes();
        if status == StatusCode::OK {
            return serde_json::from_slice(&bytes).map_err(|error| broken(&error));
        }
        let problem: Problem = serde_json::from_slice(&bytes)
            .map_err(|_| broken(&format!("status {status} without a reason")))?;
        Err(Error::Refused(problem.error))
    }
}

fn nobody_there(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, InvalidInput, NotFound};
    // A path too long for a socket holds none.
    matches!(error.kind(), NotFound | ConnectionRefused | InvalidInput)
}

fn broken(path: &Path, what: &dyn std::fmt::Display) -> Error {
    Error::Broken {
        path: path.to_owned(),
        what: what.to_string(),
    }
}
