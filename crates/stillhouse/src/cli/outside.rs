//! What flags and environment say about the settings; a flag wins over a variable.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::arguments::{Global, Serve};
use crate::settings::{Error, Origin, Outside};
use crate::world;

/// Both, each value with the name that it was said by.
///
/// # Errors
/// A variable that can't be.
pub(super) fn outside(global: &Global, serve: Option<&Serve>) -> Result<Outside, Error> {
    let config = global
        .config
        .clone()
        .or_else(|| world::env("STILLHOUSE_CONFIG").map(PathBuf::from));
    let flag = |value: Option<PathBuf>| value.map(|value| (value, Origin::Flag("--data-dir")));
    let data_dir = flag(global.data_dir.clone()).or_else(|| {
        let name = "STILLHOUSE_DATA_DIR";
        world::env(name).map(|value| (PathBuf::from(value), Origin::Env(name)))
    });
    let mut outside = Outside {
        config,
        data_dir,
        listen: listen()?,
        workers: workers()?,
        log_filter: world::env("STILLHOUSE_LOG")
            .map(|value| (value, Origin::Env("STILLHOUSE_LOG"))),
        home: world::home(),
        processors: world::processors(),
    };
    if let Some(serve) = serve {
        if !serve.listen.is_empty() {
            outside.listen = Some((serve.listen.clone(), Origin::Flag("--listen")));
        }
        if let Some(workers) = serve.workers {
            outside.workers = Some((workers, Origin::Flag("--workers")));
        }
        if let Some(filter) = &serve.log {
            outside.log_filter = Some((filter.clone(), Origin::Flag("--log")));
        }
    }
    Ok(outside)
}

fn listen() -> Result<Option<(Vec<SocketAddr>, Origin)>, Error> {
    const NAME: &str = "STILLHOUSE_LISTEN";
    let Some(text) = world::env(NAME) else {
        return Ok(None);
    };
    let parse = |part: &str| {
        part.trim().parse().map_err(|_| Error::Outside {
            name: NAME,
            what: format!("`{part}` is no address such as 127.0.0.1:8080"),
        })
    };
    let addresses = text.split(',').map(parse).collect::<Result<_, _>>()?;
    Ok(Some((addresses, Origin::Env(NAME))))
}

fn workers() -> Result<Option<(usize, Origin)>, Error> {
    const NAME: &str = "STILLHOUSE_WORKERS";
    let Some(text) = world::env(NAME) else {
        return Ok(None);
    };
    let workers = text.parse().map_err(|_| Error::Outside {
        name: NAME,
        what: format!("`{text}` is no number"),
    })?;
    Ok(Some((workers, Origin::Env(NAME))))
}
