//! `serve`: wires the house in order (settings, log, ledger, table, upstreams, doors), waits for
//! a signal, and takes it down in the opposite order. Nothing is listened on before all of it
//! stands.

mod candidates;
mod live;
mod logs;
mod operator;
mod probes;
mod ready;
mod runner;
mod shelf;
mod signals;
mod upstreams;

use std::sync::Arc;

use console::Socket;
use distill::runs::Runs;
use gateway::Gateway;
use guard::admission::Table;
use ledger::facts::{Facts, Touched};
use operations::House;
use operations::server::{self, Reload};
use record::{Actor, Time};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cli::SOCKET;
use crate::failure::{Failure, Result};
use crate::settings::{Outside, Settings, settle};
use crate::telemetry::{Standing, Telemetry};
use crate::{wiring, world};
use live::Live;
use signals::{Signal, Signals};
use upstreams::{Off, Upstreams};

pub(crate) use upstreams::dialled;

/// How long the traces that wait may take to be sent at the end.
const LAST_TRACES: std::time::Duration = std::time::Duration::from_secs(3);

/// Runs a server until it is told to stop.
///
/// # Errors
/// What could not be built, or not be finished.
pub(crate) fn serve(outside: Outside) -> Result<()> {
    let settings = settle(&outside)?;
    logs::start(&settings)?;
    let runtime = runtime(settings.server.workers)?;
    let facts = wiring::open_ledger(&settings)?;
    let served = runtime.block_on(run(outside, settings, facts.clone()));
    // A verb on a blocking thread may still run; the ledger's lock decides which is first.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    let closed = facts.close();
    served?;
    closed?;
    tracing::info!("stopped");
    Ok(())
}

fn runtime(workers: usize) -> Result<tokio::runtime::Runtime> {
    let mut builder = match workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder
        .enable_all()
        .build()
        .map_err(Failure::system("starting a runtime"))
}

async fn run(outside: Outside, settings: Settings, facts: Facts) -> Result<()> {
    let mut signals = Signals::new()?;
    let table = wiring::open_table(&settings, &facts);
    let (settings, upstreams) = built(settings).await?;
    let (traced, tracing_ends) = watch::channel(false);
    let (telemetry, sending) = Telemetry::start(&settings, tracing_ends)?;
    let off = Off::of(&facts.directory());
    let gateway = Gateway::new(gateway::Parts {
        facts: facts.clone(),
        table: Arc::clone(&table),
        models: upstreams.models(&settings, &off),
        clock: world::clock(),
        random: world::random(),
        options: settings.server.options.clone(),
        observer: telemetry.observer(),
    });
    let folded = Arc::new(Runs::held(facts.clone()));
    let live = Live::new(
        (outside, settings.clone()),
        (facts.clone(), Arc::clone(&folded)),
        (Arc::clone(&table), Arc::clone(&gateway)),
        (upstreams, off),
    )?;
    let serving = Arc::<Live>::clone(&live);
    follow(&facts, &table, &live);
    let since = world::now();
    let metrics = telemetry.exposition(standing(&gateway, &facts, &live, since));
    let since = Some(since);
    let books = (facts, folded);
    let house = Arc::new(wiring::house(&settings, books, table, serving, since)?);
    let doors = Doors::open(&settings).await?;
    let listeners = operator::listen(&settings).await?;
    let operator = operator::open(&settings, listeners, Arc::clone(&house), metrics)?;
    operator::greet(&operator);
    tracing::info!(
        version = wiring::VERSION,
        listen = ?settings.server.listen,
        operator = ?settings.operator.listen,
        data_dir = %settings.data_dir.display(),
        models = settings.models.len(),
        "serving"
    );
    let (stop, stopped) = watch::channel(false);
    let mut served = doors.serve(&gateway, Arc::clone(&house), &stopped);
    served.spawn(operator.serve(stopped.clone()));
    served.spawn(live.candidates().sweep(stopped.clone()));
    let looked = Arc::clone(&live);
    served.spawn(probes::run(looked, settings.server.probe_every, stopped));
    begin(&live);
    ready::tell(ready::READY);
    while signals.next().await == Signal::Reload {
        let house = Arc::clone(&house);
        // Off the runtime's threads: a model may be loaded. The next signal need not wait.
        drop(tokio::task::spawn_blocking(move || reload(&house)));
    }
    ready::tell(ready::STOPPING);
    tracing::info!("draining; a second signal stops at once");
    // Nobody listening any more is what is wanted.
    let _ = stop.send(true);
    drain(&live, served, &mut signals).await;
    let _ = traced.send(true);
    if let Some(sending) = sending {
        // A receiver that is away does not hold the stop up.
        let _ = tokio::time::timeout(LAST_TRACES, sending).await;
    }
    Ok(())
}

