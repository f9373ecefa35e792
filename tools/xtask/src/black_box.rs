//! Builds the binaries and the test programs, and runs the unit tests or the black-box tests (`ringtalk-tests`).
//!
//! Not here: the tests (`tests/`), and how test programs share the cores (`lanes`).

use std::env;
use std::path::Path;

use anyhow::Result;

use crate::cargo::Cargo;
use crate::lanes::{self, Program};
use crate::metadata::Metadata;

/// The variable that tells `ringtalk-tests` the folder of the binaries.
const BINARIES_VARIABLE: &str = "RINGTALK_BIN_DIR";

/// Builds the unit tests, the black-box tests and the programs together, so that dependencies are built once.
/// Development dependencies add features here; the image is built without them, which shows that no program needs
/// them. The simulator and the fuzzer are left out: they enable features that no program may ship with.
const BUILD: &str = "build --profile gate --locked --workspace --exclude ringtalk-sim --exclude ringtalk-fuzz --bins --tests";

/// The harness's variable for the number of tests that run at once.
const THREADS_VARIABLE: &str = "RUST_TEST_THREADS";

/// The program of the black-box tests; it has a module for each file of tests.
const PROGRAM: &str = "black_box";

/// Programs of unit tests that run alone because they measure.
const MEASURING: &[&str] = &["ringtalk_terminal"];

/// Files of black-box tests that run alone: they load both cores for long, or measure and would measure the others.
const ALONE: &[&str] = &["conversation", "flood", "full_speed", "rush"];

/// Environment variables for a test program.
type Variables = Vec<(&'static str, String)>;

/// Builds everything, then runs the black-box tests whose names contain `filter`; without a filter, all of them in
/// lanes.
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

/// Builds everything, then runs the black-box tests whose names contain `filter`, with these additional variables.
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

/// Splits the programs into those of the black-box tests and all others.
fn divided(programs: Vec<Program>) -> (Vec<Program>, Vec<Program>) {
    programs.into_iter().partition(|one| one.name == PROGRAM)
}

/// Builds everything, and returns the test programs and the variables for the black-box tests.
fn build(root: &Path) -> Result<(Vec<Program>, Variables)> {
    let programs = lanes::programs(root, Cargo::new(BUILD))?;
    let binaries = Metadata::read(root)?.target_directory.join("gate");
    Ok((programs, environment(&binaries)))
}

fn environment(binaries: &Path) -> Variables {
    let binaries = binaries.to_string_lossy().into_owned();
    let mut variables = vec![(BINARIES_VARIABLE, binaries)];
    // A test starts many processes, and there are few cores: the tests of a file would slow each other down.
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
