//! The face of the process itself, which a person watches or a program reads. It is shown everything, in order.
//!
//! If it falls behind, authors are slowed down, and the session drops nothing. Not here: subscribers, which lose
//! events that they do not read in time (`handle`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;

use crate::{CommandError, Event, Joining, Presence, Reply, Tag};

/// A face that is shown every event.
pub trait Outlet: fmt::Debug + Send {
    /// Shows events, in order.
    fn show(&mut self, turn: &mut Vec<Event>);

    /// Shows the node's answer to a command that was given here, in order. If a program gave the command a tag, the
    /// answer repeats it.
    fn answer(&mut self, answer: Answer);

    /// Returns the count of events that wait to be seen.
    fn backlog(&self) -> &Backlog;

    /// Returns true if so much output is pending that commands given here should wait too: each adds to it.
    fn is_filling(&self) -> bool {
        false
    }

    /// Ends a turn. Returns an error if more output is pending than can be kept.
    fn check(&mut self) -> Result<(), OutletError>;

    /// Shows the progress of joining, if joining takes long.
    fn show_progress(&mut self, _: &Joining) {}

    /// Polls for the moment from which nobody can see the output any more. Returns the reason.
    fn poll_end(&mut self, _: &mut Context) -> Poll<OutletEnd> {
        Poll::Pending
    }

    /// Polls for what others are to be told of the user: that the face has saved a copy.
    fn poll_presence(&mut self, _: &mut Context) -> Poll<Presence> {
        Poll::Pending
    }

    /// Shows the pending output within a time limit, and ends. Returns an error if some of it could not be written.
    fn finish(self: Box<Self>, _: Duration) -> FinishFuture {
        Box::pin(async { Ok(()) })
    }
}

/// The end of an outlet, which takes time.
pub type FinishFuture = Pin<Box<dyn Future<Output = Result<(), OutletError>> + Send>>;

/// The reason why nobody can see the output any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OutletEnd {
    /// The person has left: the window was closed.
    WindowClosed,
    /// The program that read the output is gone. That may be on purpose, as with `head`.
    ReaderGone(OutletError),
    /// The output failed.
    Failed(OutletError),
}

/// A node's answer to a command that was given at the outlet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The name of the command.
    pub command: &'static str,
    /// True if a program gave the command. A program is always told that its command was carried out.
    pub by_program: bool,
    /// The tag that the answer repeats.
    pub tag: Option<Tag>,
    /// The reply, or the reason why there is none.
    pub result: Result<Reply, CommandError>,
}

/// The reason why the output fails, as a sentence for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct OutletError(pub String);

/// A count of the events that wait to be seen. All clones share it.
#[derive(Clone, Debug)]
pub struct Backlog {
    limit: u64,
    waiting: Arc<AtomicU64>,
    seen: Arc<AtomicU64>,
    reader_progress: Arc<Notify>,
}

impl Backlog {
    /// Creates an empty backlog. It is too large if it has more than `limit` events.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            waiting: Arc::default(),
            seen: Arc::default(),
            reader_progress: Arc::default(),
        }
    }

    /// Adds events that wait to be seen.
    pub fn add(&self, events: u64) {
        self.waiting.fetch_add(events, Ordering::Relaxed);
    }

    /// Removes events that were seen.
    pub fn remove(&self, events: u64) {
        self.seen.fetch_add(events, Ordering::Relaxed);
        let before = self.waiting.fetch_sub(events, Ordering::Relaxed);
        if before > self.limit {
            self.reader_progress.notify_one();
        }
    }

    /// Returns the number of events seen so far.
    pub fn seen_count(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Returns the number of events that wait.
    pub fn waiting_count(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until some events are seen while the backlog is too large.
    pub async fn wait_for_reader(&self) {
        self.reader_progress.notified().await;
    }
}

/// An outlet that shows nothing.
#[derive(Debug)]
pub struct NullOutlet(Backlog);

impl Default for NullOutlet {
    fn default() -> Self {
        Self(Backlog::new(0))
    }
}

impl Outlet for NullOutlet {
    fn show(&mut self, _: &mut Vec<Event>) {}

    fn answer(&mut self, _: Answer) {}

    fn backlog(&self) -> &Backlog {
        &self.0
    }

    fn check(&mut self) -> Result<(), OutletError> {
        Ok(())
    }
}
