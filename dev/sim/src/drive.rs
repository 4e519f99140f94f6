//! Sends a world's requests to a gateway on this machine, one at a time, bounded in count, rate
//! and time; it stops by itself. Only numeric loopback addresses: any other is refused before a
//! socket is opened. What a world says of sources stays in the world: nothing here hides one.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::error::SimError;
use crate::identity::AccountRow;
use crate::out::{Event, Exchange, ExchangeTruth, Sink, Truth};

/// Most requests that one run sends, whatever is asked for.
const MOST: u64 = 100_000;
/// Fastest rate, a second.
const FASTEST: f64 = 500.0;
/// Longest run.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Answers are read up to this size.
const ANSWER: usize = 4 << 20;

/// What to drive, and how far.
#[derive(Debug, Clone)]
pub struct Drive {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// Keys of the gateway; accounts share them in turn.
    pub keys: Vec<String>,
    /// Model to ask for in place of the world's, where set.
    pub model: Option<String>,
    /// Stop after so many requests.
    pub most: u64,
    /// Stop after this time.
    pub time: Duration,
    /// Requests a second.
    pub rate: f64,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Driven {
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub failed: u64,
}

/// Where to: a loopback address, or nothing at all.
fn loopback(url: &str) -> Result<SocketAddr, SimError> {
    let fail = |why: &str| SimError::Drive(format!("{url}: {why}"));
    let uri: http::Uri = url.parse().map_err(|_| fail("is no address"))?;
    if uri.scheme_str() != Some("http")
        || uri
            .authority()
            .is_some_and(|all| all.as_str().contains('@'))
    {
        return Err(fail("write it as http://127.0.0.1:PORT"));
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let ip: IpAddr = host
        .parse()
        .map_err(|_| fail("names are not looked up; write 127.0.0.1"))?;
    match (ip.is_loopback(), uri.port_u16()) {
        (true, Some(port)) => Ok(SocketAddr::new(ip, port)),
        (true, None) => Err(fail("the port is missing")),
        (false, _) => Err(fail("only loopback addresses are driven")),
    }
}

/// A sink that sends.
struct Sender {
    drive: Drive,
    to: SocketAddr,
    runtime: tokio::runtime::Runtime,
    connection: Option<http1::SendRequest<Full<Bytes>>>,
    started: Instant,
    sent: u64,
    came: Driven,
}

/// Makes a world and sends its requests, in order, until a bound is reached. `run` is given the
/// sink and plays the world into it.
pub fn drive(
    drive: Drive,
    run: impl FnOnce(&mut dyn Sink) -> Result<(), SimError>,
) -> Result<Driven, SimError> {
    let to = loopback(&drive.url)?;
    if drive.keys.is_empty()
        || drive
            .keys
            .iter()
            .any(|key| http::HeaderValue::from_str(key).is_err())
    {
        return Err(SimError::Drive(
            "the file of keys holds none, or one that is no key".into(),
        ));
    }
    if drive.most > MOST
        || drive.time > LONGEST
        || !(0.0..=FASTEST).contains(&drive.rate)
        || drive.rate == 0.0
    {
        return Err(SimError::Drive(format!(
            "at most {MOST} requests, {} s and {FASTEST} a second",
            LONGEST.as_secs()
        )));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(SimError::io("starting the client"))?;
    let mut sender = Sender {
        drive,
        to,
        runtime,
        connection: None,
        started: Instant::now(),
        sent: 0,
        came: Driven::default(),
    };
    run(&mut sender)?;
    Ok(sender.came)
}

impl Sender {
    fn send(&mut self, exchange: &Exchange<'_>) -> Result<(), SimError> {
        let mut body = serde_json::to_value(&exchange.request)
            .map_err(|err| SimError::Drive(format!("a request that is no JSON: {err}")))?;
        if let Some(model) = &self.drive.model {
            body["model"] = model.clone().into();
        }
        let place =
            crate::draw::hash(&[exchange.account.as_bytes()]) as usize % self.drive.keys.len();
        let request = http::Request::post(exchange.endpoint)
            .header("host", self.to.to_string())
            .header("content-type", "application/json")
            .header(
                "authorization",
                format!("Bearer {}", self.drive.keys[place]),
            )
            .header("user-agent", "stillhouse-sim")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|err| SimError::Drive(err.to_string()))?;
        let due = self.started + Duration::from_secs_f64(self.sent as f64 / self.drive.rate);
        let left = self.drive.time.saturating_sub(self.started.elapsed());
        self.sent += 1;
        let (to, connection) = (self.to, &mut self.connection);
        let answered = self.runtime.block_on(async {
            tokio::time::sleep_until(due).await;
            tokio::time::timeout(left, exchange_one(to, connection, request)).await
        });
        match answered {
            Ok(Ok(status)) => *self.came.statuses.entry(status).or_default() += 1,
            // Out of time, or the gateway hung up: the next request dials anew.
            Ok(Err(())) | Err(_) => {
                self.connection = None;
                self.came.failed += 1;
            }
        }
        Ok(())
    }
}

async fn exchange_one(
    to: SocketAddr,
    connection: &mut Option<http1::SendRequest<Full<Bytes>>>,
    request: http::Request<Full<Bytes>>,
) -> Result<u16, ()> {
    if connection
        .as_ref()
        .is_none_or(http1::SendRequest::is_closed)
    {
        let socket = TcpStream::connect(to).await.map_err(drop)?;
        let (sender, driver) = http1::handshake(TokioIo::new(socket)).await.map_err(drop)?;
        tokio::spawn(driver);
        *connection = Some(sender);
    }
    let sender = connection.as_mut().ok_or(())?;
    sender.ready().await.map_err(drop)?;
    let response = sender.send_request(request).await.map_err(drop)?;
    let status = response.status().as_u16();
    Limited::new(response.into_body(), ANSWER)
        .collect()
        .await
        .map_err(drop)?;
    Ok(status)
}

impl Sink for Sender {
    fn account(&mut self, _: &AccountRow, _: &Truth) -> Result<(), SimError> {
        Ok(())
    }

    fn exchange(
        &mut self,
        exchange: &Exchange<'_>,
        _: Option<&ExchangeTruth<'_>>,
    ) -> Result<(), SimError> {
        self.send(exchange)
    }

    fn event(&mut self, _: &Event<'_>) -> Result<(), SimError> {
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.sent >= self.drive.most || self.started.elapsed() >= self.drive.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_driven() {
        assert!(loopback("http://127.0.0.1:8080").is_ok());
        assert!(loopback("http://[::1]:8080/v1").is_ok());
        for wrong in [
            "http://192.0.2.1:80",
            "http://localhost:80",
            "https://127.0.0.1:80",
            "http://0.0.0.0:80",
            "http://127.0.0.1",
            "http://example.com:80",
            "http://x@127.0.0.1:80",
            "127.0.0.1:80",
            "http://[::ffff:192.0.2.1]:80",
        ] {
            assert!(loopback(wrong).is_err(), "{wrong}");
        }
    }
}
