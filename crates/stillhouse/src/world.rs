//! The world outside the process: clock, randomness, environment. They are read here and handed
//! down; no other file reads them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use record::Time;

/// Now; the epoch itself if the machine's clock stands before it.
pub(crate) fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// The machine's monotonic clock, as other processes of it read it too.
pub(crate) fn monotonic() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(time).unwrap_or_default()
}

/// The clock, to hand down.
pub(crate) fn clock() -> operations::Clock {
    Arc::new(now)
}

/// Cryptographic randomness, to hand down.
///
/// # Panics
/// Where the system has none: a house without it could only make keys that can be guessed.
pub(crate) fn random() -> operations::Random {
    Arc::new(|bytes: &mut [u8]| getrandom::fill(bytes).expect("the system has randomness"))
}

/// 64 random bits, to hand down.
pub(crate) fn random_bits() -> u64 {
    let mut bytes = [0; 8];
    random()(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// An environment variable that is set and not empty.
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The home folder.
pub(crate) fn home() -> Option<PathBuf> {
    env("HOME").map(PathBuf::from)
}

/// Lowers this process's priority to that of the threads of a model in process, so that learning
/// beside them takes a fair share at most and keeps no request waiting that is only passed on. To be
/// called before other threads are started, which inherit it; where the system refuses, all stays.
pub(crate) fn wait_behind_others() {
    let _ = rustix::process::setpriority_process(None, 19);
}

/// How many processors this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The most memory that this process has held, in bytes; `None` where the system does not tell.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// This program's file, to start it again.
pub(crate) fn program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// Bytes that are free where a path is; `None` where the system does not tell.
pub(crate) fn free(path: &std::path::Path) -> Option<u64> {
    let room = rustix::fs::statvfs(path).ok()?;
    Some(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Who runs this process, as the ledger names operators.
pub(crate) fn operator() -> record::Actor {
    record::Actor::Operator(format!("uid:{}", rustix::process::getuid().as_raw()))
}
