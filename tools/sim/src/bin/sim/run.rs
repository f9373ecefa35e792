//! `sim run`: seeds of one scenario, a report, and the first failure with the command that repeats it.

use core::time::Duration;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::thread;

use anyhow::{Context, Result, bail};
use ringtalk_sim::{
    Failure, Options, PlantedBug, RunReport, Scenario, Schedule, mutants, run_seeds, shrink,
};

use crate::progress::Progress;
use crate::seeds::Seeds;

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The seeds, as `0..200` or as one number [default: the seed in the scenario's file]
    #[arg(long, value_name = "A..B")]
    seeds: Option<Seeds>,
    /// How many nodes there are at first; without it, the seed says
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=16_384))]
    nodes: Option<u64>,
    /// How many seconds it lasts, where the scenario leaves that open
    #[arg(long, value_name = "SECONDS")]
    lasts: Option<u64>,
    /// The name of a scenario, or a file that ends in `.toml`
    #[arg(long, default_value = "random_faults", value_name = "NAME|FILE.toml")]
    scenario: String,
    /// Threads; the results do not depend on it [default: all cores]
    #[arg(long)]
    jobs: Option<usize>,
    /// Shows every step on stderr, of one seed after the other
    #[arg(long)]
    trace: bool,
    /// A mistake that every node makes: a name that `sim mutants` prints
    #[arg(long, value_name = "NAME", value_parser = mutants::bug)]
    planted: Option<PlantedBug>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Leaves a failing schedule as it is instead of shrinking it
    #[arg(long)]
    no_shrink: bool,
}

/// Where users talk: in the lobby, unless these say otherwise.
#[derive(Clone, Copy, Debug, clap::Args)]
struct PlaceArgs {
    /// Lets all users talk in one room, which is checked instead of the lobby
    #[arg(long)]
    in_room: bool,
    /// With random faults: users create rooms, join, leave and come back, and talk there too
    #[arg(long, conflicts_with = "in_room")]
    rooms: bool,
}

/// Returns the number of threads to use if the command line names none.
pub(crate) fn all_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl RunArgs {
    /// Runs the seeds; returns true if no invariant was violated.
    pub(crate) fn run(&self) -> Result<bool> {
        let (scenario, seed) = self.scenario()?;
        let Some(seeds) = self.seeds.as_ref().map(Seeds::range).or(seed) else {
            bail!("no seeds given; add for example --seeds 0..200");
        };
        let options = Options {
            nodes: self.nodes,
            lasts: self.lasts.map(Duration::from_secs),
            trace: self.trace,
            planted: self.planted,
            in_room: self.place.in_room,
            rooms: self.place.rooms,
        };
        let jobs = self.jobs.unwrap_or_else(all_cores);
        let jobs = if self.trace { 1 } else { jobs };
        let progress = Progress::new(seeds.end - seeds.start, "seeds");
        let report = run_seeds(&scenario, seeds, options, jobs, |report| {
            progress.show(report);
            true
        });
        drop(progress);
        self.print_report(&report)?;
        Ok(report.failures.is_empty() && Self::tested_anything(&report))
    }

    /// Returns false after random faults of which none took effect: such a run has shown nothing.
    fn tested_anything(report: &RunReport) -> bool {
        let injected = report.figures.injected.values().sum::<u64>();
        injected == 0 || report.figures.effective_faults() > 0
    }

    fn print_report(&self, report: &RunReport) -> Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", report.figures)?;
        let Some(failure) = report.failures.first() else {
            return Ok(());
        };
        let failed = report.failures.iter().map(|one| one.seed.to_string());
        let failed: Vec<String> = failed.collect();
        let (count, listed) = (failed.len(), failed.join(", "));
        writeln!(
            out,
            "{count} of {} seeds failed: {listed}; the first:",
            report.seeds
        )?;
        writeln!(out, "{failure}")?;
        out.flush()?;
        if !self.trace && !self.no_shrink {
            print_shrunk(&mut out, failure)?;
        }
        Ok(())
    }

    /// Returns the scenario, and the seed that its file names.
    fn scenario(&self) -> Result<(Scenario, Option<core::ops::Range<u64>>)> {
        let name = self.scenario.as_str();
        if Path::new(name)
            .extension()
            .is_some_and(|ending| ending == "toml")
        {
            let text = fs::read_to_string(name).with_context(|| format!("cannot read {name}"))?;
            let schedule = Schedule::from_toml(&text).context(name.to_owned())?;
            let seed = schedule.seed;
            let one = seed..seed.saturating_add(1);
            return Ok((Scenario::scheduled(name, schedule), Some(one)));
        }
        let Some(scenario) = Scenario::named(name) else {
            let names: Vec<String> = Scenario::all()
                .map(|scenario| scenario.name().to_owned())
                .collect();
            bail!(
                "unknown scenario {name:?}; expected a .toml file or one of {}",
                names.join(", ")
            );
        };
        Ok((scenario, None))
    }
}

/// Shrinks a failing schedule, writes it to a file, and prints the command that runs it.
fn print_shrunk(out: &mut impl Write, failure: &Failure) -> Result<()> {
    let Some(schedule) = &failure.schedule else {
        return Ok(());
    };
    let Some(shrunk) = shrink(failure) else {
        writeln!(
            out,
            "not shrunk: replaying the recorded schedule does not violate the invariant"
        )?;
        return Ok(());
    };
    let file = std::env::temp_dir().join(format!("ringtalk-sim-{}.toml", failure.seed));
    fs::write(&file, shrunk.to_toml())
        .with_context(|| format!("cannot write {}", file.display()))?;
    let (left, all) = (shrunk.faults.len(), schedule.faults.len());
    writeln!(
        out,
        "shrunk to {left} of its {all} faults, which violate the same invariant: cargo run --release -p ringtalk-sim -- run --scenario {}{} --trace",
        file.display(),
        failure.arguments()
    )?;
    Ok(())
}
