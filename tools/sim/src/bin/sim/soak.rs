//! `sim soak`: runs batch after batch, and writes the account after each, so that it can be stopped at any time.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ringtalk_sim::{Account, Soak};

use crate::progress::Progress;
use crate::run::all_cores;

#[derive(Debug, clap::Args)]
pub(crate) struct SoakArgs {
    /// The file that keeps the account
    #[arg(long, default_value = "tools/sim/results.toml")]
    results: PathBuf,
    /// Seeds in a batch; if the soak is stopped, the batch that runs is lost
    #[arg(long, default_value_t = 200)]
    batch: u64,
    /// Stops when all soaks together have run this many seeds [default: never]
    #[arg(long)]
    until: Option<u64>,
    /// Stops after this many seconds [default: never]
    #[arg(long, value_name = "SECONDS")]
    time: Option<u64>,
    /// Threads; the results do not depend on it [default: all cores]
    #[arg(long)]
    jobs: Option<usize>,
}

impl SoakArgs {
    /// Runs batches; returns true if no seed of this soak or of an earlier one failed.
    pub(crate) fn run(&self) -> Result<bool> {
        let jobs = self.jobs.unwrap_or_else(all_cores);
        let mut account = match Account::new() {
            Ok(account) => account,
            Err(failure) => bail!("{failure}"),
        };
        if let Some(before) = read(&self.results)? {
            if before.is_of_the_same_version(&account) {
                account = before;
            } else {
                println!("the protocol or the simulator has changed: starting a new account");
            }
        }
        let begun = Instant::now();
        let left = self
            .until
            .map_or(u64::MAX, |until| until.saturating_sub(account.next_seed()));
        let time = self.time.map_or(Duration::MAX, Duration::from_secs);
        let mut soak = Soak::new(account.next_seed());
        let mut summary = soak.summary();
        while summary.seeds < left && begun.elapsed() < time {
            let batch = self.batch.clamp(1, left - summary.seeds);
            let progress = Progress::new(batch, "seeds");
            soak.run_batch(batch, jobs, |report| progress.show(report));
            drop(progress);
            summary = soak.summary();
            let mut so_far = account.clone();
            so_far.soaks.push(summary.clone());
            write(&self.results, &so_far)?;
            println!(
                "{} seeds, {} failed, {} deliveries checked",
                summary.seeds, summary.failed, summary.deliveries
            );
            io::stdout().flush()?;
        }
        if summary.seeds == 0 {
            println!("nothing to do: {} seeds were run already", account.seeds());
        }
        for failure in &summary.failures {
            println!("{failure}");
        }
        let before = account.soaks.iter().map(|soak| soak.failed).sum::<u64>();
        Ok(before + summary.failed == 0)
    }
}

fn read(path: &Path) -> Result<Option<Account>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let account = toml::from_str(&text);
            Ok(Some(account.with_context(|| {
                format!("{}: not a results file", path.display())
            })?))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Writes the file as a whole or not at all: the soak may be stopped at any moment.
fn write(path: &Path, account: &Account) -> Result<()> {
    let text = toml::to_string(account).context("cannot serialize the account")?;
    let aside = path.with_extension("toml.new");
    let text = format!(
        "# What `cargo xtask soak` has run of this version of the protocol. Times are in milliseconds.\n{text}"
    );
    fs::write(&aside, text).with_context(|| format!("cannot write {}", aside.display()))?;
    fs::rename(&aside, path).with_context(|| format!("cannot write {}", path.display()))
}
