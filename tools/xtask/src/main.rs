//! The command line of `cargo xtask`: one subcommand per check, and `ci` for all of them.
//!
//! Not here: what a step does (the module of its name).

mod black_box;
mod cargo;
mod ci;
mod fix;
mod fuzz;
mod image;
mod lanes;
mod layering;
mod licences;
mod metadata;
mod micro;
mod pictures;
mod report;
mod soak;
mod tidy;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// The project's gate and its helpers.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run every check in order, cheap ones first
    Ci {
        /// Run the later steps even if one has failed
        #[arg(long)]
        keep_going: bool,
    },
    /// Apply clippy's suggestions, then format
    Fix,
    /// Check what neither the compiler nor clippy checks: files, their sizes, imports
    Tidy,
    /// Check the imports between crates, and that the protocol core is pure
    Layering,
    /// Check the licence of every dependency
    Licences,
    /// Run fresh seeds of the simulator until you stop it, and add them to tools/sim/results.toml
    Soak {
        /// Arguments for `sim soak`, after `--`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Fuzz every target in turn, and add the counts to tools/fuzz/results.toml; needs a nightly
    /// toolchain and `cargo install cargo-fuzz`
    Fuzz(fuzz::Fuzzing),
    /// Build the container image `ringtalk`; needs Docker, and no other image
    Image,
    /// Count the instructions of single operations, here and at another commit; needs valgrind
    Micro(micro::Micro),
    /// Redraw the pictures of the READMEs from the real programs
    Pictures,
    /// Build everything that is tested, and run the unit tests
    UnitTests,
    /// Build the programs, and run the black-box tests against them
    Test {
        /// Run only the tests whose name contains this
        filter: Option<String>,
        /// Arguments for the test harness, after `--`
        #[arg(last = true)]
        harness: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // A failed check is not a bug of this program, so print the message without a backtrace.
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let root = workspace_root()?;
    match task {
        Task::Ci { keep_going } => ci::run(&root, keep_going),
        Task::Fix => fix::run(&root),
        Task::Tidy => tidy::run(&root),
        Task::Layering => layering::run(&root),
        Task::Licences => licences::run(&root),
        Task::Image => image::run(&root),
        Task::Soak { arguments } => soak::run(&root, &arguments),
        Task::Fuzz(fuzzing) => fuzzing.run(&root),
        Task::Pictures => pictures::run(&root),
        Task::Micro(micro) => micro.run(&root),
        Task::UnitTests => black_box::run_unit_tests(&root),
        Task::Test { filter, harness } => black_box::run(&root, filter.as_deref(), &harness),
    }
}

/// Returns the root of the checkout, two folders above this crate.
fn workspace_root() -> Result<PathBuf> {
    let own = env::var_os("CARGO_MANIFEST_DIR")
        .context("CARGO_MANIFEST_DIR is not set: start this as `cargo xtask`")?;
    let root = PathBuf::from(own);
    let root = root.ancestors().nth(2);
    Ok(root.context("this crate is not in tools/xtask")?.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn harness_arguments_follow_two_dashes() {
        let cli = Cli::parse_from(["cargo xtask", "test", "split", "--", "--nocapture"]);
        let Task::Test { filter, harness } = cli.command else {
            panic!("not the test command: {cli:?}");
        };
        assert_eq!(filter.as_deref(), Some("split"));
        assert_eq!(harness, ["--nocapture"]);
    }
}
