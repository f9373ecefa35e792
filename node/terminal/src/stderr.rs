//! Output on stderr: log lines, and the last words of a node that cannot go on.
//!
//! A separate thread writes it. If nobody reads stderr, log lines are lost, and nothing is held up. Message texts and
//! names never appear here, at any level. Text from others, in an answer or an address, is made harmless. Not here:
//! output about the discussion (`face`).

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use ringtalk_session::text::{escape_line, escape_multiline};

/// The part of the log that a person reads who did not ask for any: the warnings of this program.
const FOR_PEOPLE: &str = "ringtalk=warn";
/// The maximum number of lines that may wait.
const MAX_LINES: usize = 1_024;

/// A sender of lines to the thread that writes to stderr.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    program: &'static str,
    jobs: SyncSender<Job>,
}

#[derive(Debug)]
enum Job {
    Text(Vec<u8>),
    Hold,
    Release,
    Flush(SyncSender<()>),
}

impl Diagnostics {
    /// Starts the thread, for a program that logs nothing.
    pub fn without_log(program: &'static str) -> io::Result<Self> {
        let (jobs, received) = mpsc::sync_channel(MAX_LINES);
        thread::Builder::new()
            .name("stderr".to_owned())
            .spawn(move || run_jobs(&received))?;
        Ok(Self { program, jobs })
    }

    /// Starts the thread, and sends it every log line that passes the filter.
    pub fn start(program: &'static str, filter: EnvFilter) -> io::Result<Self> {
        let diagnostics = Self::without_log(program)?;
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(diagnostics.clone())
            .init();
        Ok(diagnostics)
    }

    /// Starts the thread for a person who did not ask for a log: it gets this program's own warnings, as sentences.
    pub fn start_for_people(program: &'static str) -> io::Result<Self> {
        let diagnostics = Self::without_log(program)?;
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(FOR_PEOPLE))
            .with_ansi(false)
            .without_time()
            .with_level(false)
            .with_target(false)
            .with_writer(Sentences(diagnostics.clone()))
            .init();
        Ok(diagnostics)
    }

    /// Holds lines back until [`Self::release`], because another part of the program has the terminal. Does nothing if
    /// stderr is not a terminal.
    pub fn hold(&self) {
        if io::stderr().is_terminal() {
            let _ = self.jobs.try_send(Job::Hold);
        }
    }

    /// Writes the lines that were held back, and stops holding. If there were too many, the oldest are lost.
    pub fn release(&self) {
        let _ = self.jobs.send(Job::Release);
    }

    /// Writes a message to the person who started the program.
    pub fn say(&self, text: &str) {
        self.write(&format!("{}: {}\n", self.program, escape_multiline(text)));
    }

    /// Writes a text unchanged.
    pub fn write(&self, text: &str) {
        self.send(text.as_bytes().to_vec());
    }

    /// Waits until everything is written, within a time limit.
    pub fn flush(&self, limit: Duration) {
        let (flushed, done) = mpsc::sync_channel(1);
        if self.jobs.try_send(Job::Flush(flushed)).is_ok() {
            let _: Result<(), RecvTimeoutError> = done.recv_timeout(limit);
        }
    }

    fn send(&self, text: Vec<u8>) {
        match self.jobs.try_send(Job::Text(text)) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

impl MakeWriter<'_> for Diagnostics {
    type Writer = LogEntry;

    fn make_writer(&self) -> LogEntry {
        LogEntry {
            diagnostics: self.clone(),
            is_sentence: false,
        }
    }
}

/// A writer of log entries that are sentences.
#[derive(Clone, Debug)]
struct Sentences(Diagnostics);

impl MakeWriter<'_> for Sentences {
    type Writer = LogEntry;

    fn make_writer(&self) -> LogEntry {
        LogEntry {
            diagnostics: self.0.clone(),
            is_sentence: true,
        }
    }
}

/// A log entry. The logger writes each entry as a whole.
#[derive(Debug)]
pub struct LogEntry {
    diagnostics: Diagnostics,
    /// True if a person reads it, as any other message of the program.
    is_sentence: bool,
}

impl Write for LogEntry {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = escape_line(text.trim_end_matches('\n'));
        if self.is_sentence {
            self.diagnostics.say(line.trim_start());
        } else {
            self.diagnostics.send((line + "\n").into_bytes());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run_jobs(jobs: &mpsc::Receiver<Job>) {
    let mut stderr = io::stderr();
    let mut held: Option<VecDeque<Vec<u8>>> = None;
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Text(text) => match &mut held {
                Some(held) => {
                    held.push_back(text);
                    held.drain(..held.len().saturating_sub(MAX_LINES));
                }
                None => {
                    let _ = stderr.write_all(&text);
                }
            },
            Job::Hold => held = Some(held.take().unwrap_or_default()),
            Job::Release => {
                for text in held.take().into_iter().flatten() {
                    let _ = stderr.write_all(&text);
                }
            }
            Job::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_others_is_escaped() {
        let (jobs, received) = mpsc::sync_channel(2);
        let diagnostics = Diagnostics {
            jobs,
            program: "node",
        };
        diagnostics.say("the director said:\n\u{1b}[2J");
        let entry = "peer=\u{202e}evil\nnode: fine\n";
        diagnostics
            .make_writer()
            .write_all(entry.as_bytes())
            .unwrap();
        let written: Vec<String> = received
            .try_iter()
            .map(|job| match job {
                Job::Text(text) => String::from_utf8(text).unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            written,
            [
                "node: the director said:\n\u{241b}[2J\n",
                "peer=\\u{202e}evil\u{240a}node: fine\n"
            ]
        );
    }
}
