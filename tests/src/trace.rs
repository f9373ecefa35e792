//! Runs a program under `strace`: records the files that it opens, and searches its memory when it exits.
//!
//! The traced process is still the test's own child. Not here: the strings to search for, and the files that may be
//! opened (the tests).

use std::fs::{File, read_to_string};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::Pid;

use crate::network::report_skipped;

/// The system calls that create or open a file.
const OPEN_CALLS: &str = "trace=open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,\
                       symlinkat,rename,renameat,renameat2,truncate,memfd_create";

/// Returns true if processes can be traced here; if not, prints the reason in one line.
pub fn can_trace() -> bool {
    let mut probe = Command::new("strace");
    let probe = probe.args(["-D", "-f", "-o", "/dev/null", "true"]);
    match probe.stderr(Stdio::null()).status() {
        Ok(status) if status.success() => true,
        Ok(_) => skip("this machine lets nobody trace"),
        Err(error) => skip(&format!("no strace: {error}")),
    }
}

fn skip(why: &str) -> bool {
    report_skipped(why);
    false
}

/// Returns the command that runs `program` and records in the file `notes` everything that it opens.
pub fn recording_opens(program: &Path, notes: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-qq", "-e", OPEN_CALLS, "-o"]);
    command.arg(notes).arg("--").arg(program);
    command
}

/// Returns the command that runs `program` and delays its exit by this many seconds, when all its own work is done.
pub fn with_delayed_exit(program: &Path, seconds: u32) -> Command {
    let hold = format!("inject=exit_group:delay_enter={}", seconds * 1_000_000);
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-qq", "-e", "trace=exit_group", "-e", &hold]);
    command.args(["-o", "/dev/null", "--"]).arg(program);
    command
}

/// Returns the recorded calls that created a file or opened one for writing, terminals and `/dev/null` excepted.
pub fn write_calls(notes: &Path) -> Vec<String> {
    let text = read_to_string(notes).unwrap_or_default();
    let writes = |line: &&str| {
        let opens = line.contains("open(") || line.contains("openat");
        let flags = [
            "O_WRONLY",
            "O_RDWR",
            "O_CREAT",
            "O_APPEND",
            "O_TRUNC",
            "O_TMPFILE",
        ];
        let harmless = ["\"/dev/tty\"", "\"/dev/pts/", "\"/dev/null\""];
        let for_writing = !opens || flags.iter().any(|flag| line.contains(flag));
        let call = line.contains('(') && !line.contains("exited") && !line.contains("+++");
        call && for_writing && !harmless.iter().any(|path| line.contains(path))
    };
    text.lines().filter(writes).map(str::to_owned).collect()
}

/// Counts how often `wanted` occurs in the writable memory of a process; `None` if the process is gone.
pub fn count_in_memory(pid: Pid, wanted: &[u8]) -> Option<usize> {
    let maps = read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut found = 0;
    for region in maps.lines().filter_map(writable) {
        let mut bytes = vec![0; region.1 - region.0];
        let start = memory.seek(SeekFrom::Start(region.0 as u64));
        // Some regions cannot be read, such as pages of the kernel's that it has never touched.
        if start.is_ok() && memory.read_exact(&mut bytes).is_ok() {
            found += count(&bytes, wanted);
        }
    }
    Some(found)
}

fn writable(line: &str) -> Option<(usize, usize)> {
    let (range, rest) = line.split_once(' ')?;
    let (from, to) = range.split_once('-')?;
    let from = usize::from_str_radix(from, 16).ok()?;
    let to = usize::from_str_radix(to, 16).ok()?;
    rest.starts_with("rw").then_some((from, to))
}

fn count(bytes: &[u8], wanted: &[u8]) -> usize {
    let windows = bytes.windows(wanted.len());
    windows.filter(|window| *window == wanted).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_counted_in_own_memory() {
        let canary = b"a canary that sings in this test".to_vec();
        assert!(count_in_memory(Pid::this(), &canary).unwrap() >= 1);
    }

    #[test]
    fn only_calls_that_write_are_returned() {
        let notes = std::env::temp_dir().join(format!("ringtalk-trace-{}", Pid::this()));
        let text = "1 openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY|O_CLOEXEC) = 3\n\
                    1 openat(AT_FDCWD, \"/dev/tty\", O_RDWR) = 4\n\
                    1 +++ exited with 0 +++\n\
                    1 openat(AT_FDCWD, \"/tmp/x\", O_WRONLY|O_CREAT, 0666) = 5\n\
                    1 mkdir(\"/tmp/y\", 0777) = 0\n";
        std::fs::write(&notes, text).unwrap();
        let written = write_calls(&notes);
        std::fs::remove_file(&notes).unwrap();
        assert_eq!(written.len(), 2, "{written:?}");
    }
}
