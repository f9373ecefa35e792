//! `cargo xtask pictures`: redraws the README's pictures from what the programs show.
//!
//! Not here: the scene, a test in `tests/` that otherwise compares the pictures with what it sees.

use std::path::Path;

use anyhow::Result;

use crate::black_box;

/// The test, and the variable that makes it write the pictures.
const TEST: &str = "the_pictures_of_the_readme_are_current";
const UPDATE_VARIABLE: &str = "UPDATE_EXPECT";

/// Plays the scene and writes the pictures.
pub(crate) fn run(root: &Path) -> Result<()> {
    black_box::run_only(root, TEST, &[(UPDATE_VARIABLE, "1".to_owned())])
}
