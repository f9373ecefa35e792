//! `cargo xtask fuzz`: fuzzes every target in turn, and keeps the totals.
//!
//! A total belongs to one state of the source folders that a target runs: if they change, it restarts at zero.
//! Not here: the rules that a target checks (`tools/fuzz`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

const FOLDER: &str = "tools/fuzz";
const RESULTS: &str = "tools/fuzz/results.toml";
/// The source folders that targets run besides `wire/src`.
const BEYOND_WIRE: [(&str, &str); 12] = [
    ("answer", "node/src"),
    ("core", "node/proto/src"),
    ("handshake", "node/src"),
    ("harmless", "node/session/src"),
    ("harmless", "node/terminal/src"),
    ("header", "node/src"),
    ("keys", "node/terminal/src"),
    ("lines", "node/session/src"),
    ("lines", "node/terminal/src"),
    ("places", "node/src"),
    ("records", "node/src"),
    ("request", "director/src"),
];
/// libFuzzer's limits: seconds for an input, and MiB of memory for the process.
const LIMITS: [&str; 3] = ["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"];
/// The longest inputs of these targets, in bytes; `LENGTH` is for all others.
const LENGTHS: [(&str, u32); 3] = [
    ("core", 4_096),
    ("handshake", 2_048),
    ("introduction", 2_048),
];
const LENGTH: u32 = 16_384;
/// Changes to the release profile: assertions and overflow checks are on; LTO is off, since it links slowly.
const BUILD: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true"),
    ("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Fuzzing {
    /// Fuzzes this target alone
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Ends a target after so many executions, if that is sooner
    #[arg(long)]
    runs: Option<u64>,
    /// `address` also watches the unsafe code that others wrote, at half the speed
    #[arg(long, default_value = "none")]
    sanitizer: String,
}

/// The totals of all runs so far.
#[derive(Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
struct Results {
    executions: u64,
    findings: u64,
    targets: BTreeMap<String, Total>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize, PartialEq, Eq)]
struct Total {
    executions: u64,
    findings: u64,
    /// The folders that the target runs, each with its git hash.
    of: Vec<String>,
}

impl Fuzzing {
    pub(crate) fn run(&self, root: &Path) -> Result<()> {
        let targets: Vec<String> = targets(root)?
            .into_iter()
            .filter(|name| self.target.as_ref().is_none_or(|wanted| wanted == name))
            .collect();
        ensure!(
            !targets.is_empty(),
            "no such target: {FOLDER}/fuzz_targets has the list"
        );
        let mut results = read(root)?;
        let mut artifacts = Vec::new();
        for target in &targets {
            let (total, artifact) = self.fuzz(root, target)?;
            println!("{target:>14} {:>12} executions", total.executions);
            results.add(target, &total);
            write(root, &results)?;
            artifacts.extend(artifact);
        }
        println!("{:>14} {:>12} executions so far", "", results.executions);
        if artifacts.is_empty() {
            return Ok(());
        }
        bail!("findings:\n{}", artifacts.join("\n"))
    }

    /// Fuzzes one target. Returns its counts, and the finding with the path of its input, if there is one.
    fn fuzz(&self, root: &Path, target: &str) -> Result<(Total, Option<String>)> {
        let found = format!("{FOLDER}/found/{target}");
        fs::create_dir_all(root.join(&found)).with_context(|| format!("cannot create {found}"))?;
        let special = LENGTHS.iter().find(|(name, _)| *name == target);
        let length = special.map_or(LENGTH, |(_, length)| *length);
        let mut command = Command::new("rustup");
        command
            .current_dir(root)
            .args(["run", "nightly", "cargo", "fuzz", "run"]);
        command.args(["--fuzz-dir", FOLDER, "--features", "libfuzzer"]);
        command.envs(BUILD);
        command.args(["--sanitizer", &self.sanitizer, target, &found]);
        command.arg(format!("{FOLDER}/corpus/{target}")).arg("--");
        command.args(LIMITS);
        command.arg(format!("-max_total_time={}", self.seconds));
        command.arg(format!("-max_len={length}"));
        command.args(self.runs.map(|runs| format!("-runs={runs}")));
        let output = command.output().context("cannot start rustup")?;
        let said = String::from_utf8_lossy(&output.stderr);
        let Some(executions) = stat(&said) else {
            bail!("{target} did not run:\n{said}");
        };
        let finding = finding(&said);
        if !output.status.success() && finding.is_empty() {
            bail!("{target} was interrupted: this run is not counted");
        }
        let artifact = (!finding.is_empty()).then(|| format!("{target}: {finding}"));
        let findings = artifact.iter().count() as u64;
        let total = Total {
            executions,
            findings,
            of: state(root, target)?,
        };
        Ok((total, artifact))
    }
}

