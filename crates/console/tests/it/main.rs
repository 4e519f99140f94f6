//! The operator's ports over houses with real ledgers: the socket with its client here, the
//! TCP port in the modules.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

mod api;
mod auth;
mod bad;
mod browser;
mod house;
mod live;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use console::{Client, Error, Socket};
use operations::House;
use serde_json::json;
use tokio::sync::watch;

fn house(folder: &Path) -> Arc<House> {
    house::house(folder, Arc::new(AtomicU64::new(house::START_US)))
}

#[tokio::test]
async fn a_verb_goes_there_and_back_and_the_caller_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(&folder.path().join("ledger"));
    let path = folder.path().join("s.sock");
    assert!(
        Client::connect(&path).await.unwrap().is_none(),
        "nobody is there yet"
    );
    let socket = Socket::bind(&path).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(socket.serve(Arc::clone(&house), stopped));
    let mut client = Client::connect(&path).await.unwrap().unwrap();
    let made = client
        .call("organization", "create", &json!({ "name": "A" }))
        .await
        .unwrap();
    assert_eq!(made["name"], "A");
    let tail = client
        .call("ledger", "tail", &json!({ "limit": 1 }))
        .await
        .unwrap();
    let by = tail["entries"][0]["fact"]["by"]["operator"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        by.starts_with("uid:") && by[4..].parse::<u32>().is_ok(),
        "{by}"
    );
    let refused = client
        .call("account", "show", &json!({ "account": "x" }))
        .await
        .unwrap_err();
    let Error::Refused(operations::Error::NotFound { hint, .. }) = refused else {
        panic!("{refused}");
    };
    assert!(hint.is_some(), "the hint goes over the socket too");
    let taken = Socket::bind(&path).await;
    assert!(matches!(taken, Err(Error::InUse { .. })));
    drop(client);
    stop.send(true).unwrap();
    served.await.unwrap();
    assert!(!path.exists(), "a socket that nobody answers on is removed");
    house.facts.close().unwrap();
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_long_path_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(Client::connect(&path).await.unwrap().is_none());
    Socket::bind(&path).await.unwrap();
    let long = folder.path().join("x".repeat(120)).join("s.sock");
    assert!(matches!(
        Socket::bind(&long).await,
        Err(Error::TooLong { .. })
    ));
    assert!(Client::connect(&long).await.unwrap().is_none());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(&folder.path().join("ledger"));
    let path = folder.path().join("s.sock");
    let socket = Socket::bind(&path).await.unwrap();
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(socket.serve(Arc::clone(&house), stopped));
    let mut client = Client::connect(&path).await.unwrap().unwrap();
    let name = "x".repeat(console::MAX_BODY_BYTES + 1);
    let called = client
        .call("organization", "create", &json!({ "name": name }))
        .await;
    // The refusal, or a connection that was closed while the body was still being sent.
    assert!(matches!(
        called,
        Err(Error::Refused(_) | Error::Broken { .. })
    ));
    let mut client = Client::connect(&path).await.unwrap().unwrap();
    assert!(client.call("server", "status", &json!({})).await.is_ok());
    assert_eq!(house.facts.directory().organizations().count(), 0);
}
