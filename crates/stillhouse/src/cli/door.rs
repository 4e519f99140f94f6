//! The way to the house: over the socket of a running server, else by the ledger's own lease.

use std::path::Path;
use std::sync::Arc;

use console::Client;
use ledger::Reader;
use operations::{Verb, Way};
use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::settings::Settings;
use crate::{wiring, world};

/// The socket's name in the data folder.
pub(crate) const SOCKET: &str = "stillhouse.sock";

/// Calls a verb by the way that it needs.
///
/// # Errors
/// The verb's, or the way's.
pub(super) fn call(settings: &Settings, verb: &Verb, input: Value) -> Result<Value> {
    match verb.way() {
        Way::Reader(call) => Ok(call(&reader(settings)?, input)?),
        Way::House(call) => match remote(settings, verb, &input)? {
            Some(output) => Ok(output),
            None => {
                let facts = wiring::open_ledger(settings)?;
                let table = wiring::open_table(settings, &facts);
                wiring::follow(&facts, &table, |_| {});
                let serving = Arc::new(wiring::Written::of(settings));
                let house = wiring::house(settings, facts.clone(), table, serving, None);
                let called = call(&house, &world::operator(), input);
                let closed = facts.close();
                let output = called?;
                closed?;
                Ok(output)
            }
        },
    }
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

fn remote(settings: &Settings, verb: &Verb, input: &Value) -> Result<Option<Value>> {
    let socket = settings.data_dir.join(SOCKET);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("starting a runtime"))?;
    runtime.block_on(async {
        let Some(mut client) = Client::connect(&socket).await? else {
            return Ok(None);
        };
        Ok(Some(client.call(verb.noun, verb.verb, input).await?))
    })
}

/// A path that means the same to the server as to the caller.
///
/// # Errors
/// There is no working folder.
pub(super) fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    std::path::absolute(path).map_err(Failure::system(format!("path {}", path.display())))
}
