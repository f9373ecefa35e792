//! The command line `sim`: what is asked for, and how it is told. What a run does is the library's
//! affair.

mod mutants;
mod progress;
mod run;
mod seeds;

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
    Run(run::Run),
    /// Plants mistakes one after another, and says which invariant catches each; exit 1 where one
    /// is missed
    Mutants(mutants::Mutants),
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

/// True where nothing was found that should not be.
fn run(command: Command) -> Result<bool> {
    match command {
        Command::Run(run) => run.run(),
        Command::Mutants(mutants) => mutants.run(),
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
