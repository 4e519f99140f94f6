//! The operator's port: its listeners, what it is made of, and the first admin's link.

use std::io::Write;
use std::sync::Arc;

use console::{Metrics, Operator, Parts};
use operations::House;
use tokio::net::TcpListener;

use crate::failure::{Failure, Result};
use crate::settings::{Error, Settings};
use crate::world;

/// Listens where the settings say; nowhere is no port at all.
///
/// # Errors
/// An address that can't be listened on.
pub(super) async fn listen(settings: &Settings) -> Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in &settings.operator.listen {
        let bound = TcpListener::bind(address).await;
        listeners.push(bound.map_err(|source| Failure::ListenOperator {
            address: *address,
            source,
        })?);
    }
    Ok(listeners)
}

/// The port over its listeners.
///
/// # Errors
/// The scrape token can't be read.
pub(super) fn open(
    settings: &Settings,
    listeners: Vec<TcpListener>,
    house: Arc<House>,
    metrics: Option<Metrics>,
) -> Result<Operator> {
    let scrape_token = settings.operator.scrape_token.as_ref();
    let scrape_token = scrape_token.map(|place| place.read(world::env)).transpose();
    let scrape_token = scrape_token.map_err(|what| Error::Outside {
        name: "operator.scrape_token",
        what,
    })?;
    let parts = Parts {
        house,
        public_url: settings.operator.public_url.clone(),
        session: settings.operator.session,
        scrape_token,
        metrics,
    };
    Ok(Operator::new(listeners, parts))
}

/// Tells who starts the server how to become its first admin, where there is nobody yet. The
/// link holds a secret: it goes to the terminal, never to the log.
pub(super) fn greet(operator: &Operator) {
    if let Some(link) = operator.welcome() {
        let text = format!(
            "There is no operator yet. Who opens this becomes the first admin:\n  {link}\n"
        );
        // Without a terminal there is the command line: `stillhouse operator create`.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}
