//! `cargo xtask image`: the container image, from a program that is built here, so that no other image is needed.
//!
//! Not here: what is in it (`docker/Dockerfile`).

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::Cargo;
use crate::metadata::Metadata;

/// The name that the compose files use.
const TAG: &str = "ringtalk";
/// The profile of the programs in it.
const PROFILE: &str = "image";
/// The one program in it.
const PROGRAM: &str = "image";
/// What it can be called.
const NAMES: [&str; 4] = ["ringtalk", "node", "director", "ring-viz"];
/// Everything comes along, addresses that are set when a program starts take an eighth of their room, and functions
/// that are the same bytes are there once.
const FLAGS: &str =
    "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs,--icf=all";

/// The same where an engine answers; elsewhere says in one line that there will be no image.
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

/// Begins to build the program beside whatever comes next, where there will be an image. [`run`] waits for it: cargo
/// locks what it builds.
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
        // BuildKit may be a program of its own that is not there; this needs nothing of it.
        .env("DOCKER_BUILDKIT", "0")
        .status()
        .context("could not start `docker`")?;
    if !status.success() {
        bail!("`docker build` ended with {status}");
    }
    Ok(())
}

/// A program that brings all its libraries along: a container from nothing has none. No other package is chosen, so
/// that none asks for features that it does not.
fn build(target: &str) -> Cargo {
    let words = format!("build --locked --profile {PROFILE} --target {target} -p ringtalk-image");
    Cargo::new(&words).variable("RUSTFLAGS", FLAGS)
}

/// The platform of this machine: named, so that what runs while building is not linked the same way.
fn host(root: &Path) -> Result<String> {
    let version = Cargo::new("version --verbose").read(root)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("cargo does not tell its host")?.to_owned())
}

/// Puts the program with all its names, and nothing else, into a folder.
fn stage(program: &Path, context: &Path) -> Result<()> {
    if context.exists() {
        fs::remove_dir_all(context)?;
    }
    fs::create_dir_all(context)?;
    let [first, others @ ..] = NAMES;
    let staged = context.join(first);
    fs::copy(program, &staged).with_context(|| format!("there is no {}", program.display()))?;
    // Who runs it there is not who built it here.
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
