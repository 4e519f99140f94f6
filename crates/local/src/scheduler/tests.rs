//! Turn by turn, with clients that read when the test says so.

use futures_util::future::FutureExt as _;
use lm::{Family, Limits, Sampling, Writer};
use record::Time;

use super::*;
use crate::job::{Event, Events, Score, line};

/// Tokens of each prompt and of each answer.
const PROMPT: usize = 150;
const ANSWER: usize = 80;

struct Bench {
    scheduler: Scheduler,
    shared: Arc<Shared>,
    most_held: usize,
    dropped: usize,
}

impl Bench {
    fn new(slots: usize) -> Self {
        let model = Arc::new(lm::testing::tiny_model(Family::Llama, 7).unwrap());
        let shared = Shared::new(64);
        let clock: Clock = Arc::new(Time::default);
        Self {
            scheduler: Scheduler::new(model, Arc::clone(&shared), clock, slots),
            shared,
            most_held: 0,
            dropped: 0,
        }
    }

    /// A request for so many answers to one prompt of its own.
    fn request(&self, seed: u64, answers: usize) -> (Job, Events) {
        let model = &self.scheduler.model;
        let place = self.shared.place().unwrap();
        let (line, events) = line(1 + answers, Time::default(), place, &self.shared);
        let writer = |number: usize| {
            let sampling = Sampling {
                temperature: 1.0,
                seed: seed + 100 * number as u64,
                ..Sampling::default()
            };
            let limits = Limits {
                max_tokens: ANSWER,
                stop: Vec::new(),
                ignore_end: true,
            };
            let writer = Writer::new(Arc::clone(model.tokenizer()), sampling, limits);
            (number, writer.unwrap())
        };
        let vocabulary = model.tokenizer().vocabulary() as u64;
        let token = |at: u64| ((at * 31 + seed * 7) % vocabulary) as u32;
        let prompt = Prompt {
            index: 0,
            tokens: (0..PROMPT as u64).map(token).collect(),
            score: Some(Score::all(0)),
            path: lm::Path::Exact,
            account: None,
            answers: (0..answers).map(writer).collect(),
        };
        let prompts = vec![prompt];
        (Job { line, prompts }, events)
    }

    /// Takes turns until there is nothing to do.
    fn settle(&mut self, mut jobs: Vec<Job>) {
        while self.scheduler.turn(std::mem::take(&mut jobs)) {
            let scheduler = &self.scheduler;
            self.most_held = self.most_held.max(scheduler.held());
            let dropped = scheduler.resting.iter().filter(|s| s.cache().is_empty());
            self.dropped = self.dropped.max(dropped.count());
        }
    }
}

/// What a client has read: the scores told, and the tokens of each answer.
#[derive(Debug, Clone, PartialEq)]
struct Read {
    scores: Vec<Vec<f32>>,
    tokens: Vec<Vec<u32>>,
}

impl Read {
    fn new(answers: usize) -> Self {
        let tokens = vec![Vec::new(); answers];
        let scores = Vec::new();
        Self { scores, tokens }
    }

    /// Reads all that is there; whether there was anything.
    fn read(&mut self, events: &mut Events) -> bool {
        let mut any = false;
        while let Some(Some(event)) = events.next().now_or_never() {
            any = true;
            match event {
                Event::Scored { scores, .. } => {
                    self.scores
                        .push(scores.iter().map(|score| score.logprob).collect());
                }
                Event::Piece { answer, piece } => self.tokens[answer].push(piece.choice.token),
            }
        }
        any
    }

    fn is_whole(&self) -> bool {
        self.scores.len() == 1 && self.tokens.iter().all(|tokens| tokens.len() == ANSWER)
    }
}

/// Reads until nothing more comes.
fn finish(bench: &mut Bench, events: &mut Events, read: &mut Read) {
    while read.read(events) {
        bench.settle(Vec::new());
    }
}

fn alone(seed: u64, answers: usize) -> Read {
    let mut bench = Bench::new(1);
    let (job, mut events) = bench.request(seed, answers);
    bench.settle(vec![job]);
    let mut read = Read::new(answers);
    finish(&mut bench, &mut events, &mut read);
    assert!(read.is_whole());
    read
}

