//! One network namespace: created, used and deleted, even after a run that was killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::tool;

/// The prefix of the names of all namespaces of the tests; the process id of the run follows.
const PREFIX: &str = "ringtalk-";

/// A namespace that is deleted when it is dropped.
#[derive(Debug)]
pub(super) struct Namespace {
    name: String,
}

impl Namespace {
    /// Creates a namespace. `role` is part of its name, for people who list namespaces.
    pub(super) fn new(role: &str) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{count}-{role}", std::process::id());
        tool::run("ip", &["netns", "add", &name])?;
        Ok(Self { name })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Runs the lines of an `ip` batch in the namespace.
    pub(super) fn ip(&self, batch: &str) -> Result<(), String> {
        ip(&self.name, batch)
    }

    /// Writes a file that processes in the namespace see in `/etc`, if they are started after that.
    pub(super) fn write_etc(&self, file: &str, text: &str) -> Result<(), String> {
        let directory = etc_of(&self.name);
        let written =
            fs::create_dir_all(&directory).and_then(|()| fs::write(directory.join(file), text));
        written.map_err(|error| format!("{}: {error}", directory.display()))
    }

    /// Runs a tool in the namespace until it exits.
    pub(super) fn run_with(
        &self,
        program: &str,
        arguments: &[&str],
        input: &str,
    ) -> Result<(), String> {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name, program])
            .args(arguments);
        tool::finish(&mut command, input).map(drop)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Most namespaces have no files.
        let _ = fs::remove_dir_all(etc_of(&self.name));
        if let Err(error) = tool::run("ip", &["netns", "delete", &self.name]) {
            eprintln!("a network namespace stays behind: {error}");
        }
    }
}

/// Runs the lines of an `ip` batch in the namespace with this name.
pub(super) fn ip(name: &str, batch: &str) -> Result<(), String> {
    let mut command = Command::new("ip");
    command.args(["-netns", name, "-batch", "-"]);
    tool::finish(&mut command, batch).map(drop)
}

/// Returns where `ip netns` looks for a namespace's own files of `/etc`.
fn etc_of(name: &str) -> PathBuf {
    Path::new("/etc/netns").join(name)
}

/// Deletes the namespaces of runs that were killed, and kills what still runs in them.
pub(super) fn sweep() -> Result<(), String> {
    let list = tool::run("ip", &["netns", "list"])?;
    let names = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| is_left_over(name)) {
        // Another run may sweep at the same time, so a namespace that is gone is no error.
        end_all(&tool::run("ip", &["netns", "pids", name]).unwrap_or_default());
        let _ = tool::run("ip", &["netns", "delete", name]);
        let _ = fs::remove_dir_all(etc_of(name));
    }
    Ok(())
}

/// Returns true if a name belongs to a run of the tests that has ended.
fn is_left_over(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX);
    let run = rest.and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
    run.is_some_and(|run| !Path::new(&format!("/proc/{run}")).exists())
}

fn end_all(pids: &str) {
    for pid in pids.lines().filter_map(|line| line.trim().parse().ok()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_namespaces_of_runs_that_ended_are_left_over() {
        let own = std::process::id();
        assert!(!is_left_over(&format!("ringtalk-{own}-0-router")));
        assert!(is_left_over("ringtalk-4294967295-0-router"));
        assert!(!is_left_over("somebody-4294967295-0"));
        assert!(!is_left_over("ringtalk-demo"));
    }
}
