//! What the system says of this process, under the names that every Prometheus client uses.

use std::fmt::Result;
use std::fs;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use record::Time;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::page::Page;

/// A look at this process.
#[derive(Debug, Clone, Copy, Default)]
struct Process {
    cpu_seconds: f64,
    resident_bytes: Option<u64>,
    open_fds: Option<u64>,
    max_fds: Option<u64>,
}

impl Process {
    fn now() -> Self {
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
fn seconds(time: Time) -> f64 {
    Duration::from_micros(time.micros()).as_secs_f64()
}

/// The process, under the names that every client library uses.
#[derive(Debug)]
pub(super) struct OwnProcess {
    pub(super) since: Time,
}

impl Collector for OwnProcess {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let mut page = Page(encoder);
        let process = Process::now();
        page.counter(
            "process_cpu_seconds",
            "Processor time that the process has used",
            |series| series.total(&process.cpu_seconds),
        )?;
        page.gauge(
            "process_start_time_seconds",
            "When the server began to serve, in seconds since the epoch",
            |series| series.only(&seconds(self.since)),
        )?;
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Memory of the process that is resident",
                process.resident_bytes,
            ),
            (
                "process_open_fds",
                "File descriptors that the process has open",
                process.open_fds,
            ),
            (
                "process_max_fds",
                "File descriptors that the process may have open",
                process.max_fds,
            ),
        ] {
            if let Some(value) = value {
                page.gauge(name, help, |series| series.only(&value))?;
            }
        }
        Ok(())
    }
}
