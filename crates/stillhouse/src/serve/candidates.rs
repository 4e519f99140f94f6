//! Students that runs hold, served as `candidate/RUN` to accounts of the run's own organisation.
//! A student is loaded when it is asked first, from the file that the run wrote, whose digest must
//! be the one in the ledger; it is let go after a while without a question.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::upstream::{Answer, Ask, BoxFuture, EndpointSet, Error, Health, Upstream};
use distill::State;
use distill::folder::Folder;
use distill::runs::Runs;
use gateway::Route;
use ledger::facts::Facts;
use local::LocalUpstream;
use parking_lot::RwLock;
use record::id::kind;
use record::{Endpoint, Export, Id, Prices, Stage};
use tokio::sync::{Mutex, watch};

use super::shelf::{Held, Missing, Shelf};
use super::upstreams::Off;
use crate::failure::Result;
use crate::settings::Settings;
use crate::world;

/// Students that are held in memory at once: one that is asked meanwhile waits until another is
/// idle.
const AT_ONCE: usize = 2;
/// How often idle ones are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What who asks for one too many is told to wait.
const WAIT: Duration = Duration::from_secs(10);
/// The name of all of them where upstreams are named.
const UPSTREAM: &str = "candidate";
/// Answers that a student works on at once, and others that wait.
const SEQUENCES: usize = 4;
const QUEUE: usize = 16;
/// Tokens of an answer where the request names none, and at most.
const OUTPUT: (usize, usize) = (512, 8192);

/// The students that are held now.
pub(super) struct Candidates {
    facts: Facts,
    folded: Arc<Runs>,
    runs: PathBuf,
    idle: Duration,
    shelf: Arc<Shelf<LocalUpstream>>,
    known: RwLock<BTreeMap<Id<kind::Run>, Known>>,
}

/// A student and whose it is.
struct Known {
    only: Id<kind::Organization>,
    candidate: Arc<Candidate>,
}

impl Held for LocalUpstream {
    fn is_busy(&self) -> bool {
        let load = self.load();
        load.working + load.waiting > 0
    }
}

impl Candidates {
    /// Nobody is known yet.
    pub(super) fn new(settings: &Settings, facts: Facts, folded: Arc<Runs>) -> Self {
        Self {
            facts,
            folded,
            runs: settings.data_dir.join("runs"),
            idle: settings.runs.candidate_idle,
            shelf: Arc::new(Shelf::new(AT_ONCE)),
            known: RwLock::default(),
        }
    }

    /// Finds every student that is held.
    ///
    /// # Errors
    /// The ledger's.
    pub(super) fn find(&self) -> Result<()> {
        for run in self.folded.all().map_err(operations::Error::from)?.runs {
            self.put(run.id, &run.state);
        }
        Ok(())
    }

    /// Looks at one run again, which has moved.
    ///
    /// # Errors
    /// The ledger's.
    pub(super) fn look(&self, run: Id<kind::Run>) -> Result<()> {
        let found = self.folded.one(run).map_err(operations::Error::from)?;
        self.put(run, &found.state);
        Ok(())
    }

    fn put(&self, run: Id<kind::Run>, state: &State) {
        let account = self
            .facts
            .directory()
            .account(state.created.account)
            .cloned();
        let file = state.exported.iter().find(|file| file.form == "gguf");
        let mut known = self.known.write();
        let (Stage::Held, Some(account), Some(file)) = (state.stage, account, file) else {
            known.remove(&run);
            return;
        };
        known.entry(run).or_insert_with(|| Known {
            only: account.organization,
            candidate: Arc::new(Candidate::new(&self.runs, run, file, &self.shelf)),
        });
    }

    /// Their routes. They cost nothing: whoever is served has paid for the run.
    pub(super) fn routes(&self, off: &Off) -> Vec<Route> {
        let known = self.known.read();
        let route = |known: &Known| Route {
            model: known.candidate.model.as_str().into(),
            upstream: Arc::<Candidate>::clone(&known.candidate),
            upstream_model: None,
            prices: Prices::default(),
            context_tokens: None,
            max_output_tokens: Some(OUTPUT.1 as u64),
            on: !off.models.contains(&known.candidate.model),
            only: Some(known.only),
        };
        known.values().map(route).collect()
    }

