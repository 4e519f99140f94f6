//! What a service manager is told, on a notify socket as systemd opens one: ready when the port
//! answers, reloading and ready again, stopping.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::still::Still;

/// The next thing told; long enough for a busy machine.
fn told(socket: &UnixDatagram) -> String {
    let patience = Duration::from_secs(60);
    socket.set_read_timeout(Some(patience)).unwrap();
    let mut datagram = [0; 256];
    let length = socket.recv(&mut datagram).unwrap();
    String::from_utf8(datagram[..length].to_vec()).unwrap()
}

/// The machine's monotonic clock in microseconds.
fn monotonic_micros() -> u128 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(time).unwrap().as_micros()
}

#[test]
fn a_service_manager_hears_ready_reloading_and_stopping() {
    let still = Still::new();
    let place = still.data.path().join("notify");
    let socket = UnixDatagram::bind(&place).unwrap();
    let server = still.start(&[("NOTIFY_SOCKET", place.to_str().unwrap())]);
    assert_eq!(told(&socket), "READY=1", "{}", server.read_log());
    assert!(still.is_open(), "it is ready before its port answers");
    let status = still.json(&["status"]);
    assert_eq!(status["in_flight"], 0, "{status}");

    // Ready again means that what was read is in force.
    still.write_settings("[plans.default]\nrequests_per_minute = 7\n", "");
    let before = monotonic_micros();
    server.signal("-HUP");
    let reloading = told(&socket);
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    let since: u128 = since.expect(&reloading).parse().unwrap();
    assert!((before..=monotonic_micros()).contains(&since), "{since}");
    assert_eq!(told(&socket), "READY=1");
    let plan = still.json(&["plan", "show", "default"]);
    assert_eq!(plan["limits"]["requests_per_minute"], 7);

    // A wrong file changes nothing, and the server is as ready as before.
    still.write_settings("[plans.default]\nrequests_per_minut = 1\n", "");
    server.signal("-HUP");
    assert!(told(&socket).starts_with("RELOADING=1\n"));
    assert_eq!(told(&socket), "READY=1");
    assert!(
        server
            .read_log()
            .contains("the settings were not read again")
    );

    server.signal("-TERM");
    assert_eq!(told(&socket), "STOPPING=1");
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn the_socket_may_be_abstract() {
    let still = Still::new();
    let name = format!("stillhouse-test-{}-{}", std::process::id(), still.port);
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let server = still.start(&[("NOTIFY_SOCKET", &format!("@{name}"))]);
    assert_eq!(told(&socket), "READY=1", "{}", server.read_log());
    assert!(still.is_open());
}

#[test]
fn nobody_who_listens_is_no_failure() {
    let still = Still::new();
    let server = still.start(&[("NOTIFY_SOCKET", "/nonexistent/notify")]);
    crate::still::until("the server answers", || still.is_open());
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
}
