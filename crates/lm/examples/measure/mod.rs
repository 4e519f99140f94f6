//! What programs that are measured tell of themselves: processor time, and peak memory (Linux).

use std::error::Error;

/// Seconds that all of the process's threads have run.
pub(crate) fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let mut sum = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let nanoseconds: f64 = text.split(' ').next().unwrap_or("0").parse()?;
        sum += nanoseconds / 1e9;
    }
    Ok(sum)
}

/// Peak memory counts from now on.
pub(crate) fn forget_peak() -> Result<(), Box<dyn Error>> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}

/// Most bytes that were resident at once.
pub(crate) fn peak() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024)
}
