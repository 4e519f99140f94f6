//! Figures of the memory of echoes on this machine: time of an exchange, bytes, and the share of
//! answers that are missed, by load.
//!
//! `cargo bench -p guard --bench echo`

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench takes the time")]

use std::time::Instant;

use guard::digest::{Digest, Digester, HashKey, OF_ANSWER, OF_REQUEST, Scratch};
use guard::echo::{AccountNumber, Exchange, LEAST, Memory, Options};
use record::{Endpoint, SaidAnswer, SaidRequest, Seen, Source, Time};

/// Accounts, each of which asks in turn.
const ACCOUNTS: u64 = 20_000;

/// Exchanges timed at once.
const CHUNK: u64 = 512;

fn main() {
    let bytes = Options::default().bytes();
    println!("default options: {bytes} bytes ({} MiB)", bytes >> 20);
    println!("answers of 24 prints, 12 kept, in 8,388,608 places; the ring holds all of them:");
    println!(
        "  answers   load   µs, median (least)  held   displaced  missed: of all, by fifths of age, the oldest first"
    );
    for load in [25, 50, 75, 90, 100, 125, 150, 200] {
        fill(load);
    }
}

/// Fills a memory to this load, in hundredths of its places, then looks for whole answers again.
fn fill(load: u64) {
    let options = Options {
        answers: 1 << 21,
        ..Options::default()
    };
    let kept = u64::from(options.prints);
    let total = u64::from(options.places) * load / 100 / kept;
    let mut memory = Memory::new(options);
    let mut digest = blank();
    // Requests carry nothing that was answered, as nearly all do.
    let mut chunks = Vec::new();
    for chunk in 0..total / CHUNK {
        let digests: Vec<Digest> = (chunk * CHUNK..(chunk + 1) * CHUNK)
            .map(|number| {
                digest.answer_prints = prints(number, OF_ANSWER);
                digest.ask_prints = prints(number + (1 << 40), OF_REQUEST);
                digest.past_prints = prints(number + (1 << 41), OF_REQUEST);
                digest.chain.after = mix(number + (1 << 42));
                digest.chain.before = mix(number + (1 << 43));
                digest.clone()
            })
            .collect();
        let start = Instant::now();
        for (number, digest) in (chunk * CHUNK..).zip(&digests) {
            memory.observe(&exchange(number, digest));
        }
        chunks.push(start.elapsed().as_secs_f64() * 1e6 / CHUNK as f64);
    }
    let total = total / CHUNK * CHUNK;
    // Of the last quarter, when the memory is as full as it gets.
    let mut last = chunks.split_off(chunks.len() * 3 / 4);
    last.sort_by(f64::total_cmp);
    let (median, least) = (last[last.len() / 2], last[0]);

    let mut missed = [0_u32; 5];
    let mut looked = [0_u32; 5];
    digest.past_prints.clear();
    digest.chain.before = 0;
    for number in (0..total).step_by(7) {
        digest.ask_prints = prints(number, OF_ANSWER);
        let mut asking = exchange(number, &digest);
        asking.account = AccountNumber(ACCOUNTS as u32);
        let found = memory.look(&asking);
        let seen = found
            .others
            .first()
            .is_some_and(|other| other.prints >= LEAST);
        let fifth = (number * 5 / total) as usize;
        looked[fifth] += 1;
        missed[fifth] += u32::from(!seen);
    }
    let all = f64::from(missed.iter().sum::<u32>()) / f64::from(looked.iter().sum::<u32>());
    let fifths = missed.iter().zip(looked);
    let fifths: Vec<String> = fifths
        .map(|(missed, of)| format!("{:.2}%", 100.0 * f64::from(*missed) / f64::from(of)))
        .collect();
    let held = memory.held();
    println!(
        "  {total:8} {load:4}%   {median:8.2} ({least:.2}) {:9} {:9}     {:.3}%  {}",
        held.prints,
        held.displaced,
        100.0 * all,
        fifths.join(" ")
    );
}

fn exchange(number: u64, digest: &Digest) -> Exchange<'_> {
    Exchange {
        number,
        account: AccountNumber((number % ACCOUNTS) as u32),
        arrived: Time::from_micros(1_790_000_000_000_000 + number * 1000),
        digest,
    }
}

/// Sorted prints of 40 bits, the least of a text of three times as many.
fn prints(text: u64, most: usize) -> Vec<u64> {
    let all = (0..most as u64).map(|place| mix(text << 8 | place) >> 24);
    let mut all: Vec<u64> = all.map(|print| print / 3).collect();
    all.sort_unstable();
    all
}

fn mix(number: u64) -> u64 {
    let mut word = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// A digest of nothing.
fn blank() -> Digest {
    let seen = Seen {
        endpoint: &Endpoint::Chat,
        request: &SaidRequest::default(),
        answer: &SaidAnswer::default(),
        request_bytes: 0,
        response_bytes: 0,
        usage: None,
        duration_us: 0,
        status: 200,
        cut: false,
        source: Source::default(),
    };
    Digester::new(&HashKey::new([7; 32])).digest(&seen, &mut Scratch::default())
}
