//! A node: starts it, types into it, and reads its events.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::checker::{End, Record};
use crate::event::{Event, Ready};
use crate::id::{MessageId, NodeId};
use crate::journal::Journal;
use crate::network::{Host, Proxy};
use crate::process::{Process, StdoutFormat, binary};
use crate::wait::Witness;

/// The time limit for a node to join, in tests that do not measure it.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The command line of a node that is not started yet.
#[derive(Debug)]
pub struct Launch {
    label: String,
    command: Command,
    output: StdoutFormat,
}

/// A running node.
#[derive(Debug)]
pub struct TestNode {
    process: Process,
    typed: Mutex<Vec<String>>,
    killed: AtomicBool,
}

impl Launch {
    /// Returns a node called `name` that listens on a free loopback port and prints events.
    #[track_caller]
    pub fn new(name: &str) -> Self {
        Self::bare(name).arguments(&["--name", name]).arguments(&[
            "--listen",
            "127.0.0.1:0",
            "--json",
        ])
    }

    /// Returns a node called `name` that runs and listens on `host`, and prints events.
    #[track_caller]
    pub fn on(host: &Host, name: &str) -> Self {
        let launch = Self {
            label: name.to_owned(),
            command: host.command(binary("node")),
            output: StdoutFormat::Json,
        };
        launch.arguments(&["--name", name, "--listen", "0.0.0.0:0", "--json"])
    }

    /// Returns a node called `name` that is reached only through `proxy`, and prints events.
    #[track_caller]
    pub fn behind(proxy: &Proxy, name: &str) -> Self {
        Self::bare(name)
            .arguments(&["--name", name, "--json"])
            .arguments(&["--listen", &proxy.target()])
            .arguments(&["--public-address", &proxy.address()])
    }

    /// Returns a node like [`Launch::new`] that prints text for people.
    #[track_caller]
    pub fn plain(name: &str) -> Self {
        let mut launch = Self::bare(name)
            .arguments(&["--name", name])
            .arguments(&["--listen", "127.0.0.1:0"]);
        launch.output = StdoutFormat::Text;
        launch
    }

    /// Returns a node like [`Launch::new`] that another program, such as a tracer, runs.
    #[track_caller]
    pub fn through(name: &str, command: Command) -> Self {
        let launch = Self {
            label: name.to_owned(),
            command,
            output: StdoutFormat::Json,
        };
        launch.arguments(&["--name", name, "--listen", "127.0.0.1:0", "--json"])
    }

    /// Returns the program without arguments; `label` is its name in failure messages.
    #[track_caller]
    pub fn bare(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            command: Command::new(binary("node")),
            output: StdoutFormat::Json,
        }
    }

    /// Adds `--join` with an invite or the endpoint of a director.
    #[must_use]
    pub fn join(self, target: &str) -> Self {
        self.arguments(&["--join", target])
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Keeps stdout as text.
    #[must_use]
    pub fn with_text_output(mut self) -> Self {
        self.output = StdoutFormat::Text;
        self
    }

    /// Reads this many of its events a second.
    #[must_use]
    pub fn with_reader_pace(mut self, a_second: u32) -> Self {
        self.output = StdoutFormat::PacedJson(a_second);
        self
    }

    /// Starts the node.
    #[track_caller]
    pub fn start(mut self) -> TestNode {
        TestNode {
            process: Process::start(&self.label, &mut self.command, self.output),
            typed: Mutex::new(Vec::new()),
            killed: AtomicBool::new(false),
        }
    }
}

