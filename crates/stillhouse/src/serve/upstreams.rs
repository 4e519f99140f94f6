//! Who answers: upstreams built from the settings, and the models over them. A set is never
//! changed: a reload makes a new one, which takes over what is the same in both, so that
//! connections, health and loaded models stay. Nothing here decides when.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use gateway::{Models, Route};
use ledger::facts::Directory;
use local::LocalUpstream;
use record::Time;
use tokio::task::JoinSet;
use upstream::{HttpUpstream, Secret, Upstream};

use crate::failure::{Failure, Result};
use crate::models::Shelf;
use crate::settings::{self, Local, LocalFile, Servers, Settings};
use crate::telemetry::Answerer;
use crate::world;

/// Every upstream of one reading of the settings, by name.
#[derive(Default)]
pub(super) struct Upstreams {
    by_name: BTreeMap<String, Made>,
}

/// An upstream, and what it was made of.
#[derive(Clone)]
enum Made {
    Http {
        upstream: Arc<HttpUpstream>,
        of: Box<upstream::Settings>,
    },
    Local {
        upstream: Arc<LocalUpstream>,
        of: Box<(Local, ModelFile)>,
    },
}

/// A model's file as it was when it was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ModelFile {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// What the operator has switched off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Off {
    /// Models, by name.
    pub(super) models: BTreeSet<String>,
    /// Whole upstreams, by name.
    pub(super) upstreams: BTreeSet<String>,
    /// Single servers: the upstream's name and the base URL.
    pub(super) servers: BTreeSet<(String, String)>,
}

impl Off {
    /// What the ledger's directory says.
    pub(super) fn of(directory: &Directory) -> Self {
        let mut off = Self {
            models: directory.models_off().map(str::to_owned).collect(),
            ..Self::default()
        };
        for (upstream, server) in directory.upstreams_off() {
            match server {
                None => drop(off.upstreams.insert(upstream.to_owned())),
                Some(server) => {
                    let server = server.trim_end_matches('/').to_owned();
                    off.servers.insert((upstream.to_owned(), server));
                }
            }
        }
        off
    }
}

impl Upstreams {
    /// Builds all of them, but takes over from `old` what is made of the same: settings, secret
    /// and files alike. Blocks while a model in process is loaded.
    ///
    /// # Errors
    /// The first that can't be built.
    pub(super) fn build(settings: &Settings, old: &Self) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for (name, written) in &settings.upstreams {
            let old = old.by_name.get(name);
            let made = match written {
                settings::Upstream::Servers(servers) => http(name, servers, old)?,
                settings::Upstream::Local(local) => in_process(settings, name, local, old)?,
            };
            by_name.insert(name.clone(), made);
        }
        Ok(Self { by_name })
    }

    /// Those that `next` did not take over.
    pub(super) fn left_by<'a>(
        &'a self,
        next: &'a Self,
    ) -> impl Iterator<Item = Arc<dyn Upstream>> + 'a {
        let stays = |name: &str, made: &Made| {
            let next = next.by_name.get(name).map(Made::upstream);
            next.is_some_and(|next| Arc::ptr_eq(&next, &made.upstream()))
        };
        let left = self.by_name.iter();
        left.filter(move |(name, made)| !stays(name, made))
            .map(|(_, made)| made.upstream())
    }

    /// Switches servers as the operator has it, and gives the models that the settings have over
    /// these upstreams.
    pub(super) fn models(&self, settings: &Settings, off: &Off) -> Models {
        for (name, made) in &self.by_name {
            made.switch(name, off);
        }
        let route = |(name, model): (&String, &settings::Model)| {
            let made = self.by_name.get(&model.upstream)?;
            let (context, most) = made.bounds();
            Some(Route {
                model: name.as_str().into(),
                upstream: made.upstream(),
                upstream_model: model.upstream_model.clone(),
                prices: model.prices,
                context_tokens: model.context_tokens.or(context),
                max_output_tokens: model.max_output_tokens.or(most),
                only: None,
                on: !off.models.contains(name) && !off.upstreams.contains(&model.upstream),
            })
        };
        Models::new(settings.models.iter().filter_map(route).collect())
    }

    /// All of them, as they are now.
    pub(super) fn answerers(&self) -> Vec<Answerer> {
        let look = |(name, made): (&String, &Made)| Answerer {
            name: name.clone(),
            health: made.upstream().health(),
            load: match made {
                Made::Http { .. } => None,
                Made::Local { upstream, .. } => Some(upstream.load()),
            },
            servers: made.servers(),
            probes: match made {
                Made::Http { upstream, .. } => Some(upstream.probes()),
                Made::Local { .. } => None,
            },
        };
        self.by_name.iter().map(look).collect()
    }

    /// Looks at the servers of all of them that nobody asks.
    pub(super) async fn probe(&self, now: Time) {
        let mut looks = JoinSet::new();
        for made in self.by_name.values() {
            if let Made::Http { upstream, .. } = made {
                let upstream = Arc::clone(upstream);
                looks.spawn(async move { upstream.probe(now).await });
            }
        }
        while looks.join_next().await.is_some() {}
    }

    /// How one of them is.
    pub(super) fn health(&self, name: &str) -> Option<upstream::Health> {
        Some(self.by_name.get(name)?.upstream().health())
    }

    /// How the servers of one of them are; none for a model in process.
    pub(super) fn servers(&self, name: &str) -> Vec<upstream::ServerState> {
        self.by_name.get(name).map_or_else(Vec::new, Made::servers)
    }

    /// How quick the servers of one of them were of late, taken together; `None` for a model in
    /// process.
    pub(super) fn latency(&self, name: &str) -> Option<upstream::Latency> {
        match self.by_name.get(name)? {
            Made::Http { upstream, .. } => Some(upstream.latency()),
            Made::Local { .. } => None,
        }
    }

    /// Requests in flight at all of them.
    pub(super) fn in_flight(&self) -> usize {
        let all = self.by_name.values();
        all.map(|made| made.upstream().health().in_flight).sum()
    }
}

