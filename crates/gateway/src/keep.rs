//! What is kept of bodies: the answer to an `Idempotency-Key` (24 hours, readable with that key
//! and the credential alone), and the text of a request with a literal `store: true`.
//! Nothing else is ever kept here.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;
use ledger::Lock;
use record::{Idempotency, Reason};
use wire::ApiError;

use crate::identify;
use crate::received::Received;
use crate::record::Kept;
use crate::running;
use crate::state::Gateway;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The code of a conflict that passes by itself; the SDKs may try again.
const IN_USE: &str = "idempotency_key_in_use";
/// The longest key that a client may send, in bytes.
const MOST_KEY: usize = 255;
const DAY_US: u64 = 86_400_000_000;
/// A request with an `Idempotency-Key`.
#[derive(Debug, Clone)]
pub(crate) struct Once {
    key: [u8; 32],
    request: [u8; 32],
    lock: [u8; 32],
}

/// An answer that was given before.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

/// Holds a key while its request runs.
pub(crate) struct Turn {
    gateway: Arc<Gateway>,
    once: Once,
    finished: Option<Idempotency>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let answer = self.finished.take();
        self.gateway.running.finish(self.once.key, answer);
    }
}

/// What a request's `Idempotency-Key` comes to.
pub(crate) enum Start {
    /// It has none.
    Plain,
    /// It is the first with this key.
    First(Turn),
    /// It was answered before.
    Again(Known),
}

/// Looks at the request's `Idempotency-Key`.
///
/// # Errors
/// 409 where the first still runs or had another body; 400 where the key is no good.
pub(crate) async fn start(
    gateway: &Arc<Gateway>,
    received: &Received,
    body: &Bytes,
) -> Result<Start, ApiError> {
    let Some(value) = received.headers.get(&IDEMPOTENCY_KEY) else {
        return Ok(Start::Plain);
    };
    if value.is_empty() || value.len() > MOST_KEY {
        let message = format!("`Idempotency-Key` must have 1 to {MOST_KEY} bytes.");
        return Err(ApiError::invalid(
            "idempotency-key",
            "invalid_idempotency_key",
            message,
        ));
    }
    let once = once(received, value.as_bytes(), body);
    let known = match gateway.running.begin(once.key) {
        running::Known::First => None,
        running::Known::Finished(idempotency) => Some(idempotency),
        running::Known::Running => {
            let message = "The first request with this `Idempotency-Key` is still running. Try again when it has ended.";
            return Err(ApiError {
                code: Some(IN_USE.into()),
                ..conflict(message)
            });
        }
    };
    if let Some(known) = known {
        return again(gateway, &once, known).await.map(Start::Again);
    }
    // From here on the key is given free when the turn is dropped.
    let mut turn = Turn {
        gateway: Arc::clone(gateway),
        once: once.clone(),
        finished: None,
    };
    let facts = gateway.facts.clone();
    let key = once.key;
    let found = blocking(move || facts.idempotent(&key).map_err(|error| error.to_string())).await?;
    match found {
        Some((_, known)) => {
            turn.finished = Some(known.clone());
            drop(turn);
            again(gateway, &once, known).await.map(Start::Again)
        }
        None => Ok(Start::First(turn)),
    }
}

async fn again(gateway: &Arc<Gateway>, once: &Once, known: Idempotency) -> Result<Known, ApiError> {
    if known.request != once.request {
        return Err(conflict(
            "This `Idempotency-Key` was used with another body. Use a new key for a new request.",
        ));
    }
    let (facts, lock, answer) = (gateway.facts.clone(), once.lock, known.answer);
    let body = blocking(move || {
        facts
            .ledger()
            .vault()
            .get(&answer, Lock::Key(&lock))
            .map_err(|error| error.to_string())
    })
    .await?;
    let body = body.ok_or_else(|| {
        conflict("The answer to this `Idempotency-Key` is no longer kept. Use a new key.")
    })?;
    Ok(Known {
        status: known.status,
        content_type: known.content_type,
        body: body.into(),
    })
}

fn once(received: &Received, key: &[u8], body: &Bytes) -> Once {
    let secret = identify::secret(received).unwrap_or_default();
    let derive = |context: &str, parts: [&[u8]; 2]| -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher
                .update(&(part.len() as u64).to_le_bytes())
                .update(part);
        }
        *hasher.finalize().as_bytes()
    };
    Once {
        key: derive(
            "stillhouse 2026 idempotency index",
            [secret.as_bytes(), key],
        ),
        lock: derive("stillhouse 2026 idempotency lock", [secret.as_bytes(), key]),
        request: derive(
            "stillhouse 2026 idempotency request",
            [received.path.as_bytes(), body],
        ),
    }
}

fn conflict(message: &'static str) -> ApiError {
    ApiError::of(Reason::IdempotencyConflict).with_message(message)
}

/// Runs what waits for a disk off the request path's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    let result = done.unwrap_or_else(|error| Err(error.to_string()));
    result.map_err(|error| {
        tracing::error!(error, "the vault can't be read or written");
        ApiError::of(Reason::LedgerUnavailable)
    })
}

/// What of an exchange has to be kept when it ends.
pub(crate) struct Keeping {
    pub(crate) turn: Option<Turn>,
    pub(crate) stored_request: Option<Bytes>,
}

impl Keeping {
    /// Nothing at all, as for most.
    pub(crate) fn is_nothing(&self) -> bool {
        self.turn.is_none() && self.stored_request.is_none()
    }

    /// Keeps the answer. Where the vault takes nothing the exchange goes on without.
    pub(crate) async fn keep(
        mut self,
        gateway: Arc<Gateway>,
        status: u16,
        content_type: String,
        answer: Bytes,
    ) -> (Kept, Option<Turn>) {
        let now = gateway.now();
        let lock = self.turn.as_ref().map(|turn| turn.once.lock);
        let stored = self.stored_request.take();
        let facts = gateway.facts.clone();
        let keep_us = u64::try_from(gateway.options.keep_stored.as_micros()).unwrap_or(u64::MAX);
        let written = blocking(move || {
            let vault = facts.ledger().vault();
            let put = |bodies: &[&[u8]], lock: Lock<'_>, for_us: u64| {
                let until = now.plus_micros(for_us).micros();
                vault
                    .put(bodies, lock, until)
                    .map_err(|error| error.to_string())
            };
            let mut once = None;
            if let Some(lock) = &lock {
                once = put(&[&answer], Lock::Key(lock), DAY_US)?.first().copied();
            }
            let mut bodies = None;
            if let Some(request) = &stored
                && let [request, answer] = put(&[request, &answer], Lock::House, keep_us)?[..]
            {
                bodies = Some([request, answer]);
            }
            Ok((once, bodies))
        })
        .await;
        let Ok((answer, bodies)) = written else {
            return (Kept::default(), self.turn);
        };
        let idempotency = self
            .turn
            .as_ref()
            .zip(answer)
            .map(|(turn, answer)| Idempotency {
                key: turn.once.key,
                request: turn.once.request,
                answer,
                status,
                content_type,
            });
        if let Some(turn) = &mut self.turn {
            turn.finished.clone_from(&idempotency);
        }
        (
            Kept {
                bodies,
                idempotency,
            },
            self.turn,
        )
    }
}
