//! `cargo xtask fix`: mends what a machine can mend, in the working tree as it is.

use std::path::Path;

use anyhow::Result;

use crate::cargo::Cargo;

/// Clippy first, since what it writes is not formatted.
pub(crate) fn run(root: &Path) -> Result<()> {
    Cargo::new(
        "clippy --fix --workspace --all-targets --allow-dirty --allow-staged --allow-no-vcs",
    )
    .run(root)?;
    Cargo::new("fmt --all").run(root)
}
