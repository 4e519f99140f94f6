//! The way to the house: over the socket of a running server, else by the ledger's own lease.

use std::path::Path;
use std::sync::Arc;

use console::Client;
use distill::runs::Runs;
use ledger::Reader;
use operations::{Verb, Way};
use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::settings::Settings;
use crate::{wiring, world};

/// The socket's name in the data folder.
pub(crate) const SOCKET: &str = "stillhouse.sock";

/// Calls a verb once.
type Call<'a> = &'a mut dyn FnMut(Value) -> Result<Value>;

/// Calls a verb by the way that it needs.
///
/// # Errors
/// The verb's, or the way's.
pub(super) fn call(settings: &Settings, verb: &Verb, input: Value) -> Result<Value> {
    with(settings, verb, |call| call(input))
}

/// Opens the way that a verb needs, once for as many calls of it as `work` makes.
///
/// # Errors
/// The verb's, or the way's.
pub(super) fn with<T>(
    settings: &Settings,
    verb: &Verb,
    work: impl FnOnce(Call<'_>) -> Result<T>,
) -> Result<T> {
    match verb.way() {
        Way::Reader(call) => {
            let reader = reader(settings)?;
            work(&mut |input| Ok(call(&reader, input)?))
        }
        Way::House(call) => match Remote::connect(settings)? {
            Some(mut remote) => work(&mut |input| remote.call(verb, &input)),
            None => {
                let facts = wiring::open_ledger(settings)?;
                let table = wiring::open_table(settings, &facts);
                wiring::follow(&facts, &table, |_| {});
                let serving = Arc::new(wiring::Written::of(settings));
                let folded = Arc::new(Runs::held(facts.clone()));
                let books = (facts.clone(), folded);
                let house = wiring::house(settings, books, table, serving, None)?;
                let by = world::operator();
                let worked = work(&mut |input| Ok(call(&house, &by, input)?));
                let closed = facts.close();
                let worked = worked?;
                closed?;
                Ok(worked)
            }
        },
    }
}

/// Calls a verb of the server that runs on the data folder; `None` where none runs.
///
/// # Errors
/// The verb's, or the way's.
pub(super) fn beside(
    settings: &Settings,
    (noun, verb): (&str, &str),
    input: &Value,
) -> Result<Option<Value>> {
    let Some(mut remote) = Remote::connect(settings)? else {
        return Ok(None);
    };
    let called = remote.client.call(noun, verb, input);
    Ok(Some(remote.runtime.block_on(called)?))
}

/// The ledger's files, to read.
///
/// # Errors
/// The ledger's.
pub(super) fn reader(settings: &Settings) -> Result<Reader> {
    let written = &settings.ledger;
    let reader = Reader::open(&written.folder, written.heads_file.as_deref());
    Ok(reader.map_err(operations::Error::from)?)
}

/// The runs of the ledger's files.
///
/// # Errors
/// The ledger's.
pub(super) fn runs(settings: &Settings) -> Result<Runs> {
    Ok(Runs::files(reader(settings)?))
}

/// A running server, over one connection.
struct Remote {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Remote {
    /// Connects; `None` where no server runs.
    fn connect(settings: &Settings) -> Result<Option<Self>> {
        let socket = settings.data_dir.join(SOCKET);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::system("starting a runtime"))?;
        let client = runtime.block_on(Client::connect(&socket))?;
        Ok(client.map(|client| Self { runtime, client }))
    }

    fn call(&mut self, verb: &Verb, input: &Value) -> Result<Value> {
        let called = self.client.call(verb.noun, verb.verb, input);
        Ok(self.runtime.block_on(called)?)
    }
}

/// A path that means the same to the server as to the caller.
///
/// # Errors
/// There is no working folder.
pub(super) fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    std::path::absolute(path).map_err(Failure::system(format!("path {}", path.display())))
}
