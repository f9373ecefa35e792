//! A face of a session in a terminal, fed through a queue that never makes the node wait.
//!
//! When the queue is nearly full, the face leaves out the authors who send most (`rush`). Not here: the rendering
//! (`lines`, `screen`), and the threads that write it (`stdout`, `screen::task`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ringtalk_session::{Answer, Backlog, End, Event, Joining, Members, NodeId, Outlet, Unseen};

use crate::report::Reporter;
use crate::rush::{Rush, Withheld};
use crate::shown::Shown;
use crate::stdout::Stdout;
use crate::tty::Hangup;

/// The queue to the thread that shows the session.
pub(crate) trait Queue: fmt::Debug + Send {
    /// Adds an item to be shown, in order.
    fn push(&mut self, shown: Shown);

    /// Returns the amount that waits, and the maximum. The unit is the queue's own.
    fn load(&self) -> (u64, u64);

    /// Returns the count of events that wait to be seen.
    fn backlog(&self) -> &Backlog;

    /// Returns an error if the queue has overflowed.
    fn check(&self) -> Result<(), Unseen>;
}

/// A face that shows everything, or reports what it left out.
#[derive(Debug)]
pub(crate) struct Face<Q> {
    queue: Q,
    me: NodeId,
    members: Option<Arc<Members>>,
    rush: Rush,
    stdout: Stdout,
    window: Hangup,
    reporter: Option<Reporter>,
}

impl<Q: Queue> Face<Q> {
    /// Creates a face of this node. Its queue leads to `stdout`, and `window` reports the end of its terminal.
    pub(crate) fn new(queue: Q, me: NodeId, stdout: Stdout, window: Hangup) -> Self {
        Self {
            queue,
            me,
            members: None,
            rush: Rush::default(),
            stdout,
            window,
            reporter: None,
        }
    }

    /// Adds a reporter, which tells a person who waits about the progress of joining.
    #[must_use]
    pub(crate) fn reporting(mut self, reporter: Option<Reporter>) -> Self {
        self.reporter = reporter;
        self
    }

    /// Returns true if an event is shown. It is not shown if its author sends more than is read here.
    fn takes(&mut self, event: &Event) -> bool {
        let (messages, text) = match event {
            Event::Message(message) => (
                Withheld {
                    author: message.id.author,
                    from: message.id.seq,
                    to: message.id.seq,
                },
                message.text.len(),
            ),
            Event::Gap {
                author,
                from,
                to,
                passed: true,
            } => (
                Withheld {
                    author: *author,
                    from: *from,
                    to: *to,
                },
                0,
            ),
            _ => return true,
        };
        if messages.author == self.me {
            return true;
        }
        self.look_at_rush();
        let members = self.members.as_ref();
        let is_listed = members.is_some_and(|members| members.contains(&messages.author));
        self.rush.takes(messages, is_listed, text)
    }

    /// Updates the rush with the load of the queue. Once it has drained, reports the messages that were not shown.
    fn look_at_rush(&mut self) {
        let (waiting, most) = self.queue.load();
        for withheld in self.rush.look(waiting, most) {
            self.queue.push(Shown::Withheld(withheld));
        }
    }
}

impl<Q: Queue + 'static> Outlet for Face<Q> {
    fn show(&mut self, turn: &mut Vec<Event>) {
        for event in turn.drain(..) {
            match &event {
                Event::View(members) => self.members = Some(Arc::clone(members)),
                Event::Goodbye { .. } => {
                    for withheld in self.rush.end() {
                        self.queue.push(Shown::Withheld(withheld));
                    }
                }
                _ => {}
            }
            if self.takes(&event) {
                self.queue.push(Shown::Event(event));
            }
        }
    }

    fn answer(&mut self, answer: Answer) {
        self.queue.push(Shown::Answer(answer));
    }

    fn backlog(&self) -> &Backlog {
        self.queue.backlog()
    }

    fn is_filling(&self) -> bool {
        let (waiting, most) = self.queue.load();
        waiting > most / 2
    }

    fn check(&mut self) -> Result<(), Unseen> {
        self.look_at_rush();
        self.queue.check()
    }

    fn waits(&mut self, joining: &Joining) {
        // An earlier error has told the user that no director answers.
        if let Some(reporter) = self.reporter.as_mut().filter(|_| !joining.is_unasked()) {
            reporter.report(joining.step(), joining.is_fetching());
        }
    }

    fn poll_end(&mut self, context: &mut Context) -> Poll<End> {
        if self.window.poll_over(context).is_ready() {
            return Poll::Ready(End::Gone);
        }
        self.stdout.poll_failed(context).map(|error| {
            if self.window.is_over() {
                End::Gone
            } else {
                End::Unseen(Unseen(error.to_string()))
            }
        })
    }

    fn finish(self: Box<Self>, limit: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let Self { queue, stdout, .. } = *self;
        // When the queue is dropped, its thread writes the rest and ends.
        drop(queue);
        Box::pin(stdout.finish(limit))
    }
}
