//! What runs now, and how it becomes something else while it runs: settings read again (SIGHUP,
//! `server reload`), models and servers switched. New requests see the new state at once; answers
//! that run keep the upstream that they began with until they end. A file that is wrong changes
//! nothing.

use std::sync::{Arc, Weak};

use ::upstream::Upstream;
use distill::runs::Runs;
use gateway::Gateway;
use guard::admission::Table;
use ledger::facts::Facts;
use operations::model::{Health, Model, Price};
use operations::server::Reloaded;
use operations::settings::Setting;
use operations::upstream;
use operations::{Serving, Source};
use parking_lot::{Mutex, RwLock};
use record::Id;
use record::id::kind;

use super::candidates::Candidates;
use super::runner::{self, Around, Runner};
use super::upstreams::{Off, Upstreams};
use crate::failure::Result;
use crate::settings::{Outside, Report, Settings, settle};
use crate::telemetry::Answerer;
use crate::{wiring, world};

/// What runs.
pub(super) struct Live {
    outside: Outside,
    table: Arc<Table>,
    gateway: Arc<Gateway>,
    candidates: Arc<Candidates>,
    runner: Arc<Runner>,
    /// One reload at a time; held while a model is loaded.
    turn: Mutex<()>,
    now: RwLock<Now>,
    /// To be handed to what outlives a call.
    me: Weak<Self>,
}

/// The state that a reload replaces. Held shortly.
struct Now {
    settings: Settings,
    upstreams: Arc<Upstreams>,
    off: Off,
    /// Upstreams that were replaced or taken away, as long as an answer runs there.
    left: Vec<Weak<dyn Upstream>>,
}

/// Whether a setting is taken over while the server runs.
fn is_taken_over(key: &str) -> bool {
    ["plans.", "models.", "upstreams."]
        .iter()
        .any(|section| key.starts_with(section))
}

impl Live {
    /// What runs first: the gateway must have these upstreams' models already.
    ///
    /// # Errors
    /// This program can't be found, to be started again for a run's learning.
    pub(super) fn new(
        (outside, settings): (Outside, Settings),
        (facts, folded): (Facts, Arc<Runs>),
        (table, gateway): (Arc<Table>, Arc<Gateway>),
        (upstreams, off): (Upstreams, Off),
    ) -> Result<Arc<Self>> {
        let candidates = Arc::new(Candidates::new(
            &settings,
            facts.clone(),
            Arc::clone(&folded),
        ));
        let runner = Arc::new(Runner::new(&settings, facts, folded)?);
        Ok(Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            candidates,
            runner,
            outside,
            table,
            gateway,
            turn: Mutex::new(()),
            now: RwLock::new(Now {
                settings,
                upstreams: Arc::new(upstreams),
                off,
                left: Vec::new(),
            }),
        }))
    }

    /// The students that are held.
    pub(super) fn candidates(&self) -> Arc<Candidates> {
        Arc::clone(&self.candidates)
    }

    /// Finds the students that are held, and goes on with the runs that an earlier server left.
    ///
    /// # Errors
    /// The ledger's.
    pub(super) fn begin(&self) -> Result<()> {
        self.candidates.find()?;
        self.put_models();
        match self.me.upgrade() {
            Some(me) => runner::again(&self.runner, &(me as Arc<dyn Around>)),
            None => Ok(()),
        }
    }

    /// Has every run that is driven finish its step, and waits for it.
    pub(super) async fn rest(&self) {
        runner::stop(&self.runner).await;
    }

    fn put_models(&self) {
        let now = self.now.read();
        self.gateway
            .set_models(self.models_of(&now.upstreams, &now.settings, &now.off));
    }

    fn models_of(&self, upstreams: &Upstreams, settings: &Settings, off: &Off) -> gateway::Models {
        upstreams
            .models(settings, off)
            .and(self.candidates.routes(off))
    }

    /// Reads the settings again and takes over what can be. Blocks while a model is loaded.
    ///
    /// # Errors
    /// What is wrong; nothing was changed.
    pub(super) fn reload(&self) -> Result<Reloaded> {
        let _turn = self.turn.lock();
        let new = settle(&self.outside)?;
        let old = Arc::clone(&self.now.read().upstreams);
        let upstreams = Arc::new(Upstreams::build(&new, &old)?);
        let built = new.upstreams.len();
        let mut now = self.now.write();
        let differing = now.settings.report.differing(&new.report);
        let (changed, waiting) = differing.into_iter().partition(|key| is_taken_over(key));
        // The models first: a plan may name one that is new.
        self.gateway
            .set_models(self.models_of(&upstreams, &new, &now.off));
        self.table.set_plans(new.plans.clone(), world::now());
        now.left.retain(|one| one.strong_count() > 0);
        let left: Vec<_> = old.left_by(&upstreams).collect();
        now.left.extend(left.iter().map(Arc::downgrade));
        now.upstreams = upstreams;
        let (plans, models) = (new.plans.len(), new.models.len());
        now.settings.take_over(new);
        // The log is written to when nobody waits for it.
        drop(now);
        let reloaded = Reloaded { changed, waiting };
        tracing::info!(
            plans,
            models,
            upstreams = built,
            changed = reloaded.changed.len(),
            left = left.len(),
            "the settings are taken over"
        );
        if !reloaded.waiting.is_empty() {
            tracing::warn!(settings = ?reloaded.waiting, "these settings wait for a restart");
        }
        Ok(reloaded)
    }

    /// Everyone who answers, as they are now.
    pub(super) fn answerers(&self) -> Vec<Answerer> {
        self.now.read().upstreams.answerers()
    }

    /// Looks whether the servers that nobody asks are still there.
    pub(super) async fn probe(&self) {
        let upstreams = Arc::clone(&self.now.read().upstreams);
        upstreams.probe(world::now()).await;
    }

    /// Switches models and servers on and off from now on. Does not wait for a reload.
    pub(super) fn switch(&self, off: Off) {
        {
            let mut now = self.now.write();
            if now.off == off {
                return;
            }
            now.off = off.clone();
            let models = self.models_of(&now.upstreams, &now.settings, &now.off);
            self.gateway.set_models(models);
        }
        tracing::info!(?off, "models and servers are switched");
    }
}

