//! The record of one process's output and end, with a summary that makes conditions cheap to check.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::process::ExitStatus;
use std::time::Instant;

use crate::event::{Coordinator, Diagnostic, Event, Neighbours, Ready, View};
use crate::id::NodeId;

/// The number of events that a failure message shows.
const SHOWN_EVENTS: usize = 25;

/// The number of characters of one event that a failure message shows.
const SHOWN_EVENT_CHARACTERS: usize = 260;

/// The number of bytes of stderr, and of plain stdout, that a failure message shows.
const SHOWN_BYTES: usize = 6 * 1024;

/// The number of bytes of stderr that are kept: more is a fault in itself, and must not fill the test's memory.
const MAX_STDERR_BYTES: usize = 4 * 1024 * 1024;

/// An event and its time of arrival.
#[derive(Clone, Debug)]
pub struct TimedEvent {
    /// When its line had been read.
    pub at: Instant,
    /// The event.
    pub event: Event,
}

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// When the end was noticed.
    pub at: Instant,
    /// The exit status.
    pub status: ExitStatus,
}

/// Everything that one process has printed, and how it ended.
#[derive(Debug, Default)]
pub struct Journal {
    /// The events, in order.
    pub events: Vec<TimedEvent>,
    /// Lines of stdout that are not events of the contract, each with the reason.
    pub malformed: Vec<String>,
    /// The `ready` event and its time of arrival.
    pub ready: Option<(Instant, Ready)>,
    /// The latest view.
    pub view: Option<View>,
    /// The latest neighbours.
    pub neighbours: Option<Neighbours>,
    /// The latest `coordinator` event.
    pub coordinator: Option<Coordinator>,
    /// The number of messages delivered of each author.
    pub delivered: BTreeMap<NodeId, u64>,
    /// The texts of all delivered messages.
    pub texts: HashSet<String>,
    /// Stdout, if it is plain text and not JSON.
    pub stdout: Vec<u8>,
    /// Stderr, up to its limit.
    pub stderr: Vec<u8>,
    /// True if stdout has ended: no further event can come.
    pub stdout_ended: bool,
    /// True if stderr has ended.
    pub stderr_ended: bool,
    /// How the process ended, once it has.
    pub exit: Option<Exit>,
}

impl Journal {
    /// Returns true if the process has ended and all its output was read.
    pub fn has_ended(&self) -> bool {
        self.exit.is_some() && self.stdout_ended && self.stderr_ended
    }

    /// Adds a line of stdout, parsed, and updates the summary.
    pub fn note(&mut self, event: Result<Event, String>, line: &str) {
        match event {
            Ok(event) => self.note_event(event),
            Err(reason) => {
                let line = shortened(line, SHOWN_EVENT_CHARACTERS);
                self.malformed.push(format!("{reason}: {line}"));
            }
        }
    }

    fn note_event(&mut self, event: Event) {
        let at = Instant::now();
        match &event {
            Event::Ready(ready) if self.ready.is_none() => self.ready = Some((at, ready.clone())),
            Event::View(view) => self.view = Some(view.clone()),
            Event::Neighbours(neighbours) => self.neighbours = Some(*neighbours),
            Event::Coordinator(coordinator) => self.coordinator = Some(*coordinator),
            Event::Message(message) => {
                *self.delivered.entry(message.node_id).or_default() += 1;
                self.texts.insert(message.message.clone());
            }
            _ => {}
        }
        self.events.push(TimedEvent { at, event });
    }

    /// Adds bytes of stderr, up to the limit.
    pub fn note_stderr(&mut self, bytes: &[u8]) {
        let room = MAX_STDERR_BYTES.saturating_sub(self.stderr.len());
        self.stderr
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Returns the coordinator that the node has named last.
    pub fn current_coordinator(&self) -> Option<Coordinator> {
        let (_, ready) = self.ready.as_ref()?;
        Some(self.coordinator.unwrap_or(Coordinator {
            node_id: ready.coordinator,
            epoch: ready.epoch,
        }))
    }

    /// Returns the events from number `mark` on.
    pub fn since(&self, mark: usize) -> impl Iterator<Item = &Event> {
        self.events[mark..].iter().map(|timed| &timed.event)
    }

    /// Returns the `error` events from number `mark` on.
    pub fn errors_since(&self, mark: usize) -> impl Iterator<Item = &Diagnostic> {
        self.since(mark).filter_map(|event| match event {
            Event::Error(error) => Some(error),
            _ => None,
        })
    }

    /// Returns stderr as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Returns plain stdout as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Returns the last events and the end of the output, for a failure message.
    pub fn tail(&self) -> String {
        let mut tail = String::new();
        for timed in &self.events[self.events.len().saturating_sub(SHOWN_EVENTS)..] {
            let event = shortened(&format!("{:?}", timed.event), SHOWN_EVENT_CHARACTERS);
            let _ = writeln!(
                tail,
                "  {:>6} ms ago  {event}",
                timed.at.elapsed().as_millis()
            );
        }
        for line in &self.malformed {
            let _ = writeln!(tail, "  malformed: {line}");
        }
        for (what, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let end = &bytes[bytes.len().saturating_sub(SHOWN_BYTES)..];
            for line in String::from_utf8_lossy(end).lines() {
                let _ = writeln!(tail, "  {what}: {}", line.escape_debug());
            }
        }
        tail
    }
}

/// Returns at most `characters` characters of a text.
fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
