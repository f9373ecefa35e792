//! `cargo xtask image`: the container image, from programs that are built here, so that no other image is needed.
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
const PROGRAMS: [&str; 3] = ["node", "director", "ring-viz"];
/// Everything comes along, addresses that are set when a program starts take an eighth of their room, and functions
/// that are the same bytes are there once.
const FLAGS: &str =
    "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs,--icf=all";

/// The same where an engine answers; elsewhere says in one line that there will be no image.
pub(crate) fn run_or_skip(root: &Path) -> Result<()> {
    let engine = Command::new("docker").arg("version").output();
    if engine.is_ok_and(|version| version.status.success()) {
        return run(root);
    }
    println!("skipped: no Docker engine answers");
    Ok(())
}

/// Builds the programs and the image.
pub(crate) fn run(root: &Path) -> Result<()> {
    let target = host(root)?;
    build(&target).run(root)?;
    let built = Metadata::read(root)?.target_directory;
    let programs = built.join(&target).join(PROFILE);
    let context = built.join("image-context");
    stage(&programs, &context)?;
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

/// Programs that bring all their libraries along: a container from nothing has none. No other package is chosen, so
/// that none asks for features that they do not.
fn build(target: &str) -> Cargo {
    let mut words = format!("build --locked --profile {PROFILE} --target {target}");
    for program in PROGRAMS {
        words = format!("{words} -p ringtalk-{program} --bin {program}");
    }
    Cargo::new(&words).variable("RUSTFLAGS", FLAGS)
}

/// The platform of this machine: named, so that what runs while building is not linked the same way.
fn host(root: &Path) -> Result<String> {
    let version = Cargo::new("version --verbose").read(root)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("cargo does not tell its host")?.to_owned())
}

/// Puts the programs, and nothing else, into a folder.
fn stage(programs: &Path, context: &Path) -> Result<()> {
    if context.exists() {
        fs::remove_dir_all(context)?;
    }
    fs::create_dir_all(context)?;
    for program in PROGRAMS {
        let staged = context.join(program);
        fs::copy(programs.join(program), &staged)
            .with_context(|| format!("there is no {program} in {}", programs.display()))?;
        // Who runs it there is not who built it here.
        fs::set_permissions(&staged, fs::Permissions::from_mode(0o755))?;
    }
    Ok(symlink("node", context.join("ringtalk"))?)
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
             -p ringtalk-node --bin node -p ringtalk-director --bin director -p ringtalk-ring-viz --bin ring-viz"
        );
    }
}
