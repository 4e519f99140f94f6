//! Figures of the ledger, each in the same run as what it is compared with:
//! durable exchanges of 2 KiB against a bare append + fdatasync, the time of a binding entry
//! under that load, the processor time of an observation, and a start over a million entries.
//!
//! `cargo bench -p ledger --bench durable -- [folder]`

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ledger::{Draft, Folder, GroupOut, Header, Ledger, NoFolder, Options};

const GROUP: usize = 64;
const EXCHANGE: usize = 2048;
const PAIRS: usize = 5;
const RUN: Duration = Duration::from_secs(2);
const KIND: u16 = 100;

fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let base = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = base.join(format!("ledger-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder to measure in");
    flags();
    durable(&dir);
    observation(&dir);
    start(&dir);
    std::fs::remove_dir_all(&dir).expect("the folder was ours");
}

fn flags() {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let find = |name: &str| {
        info.lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default()
    };
    let wanted = ["avx2", "avx512f", "sha_ni"];
    let has: Vec<&str> = wanted
        .into_iter()
        .filter(|flag| find("flags").split(' ').any(|one| one == *flag))
        .collect();
    println!("{} {has:?}", find("model name"));
}

fn options(folder: &Path) -> Options {
    let clock = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| since.as_micros() as u64)
    };
    let random = |bytes: &mut [u8]| getrandom::fill(bytes).expect("the system has randomness");
    Options::new(folder, Arc::new(clock), Arc::new(random))
}

/// Rate of durable exchanges; 99th percentile of a group; a binding entry beside them, in ms.
#[derive(Clone, Copy, Debug)]
struct Figures {
    rate: f64,
    group: f64,
    p50: f64,
    p99: f64,
}

fn durable(dir: &Path) {
    println!("durable exchanges of {EXCHANGE} bytes in groups of {GROUP}, {PAIRS} pairs:");
    let (mut rates, mut tails) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let raw = raw(&dir.join(format!("raw-{pair}")));
        let ours = ours(&dir.join(format!("ledger-{pair}")));
        println!(
            "  raw {:7.0}/s, group p99 {:.2}, binding p50 {:.2} p99 {:.2} ms   ledger {:7.0}/s, {:.2}, \
             {:.2} {:.2}   {:.2}x, binding p99 {:.2}x",
            raw.rate,
            raw.group,
            raw.p50,
            raw.p99,
            ours.rate,
            ours.group,
            ours.p50,
            ours.p99,
            ours.rate / raw.rate,
            ours.p99 / raw.p99
        );
        rates.push(ours.rate / raw.rate);
        tails.push(ours.p99 / raw.p99);
    }
    println!(
        "  median: {:.2}x raw's rate (must 0.6, aim 0.8); p99 of a binding entry {:.2}x raw's (must 2)",
        median(rates),
        median(tails)
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn percentile(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() - 1) * percent / 100]
}

/// Append and fdatasync, group after group. Beside it, every 5 ms, a small append with a sync of
/// its own: what a binding entry is without a ledger.
fn raw(path: &Path) -> Figures {
    let open = |new| {
        let mut options = OpenOptions::new();
        options
            .create_new(new)
            .append(true)
            .open(path)
            .expect("opens")
    };
    let (mut file, mut beside) = (open(true), open(false));
    let bytes = vec![7u8; GROUP * EXCHANGE];
    let stop = AtomicBool::new(false);
    let (mut times, mut groups, rate) = thread::scope(|scope| {
        let binding = scope.spawn(|| {
            every_5_ms(&stop, || {
                beside.write_all(b"a limit of a key").expect("writes");
                beside.sync_data().expect("syncs");
            })
        });
        let (mut groups, started) = (Vec::new(), Instant::now());
        while started.elapsed() < RUN {
            let at = Instant::now();
            file.write_all(&bytes).expect("writes");
            file.sync_data().expect("syncs");
            groups.push(at.elapsed().as_secs_f64() * 1e3);
        }
        let rate = (groups.len() * GROUP) as f64 / started.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        (
            binding.join().expect("the binding thread ends"),
            groups,
            rate,
        )
    });
    drop(file);
    std::fs::remove_file(path).expect("removes");
    Figures {
        rate,
        group: percentile(&mut groups, 99),
        p50: percentile(&mut times, 50),
        p99: percentile(&mut times, 99),
    }
}

/// Times, in milliseconds, of something done every 5 ms until told to stop.
fn every_5_ms(stop: &AtomicBool, mut run: impl FnMut()) -> Vec<f64> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let at = Instant::now();
        run();
        times.push(at.elapsed().as_secs_f64() * 1e3);
        thread::sleep(Duration::from_millis(5));
    }
    times
}