impl Results {
    fn add(&mut self, target: &str, more: &Total) {
        let total = self.targets.entry(target.to_owned()).or_default();
        if total.of != more.of {
            *total = Total {
                of: more.of.clone(),
                ..Total::default()
            };
        }
        total.executions += more.executions;
        total.findings += more.findings;
        self.executions = self.targets.values().map(|one| one.executions).sum();
        self.findings = self.targets.values().map(|one| one.findings).sum();
    }
}

/// Returns libFuzzer's count of executions.
fn stat(said: &str) -> Option<u64> {
    let mut lines = said.lines();
    lines.find_map(|line| {
        let count = line.strip_prefix("stat::number_of_executed_units:")?;
        count.trim().parse().ok()
    })
}

/// Returns the lines that describe a finding and name its file; empty if there is none.
fn finding(said: &str) -> String {
    let wanted = |line: &&str| {
        line.contains("panicked at")
            || line.contains("Test unit written")
            || line.contains("ERROR:")
    };
    let lines: Vec<&str> = said.lines().filter(wanted).collect();
    lines.join("\n  ")
}

fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(FOLDER).join("fuzz_targets");
    let files =
        fs::read_dir(&folder).context("cannot list the targets in tools/fuzz/fuzz_targets")?;
    let name = |file: fs::DirEntry| Some(file.path().file_stem()?.to_string_lossy().into_owned());
    let mut names: Vec<String> = files.flatten().filter_map(name).collect();
    names.sort();
    Ok(names)
}

/// Returns the folders that a target runs, each with its git hash and a mark if it has uncommitted changes.
fn state(root: &Path, target: &str) -> Result<Vec<String>> {
    let name = |folder: &str| {
        let git = |arguments: &[&str]| {
            let output = Command::new("git")
                .current_dir(root)
                .args(arguments)
                .output();
            let output = output.context("cannot start git")?;
            Ok::<_, anyhow::Error>(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let committed = git(&["rev-parse", &format!("HEAD:{folder}")])?;
        let changed = git(&["status", "--porcelain", "--", folder])?;
        let mark = if changed.is_empty() {
            ""
        } else {
            " and changes"
        };
        Ok(format!("{folder} {committed}{mark}"))
    };
    let beyond = BEYOND_WIRE.iter().filter(|(name, _)| *name == target);
    let folders = beyond.map(|(_, folder)| *folder);
    folders.chain(["wire/src"]).map(name).collect()
}

fn read(root: &Path) -> Result<Results> {
    match fs::read_to_string(root.join(RESULTS)) {
        Ok(text) => toml::from_str(&text).with_context(|| format!("cannot parse {RESULTS}")),
        Err(_) => Ok(Results::default()),
    }
}

fn write(root: &Path, results: &Results) -> Result<()> {
    let text = toml::to_string(results).context("cannot encode the totals")?;
    let text = format!("# The totals of `cargo xtask fuzz`, which adds each run to them.\n{text}");
    fs::write(root.join(RESULTS), text).with_context(|| format!("cannot write {RESULTS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "#8 DONE\nstat::number_of_executed_units: 1234\nthread 'a' panicked at x:1\n\
        artifact_prefix='a/'; Test unit written to a/crash-1\n";

    #[test]
    fn the_fuzzer_is_understood() {
        assert_eq!(stat(SAID), Some(1234));
        assert_eq!(stat("error: no such target"), None);
        assert!(finding(SAID).ends_with("Test unit written to a/crash-1"));
        assert_eq!(finding("==1== libFuzzer: run interrupted; exiting\n"), "");
    }

    #[test]
    fn totals_add_up_survive_a_file_and_belong_to_one_state() {
        let mut results = Results::default();
        let total = |state: &str| Total {
            executions: 5,
            findings: 1,
            of: vec![state.to_owned()],
        };
        results.add("core", &total("wire/src 0"));
        for target in ["frame", "core", "frame"] {
            results.add(target, &total("wire/src 1"));
        }
        let text = toml::to_string(&results).unwrap();
        assert_eq!(toml::from_str::<Results>(&text).unwrap(), results);
        assert_eq!(
            (results.executions, results.targets["frame"].findings),
            (15, 2)
        );
    }
}
