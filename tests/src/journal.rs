//! What one process has said and done so far, with a summary that conditions can read at no cost.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::process::ExitStatus;
use std::time::Instant;

use crate::event::{Event, Neighbours, Ready, Reign, Trouble, View};
use crate::id::NodeId;

/// How many events a failure shows.
const SHOWN_EVENTS: usize = 25;

/// How much of one event a failure shows.
const SHOWN_EVENT_CHARACTERS: usize = 260;

/// How much of stderr and of a plain stdout a failure shows.
const SHOWN_BYTES: usize = 6 * 1024;

/// How much of stderr is kept: more is a fault of its own, and must not fill our memory.
const KEPT_STDERR: usize = 4 * 1024 * 1024;

/// An event and when it arrived here.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When the line had been read.
    pub at: Instant,
    /// What it said.
    pub event: Event,
}

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// When it was noticed.
    pub at: Instant,
    /// With which status.
    pub status: ExitStatus,
}

/// Everything one process said and did.
#[derive(Debug, Default)]
pub struct Journal {
    /// The events, in order.
    pub seen: Vec<Seen>,
    /// Lines of stdout that are no event of the contract, and why.
    pub malformed: Vec<String>,
    /// The `ready` event and when it came.
    pub ready: Option<(Instant, Ready)>,
    /// The view in force.
    pub view: Option<View>,
    /// The neighbours now.
    pub neighbours: Option<Neighbours>,
    /// The coordinator now.
    pub coordinator: Option<Reign>,
    /// How many messages of each author were delivered.
    pub delivered: BTreeMap<NodeId, u64>,
    /// Every text delivered.
    pub texts: HashSet<String>,
    /// Plain stdout, where that is no JSON.
    pub stdout: Vec<u8>,
    /// All of stderr.
    pub stderr: Vec<u8>,
    /// Whether stdout has ended, so that no event can come any more.
    pub stdout_ended: bool,
    /// Stderr has ended, so nothing more will come from it either.
    pub stderr_ended: bool,
    /// How the process ended, once it has.
    pub exit: Option<Exit>,
}

impl Journal {
    /// The process has ended, and everything that it said is here.
    pub fn has_ended(&self) -> bool {
        self.exit.is_some() && self.stdout_ended && self.stderr_ended
    }

    /// Takes in a line of stdout and what it was read as, and brings the summary up to date.
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
            Event::Coordinator(reign) => self.coordinator = Some(*reign),
            Event::Message(message) => {
                *self.delivered.entry(message.node_id).or_default() += 1;
                self.texts.insert(message.message.clone());
            }
            _ => {}
        }
        self.seen.push(Seen { at, event });
    }

    /// Takes in bytes of stderr.
    pub fn note_stderr(&mut self, bytes: &[u8]) {
        let room = KEPT_STDERR.saturating_sub(self.stderr.len());
        self.stderr
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Who coordinates, by the latest of what the node said of it.
    pub fn reign(&self) -> Option<Reign> {
        let (_, ready) = self.ready.as_ref()?;
        Some(self.coordinator.unwrap_or(Reign {
            node_id: ready.coordinator,
            epoch: ready.epoch,
        }))
    }

    /// The events from the `mark`-th on.
    pub fn since(&self, mark: usize) -> impl Iterator<Item = &Event> {
        self.seen[mark..].iter().map(|seen| &seen.event)
    }

    /// The errors from the `mark`-th event on.
    pub fn errors_since(&self, mark: usize) -> impl Iterator<Item = &Trouble> {
        self.since(mark).filter_map(|event| match event {
            Event::Error(trouble) => Some(trouble),
            _ => None,
        })
    }

    /// Stderr as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Plain stdout as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The end of everything, for a failure message.
    pub fn tail(&self) -> String {
        let mut tail = String::new();
        for seen in &self.seen[self.seen.len().saturating_sub(SHOWN_EVENTS)..] {
            let event = shortened(&format!("{:?}", seen.event), SHOWN_EVENT_CHARACTERS);
            let _ = writeln!(
                tail,
                "  {:>6} ms ago  {event}",
                seen.at.elapsed().as_millis()
            );
        }
        for line in &self.malformed {
            let _ = writeln!(tail, "  malformed: {line}");
        }
        for (what, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let shown = &bytes[bytes.len().saturating_sub(SHOWN_BYTES)..];
            for line in String::from_utf8_lossy(shown).lines() {
                let _ = writeln!(tail, "  {what}: {}", line.escape_debug());
            }
        }
        tail
    }
}

/// At most `characters` of a text.
fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
