//! `cargo xtask pictures`: draws the README's pictures anew, of the programs as they are.
//!
//! The scene is a test in `tests/`, which compares what it sees with the pictures otherwise.

use std::path::Path;

use anyhow::Result;

use crate::black_box;

/// The test, and the variable that has it write what it sees.
const TEST: &str = "the_pictures_of_the_readme_are_what_is_seen";
const UPDATE_VARIABLE: &str = "UPDATE_SNAPSHOTS";

/// Plays the scene, and keeps what is seen.
pub(crate) fn run(root: &Path) -> Result<()> {
    black_box::run_only(root, TEST, &[(UPDATE_VARIABLE, "1".to_owned())])
}
