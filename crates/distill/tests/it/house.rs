//! A ledger with a grant, tiny models and data in a folder, and processes that drive runs there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use distill::{Spec, State, runs};
use ledger::facts::Facts;
use lm::Family;
use lm::testing::tiny_gguf;
use record::id::kind;
use record::{
    Account, AccountState, Actor, Budget, BudgetOwner, Change, Fact, Grant, GrantBudget,
    GrantTerms, Id, Limits, Money, Organization, RunEvent, Tier, Time,
};
use tempfile::TempDir;

/// The grant of every test.
pub(crate) const GRANT: Id<kind::Grant> = Id::from_bytes([7; 16]);

pub(crate) struct House {
    pub(crate) root: TempDir,
    ids: AtomicU64,
}

/// What a run is to be.
pub(crate) struct Wanted {
    /// The teacher is elsewhere.
    pub(crate) served: bool,
    /// It also has a cold start.
    pub(crate) cold: bool,
    /// Its budget in tokens.
    pub(crate) tokens: u64,
    /// Steps on policy.
    pub(crate) steps: u64,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            served: false,
            cold: false,
            tokens: 1_000_000,
            steps: 6,
        }
    }
}

impl House {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for (name, seed) in [("student", 1), ("teacher", 2), ("coder", 3)] {
            let path = root.path().join(name).with_extension("gguf");
            std::fs::write(path, tiny_gguf(Family::Llama, seed)).unwrap();
        }
        let house = Self {
            root,
            ids: AtomicU64::new(1),
        };
        house.write_rows();
        let facts = house.facts();
        let change = |change| facts.change(Actor::House, "", change).unwrap();
        let (organization, account) = (Id::from_bytes([8; 16]), Id::from_bytes([9; 16]));
        change(Change::OrganizationCreated(Organization {
            id: organization,
            name: "Acme".into(),
        }));
        change(Change::AccountCreated(Account {
            id: account,
            organization,
            name: "lab".into(),
            plan: "default".into(),
            state: AccountState::Active,
            limits: Limits::default(),
            spend: None,
        }));
        change(Change::GrantIssued(Grant {
            id: GRANT,
            account,
            terms: GrantTerms {
                teachers: vec!["teacher".into(), "coder".into()],
                purpose: "a student".into(),
                tier: Tier::Train,
                budget: GrantBudget::new(Some(Money::from_nanos(u64::MAX)), None).unwrap(),
                limits: Limits::default(),
                expires: Time::from_micros(u64::MAX),
            },
            prefix: "gt-sh-abcdef".into(),
            hash: [1; 32],
            revoked: None,
        }));
        facts.close().unwrap();
        house
    }

    fn write_rows(&self) {
        for (name, from, to) in [("items", 0, 9), ("holdout", 20, 26)] {
            let rows: String = (from..to)
                .map(|n| format!("{{\"id\":\"r{n}\",\"text\":\"what is {n}\"}}\n"))
                .collect();
            std::fs::write(self.path(name).with_extension("jsonl"), rows).unwrap();
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.path("runs")
    }

    pub(crate) fn facts(&self) -> Facts {
        let clock = Arc::new(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            u64::try_from(since.unwrap().as_micros()).unwrap()
        });
        let random: ledger::Random = Arc::new(|bytes: &mut [u8]| getrandom::fill(bytes).unwrap());
        let options = ledger::Options::new(self.path("ledger"), clock, random);
        Facts::open(options, "test").unwrap()
    }

    /// The settings of a run, as a file would have them.
    pub(crate) fn spec(&self, wanted: &Wanted) -> Spec {
        let path = |name: &str| self.path(name).display().to_string();
        let teacher = match wanted.served {
            true => String::from("idempotent = true"),
            false => format!("model = {:?}", path("teacher.gguf")),
        };
        let support = match wanted.served {
            true => "support = { student = 4 }",
            false => "",
        };
        let cold = match wanted.cold {
            true => {
                "[stages.cold_start]\nsteps = 3\ncheckpoint_every = 2\n\
                 learning = { batch = 2, rate = { rate = 1e-2 }, loss = { kind = \"cross_entropy\" } }\n\
                 sampling = { max_tokens = 40, temperature = 1.0, stop = [\"e\", \"a\", \"t\"] }\n"
            }
            false => "",
        };
        let text = format!(
            "[run]\nname = \"tiny\"\nseed = 5\ngrant = \"{GRANT}\"\nthreads = 1\n\
             [student]\nmodel = {:?}\ntuning = {{ kind = \"lora\", rank = 4, alpha = 8.0 }}\n\
             [teacher]\nname = \"teacher\"\nlicence = \"own\"\n{teacher}\n\
             [data]\nitems = {:?}\nholdout = {:?}\nstudent = \"{{text}}?\"\nteacher = \"say: {{text}}?\"\n\
             {cold}[stages.on_policy]\nsteps = {}\ncheckpoint_every = 2\n\
             learning = {{ batch = 2, samples = 2, rows = 128, rate = {{ rate = 1e-2 }}, loss = {{ kind = \"reverse_kl\", {support} }} }}\n\
             sampling = {{ max_tokens = 6 }}\n\
             [evaluate]\nscorer = {{ kind = \"regex\", pattern = \"[aeiou]\" }}\nevery = 4\nmax_tokens = 8\n\
             [budget]\ndollars = 10\ntokens = {}\nmachine_dollars_per_hour = 0.5\n\
             [alarms]\ncut = 0\nlength = 0\nrepetition = 0\nentropy = 0\ngradient = 0\nkl = 0\nholdout = 0\noverlap = 0\nsaturated = 0\nclamped = 0\n",
            path("student.gguf"),
            path("items.jsonl"),
            path("holdout.jsonl"),
            wanted.steps,
            wanted.tokens,
        );
        let mut spec = distill::file::parse(Path::new("run.toml"), &text).unwrap();
        if wanted.served {
            spec.teacher.served = Some(distill::spec::Served {
                upstream: "elsewhere".into(),
                model: "teacher".into(),
                prices: record::Prices {
                    input: 1000,
                    cached: 1000,
                    output: 1000,
                    reasoning: 1000,
                },
            });
        }
        spec
    }

    /// Makes a run; every one made has its own id, which is known beforehand.
    pub(crate) fn make(&self, spec: &Spec) -> Id<kind::Run> {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        let run = Id::from_bytes([u8::try_from(number).unwrap(); 16]);
        let facts = self.facts();
        let grant = facts.directory().grant(GRANT).cloned().unwrap();
        distill::create::create(&facts, &self.runs(), run, (spec, &grant), None).unwrap();
        facts.close().unwrap();
        run
    }

    /// The command that drives a run.
    pub(crate) fn command(&self, run: Id<kind::Run>, die: Option<&str>) -> Command {
        let mut program = std::env::current_exe().unwrap();
        program.pop();
        program.pop();
        let mut command = Command::new(program.join("examples").join("run"));
        command
            .arg("drive")
            .arg(self.root.path())
            .arg(run.to_string());
        let began = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        command
            .args(die)
            .env("BEGAN", began.as_micros().to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn drive(&self, run: Id<kind::Run>, die: Option<&str>) -> Output {
        self.command(run, die).output().unwrap()
    }

    /// Drives a run until it stands, over whatever advice is given against it.
    pub(crate) fn finish(&self, run: Id<kind::Run>) -> State {
        for _ in 0..4 {
            let output = self.drive(run, None);
            let log =
                std::fs::read_to_string(self.runs().join(run.to_string()).join("trainer.log"));
            assert!(
                output.status.success(),
                "{} {}",
                String::from_utf8_lossy(&output.stderr),
                log.unwrap_or_default()
            );
            let state = self.state(run);
            if !self.overrule(run, &state) {
                return state;
            }
        }
        self.state(run)
    }

    /// Resumes a run that was advised against; whether it was.
    pub(crate) fn overrule(&self, run: Id<kind::Run>, state: &State) -> bool {
        if !matches!(state.cause, Some(record::Cause::Advice(_))) {
            return false;
        }
        self.resume(run);
        true
    }

    pub(crate) fn resume(&self, run: Id<kind::Run>) {
        let facts = self.facts();
        let mut state = runs::state(facts.ledger().read(1..), run).unwrap();
        distill::resume(&facts, (run, &mut state), &Actor::House, "test", None).unwrap();
        facts.close().unwrap();
    }

    pub(crate) fn state(&self, run: Id<kind::Run>) -> State {
        let reader = ledger::Reader::open(&self.path("ledger"), None).unwrap();
        let state = runs::state(reader.read(1..), run).unwrap();
        // Whatever was killed meanwhile: what the fold tells is what all the entries tell.
        assert_eq!(runs::Runs::files(reader).one(run).unwrap().state, state);
        state
    }

    pub(crate) fn events(&self, run: Id<kind::Run>) -> Vec<RunEvent> {
        let reader = ledger::Reader::open(&self.path("ledger"), None).unwrap();
        let told = runs::events(reader.read(1..)).map(Result::unwrap);
        told.filter(|told| told.run == run)
            .map(|told| told.event)
            .collect()
    }

    /// What was settled of slices is what the runs' entries say, and nothing is open.
    pub(crate) fn check_money(&self, all: &[Id<kind::Run>]) {
        let reader = ledger::Reader::open(&self.path("ledger"), None).unwrap();
        let mut open = std::collections::HashSet::new();
        for entry in reader.read(1..) {
            let entry = entry.unwrap();
            let payload = entry.payload().unwrap_or_default();
            match ledger::facts::decode(entry.header.kind, entry.header.version, payload).unwrap() {
                Some(Fact::SliceReserved(slice)) => assert!(open.insert(slice.id)),
                Some(Fact::SliceSettled { slice, overrun, .. }) => {
                    assert!(open.remove(&slice));
                    assert_eq!(overrun, record::Amount::ZERO);
                }
                _ => {}
            }
        }
        assert!(open.is_empty(), "{open:?}");
        let facts = self.facts();
        let budget = Budget {
            owner: BudgetOwner::Grant(GRANT),
            start_day: 0,
        };
        let spent = facts.spent(&budget);
        facts.close().unwrap();
        let told = all.iter().fold(record::Amount::ZERO, |sum, run| {
            sum.plus(self.state(*run).spent)
        });
        assert_eq!(spent.gone, told, "settled against told");
    }
}
