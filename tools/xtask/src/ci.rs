//! `cargo xtask ci`: the steps of the gate, their order, and the summary of a run.
//!
//! Not here: what a step checks (the module of its name).

use std::env;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cargo::Cargo;
use crate::{black_box, image, layering, licences, tidy};

/// Cargo's variable for its build folder.
const TARGET_VARIABLE: &str = "CARGO_TARGET_DIR";

/// One check of the gate.
struct Step {
    name: &'static str,
    action: Action,
}

enum Action {
    /// A cargo command.
    Cargo(Cargo),
    /// One of our own checks: the subcommand that runs it alone, and its function.
    Own(&'static str, fn(&Path) -> Result<()>),
}

/// The outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    Skipped,
}

/// Runs all steps. With `keep_going`, a failed step does not end the run.
pub(crate) fn run(root: &Path, keep_going: bool) -> Result<()> {
    let steps = steps();
    let outcomes = run_steps(&steps, root, keep_going);
    print!("{}", summary(&steps, &outcomes));
    let failed = outcomes.iter().filter(|outcome| outcome.failed()).count();
    if failed > 0 {
        bail!("{failed} of {} steps failed", steps.len());
    }
    Ok(())
}

/// Returns the steps in order. Cheap steps come first, so that a small mistake costs seconds and not a build.
fn steps() -> Vec<Step> {
    let cargo = |name, words| Step {
        name,
        action: Action::Cargo(Cargo::new(words)),
    };
    let own = |name, subcommand, check| Step {
        name,
        action: Action::Own(subcommand, check),
    };
    let docs = Cargo::new("doc --profile gate --workspace --no-deps --locked");
    let docs = docs.variable("RUSTDOCFLAGS", "-D warnings");
    vec![
        cargo("format", "fmt --all --check"),
        own("tidy", "tidy", tidy::run),
        own("layering", "layering", layering::run),
        own("licences", "licences", licences::run),
        cargo(
            "clippy",
            // Uses the profile of the build below, so that both share procedural macros and build scripts.
            "clippy --profile gate --workspace --all-targets --locked -- -D warnings",
        ),
        Step {
            name: "docs",
            action: Action::Cargo(docs),
        },
        own("tests", "unit-tests", black_box::run_unit_tests),
        elsewhere(
            "bench clippy",
            // Leaves out the other packages, which depend on 300 more crates.
            Cargo::new(
                "clippy --profile gate --manifest-path tools/bench/Cargo.toml --locked --all-targets \
                 -p bench -p bench-member -p bench-micro -p bench-raw-ring -p bench-ringtalk -- -D warnings",
            ),
        ),
        // Runs beside the steps of the simulator, because linking the image mostly uses one core.
        own("start image build", "image", image::begin),
        // The fuzzer and the simulator have their own commands: they enable features that no program may ship with.
        cargo(
            "corpora",
            "test --profile gate --locked --quiet -p ringtalk-fuzz -- --test-threads 1",
        ),
        cargo(
            "scenarios",
            "test --profile simulation --locked -p ringtalk-sim",
        ),
        simulated("seeds", "run --seeds 0..1000"),
        simulated("seeds in a room", "run --seeds 0..300 --in-room"),
        simulated("seeds with rooms", "run --seeds 0..200 --rooms"),
        simulated(
            "bounded search",
            "explore --subject election,join,repair --nodes 4 --failures 2",
        ),
        simulated(
            "bounded search with delays",
            "explore --subject election,join,repair --nodes 4 --failures 1 --delays 1",
        ),
        simulated("planted bugs", "mutants"),
        own("image", "image", image::run_or_skip),
        own("black box", "test", |root| black_box::run(root, None, &[])),
    ]
}

/// Returns a step for the benchmarks' own workspace. It uses this workspace's build folder, so that shared dependencies
/// are built once.
fn elsewhere(name: &'static str, command: Cargo) -> Step {
    let command = if env::var_os(TARGET_VARIABLE).is_none() {
        command.variable(TARGET_VARIABLE, "target")
    } else {
        command
    };
    Step {
        name,
        action: Action::Cargo(command),
    }
}

/// Returns a step with a command of the simulator, built in the same profile as its tests.
fn simulated(name: &'static str, words: &str) -> Step {
    let command = Cargo::new("run --quiet --profile simulation --locked -p ringtalk-sim --");
    Step {
        name,
        action: Action::Cargo(command.arguments(words.split(' '))),
    }
}

