//! Driving a gateway on this machine: a small server stands in for it.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sim::{Drive, Engine};

use crate::kit;

/// Answers each request with 200 and counts; closes when the client does.
fn server() -> (u16, Arc<AtomicU64>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(AtomicU64::new(0));
    let count = seen.clone();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut got = Vec::new();
            let mut piece = [0u8; 16_384];
            while let Ok(read @ 1..) = socket.read(&mut piece) {
                got.extend_from_slice(&piece[..read]);
                while let Some(end) = whole(&got) {
                    got.drain(..end);
                    count.fetch_add(1, Ordering::SeqCst);
                    socket
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                        .unwrap();
                }
            }
        }
    });
    (port, seen)
}

/// Where the first request ends, once it is all there.
fn whole(got: &[u8]) -> Option<usize> {
    let head = got.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&got[..head]).to_lowercase();
    assert!(text.contains("authorization: bearer k"), "{text}");
    let length: usize = text
        .split("content-length: ")
        .nth(1)?
        .split("\r\n")
        .next()?
        .parse()
        .ok()?;
    (got.len() >= head + length).then_some(head + length)
}

fn bounds(url: String) -> Drive {
    Drive {
        url,
        keys: vec!["k1".into(), "k2".into()],
        model: Some("m".into()),
        most: 40,
        time: Duration::from_secs(60),
        rate: 500.0,
    }
}

#[test]
fn a_drive_stops_at_its_bound() {
    let (port, seen) = server();
    let world = kit::preset("small");
    let driven = sim::drive(bounds(format!("http://127.0.0.1:{port}")), |sink| {
        let engine = Engine::new(&world, 1, None, sink)?;
        engine.run(sink, &mut |_| {}).map(drop)
    })
    .unwrap();
    assert_eq!(driven.statuses.get(&200), Some(&40));
    assert_eq!((driven.failed, seen.load(Ordering::SeqCst)), (0, 40));
}

#[test]
fn other_addresses_and_wider_bounds_are_refused() {
    let never = |drive: Drive| {
        sim::drive(drive, |_| panic!("the world was played"))
            .unwrap_err()
            .to_string()
    };
    assert!(never(bounds("http://192.0.2.1:80".into())).contains("loopback"));
    assert!(
        never(Drive {
            most: 1 << 40,
            ..bounds("http://127.0.0.1:9".into())
        })
        .contains("at most")
    );
    assert!(
        never(Drive {
            rate: 1e9,
            ..bounds("http://127.0.0.1:9".into())
        })
        .contains("at most")
    );
    assert!(
        never(Drive {
            keys: Vec::new(),
            ..bounds("http://127.0.0.1:9".into())
        })
        .contains("keys")
    );
}
