//! `sim soak`: batch after batch, with the totals in a file after each, so that it can be stopped at any time.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ringtalk_sim::Soak;

use crate::progress::Progress;
use crate::run::all_cores;

#[derive(Debug, clap::Args)]
pub(crate) struct Soaking {
    /// Where the totals are kept
    #[arg(long, default_value = "tools/sim/results.toml")]
    results: PathBuf,
    /// Seeds in a batch: what is lost when it is stopped in the middle
    #[arg(long, default_value_t = 200)]
    batch: u64,
    /// Goes on until so many seeds were run in all [default: for ever]
    #[arg(long)]
    until: Option<u64>,
    /// Goes on for so many seconds [default: for ever]
    #[arg(long, value_name = "SECONDS")]
    time: Option<u64>,
    /// Threads; the results do not depend on it [default: all cores]
    #[arg(long)]
    jobs: Option<usize>,
}

impl Soaking {
    /// Runs batches; returns true if no seed has failed so far.
    pub(crate) fn run(&self) -> Result<bool> {
        let jobs = self.jobs.unwrap_or_else(all_cores);
        let mut soak = match Soak::new() {
            Ok(soak) => soak,
            Err(failure) => bail!("{failure}"),
        };
        if let Some(before) = read(&self.results)? {
            if before.is_of_the_same_version(&soak) {
                soak = before;
            } else {
                println!("the protocol or the simulator has changed: the totals start anew");
            }
        }
        let begun = Instant::now();
        let until = self.until.unwrap_or(u64::MAX);
        let time = self.time.map_or(Duration::MAX, Duration::from_secs);
        while soak.seeds < until && begun.elapsed() < time {
            let batch = self.batch.clamp(1, until - soak.seeds);
            let progress = Progress::new(batch, "seeds");
            soak.run_batch(batch, jobs, |report| progress.show(report));
            drop(progress);
            write(&self.results, &soak)?;
            println!(
                "{} seeds, {} failed, {} deliveries checked",
                soak.seeds, soak.failed, soak.figures.deliveries
            );
            io::stdout().flush()?;
        }
        for failure in &soak.failures {
            println!("{failure}");
        }
        Ok(soak.failed == 0)
    }
}

fn read(path: &Path) -> Result<Option<Soak>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let soak = toml::from_str(&text);
            Ok(Some(soak.with_context(|| {
                format!("{}: no results", path.display())
            })?))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Writes the file as a whole or not at all: the soak may be stopped at any moment.
fn write(path: &Path, soak: &Soak) -> Result<()> {
    let text = toml::to_string(soak).context("totals that cannot be written")?;
    let aside = path.with_extension("toml.new");
    let text = format!("# What `cargo xtask soak` has run so far. It adds to this file.\n{text}");
    fs::write(&aside, text).with_context(|| format!("cannot write {}", aside.display()))?;
    fs::rename(&aside, path).with_context(|| format!("cannot write {}", path.display()))
}
