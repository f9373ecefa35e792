//! `cargo xtask costs`: what encryption and signatures cost, measured with and without in one run.
//!
//! The work and its figures are a test in `tests/`; this only builds the two nodes that it compares.
//! Both come from a folder of their own: what is built elsewhere is always protected.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cargo::Cargo;
use crate::metadata::Metadata;

/// The feature of the node that leaves protection out. Nothing else may ask for it (`layering`).
pub(crate) const UNPROTECTED: &str = "unprotected-for-measuring";

/// Where the test finds the binaries as shipped, and the folder of the node to compare.
const BINARIES_VARIABLE: &str = "RINGTALK_BIN_DIR";
const UNPROTECTED_VARIABLE: &str = "RINGTALK_UNPROTECTED_BIN_DIR";

/// Builds both, then runs the same work with both in turn.
pub(crate) fn run(root: &Path) -> Result<()> {
    let target = Metadata::read(root)?.target_directory.join("costs");
    let unprotected = target.join("unprotected");
    build(&target)
        .arguments(["--features", &format!("ringtalk-node/{UNPROTECTED}")])
        .run(root)?;
    keep(&target, &unprotected)?;
    let protected = target.join("protected");
    build(&target).run(root)?;
    keep(&target, &protected)?;
    Cargo::new(
        "test --profile gate --locked -p ringtalk-tests --test black_box costs:: -- --ignored --nocapture",
    )
    .variable(BINARIES_VARIABLE, protected.to_string_lossy())
    .variable(UNPROTECTED_VARIABLE, unprotected.to_string_lossy())
    .run(root)
}

fn build(target: &Path) -> Cargo {
    Cargo::new(
        "build --release --locked -p ringtalk-node -p ringtalk-director --bin node --bin director \
         --target-dir",
    )
    .arguments([target.to_string_lossy().as_ref()])
}

/// Copies what was just built, before the next build replaces it.
fn keep(target: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for name in ["node", "director"] {
        let built = target.join("release").join(name);
        fs::copy(&built, folder.join(name))
            .with_context(|| format!("cannot copy {}", built.display()))?;
    }
    Ok(())
}
