//! `sim scale`: one measurement, as JSON or as lines; its progress and memory on stderr.

use std::time::Instant;

use anyhow::{Result, bail};
use ringtalk_sim::{RingSpec, scale};
use serde_json::Value;

#[derive(Debug, clap::Args)]
pub(crate) struct ScaleArgs {
    /// How many nodes
    #[arg(long, value_parser = clap::value_parser!(u64).range(2..=16_384))]
    nodes: u64,
    /// So many of 100 nodes lose their power just before the messages are said
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=50))]
    dead: u64,
    /// All are members from the beginning, as they are anyway where there are more than 1,000
    #[arg(long)]
    at_once: bool,
    /// So long the whole discussion has 100 messages a second
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=100))]
    talk: u32,
    /// So many newcomers come after that, one after the other
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=1_000))]
    newcomers: u32,
    /// One JSON object instead of lines
    #[arg(long)]
    json: bool,
    /// Another ring of the same size
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl ScaleArgs {
    /// Runs the measurement; returns true if no delivery was missed.
    pub(crate) fn run(&self) -> Result<bool> {
        let ring = RingSpec {
            nodes: self.nodes,
            seed: self.seed,
            dead_percent: self.dead,
            at_once: self.at_once,
            talk_seconds: self.talk,
            newcomers: self.newcomers,
        };
        let started = Instant::now();
        let begins = |what: &str| {
            let (time, memory) = (started.elapsed().as_secs_f64(), resident_kib());
            let each = memory / self.nodes;
            eprintln!(
                "{time:.1} s: {what}; {} MiB, {each} KiB a node",
                memory / 1024
            );
        };
        let scale = match scale(&ring, begins) {
            Ok(scale) => scale,
            Err(violation) => bail!("{violation}"),
        };
        let value = serde_json::to_value(&scale)?;
        match value {
            Value::Object(fields) if !self.json => {
                for (name, value) in fields {
                    println!("{name}: {value}");
                }
            }
            value => println!("{value}"),
        }
        Ok(scale.missed == 0)
    }
}

/// Returns the resident memory of this process in KiB; 0 if the system does not tell.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
