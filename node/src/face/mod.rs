//! Faces: what the user sees of the discussion, on the full screen, as plain text, as JSON, or not at all.
//!
//! A face is a pure thing: events in, bytes out. It never touches protocol state. The full screen is
//! drawn by a thread of its own, which is handed the same events. Not here: who writes the bytes
//! (`stdout`), and what the user types (`stdin`).

mod harmless;
mod joining;
mod json;
mod known;
mod lines;
mod losses;
mod naming;
mod remarks;
mod report;
pub(crate) mod screen;
mod timestamp;

use std::future::pending;
use std::time::Instant;

use ringtalk_proto::Event;
use ringtalk_wire::{Epoch, MessageId};
use time::UtcOffset;

pub use harmless::{HarmlessJson, harmless, harmless_lines};
pub(crate) use joining::{Joining, Progress};
pub(crate) use known::Me;
pub(crate) use report::Reporter;

use crate::embedded::Ear;
use crate::settings::Show;
use known::Known;
use lines::Lines;
use losses::Losses;
use screen::{Feed, Shown};

/// What the driver itself has to tell, beside the core's events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// Who is here.
    Who,
    /// How the ring goes round.
    Ring,
    /// What others type to get in.
    Invite,
    /// What can be typed.
    Help,
    /// The ids of all messages kept, in transcript order.
    Transcript(Vec<MessageId>),
    /// Several members were lost at once: the network may be cut in two.
    Split {
        /// How many members are left here.
        members: usize,
        /// The epoch here.
        epoch: Epoch,
    },
    /// Something is wrong that the user should know; the node goes on.
    Error {
        /// For programs.
        code: &'static str,
        /// For people: what happened, and what to do.
        message: String,
    },
    /// Something that the user may like to know.
    Notice {
        /// For programs.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// What is on the screen is not to be there any more.
    Clear,
    /// This discussion is open to everybody.
    Open {
        /// For people: to whom.
        message: String,
    },
    /// The last word.
    Goodbye {
        /// Why.
        reason: Goodbye,
    },
}

/// Why a node says goodbye.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Goodbye {
    /// The user typed `/quit`.
    Quit,
    /// A signal asked for it.
    Signal,
    /// Stdin ended.
    EndOfInput,
    /// Nobody could be reached in time.
    Unreachable,
    /// The way in was refused.
    Refused,
    /// Something failed.
    Failure,
}

impl Goodbye {
    /// For programs.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Signal => "signal",
            Self::EndOfInput => "end-of-input",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Failure => "failure",
        }
    }
}

/// A face, and what it has to say.
#[derive(Debug)]
pub(crate) struct Face {
    known: Known,
    losses: Losses,
    style: Style,
    reporter: Option<Reporter>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
enum Style {
    Lines(Lines),
    Json,
    Nothing,
    Program(Ear),
    Screen(Feed),
}

impl Face {
    /// A face that has shown nothing yet; `offset` is the local time's.
    pub(crate) fn new(show: Show, me: Me, offset: UtcOffset) -> Self {
        let style = match show {
            Show::Lines { color } => Style::Lines(Lines::new(color, offset)),
            Show::Json => Style::Json,
            // A screen without a thread that has it is none: see `on_screen`.
            Show::Nothing | Show::Screen { .. } => Style::Nothing,
        };
        Self {
            known: Known::new(me),
            losses: Losses::default(),
            style,
            reporter: None,
            bytes: Vec::new(),
        }
    }

    /// Has somebody who waits read how far the way in has got.
    #[must_use]
    pub(crate) fn reporting(mut self, reporter: Option<Reporter>) -> Self {
        self.reporter = reporter;
        self
    }

    /// A face for the program that this node is a part of.
    pub(crate) fn of_program(ear: Ear, me: Me) -> Self {
        let nothing = Self::new(Show::Nothing, me, UtcOffset::UTC);
        Self {
            style: Style::Program(ear),
            ..nothing
        }
    }

    /// A face that has events shown on the full screen.
    pub(crate) fn on_screen(feed: Feed, me: Me) -> Self {
        let nothing = Self::new(Show::Nothing, me, UtcOffset::UTC);
        Self {
            style: Style::Screen(feed),
            ..nothing
        }
    }

