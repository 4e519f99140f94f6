//! The server: one a folder, its socket, signals, and what a kill leaves.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use crate::still::{Still, until};

#[test]
fn two_servers_on_one_folder_are_refused() {
    let still = Still::new();
    let server = still.serve();
    let said = still.say(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("in use by another process"),
        "{}",
        said.err
    );
    assert!(said.err.contains("hint:"), "{}", said.err);
    server.signal("-INT");
    assert_eq!(server.ended(), Some(0));
    assert!(!still.data.path().join("stillhouse.sock").exists());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let still = Still::new();
    let taken = std::net::TcpListener::bind(("127.0.0.1", still.port)).unwrap();
    let said = still.say(&["serve"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains(&format!("can't listen on 127.0.0.1:{}", still.port)),
        "{}",
        said.err
    );
    drop(taken);
}

#[test]
fn a_killed_server_leaves_what_it_acknowledged() {
    let still = Still::new();
    let server = still.serve();
    let secret = still.account();
    let (status, body) = still.ask(&secret);
    assert_eq!(status, 200, "{body}");
    server.signal("-KILL");
    assert_eq!(server.ended(), None);
    assert!(
        still.data.path().join("stillhouse.sock").exists(),
        "a stale socket stays behind"
    );
    // Without a server the verbs go on by the lease, and a new server replaces the socket.
    assert_eq!(still.json(&["ledger", "cost"])["sum"]["requests"], 1);
    let server = still.serve();
    assert_eq!(still.ask(&secret).0, 200);
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    assert_eq!(still.json(&["ledger", "verify"])["sound"], true);
}

#[test]
fn the_socket_is_the_operators_alone_and_has_every_verb() {
    let still = Still::new();
    let _server = still.serve();
    let path = still.data.path().join("stillhouse.sock");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let call = |method: &str, route: &str, body: &str| {
        let mut stream = UnixStream::connect(&path).unwrap();
        let request = format!(
            "{method} {route} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for verb in operations::VERBS.iter() {
        let answer = call(
            "POST",
            &format!("/v1/{}/{}", verb.noun, verb.verb),
            "{\"no_field\":1}",
        );
        assert!(
            answer.starts_with("HTTP/1.1 400"),
            "{} {}: {answer}",
            verb.noun,
            verb.verb
        );
        assert!(answer.contains("no_field"), "{answer}");
    }
    let answer = call("POST", "/v1/account/steal", "{}");
    assert!(
        answer.starts_with("HTTP/1.1 404") && answer.contains("problem+json"),
        "{answer}"
    );
    assert!(call("GET", "/v1/account/list", "").starts_with("HTTP/1.1 405"));
    assert!(call("POST", "/v1/account/list", "{").starts_with("HTTP/1.1 400"));
    assert!(call("POST", "/v1/account/list", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_revoked_key_is_refused_at_once() {
    let still = Still::new();
    let _server = still.serve();
    let secret = still.account();
    assert_eq!(still.ask(&secret).0, 200);
    still.good(&["key", "revoke", &secret[..12]]);
    let (status, body) = still.ask(&secret);
    assert_eq!(status, 401, "{body}");
    let log = std::fs::read_to_string(still.data.path().join("log")).unwrap();
    assert!(!log.contains(&secret), "a secret is in the log");
}

#[test]
fn the_first_signal_drains_and_the_second_stops_at_once() {
    let still = Still::new();
    let server = still.serve();
    let secret = still.account();
    let asked = still.begin(&secret, "think for ever");
    until("the model is asked", || {
        still.json(&["status"])["in_flight"] == 1
    });
    server.signal("-TERM");
    until("the server drains", || {
        server.read_log().contains("draining")
    });
    // No new connection is taken, and the running answer is waited for.
    until("the door is shut", || {
        std::net::TcpStream::connect(("127.0.0.1", still.port)).is_err()
    });
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    drop(asked);
    assert_eq!(still.json(&["ledger", "verify"])["sound"], true);
}

#[test]
fn a_dead_upstream_is_told_of_though_nobody_asks() {
    let still = Still::new();
    let file = still.data.path().join("stillhouse.toml");
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = dead.local_addr().unwrap();
    drop(dead);
    let mut text = std::fs::read_to_string(&file).unwrap();
    text = text.replacen("[server]\n", "[server]\nupstream_probe_seconds = 1\n", 1);
    text.push_str(&format!(
        "[upstreams.dead]\nkind = \"openai\"\nservers = [\"http://{address}/v1\"]\n"
    ));
    std::fs::write(&file, text).unwrap();
    let _server = still.serve();
    let upstreams = || still.json(&["upstream", "list"])["upstreams"].clone();
    until("a probe of the dead server", || {
        upstreams()[1]["health"]["ready"] == 0
    });
    let all = upstreams();
    assert!(
        all[1]["servers"][0]["unreachable_since"].is_string(),
        "{all}"
    );
    assert_eq!(all[0]["health"]["ready"], 1, "{all}");
    assert!(all[0]["servers"][0]["unreachable_since"].is_null(), "{all}");
    let said = still.say(&["upstream", "list"]);
    assert!(said.out.contains("unreachable since 20"), "{}", said.out);
}
