//! The command line `sim`: its arguments and its output. Not here: what a run does (the library).

mod explore;
mod mutants;
mod progress;
mod run;
mod scale;
mod seeds;
mod soak;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
    Run(run::RunArgs),
    /// Plants mistakes one after another, and says which invariant catches each; exit 1 where one
    /// is missed
    Mutants(mutants::MutantsArgs),
    /// Tries everything that may go wrong while a small ring elects, admits, repairs or merges,
    /// within bounds; exit 1 where an invariant is violated
    Explore(explore::ExploreArgs),
    /// Measures how a message spreads in a ring of so many nodes
    Scale(scale::ScaleArgs),
    /// Runs batches of seeds until it is stopped, and keeps the totals in a file
    Soak(soak::SoakArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs a command; returns true if it found nothing wrong.
fn run(command: Command) -> Result<bool> {
    match command {
        Command::Run(run) => run.run(),
        Command::Mutants(mutants) => mutants.run(),
        Command::Explore(explore) => explore.run(),
        Command::Scale(scale) => scale.run(),
        Command::Soak(soak) => soak.run(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
