//! Who answers: upstreams built from the settings, and the models over them.

use std::collections::BTreeMap;
use std::sync::Arc;

use gateway::{Gateway, Models, Route};
use local::LocalUpstream;
use operations::Serving;
use operations::model::{Health, Model, Price};
use upstream::{HttpUpstream, Secret, Upstream};

use crate::failure::{Failure, Result};
use crate::models::Shelf;
use crate::settings::{self, Local, LocalFile, Servers, Settings};
use crate::world;

/// Every upstream, by name.
pub(super) struct Upstreams {
    by_name: BTreeMap<String, Arc<dyn Upstream>>,
    in_process: BTreeMap<String, Bounds>,
}

/// What a model in process knows of itself.
struct Bounds {
    context_tokens: u64,
    max_output_tokens: u64,
}

impl Upstreams {
    /// Builds all of them. A model in process is loaded before this is done.
    pub(super) async fn start(settings: &Settings) -> Result<Self> {
        let mut by_name = BTreeMap::<String, Arc<dyn Upstream>>::new();
        let mut in_process = BTreeMap::new();
        for (name, written) in &settings.upstreams {
            let upstream: Arc<dyn Upstream> = match written {
                settings::Upstream::Servers(servers) => http(name, servers)?,
                settings::Upstream::Local(local) => {
                    let started = start_local(settings, name, local).await?;
                    let bounds = Bounds {
                        context_tokens: started.model().context() as u64,
                        max_output_tokens: local.max_output_tokens as u64,
                    };
                    in_process.insert(name.clone(), bounds);
                    started
                }
            };
            by_name.insert(name.clone(), upstream);
        }
        Ok(Self {
            by_name,
            in_process,
        })
    }

    /// The models that the settings have over these upstreams.
    pub(super) fn models(&self, settings: &Settings) -> Models {
        let route = |(name, model): (&String, &settings::Model)| {
            let own = self.in_process.get(&model.upstream);
            Some(Route {
                model: name.as_str().into(),
                upstream: Arc::clone(self.by_name.get(&model.upstream)?),
                upstream_model: model.upstream_model.clone(),
                prices: model.prices,
                context_tokens: model.context_tokens.or(own.map(|own| own.context_tokens)),
                max_output_tokens: model
                    .max_output_tokens
                    .or(own.map(|own| own.max_output_tokens)),
            })
        };
        Models::new(settings.models.iter().filter_map(route).collect())
    }
}

fn http(name: &str, servers: &Servers) -> Result<Arc<dyn Upstream>> {
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
    let built = HttpUpstream::new(&settings);
    Ok(Arc::new(built.map_err(|source| Failure::Upstream {
        name: name.to_owned(),
        source,
    })?))
}

async fn start_local(settings: &Settings, name: &str, local: &Local) -> Result<Arc<LocalUpstream>> {
    let file = match &local.file {
        LocalFile::Path(path) => path.clone(),
        LocalFile::Pulled(model) => Shelf::new(&settings.data_dir).find(model)?.file,
    };
    let options = local::Options {
        source: local::Source::File(file),
        name: name.to_owned(),
        threads: local.threads,
        context: local.context_tokens,
        max_sequences: local.max_sequences,
        queue: local.queue_length,
        default_output: local.default_output_tokens,
        max_output: local.max_output_tokens,
        clock: world::clock(),
        random: Arc::new(world::random_bits),
    };
    let started = tokio::task::spawn_blocking(move || LocalUpstream::start(options)).await;
    let started = started
        .map_err(|error| Failure::system("loading the model")(std::io::Error::other(error)))?;
    Ok(started?)
}

/// What a running server says of itself.
pub(super) struct Live {
    upstreams: Arc<Upstreams>,
    gateway: Arc<Gateway>,
}

impl Live {
    pub(super) fn new(upstreams: Arc<Upstreams>, gateway: Arc<Gateway>) -> Self {
        Self { upstreams, gateway }
    }
}

impl Serving for Live {
    fn models(&self) -> Vec<Model> {
        let view = |route: &Arc<Route>| {
            let health = route.upstream.health();
            Model {
                name: route.model.to_string(),
                upstream: route.upstream.name().to_owned(),
                upstream_model: route.upstream_model.clone(),
                context_tokens: route.context_tokens,
                max_output_tokens: route.max_output_tokens,
                dollars_per_million_tokens: Price::from(route.prices),
                health: Some(Health {
                    ready: health.ready,
                    servers: health.servers,
                    in_flight: health.in_flight,
                    last_error: health.last_error,
                }),
            }
        };
        self.gateway.models().routes().map(view).collect()
    }

    fn in_flight(&self) -> u64 {
        let all = self.upstreams.by_name.values();
        all.map(|upstream| upstream.health().in_flight as u64).sum()
    }
}
