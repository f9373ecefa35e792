//! `cargo xtask pictures`: redraws the README's pictures from what the programs show.
//!
//! Not here: the scenes, tests in `tests/` that otherwise compare the pictures with what they see.

use std::path::Path;

use anyhow::Result;

use crate::black_box;

/// The tests, and the variable that makes them write the pictures.
const TESTS: &str = "pictures::";
const UPDATE_VARIABLE: &str = "UPDATE_EXPECT";

/// Plays the scenes and writes the pictures.
pub(crate) fn run(root: &Path) -> Result<()> {
    black_box::run_only(root, TESTS, &[(UPDATE_VARIABLE, "1".to_owned())])
}
