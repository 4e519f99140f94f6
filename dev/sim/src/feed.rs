//! A world straight into the guard: bodies are written, read and digested as a replay does it, with
//! no file between. What the guard sees is what a folder would hold; the truth goes elsewhere.

use std::collections::HashMap;
use std::sync::Arc;

use guard::digest::{Digest, Digester, HashKey, Scratch};
use record::{Endpoint, Network, PlanKind, Program, Seen, SeenAccount, Source, Time};

use crate::error::SimError;
use crate::identity::AccountRow;
use crate::out::{Event, Exchange, ExchangeTruth, Sink, Truth};

/// What an exchange is, beside its digest.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The account's place in the order of accounts.
    pub account: u32,
    /// The exchange's place in the order of traffic.
    pub number: u64,
    /// When its request arrived.
    pub arrived: Time,
    /// When it ended.
    pub ended: Time,
    /// What it truly is, where its account is mixed.
    pub truth: Option<&'a ExchangeTruth<'a>>,
}

/// Who takes digests in.
pub trait Watcher {
    /// An account; its place is the number of those before it.
    fn account(&mut self, about: guard::digest::About, row: &AccountRow, truth: &Truth);
    /// An exchange, in order of its end.
    fn exchange(&mut self, about: &About<'_>, digest: &Digest);
    /// A model that came out.
    fn released(&mut self, _time: Time, _model: u32) {}
    /// An account that was suspended.
    fn suspended(&mut self, _time: Time, _account: u32) {}
}

/// Hands a world to a watcher.
pub struct Feed<W> {
    /// The watcher.
    pub watcher: W,
    digester: Digester,
    scratch: Scratch,
    accounts: HashMap<Arc<str>, u32>,
    number: u64,
}

impl<W: Watcher> Feed<W> {
    /// A feed of digests under this key.
    pub fn new(key: &HashKey, watcher: W) -> Self {
        Self {
            watcher,
            digester: Digester::new(key),
            scratch: Scratch::default(),
            accounts: HashMap::new(),
            number: 0,
        }
    }
}

impl<W: Watcher> Sink for Feed<W> {
    fn account(&mut self, row: &AccountRow, truth: &Truth) -> Result<(), SimError> {
        let said = SeenAccount {
            created: Some(time(&row.created)?),
            plan: match row.plan {
                "free" => Some(PlanKind::Free),
                "payg" => Some(PlanKind::Payg),
                "team" => Some(PlanKind::Team),
                "enterprise" => Some(PlanKind::Enterprise),
                _ => None,
            },
            organization: row.organization.as_deref().unwrap_or_default(),
            email: row.email_hash.as_deref().unwrap_or_default(),
            payment: row.payment_hash.as_deref().unwrap_or_default(),
            phone: row.phone_hash.as_deref().unwrap_or_default(),
            program: match row.program {
                Some("education") => Some(Program::Education),
                Some("startup") => Some(Program::Startup),
                Some("research") => Some(Program::Research),
                _ => None,
            },
            country: row.country.unwrap_or_default(),
            declared_use: row.declared_use.unwrap_or_default(),
        };
        let place = self.accounts.len() as u32;
        self.accounts.insert(row.id.clone(), place);
        let about = self.digester.account(&said);
        self.watcher.account(about, row, truth);
        Ok(())
    }

    fn exchange(
        &mut self,
        exchange: &Exchange<'_>,
        truth: Option<&ExchangeTruth<'_>>,
    ) -> Result<(), SimError> {
        let endpoint = match exchange.endpoint {
            "/v1/chat/completions" => Endpoint::Chat,
            "/v1/completions" => Endpoint::Completions,
            "/v1/responses" => Endpoint::Responses,
            "/v1/embeddings" => Endpoint::Embeddings,
            "/v1/messages" => Endpoint::Messages,
            other => Endpoint::Listed(other.to_owned()),
        };
        let json = |err: serde_json::Error| SimError::io("writing a body")(err.into());
        let request = serde_json::to_vec(&exchange.request).map_err(json)?;
        let response = match &exchange.response {
            Some(response) => serde_json::to_vec(response).map_err(json)?,
            None => Vec::new(),
        };
        let source = &exchange.source;
        let address = source.ip.to_string();
        let arrived = time(exchange.time)?;
        let duration_us = u64::try_from(exchange.duration_ms).unwrap_or(0) * 1000;
        let said = wire::seen::request(&endpoint, &request);
        let answered = wire::seen::answer(&endpoint, &response);
        let seen = Seen {
            endpoint: &endpoint,
            request: &said,
            answer: &answered,
            request_bytes: request.len() as u64,
            response_bytes: response.len() as u64,
            usage: wire::usage::read(&endpoint, &response).ok().flatten(),
            duration_us,
            status: exchange.status,
            cut: exchange.cut,
            source: Source {
                address: &address,
                asn: Some(source.asn),
                network: network(source.network),
                user_agent: &source.user_agent,
                header_order: &source.header_order,
                ja4: source.ja4.as_deref(),
                accept_language: source.accept_language.unwrap_or_default(),
            },
        };
        let digest = self.digester.digest(&seen, &mut self.scratch);
        let account = self.accounts.get(exchange.account).copied();
        let about = About {
            account: account.unwrap_or(u32::MAX),
            number: self.number,
            arrived,
            ended: arrived.plus_micros(duration_us),
            truth,
        };
        self.number += 1;
        self.watcher.exchange(&about, &digest);
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), SimError> {
        let at = time(event.time)?;
        match (event.event, event.model, event.account) {
            ("model_released", Some(model), _) => {
                self.watcher.released(at, self.digester.model(model));
            }
            ("account_suspended", _, Some(account)) => {
                if let Some(account) = self.accounts.get(account) {
                    self.watcher.suspended(at, *account);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The time that a line of ours says.
fn time(text: &str) -> Result<Time, SimError> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    let micros = parsed
        .ok()
        .and_then(|at| u64::try_from(at.as_microsecond()).ok());
    micros
        .map(Time::from_micros)
        .ok_or_else(|| SimError::World(format!("{text} is no time after 1970")))
}

fn network(name: &str) -> Option<Network> {
    Some(match name {
        "hosting" => Network::Hosting,
        "residential" => Network::Residential,
        "mobile" => Network::Mobile,
        "corporate" => Network::Corporate,
        "education" => Network::Education,
        _ => return None,
    })
}
