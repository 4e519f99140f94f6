//! Facts to payloads and back: postcard (<https://postcard.jamesmunns.com/wire-format>), one kind
//! number for each sort of fact. What is released stays readable for ever.

use record::{Exchange, Fact, Refusal, Slice};
use serde::{Deserialize, Serialize};

/// Kind numbers of facts. Numbers below 16 are the ledger's own; a number is never used again.
pub mod kind {
    /// [`record::Fact::ServerStarted`]
    pub const SERVER_STARTED: u16 = 16;
    /// [`record::Fact::ServerStopped`]
    pub const SERVER_STOPPED: u16 = 17;
    /// [`record::Fact::Changed`]
    pub const CHANGED: u16 = 18;
    /// [`record::Fact::SliceReserved`]
    pub const SLICE_RESERVED: u16 = 19;
    /// [`record::Fact::SliceSettled`]
    pub const SLICE_SETTLED: u16 = 20;
    /// [`record::Fact::Exchange`]
    pub const EXCHANGE: u16 = 21;
    /// [`record::Fact::Refusal`]
    pub const REFUSAL: u16 = 22;
    /// [`record::Fact::RefusalsCounted`]
    pub const REFUSALS_COUNTED: u16 = 23;
    /// [`record::Fact::Run`]
    pub const RUN: u16 = 24;
}

/// The version of the payloads that this code writes.
pub const VERSION: u16 = 1;

/// Why a payload is not a fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A newer version wrote it.
    #[error("kind {kind} version {version} is newer than this program; upgrade it to read on")]
    Unknown {
        /// Its kind.
        kind: u16,
        /// Its version.
        version: u16,
    },
    /// The bytes are not of that kind.
    #[error("a payload of kind {kind} can't be read: {why}")]
    Malformed {
        /// Its kind.
        kind: u16,
        /// What the decoder said.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Started {
    version: String,
}

#[derive(Serialize, Deserialize)]
struct Settled {
    slice: record::Id<record::id::kind::Slice>,
    spent: record::Amount,
    overrun: record::Amount,
}

#[derive(Serialize, Deserialize)]
struct Counted {
    from: record::Time,
    until: record::Time,
    count: u64,
}

#[derive(Serialize, Deserialize)]
struct Changed {
    by: record::Actor,
    why: String,
    change: Box<record::Change>,
}

#[derive(Serialize, Deserialize)]
struct Ran {
    run: record::Id<record::id::kind::Run>,
    event: Box<record::RunEvent>,
}

/// Appends the fact's payload to `out` and returns its kind.
pub fn encode(fact: &Fact, out: &mut Vec<u8>) -> u16 {
    match fact {
        Fact::ServerStarted { version } => {
            write(
                &Started {
                    version: version.clone(),
                },
                out,
            );
            kind::SERVER_STARTED
        }
        Fact::ServerStopped => kind::SERVER_STOPPED,
        Fact::Changed { by, why, change } => {
            let changed = Changed {
                by: by.clone(),
                why: why.clone(),
                change: change.clone(),
            };
            write(&changed, out);
            kind::CHANGED
        }
        Fact::SliceReserved(slice) => {
            write(slice, out);
            kind::SLICE_RESERVED
        }
        Fact::SliceSettled {
            slice,
            spent,
            overrun,
        } => {
            write(
                &Settled {
                    slice: *slice,
                    spent: *spent,
                    overrun: *overrun,
                },
                out,
            );
            kind::SLICE_SETTLED
        }
        Fact::Exchange(exchange) => {
            write(exchange.as_ref(), out);
            kind::EXCHANGE
        }
        Fact::Refusal(refusal) => {
            write(refusal.as_ref(), out);
            kind::REFUSAL
        }
        Fact::RefusalsCounted { from, until, count } => {
            let (from, until, count) = (*from, *until, *count);
            write(&Counted { from, until, count }, out);
            kind::REFUSALS_COUNTED
        }
        Fact::Run { run, event } => {
            let (run, event) = (*run, event.clone());
            write(&Ran { run, event }, out);
            kind::RUN
        }
    }
}

fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    let bytes = std::mem::take(out);
    // Into a growing buffer, and these types have no maps of unknown length: nothing can fail.
    *out = postcard::to_extend(value, bytes).expect("plain data is written to memory");
}

/// Reads a payload back; `None` for the ledger's own kinds (heads, markers).
///
/// # Errors
/// A newer kind or version, or bytes that are not of that kind.
pub fn decode(kind: u16, version: u16, payload: &[u8]) -> Result<Option<Fact>, DecodeError> {
    if kind < kind::SERVER_STARTED {
        return Ok(None);
    }
    if version != VERSION || kind > kind::RUN {
        return Err(DecodeError::Unknown { kind, version });
    }
    let fact = match kind {
        kind::SERVER_STARTED => {
            let Started { version } = read(kind, payload)?;
            Fact::ServerStarted { version }
        }
        kind::SERVER_STOPPED => Fact::ServerStopped,
        kind::CHANGED => {
            let Changed { by, why, change } = read(kind, payload)?;
            Fact::Changed { by, why, change }
        }
        kind::SLICE_RESERVED => Fact::SliceReserved(read::<Slice>(kind, payload)?),
        kind::SLICE_SETTLED => {
            let Settled {
                slice,
                spent,
                overrun,
            } = read(kind, payload)?;
            Fact::SliceSettled {
                slice,
                spent,
                overrun,
            }
        }
        kind::EXCHANGE => Fact::Exchange(Box::new(read::<Exchange>(kind, payload)?)),
        kind::REFUSAL => Fact::Refusal(Box::new(read::<Refusal>(kind, payload)?)),
        kind::REFUSALS_COUNTED => {
            let Counted { from, until, count } = read(kind, payload)?;
            Fact::RefusalsCounted { from, until, count }
        }
        _ => {
            let Ran { run, event } = read(kind, payload)?;
            Fact::Run { run, event }
        }
    };
    Ok(Some(fact))
}

fn read<'a, T: Deserialize<'a>>(kind: u16, payload: &'a [u8]) -> Result<T, DecodeError> {
    let malformed = |why: String| DecodeError::Malformed { kind, why };
    match postcard::take_from_bytes(payload) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(malformed(format!("{} bytes too many", rest.len()))),
        Err(error) => Err(malformed(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