/// What is shown of all parts beside what they are told.
fn standing(gateway: &Arc<Gateway>, facts: &Facts, live: &Arc<Live>, since: Time) -> Standing {
    let look = Arc::clone(live);
    Standing {
        gateway: Arc::clone(gateway),
        facts: facts.clone(),
        answerers: Box::new(move || look.answerers()),
        since,
        version: wiring::VERSION,
    }
}

/// Waits until runs have finished their step and answers have ended, or for a second signal.
async fn drain(live: &Live, mut served: JoinSet<()>, signals: &mut Signals) {
    tokio::select! {
        () = async {
            live.rest().await;
            while served.join_next().await.is_some() {}
        } => {}
        () = signals.stop() => tracing::warn!("stopped at once: running answers are cut"),
    }
}

/// Students and runs of before, off the runtime's threads: their entries are read.
fn begin(live: &Arc<Live>) {
    let live = Arc::clone(live);
    drop(tokio::task::spawn_blocking(move || {
        if let Err(error) = live.begin() {
            tracing::error!(%error, "the runs of before are not gone on with");
        }
    }));
}

/// The upstreams of the settings. Models are loaded on a thread of their own.
async fn built(settings: Settings) -> Result<(Settings, Upstreams)> {
    let build = move || {
        let upstreams = Upstreams::build(&settings, &Upstreams::default())?;
        Ok((settings, upstreams))
    };
    let built = tokio::task::spawn_blocking(build).await;
    built.map_err(|error| Failure::system("loading the models")(std::io::Error::other(error)))?
}

/// Who serves follows what the ledger says of keys, limits and switches.
fn follow(facts: &Facts, table: &Arc<Table>, live: &Arc<Live>) {
    // Weak: the ledger would hold what holds the ledger.
    let live = Arc::downgrade(live);
    let books = facts.clone();
    wiring::follow(facts, table, move |touched| {
        let switched = matches!(touched, Touched::Model { .. } | Touched::Upstream { .. });
        if let (true, Some(live)) = (switched, live.upgrade()) {
            // Let go of the directory before anything waits for the switch.
            let off = Off::of(&books.directory());
            live.switch(off);
        }
    });
}

/// What SIGHUP asks for. Who sent it is not known. Ready again also where nothing was taken over.
fn reload(house: &House) {
    let why = "SIGHUP".to_owned();
    ready::tell(&ready::reloading());
    if let Err(error) = server::reload(house, &Actor::House, Reload { why }) {
        let hint = error.hint().unwrap_or_default();
        tracing::error!(%error, hint, "the settings were not read again");
    }
    ready::tell(ready::READY);
}

/// Everything that is listened on.
struct Doors {
    public: Vec<TcpListener>,
    local: Socket,
}

impl Doors {
    async fn open(settings: &Settings) -> Result<Self> {
        let mut public = Vec::new();
        for address in &settings.server.listen {
            let bound = TcpListener::bind(address).await;
            public.push(bound.map_err(|source| Failure::Listen {
                address: *address,
                source,
            })?);
        }
        // Where the ledger is elsewhere, nobody has made it yet.
        ledger::make_folder(&settings.data_dir)
            .map_err(Failure::system("making the data folder"))?;
        let local = Socket::bind(&settings.data_dir.join(SOCKET)).await?;
        Ok(Self { public, local })
    }

    fn serve(
        self,
        gateway: &Arc<Gateway>,
        house: Arc<House>,
        stopped: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let mut served = JoinSet::new();
        for listener in self.public {
            let (gateway, stopped) = (Arc::clone(gateway), stopped.clone());
            served.spawn(async move { gateway.serve(listener, stopped).await });
        }
        served.spawn(self.local.serve(house, stopped.clone()));
        served
    }
}
