//! `sim mutants`: one line for each planted bug, and whether the expected invariant catches it.

use std::io::{self, Write};

use anyhow::Result;
use ringtalk_sim::PlantedBug;
use ringtalk_sim::mutants::{self, Verdict};

use crate::run::all_cores;

#[derive(Debug, clap::Args)]
pub(crate) struct MutantsArgs {
    /// Only this one
    #[arg(value_parser = mutants::bug)]
    name: Option<PlantedBug>,
    /// Threads; the results do not depend on it [default: all cores]
    #[arg(long)]
    jobs: Option<usize>,
    /// Lets all users talk in one room, whose nodes make the mistakes
    #[arg(long)]
    in_room: bool,
}

impl MutantsArgs {
    /// Hunts the bugs; returns true if each was caught.
    pub(crate) fn run(&self) -> Result<bool> {
        let jobs = self.jobs.unwrap_or_else(all_cores);
        let mut out = io::stdout().lock();
        let mut all = true;
        for mutant in mutants::all().filter(|one| self.name.is_none_or(|name| name == one.bug)) {
            let name = mutants::name(mutant.bug);
            match mutant.hunt(jobs, self.in_room) {
                Verdict::Caught { invariant, .. } => {
                    writeln!(out, "caught {name} by {invariant}")?;
                }
                Verdict::Missed { others } => {
                    all = false;
                    writeln!(out, "MISSED {name}")?;
                    for failure in others.iter().take(3) {
                        writeln!(out, "  {failure}")?;
                    }
                }
                Verdict::FailsWithoutBug(failure) => {
                    all = false;
                    writeln!(
                        out,
                        "MISSED {name}: the same seeds fail without the bug\n  {failure}"
                    )?;
                }
            }
            out.flush()?;
        }
        Ok(all)
    }
}
