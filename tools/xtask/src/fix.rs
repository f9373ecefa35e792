//! `cargo xtask fix`: applies automatic fixes to the working tree, uncommitted changes included.

use std::path::Path;

use anyhow::Result;

use crate::cargo::Cargo;

/// Applies clippy's fixes, then formats: clippy does not format what it writes.
pub(crate) fn run(root: &Path) -> Result<()> {
    Cargo::new(
        "clippy --fix --workspace --all-targets --allow-dirty --allow-staged --allow-no-vcs",
    )
    .run(root)?;
    Cargo::new("fmt --all").run(root)
}
