//! The face in front of which somebody sits, or whose output somebody reads: it is shown everything, in turn, and how far
//! it is behind slows others rather than losing anything.
//!
//! Not here: those who hear along, and lose what they do not read (`handle`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;

use crate::{CommandError, Event, Joining, Reply};

/// Shows everything that happens.
pub trait Outlet: fmt::Debug + Send {
    /// Shows what has happened, in turn.
    fn show(&mut self, turn: Vec<Arc<Event>>);

    /// Shows what a node answers to what was asked here, in turn. A program may have asked for something to be repeated.
    fn answer(&mut self, answer: Answer);

    /// How much waits to be seen.
    fn backlog(&self) -> &Backlog;

    /// A turn is over. Fails where what waits is more than can be kept.
    fn check(&mut self) -> Result<(), Unseen>;

    /// The way in takes long, and has got so far.
    fn waits(&mut self, _: &Joining) {}

    /// Whether nobody can see anything any more, and why.
    fn poll_end(&mut self, _: &mut Context) -> Poll<End> {
        Poll::Pending
    }

    /// Shows what waits, within a limit, and ends.
    fn finish(self: Box<Self>, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }
}

/// Why nobody can see anything any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// Whoever sat there has gone: the window was closed.
    Gone,
    /// Something failed.
    Unseen(Unseen),
}

/// What a node answers to what was asked at the outlet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The name of the command.
    pub command: &'static str,
    /// True where a program asked, which wants to know in any case that it was done.
    pub by_program: bool,
    /// What the program wants repeated.
    pub tag: Option<String>,
    /// The answer.
    pub result: Result<Reply, CommandError>,
}

/// Why nobody sees anything any more, for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unseen(pub String);

/// How many events wait to be seen. Clones count the same ones.
#[derive(Clone, Debug)]
pub struct Backlog {
    many: u64,
    waiting: Arc<AtomicU64>,
    less: Arc<Notify>,
}

impl Backlog {
    /// None waits; more than so many are many.
    pub fn new(many: u64) -> Self {
        Self {
            many,
            waiting: Arc::default(),
            less: Arc::default(),
        }
    }

    /// So many more wait.
    pub fn add(&self, events: u64) {
        self.waiting.fetch_add(events, Ordering::Relaxed);
    }

    /// So many were seen.
    pub fn took(&self, events: u64) {
        let before = self.waiting.fetch_sub(events, Ordering::Relaxed);
        if before > self.many {
            self.less.notify_one();
        }
    }

    /// How many wait.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until some of many were seen.
    pub async fn less(&self) {
        self.less.notified().await;
    }
}

/// Nobody sees anything.
#[derive(Debug)]
pub struct Nowhere(Backlog);

impl Default for Nowhere {
    fn default() -> Self {
        Self(Backlog::new(0))
    }
}

impl Outlet for Nowhere {
    fn show(&mut self, _: Vec<Arc<Event>>) {}

    fn answer(&mut self, _: Answer) {}

    fn backlog(&self) -> &Backlog {
        &self.0
    }

    fn check(&mut self) -> Result<(), Unseen> {
        Ok(())
    }
}
