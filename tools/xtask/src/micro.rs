//! `cargo xtask micro`: counts the instructions of single operations with callgrind, here and at another commit.
//!
//! Not here: the operations and their times (`tools/bench/micro`).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::cargo::Cargo;
use crate::metadata::Metadata;

/// The repetitions of an operation in two runs; the difference of their counts excludes the setup.
const TIMES: [u64; 2] = [20, 60];

/// The operations that are counted.
#[derive(Debug, Args)]
pub(crate) struct Micro {
    /// The commit to compare with
    #[arg(long, default_value = "HEAD~1")]
    against: String,
}

impl Micro {
    /// Builds both versions, counts all operations of both, and prints the counts side by side.
    pub(crate) fn run(&self, root: &Path) -> Result<()> {
        let target = Metadata::read(root)?.target_directory.join("micro");
        let before = target.join("tree");
        check_out(root, &before, &self.against)?;
        let here = build(root, &target.join("here"))?;
        let there = build(&before, &target.join("there"))?;
        println!(
            "{:14} {:>12} {:>12}  ratio",
            "instructions", self.against, "here"
        );
        for name in read(Command::new(&here).arg("list"))?.lines() {
            let now = count(&here, name)?;
            match count(&there, name) {
                Ok(then) => {
                    let ratio = now as f64 / then.max(1) as f64;
                    println!("{name:14} {then:12} {now:12}  {ratio:.2}");
                }
                Err(_) => println!("{name:14} {:>12} {now:12}", "-"),
            }
        }
        Ok(())
    }
}

/// Checks a commit out into a folder of its own.
fn check_out(root: &Path, folder: &Path, commit: &str) -> Result<()> {
    let git = |arguments: &[&str]| read(Command::new("git").current_dir(root).args(arguments));
    let path = folder.to_string_lossy();
    if folder.exists() {
        git(&["worktree", "remove", "--force", &path])?;
    }
    git(&["worktree", "prune"])?;
    git(&["worktree", "add", "--detach", &path, commit])?;
    Ok(())
}

/// Builds the operations as one unit: otherwise renaming a module may change a neighbouring function's cost by a tenth.
fn build(root: &Path, target: &Path) -> Result<PathBuf> {
    Cargo::new("build --release --locked -p bench-micro --manifest-path tools/bench/Cargo.toml")
        .variable("CARGO_PROFILE_RELEASE_LTO", "fat")
        .variable("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .arguments(["--target-dir", &target.to_string_lossy()])
        .run(root)?;
    Ok(target.join("release/micro"))
}

/// Returns the number of instructions of an operation.
fn count(program: &Path, name: &str) -> Result<u64> {
    let mut counted = [0; 2];
    for (count, times) in counted.iter_mut().zip(TIMES) {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        valgrind
            .arg(program)
            .args(["run", name, &times.to_string()]);
        let output = valgrind.output();
        let output = output.context("cannot start valgrind; is the package valgrind installed?")?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{name}: {told}");
        let collected = told.lines().find_map(|line| line.split_once("Collected :"));
        let collected = collected.context("callgrind printed no count")?.1;
        *count = collected.trim().parse::<u64>()?;
    }
    Ok(counted[1].saturating_sub(counted[0]) / (TIMES[1] - TIMES[0]))
}

/// Runs a program and returns its standard output.
fn read(command: &mut Command) -> Result<String> {
    let output = command.output();
    let output = output.with_context(|| format!("cannot start {command:?}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {told}");
    Ok(String::from_utf8(output.stdout)?)
}
