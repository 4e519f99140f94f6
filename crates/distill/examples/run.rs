//! For the tests: a run's parent and its child as processes that can be killed. `run models FOLDER`
//! writes two tiny models there; `run trainer` is the child; `run drive FOLDER RUN [DIE]` drives a run of the ledger in FOLDER, and dies at once
//! after so many events (`event:7`) or after the teacher's answer and before its entry
//! (`answer:2`). The teacher elsewhere is an arithmetical one; it writes down each call. Where the
//! variable BEGAN tells when the process was started, `resumes.log` gets how long it took from there
//! to the child's readiness and to the first new step, and of it the loading, in microseconds.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use distill::teacher::{Answer, Reply, Teacher, Text, Unanswered, Written};
use distill::{Observer, State, World};
use ledger::facts::Facts;
use record::{Actor, RunEvent, Time, Usage, UsageSource};
use trainer::protocol::{Ending, PositionScores, Score, SequenceScores};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.get(1..).unwrap_or_default() {
        ["trainer"] => {
            let began = Instant::now();
            let world = trainer::World {
                clock: &|| began.elapsed(),
            };
            let input = std::io::BufReader::new(std::io::stdin());
            let orphaned = || std::process::exit(3);
            match trainer::serve(input, std::io::stdout(), world, orphaned) {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        ["models", folder] => {
            let write = |(name, seed)| {
                let bytes = lm::testing::tiny_gguf(lm::Family::Llama, seed);
                std::fs::write(Path::new(folder).join(name), bytes)
            };
            match [("student.gguf", 1), ("teacher.gguf", 2)]
                .into_iter()
                .try_for_each(write)
            {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        }
        ["drive", folder, run, rest @ ..] => {
            let driven = drive(Path::new(folder), run, rest.first().copied());
            match driven {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    let _ = writeln!(std::io::stderr(), "{error}");
                    ExitCode::FAILURE
                }
            }
        }
        _ => ExitCode::from(2),
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    Time::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn drive(folder: &Path, run: &str, die: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let clock: ledger::Clock = Arc::new(|| now().micros());
    let random: ledger::Random = Arc::new(|bytes: &mut [u8]| {
        getrandom::fill(bytes).expect("the system has randomness");
    });
    let options = ledger::Options::new(folder.join("ledger"), clock, Arc::clone(&random));
    let facts = Facts::open(options, "test")?;
    let (what, at) = die.and_then(|die| die.split_once(':')).unwrap_or(("", "0"));
    let mortal = Mortal {
        event: if what == "event" { at.parse()? } else { 0 },
        answer: if what == "answer" { at.parse()? } else { 0 },
        log: folder.join("calls.log"),
        answers: AtomicU64::new(0),
    };
    let began = std::env::var("BEGAN").ok();
    let mut observer = Counted {
        left: mortal.event,
        began: began.and_then(|began| began.parse().ok()),
        ready: None,
        log: folder.join("resumes.log"),
    };
    let asked = ["teacher", "coder"].map(|name| Asked {
        name,
        mortal: &mortal,
    });
    let program = std::env::current_exe()?;
    let stop = AtomicBool::new(false);
    let mut world = World {
        facts: &facts,
        runs: &folder.join("runs"),
        trainer: &[program.into(), "trainer".into()],
        clock: &now,
        random: &|bytes| random(bytes),
        free: &|_| None,
        teachers: asked
            .iter()
            .map(|a| (a.name.to_owned(), a as &dyn Teacher))
            .collect(),
        stop: &stop,
        observer: &mut observer,
        by: Actor::House,
    };
    let state = distill::drive(&mut world, run.parse()?)?;
    facts.close()?;
    let _ = writeln!(std::io::stdout(), "{:?} {:?}", state.stage, state.cause);
    Ok(())
}

/// Dies after so many events; tells once how long it took to go on.
struct Counted {
    left: u64,
    began: Option<u64>,
    /// When the child was ready, and how long it had loaded.
    ready: Option<[u64; 2]>,
    log: PathBuf,
}

impl Observer for Counted {
    fn event(&mut self, _: &State, event: &RunEvent) {
        if let RunEvent::Step { .. } = event
            && let (Some(began), Some([ready, loading])) = (self.began.take(), self.ready)
        {
            let stepped = now().micros() - began;
            let file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.log);
            let told =
                file.and_then(|mut file| writeln!(file, "{} {stepped} {loading}", ready - began));
            told.expect("the test's folder can be written to");
        }
        if self.left == 1 {
            std::process::abort();
        }
        self.left = self.left.saturating_sub(1);
    }

    fn loaded(&mut self, _: &State, seconds: f64) {
        self.ready = Some([now().micros(), (seconds * 1e6) as u64]);
    }
}

/// A teacher that finds small ids likelier, and dies after so many answers.
struct Mortal {
    event: u64,
    answer: u64,
    log: PathBuf,
    answers: AtomicU64,
}

impl Mortal {
    /// Writes a call down, and dies after the last one's answer.
    fn called(&self, what: &str, key: &str) -> Result<(), Unanswered> {
        let lost = |error: std::io::Error| Unanswered::Lost(error.to_string());
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log);
        file.and_then(|mut file| writeln!(file, "{what} {key}"))
            .map_err(lost)?;
        if self.answers.fetch_add(1, Ordering::Relaxed) + 1 == self.answer {
            std::process::abort();
        }
        Ok(())
    }
}

/// A teacher by its name.
struct Asked<'a> {
    name: &'static str,
    mortal: &'a Mortal,
}

impl Asked<'_> {
    /// A call is written down by what it asks for, and another teacher's than `teacher` with its name.
    fn called(&self, what: &str, key: &str) -> Result<(), Unanswered> {
        match self.name {
            "teacher" => self.mortal.called(what, key),
            name => self.mortal.called(&format!("{what}@{name}"), key),
        }
    }
}

impl Teacher for Asked<'_> {
    fn score(&self, question: &Score, key: &str) -> Result<Answer, Unanswered> {
        self.called("score", key)?;
        let position = |ids: &Vec<u32>| {
            let weights: Vec<f64> = ids.iter().map(|id| 1.0 / f64::from(id + 1)).collect();
            let whole = weights.iter().sum::<f64>() / 0.9;
            let at = weights.iter().map(|w| Some((w / whole).ln() as f32));
            PositionScores {
                at: at.collect(),
                top: Vec::new(),
                tail: Some(if ids.is_empty() { 1.0 } else { 0.1 }),
            }
        };
        let read: usize = question.sequences.iter().map(|s| s.tokens.len()).sum();
        Ok(Answer {
            revision: Some(format!("blake3:{}", self.name.len())),
            sequences: question
                .sequences
                .iter()
                .map(|s| SequenceScores {
                    positions: s.ids.iter().map(position).collect(),
                })
                .collect(),
            usage: Usage {
                input: read as u64,
                cached_input: 0,
                output: 0,
                reasoning: 0,
                source: UsageSource::Upstream,
            },
        })
    }

    fn write(&self, texts: &[(&Text, &str)]) -> Vec<Result<Reply, Unanswered>> {
        let write = |(text, key): &(&Text, &str)| {
            self.called("write", key)?;
            let usage = Usage {
                input: 4,
                cached_input: 0,
                output: 2,
                reasoning: 0,
                source: UsageSource::Upstream,
            };
            Ok(Reply {
                revision: Some("1".into()),
                written: Written {
                    text: format!("{}", text.seed),
                    ending: Ending::End,
                    read: usage.input,
                    tokens: usage.output,
                },
                usage,
            })
        };
        texts.iter().map(write).collect()
    }
}