    /// Takes in how far the way in has got, and shows it where there is a screen.
    pub(crate) fn progress(&mut self, progress: impl FnOnce() -> Progress) {
        if self.known.ready {
            return;
        }
        let progress = progress();
        if let Style::Screen(feed) = &mut self.style {
            feed.show(Shown::Progress(progress.clone()));
        }
        self.known.joining.take(progress);
    }

    /// How many events wait to be shown on the screen.
    pub(crate) fn unread(&self) -> u64 {
        match &self.style {
            Style::Screen(feed) => feed.unread(),
            _ => 0,
        }
    }

    /// Waits until a screen that is behind has caught up; for ever where there is none.
    pub(crate) async fn caught_up(&mut self) {
        match &mut self.style {
            Style::Screen(feed) => feed.caught_up().await,
            _ => pending().await,
        }
    }

    /// Reports how far the way in has got, to somebody who has no screen and has waited for a while.
    pub(crate) fn report(&mut self) {
        let joining = &self.known.joining;
        // That no director answers is told as an error.
        let is_news = !self.known.ready && !joining.is_unasked();
        if let Some(reporter) = self.reporter.as_mut().filter(|_| is_news) {
            reporter.report(joining.step(), joining.is_fetching());
        }
    }

    /// The way in.
    pub(crate) const fn joining(&self) -> &Joining {
        &self.known.joining
    }

    /// Shows an event of the core, which came now: by the calendar, at `now_ms`.
    pub(crate) fn show(&mut self, event: &Event, now: Instant, now_ms: u64) {
        if matches!(event, Event::Failed(_)) {
            self.losses.add(now);
        }
        self.known.learn(event);
        let Self {
            known,
            style,
            bytes,
            ..
        } = self;
        match style {
            Style::Lines(lines) => lines.show(event, now_ms, known, bytes),
            Style::Json => json::show(event, known, bytes),
            Style::Program(ear) => ear.hear(event),
            Style::Screen(feed) => feed.show(Shown::Event(event.clone(), now_ms)),
            Style::Nothing => {}
        }
        if let Some(message) = self.known.called_otherwise(event) {
            let code = "other-name";
            self.tell(&Told::Notice { code, message });
        }
        if matches!(event, Event::Ready { .. }) {
            self.warn_if_open();
        }
    }

    /// The user asks for another name, and is told if it gets one that differs.
    pub(crate) fn wishes(&mut self, name: &str) {
        if let Some(message) = self.known.wish(name) {
            let code = "same-name";
            self.tell(&Told::Notice { code, message });
        }
    }

    /// Says plainly who can read along, where that is everybody.
    fn warn_if_open(&mut self) {
        if let Some(directors) = &self.known.me.open_at {
            let message = format!(
                "this is the open discussion of {directors}: anybody who reaches that director \
                 can come in and read along"
            );
            self.tell(&Told::Open { message });
        }
    }

    /// Shows something of the driver's own.
    pub(crate) fn tell(&mut self, told: &Told) {
        let Self {
            known,
            style,
            bytes,
            ..
        } = self;
        match style {
            Style::Lines(lines) => lines.tell(told, known, bytes),
            Style::Json => json::tell(told, known, bytes),
            Style::Screen(feed) => feed.show(Shown::Told(told.clone())),
            Style::Nothing | Style::Program(_) => {}
        }
    }

    /// Everything that was shown and not taken yet. Call it once a batch of events is complete:
    /// what follows from several of them together is added here.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        if self.losses.are_a_split()
            && let Some(view) = &self.known.view
        {
            let split = Told::Split {
                members: view.len(),
                epoch: view.tag().epoch,
            };
            self.tell(&split);
        }
        std::mem::take(&mut self.bytes)
    }

    /// True where a program reads.
    pub(crate) const fn is_for_programs(&self) -> bool {
        matches!(self.style, Style::Json)
    }

    /// True where the process is that of a program that has the node inside.
    pub(crate) const fn is_of_program(&self) -> bool {
        matches!(self.style, Style::Program(_))
    }

    /// True once the node is in the ring and has the discussion so far.
    pub(crate) const fn is_ready(&self) -> bool {
        self.known.ready
    }
}

#[cfg(test)]
mod tests;
