//! The black-box tests: the real binaries, built first, then driven by the crate `ringtalk-tests`.
//!
//! The tests themselves live in `tests/`; this only hands them the folder of the binaries.

use std::env;
use std::path::Path;

use anyhow::Result;

use crate::cargo::Cargo;
use crate::lanes::{self, Program};
use crate::metadata::Metadata;

/// Where `ringtalk-tests` looks for the binaries.
const BINARIES_VARIABLE: &str = "RINGTALK_BIN_DIR";

/// The unit tests, the black-box tests and the programs, in one build: what they depend on is built once. Development
/// dependencies add features to it; that nothing leans on those is shown by the image, which is built without.
/// The simulator and the fuzzer ask for features that no program may have.
const BUILD: &str = "build --profile gate --locked --workspace --exclude ringtalk-sim --exclude ringtalk-fuzz --bins --tests";

/// The harness's own variable for how many tests run at once.
const THREADS_VARIABLE: &str = "RUST_TEST_THREADS";

/// The program that has a module for each file of tests.
const PROGRAM: &str = "black_box";

/// Unit tests that measure.
const MEASURING: &[&str] = &["ringtalk_terminal"];

/// Files whose tests load both cores for long, or measure: beside others they would measure those.
const ALONE: &[&str] = &["conversation", "flood", "full_speed", "rush"];

/// Variables for a test program.
type Variables = Vec<(&'static str, String)>;

/// Builds everything, then runs the black-box tests whose name contains `filter`; all of them without one, in lanes.
pub(crate) fn run(root: &Path, filter: Option<&str>, harness: &[String]) -> Result<()> {
    let (programs, environment) = build(root)?;
    let (black_box, _) = divided(programs);
    if filter.is_none() && harness.is_empty() {
        let programs = lanes::by_file(black_box, PROGRAM)?;
        return lanes::run(&programs, ALONE, &environment);
    }
    let harness = harness.iter().map(String::as_str);
    let words: Vec<&str> = filter.into_iter().chain(harness).collect();
    run_here(&black_box, &words, &environment)
}

/// Builds everything, then runs the black-box tests whose name contains `filter` with these variables too.
pub(crate) fn run_only(root: &Path, filter: &str, more: &[(&'static str, String)]) -> Result<()> {
    let (programs, mut environment) = build(root)?;
    environment.extend_from_slice(more);
    run_here(&divided(programs).0, &[filter], &environment)
}

fn run_here(programs: &[Program], words: &[&str], environment: &Variables) -> Result<()> {
    let mut programs = programs.iter();
    programs.try_for_each(|program| program.run_here(words, environment))
}

/// Builds everything, then runs the unit tests.
pub(crate) fn run_unit_tests(root: &Path) -> Result<()> {
    let (programs, _) = build(root)?;
    let (_, unit) = divided(programs);
    lanes::run(&unit, MEASURING, &[])
}

/// Those of the black-box tests, and all others.
fn divided(programs: Vec<Program>) -> (Vec<Program>, Vec<Program>) {
    programs.into_iter().partition(|one| one.name == PROGRAM)
}

/// Returns the test programs, and what the black-box tests are told.
fn build(root: &Path) -> Result<(Vec<Program>, Variables)> {
    let programs = lanes::programs(root, Cargo::new(BUILD))?;
    let binaries = Metadata::read(root)?.target_directory.join("gate");
    Ok((programs, environment(&binaries)))
}

fn environment(binaries: &Path) -> Variables {
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
        let told = environment(Path::new("out/gate"));
        assert!(told.contains(&(BINARIES_VARIABLE, "out/gate".to_owned())));
    }
}
