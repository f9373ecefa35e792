//! The resources that a process uses, from Linux's `/proc`.

use std::fs;

use crate::process::Process;

/// Returns the number of sockets that a process holds open.
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

/// Returns the memory that a process has in use, in KiB.
pub fn resident_kib(process: &Process) -> u64 {
    status_kib(process, "VmRSS:")
}

/// Returns the most memory that a process ever had in use, in KiB.
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
