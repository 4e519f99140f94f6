//! What the whole fold costs: exchanges a second on one thread, and memory with a million accounts
//! known, of which 200,000 are kept in full. Prints; no assertion hangs on time.
//!
//! `cargo bench -p guard --bench watch`

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench takes the time")]

use std::borrow::Cow;
use std::time::Instant;

use guard::digest::{About, Digest, Digester, HashKey, Scratch};
use guard::echo::AccountNumber;
use guard::watch::{Folded, Options, Watch};
use record::{
    Endpoint, Parameters, Part, Piece, SaidAnswer, SaidRequest, Seen, Source, Speaker, Time,
};

const ACCOUNTS: u32 = 1_000_000;
const KINDS: u64 = 4_096;

fn piece(speaker: Speaker, text: String) -> Piece<'static> {
    Piece {
        speaker,
        part: Part::Text,
        turn: 1,
        text: Cow::Owned(text),
    }
}

fn digest(digester: &Digester, scratch: &mut Scratch, number: u64) -> Digest {
    let words = |seed: u64| -> String {
        let word = |place: u64| {
            let word = (seed + 1).wrapping_mul(7_919 + place * 104_729) % 50_021;
            format!("w{word} ")
        };
        (0..80).map(word).collect()
    };
    let request = SaidRequest {
        model: "large".into(),
        parameters: Parameters {
            prompts: 1,
            ..Parameters::default()
        },
        pieces: vec![piece(Speaker::User, words(number))],
        ..SaidRequest::default()
    };
    let answer = SaidAnswer {
        pieces: vec![piece(Speaker::Assistant, words(number + KINDS))],
        choices: 1,
        ..SaidAnswer::default()
    };
    let address = format!("192.0.{}.{}", number / 256 % 256, number % 256);
    let seen = Seen {
        endpoint: &Endpoint::Chat,
        request: &request,
        answer: &answer,
        request_bytes: 700,
        response_bytes: 700,
        usage: None,
        duration_us: 900_000,
        status: 200,
        cut: false,
        source: Source {
            address: &address,
            user_agent: "openai-python/1.52.0",
            ..Source::default()
        },
    };
    digester.digest(&seen, scratch)
}

fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

fn main() {
    let key = HashKey::new([7; 32]);
    let digester = Digester::new(&key);
    let mut scratch = Scratch::default();
    let digests: Vec<Digest> = (0..KINDS)
        .map(|number| digest(&digester, &mut scratch, number))
        .collect();
    let Ok(options) = Options::shipped() else {
        println!("the shipped card can't be read");
        return;
    };
    let mut watch = Watch::new(&key, options);
    for _ in 0..ACCOUNTS {
        watch.account(About::default());
    }
    let mut findings = Vec::new();
    let mut number = 0;
    // Two passes, so that old accounts come back; then 200,000 that stay, ten times.
    let rounds = [(ACCOUNTS, 2), (200_000, 10)];
    for (accounts, times) in rounds {
        let began = Instant::now();
        let before = number;
        for _ in 0..times {
            for account in 0..accounts {
                let arrived = Time::from_micros(1_770_000_000_000_000 + number * 40_000);
                watch.exchange(
                    &Folded {
                        number,
                        account: AccountNumber(account),
                        arrived,
                        ended: arrived.plus_micros(900_000),
                        digest: &digests
                            [(number.wrapping_mul(2_654_435_761) >> 7 & (KINDS - 1)) as usize],
                    },
                    &mut findings,
                );
                findings.clear();
                number += 1;
            }
        }
        let rate = (number - before) as f64 / began.elapsed().as_secs_f64();
        println!(
            "{accounts} accounts, {} exchanges: {rate:.0}/s folded on one thread; the guard holds {} MiB, the process had {} MiB at most",
            number - before,
            watch.bytes() >> 20,
            peak_mib().unwrap_or(0),
        );
    }
}
