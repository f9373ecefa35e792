//! A sandbox for a program: an unprivileged user without capabilities, on a read-only file system.
//!
//! It is a mount namespace in which every file system is read-only; `unshare`, `mount` and `setpriv` all belong to
//! util-linux. The sandboxed process is still the test's own child. Not here: the programs that run in it (the
//! tests).

use std::fs::read_to_string;
use std::path::Path;
use std::process::{Command, Output};

use crate::network::report_skipped;
use crate::process::Process;

/// The user id in the sandbox, which no system assigns.
const USER: &str = "65532";

/// The capabilities that building a sandbox needs: to change ids, and to mount.
const NEEDED: u64 = 1 << 6 | 1 << 7 | 1 << 8 | 1 << 21;

/// The program may be in a folder that the user cannot read, so it is copied to a file system of the sandbox. Only the
/// root and that copy must become read-only: whatever else cannot is not a file system that anyone writes to.
const BUILD: &str = r#"
    mount -t tmpfs -o mode=755 sandbox /mnt && cp "$1" /mnt/program && chmod 755 /mnt/program || exit 99
    while read -r _ mount _; do
        mount -o remount,bind,ro "$mount" 2>/dev/null
    done < /proc/self/mounts
    mount -o remount,bind,ro / && mount -o remount,bind,ro /mnt || exit 99
    shift
    exec setpriv --reuid "$SANDBOX_USER" --regid "$SANDBOX_USER" --clear-groups --no-new-privs \
        --bounding-set=-all --inh-caps=-all -- /mnt/program "$@"
"#;

/// Returns true if a sandbox can be built here, which needs root with all its capabilities and these tools; if not,
/// prints the reason in one line.
pub fn can_sandbox() -> bool {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let capabilities = field(&status, "CapEff:");
    let capabilities = u64::from_str_radix(&capabilities, 16).unwrap_or_default();
    let missing = ["unshare", "mount", "setpriv"]
        .into_iter()
        .find(|tool| Command::new(tool).arg("--version").output().is_err());
    match missing {
        Some(tool) => report_skipped(format!("no {tool}")),
        None if capabilities & NEEDED != NEEDED => {
            report_skipped("a sandbox needs root with its capabilities");
        }
        None => return true,
    }
    false
}

/// Returns the command that runs a program in a sandbox.
pub fn sandboxed(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--"]);
    command.args(["sh", "-c", BUILD, "sandbox"]).arg(program);
    command.env("SANDBOX_USER", USER);
    command
}

/// Tries, in a sandbox, to write to each of these folders; the errors are on stderr, and stdout lists the folders
/// where it succeeded.
///
/// # Panics
///
/// If there is no shell.
pub fn attempts_to_write(folders: &[&str]) -> Output {
    let script =
        r#"for folder; do true > "$folder/from-a-sandbox" && echo "$folder"; done; exit 0"#;
    let mut command = sandboxed(Path::new("/bin/sh"));
    let attempts = command.args(["-c", script, "sh"]).args(folders).output();
    attempts.expect("there is a shell")
}

/// Returns the faults of a process's sandbox; empty if it is closed.
pub fn violations(process: &Process) -> Vec<String> {
    let read = |name| read_to_string(format!("/proc/{}/{name}", process.pid())).unwrap_or_default();
    let (status, mounts) = (read("status"), read("mounts"));
    let mut violations = Vec::new();
    for (name, expected) in [
        ("Uid:", USER),
        ("Gid:", USER),
        ("Groups:", ""),
        ("CapPrm:", "0000000000000000"),
        ("CapEff:", "0000000000000000"),
        ("CapBnd:", "0000000000000000"),
        ("NoNewPrivs:", "1"),
    ] {
        let actual = field(&status, name);
        if actual != expected {
            violations.push(format!("{name} {actual}"));
        }
    }
    let root = mounts
        .lines()
        .rfind(|line| line.split(' ').nth(1) == Some("/"));
    let options = root.and_then(|line| line.split(' ').nth(3));
    if !options.is_some_and(|options| options.split(',').any(|option| option == "ro")) {
        violations.push(format!("the root is not read-only: {root:?}"));
    }
    violations
}

/// Returns the first word of a field in `/proc/PID/status`.
fn field(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.unwrap_or_default().to_owned()
}
