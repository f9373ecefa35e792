//! `cargo xtask soak`: runs the simulator in a release build until it is stopped.

use std::path::Path;

use anyhow::Result;

use crate::cargo::Cargo;

/// Runs seeds from where the last soak of the same version ended.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let soak = Cargo::new("run --release --locked -p ringtalk-sim -- soak");
    soak.arguments(arguments.iter().map(String::as_str))
        .run(root)
}
