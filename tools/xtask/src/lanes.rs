//! Runs test programs side by side in lanes, then one at a time those that measure.
//!
//! The tests of one program run one after the other. They mostly wait: for a timeout, a failure detector, a repair.
//! Not here: the choice of what is built (`black_box`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::cargo::Cargo;

/// The number of programs that run at once: the gate has two cores. With three, tests of merges between containers
/// time out.
const LANES: usize = 2;

/// A test program, or the tests of one file in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The name of the program, or of the file of tests.
    pub(crate) name: String,
    executable: PathBuf,
    /// The working directory that cargo would use: the folder of its package.
    folder: PathBuf,
    /// Harness arguments that select tests; without any, all tests run.
    arguments: Vec<String>,
}

impl Program {
    /// Runs the program with these harness arguments, and passes its output through.
    pub(crate) fn run_here(&self, words: &[&str], environment: &[(&str, String)]) -> Result<()> {
        let status = self.command(environment).args(words).status();
        let status = status.with_context(|| format!("could not start {}", self.name))?;
        if !status.success() {
            bail!("{} ended with {status}", self.name);
        }
        Ok(())
    }

    /// Returns the command that runs the program as cargo would.
    fn command(&self, environment: &[(&str, String)]) -> Command {
        let mut command = Command::new(&self.executable);
        command.args(&self.arguments).current_dir(&self.folder);
        command.env("CARGO_MANIFEST_DIR", &self.folder);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Cargo's message about something that it built; only the fields that are used here.
#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// The result of a program.
struct Ended<'a> {
    name: &'a str,
    passed: bool,
    took: Duration,
    output: String,
}

/// Builds test programs, and returns them sorted by name.
pub(crate) fn programs(root: &Path, build: Cargo) -> Result<Vec<Program>> {
    let build = build.arguments(["--message-format=json-render-diagnostics"]);
    let programs = read(&build.read(root)?);
    if programs.is_empty() {
        bail!("`{build}` built no test program");
    }
    Ok(programs)
}

fn read(messages: &str) -> Vec<Program> {
    let artifacts = messages.lines();
    let artifacts = artifacts.filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let tests = artifacts.filter(|built| built.profile.as_ref().is_some_and(|built| built.test));
    let programs = tests.filter_map(|built| {
        Some(Program {
            name: built.target.name,
            executable: built.executable?,
            folder: built.manifest_path.parent()?.to_owned(),
            arguments: Vec::new(),
        })
    });
    let mut programs: Vec<Program> = programs.collect();
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    programs
}

/// Splits the program of this name by its top-level modules, one for each file of tests.
pub(crate) fn by_file(programs: Vec<Program>, name: &str) -> Result<Vec<Program>> {
    let (whole, mut programs): (Vec<Program>, Vec<Program>) =
        programs.into_iter().partition(|one| one.name == name);
    for program in whole {
        let mut list = Command::new(&program.executable);
        let output = list.args(["--list", "--format", "terse"]).output();
        let output = output.with_context(|| format!("could not start {name}"))?;
        let listed = String::from_utf8(output.stdout)?;
        let files = files(&listed);
        programs.extend(files.iter().map(|file| Program {
            name: (*file).to_owned(),
            executable: program.executable.clone(),
            folder: program.folder.clone(),
            arguments: tests_in(file, &files),
        }));
    }
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(programs)
}

/// Returns the modules in the harness's list of tests, such as `screen` for `screen::colours: test`.
fn files(listed: &str) -> BTreeSet<&str> {
    let tests = listed.lines().filter(|line| line.ends_with(": test"));
    let modules = tests.filter_map(|line| line.split_once("::"));
    modules.map(|(module, _)| module).collect()
}

/// Returns the harness arguments for the tests of one file. The filter matches anywhere in a test's name, so files
/// whose names end in this one's are skipped.
fn tests_in(file: &str, files: &BTreeSet<&str>) -> Vec<String> {
    let own = format!("{file}::");
    let others = files.iter().map(|other| format!("{other}::"));
    let alike = others.filter(|other| *other != own && other.contains(&own));
    let skipped = alike.flat_map(|other| ["--skip".to_owned(), other]);
    std::iter::once(own.clone()).chain(skipped).collect()
}

/// Runs all programs with these variables; those named in `alone` run last, one at a time. Fails if any of them fails.
pub(crate) fn run(
    programs: &[Program],
    alone: &[&str],
    environment: &[(&str, String)],
) -> Result<()> {
    for name in alone {
        let exists = programs.iter().any(|program| program.name == *name);
        if !exists {
            bail!("{name} is listed to run alone, but there is no such test program");
        }
    }
    let start = |program: &Program| program.command(environment);
    let (last, first): (Vec<&Program>, Vec<&Program>) = programs
        .iter()
        .partition(|program| alone.contains(&program.name.as_str()));
    let mut failed = run_lanes(&first, LANES, &start)?;
    failed.extend(run_lanes(&last, 1, &start)?);
    if !failed.is_empty() {
        bail!("these test programs failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Runs the programs in this many lanes, and returns the names of those that failed.
fn run_lanes(
    programs: &[&Program],
    lanes: usize,
    start: &(impl Fn(&Program) -> Command + Sync),
) -> Result<Vec<String>> {
    let next = Mutex::new(programs.iter());
    let failed = Mutex::new(Vec::new());
    let lane = || -> Result<()> {
        loop {
            // Each lock is held for one step that cannot panic halfway, so a poisoned lock is still valid.
            let program = next.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(program) = program else {
                return Ok(());
            };
            let ended = run_one(program, start(program))?;
            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
            print!("{}", told(&ended));
            if !ended.passed {
                failed.push(ended.name.to_owned());
            }
        }
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        let ended = lanes.into_iter().map(thread::ScopedJoinHandle::join);
        ended
            .map(|ended| ended.expect("no lane panics"))
            .collect::<Result<Vec<()>>>()
    })?;
    Ok(failed.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn run_one(program: &Program, mut command: Command) -> Result<Ended<'_>> {
    let began = Instant::now();
    let output = command.output();
    let output = output.with_context(|| format!("could not start {}", program.name))?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended {
        name: &program.name,
        passed: output.status.success(),
        took: began.elapsed(),
        output: text(&output.stdout) + &text(&output.stderr),
    })
}

fn told(ended: &Ended<'_>) -> String {
    let Ended { name, output, .. } = ended;
    let how = if ended.passed { "passed" } else { "FAILED" };
    let seconds = ended.took.as_secs_f64();
    format!("\n-- {name}: {how} in {seconds:.1} s\n{output}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str) -> Program {
        Program {
            name: name.to_owned(),
            executable: PathBuf::from("/bin/sh"),
            folder: PathBuf::from("/"),
            arguments: Vec::new(),
        }
    }

    #[test]
    fn each_file_runs_its_own_tests_alone() {
        let listed = "networks::part: test\ncompose_networks::part: test\nnetworks::heal: test\n\nfast: benchmark\n";
        let files = files(listed);
        assert_eq!(Vec::from_iter(&files), [&"compose_networks", &"networks"]);
        assert_eq!(tests_in("compose_networks", &files), ["compose_networks::"]);
        let both = ["networks::", "--skip", "compose_networks::"];
        assert_eq!(tests_in("networks", &files), both);
    }

    #[test]
    fn test_programs_are_found_among_what_cargo_prints() {
        let messages = r#"
            {"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","target":{"name":"lib"},"profile":{"test":false},"executable":null}
            {"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","target":{"name":"node"},"profile":{"test":false},"executable":"/n"}
            {"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","target":{"name":"names"},"profile":{"test":true},"executable":"/t"}
            {"reason":"build-finished","success":true}"#;
        let expected = Program {
            name: "names".to_owned(),
            executable: PathBuf::from("/t"),
            folder: PathBuf::from("/a"),
            arguments: Vec::new(),
        };
        assert_eq!(read(messages), [expected]);
    }

    #[test]
    fn all_run_and_failures_are_named() {
        let programs = ["a", "b", "c", "d"].map(program);
        let programs: Vec<&Program> = programs.iter().collect();
        let start = |program: &Program| {
            let mut command = Command::new(&program.executable);
            let script = format!("case {} in b|d) exit 1;; esac", program.name);
            command.args(["-c", &script]);
            command
        };
        let mut failed = run_lanes(&programs, LANES, &start).unwrap();
        failed.sort();
        assert_eq!(failed, ["b", "d"]);
    }

    #[test]
    fn whoever_is_to_run_alone_exists() {
        let run = |alone| run(&[program("a")], alone, &[]);
        let error = run(&["b"]).unwrap_err().to_string();
        assert!(error.contains('b'), "{error}");
    }
}
