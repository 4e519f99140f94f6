//! Speed of the model as it is served, and what it costs the threads beside it:
//! `cargo run --release -p local --example serving_speed -- FILE [THREADS [PROMPT]]`.
//! Prints tokens a second of reading and writing at several batch sizes, the longest pause of a
//! stream while a long prompt comes in, and how late a thread of normal priority wakes.

#![expect(clippy::print_stdout, reason = "figures are printed")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http_body_util::BodyExt;
use local::{LocalUpstream, Options, Source};
use record::{Endpoint, Time};
use serde_json::{Value, json};
use upstream::{AnswerBody, Ask, Chunks, Upstream};

const ANSWER: usize = 48;
type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: serving_speed FILE [THREADS [PROMPT]]")?;
    let threads = arguments.next().map_or(Ok(0), |t| t.parse())?;
    let length: usize = arguments.next().map_or(Ok(256), |t| t.parse())?;
    let idle = lateness(Duration::from_secs(2), &AtomicBool::new(false));
    println!("a thread that wakes every ms, model idle: {idle}");
    let draws = AtomicU64::new(1);
    let start = Instant::now();
    let local = LocalUpstream::start(Options {
        source: Source::File(path.into()),
        name: "speed".to_owned(),
        threads,
        context: None,
        sampling: lm::Path::Fast,
        max_sequences: 16,
        queue: 16,
        default_output: ANSWER,
        max_output: 1024,
        clock: Arc::new(now),
        random: Arc::new(move || draws.fetch_add(1, Ordering::Relaxed)),
    })?;
    println!("load: {:.2} s", start.elapsed().as_secs_f64());
    for batch in [1, 4, 8] {
        let (reading, writing) = speed(&local, batch, length).await?;
        println!("batch {batch}: reads {reading:.0} tokens/s, writes {writing:.1} tokens/s");
    }
    println!("{}", pause(&local, length).await?);
    let decoding = Arc::clone(&local);
    let load = tokio::spawn(async move { speed(&decoding, 4, length).await });
    let over = Arc::new(AtomicBool::new(false));
    let probe = std::thread::spawn({
        let over = Arc::clone(&over);
        move || lateness(Duration::from_secs(20), &over)
    });
    load.await??;
    over.store(true, Ordering::Relaxed);
    let late = probe.join().map_err(|_| "the probe panicked")?;
    println!("a thread that wakes every ms, model at work: {late}");
    Ok(())
}

fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time::from_micros(since.as_micros() as u64)
}

/// A stream of completions of made-up ids, each prompt another.
async fn open(
    local: &LocalUpstream,
    number: usize,
    length: usize,
    answer: usize,
) -> Result<Chunks, Failure> {
    let ids: Vec<usize> = (0..length)
        .map(|i| (i * 7919 + number * 131 + 13) % 40_000)
        .collect();
    let tokenizer = local.model().tokenizer();
    let ends = (0..tokenizer.vocabulary() as u32).filter(|&id| tokenizer.is_end(id));
    let bias: Value = ends
        .map(|id| (id.to_string(), json!(-100)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let body = json!({
        "model": "speed", "prompt": ids, "max_tokens": answer, "stream": true,
        "temperature": 0.8, "top_p": 0.95, "logprobs": 0, "logit_bias": bias,
    });
    let ask = Ask {
        endpoint: Endpoint::Completions,
        query: None,
        body: body.to_string().into(),
        streamed: true,
        headers: HeaderMap::new(),
        account: None,
    };
    match local.ask(ask).await?.body {
        AnswerBody::Chunks(chunks) => Ok(chunks),
        AnswerBody::Whole(bytes) => Err(String::from_utf8_lossy(&bytes).into()),
    }
}

/// Tokens a second of reading prompts, up to the last stream's first byte, and of writing after.
async fn speed(
    local: &Arc<LocalUpstream>,
    batch: usize,
    length: usize,
) -> Result<(f64, f64), Failure> {
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..batch {
        let local = Arc::clone(local);
        tasks.spawn(async move {
            let chunks = open(&local, number, length, ANSWER).await?;
            let begun = Instant::now();
            chunks.collect().await?;
            Ok::<_, Failure>((begun, Instant::now()))
        });
    }
    let times = tasks
        .join_all()
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let begun = times
        .iter()
        .map(|&(begun, _)| begun)
        .max()
        .ok_or("no stream")?;
    let ended = times
        .iter()
        .map(|&(_, ended)| ended)
        .max()
        .ok_or("no stream")?;
    let reading = (batch * length) as f64 / (begun - start).as_secs_f64();
    // Streams that began earlier wrote a little before: the figure is a lower bound.
    let writing = (batch * (ANSWER - 1)) as f64 / (ended - begun).as_secs_f64();
    Ok((reading, writing))
}

/// Pauses between the chunks of a stream, alone and while a prompt four times as long comes in.
async fn pause(local: &Arc<LocalUpstream>, length: usize) -> Result<String, Failure> {
    let mut chunks = open(local, 0, length, 3 * ANSWER).await?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let mut last = Instant::now();
    let mut second = None;
    while let Some(frame) = chunks.frame().await {
        frame?;
        let gap = last.elapsed();
        last = Instant::now();
        match &second {
            None => alone.push(gap),
            Some(_) => beside.push(gap),
        }
        if alone.len() == ANSWER && second.is_none() {
            let local = Arc::clone(local);
            second = Some(tokio::spawn(
                async move { open(&local, 1, 4 * length, 1).await },
            ));
        }
    }
    if let Some(second) = second {
        second.await??.collect().await?;
    }
    let most = |gaps: &[Duration]| gaps.iter().max().copied().unwrap_or_default();
    Ok(format!(
        "longest pause of a stream: {:.0?} alone, {:.0?} beside a prompt of {} tokens",
        most(&alone),
        most(&beside),
        4 * length
    ))
}

/// How late a sleep of a millisecond ends: 50th, 99th and 99.9th percentile.
fn lateness(most: Duration, over: &AtomicBool) -> String {
    let start = Instant::now();
    let mut late = Vec::new();
    while start.elapsed() < most && !over.load(Ordering::Relaxed) {
        let asleep = Instant::now();
        std::thread::sleep(Duration::from_millis(1));
        late.push(asleep.elapsed().saturating_sub(Duration::from_millis(1)));
    }
    late.sort_unstable();
    let at = |part: f64| late[((late.len() - 1) as f64 * part) as usize];
    format!(
        "late by {:.0?} / {:.0?} / {:.0?} (p50 / p99 / p99.9)",
        at(0.5),
        at(0.99),
        at(0.999)
    )
}
