//! What a process uses, as Linux tells in `/proc`.

use std::fs;
use std::time::Duration;

use crate::process::Process;

/// The number of sockets that a process holds open.
pub fn sockets(process: &Process) -> usize {
    let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", process.pid())) else {
        return 0;
    };
    entries
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

/// The processor time that a process has used, its own and the system's for it, to 10 ms; none where
/// the process has ended.
pub fn processor_time(process: &Process) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap_or_default();
    // The name stands in parentheses, and may have any of its own.
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    // Linux counts a hundred a second for user programs, whatever the kernel's own clock.
    Duration::from_millis(ticks * 10)
}

/// The memory that a process has in use, in KiB.
pub fn resident_kib(process: &Process) -> u64 {
    status_kib(process, "VmRSS:")
}

/// The most memory that a process ever had in use, in KiB.
pub fn peak_resident_kib(process: &Process) -> u64 {
    status_kib(process, "VmHWM:")
}

fn status_kib(process: &Process, field: &str) -> u64 {
    fs::read_to_string(format!("/proc/{}/status", process.pid()))
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|value| value.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
