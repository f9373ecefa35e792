//! Faces: what the user sees of the discussion, on the full screen, as plain text, as JSON, or not at all.
//!
//! What people and programs see is made by a thread of its own, which draws the screen or writes on stdout, and is handed
//! what happened. It never touches protocol state. Not here: who writes the bytes (`stdout`), and what the user types
//! (`stdin`).

mod ear;
mod joining;
mod json;
mod known;
mod lines;
mod losses;
mod naming;
mod remarks;
mod report;
mod rush;
pub(crate) mod screen;
mod timestamp;
mod written;

use std::future::pending;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use ringtalk_proto::{Delivered, Event, View};
use ringtalk_wire::{Epoch, MessageId, NodeId};

pub use ear::Ear;
pub(crate) use joining::{Joining, Progress};
pub(crate) use known::Me;
pub(crate) use report::Reporter;
pub(crate) use written::Writer;

use crate::stdout::{Pen, StdoutError};
use losses::Losses;
use naming::Naming;
use rush::{Rush, Withheld};
use screen::Feed;
use written::Written;

/// Something to be shown.
#[derive(Debug)]
pub(crate) enum Shown {
    /// By the core, and when that came, by the calendar.
    Event(Event, u64),
    /// By the driver.
    Told(Told),
    /// What came of a step of the way in.
    Progress(Progress),
}

/// What the driver itself has to tell, beside the core's events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// Who is here.
    Who,
    /// How the ring goes round.
    Ring,
    /// What others type to get in.
    Invite,
    /// So many messages of somebody were not shown, since whoever reads did not follow.
    Withheld(Withheld),
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

/// A face, and what the driver needs to know of what it has shown.
#[derive(Debug)]
pub(crate) struct Face {
    style: Style,
    me: NodeId,
    /// True where a program reads.
    is_for_programs: bool,
    /// The directors of an open discussion.
    open_at: Option<String>,
    ready: bool,
    joining: Joining,
    naming: Naming,
    view: Option<Arc<View>>,
    losses: Losses,
    rush: Rush,
    reporter: Option<Reporter>,
}

#[derive(Debug)]
enum Style {
    Written(Written),
    Nothing,
    Program(Ear),
    Screen(Feed),
}

impl Face {
    /// A face that shows nothing.
    pub(crate) fn of_nothing(me: Me) -> Self {
        Self::new(Style::Nothing, me)
    }

    /// A face for whoever reads stdout, which may be a program; the pen is that of a [`Writer`].
    pub(crate) fn on_stdout(pen: Pen<Shown>, is_for_programs: bool, me: Me) -> Self {
        let mut face = Self::new(Style::Written(Written::new(pen)), me);
        face.is_for_programs = is_for_programs;
        face
    }

    /// A face for the program that this node is a part of.
    pub(crate) fn of_program(ear: Ear, me: Me) -> Self {
        Self::new(Style::Program(ear), me)
    }

    /// A face that has events shown on the full screen.
    pub(crate) fn on_screen(feed: Feed, me: Me) -> Self {
        Self::new(Style::Screen(feed), me)
    }

    fn new(style: Style, me: Me) -> Self {
        Self {
            style,
            is_for_programs: false,
            me: me.id,
            naming: Naming::new(&me),
            open_at: me.open_at,
            ready: false,
            joining: Joining::new(),
            view: None,
            losses: Losses::default(),
            rush: Rush::default(),
            reporter: None,
        }
    }

    /// Has somebody who waits read how far the way in has got.
    #[must_use]
    pub(crate) fn reporting(mut self, reporter: Option<Reporter>) -> Self {
        self.reporter = reporter;
        self
    }

    /// Takes in what came of a step of the way in, and shows it where there is a screen.
    pub(crate) fn progress(&mut self, progress: impl FnOnce() -> Progress) {
        if self.ready {
            return;
        }
        let progress = progress();
        if let Style::Screen(feed) = &mut self.style {
            feed.show(Shown::Progress(progress.clone()));
        }
        self.joining.take(progress);
    }

    /// How many events wait to be shown.
    pub(crate) fn unread(&self) -> u64 {
        match &self.style {
            Style::Screen(feed) => feed.unread(),
            Style::Written(written) => written.unread(),
            Style::Nothing | Style::Program(_) => 0,
        }
    }

    /// Waits until a face that is behind has shown more; for ever where none can be.
    pub(crate) async fn caught_up(&mut self) {
        match &mut self.style {
            Style::Screen(feed) => feed.caught_up().await,
            Style::Written(written) => written.less().await,
            Style::Nothing | Style::Program(_) => pending().await,
        }
    }

