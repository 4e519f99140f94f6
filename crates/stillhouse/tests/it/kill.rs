//! `kill -9` at a random moment under load, again and again on one folder: no acknowledged
//! exchange is lost, no money, and the chain verifies.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use record::{Amount, BudgetOwner, Change, Fact, Money};

use crate::still::Still;

/// Clients at the same time.
const CLIENTS: usize = 4;
/// What the account with plenty may spend, in billionths of a dollar.
const PLENTY: u64 = 1_000_000_000_000_000;
/// What a whole answer costs: 7 tokens of input at a dollar a thousand, in billionths of a dollar.
const COST: u64 = 7_000_000;

fn kills() -> u64 {
    if std::env::var_os("STILLHOUSE_SOAK").is_some() {
        200
    } else {
        20
    }
}

/// A number below `most`; no test may depend on which.
fn random(most: u64) -> u64 {
    RandomState::new().build_hasher().finish() % most
}

#[test]
fn kills_lose_no_acknowledged_exchange_and_no_money() {
    let kills = kills();
    // One account has plenty; the other's budget runs out before the end.
    let small = COST * 40 * kills;
    let still = Still::new();
    let upstream = model();
    write_settings(&still, upstream, small);
    let mut server = still.serve();
    let plenty = still.account();
    let more = [
        "account",
        "create",
        "small",
        "--organization",
        "Acme",
        "--plan",
        "small",
    ];
    still.good(&more);
    let made = still.json(&["key", "create", "--account", "small"]);
    let little = made["secret"].as_str().unwrap().to_owned();
    let mut acknowledged = HashSet::new();
    for kill in 0..kills {
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let secret = if client < CLIENTS / 2 {
                    &plenty
                } else {
                    &little
                };
                let (stop, secret, port) = (Arc::clone(&stop), secret.clone(), still.port);
                std::thread::spawn(move || load(port, &secret, client % 2 == 1, &stop))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20 + random(150)));
        server.signal("-KILL");
        assert_eq!(server.ended(), None);
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            acknowledged.extend(client.join().unwrap());
        }
        server = still.serve();
        let facts = facts(still.data.path());
        let known = ids(&facts);
        let lost: Vec<_> = acknowledged.difference(&known).collect();
        assert!(lost.is_empty(), "kill {kill} lost {lost:?}");
        check_money(&facts, small);
    }
    server.signal("-TERM");
    assert_eq!(server.ended(), Some(0));
    assert_eq!(still.json(&["ledger", "verify"])["sound"], true);
    assert!(
        acknowledged.len() as u64 > 40 * kills,
        "hardly anything was asked: {}",
        acknowledged.len()
    );
    let facts = facts(still.data.path());
    assert_eq!(
        check_money(&facts, small),
        0,
        "every slice is settled at the end"
    );
}

/// Two plans over a model whose every answer costs the same.
fn write_settings(still: &Still, upstream: u16, small: u64) {
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:{}\"]\n\
         [operator]\nlisten = []\n\
         [upstreams.canned]\nkind = \"openai\"\nservers = [\"http://127.0.0.1:{upstream}/v1\"]\n\
         [models.m]\nupstream = \"canned\"\nmax_output_tokens = 9\n\
         input_dollars_per_million_tokens = 1000\n\
         [plans.default]\nspend_dollars = \"{}\"\nspend_period = \"total\"\n\
         [plans.small]\nspend_dollars = \"{}\"\nspend_period = \"total\"\n",
        still.port,
        Money::from_nanos(PLENTY),
        Money::from_nanos(small),
    );
    std::fs::write(still.data.path().join("stillhouse.toml"), text).unwrap();
}

/// Settled and reserved stay within each budget at every prefix, and what was settled is what the
/// exchanges drew. Says how many slices are open.
fn check_money(facts: &[Fact], small: u64) -> usize {
    let mut bounds = HashMap::new();
    let mut open = HashMap::new();
    let mut drawn = HashMap::<_, Amount>::new();
    // Settled and reserved, by owner.
    let mut taken = HashMap::<BudgetOwner, u64>::new();
    for fact in facts {
        match fact {
            Fact::Changed { change, .. } => {
                if let Change::AccountCreated(account) = &**change {
                    let bound = if account.plan == "small" {
                        small
                    } else {
                        PLENTY
                    };
                    bounds.insert(BudgetOwner::Account(account.id), bound);
                }
            }
            Fact::SliceReserved(slice) => {
                let owner = slice.budget.owner;
                open.insert(slice.id, (owner, slice.reserved.money.nanos()));
                let taken = taken.entry(owner).or_default();
                *taken += slice.reserved.money.nanos();
                assert!(*taken <= bounds[&owner], "{taken} of {}", bounds[&owner]);
            }
            Fact::Exchange(exchange) => {
                let shares = exchange.shares.iter().fold(Amount::ZERO, |sum, share| {
                    let slice = drawn.entry(share.slice).or_default();
                    *slice = slice.plus(share.spent);
                    sum.plus(share.spent)
                });
                assert_eq!(shares.money, exchange.cost.money, "{}", exchange.id);
            }
            Fact::SliceSettled {
                slice,
                spent,
                overrun,
            } => {
                let (owner, reserved) = open.remove(slice).expect("a slice is settled once");
                assert_eq!(*overrun, Amount::ZERO);
                let drawn = drawn.remove(slice).unwrap_or_default();
                assert_eq!(spent.money, drawn.money, "{slice}");
                *taken.entry(owner).or_default() -= reserved - spent.money.nanos();
            }
            _ => {}
        }
    }
    open.len()
}

