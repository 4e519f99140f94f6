//! Figures of the guard's first steps on this machine: the time of a digest by size of the
//! exchange, its parts and its bytes.
//!
//! `cargo bench -p guard --bench digest`

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]
#![expect(
    clippy::disallowed_methods,
    reason = "a bench takes the time and looks at the processor"
)]

use std::borrow::Cow;
use std::hint::black_box;
use std::time::{Duration, Instant};

use guard::digest::{Digest, Digester, HashKey, Scratch};
use guard::profile::{Cold, Echoes, Hot, Profile, Sketcher};
use record::{
    Endpoint, Parameters, Part, Piece, SaidAnswer, SaidRequest, Seen, Source, Speaker, Time,
};

/// Rounds of which the median is told; the machine may have other work.
const ROUNDS: usize = 21;
const ROUND: Duration = Duration::from_millis(60);

const PROSE: &str = "The committee met on Tuesday to consider whether the harbour should be \
    dredged before winter, because several captains had complained that the channel near the old \
    lighthouse was no longer safe at low tide. After a short discussion about costs, insurance and \
    the effect on the oyster beds, it asked the engineer to prepare 3 estimates by October 14. ";

fn main() {
    flags();
    println!("digest, median of {ROUNDS} rounds (least), text of request and answer together:");
    let mut last = None;
    for bytes in [256, 1536, 4096, 16 * 1024, 64 * 1024, 1 << 20] {
        last = Some(exchange("prose", PROSE, bytes));
    }
    exchange(
        "chinese",
        "委员会周二开会，讨论是否应在冬季之前疏浚港口。",
        1536,
    );
    exchange(
        "accents",
        "Le comité s’est réuni mardi à l’hôtel de ville où l’été… ",
        1536,
    );
    exchange(
        "decomposed",
        "e\u{301}te\u{301} a\u{300} l'ho\u{302}tel ",
        1536,
    );
    exchange("one word", "a ", 1536);
    exchange(
        "phrases",
        "score: answer: step by step human: rate the ",
        1536,
    );
    if let Some(digest) = last {
        profiles(&digest);
    }
}

/// The time to take an exchange into a profile and to merge two, and the bytes of an account.
fn profiles(digest: &Digest) {
    let sketcher = Sketcher::new(&HashKey::new([7; 32]));
    let mut number = 0_u64;
    let mut next = || {
        number += 1;
        let micros = 1_790_000_000_000_000 + number % 20_000 * 97_000_000;
        (number, Time::from_micros(micros))
    };
    let (event, _) = time(|| {
        let (number, time) = next();
        black_box(sketcher.event(number, time, digest, Echoes::default()));
    });
    let mut hot = Hot::default();
    let (add, _) = time(|| {
        let (number, time) = next();
        hot.add(&sketcher.event(number, time, digest, Echoes::default()));
    });
    let other = hot.clone();
    let (merge, _) = time(|| hot.merge(black_box(&other)));
    let (cool, _) = time(|| {
        black_box(hot.cool());
    });
    println!(
        "profile: event {event:.2} µs, event and add {add:.2}, merge {merge:.2}, cool {cool:.2}"
    );
    let cold = Profile::Cold(Box::new(hot.cool())).encode().len();
    let encoded = Profile::Hot(Box::new(hot)).encode().len();
    let all = 200_000 * size_of::<Hot>() + 800_000 * size_of::<Cold>();
    println!(
        "an account: hot {} bytes ({encoded} encoded), cold {} ({cold} encoded); 200,000 hot and \
         800,000 cold: {:.2} GB",
        size_of::<Hot>(),
        size_of::<Cold>(),
        all as f64 / 1e9
    );
}

fn flags() {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let find = |name: &str| {
        let mut lines = info.lines();
        lines
            .find(|line| line.starts_with(name))
            .unwrap_or_default()
    };
    let wanted = ["avx2", "avx512f", "bmi2", "sha_ni"];
    let flags = find("flags").split(' ');
    let has: Vec<&str> = flags.filter(|flag| wanted.contains(flag)).collect();
    println!("{} {} {has:?}", find("model name"), find("cpu MHz"));
}

/// An exchange whose texts are a fifth system, two fifths question and two fifths answer.
fn exchange(name: &str, unit: &str, bytes: usize) -> Digest {
    let text = |share: usize, shift: usize| {
        let size = bytes * share / 5;
        let text: String = unit.chars().cycle().skip(shift).take(size).collect();
        text[..text.floor_char_boundary(size)].to_owned()
    };
    let piece = |speaker, turn, text| Piece {
        speaker,
        part: Part::Text,
        turn,
        text: Cow::Owned(text),
    };
    let request = SaidRequest {
        model: "large".into(),
        parameters: Parameters {
            max_tokens: Some(512),
            prompts: 1,
            ..Parameters::default()
        },
        pieces: vec![
            piece(Speaker::System, 1, text(1, 0)),
            piece(Speaker::User, 2, text(2, 40)),
        ],
        ..SaidRequest::default()
    };
    let answer = SaidAnswer {
        pieces: vec![piece(Speaker::Assistant, 0, text(2, 90))],
        choices: 1,
        ..SaidAnswer::default()
    };
    let seen = Seen {
        endpoint: &Endpoint::Chat,
        request: &request,
        answer: &answer,
        request_bytes: bytes as u64,
        response_bytes: bytes as u64,
        usage: None,
        duration_us: 1_000_000,
        status: 200,
        cut: false,
        source: Source {
            address: "192.0.2.17",
            user_agent: "openai-python/1.52.0",
            ..Source::default()
        },
    };
    let digester = Digester::new(&HashKey::new([7; 32]));
    let mut scratch = Scratch::default();
    let digest = digester.digest(&seen, &mut scratch);
    let encoded = digest.encode().len();
    let (median, least) = time(|| {
        black_box(digester.digest(black_box(&seen), &mut scratch));
    });
    println!("  {name:10} {bytes:8} B  {median:8.2} µs ({least:.2})  {encoded} bytes encoded");
    digest
}

/// Microseconds of one call: median and least of all rounds.
fn time(mut call: impl FnMut()) -> (f64, f64) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (start, mut calls) = (Instant::now(), 0_u32);
            while start.elapsed() < ROUND {
                for _ in 0..16 {
                    call();
                }
                calls += 16;
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    (rounds[ROUNDS / 2], rounds[0])
}
