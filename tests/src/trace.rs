//! `strace` around a node: what it opens, and its memory at the moment when it ends.
//!
//! The traced process is still our own child. Not here: what is looked for.

use std::fs::{File, read_to_string};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::Pid;

use crate::network::skipped;

/// All ways to make a file or to open one.
const OPENING: &str = "trace=open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,\
                       symlinkat,rename,renameat,renameat2,truncate,memfd_create";

/// Whether processes can be traced here; says so in one line where not.
pub fn can_trace() -> bool {
    let mut probe = Command::new("strace");
    let probe = probe.args(["-D", "-f", "-o", "/dev/null", "true"]);
    match probe.stderr(Stdio::null()).status() {
        Ok(status) if status.success() => true,
        Ok(_) => no("this machine lets nobody trace"),
        Err(error) => no(&format!("no strace: {error}")),
    }
}

fn no(why: &str) -> bool {
    skipped(why);
    false
}

/// The command that runs a program and notes in a file whatever it opens.
pub fn noting_what_is_opened(program: &Path, notes: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-qq", "-e", OPENING, "-o"]);
    command.arg(notes).arg("--").arg(program);
    command
}

/// The command that runs a program and holds it for so many seconds at the very end, when it has done
/// everything that it ever will.
pub fn held_at_the_end(program: &Path, seconds: u32) -> Command {
    let hold = format!("inject=exit_group:delay_enter={}", seconds * 1_000_000);
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-qq", "-e", "trace=exit_group", "-e", &hold]);
    command.args(["-o", "/dev/null", "--"]).arg(program);
    command
}

/// The lines of notes that tell of something opened for writing, or made, on a file system: neither
/// terminals nor what is no file.
pub fn written_files(notes: &Path) -> Vec<String> {
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

/// Where in a process's writable memory some bytes stand; nothing where the process is gone.
pub fn in_memory(pid: Pid, wanted: &[u8]) -> Option<usize> {
    let maps = read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut found = 0;
    for region in maps.lines().filter_map(writable) {
        let mut bytes = vec![0; region.1 - region.0];
        let start = memory.seek(SeekFrom::Start(region.0 as u64));
        // Some pages cannot be read, such as those that were never touched by the kernel's own.
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
    fn own_memory_has_what_is_in_it() {
        let canary = b"a canary that sings in this test".to_vec();
        assert!(in_memory(Pid::this(), &canary).unwrap() >= 1);
    }

    #[test]
    fn only_what_writes_counts() {
        let notes = std::env::temp_dir().join(format!("ringtalk-trace-{}", Pid::this()));
        let text = "1 openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY|O_CLOEXEC) = 3\n\
                    1 openat(AT_FDCWD, \"/dev/tty\", O_RDWR) = 4\n\
                    1 +++ exited with 0 +++\n\
                    1 openat(AT_FDCWD, \"/tmp/x\", O_WRONLY|O_CREAT, 0666) = 5\n\
                    1 mkdir(\"/tmp/y\", 0777) = 0\n";
        std::fs::write(&notes, text).unwrap();
        let written = written_files(&notes);
        std::fs::remove_file(&notes).unwrap();
        assert_eq!(written.len(), 2, "{written:?}");
    }
}
