//! The black-box tests: the real binaries, built first, then driven by the crate `ringtalk-tests`.
//!
//! The tests themselves live in `tests/`; this only hands them the folder of the binaries.

use std::env;
use std::path::Path;

use anyhow::Result;

use crate::cargo::Cargo;
use crate::metadata::Metadata;

/// Where `ringtalk-tests` looks for the binaries.
const BINARIES_VARIABLE: &str = "RINGTALK_BIN_DIR";

/// The harness's own variable for how many tests run at once.
const THREADS_VARIABLE: &str = "RUST_TEST_THREADS";

/// Builds the binaries, then runs the tests whose name contains `filter`.
pub(crate) fn run(root: &Path, filter: Option<&str>, harness: &[String]) -> Result<()> {
    build().run(root)?;
    test(root, filter, harness)?.run(root)
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
    let mut command = Cargo::new("test --profile gate --locked -p ringtalk-tests")
        .variable(BINARIES_VARIABLE, binaries.to_string_lossy());
    // Many processes to a test and few cores: side by side, the tests would take each other's time.
    if env::var_os(THREADS_VARIABLE).is_none() {
        command = command.variable(THREADS_VARIABLE, "1");
    }
    command = command.arguments(filter);
    if !harness.is_empty() {
        command = command.arguments(["--"]);
    }
    command.arguments(harness.iter().map(String::as_str))
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