    /// Lets those go that nobody has asked for a while, until the server stops; then all.
    pub(super) async fn sweep(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let rounds = async {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                for model in self.shelf.sweep(self.idle) {
                    tracing::info!(model, "the candidate is let go: nobody asks");
                }
            }
        };
        tokio::select! {
            () = rounds => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }
}

/// A student that can be asked.
struct Candidate {
    /// As clients name it.
    model: String,
    file: PathBuf,
    digest: [u8; 32],
    shelf: Arc<Shelf<LocalUpstream>>,
    /// One at a time loads it; the others wait for that.
    turn: Mutex<()>,
}

impl Candidate {
    fn new(
        runs: &std::path::Path,
        run: Id<kind::Run>,
        file: &Export,
        shelf: &Arc<Shelf<LocalUpstream>>,
    ) -> Self {
        Self {
            model: format!("{UPSTREAM}/{run}"),
            file: Folder::new(runs, run).path(&file.path),
            digest: file.digest,
            shelf: Arc::clone(shelf),
            turn: Mutex::default(),
        }
    }

    fn away(&self, why: String) -> Error {
        Error::Unreachable {
            upstream: self.model.clone(),
            why,
        }
    }

    /// The student in memory; loaded now, where it is not.
    async fn loaded(&self) -> std::result::Result<Arc<LocalUpstream>, Error> {
        let asked = self.shelf.ask((&self.model, &self.turn), self.load());
        asked.await.map_err(|missing| match missing {
            Missing::Full => Error::QueueFull {
                upstream: self.model.clone(),
                retry_after: WAIT,
            },
            Missing::Failed(why) => self.away(why),
        })
    }

    /// Loads it, off the runtime's threads.
    fn load(&self) -> impl FnOnce() -> std::result::Result<Arc<LocalUpstream>, String> + use<> {
        let options = local::Options {
            source: local::Source::File(self.file.clone()),
            name: self.model.clone(),
            threads: world::processors(),
            context: None,
            sampling: local::Path::Exact,
            max_sequences: SEQUENCES,
            queue: QUEUE,
            default_output: OUTPUT.0,
            max_output: OUTPUT.1,
            clock: world::clock(),
            random: Arc::new(world::random_bits),
        };
        let (file, digest, model) = (self.file.clone(), self.digest, self.model.clone());
        move || {
            let mut hasher = blake3::Hasher::new();
            std::fs::File::open(&file)
                .and_then(|bytes| hasher.update_reader(bytes).map(|_| ()))
                .map_err(|error| format!("{}: {error}", file.display()))?;
            if *hasher.finalize().as_bytes() != digest {
                return Err(format!(
                    "{} is not the file that the run wrote: its digest is another",
                    file.display()
                ));
            }
            let started = LocalUpstream::start(options).map_err(|error| error.to_string())?;
            tracing::info!(model, "the candidate is loaded");
            Ok(started)
        }
    }
}

impl Upstream for Candidate {
    fn name(&self) -> &str {
        UPSTREAM
    }

    fn endpoints(&self) -> EndpointSet {
        EndpointSet::of(&[Endpoint::Chat, Endpoint::Completions])
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, std::result::Result<Answer, Error>> {
        Box::pin(async move { self.loaded().await?.ask(ask).await })
    }

    fn count_tokens(&self, ask: Ask) -> BoxFuture<'_, std::result::Result<Option<u64>, Error>> {
        Box::pin(async move { self.loaded().await?.count_tokens(ask).await })
    }

    /// It can always be asked, as far as is known: it is loaded then.
    fn health(&self) -> Health {
        let loaded = self.shelf.look(&self.model);
        let in_flight = loaded.map_or(0, |upstream| upstream.health().in_flight);
        Health {
            ready: 1,
            unreachable: 0,
            servers: 1,
            in_flight,
            last_error: None,
        }
    }
}
