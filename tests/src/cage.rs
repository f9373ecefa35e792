//! A cage for a program: an unprivileged user without any capability, where nothing can be written.
//!
//! A mount namespace of its own, in which every file system is read-only; `unshare`, `mount` and `setpriv`
//! are all of util-linux. The caged process is still our own child. Not here: what runs in it.

use std::fs::read_to_string;
use std::path::Path;
use std::process::{Command, Output};

use crate::network::skipped;
use crate::process::Process;

/// Who runs in the cage: a number that is nobody's on any system.
const USER: &str = "65532";

/// The capabilities that it takes to build a cage: to change ids, and to mount.
const NEEDED: u64 = 1 << 6 | 1 << 7 | 1 << 8 | 1 << 21;

/// The program may lie where nobody else may look, so a copy is made in a file system of the cage's own.
/// What cannot be made read-only, but for the root, is not a file system that anybody writes to.
const BUILD: &str = r#"
    mount -t tmpfs -o mode=755 cage /mnt && cp "$1" /mnt/program && chmod 755 /mnt/program || exit 99
    while read -r _ place _; do
        mount -o remount,bind,ro "$place" 2>/dev/null
    done < /proc/self/mounts
    mount -o remount,bind,ro / && mount -o remount,bind,ro /mnt || exit 99
    shift
    exec setpriv --reuid "$USER_OF_CAGE" --regid "$USER_OF_CAGE" --clear-groups --no-new-privs \
        --bounding-set=-all --inh-caps=-all -- /mnt/program "$@"
"#;

/// Whether a cage can be built here; says so in one line where not. Root with all its capabilities
/// and these tools can.
pub fn can_cage() -> bool {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let capabilities = field(&status, "CapEff:");
    let capabilities = u64::from_str_radix(&capabilities, 16).unwrap_or_default();
    let missing = ["unshare", "mount", "setpriv"]
        .into_iter()
        .find(|tool| Command::new(tool).arg("--version").output().is_err());
    match missing {
        Some(tool) => skipped(format!("no {tool}")),
        None if capabilities & NEEDED != NEEDED => {
            skipped("a cage needs root with its capabilities");
        }
        None => return true,
    }
    false
}

/// The command that runs a program in a cage.
pub fn caged(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--"]);
    command.args(["sh", "-c", BUILD, "cage"]).arg(program);
    command.env("USER_OF_CAGE", USER);
    command
}

/// What somebody in a cage is told who writes to each of these folders, and on stdout which of them took it.
///
/// # Panics
///
/// Where there is no shell.
pub fn attempts_to_write(folders: &[&str]) -> Output {
    let script = r#"for folder; do true > "$folder/from-a-cage" && echo "$folder"; done; exit 0"#;
    let mut command = caged(Path::new("/bin/sh"));
    let attempts = command.args(["-c", script, "sh"]).args(folders).output();
    attempts.expect("there is a shell")
}

/// What is wrong with the cage of a process: nothing, if it is closed.
pub fn leaks(process: &Process) -> Vec<String> {
    let read = |name| read_to_string(format!("/proc/{}/{name}", process.pid())).unwrap_or_default();
    let (status, mounts) = (read("status"), read("mounts"));
    let mut leaks = Vec::new();
    for (name, expected) in [
        ("Uid:", USER),
        ("Gid:", USER),
        ("Groups:", ""),
        ("CapPrm:", "0000000000000000"),
        ("CapEff:", "0000000000000000"),
        ("CapBnd:", "0000000000000000"),
        ("NoNewPrivs:", "1"),
    ] {
        let found = field(&status, name);
        if found != expected {
            leaks.push(format!("{name} {found}"));
        }
    }
    let root = mounts
        .lines()
        .rfind(|line| line.split(' ').nth(1) == Some("/"));
    let options = root.and_then(|line| line.split(' ').nth(3));
    if !options.is_some_and(|options| options.split(',').any(|option| option == "ro")) {
        leaks.push(format!("the root is not read-only: {root:?}"));
    }
    leaks
}

/// The first word of a line of `/proc/PID/status`.
fn field(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.unwrap_or_default().to_owned()
}