    /// Reports how far the way in has got, to somebody who has no screen and has waited for a while.
    pub(crate) fn report(&mut self) {
        let joining = &self.joining;
        // That no director answers is told as an error.
        let is_news = !self.ready && !joining.is_unasked();
        if let Some(reporter) = self.reporter.as_mut().filter(|_| is_news) {
            reporter.report(joining.step(), joining.is_fetching());
        }
    }

    /// The way in.
    pub(crate) const fn joining(&self) -> &Joining {
        &self.joining
    }

    /// Shows an event of the core, which came now: by the calendar, at `now_ms`.
    pub(crate) fn show(&mut self, event: Event, now: Instant, now_ms: u64) {
        match &event {
            Event::Message(Delivered { id, text, .. })
                if !self.is_shown(id.author, id.seq..=id.seq, text.len()) =>
            {
                return;
            }
            Event::Gap {
                author,
                from,
                to,
                passed: true,
            } if !self.is_shown(*author, *from..=*to, 0) => return,
            Event::Failed(_) => self.losses.add(now),
            Event::View(view) => self.view = Some(Arc::clone(view)),
            Event::Observed { host } => {
                if let Style::Program(ear) = &mut self.style {
                    ear.hear(&event);
                }
                return self.tell(remarks::of_observer(*host));
            }
            _ => {}
        }
        if !self.ready {
            self.joining.learn(&event);
        }
        let is_entry = matches!(event, Event::Ready { .. });
        self.ready |= is_entry;
        let called_otherwise = self.naming.learn(&event);
        match &mut self.style {
            Style::Program(ear) => ear.hear(&event),
            Style::Screen(feed) => feed.show(Shown::Event(event, now_ms)),
            Style::Written(written) => written.show(Shown::Event(event, now_ms)),
            Style::Nothing => {}
        }
        if let Some(message) = called_otherwise {
            let code = "other-name";
            self.tell(Told::Notice { code, message });
        }
        if is_entry {
            self.warn_if_open();
        }
    }

    /// Whether these messages of an author are shown, with so much text, or that they are missing: not if the author says more
    /// than is read here.
    fn is_shown(&mut self, author: NodeId, messages: RangeInclusive<u64>, text: usize) -> bool {
        if author == self.me {
            return true;
        }
        self.look_at_rush();
        let is_listed = |view: &Arc<View>| view.contains(&author);
        let is_listed = self.view.as_ref().is_some_and(is_listed);
        let (from, to) = messages.into_inner();
        self.rush
            .takes(Withheld { author, from, to }, is_listed, text)
    }

    /// Sees how much waits to be read, and tells what was not shown once that is little.
    fn look_at_rush(&mut self) {
        let (waiting, most) = match &self.style {
            Style::Screen(feed) => feed.load(),
            Style::Written(written) => written.load(),
            Style::Nothing | Style::Program(_) => return,
        };
        for withheld in self.rush.look(waiting, most) {
            self.tell(Told::Withheld(withheld));
        }
    }

    /// The user asks for another name, and is told if it gets one that differs.
    pub(crate) fn wishes(&mut self, name: &str) {
        if let Some(message) = self.naming.wish(name) {
            let code = "same-name";
            self.tell(Told::Notice { code, message });
        }
    }

    /// Says plainly who can read along, where that is everybody.
    fn warn_if_open(&mut self) {
        if let Some(directors) = &self.open_at {
            let message = format!(
                "this is the open discussion of {directors}: anybody who reaches that director \
                 can come in and read along"
            );
            self.tell(Told::Open { message });
        }
    }

    /// Shows something of the driver's own; before the last word comes what was not shown.
    pub(crate) fn tell(&mut self, told: Told) {
        if let Told::Goodbye { .. } = told {
            for withheld in self.rush.end() {
                self.tell(Told::Withheld(withheld));
            }
        }
        match &mut self.style {
            Style::Screen(feed) => feed.show(Shown::Told(told)),
            Style::Written(written) => written.show(Shown::Told(told)),
            Style::Nothing | Style::Program(_) => {}
        }
    }

    /// A batch of events is complete: shows what follows from several of them together. Fails if whoever reads has stopped.
    pub(crate) fn settle(&mut self) -> Result<(), StdoutError> {
        self.look_at_rush();
        if self.losses.are_a_split()
            && let Some(view) = &self.view
        {
            let split = Told::Split {
                members: view.len(),
                epoch: view.tag().epoch,
            };
            self.tell(split);
        }
        match &self.style {
            Style::Written(written) => written.check(),
            _ => Ok(()),
        }
    }

    /// True where a program reads.
    pub(crate) const fn is_for_programs(&self) -> bool {
        self.is_for_programs
    }

    /// True where the process is that of a program that has the node inside.
    pub(crate) const fn is_of_program(&self) -> bool {
        matches!(self.style, Style::Program(_))
    }

    /// True once the node is in the ring and has the discussion so far.
    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }
}

#[cfg(test)]
mod tests;
