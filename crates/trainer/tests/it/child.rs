//! A child on a thread, its parent, and the folder of a run.

use lm::Family;
use lm::testing::tiny_gguf;
use std::io::{BufReader, PipeReader, PipeWriter, Write, pipe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use trainer::World;
use trainer::protocol::*;

/// A run's folder with models and items.
pub(crate) struct Folder {
    pub(crate) root: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for (name, seed) in [("student", 1), ("teacher", 2)] {
            let path = root.path().join(name).with_extension("gguf");
            std::fs::write(path, tiny_gguf(Family::Llama, seed)).unwrap();
        }
        let folder = Self { root };
        std::fs::create_dir(folder.run()).unwrap();
        let items: Vec<Item> = (0..7).map(item).collect();
        folder.write_items(&items);
        folder
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.root.path().join("run")
    }

    pub(crate) fn model(&self, name: &str) -> PathBuf {
        self.root.path().join(name).with_extension("gguf")
    }

    pub(crate) fn items(&self) -> PathBuf {
        self.run().join("items.jsonl")
    }

    pub(crate) fn write_items(&self, items: &[Item]) {
        let line = |item: &Item| serde_json::to_string(item).unwrap() + "\n";
        let text: String = items.iter().map(line).collect();
        std::fs::write(self.items(), text).unwrap();
    }

    /// A job of six steps.
    pub(crate) fn learn(&self, kind: Kind) -> Learn {
        Learn {
            folder: self.run(),
            items: self.items(),
            seed: 11,
            stage: Stage::OnPolicy,
            student: self.student(),
            teacher: Teacher::Local {
                model: self.model("teacher"),
            },
            teachers: Vec::new(),
            learning: learning(kind),
            sampling: Sampling {
                max_tokens: 6,
                ..Sampling::default()
            },
            steps: 6,
            until: None,
            from: None,
            begin: None,
            checkpoint_every: 1,
            keep: None,
            show: 1,
            threads: 1,
        }
    }

    pub(crate) fn student(&self) -> Student {
        Student {
            model: self.model("student"),
            tuning: Tuning::Lora {
                rank: 4,
                alpha: 8.0,
                dropout: 0.0,
                targets: Vec::new(),
            },
        }
    }
}

fn item(number: usize) -> Item {
    let text = |text: String| Prompt::Text { text };
    let (id, question) = (format!("i{number}"), format!("what is {number}?"));
    let student = match number {
        // Also one that the model's own template renders.
        6 => Prompt::Messages {
            messages: vec![Message {
                role: "user".into(),
                content: question.clone(),
            }],
        },
        _ => text(question.clone()),
    };
    Item {
        id,
        student,
        teacher: Some(text(format!("read the examples and say: {question}"))),
        taught_by: None,
        answer: Some(format!("the answer {number}")),
        rejected: Some(format!("or number {number}")),
    }
}

pub(crate) fn learning(kind: Kind) -> Learning {
    Learning {
        batch: 3,
        samples: 2,
        rate: Rate {
            rate: 1e-2,
            warm_up: 2,
            decay: Decay::Cosine,
            floor: 0.1,
        },
        loss: Loss {
            kind,
            temperature: 1.0,
            scaled: false,
            floor: None,
            support: Support::Whole,
            tail: Tail::Bucket,
        },
        weight_decay: 0.0,
        beta1: 0.9,
        beta2: 0.999,
        clip: 1.0,
        rows: 128,
        recompute: false,
        one_step_off: false,
    }
}

/// A child and the parent's ends of its pipes.
pub(crate) struct Child {
    to: Option<PipeWriter>,
    from: Lines<BufReader<PipeReader>>,
    thread: Option<JoinHandle<bool>>,
    /// Counts up where the child finds that its parent has gone.
    pub(crate) orphaned: Arc<AtomicU64>,
}

impl Child {
    pub(crate) fn new() -> Self {
        let (input, to) = pipe().unwrap();
        let (from, output) = pipe().unwrap();
        let orphaned = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&orphaned);
        let thread = std::thread::spawn(move || {
            let ticks = AtomicU64::new(0);
            let clock = || Duration::from_millis(ticks.fetch_add(1, Ordering::Relaxed));
            let world = World { clock: &clock };
            trainer::serve(BufReader::new(input), output, world, move || {
                told.fetch_add(1, Ordering::SeqCst);
            })
        });
        Self {
            to: Some(to),
            from: Lines::new(BufReader::new(from)),
            thread: Some(thread),
            orphaned,
        }
    }

    pub(crate) fn tell(&mut self, order: &Order) {
        write_line(self.to.as_mut().unwrap(), order).unwrap();
    }

    pub(crate) fn write(&mut self, line: &str) {
        self.to
            .as_mut()
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
    }

    pub(crate) fn job(&mut self, job: Job) {
        self.tell(&Order::Job {
            version: VERSION,
            job,
        });
    }

    pub(crate) fn close(&mut self) {
        self.to = None;
    }

    /// The next report; none at the end.
    pub(crate) fn next(&mut self) -> Option<Report> {
        self.from.read().unwrap()
    }

    /// The rest of the reports, and whether the child says that all went well.
    pub(crate) fn rest(mut self) -> (Vec<Report>, bool) {
        let mut out = Vec::new();
        while let Some(report) = self.next() {
            out.push(report);
        }
        let good = self.thread.take().unwrap().join().unwrap();
        (out, good)
    }
}

/// Does a job that asks its parent nothing.
pub(crate) fn run(job: Job) -> Vec<Report> {
    let mut child = Child::new();
    child.job(job);
    let (reports, good) = child.rest();
    assert!(good, "{:?}", reports.last());
    assert!(matches!(reports.last(), Some(Report::Done(_))));
    reports
}

/// Does a job that fails.
pub(crate) fn fail(job: Job) -> (Vec<Report>, Failed) {
    let mut child = Child::new();
    child.job(job);
    let (mut reports, good) = child.rest();
    assert!(!good);
    let Some(Report::Failed(failed)) = reports.pop() else {
        panic!("it did not fail")
    };
    (reports, failed)
}

pub(crate) fn steps(reports: &[Report]) -> Vec<Step> {
    let step = |r: &Report| match r {
        Report::Step(step) => Some((**step).clone()),
        _ => None,
    };
    reports.iter().filter_map(step).collect()
}

pub(crate) fn checkpoints(reports: &[Report]) -> Vec<Checkpoint> {
    let checkpoint = |r: &Report| match r {
        Report::Checkpoint(checkpoint) => Some(checkpoint.clone()),
        _ => None,
    };
    reports.iter().filter_map(checkpoint).collect()
}

/// Steps without what depends on the clock.
pub(crate) fn timeless(steps: Vec<Step>) -> Vec<Step> {
    let timeless = |step| Step {
        seconds: Seconds::default(),
        ..step
    };
    steps.into_iter().map(timeless).collect()
}

/// Every file of a folder's checkpoints, by name.
pub(crate) fn bytes(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for folder in std::fs::read_dir(run.join("checkpoints")).unwrap() {
        let folder = folder.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            let name = format!("{:?}/{:?}", folder.file_name(), file.file_name());
            out.push((name, std::fs::read(file.path()).unwrap()));
        }
    }
    out.sort();
    out
}
