//! How a node leaves: who may ask for it, its last messages, and the time limits.
//!
//! Not here: what an end is (`ending`), how members learn of it (the core).

use std::sync::Arc;
use std::time::Duration;

use ringtalk_proto::{Input, Registration};
use ringtalk_session::{Code, Event as Told, Goodbye};
use tokio::time::Instant;

use super::ending::{Ending, Unhanded};
use super::{Audience, Driver, asked};
use crate::status::Status;

/// How long the core may take to leave: it promises 2 s at most, and takes 1.8 s.
const LEAVE_TIME: Duration = Duration::from_millis(1_850);
/// The timeout for flushing the last bytes to peers, and to the reader of stdout.
const FLUSH_TIME: Duration = Duration::from_millis(250);
/// The timeout for all of it.
const END_TIME: Duration = Duration::from_millis(1_930);

/// The progress of a node that leaves.
#[derive(Debug, Default)]
pub(super) struct Departure {
    /// The end with which the core was asked to leave.
    leaving: Option<Ending>,
    /// The end that has come.
    ended: Option<Ending>,
    /// When the first end was asked for.
    since: Option<Instant>,
    /// The registration at the directors at that time.
    registered: Option<Arc<Registration>>,
}

impl Departure {
    /// Returns true from the first request to leave until the core has left.
    pub(super) const fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Returns true if an end was asked for, or has come.
    pub(super) const fn has_begun(&self) -> bool {
        self.leaving.is_some() || self.ended.is_some()
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Takes the end, if it has come.
    pub(super) fn take_end(&mut self) -> Option<Ending> {
        self.ended.take()
    }
}

impl Driver {
    /// Leaves because a signal asked for it. A second Ctrl+C ends the node at once.
    pub(super) fn asked_to_end(&mut self, way: asked::Way) {
        if way == asked::Way::Interrupt && self.departure.is_leaving() {
            let message = "interrupted while leaving".to_owned();
            self.departure.ended = Some(Ending::wrong(Status::Failed, Code::Interrupted, message));
        } else {
            self.depart(Ending::asked(Goodbye::Signal));
        }
    }

    /// Leaves the ring, or just ends if the node is in none.
    pub(super) fn depart(&mut self, ending: Ending) {
        if self.departure.has_begun() {
            return;
        }
        // A node inside another program must not end that program.
        if self.audience != Audience::Host {
            ending.guarantee(self.restore);
        }
        self.departure.since = Some(Instant::now());
        if self.node.view().is_none() {
            self.departure.ended = Some(ending);
        } else {
            self.deadline = Some(Instant::now() + LEAVE_TIME);
            self.departure.leaving = Some(ending);
            self.departure.registered = self.node.registration().cloned();
            self.feed(Input::Leave);
        }
    }

    pub(super) fn left(&mut self, unhanded: Unhanded) {
        if let Some(ending) = self.departure.leaving.take() {
            let pipe = self.quit_on_eof;
            self.departure.ended = Some(ending.with_unhanded(unhanded, pipe, self.is_alone()));
        }
    }

    fn is_alone(&self) -> bool {
        self.node.view().is_some_and(|view| view.len() <= 1)
    }

    /// Says goodbye to directors, peers and faces. Programs get the error as an event; people read it on stderr.
    pub(super) async fn finish(mut self, ending: Ending) -> Ending {
        self.refuse_rest();
        self.session.give_up();
        if let Some(error) = ending.error.clone()
            && self.audience == Audience::Program
        {
            self.tell(Told::Error(error));
        }
        let reason = ending.goodbye;
        self.tell(Told::Goodbye { reason });
        let was_last = self.is_alone();
        let spent = self
            .departure
            .since
            .map_or(Duration::ZERO, |at| at.elapsed());
        let limit = FLUSH_TIME.min(END_TIME.saturating_sub(spent));
        tokio::join!(
            self.directors
                .client
                .stop(self.departure.registered.filter(|_| was_last)),
            self.network.links.close_all(limit),
            self.session.finish(limit),
        );
        ending
    }
}
