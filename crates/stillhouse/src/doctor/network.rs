//! Ports: whether they are free, or answered by our own server; and what others could reach.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::Findings;
use crate::settings::Settings;

const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn look(settings: &Settings, served: bool, found: &mut Findings) {
    for address in &settings.server.listen {
        port("public port", *address, served, found);
    }
    let url = &settings.server.public_url;
    let reachable = settings
        .server
        .listen
        .iter()
        .find(|one| !one.ip().is_loopback());
    if let (Some(address), true) = (reachable, url.starts_with("http://")) {
        let what = format!("{address} is reachable without encryption: keys travel in the clear");
        let hint = "listen on loopback behind a TLS proxy, and set server.public_url to https://…";
        found.warning("port", what, hint);
    }
}

/// One listener: free where no server runs, ours where one does.
fn port(name: &str, address: SocketAddr, served: bool, found: &mut Findings) {
    if served {
        return match is_ours(address) {
            true => found.good("port", format!("the {name} {address} is served")),
            false => {
                let what = format!("a server runs, but the {name} {address} is not its own");
                let hint = "it was started with other settings, or is stopping; restart it";
                found.warning("port", what, hint);
            }
        };
    }
    match TcpListener::bind(address) {
        Ok(_) => found.good("port", format!("the {name} {address} is free")),
        Err(error) => {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => {
                    "stop the other process, or name another port in server.listen"
                }
                ErrorKind::PermissionDenied => {
                    "ports below 1024 need CAP_NET_BIND_SERVICE; name a higher one"
                }
                _ => "name an address of this machine in server.listen",
            };
            let what = format!("the {name} {address} can't be listened on: {error}");
            found.fault("port", what, hint);
        }
    }
}

/// Whether the health page there answers as ours does.
fn is_ours(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.ends_with("{\"status\":\"ok\"}"))
}
