//! The socket and its client, over a house with a real ledger.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::path::Path;
use std::sync::Arc;

use console::{Client, Error, Socket};
use guard::admission::Table;
use ledger::facts::Facts;
use operations::model::Model;
use operations::{House, Serving};
use record::{Amount, Time};
use serde_json::json;
use tokio::sync::watch;

struct Nobody;

impl Serving for Nobody {
    fn models(&self) -> Vec<Model> {
        Vec::new()
    }
    fn in_flight(&self) -> u64 {
        0
    }
}

fn house(folder: &Path) -> Arc<House> {
    let random: operations::Random = Arc::new(|bytes: &mut [u8]| getrandom::fill(bytes).unwrap());
    let now = || 1_764_000_000_000_000;
    let options = ledger::Options::new(folder, Arc::new(now), Arc::clone(&random));
    Arc::new(House {
        facts: Facts::open(options, "test").unwrap(),
        table: Arc::new(Table::new(Vec::new(), Box::new(|_| Amount::ZERO))),
        serving: Arc::new(Nobody),
        clock: Arc::new(move || Time::from_micros(now())),
        random,
        version: "test".into(),
        public_url: "http://127.0.0.1:1".into(),
        since: None,
    })
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
