//! A face of a session in a terminal, fed through a queue that never makes the node wait.
//!
//! When the queue is nearly full, the face leaves out the authors who send most (`overload`). Not here: the rendering
//! (`lines`, `screen`), and the threads that write it (`stdout`, `screen::task`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ringtalk_session::{
    Answer, Backlog, Event, FinishFuture, Joining, Me, Members, NodeId, Outlet, OutletEnd,
    OutletError, Presence, RingId, RoomEvent,
};
use tokio::sync::mpsc;

use crate::display_item::DisplayItem;
use crate::overload::{Overload, WithheldMessages};
use crate::report::Reporter;
use crate::stderr::Diagnostics;
use crate::stdout::{Stdout, StdoutError};
use crate::tty::Hangup;

/// The queue to the thread that shows the session.
pub(crate) trait Queue: fmt::Debug + Send {
    /// Adds an item to be shown, in order.
    fn push(&mut self, item: DisplayItem);

    /// Returns the amount that waits, and the maximum. The unit is the queue's own.
    fn load(&self) -> (u64, u64);

    /// Returns the count of events that wait to be seen.
    fn backlog(&self) -> &Backlog;

    /// Returns an error if the queue has overflowed.
    fn check(&self) -> Result<(), OutletError>;
}

/// A face that shows everything, or reports what it left out.
#[derive(Debug)]
pub(crate) struct Face<Q> {
    queue: Q,
    me: NodeId,
    lobby: RingId,
    /// The members of the lobby and of the other rooms.
    members: BTreeMap<RingId, Arc<Members>>,
    overload: Overload,
    stdout: Stdout,
    window: Hangup,
    reporter: Option<Reporter>,
    /// The diagnostics that take refusals, if the person who types does not see them in the discussion.
    refusals: Option<Diagnostics>,
    /// Is told when the face has saved the talk.
    saved: Option<mpsc::Receiver<()>>,
}

impl<Q: Queue> Face<Q> {
    /// Creates a face of this node. Its queue leads to `stdout`, and `window` reports the end of its terminal.
    pub(crate) fn new(queue: Q, me: &Me, stdout: Stdout, window: Hangup) -> Self {
        Self {
            queue,
            me: me.id,
            lobby: me.lobby(),
            members: BTreeMap::new(),
            saved: None,
            overload: Overload::default(),
            stdout,
            window,
            reporter: None,
            refusals: None,
        }
    }

    /// Adds a reporter, which tells a person who waits about the progress of joining.
    #[must_use]
    pub(crate) fn with_reporter(mut self, reporter: Option<Reporter>) -> Self {
        self.reporter = reporter;
        self
    }

    /// Adds stderr, which is told why a line is refused: lines from a pipe have no reader at the terminal.
    #[must_use]
    pub(crate) fn with_refusals(mut self, stderr: Option<Diagnostics>) -> Self {
        self.refusals = stderr;
        self
    }

    /// Adds the receiver that is told when the talk was saved.
    #[must_use]
    pub(crate) fn with_saved(mut self, saved: mpsc::Receiver<()>) -> Self {
        self.saved = Some(saved);
        self
    }

    /// Returns true if an event is shown. It is not shown if its author sends more than is read here.
    fn admits(&mut self, event: &Event) -> bool {
        let (room, author, from, to, bytes) = match event {
            Event::Message(message) => {
                let id = message.id;
                (message.room, id.author, id.seq, id.seq, message.text.len())
            }
            Event::Control(message) => {
                let id = message.id;
                (message.room, id.author, id.seq, id.seq, message.bytes())
            }
            &Event::Gap {
                author,
                from,
                to,
                passed: true,
            } => (self.lobby, author, from, to, 0),
            &Event::Room(
                room,
                RoomEvent::Gap {
                    author,
                    from,
                    to,
                    passed: true,
                },
            ) => (room, author, from, to, 0),
            _ => return true,
        };
        let messages = WithheldMessages {
            room,
            author,
            from,
            to,
        };
        if messages.author == self.me {
            return true;
        }
        self.update_overload();
        let members = self.members.get(&messages.room);
        let is_listed = members.is_some_and(|members| members.contains(&messages.author));
        self.overload.admits(messages, is_listed, bytes)
    }

    /// Updates the overload with the load of the queue. Once it has drained, reports the messages that were not shown.
    fn update_overload(&mut self) {
        let (waiting, limit) = self.queue.load();
        for withheld in self.overload.update(waiting, limit) {
            self.queue.push(DisplayItem::Withheld(withheld));
        }
    }
}

impl<Q: Queue + 'static> Outlet for Face<Q> {
    fn show(&mut self, turn: &mut Vec<Event>) {
        for event in turn.drain(..) {
            match &event {
                Event::View(members) => {
                    self.members.insert(self.lobby, Arc::clone(members));
                }
                Event::Room(room, RoomEvent::View(members)) => {
                    self.members.insert(*room, Arc::clone(members));
                }
                Event::Room(room, RoomEvent::Left(person)) if person.id == self.me => {
                    self.members.remove(room);
                }
                Event::Room(room, RoomEvent::NotEntered) => drop(self.members.remove(room)),
                Event::Goodbye { .. } => {
                    for withheld in self.overload.end() {
                        self.queue.push(DisplayItem::Withheld(withheld));
                    }
                }
                _ => {}
            }
            if self.admits(&event) {
                self.queue.push(DisplayItem::Event(event));
            }
        }
    }

    fn answer(&mut self, answer: Answer) {
        if let (Some(stderr), Err(refusal)) = (&self.refusals, &answer.result) {
            stderr.say(&refusal.message);
            return;
        }
        self.queue.push(DisplayItem::Answer(answer));
    }

    fn backlog(&self) -> &Backlog {
        self.queue.backlog()
    }

    fn is_filling(&self) -> bool {
        let (waiting, limit) = self.queue.load();
        waiting > limit / 2
    }

    fn check(&mut self) -> Result<(), OutletError> {
        self.update_overload();
        self.queue.check()
    }

    fn show_progress(&mut self, joining: &Joining) {
        // An earlier error has told the user that no director answers.
        if let Some(reporter) = self
            .reporter
            .as_mut()
            .filter(|_| !joining.has_no_director())
        {
            reporter.report(joining.describe(), joining.is_fetching());
        }
    }

    fn poll_end(&mut self, context: &mut Context) -> Poll<OutletEnd> {
        if self.window.poll_hangup(context).is_ready() {
            return Poll::Ready(OutletEnd::WindowClosed);
        }
        self.stdout.poll_failure(context).map(|error| {
            let why = OutletError(error.to_string());
            match error {
                _ if self.window.has_hung_up() => OutletEnd::WindowClosed,
                StdoutError::ReaderGone => OutletEnd::ReaderGone(why),
                _ => OutletEnd::Failed(why),
            }
        })
    }

    fn poll_presence(&mut self, context: &mut Context) -> Poll<Presence> {
        match self.saved.as_mut().map(|saved| saved.poll_recv(context)) {
            Some(Poll::Ready(Some(()))) => Poll::Ready(Presence::Saved),
            _ => Poll::Pending,
        }
    }

    fn finish(self: Box<Self>, limit: Duration) -> FinishFuture {
        let Self {
            queue,
            stdout,
            window,
            ..
        } = *self;
        // When the queue is dropped, its thread writes the rest and ends.
        drop(queue);
        Box::pin(async move {
            match stdout.finish(limit).await {
                Ok(()) | Err(StdoutError::ReaderGone) => Ok(()),
                Err(_) if window.has_hung_up() => Ok(()),
                Err(error) => Err(OutletError(error.to_string())),
            }
        })
    }
}