impl Settings {
    /// Takes over what can be while the server runs. Only what is in force is compared with the
    /// next time.
    fn take_over(&mut self, new: Self) {
        self.plans = new.plans;
        self.models = new.models;
        self.upstreams = new.upstreams;
        let old = std::mem::take(&mut self.report).lines.into_iter();
        let kept = old.filter(|line| !is_taken_over(&line.key));
        let taken = new.report.lines.into_iter();
        let taken = taken.filter(|line| is_taken_over(&line.key));
        self.report = Report {
            lines: kept.chain(taken).collect(),
        };
    }
}

impl Serving for Live {
    fn models(&self) -> Vec<Model> {
        let view = |route: &Arc<gateway::Route>| Model {
            name: route.model.to_string(),
            upstream: route.upstream.name().to_owned(),
            upstream_model: route.upstream_model.clone(),
            context_tokens: route.context_tokens,
            max_output_tokens: route.max_output_tokens,
            dollars_per_million_tokens: Price::from(route.prices),
            health: Some(health(route.upstream.health())),
            on: route.on,
            revision: 0,
        };
        self.gateway.models().routes().map(view).collect()
    }

    fn upstreams(&self) -> Vec<upstream::Upstream> {
        let now = self.now.read();
        let mut upstreams = wiring::written_upstreams(&now.settings);
        for one in &mut upstreams {
            one.health = now.upstreams.health(&one.name).map(health);
            one.latency = now.upstreams.latency(&one.name).map(latency);
            for state in now.upstreams.servers(&one.name) {
                let known = one
                    .servers
                    .iter_mut()
                    .find(|known| *known.url == *state.url);
                if let Some(known) = known {
                    known.ready = Some(state.ready);
                    known.unreachable_since = state.unreachable_since.map(record::Time::rfc3339);
                    known.in_flight = Some(state.in_flight);
                    known.latency = Some(latency(state.latency));
                }
            }
        }
        upstreams
    }

    fn settings(&self) -> Vec<Setting> {
        wiring::lines(&self.now.read().settings.report)
    }

    fn reload(&self) -> operations::Result<Reloaded> {
        Self::reload(self).map_err(|failure| {
            let (message, hint) = (failure.to_string(), failure.hint());
            operations::Error::Conflict { message, hint }
        })
    }

    fn in_flight(&self) -> u64 {
        let now = self.now.read();
        let left = now.left.iter().filter_map(Weak::upgrade);
        let leaving: usize = left.map(|one| one.health().in_flight).sum();
        (now.upstreams.in_flight() + leaving) as u64
    }

    fn source(&self, model: &str) -> Option<Source> {
        wiring::source(&self.now.read().settings, model)
    }

    fn drives(&self) -> bool {
        self.runner.drives()
    }

    fn drive(&self, run: Id<kind::Run>) {
        if let Some(me) = self.me.upgrade() {
            runner::drive(&self.runner, &(me as Arc<dyn Around>), run);
        }
    }

    fn run_moved(&self, run: Id<kind::Run>) {
        self.moved(run);
    }
}

impl Around for Live {
    fn settings(&self) -> Settings {
        self.now.read().settings.clone()
    }

    fn moved(&self, run: Id<kind::Run>) {
        match self.candidates.look(run) {
            Ok(()) => self.put_models(),
            Err(error) => tracing::error!(%run, %error, "the run's student is not looked at"),
        }
    }
}

fn health(health: ::upstream::Health) -> Health {
    Health {
        ready: health.ready,
        servers: health.servers,
        in_flight: health.in_flight,
        last_error: health.last_error,
    }
}

fn latency(latency: ::upstream::Latency) -> upstream::Latency {
    let percentiles = |times: ::upstream::Percentiles| upstream::Percentiles {
        p50_us: times.p50_us,
        p95_us: times.p95_us,
    };
    upstream::Latency {
        span_seconds: latency.span.as_secs(),
        answers: latency.answers,
        first_byte: latency.first_byte.map(percentiles),
        whole: latency.whole.map(percentiles),
    }
}
