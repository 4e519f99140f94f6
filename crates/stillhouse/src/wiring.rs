//! Builds the parts that a server and a verb without one have in common: the ledger, the table,
//! and the house that the verbs work on.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use distill::runs::Runs;
use distill::spec::Served;
use guard::admission::Table;
use ledger::facts::{Facts, Touched};
use operations::model::{Model, Price};
use operations::server::Reloaded;
use operations::settings::Setting;
use operations::upstream::{Server, Upstream};
use operations::{House, Serving, Source};
use record::{Budget, Time};
use upstream::Kind;

use crate::failure::{Failure, Result};
use crate::models::Shelf;
use crate::settings::{self, Line, LocalFile, Report, Settings, UpstreamKind};
use crate::world;

/// The program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Opens the ledger and takes its lease.
///
/// # Errors
/// The ledger's: another server has it, it is damaged, the disk.
pub(crate) fn open_ledger(settings: &Settings) -> Result<Facts> {
    let clock: ledger::Clock = Arc::new(|| world::now().micros());
    let written = &settings.ledger;
    let mut options = ledger::Options::new(&written.folder, clock, world::random());
    options.heads_file.clone_from(&written.heads_file);
    options.head_every = written.head_every;
    options.segment_bytes = written.segment_bytes;
    options.max_unfolded_bytes = written.spool_bytes;
    options.refuse_when_store_down = written.refuse_when_store_down;
    options.vault = ledger::VaultLimits {
        body_bytes: written.vault_body_bytes,
        total_bytes: written.vault_total_bytes,
    };
    options.upgrading = upgrading();
    Ok(Facts::open(options, VERSION)?)
}

/// Says in the log, each million entries, how far an older ledger is brought up to date.
fn upgrading() -> ledger::Upgrading {
    const STEP: u64 = 1_000_000;
    let next = AtomicU64::new(0);
    Arc::new(move |entry, of| {
        if entry >= next.load(Ordering::Relaxed) || entry == of {
            next.store(entry.saturating_add(STEP), Ordering::Relaxed);
            tracing::info!(entry, of, "bringing the ledger's sums up to date");
        }
    })
}

/// The table of credentials, filled from the directory.
pub(crate) fn open_table(settings: &Settings, facts: &Facts) -> Arc<Table> {
    let books = facts.clone();
    // What is reserved counts too: an older purse of the same budget may have slices open.
    let opening = Box::new(move |budget: Budget| {
        let spent = books.spent(&budget);
        spent.gone.plus(spent.reserved)
    });
    let table = Arc::new(Table::new(settings.plans.clone(), opening));
    let now = world::now();
    {
        let directory = facts.directory();
        for account in directory.accounts() {
            table.put_account(Arc::clone(account), now);
        }
        for key in directory.keys() {
            table.put_key(Arc::clone(key));
        }
        for grant in directory.grants() {
            table.put_grant(Arc::clone(grant), now);
        }
    }
    table
}

/// From now on the table follows the directory; of what is not the table's business, `other` is
/// told. Call it before anything can change.
pub(crate) fn follow(
    facts: &Facts,
    table: &Arc<Table>,
    other: impl Fn(&Touched) + Send + Sync + 'static,
) {
    let table = Arc::clone(table);
    facts.follow(Box::new(move |touched| {
        put(&table, touched, world::now());
        other(touched);
    }));
}

fn put(table: &Table, touched: &Touched, now: Time) {
    match touched {
        Touched::Account(account) => table.put_account(Arc::clone(account), now),
        Touched::Key(key) => table.put_key(Arc::clone(key)),
        Touched::Grant(grant) => table.put_grant(Arc::clone(grant), now),
        _ => {}
    }
}

/// The folder of all runs.
pub(crate) fn runs(settings: &Settings) -> PathBuf {
    settings.data_dir.join("runs")
}

/// The program that a run's learning is a child of, and its arguments.
///
/// # Errors
/// This program's file can't be found.
pub(crate) fn trainer(background: bool) -> Result<Vec<OsString>> {
    let program = world::program().map_err(Failure::system("finding this program"))?;
    let mut command = vec![program.into(), "trainer".into()];
    if background {
        command.push("--background".into());
    }
    Ok(command)
}

