//! The model in process as one more upstream: takes a request's bytes, hands its tokens to the
//! scheduler, and gives the answer's bytes back. What a client did wrong is an answer with the
//! API's error body; only what is not its fault is an error.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;

use lm::Model;
use record::Endpoint;
use upstream::{Answer, Ask, BoxFuture, EndpointSet, Health, ScoreAsk, ScoreOutcome, Upstream};
use wire::score::Scores;

use crate::desk::Desk;
use crate::job::{self, Event, Job};
use crate::options::{Clock, Options, Random, Source};
use crate::reader::{Plan, Reader};
use crate::scheduler::Scheduler;
use crate::shared::Shared;
use crate::{Error, priority, reply, score};

/// A language model in process. Dropping it ends its threads after their current step; answers
/// under way break off.
pub struct LocalUpstream {
    name: Arc<str>,
    slots: usize,
    model: Arc<Model>,
    reader: Arc<Reader>,
    shared: Arc<Shared>,
    desk: Desk,
    /// Where texts are scored alone, beside the scheduler.
    checker: Desk,
    clock: Clock,
    random: Random,
}

/// How busy a model in process is. A request that asks for several answers counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Requests that can be worked on at once.
    pub slots: usize,
    /// Requests that are worked on.
    pub working: usize,
    /// Places in the queue.
    pub queue: usize,
    /// Requests that wait there.
    pub waiting: usize,
}