/// Requests with so many answers each, none of which is read before all were begun.
fn crowd(slots: usize, answers: &[usize]) -> Bench {
    let mut bench = Bench::new(slots);
    let mut clients = Vec::new();
    for (seed, &answers) in (1..).zip(answers) {
        let (job, events) = bench.request(seed, answers);
        bench.settle(vec![job]);
        assert!(bench.scheduler.running.is_empty(), "nobody keeps a slot");
        clients.push((seed, events, Read::new(answers)));
    }
    for (_, events, read) in &mut clients {
        assert!(read.read(events), "each was begun");
        assert!(!read.is_whole(), "and none could be ended");
    }
    for (seed, mut events, mut read) in clients {
        bench.settle(Vec::new());
        finish(&mut bench, &mut events, &mut read);
        assert_eq!(read, alone(seed, read.tokens.len()));
    }
    bench
}

#[test]
fn those_at_rest_keep_their_caches_while_there_is_memory() {
    let bench = crowd(2, &[1, 1]);
    assert_eq!(bench.dropped, 0);
}

#[test]
fn caches_beyond_the_memory_are_dropped_and_made_again() {
    let bench = crowd(1, &[1; 8]);
    assert!(bench.dropped >= 4, "{} were dropped", bench.dropped);
    assert!(bench.most_held <= bench.scheduler.memory);
}

#[test]
fn answers_that_could_not_begin_rest_too() {
    let bench = crowd(2, &[6, 1, 9, 6]);
    assert!(bench.dropped > 0);
    // The prompts' own caches may come on top, one a slot.
    assert!(bench.most_held <= 2 * bench.scheduler.memory);
}

/// A request of the prompt of `seed`, unscored, on behalf of somebody.
fn of(bench: &Bench, seed: u64, account: u8) -> (Job, Events) {
    let (mut job, events) = bench.request(seed, 2);
    for prompt in &mut job.prompts {
        prompt.score = None;
        prompt.account = Some(record::Id::from_bytes([account; 16]));
    }
    (job, events)
}

#[test]
fn a_known_beginning_is_not_read_again_and_changes_nothing() {
    let mut bench = Bench::new(4);
    let whole = alone(3, 2).tokens;
    for (round, account) in [1, 1, 2].into_iter().enumerate() {
        let (mut job, mut events) = of(&bench, 3, account);
        let known = bench.scheduler.prefixes.find(&job.prompts[0]);
        let known = known.map(|cache| cache.len());
        // One token is left to be read, for the logits after it.
        assert_eq!(known, (round == 1).then_some(PROMPT - 1), "{account}");
        job.prompts[0].path = lm::Path::Fast;
        assert!(bench.scheduler.prefixes.find(&job.prompts[0]).is_none());
        job.prompts[0].path = lm::Path::Exact;
        bench.settle(vec![job]);
        let mut read = Read::new(2);
        finish(&mut bench, &mut events, &mut read);
        assert_eq!(read.tokens, whole, "round {round}");
    }
}

#[test]
fn a_conversation_that_goes_on_takes_the_place_of_its_beginning() {
    let mut bench = Bench::new(4);
    let mut lengths = Vec::new();
    for length in [70, 110, 90, PROMPT] {
        let (mut job, mut events) = of(&bench, 5, 1);
        job.prompts[0].tokens.truncate(length);
        bench.settle(vec![job]);
        finish(&mut bench, &mut events, &mut Read::new(2));
        let caches = bench.scheduler.prefixes.caches();
        lengths.push(caches.map(lm::Cache::len).collect::<Vec<_>>());
    }
    assert_eq!(lengths, [vec![70], vec![110], vec![110, 90], vec![PROMPT]]);
}

#[test]
fn kept_prompts_are_the_first_to_go_where_memory_is_short() {
    let mut bench = Bench::new(1);
    for seed in 0..12 {
        let (job, mut events) = of(&bench, seed, 1);
        bench.settle(vec![job]);
        finish(&mut bench, &mut events, &mut Read::new(2));
    }
    assert!(bench.most_held <= bench.scheduler.memory);
    assert_eq!(bench.dropped, 0, "whoever waits keeps its own");
    let kept = bench.scheduler.prefixes.caches().count();
    assert!((1..12).contains(&kept), "{kept} are kept");
}