impl Made {
    fn upstream(&self) -> Arc<dyn Upstream> {
        match self {
            Self::Http { upstream, .. } => Arc::<HttpUpstream>::clone(upstream),
            Self::Local { upstream, .. } => Arc::<LocalUpstream>::clone(upstream),
        }
    }

    fn servers(&self) -> Vec<upstream::ServerState> {
        match self {
            Self::Http { upstream, .. } => upstream.servers(),
            Self::Local { .. } => vec![],
        }
    }

    /// Context and longest answer in tokens, where the upstream itself knows them.
    fn bounds(&self) -> (Option<u64>, Option<u64>) {
        match self {
            Self::Http { .. } => (None, None),
            Self::Local { upstream, of } => (
                Some(upstream.model().context() as u64),
                Some(of.0.max_output_tokens as u64),
            ),
        }
    }

    fn switch(&self, name: &str, off: &Off) {
        let Self::Http { upstream, .. } = self else {
            return;
        };
        for server in upstream.servers() {
            let key = (name.to_owned(), server.url.to_string());
            upstream.switch(&server.url, !off.servers.contains(&key));
        }
    }
}

fn http(name: &str, servers: &Servers, old: Option<&Made>) -> Result<Made> {
    let of = dialled(name, servers)?;
    if let Some(made @ Made::Http { of: before, .. }) = old
        && **before == of
    {
        return Ok(made.clone());
    }
    let built = HttpUpstream::new(&of).map_err(|source| Failure::Upstream {
        name: name.to_owned(),
        source,
    })?;
    Ok(Made::Http {
        upstream: Arc::new(built),
        of: Box::new(of),
    })
}

/// The settings to dial by: the written ones with the secret and the certificates read.
///
/// # Errors
/// A secret or a file that can't be read.
pub(crate) fn dialled(name: &str, servers: &Servers) -> Result<upstream::Settings> {
    let mut settings = servers.settings.clone();
    if let Some(place) = &servers.secret {
        let secret = place
            .read(world::env)
            .map_err(|what| settings::Error::Secret {
                upstream: name.to_owned(),
                what,
            })?;
        settings.secret = Some(Secret::new(secret));
    }
    if let Some(path) = &servers.roots_file {
        let roots =
            std::fs::read(path).map_err(Failure::system(format!("reading {}", path.display())))?;
        settings.roots_pem = Some(roots);
    }
    Ok(settings)
}

fn in_process(settings: &Settings, name: &str, local: &Local, old: Option<&Made>) -> Result<Made> {
    let file = ModelFile::of(match &local.file {
        LocalFile::Path(path) => path.clone(),
        LocalFile::Pulled(model) => Shelf::new(&settings.data_dir).find(model)?.file,
    });
    let of = Box::new((local.clone(), file));
    if let Some(made @ Made::Local { of: before, .. }) = old
        && *before == of
    {
        return Ok(made.clone());
    }
    let options = local::Options {
        source: local::Source::File(of.1.path.clone()),
        name: name.to_owned(),
        threads: local.threads,
        context: local.context_tokens,
        sampling: if local.exact_sampling {
            local::Path::Exact
        } else {
            local::Path::Fast
        },
        max_sequences: local.max_sequences,
        queue: local.queue_length,
        default_output: local.default_output_tokens,
        max_output: local.max_output_tokens,
        clock: world::clock(),
        random: Arc::new(world::random_bits),
    };
    let upstream = LocalUpstream::start(options)?;
    Ok(Made::Local { upstream, of })
}

impl ModelFile {
    /// A file that can't be looked at is left to who loads it.
    fn of(path: PathBuf) -> Self {
        let known = std::fs::metadata(&path).ok();
        Self {
            bytes: known.as_ref().map_or(0, std::fs::Metadata::len),
            modified: known.and_then(|known| known.modified().ok()),
            path,
        }
    }
}
