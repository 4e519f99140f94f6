//! What the system says of this process, under the names that every Prometheus client uses.

use std::fs;
use std::time::Duration;

use record::Time;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// A look at this process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_fds: Option<u64>,
    pub(super) max_fds: Option<u64>,
}

impl Process {
    pub(super) fn now() -> Self {
        let spent = clock_gettime(ClockId::ProcessCPUTime);
        let spent = Duration::try_from(spent).unwrap_or_default();
        Self {
            cpu_seconds: spent.as_secs_f64(),
            resident_bytes: resident_bytes(),
            // The look itself has one open.
            open_fds: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|open| (open.count() as u64).saturating_sub(1)),
            max_fds: getrlimit(Resource::Nofile).current,
        }
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// A time as seconds since the epoch.
pub(super) fn seconds(time: Time) -> f64 {
    Duration::from_micros(time.micros()).as_secs_f64()
}