fn facts(data: &Path) -> Vec<Fact> {
    let reader = ledger::Reader::open(&data.join("ledger"), None).unwrap();
    let entries = reader.read(1..).map(Result::unwrap);
    entries
        .filter_map(|entry| {
            let header = &entry.header;
            ledger::facts::decode(header.kind, header.version, entry.payload().unwrap()).unwrap()
        })
        .collect()
}

fn ids(facts: &[Fact]) -> HashSet<String> {
    let id = |fact: &Fact| match fact {
        Fact::Exchange(exchange) => Some(exchange.id.to_string()),
        _ => None,
    };
    facts.iter().filter_map(id).collect()
}

/// Asks until the server is gone; the ids of the answers that were read to their last byte.
fn load(port: u16, secret: &str, streamed: bool, stop: &AtomicBool) -> Vec<String> {
    let mut ids = Vec::new();
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return ids;
    };
    let mut stream = BufReader::new(stream);
    while !stop.load(Ordering::Relaxed) {
        match ask(&mut stream, secret, streamed) {
            Ok((200, id)) => {
                ids.push(id);
                // The load is bounded, so that the ledger stays small enough to be read each time.
                std::thread::sleep(Duration::from_millis(1));
            }
            // The budget is used up.
            Ok((429, _)) => std::thread::sleep(Duration::from_millis(5)),
            Ok((status, id)) => panic!("{status} for {id}"),
            Err(_) => break,
        }
    }
    ids
}

fn ask(
    stream: &mut BufReader<TcpStream>,
    secret: &str,
    streamed: bool,
) -> std::io::Result<(u16, String)> {
    let body = format!(r#"{{"model":"m","stream":{streamed},"messages":[],"max_tokens":9}}"#);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream
        .get_mut()
        .write_all(format!("{head}{body}").as_bytes())?;
    let (mut status, mut id, mut length) = (0, String::new(), None);
    loop {
        let line = line(stream)?;
        if let Some((name, value)) = line.split_once(": ") {
            match name {
                "x-request-id" => id = value.to_owned(),
                "content-length" => length = value.parse::<usize>().ok(),
                _ => {}
            }
        } else if line.is_empty() {
            break;
        } else {
            status = line
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok())
                .unwrap_or(0);
        }
    }
    if let Some(length) = length {
        stream.read_exact(&mut vec![0; length])?;
        return Ok((status, id));
    }
    loop {
        let size = usize::from_str_radix(&line(stream)?, 16).map_err(std::io::Error::other)?;
        stream.read_exact(&mut vec![0; size + 2])?;
        if size == 0 {
            return Ok((status, id));
        }
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

/// A model server that says the same each time, whole or as a stream, so that costs are known.
fn model() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let usage = r#""usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}"#;
    let whole = format!(r#"{{"choices":[{{"index":0,"message":{{"content":"hello"}}}}],{usage}}}"#);
    let delta = r#"data: {"choices":[{"index":0,"delta":{"content":"hello"}}]}"#;
    let events = format!("{delta}\n\ndata: {{\"choices\":[],{usage}}}\n\ndata: [DONE]\n\n");
    while let Ok(body) = question(&mut stream) {
        let head = "HTTP/1.1 200 OK\r\ncontent-type:";
        let answer = if body.contains("\"stream\":true") {
            let chunk = format!("{:x}\r\n{events}\r\n0\r\n\r\n", events.len());
            format!("{head} text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{chunk}")
        } else {
            format!(
                "{head} application/json\r\ncontent-length: {}\r\n\r\n{whole}",
                whole.len()
            )
        };
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The body of the next request.
fn question(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut length = 0;
    loop {
        let line = line(stream)?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    String::from_utf8(body).map_err(std::io::Error::other)
}