impl TestNode {
    /// Returns its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Returns what it has printed so far.
    pub fn journal(&self) -> std::sync::MutexGuard<'_, Journal> {
        self.process.journal()
    }

    /// Returns how many events it has printed so far.
    pub fn mark(&self) -> usize {
        self.process.mark()
    }

    /// Types a message.
    pub fn say(&self, text: &str) {
        self.paste(&[text.to_owned()]);
    }

    /// Types several messages at once.
    pub fn paste(&self, texts: &[String]) {
        let mut typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: String = texts.iter().map(|text| encode_line(text)).collect();
        typed.extend(texts.iter().cloned());
        self.process.write(lines);
    }

    /// Types a command, such as `/who`.
    pub fn command(&self, command: &str) {
        self.process.write(format!("{command}\n"));
    }

    /// Writes bytes that must not become a message.
    pub fn write_raw(&self, bytes: &[u8]) {
        self.process.write(bytes);
    }

    /// Returns how many messages were typed.
    pub fn typed_count(&self) -> u64 {
        self.typed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len() as u64
    }

    /// Waits for a condition on what it has printed, or on its end.
    #[track_caller]
    pub fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        condition: impl FnMut(&Journal) -> Option<T>,
    ) -> T {
        self.process.wait_for(what, within, condition)
    }

    /// Waits for an event from number `mark` on.
    #[track_caller]
    pub fn wait_for_event<T>(
        &self,
        what: &str,
        mark: usize,
        within: Duration,
        mut pick: impl FnMut(&Event) -> Option<T>,
    ) -> T {
        self.wait_for(what, within, |journal| {
            journal.since(mark).find_map(&mut pick)
        })
    }

    /// Waits for `ready`.
    #[track_caller]
    pub fn await_ready(&self, within: Duration) -> Ready {
        self.wait_for("is ready", within, |journal| {
            journal.ready.as_ref().map(|(_, ready)| ready.clone())
        })
    }

    /// Returns the time from its start to `ready`.
    ///
    /// # Panics
    ///
    /// If it is not ready in time.
    #[track_caller]
    pub fn time_to_ready(&self) -> Duration {
        self.await_ready(JOIN_TIMEOUT);
        let (at, _) = self.journal().ready.clone().expect("just awaited");
        at.duration_since(self.process.started())
    }

    /// Waits for `ready`, and returns its id.
    #[track_caller]
    pub fn id(&self) -> NodeId {
        self.await_ready(JOIN_TIMEOUT).node_id
    }

    /// Waits for `ready`, and returns the address that others dial.
    #[track_caller]
    pub fn address(&self) -> String {
        self.await_ready(JOIN_TIMEOUT).address
    }

    /// Waits until it delivers `text`.
    #[track_caller]
    pub fn await_delivery(&self, text: &str, within: Duration) {
        let what = format!("delivers {:?}", text.chars().take(60).collect::<String>());
        self.wait_for(&what, within, |journal| {
            journal.texts.contains(text).then_some(())
        });
    }

    /// Waits for an error with this code from event number `mark` on, and returns its text.
    #[track_caller]
    pub fn await_error(&self, code: &str, mark: usize, within: Duration) -> String {
        let what = format!("is told of the error {code}");
        self.wait_for_event(&what, mark, within, |event| match event {
            Event::Error(error) if error.code == code => Some(error.message.clone()),
            _ => None,
        })
    }

    /// Waits for a notice with this code from event number `mark` on, and returns its text.
    #[track_caller]
    pub fn await_notice(&self, code: &str, mark: usize, within: Duration) -> String {
        let what = format!("is told {code}");
        self.wait_for_event(&what, mark, within, |event| match event {
            Event::Notice(notice) if notice.code == code => Some(notice.message.clone()),
            _ => None,
        })
    }

    /// Asks it for its invite, and returns that.
    #[track_caller]
    pub fn ask_invite(&self, within: Duration) -> String {
        let mark = self.mark();
        self.command("/invite");
        self.wait_for_event("shows an invite", mark, within, |event| match event {
            Event::Invite(invite) => Some(invite.clone()),
            _ => None,
        })
    }

    /// Kills it without warning.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        self.process.signal(Signal::SIGKILL);
    }

    /// Stops it, as a laptop that is suspended.
    pub fn freeze(&self) {
        self.process.signal(Signal::SIGSTOP);
    }

    /// Resumes it after [`TestNode::freeze`].
    pub fn thaw(&self) {
        self.process.signal(Signal::SIGCONT);
    }

    /// Makes it leave by `/quit`.
    pub fn quit(&self) {
        self.command("/quit");
    }

    /// Waits for its exit, and returns its exit code, or the negated signal.
    #[track_caller]
    pub fn exit_code(&self, within: Duration) -> i32 {
        self.process.exit_code(within)
    }

    /// Returns true unless it was killed or has exited; a frozen node counts as running.
    pub fn is_running(&self) -> bool {
        !self.killed.load(Ordering::Relaxed) && self.process.is_running()
    }

    /// Returns true if all its messages must arrive: it is running, or left properly.
    pub fn must_deliver(&self) -> bool {
        !self.killed.load(Ordering::Relaxed)
    }

    /// Returns its latest answer to `/transcript`.
    ///
    /// # Panics
    ///
    /// If it has not answered.
    #[track_caller]
    pub fn last_transcript(&self) -> Vec<MessageId> {
        let journal = self.journal();
        let answers = journal.since(0).filter_map(|event| match event {
            Event::Transcript(transcript) => Some(transcript.ids.clone()),
            _ => None,
        });
        answers.last().expect("it has answered `/transcript`")
    }

    /// Returns its record, for the checker.
    pub fn record(&self) -> Record {
        let journal = self.journal();
        Record {
            label: self.process.label().to_owned(),
            id: journal.ready.as_ref().map(|(_, ready)| ready.node_id),
            typed: self
                .typed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            events: journal.events.clone(),
            malformed: journal.malformed.clone(),
            end: self.end(&journal),
        }
    }

    fn end(&self, journal: &Journal) -> End {
        if self.killed.load(Ordering::Relaxed) {
            End::Killed
        } else if journal.exit.is_some() {
            End::Left
        } else {
            End::Live
        }
    }
}

impl Witness for TestNode {
    fn describe(&self) -> String {
        self.process.describe()
    }
}

/// Returns a text as it is typed: a leading slash is doubled, or it would be a command.
fn encode_line(text: &str) -> String {
    let escape = if text.starts_with('/') { "/" } else { "" };
    format!("{escape}{text}\n")
}
