//! Tells a service manager that we are ready, reloading, or stopping: systemd's notify protocol
//! (`sd_notify(3)`), one datagram to the socket that it names. Where none is named, nobody asked.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::world;

/// What is told.
pub(super) const READY: &str = "READY=1";
pub(super) const STOPPING: &str = "STOPPING=1";

/// That settings are read again, from now on until it is told `READY` anew. The time, on the
/// machine's monotonic clock, is what `Type=notify-reload` tells an answer to its signal by.
pub(super) fn reloading() -> String {
    let micros = world::monotonic().as_micros();
    format!("RELOADING=1\nMONOTONIC_USEC={micros}")
}

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