/// The same through the ledger: observe 64, wait until they are on the device. Beside it, one
/// binding entry every 5 ms.
fn ours(folder: &Path) -> Figures {
    let ledger = Ledger::open(options(folder), Box::new(NoFolder)).expect("opens");
    let payload = vec![7u8; EXCHANGE];
    let drafts: Vec<Draft<'_>> = (0..GROUP - 1)
        .map(|_| Draft::new(KIND, 1, &payload))
        .collect();
    let last = [Draft::new(KIND, 1, &payload)];
    let stop = AtomicBool::new(false);
    let (mut times, mut groups, rate) = thread::scope(|scope| {
        let binding = scope.spawn(|| {
            every_5_ms(&stop, || {
                let pending = ledger.bind(&[Draft::new(KIND, 2, b"a limit of a key")]);
                pending.and_then(ledger::Pending::wait).expect("durable");
            })
        });
        let (mut groups, started) = (Vec::new(), Instant::now());
        while started.elapsed() < RUN {
            let at = Instant::now();
            ledger.observe(&drafts).expect("appends");
            let pending = ledger.bind(&last);
            pending.and_then(ledger::Pending::wait).expect("durable");
            groups.push(at.elapsed().as_secs_f64() * 1e3);
        }
        let rate = (groups.len() * GROUP) as f64 / started.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        (
            binding.join().expect("the binding thread ends"),
            groups,
            rate,
        )
    });
    ledger.close().expect("closes");
    drop(ledger);
    std::fs::remove_dir_all(folder).expect("removes");
    Figures {
        rate,
        group: percentile(&mut groups, 99),
        p50: percentile(&mut times, 50),
        p99: percentile(&mut times, 99),
    }
}

/// Sums as money has them: one key for each account.
struct Money;

impl Folder for Money {
    fn fold(&mut self, header: &Header, payload: &[u8], out: &mut GroupOut) {
        out.add(
            "money",
            &(header.seq % 100).to_le_bytes(),
            payload.len() as i64,
        );
    }
}

fn cpu(path: &str) -> f64 {
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let words: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| {
        words
            .get(at)
            .and_then(|word| word.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

fn observation(dir: &Path) {
    const COUNT: usize = 400_000;
    const RATE: usize = 40_000;
    println!("one observation at {RATE}/s, processor time:");
    for size in [300, 600] {
        let folder = dir.join(format!("observe-{size}"));
        let ledger = Ledger::open(options(&folder), Box::new(Money)).expect("opens");
        let payload = vec![7u8; size];
        let (before, own, started) = (
            cpu("/proc/self/stat"),
            cpu("/proc/thread-self/stat"),
            Instant::now(),
        );
        for number in 0..COUNT {
            ledger
                .observe(&[Draft::new(KIND, 1, &payload)])
                .expect("appends");
            if number % 40 == 0 {
                let due = Duration::from_micros((number * 1_000_000 / RATE) as u64);
                thread::sleep(due.saturating_sub(started.elapsed()));
            }
        }
        ledger.flush(Duration::from_secs(60));
        let (all, own) = (
            cpu("/proc/self/stat") - before,
            cpu("/proc/thread-self/stat") - own,
        );
        let each = 1e6 / COUNT as f64;
        println!(
            "  {size} bytes: {:.2} µs in the caller, {:.2} µs in all (sync and fold included)",
            own * each,
            all * each
        );
        ledger.close().expect("closes");
        drop(ledger);
        std::fs::remove_dir_all(folder).expect("removes");
    }
}

fn start(dir: &Path) {
    let folder = dir.join("start");
    let payload = vec![7u8; 400];
    let drafts: Vec<Draft<'_>> = (0..100).map(|_| Draft::new(KIND, 1, &payload)).collect();
    let ledger = Ledger::open(options(&folder), Box::new(Money)).expect("opens");
    for _ in 0..10_000 {
        ledger.observe(&drafts).expect("appends");
    }
    ledger.flush(Duration::from_secs(120));
    ledger.close().expect("closes");
    drop(ledger);
    // A cold start would read the journal's last segment from the device.
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .expect("syncs");
    let at = Instant::now();
    let ledger = Ledger::open(options(&folder), Box::new(Money)).expect("opens");
    let opened = at.elapsed();
    println!(
        "start with {} entries: {:.3} s (must 2)",
        ledger.tip().seq,
        opened.as_secs_f64()
    );
    let at = Instant::now();
    let report = ledger::verify(&ledger.reader(), &mut |_| {}).expect("can be read");
    println!(
        "verify of {} entries: {:.2} s, {} findings",
        report.tip,
        at.elapsed().as_secs_f64(),
        report.findings.len()
    );
}
