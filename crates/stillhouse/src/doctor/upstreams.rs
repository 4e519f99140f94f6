//! Upstreams: each server is asked for its list of models, once; a model in process needs its
//! file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use sha2::{Digest, Sha256};
use upstream::{Ask, HttpUpstream, Upstream};

use super::Findings;
use crate::failure::{Failure, Result};
use crate::models::Shelf;
use crate::serve::dialled;
use crate::settings::{self, LocalFile, Servers, Settings};

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn look(settings: &Settings, found: &mut Findings) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("starting a runtime"))?;
    for (name, upstream) in &settings.upstreams {
        match upstream {
            settings::Upstream::Servers(servers) => {
                runtime.block_on(dial(name, servers, found));
            }
            settings::Upstream::Local(local) => model(settings, name, &local.file, found),
        }
    }
    let unused = settings.upstreams.keys().find(|name| {
        let mut models = settings.models.values();
        !models.any(|model| model.upstream == **name)
    });
    if let Some(name) = unused {
        let what = format!("no model uses the upstream `{name}`");
        found.advice(
            "upstream",
            what,
            "add a [models.NAME] for it, or take it away",
        );
    }
    Ok(())
}

async fn dial(name: &str, servers: &Servers, found: &mut Findings) {
    let settings = match dialled(name, servers) {
        Ok(settings) => settings,
        Err(failure) => {
            let hint = failure.hint().unwrap_or_else(|| "see [upstreams]".into());
            return found.fault("upstream", failure.to_string(), hint);
        }
    };
    for server in &settings.servers {
        let alone = upstream::Settings {
            servers: vec![server.clone()],
            connect_timeout: PATIENCE,
            first_byte_timeout: PATIENCE,
            idle_timeout: PATIENCE,
            retries: 0,
            ..settings.clone()
        };
        match HttpUpstream::new(&alone) {
            Ok(upstream) => ask(name, server, &upstream, found).await,
            Err(error) => found.fault("upstream", error.to_string(), "see [upstreams]"),
        }
    }
}

async fn ask(name: &str, server: &str, upstream: &HttpUpstream, found: &mut Findings) {
    let at = format!("`{name}` at {server}");
    match upstream.ask(Ask::models()).await {
        Ok(answer) => match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let what = format!("{at} refuses its credential ({})", answer.status);
                found.fault("upstream", what, "see `secret` of this upstream");
            }
            status if status.is_server_error() => {
                let what = format!("{at} answers {status}");
                found.warning("upstream", what, "look at that server's own log");
            }
            status => found.good("upstream", format!("{at} answers ({status})")),
        },
        Err(error) => {
            let hint = "see that the server runs and that its base URL is right";
            found.fault("upstream", error.to_string(), hint);
        }
    }
}

fn model(settings: &Settings, name: &str, file: &LocalFile, found: &mut Findings) {
    let shelf = Shelf::new(&settings.data_dir);
    let (path, hint) = match file {
        LocalFile::Path(path) => (path.clone(), format!("see `file` of the upstream `{name}`")),
        LocalFile::Pulled(model) => match shelf.find(model) {
            Ok(pulled) => (
                pulled.file,
                format!("`stillhouse model pull {model}` again"),
            ),
            Err(failure) => {
                let hint = failure.hint().unwrap_or_default();
                return found.fault("model", failure.to_string(), hint);
            }
        },
    };
    let place = path.display();
    match digest(&path) {
        Err(error) => found.fault("model", format!("{place}: {error}"), hint),
        Ok((false, _)) => found.fault("model", format!("{place} is no GGUF file"), hint),
        Ok((true, digest)) => match known_digest(file).filter(|known| *known != digest) {
            Some(known) => {
                let what = format!("{place} has SHA-256 {digest}, not {known}: it was changed");
                found.fault("model", what, hint);
            }
            None => found.good("model", format!("{place}, SHA-256 {digest}")),
        },
    }
}

/// The digest that a model of this name must have, where the program knows it.
fn known_digest(file: &LocalFile) -> Option<&'static str> {
    match file {
        LocalFile::Pulled(name) if name == settings::DEFAULT_MODEL => {
            Some(crate::models::DEFAULT_SHA256)
        }
        _ => None,
    }
}

/// Whether it begins as a GGUF file does, and its SHA-256; reads all of it.
fn digest(path: &Path) -> std::io::Result<(bool, String)> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut magic = [0; 4];
    file.read_exact(&mut magic)?;
    let mut hasher = Sha256::new();
    hasher.update(magic);
    loop {
        let read = file.fill_buf()?;
        if read.is_empty() {
            break;
        }
        hasher.update(read);
        let length = read.len();
        file.consume(length);
    }
    Ok((&magic == b"GGUF", hex::encode(hasher.finalize())))
}
