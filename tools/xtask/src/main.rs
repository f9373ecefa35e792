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
    /// Runs every check in order, cheap ones first
    Ci {
        /// Runs the later steps even when one has failed
        #[arg(long)]
        keep_going: bool,
    },
    /// Mends what a machine can mend: clippy's suggestions, then the format
    Fix,
    /// Checks what the compiler does not: files, sizes, names, the tree
    Tidy,
    /// Checks who imports whom, and that the protocol core is pure
    Layering,
    /// Checks the licence of every dependency
    Licences,
    /// Runs the simulator's seeds until it is stopped, and adds them to tools/sim/results.toml
    Soak {
        /// Arguments for `sim soak`, after `--`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Fuzzes every target in turn, and adds what was run to tools/fuzz/results.toml; needs a nightly
    /// toolchain and `cargo install cargo-fuzz`
    Fuzz(fuzz::Fuzzing),
    /// Builds the programs and the container image `ringtalk`; needs Docker, and no other image
    Image,
    /// Counts the instructions of single operations, here and at another commit; needs valgrind
    Micro(micro::Micro),
    /// Draws the README's pictures anew, of the programs as they are
    Pictures,
    /// Builds everything that is tested and runs the unit tests
    UnitTests,
    /// Builds the binaries and runs the black-box tests against them
    Test {
        /// Runs only the tests whose name contains this
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