impl LocalUpstream {
    /// Loads the model, where that is still to do, and starts its threads. Blocks until it is
    /// ready to answer.
    ///
    /// # Errors
    /// Where the file or the settings can't be used, or a thread can't be started.
    pub fn start(options: Options) -> Result<Arc<Self>, Error> {
        options.check()?;
        let name = options.name.clone();
        let threads = |why: String| Error::Threads {
            name: name.clone(),
            why,
        };
        let desk = |name| Desk::start(name).map_err(|error| threads(error.to_string()));
        let (desk, checker) = (desk("local-desk")?, desk("local-checker")?);
        let shared = Shared::new(options.max_sequences.saturating_add(options.queue));
        let (ready, loaded) = mpsc::sync_channel(1);
        let work = {
            let (shared, options) = (Arc::clone(&shared), options.clone());
            move || {
                priority::lower();
                match load(&options) {
                    Ok((model, digest)) => {
                        let _ = ready.send(Ok((Arc::clone(&model), digest)));
                        schedule(model, shared, &options);
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            }
        };
        let spawned = thread::Builder::new()
            .name("local-scheduler".to_owned())
            .spawn(work);
        spawned.map_err(|error| threads(error.to_string()))?;
        let loaded = loaded.recv();
        let (model, digest) = loaded.map_err(|_| threads("loading panicked".to_owned()))??;
        let reader = Arc::new(Reader::new(Arc::clone(&model), digest, &options));
        Ok(Arc::new(Self {
            name: options.name.into(),
            slots: options.max_sequences,
            model,
            reader,
            shared,
            desk,
            checker,
            clock: options.clock,
            random: options.random,
        }))
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// How busy it is.
    pub fn load(&self) -> Load {
        let (taken, slots) = (self.shared.taken(), self.slots);
        Load {
            slots,
            working: taken.min(slots),
            queue: self.shared.places().saturating_sub(slots),
            waiting: taken.saturating_sub(slots),
        }
    }

    /// The fingerprint in its answers: it changes with the model's file and with this engine.
    pub fn fingerprint(&self) -> &str {
        self.reader.fingerprint()
    }

    fn broken(&self) -> upstream::Error {
        let why = self
            .shared
            .broken()
            .unwrap_or_else(|| "it gave the request up".to_owned());
        upstream::Error::Broken {
            upstream: self.name.to_string(),
            why,
        }
    }

    fn place(&self) -> Result<crate::shared::Place, upstream::Error> {
        if let Some(why) = self.shared.broken() {
            return Err(upstream::Error::Unreachable {
                upstream: self.name.to_string(),
                why,
            });
        }
        self.shared
            .place()
            .ok_or_else(|| upstream::Error::QueueFull {
                upstream: self.name.to_string(),
                retry_after: self.shared.pace.lock().retry_after(self.shared.taken()),
            })
    }

    async fn answer(&self, ask: Ask) -> Result<Answer, upstream::Error> {
        let place = self.place()?;
        let now = (self.clock)();
        let (reader, random) = (Arc::clone(&self.reader), Arc::clone(&self.random));
        // The place goes along: who leaves early gives it back with the work, and not before.
        let read = move || (reader.read(&ask, now, &*random), place);
        let (read, place) = self.desk.run(read).await.ok_or_else(|| self.broken())?;
        let plan = match read {
            Ok(plan) => plan,
            Err(error) => return Ok(reply::refusal(&error, &self.name)),
        };
        let Plan {
            prompts,
            parts,
            teller,
        } = plan;
        let (line, events) = job::line(parts, now, place, &self.shared);
        self.submit(Job { line, prompts })?;
        reply::answer(teller, events, Arc::clone(&self.name)).await
    }

    async fn scores(&self, ask: ScoreAsk) -> Result<ScoreOutcome, upstream::Error> {
        let place = self.place()?;
        let ScoreAsk { request, alone, .. } = ask;
        let reader = Arc::clone(&self.reader);
        let read = move || (score::read(&reader, &request), place);
        let (read, place) = self.desk.run(read).await.ok_or_else(|| self.broken())?;
        let server = Arc::clone(&self.name);
        let (prompts, told) = match read {
            Ok(read) => read,
            Err(error) => {
                let headers = http::HeaderMap::new();
                return Ok(ScoreOutcome::Refused {
                    error,
                    headers,
                    server,
                });
            }
        };
        let scores = if alone {
            let model = Arc::clone(&self.model);
            let work = move || {
                let scores = prompts.iter().map(|prompt| score::alone(&model, prompt));
                (scores.collect::<lm::Result<Vec<_>>>(), place)
            };
            let (scores, _) = self.checker.run(work).await.ok_or_else(|| self.broken())?;
            scores.map_err(|error| upstream::Error::Broken {
                upstream: self.name.to_string(),
                why: error.to_string(),
            })?
        } else {
            let (line, events) = job::line(prompts.len(), (self.clock)(), place, &self.shared);
            self.submit(Job { line, prompts })?;
            self.collect(told.len(), events).await?
        };
        let items = told.iter().zip(scores).map(|(told, s)| told.item(s));
        let scores = Scores {
            revision: Some(self.reader.revision().to_owned()),
            items: items.collect(),
        };
        Ok(ScoreOutcome::Told { scores, server })
    }

    fn submit(&self, job: Job) -> Result<(), upstream::Error> {
        let submitted = self.shared.submit(job);
        submitted.map_err(|why| upstream::Error::Unreachable {
            upstream: self.name.to_string(),
            why,
        })
    }

    /// The scores of so many prompts, as they come.
    async fn collect(
        &self,
        prompts: usize,
        mut events: job::Events,
    ) -> Result<Vec<Vec<lm::Scored>>, upstream::Error> {
        let mut all = vec![Vec::new(); prompts];
        for _ in 0..prompts {
            match events.next().await {
                Some(Event::Scored { prompt, scores }) => {
                    if let Some(place) = all.get_mut(prompt) {
                        *place = scores;
                    }
                }
                // Nothing is written here.
                Some(Event::Piece { .. }) => {}
                None => {
                    return Err(upstream::Error::Broken {
                        upstream: self.name.to_string(),
                        why: events.why(),
                    });
                }
            }
        }
        Ok(all)
    }
}

/// The model and the digest of where it came from.
fn load(options: &Options) -> Result<(Arc<Model>, [u8; 32]), Error> {
    let name = || options.name.clone();
    match &options.source {
        Source::Loaded(model, digest) => {
            if !model.has(lm::Path::Exact) || !model.has(options.sampling) {
                let what =
                    "the loaded model must hold the weights of the exact path and of `sampling`";
                return Err(Error::Settings { name: name(), what });
            }
            Ok((Arc::clone(model), *digest))
        }
        Source::File(path) => {
            let settings = lm::Options {
                threads: options.threads,
                context: options.context,
                weights: match options.sampling {
                    lm::Path::Exact => lm::HeldWeights::Exact,
                    lm::Path::Fast => lm::HeldWeights::Both,
                },
                ..lm::Options::default()
            };
            let model = Model::load(path, &settings).map_err(|source| Error::Model {
                name: name(),
                source,
            })?;
            let mut hasher = blake3::Hasher::new();
            std::fs::File::open(path)
                .and_then(|file| hasher.update_reader(file).map(|_| ()))
                .map_err(|source| Error::File {
                    name: name(),
                    source,
                })?;
            Ok((Arc::new(model), *hasher.finalize().as_bytes()))
        }
    }
}

/// Runs the scheduler; should it panic, the model is no longer ready and says why.
fn schedule(model: Arc<Model>, shared: Arc<Shared>, options: &Options) {
    let clock = Arc::clone(&options.clock);
    let mut scheduler = Scheduler::new(model, Arc::clone(&shared), clock, options.max_sequences);
    // It is not used again; the rest is behind locks that can't be poisoned.
    let why = match catch_unwind(AssertUnwindSafe(|| scheduler.run())) {
        Ok(()) => "the model was stopped".to_owned(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let why = format!(
                "the model's thread panicked: {}",
                text.unwrap_or("without a word")
            );
            tracing::error!(
                upstream = options.name,
                why,
                "the model in process has failed"
            );
            why
        }
    };
    // Before the scheduler lets go of its requests, so that their clients find out why.
    shared.broke(why);
}

impl Upstream for LocalUpstream {
    fn name(&self) -> &str {
        &self.name
    }

    fn endpoints(&self) -> EndpointSet {
        EndpointSet::of(&[Endpoint::Chat, Endpoint::Completions, Endpoint::Score])
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, upstream::Error>> {
        Box::pin(self.answer(ask))
    }

    /// A chat body alone is counted. One that the model can't read is `None` too: asking tells why.
    fn count_tokens(&self, ask: Ask) -> BoxFuture<'_, Result<Option<u64>, upstream::Error>> {
        Box::pin(async move {
            if ask.endpoint != Endpoint::Chat {
                return Ok(None);
            }
            let place = self.place()?;
            let (reader, now) = (Arc::clone(&self.reader), (self.clock)());
            let count = move || (reader.count(&ask, now), place);
            let (counted, _) = self.desk.run(count).await.ok_or_else(|| self.broken())?;
            Ok(counted.ok())
        })
    }

    fn score(&self, ask: ScoreAsk) -> BoxFuture<'_, Result<ScoreOutcome, upstream::Error>> {
        Box::pin(self.scores(ask))
    }

    fn health(&self) -> Health {
        let broken = self.shared.broken();
        Health {
            ready: usize::from(broken.is_none()),
            unreachable: 0,
            servers: 1,
            in_flight: self.shared.taken(),
            last_error: broken,
        }
    }
}

impl Drop for LocalUpstream {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl fmt::Debug for LocalUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalUpstream")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
