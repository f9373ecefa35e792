//! The black-box tests: the real binaries, built first, then driven by the crate `ringtalk-tests`.
//!
//! The tests themselves live in `tests/`; this only hands them the folder of the binaries.

use std::env;
use std::path::Path;

use anyhow::Result;

use crate::cargo::Cargo;
use crate::lanes;
use crate::metadata::Metadata;

/// Where `ringtalk-tests` looks for the binaries.
const BINARIES_VARIABLE: &str = "RINGTALK_BIN_DIR";

/// Builds the tests and runs them, one after the other.
const TEST: &str = "test --profile gate --locked -p ringtalk-tests";

/// The harness's own variable for how many tests run at once.
const THREADS_VARIABLE: &str = "RUST_TEST_THREADS";

/// The program that has a module for each file of tests.
const PROGRAM: &str = "black_box";

/// Files whose tests load both cores for long, or measure: beside others they would measure those.
const ALONE: &[&str] = &["conversation", "costs", "flood", "full_speed", "rush"];

/// Builds the binaries, then runs the tests whose name contains `filter`; all of them without one, in lanes.
pub(crate) fn run(root: &Path, filter: Option<&str>, harness: &[String]) -> Result<()> {
    build().run(root)?;
    if filter.is_some() || !harness.is_empty() {
        return test(root, filter, harness)?.run(root);
    }
    let binaries = Metadata::read(root)?.target_directory.join("gate");
    let programs = lanes::programs(root, Cargo::new(TEST))?;
    let programs = lanes::by_file(programs, PROGRAM)?;
    let environment = environment(&binaries);
    lanes::run(&programs, ALONE, &root.join("tests"), &environment)
}

/// The selection is that of the unit tests, so that both share their dependencies as built. Only
/// what a development dependency alone switches on is built apart: these are the binaries as
/// shipped, and code that leans on a feature of the tests fails here.
pub(crate) fn build() -> Cargo {
    Cargo::new(
        "build --profile gate --locked --workspace --exclude ringtalk-tests \
         --exclude ringtalk-sim --bin node --bin director --bin ring-viz",
    )
}

/// The tests whose name contains `filter`, with the binaries that were built.
pub(crate) fn test(root: &Path, filter: Option<&str>, harness: &[String]) -> Result<Cargo> {
    let binaries = Metadata::read(root)?.target_directory.join("gate");
    Ok(test_of(&binaries, filter, harness))
}

fn test_of(binaries: &Path, filter: Option<&str>, harness: &[String]) -> Cargo {
    let command = Cargo::new(TEST);
    let environment = environment(binaries).into_iter();
    let mut command = environment.fold(command, |command, (name, value)| {
        command.variable(name, value)
    });
    command = command.arguments(filter);
    if !harness.is_empty() {
        command = command.arguments(["--"]);
    }
    command.arguments(harness.iter().map(String::as_str))
}

fn environment(binaries: &Path) -> Vec<(&'static str, String)> {
    let binaries = binaries.to_string_lossy().into_owned();
    let mut variables = vec![(BINARIES_VARIABLE, binaries)];
    // Many processes to a test and few cores: side by side, the tests of a file would take each other's time.
    if env::var_os(THREADS_VARIABLE).is_none() {
        variables.push((THREADS_VARIABLE, "1".to_owned()));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_are_told_where_the_binaries_are() {
        let command = test_of(
            Path::new("out/gate"),
            Some("split"),
            &["--nocapture".to_owned()],
        );
        let line = command.to_string();
        assert!(line.starts_with("RINGTALK_BIN_DIR=out/gate "), "{line}");
        assert!(
            line.ends_with("-p ringtalk-tests split -- --nocapture"),
            "{line}"
        );
    }
}
