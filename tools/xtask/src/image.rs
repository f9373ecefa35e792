//! `cargo xtask image`: builds the container image from a program that this machine builds, without a base image.
//!
//! Not here: the contents of the image (`docker/Dockerfile`).

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::Cargo;
use crate::metadata::Metadata;

/// The tag of the image; the compose files use it.
const TAG: &str = "ringtalk";
/// The cargo profile of the program in it.
const PROFILE: &str = "image";
/// The binary of the program in it.
const PROGRAM: &str = "image";
/// The names of the program in the image; all but the first are links.
const NAMES: [&str; 4] = ["ringtalk", "node", "director", "ring-viz"];
/// Links statically, packs relative relocations into an eighth of their size, and folds functions of identical bytes.
const FLAGS: &str =
    "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs,--icf=all";

/// Builds the image if a Docker engine answers; else prints that this is skipped.
pub(crate) fn run_or_skip(root: &Path) -> Result<()> {
    if has_engine() {
        return run(root);
    }
    println!("skipped: no Docker engine answers");
    Ok(())
}

fn has_engine() -> bool {
    let engine = Command::new("docker").arg("version").output();
    engine.is_ok_and(|version| version.status.success())
}

/// Starts to build the program in the background if a Docker engine answers. [`run`] waits for it, since cargo locks
/// its build folder.
pub(crate) fn begin(root: &Path) -> Result<()> {
    if has_engine() {
        build(&host(root)?).arguments(["--quiet"]).begin(root)?;
    }
    Ok(())
}

/// Builds the program and the image.
pub(crate) fn run(root: &Path) -> Result<()> {
    let target = host(root)?;
    build(&target).run(root)?;
    let built = Metadata::read(root)?.target_directory;
    let program = built.join(&target).join(PROFILE).join(PROGRAM);
    let context = built.join("image-context");
    stage(&program, &context)?;
    let status = Command::new("docker")
        .args(["build", "--target", "prebuilt", "--tag", TAG, "--file"])
        .arg(root.join("docker/Dockerfile"))
        .arg(&context)
        // BuildKit may be a separate program that is not installed; this build does not need it.
        .env("DOCKER_BUILDKIT", "0")
        .status()
        .context("could not start `docker`")?;
    if !status.success() {
        bail!("`docker build` ended with {status}");
    }
    Ok(())
}

/// Returns the build command. The program is linked statically, since an empty base image has no libraries. Only this
/// package is built, so that no other package enables features in it.
fn build(target: &str) -> Cargo {
    let words = format!("build --locked --profile {PROFILE} --target {target} -p ringtalk-image");
    Cargo::new(&words).variable("RUSTFLAGS", FLAGS)
}

/// Returns this machine's target. With an explicit target, cargo does not use `FLAGS` for build scripts and macros.
fn host(root: &Path) -> Result<String> {
    let version = Cargo::new("version --verbose").read(root)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host
        .context("`cargo version --verbose` does not name the host")?
        .to_owned())
}

/// Fills the build context: the program under all its names, and nothing else.
fn stage(program: &Path, context: &Path) -> Result<()> {
    if context.exists() {
        fs::remove_dir_all(context)?;
    }
    fs::create_dir_all(context)?;
    let [first, others @ ..] = NAMES;
    let staged = context.join(first);
    fs::copy(program, &staged).with_context(|| format!("cannot copy {}", program.display()))?;
    // The user in the container is not the one who built the program.
    fs::set_permissions(&staged, fs::Permissions::from_mode(0o755))?;
    for name in others {
        symlink(first, context.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_static_and_only_what_is_needed() {
        let line = build("some-target").to_string();
        assert_eq!(
            line,
            "RUSTFLAGS='-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs,--icf=all' cargo build --locked --profile image --target some-target \
             -p ringtalk-image"
        );
    }
}