fn run_steps(steps: &[Step], root: &Path, keep_going: bool) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in steps {
        let shut = !keep_going && outcomes.iter().any(Outcome::failed);
        outcomes.push(if shut {
            Outcome::Skipped
        } else {
            run_step(step, root)
        });
    }
    outcomes
}

fn run_step(step: &Step, root: &Path) -> Outcome {
    println!("\n== {}: {}", step.name, step.action);
    let started = Instant::now();
    let result = step.action.run(root);
    let duration = started.elapsed();
    match result {
        Ok(()) => {
            println!("== {}: passed in {}", step.name, seconds(duration));
            Outcome::Passed(duration)
        }
        Err(error) => {
            println!("{error:#}");
            println!("== {}: FAILED in {}", step.name, seconds(duration));
            println!("== repeat it with: {}", step.action);
            Outcome::Failed(duration)
        }
    }
}

/// Returns one line per step, with the command that repeats a failed step.
fn summary(steps: &[Step], outcomes: &[Outcome]) -> String {
    let lines = steps.iter().zip(outcomes).map(|(step, outcome)| {
        let time = seconds(outcome.duration());
        match outcome {
            Outcome::Passed(_) => format!("passed  {time:>8}  {}\n", step.name),
            Outcome::Failed(_) => format!(
                "FAILED  {time:>8}  {}, repeat it with: {}\n",
                step.name, step.action
            ),
            Outcome::Skipped => format!("skipped {:>8}  {}\n", "", step.name),
        }
    });
    let lines: String = lines.collect();
    let total: Duration = outcomes.iter().map(Outcome::duration).sum();
    format!("\n== summary\n{lines}total   {:>8}\n", seconds(total))
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

impl Outcome {
    fn failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    fn duration(&self) -> Duration {
        match self {
            Self::Passed(duration) | Self::Failed(duration) => *duration,
            Self::Skipped => Duration::ZERO,
        }
    }
}

impl Action {
    fn run(&self, root: &Path) -> Result<()> {
        match self {
            Self::Cargo(cargo) => cargo.run(root),
            Self::Own(_, check) => check(root),
        }
    }
}

/// Prints the command that repeats this step.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cargo(cargo) => cargo.fmt(f),
            Self::Own(subcommand, _) => write!(f, "cargo xtask {subcommand}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &'static str, check: fn(&Path) -> Result<()>) -> Step {
        Step {
            name,
            action: Action::Own(name, check),
        }
    }

    fn three() -> [Step; 3] {
        [
            own("first", |_| Ok(())),
            own("second", |_| bail!("planted")),
            own("third", |_| Ok(())),
        ]
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        let outcomes = run_steps(&three(), Path::new("."), false);
        assert!(matches!(outcomes[0], Outcome::Passed(_)));
        assert!(matches!(outcomes[1], Outcome::Failed(_)));
        assert_eq!(outcomes[2], Outcome::Skipped);
    }

    #[test]
    fn keep_going_runs_the_rest() {
        let outcomes = run_steps(&three(), Path::new("."), true);
        assert!(matches!(outcomes[2], Outcome::Passed(_)));
        assert!(outcomes[1].failed());
    }

    #[test]
    fn the_summary_names_what_repeats_a_failure() {
        let moment = Duration::from_millis(1250);
        let outcomes = [
            Outcome::Passed(moment),
            Outcome::Failed(moment),
            Outcome::Skipped,
        ];
        let text = summary(&three(), &outcomes);
        assert!(
            text.contains("second, repeat it with: cargo xtask second\n"),
            "{text}"
        );
        assert!(text.contains("skipped           third\n"), "{text}");
        assert!(text.ends_with("total      2.5 s\n"), "{text}");
    }

    #[test]
    fn no_step_asks_for_a_feature() {
        for step in steps() {
            let line = step.action.to_string();
            assert!(!line.contains("features"), "{line}");
        }
    }

    #[test]
    fn every_build_step_holds_to_the_lock_file() {
        for step in steps() {
            let line = step.action.to_string();
            let builds =
                line.contains("cargo ") && !line.contains("xtask") && step.name != "format";
            assert_eq!(builds, line.contains("--locked"), "{line}");
        }
    }
}
