//! Looks whether servers that nobody asks are still there: one cheap GET each, on a connection of
//! its own, so that a dead one is seen before a client meets it.
//!
//! Any HTTP answer shows that a server lives, also 401, 404 and 500: what it does with a real
//! request only a real request shows. A look never takes a server out of rotation, and a real
//! answer outweighs it. No clock is read here: who asks for a look says when it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use record::{Endpoint, Time};
use tokio::task::JoinSet;

use crate::http_upstream::{HttpUpstream, Shared};
use crate::link::NoAnswer;
use crate::patience::Patience;
use crate::route::Target;
use crate::server::Server;
use crate::{Ask, Kind};

/// How long the head of the answer may take, beside the time to connect.
const PATIENCE: Duration = Duration::from_secs(10);
/// Servers of one upstream that are looked at at the same time.
const AT_ONCE: usize = 8;

/// What looks and real requests found out about a server's being there.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// A real request was answered, whatever the answer, since the last round of looks.
    heard: AtomicBool,
    /// Since when no look has reached it, in microseconds since 1970; 0 while it is reachable.
    since_us: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
}

/// How many looks there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Probes {
    /// The server answered, whatever it said.
    pub answered: u64,
    /// It did not.
    pub failed: u64,
}

impl Reach {
    /// A real request was answered. On the way of each, so it mostly only reads.
    pub(crate) fn heard(&self) {
        if !self.heard.load(Relaxed) {
            self.heard.store(true, Relaxed);
        }
        if self.since_us.load(Relaxed) != 0 {
            self.since_us.store(0, Relaxed);
        }
    }

    /// Since when it can't be reached.
    pub(crate) fn unreachable_since(&self) -> Option<Time> {
        let since = self.since_us.load(Relaxed);
        (since != 0).then(|| Time::from_micros(since))
    }

    pub(crate) fn is_unreachable(&self) -> bool {
        self.since_us.load(Relaxed) != 0
    }

    pub(crate) fn probes(&self) -> Probes {
        Probes {
            answered: self.answered.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }

    /// A look was answered; true if it was unreachable before.
    fn answered(&self) -> bool {
        self.answered.fetch_add(1, Relaxed);
        self.since_us.swap(0, Relaxed) != 0
    }

    /// A look was not answered; true if that is new.
    fn failed(&self, now: Time) -> bool {
        self.failed.fetch_add(1, Relaxed);
        if self.heard.load(Relaxed) {
            // A real request was answered meanwhile.
            return false;
        }
        let now = now.micros().max(1);
        let first = self.since_us.compare_exchange(0, now, Relaxed, Relaxed);
        first.is_ok()
    }
}

impl Server {
    /// Whether a look would tell anything: it is on, and nothing has been heard of it since the
    /// last round, or nothing good. A request under way is a look of its own.
    fn wants_look(&self) -> bool {
        let is_quiet = !self.reach.heard.swap(false, Relaxed) && self.outstanding() == 0;
        self.is_on() && (is_quiet || self.health.has_failed() || self.reach.is_unreachable())
    }

    /// Asks for next to nothing; any answer will do.
    async fn look(&self, target: Target<'_>) -> Result<(), String> {
        let mut link = self.lone_link().await?;
        let request = self.request(target, &Ask::models(), &link)?;
        let answer = link.send(request, &mut Patience::new(PATIENCE)).await;
        match answer {
            // The rest of the answer is not waited for: the connection ends here.
            Ok(_) => Ok(()),
            Err(NoAnswer::TimedOut) => Err(format!("no answer to a probe within {PATIENCE:?}")),
            Err(NoAnswer::Stale(why) | NoAnswer::Broken(why)) => Err(why),
        }
    }
}

impl HttpUpstream {
    /// Looks at each server that no real request has shown to be well since the last look: by
    /// `GET /health` where it is said to be a vLLM (its `tokenize` is set), else by
    /// `GET /v1/models`. Ends when all have answered or had their time: that to connect, and 10
    /// seconds more, for each eight of them.
    pub async fn probe(&self, now: Time) {
        let is_vllm = self.kind == Kind::OpenAi && self.tokenize;
        let mut looks = JoinSet::new();
        for server in self.servers.iter().filter(|server| server.wants_look()) {
            if looks.len() >= AT_ONCE {
                looks.join_next().await;
            }
            let (server, shared) = (Arc::clone(server), Arc::clone(&self.shared));
            looks.spawn(async move {
                let target = match is_vllm {
                    true => Target::Health,
                    false => Target::Endpoint(&Endpoint::Models),
                };
                let seen = server.look(target).await;
                note(&shared, &server, seen, now);
            });
        }
        while looks.join_next().await.is_some() {}
    }

    /// How many looks there were at all of its servers.
    pub fn probes(&self) -> Probes {
        self.servers.iter().fold(Probes::default(), |sum, server| {
            let one = server.reach.probes();
            Probes {
                answered: sum.answered + one.answered,
                failed: sum.failed + one.failed,
            }
        })
    }
}

fn note(shared: &Shared, server: &Server, seen: Result<(), String>, now: Time) {
    let (upstream, label) = (&shared.name, &server.label);
    match seen {
        Ok(()) => {
            if server.reach.answered() {
                tracing::info!(upstream, server = %label, "an upstream's server answers again");
            }
        }
        Err(why) => {
            if server.reach.failed(now) {
                tracing::warn!(upstream, server = %label, why, "an upstream's server can't be reached");
            }
            if server.reach.is_unreachable() {
                shared.note(format!("{label}: {why}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_dates_it_and_a_real_answer_outweighs_it() {
        let reach = Reach::default();
        let at = Time::from_micros;
        assert!(reach.failed(at(5)) && !reach.failed(at(9)));
        assert_eq!(reach.unreachable_since(), Some(at(5)));
        assert!(reach.answered() && !reach.answered());
        assert_eq!(reach.unreachable_since(), None);
        assert!(reach.failed(at(20)));
        reach.heard();
        assert_eq!(reach.unreachable_since(), None);
        assert!(!reach.failed(at(30)) && !reach.is_unreachable());
        let counted = Probes {
            answered: 2,
            failed: 4,
        };
        assert_eq!(reach.probes(), counted);
    }
}
