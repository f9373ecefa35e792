//! The command line `sim`: seeds in, a report out. What a run does is the library's affair.

mod seeds;

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use ringtalk_sim::{Options, Report, Scenario, run_seeds};

use seeds::Seeds;

/// Runs Ringtalk's protocol core under a seeded network, with faults and invariant checks
#[derive(Debug, Parser)]
#[command(name = "sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a scenario under some seeds; exit 1 where an invariant is violated
    Run(Run),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The seeds, as `0..200` or as one number
    #[arg(long, value_name = "A..B")]
    seeds: Seeds,
    /// How many nodes there are at first; without it, the seed says
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=16_384))]
    nodes: Option<u64>,
    /// A named scenario
    #[arg(long, default_value = "random_faults")]
    scenario: String,
    /// Threads; the results do not depend on it [default: all cores]
    #[arg(long)]
    jobs: Option<usize>,
    /// Shows every step on stderr
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let Command::Run(run) = Cli::parse().command;
    match run.run() {
        Ok(report) if report.failures.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

impl Run {
    fn run(&self) -> Result<Report> {
        let Some(scenario) = Scenario::named(&self.scenario) else {
            let names: Vec<&str> = Scenario::all().map(Scenario::name).collect();
            bail!(
                "no scenario is called {}; there are {}",
                self.scenario,
                names.join(", ")
            );
        };
        let options = Options {
            nodes: self.nodes,
            trace: self.trace,
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let jobs = if self.trace {
            1
        } else {
            self.jobs.unwrap_or(cores)
        };
        let report = run_seeds(scenario, self.seeds.range(), options, jobs, |_| true);
        let mut out = io::stdout().lock();
        writeln!(out, "{}", report.figures)?;
        if let Some(failure) = report.failures.first() {
            let failed = report.failures.len();
            writeln!(out, "{failed} of {} seeds failed", report.seeds)?;
            writeln!(out, "{failure}")?;
        }
        Ok(report)
    }
}
