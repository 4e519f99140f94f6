//! Draws a request's worst case from its budgets, and has slices reserved in the ledger first.

use std::sync::Arc;

use guard::admission::{Closed, Credential, Denied, Draw, Purse, Ticket};
use record::{Amount, Budget, Id, Reason, Slice};
use smallvec::SmallVec;

use crate::state::Gateway;

/// Tickets of one request, one for each budget that it draws on.
pub(crate) type Tickets = SmallVec<[Ticket; 2]>;

/// Draws `worst` from every budget of the credential; all or nothing.
///
/// # Errors
/// Which budget has not enough left, or that the ledger can't take the reservation.
pub(crate) async fn draw(
    gateway: &Arc<Gateway>,
    credential: &Credential,
    worst: Amount,
) -> Result<Tickets, Denied> {
    let mut tickets = Tickets::new();
    for purse in gateway.table.purses(credential, gateway.now()) {
        // Where one says no, the tickets of the others are dropped and settle for nothing.
        tickets.push(draw_one(gateway, &purse, worst).await?);
    }
    Ok(tickets)
}

async fn draw_one(
    gateway: &Arc<Gateway>,
    purse: &Arc<Purse>,
    worst: Amount,
) -> Result<Ticket, Denied> {
    loop {
        // Listens before it looks, so that no wake-up is missed in between.
        let mut reserved = std::pin::pin!(gateway.reserved.notified());
        reserved.as_mut().enable();
        match purse.draw(worst, gateway.now()) {
            Draw::Drawn(ticket) => return Ok(ticket),
            Draw::Exhausted => return Err(Denied::for_good(Reason::BudgetExhausted, None)),
            Draw::Wait => reserved.await,
            Draw::Reserve(budget, amount) => {
                // Others may draw from the slice first; only a failure ends the asking.
                if !reserve(gateway, purse, budget, amount).await {
                    return Err(Denied {
                        retry_after_us: Some(1_000_000),
                        ..Denied::for_good(Reason::LedgerUnavailable, None)
                    });
                }
            }
        }
    }
}

/// Reserves a slice in a task of its own, so that a client that leaves meanwhile stops nothing.
/// Says whether it is reserved.
async fn reserve(
    gateway: &Arc<Gateway>,
    purse: &Arc<Purse>,
    budget: Budget,
    reserved: Amount,
) -> bool {
    let slice = Slice {
        id: Id::new(gateway.now(), gateway.random_bytes()),
        budget,
        reserved,
    };
    let (gateway, purse) = (Arc::clone(gateway), Arc::clone(purse));
    // By address: an owner may have an old purse with open slices beside the one of its new bound.
    let address = Arc::as_ptr(&purse).addr();
    gateway.purses.lock().insert(address, Arc::clone(&purse));
    let task = tokio::spawn(async move {
        let bound = match gateway.facts.reserve(&slice) {
            Ok(pending) => pending.await.map(drop),
            Err(error) => Err(error),
        };
        match &bound {
            Ok(()) => purse.opened(&slice, gateway.now()),
            Err(error) => {
                tracing::error!(%error, "a slice of a budget could not be reserved");
                purse.reserve_failed();
            }
        }
        gateway.reserved.notify_waiters();
        bound.is_ok()
    });
    task.await.unwrap_or(false)
}

/// Settles slices that are done with; with `all`, every one that no request holds a part of.
pub(crate) fn sweep(gateway: &Gateway, all: bool) {
    let now = gateway.now();
    let mut closed: SmallVec<[Closed; 8]> = SmallVec::new();
    gateway.purses.lock().retain(|_, purse| {
        closed.extend(purse.sweep(now, all));
        !purse.is_idle()
    });
    for slice in closed {
        let settled = gateway
            .facts
            .settle(slice.slice, slice.spent, slice.overrun);
        if let Err(error) = settled {
            // The next start settles it by the exchanges that drew on it.
            tracing::error!(%error, slice = %slice.slice, "a slice could not be settled");
        }
    }
}
