//! Tells a service manager that we are ready, or stopping: systemd's notify protocol, one datagram
//! to the socket that it names. Where none is named, nobody asked.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::world;

/// What is told.
pub(super) const READY: &str = "READY=1";
pub(super) const STOPPING: &str = "STOPPING=1";

/// Tells it. That nobody hears it is no failure of ours.
pub(super) fn tell(state: &str) {
    let Some(place) = world::env("NOTIFY_SOCKET") else {
        return;
    };
    let told = || -> std::io::Result<()> {
        let address = match place.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&place)?,
        };
        UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
        Ok(())
    };
    if let Err(error) = told() {
        tracing::warn!(%error, "the service manager can't be told");
    }
}
