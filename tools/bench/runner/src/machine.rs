//! Figures of processes, of the loopback and of the machine, read from `/proc` and `/sys`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The ticks per second in which Linux counts processor time, on every machine.
const TICKS: u64 = 100;

/// Returns the processor time of a process and of its children.
pub(crate) fn processor_time(process: u32) -> Result<Duration> {
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end before its file is read.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else {
            continue;
        };
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let field = |number: usize| -> u64 {
            let text = fields.split_whitespace().nth(number - 3);
            text.and_then(|text| text.parse().ok()).unwrap_or_default()
        };
        if id == process || field(4) == u64::from(process) {
            ticks += field(14) + field(15);
        }
    }
    Ok(Duration::from_millis(ticks * 1_000 / TICKS))
}

/// Returns the resident memory of a process, in KiB.
pub(crate) fn resident_kib(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|text| text.parse().ok())
        .context("no VmRSS")
}

/// Returns the bytes sent over the loopback so far, headers included.
pub(crate) fn loopback_bytes() -> Result<u64> {
    let bytes = fs::read_to_string("/sys/class/net/lo/statistics/tx_bytes")?;
    Ok(bytes.trim().parse()?)
}

/// Describes the conditions of a run, without which its figures mean nothing.
pub(crate) fn conditions() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("?", |name| name.trim_start_matches([' ', '\t', ':']));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    format!("{cores} cores of {model}, load before {load}, everything on the loopback")
}
