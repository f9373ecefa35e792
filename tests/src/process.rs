//! One child process: its pipes, signals and exit.
//!
//! One thread reads each of its outputs, one writes its stdin (so that a stopped process never blocks the test),
//! and one waits for its exit. Dropping a process kills it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::event::Event;
use crate::journal::{Exit, Journal};
use crate::wait::{self, Witness};

/// The format of a process's stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StdoutFormat {
    /// One event per line.
    Json,
    /// The same, read at this many events a second.
    PacedJson(u32),
    /// Text for people, kept as it is.
    Text,
}

/// A folder that cannot exist.
const NOWHERE: &str = "/dev/null/nowhere";

/// A child process.
#[derive(Debug)]
pub struct Process {
    label: String,
    pid: Pid,
    started: Instant,
    journal: Arc<Mutex<Journal>>,
    input: Mutex<Option<Sender<Vec<u8>>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` with all three standard streams piped.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[track_caller]
    pub fn start(label: &str, command: &mut Command, output: StdoutFormat) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        clear_own_settings(command);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let journal = Arc::new(Mutex::new(Journal::default()));
        let (input, lines) = channel();
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid is small"));
        let threads = vec![
            std::thread::spawn(move || write_all(stdin, &lines)),
            std::thread::spawn(reader(stdout, output, Arc::clone(&journal))),
            std::thread::spawn(error_reader(stderr, Arc::clone(&journal))),
            std::thread::spawn(reaper(child, pid, Arc::clone(&journal))),
        ];
        Self {
            label: label.to_owned(),
            pid,
            started,
            journal,
            input: Mutex::new(Some(input)),
            threads,
        }
    }

    /// Returns its name in failure messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns when it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Returns what it has printed so far.
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.journal)
    }

    /// Returns how many events it has printed so far: the mark from which later events are searched.
    pub fn mark(&self) -> usize {
        self.journal().events.len()
    }

    /// Writes to its stdin, in the background. Does nothing once stdin is closed.
    pub fn write(&self, bytes: impl Into<Vec<u8>>) {
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(input) = input.as_ref() {
            let _ = input.send(bytes.into());
        }
    }

    /// Closes its stdin, once everything is written.
    pub fn close_stdin(&self) {
        self.input
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Sends a signal, unless the process has ended.
    pub fn signal(&self, signal: Signal) {
        // The reaper waits for the child, which frees its process id, under the same lock.
        let journal = self.journal();
        if journal.exit.is_none() {
            let _ = kill(self.pid, signal);
        }
    }

    /// Returns true if the process is running, even if it is stopped.
    pub fn is_running(&self) -> bool {
        self.journal().exit.is_none()
    }

    /// Waits for a condition on what this process has printed, or on its end.
    #[track_caller]
    pub fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        mut condition: impl FnMut(&Journal) -> Option<T>,
    ) -> T {
        let what = format!("{}: {what}", self.label);
        wait::until(&what, within, &[self], || {
            condition(&self.journal()).ok_or("not yet")
        })
    }

    /// Waits until its stdout, if that is plain text, contains `text`.
    #[track_caller]
    pub fn await_stdout(&self, text: &str, within: Duration) {
        self.wait_for(&format!("shows {text:?}"), within, |journal| {
            journal.stdout_text().contains(text).then_some(())
        });
    }

    /// Waits for its exit and the end of its output, and returns its exit code, or the negated signal.
    #[track_caller]
    pub fn exit_code(&self, within: Duration) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        self.wait_for("exits", within, |journal| {
            let status = journal.exit.filter(|_| journal.has_ended())?.status;
            status.code().or(status.signal().map(|signal| -signal))
        })
    }
}

impl Witness for Process {
    fn describe(&self) -> String {
        let journal = self.journal();
        let state = match journal.exit {
            Some(exit) => format!(
                "ended {} ms ago: {}",
                exit.at.elapsed().as_millis(),
                exit.status
            ),
            None => "running".to_owned(),
        };
        format!(
            "--- {} (pid {}, {state})\n{}",
            self.label,
            self.pid,
            journal.tail()
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.describe());
        }
        self.close_stdin();
        self.signal(Signal::SIGKILL);
        self.signal(Signal::SIGCONT);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Returns the path of the binary called `name`: in `RINGTALK_BIN_DIR`, or else in the workspace's
/// `target/release`.
///
/// # Panics
///
/// If it is not there.
#[track_caller]
pub fn binary(name: &str) -> PathBuf {
    let directory = std::env::var_os("RINGTALK_BIN_DIR").unwrap_or_else(|| "target/release".into());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = workspace.join(directory).join(name);
    assert!(
        path.is_file(),
        "no {}: `cargo build --release` makes it, and RINGTALK_BIN_DIR says where else it is",
        path.display()
    );
    path
}

/// Hides the developer's own settings from a command; `RINGTALK_LOG` is passed on, so diagnostics can be asked for.
pub(crate) fn clear_own_settings(command: &mut Command) {
    let settings = "XDG_CONFIG_HOME";
    if !command.get_envs().any(|(set, _)| set == settings) {
        command.env(settings, NOWHERE);
    }
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_string_lossy().starts_with("RINGTALK_") && name != "RINGTALK_LOG";
        if is_ours && !command.get_envs().any(|(set, _)| set == name) {
            command.env_remove(name);
        }
    }
}

fn lock(journal: &Mutex<Journal>) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_all(stdin: Option<ChildStdin>, lines: &Receiver<Vec<u8>>) {
    let Some(mut stdin) = stdin else { return };
    while let Ok(line) = lines.recv() {
        if stdin.write_all(&line).is_err() {
            return;
        }
    }
}

fn reader(
    stdout: Option<ChildStdout>,
    output: StdoutFormat,
    journal: Arc<Mutex<Journal>>,
) -> impl FnOnce() + Send {
    move || {
        if let Some(stdout) = stdout {
            match output {
                StdoutFormat::Json => read_events(stdout, &journal, || {}),
                StdoutFormat::PacedJson(a_second) => read_events(stdout, &journal, pacer(a_second)),
                StdoutFormat::Text => read_chunks(stdout, |bytes| {
                    lock(&journal).stdout.extend_from_slice(bytes);
                }),
            }
        }
        lock(&journal).stdout_ended = true;
        wait::notify();
    }
}

/// Returns a function that sleeps so that it is called at most `a_second` times a second.
fn pacer(a_second: u32) -> impl FnMut() {
    let mut next = Instant::now();
    move || {
        next = next.max(Instant::now()) + Duration::from_secs(1) / a_second;
        let early = next.saturating_duration_since(Instant::now());
        if early > Duration::from_millis(5) {
            wait::sleep("only the passing of time makes a reader slow", early);
        }
    }
}

fn read_events(stdout: ChildStdout, journal: &Mutex<Journal>, mut wait: impl FnMut()) {
    let mut lines = BufReader::new(stdout);
    let mut line = Vec::new();
    // A line without a newline was cut off when its writer was killed.
    while lines.read_until(b'\n', &mut line).is_ok() && line.ends_with(b"\n") {
        let text = String::from_utf8_lossy(&line);
        let event = Event::parse(&text);
        lock(journal).note(event, &text);
        wait::notify();
        line.clear();
        wait();
    }
}

fn error_reader(
    stderr: Option<std::process::ChildStderr>,
    journal: Arc<Mutex<Journal>>,
) -> impl FnOnce() + Send {
    move || {
        if let Some(stderr) = stderr {
            read_chunks(stderr, |bytes| lock(&journal).note_stderr(bytes));
        }
        lock(&journal).stderr_ended = true;
        wait::notify();
    }
}

fn read_chunks(mut from: impl Read, mut note: impl FnMut(&[u8])) {
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        note(&buffer[..length]);
        wait::notify();
    }
}

/// Records the exit of `child`. Its process id stays taken until the journal says that it has ended, so no signal
/// can reach another process.
fn reaper(mut child: Child, pid: Pid, journal: Arc<Mutex<Journal>>) -> impl FnOnce() + Send {
    move || {
        let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        let mut journal = lock(&journal);
        if let Ok(status) = child.wait() {
            journal.exit = Some(Exit {
                at: Instant::now(),
                status,
            });
        }
        drop(journal);
        wait::notify();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn shell(script: &str, output: StdoutFormat) -> Process {
        Process::start("shell", Command::new("sh").args(["-c", script]), output)
    }

    #[test]
    fn events_bad_lines_and_the_exit_code_are_noted() {
        let script = r#"echo '{"event":"error","code":"a","message":"b"}'; echo nonsense; printf cut; exit 7"#;
        let process = shell(script, StdoutFormat::Json);
        assert_eq!(process.exit_code(TIMEOUT), 7);
        let journal = process.journal();
        assert_eq!(journal.errors_since(0).count(), 1);
        assert_eq!(journal.malformed.len(), 1, "{:?}", journal.malformed);
    }

    #[test]
    fn stdin_reaches_a_process_and_ends_when_closed() {
        let process = shell("cat; echo over >&2", StdoutFormat::Text);
        process.write("hello\n");
        process.close_stdin();
        assert_eq!(process.exit_code(TIMEOUT), 0);
        assert_eq!(process.journal().stdout_text(), "hello\n");
        assert_eq!(process.journal().stderr_text(), "over\n");
    }

    #[test]
    fn a_stopped_process_blocks_neither_its_writer_nor_its_drop() {
        let process = shell("exec cat", StdoutFormat::Text);
        process.signal(Signal::SIGSTOP);
        process.write("x".repeat(1024 * 1024));
        assert!(process.is_running());
    }

    #[test]
    fn a_signal_is_a_negative_exit_code() {
        let process = shell("exec cat", StdoutFormat::Text);
        process.signal(Signal::SIGKILL);
        assert_eq!(process.exit_code(TIMEOUT), -9);
        process.signal(Signal::SIGTERM);
    }
}