/// Where a model of the settings is, to a run that names it as its teacher.
pub(crate) fn source(settings: &Settings, name: &str) -> Option<Source> {
    let model = settings.models.get(name)?;
    Some(match settings.upstreams.get(&model.upstream)? {
        settings::Upstream::Local(local) => Source::File(match &local.file {
            LocalFile::Path(path) => path.clone(),
            LocalFile::Pulled(pulled) => Shelf::new(&settings.data_dir).find(pulled).ok()?.file,
        }),
        settings::Upstream::Servers(_) => Source::Served(Served {
            upstream: model.upstream.clone(),
            model: model
                .upstream_model
                .clone()
                .unwrap_or_else(|| name.to_owned()),
            prices: model.prices,
        }),
    })
}

/// The house that the verbs work on.
pub(crate) fn house(
    settings: &Settings,
    (facts, folded): (Facts, Arc<Runs>),
    table: Arc<Table>,
    serving: Arc<dyn Serving>,
    since: Option<Time>,
) -> Result<House> {
    Ok(House {
        folded,
        facts,
        table,
        serving,
        runs: runs(settings),
        // Beside traffic alone.
        trainer: trainer(since.is_some())?,
        clock: world::clock(),
        random: world::random(),
        version: VERSION.to_owned(),
        public_url: settings.server.public_url.clone(),
        operator_url: settings.operator_url(),
        since,
    })
}

/// What the settings say, where no server runs.
pub(crate) struct Written {
    models: Vec<Model>,
    upstreams: Vec<Upstream>,
    settings: Vec<Setting>,
}

impl Written {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            models: written_models(settings),
            upstreams: written_upstreams(settings),
            settings: lines(&settings.report),
        }
    }
}

impl Serving for Written {
    fn models(&self) -> Vec<Model> {
        self.models.clone()
    }
    fn upstreams(&self) -> Vec<Upstream> {
        self.upstreams.clone()
    }
    fn in_flight(&self) -> u64 {
        0
    }
    fn settings(&self) -> Vec<Setting> {
        self.settings.clone()
    }
    fn reload(&self) -> operations::Result<Reloaded> {
        Err(operations::Error::Unavailable {
            message: "no server runs on this data folder".to_owned(),
            hint: Some("`stillhouse serve` reads the settings when it starts".to_owned()),
        })
    }
}

/// The settings as they are shown.
pub(crate) fn lines(report: &Report) -> Vec<Setting> {
    let line = |line: &Line| Setting {
        key: line.key.clone(),
        value: line.value.clone(),
        from: line.from.to_string(),
    };
    report.lines.iter().map(line).collect()
}

/// The models as the settings have them.
fn written_models(settings: &Settings) -> Vec<Model> {
    let view = |(name, model): (&String, &crate::settings::Model)| Model {
        name: name.clone(),
        upstream: model.upstream.clone(),
        upstream_model: model.upstream_model.clone(),
        context_tokens: model.context_tokens,
        max_output_tokens: model.max_output_tokens,
        dollars_per_million_tokens: Price::from(model.prices),
        health: None,
        on: true,
        revision: 0,
    };
    settings.models.iter().map(view).collect()
}

/// The upstreams as the settings have them.
pub(crate) fn written_upstreams(settings: &Settings) -> Vec<Upstream> {
    let server = |url: &String| Server {
        url: url.trim_end_matches('/').to_owned(),
        ready: None,
        unreachable_since: None,
        in_flight: None,
        latency: None,
        on: true,
        revision: 0,
    };
    let view = |(name, upstream): (&String, &settings::Upstream)| {
        let (kind, servers) = match upstream {
            settings::Upstream::Servers(servers) => {
                let kind = match servers.settings.kind {
                    Kind::OpenAi => UpstreamKind::Openai,
                    Kind::Anthropic => UpstreamKind::Anthropic,
                };
                (kind, servers.settings.servers.iter().map(server).collect())
            }
            settings::Upstream::Local(_) => (UpstreamKind::Local, vec![]),
        };
        Upstream {
            name: name.clone(),
            kind: kind.to_string(),
            servers,
            models: vec![],
            health: None,
            latency: None,
            on: true,
            revision: 0,
        }
    };
    settings.upstreams.iter().map(view).collect()
}
