//! What an HTTP upstream is made of: plain values, checked once when it is built.
//! Nothing here reads a file or the environment.

use std::time::Duration;

use record::Endpoint;

use crate::{EndpointSet, Secret};

/// The longest that any timeout may be set to.
pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The most servers an upstream may have: those already tried are kept as bits of one word.
pub(crate) const MOST_SERVERS: usize = 64;

/// Whose API the servers speak: how the credential is sent and the base URL is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `authorization: Bearer …`. As in OpenAI's SDKs the base URL ends in its version (`/v1`);
    /// `/v1` is added where it has no path at all.
    OpenAi,
    /// `x-api-key: …`, and `anthropic-version: 2023-06-01` where the ask has none. As in
    /// Anthropic's SDK the base URL has no version; one that ends in `/v1` is understood too.
    Anthropic,
}

/// The settings of one HTTP upstream. [`Settings::new`] fills in the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The upstream's name, for errors and records.
    pub name: String,
    /// Base URLs of one to 64 servers that serve the same models, such as
    /// `http://127.0.0.1:8000/v1`. No credentials, query or fragment in them.
    pub servers: Vec<String>,
    /// Whose API they speak.
    pub kind: Kind,
    /// The credential, the same for all servers.
    pub secret: Option<Secret>,
    /// The endpoints that the servers have themselves.
    pub endpoints: EndpointSet,
    /// Whether the servers have vLLM's `/tokenize`, by which chat prompts can be counted.
    pub tokenize: bool,
    /// Certificates (PEM) to trust for this upstream instead of the public web's.
    pub roots_pem: Option<Vec<u8>>,
    /// For the name's resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From a request's start on a connection to the head of its answer.
    pub first_byte_timeout: Duration,
    /// Between two parts of an answer's body.
    pub idle_timeout: Duration,
    /// The largest answer that is no stream, in bytes.
    pub max_answer_bytes: usize,
    /// Idle connections kept for each server.
    pub max_idle: usize,
    /// Further tries after the first, only where nothing was answered yet.
    pub retries: u32,
}

impl Settings {
    /// Settings with the defaults: the kind's own endpoints, no credential, 5 s to connect, 600 s
    /// to the first byte (a long prompt on a busy server), 120 s between parts, answers up to
    /// 32 MiB, 256 idle connections a server, 2 retries.
    pub fn new(name: impl Into<String>, kind: Kind, servers: Vec<String>) -> Self {
        let endpoints = match kind {
            Kind::OpenAi => EndpointSet::of(&[
                Endpoint::Chat,
                Endpoint::Completions,
                Endpoint::Embeddings,
                Endpoint::Models,
            ]),
            Kind::Anthropic => {
                EndpointSet::of(&[Endpoint::Messages, Endpoint::CountTokens, Endpoint::Models])
            }
        };
        Self {
            name: name.into(),
            servers,
            kind,
            secret: None,
            endpoints,
            tokenize: false,
            roots_pem: None,
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(120),
            max_answer_bytes: 32 << 20,
            max_idle: 256,
            retries: 2,
        }
    }

    /// Checks what no single field's type can say.
    pub(crate) fn check(&self) -> Result<(), InvalidSettings> {
        if self.servers.is_empty() || self.servers.len() > MOST_SERVERS {
            return Err(InvalidSettings::new(
                "servers",
                format!("{} given, 1 to {MOST_SERVERS} wanted", self.servers.len()),
            ));
        }
        for (field, value) in [
            ("connect_timeout", self.connect_timeout),
            ("first_byte_timeout", self.first_byte_timeout),
            ("idle_timeout", self.idle_timeout),
        ] {
            if value.is_zero() || value > LONGEST {
                return Err(InvalidSettings::new(
                    field,
                    format!("{value:?} is not above 0 and up to a day"),
                ));
            }
        }
        if self.max_answer_bytes == 0 {
            return Err(InvalidSettings::new(
                "max_answer_bytes",
                "0 lets no answer through",
            ));
        }
        Ok(())
    }
}

/// Settings that no upstream can be made of: the operator's fault, told before anything runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` of an upstream: {why}")]
pub struct InvalidSettings {
    /// The field of [`Settings`].
    pub field: &'static str,
    /// What is wrong with it; never holds the credential.
    pub why: String,
}

impl InvalidSettings {
    pub(crate) fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self {
            field,
            why: why.into(),
        }
    }
}
