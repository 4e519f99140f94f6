//! What the HTTP library refuses by itself, and heads that two readers could read differently.

use record::{Fact, Reason, Refusal};

use crate::client::request;
use crate::house::{House, house, http};
use crate::peer::{CHAT, Peer, json};
use crate::refusals::calm;

const PATH: &str = "/v1/chat/completions";
const ASK: &str = r#"{"model":"m","messages":[]}"#;
/// What must never be answered: it hides behind the body of another request.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";

/// Refusals of what was no request at all.
fn unreadable(house: &House) -> Vec<Refusal> {
    let of = |fact| match fact {
        Fact::Refusal(refusal) if refusal.path.is_empty() => Some(*refusal),
        _ => None,
    };
    house.facts().into_iter().filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_answered_closed_and_recorded() {
    let (peer, house) = calm().await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(70_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    let cases: [(&str, u16); 6] = [
        ("GET\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\na b: c\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nx: \0\r\n\r\n", 400),
        (&long, 414),
        (&many, 431),
    ];
    for (number, (bytes, status)) in (1..).zip(cases) {
        let shown = &bytes[..bytes.len().min(40)];
        let mut client = house.client().await;
        client.send(bytes.as_bytes()).await;
        let head = client.head().await.expect("an answer");
        assert_eq!(head.status, status, "{shown}");
        // The library writes it itself: it has neither a body nor an id.
        assert_eq!(head.header("content-length"), Some("0"), "{shown}");
        assert_eq!(head.header("connection"), Some("close"), "{shown}");
        assert!(client.is_closed().await, "{shown}");
        let enough = |house: &House| (unreadable(house).len() == number).then_some(());
        house.until("it is recorded", enough).await;
        let last = unreadable(&house).pop().unwrap();
        assert_eq!(
            (last.status, last.reason),
            (status, Reason::InvalidRequest),
            "{shown}"
        );
        assert_eq!(last.origin.address, "127.0.0.1");
        assert_eq!((last.account, last.key), (None, None));
    }
    assert!(peer.seen().is_empty());
    house.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_on_a_kept_connection_hide_no_request() {
    let peer = Peer::always(json("200 OK", "", CHAT)).await;
    let house = house(http(&peer)).await;
    let bearer = format!("Bearer {}", house.key);
    let first = request("POST", PATH, &[("authorization", &bearer)], ASK.as_bytes());
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: a\r\nauthorization: {bearer}\r\n");
    let chunked = format!("{:x}\r\n{ASK}\r\n0\r\n\r\n", ASK.len());
    let length = ASK.len();
    let short = ASK.len() - 4;
    let cases = [
        (
            format!("content-length: {length}\r\ncontent-length: {short}\r\n\r\n{ASK}"),
            400,
        ),
        (
            format!("content-length: {length}, {short}\r\n\r\n{ASK}"),
            400,
        ),
        // The coding decides, as RFC 9112 has it, and nothing is read behind it.
        (
            format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"),
            200,
        ),
        (
            format!("transfer-encoding: chunked\r\ncontent-length: {short}\r\n\r\n{chunked}"),
            200,
        ),
        (format!("transfer-encoding: chunked\r\n\r\n{chunked}"), 200),
        (format!("transfer-encoding: gzip\r\n\r\n{chunked}"), 400),
        (
            format!("transfer-encoding: gzip, chunked, gzip\r\n\r\n{chunked}"),
            400,
        ),
    ];
    for (lengths, status) in cases {
        let before = peer.seen().len();
        let mut client = house.client().await;
        client.send(&first).await;
        assert_eq!(client.answer().await.status(), 200);
        client
            .send(format!("{head}{lengths}{HIDDEN}").as_bytes())
            .await;
        let answer = client.head().await.expect("an answer");
        assert_eq!(answer.status, status, "{lengths}");
        assert!(client.rest(answer).await.whole);
        assert!(client.is_closed().await, "{lengths}");
        let asked = 1 + usize::from(status == 200);
        assert_eq!(peer.seen().len(), before + asked, "{lengths}");
        assert!(peer.seen().iter().all(|seen| seen.body == ASK));
    }
    house.finish().await;
}
