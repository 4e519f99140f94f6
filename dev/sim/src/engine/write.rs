//! What an exchange of a world looks like, written to whoever takes it, with its truth.

use super::Engine;
use crate::account::Work;
use crate::body::{Params, Said};
use crate::error::SimError;
use crate::identity::rfc3339;
use crate::out::{Exchange, ExchangeTruth, Sink};
use crate::talk::Ask;
use crate::workload::Beat;

/// What became of a request.
pub(super) struct Outcome {
    pub(super) params: Params,
    pub(super) status: u16,
    pub(super) duration: i64,
}

impl Engine<'_> {
    /// The model an account asks for at a time.
    fn model(&mut self, at: usize, now: i64) -> &str {
        let account = &mut self.accounts[at];
        let Some((since, newest)) = self.released.last() else {
            return account.identity.habits.model;
        };
        let tests = account
            .workload
            .is_some_and(|row| row.beat == Beat::Release);
        let (after, share) = account.adopts;
        let goes = tests || (now - since > after && account.draw.chance(share));
        if goes {
            newest
        } else {
            account.identity.habits.model
        }
    }

    pub(super) fn write(
        &mut self,
        at: usize,
        now: i64,
        ask: &Ask,
        outcome: &Outcome,
        sink: &mut dyn Sink,
    ) -> Result<(), SimError> {
        let Outcome {
            params,
            status,
            duration,
        } = outcome;
        self.counts.exchanges += 1;
        self.counts.distilling += u64::from(ask.distilling);
        self.counts.refused += u64::from(*status != 200);
        let model = self.model(at, now).to_owned();
        let (id, time) = (format!("x-{:09}", self.counts.exchanges), rfc3339(now));
        let account = &mut self.accounts[at];
        let source = match &ask.client {
            Some(client) => account.identity.source_with(client, &mut account.draw),
            None => account.identity.source(&mut account.draw),
        };
        let key = format!(
            "k-{:08x}",
            crate::draw::hash(&[account.identity.row.id.as_bytes()]) as u32
        );
        let response = match status {
            200 => {
                let said = Said {
                    id: &id,
                    model: &model,
                    ms: now,
                };
                Some(params.response(ask, said, &self.stock.scribe, &mut account.draw))
            }
            _ => None,
        };
        let exchange = Exchange {
            id: &id,
            time: &time,
            duration_ms: *duration,
            account: &account.identity.row.id,
            source,
            key: &key,
            seq: self.counts.exchanges,
            cut: *status == 200 && account.draw.chance(0.004),
            endpoint: params.endpoint,
            model: &model,
            request: params.request(ask, &model, &self.stock.tools),
            status: *status,
            response,
        };
        let truth = match &account.work {
            Work::Member(place) if self.campaigns[*place].mix > 0.0 => Some(ExchangeTruth {
                id: &id,
                label: if ask.distilling {
                    "distilling"
                } else {
                    "honest"
                },
                campaign: &self.campaigns[*place].name,
            }),
            _ => None,
        };
        sink.exchange(&exchange, truth.as_ref())
    }
}
