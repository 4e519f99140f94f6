//! Ports: whether they are free, or answered by our own server; and what others could reach.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::Findings;
use crate::settings::Settings;

const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn look(settings: &Settings, served: bool, found: &mut Findings) {
    for address in &settings.server.listen {
        let is_ours = |answer: &str| answer.ends_with("{\"status\":\"ok\"}");
        let ours = served.then(|| answers(*address, is_ours));
        port("public port", *address, ours, found);
    }
    for address in &settings.operator.listen {
        let ours = served.then(|| answers(*address, |answer| answer.starts_with("HTTP/1.1 ")));
        port("operator's port", *address, ours, found);
    }
    exposed(
        "server",
        &settings.server.listen,
        &settings.server.public_url,
        found,
    );
    exposed(
        "operator",
        &settings.operator.listen,
        &settings.operator.public_url,
        found,
    );
}

/// A port that others can reach is reached by https, or credentials travel in the clear.
fn exposed(section: &str, listen: &[SocketAddr], url: &str, found: &mut Findings) {
    let reachable = listen.iter().find(|one| !one.ip().is_loopback());
    if let (Some(address), true) = (reachable, url.starts_with("http://")) {
        let what =
            format!("{address} is reachable without encryption: credentials travel in the clear");
        let hint = format!(
            "listen on loopback behind a TLS proxy, and set {section}.public_url to https://…"
        );
        found.warning("port", what, hint);
    }
}

/// One listener: free where no server runs; where one does, `ours` tells whether it answers there.
fn port(name: &str, address: SocketAddr, ours: Option<bool>, found: &mut Findings) {
    if let Some(ours) = ours {
        return match ours {
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

/// Whether what answers there is ours.
fn answers(address: SocketAddr, is_ours: fn(&str) -> bool) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| is_ours(&answer))
}
