//! How a node leaves: who may ask for it, what is told last, and how long that may take.
//!
//! Not here: what an end is (`ending`), and how members hear of it (the core).

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
/// How long the last bytes to peers, and to the reader of stdout, may take.
const FLUSH_TIME: Duration = Duration::from_millis(250);
/// How long all of it may take.
const END_TIME: Duration = Duration::from_millis(1_930);

/// How far a node has got with leaving.
#[derive(Debug, Default)]
pub(super) struct Departure {
    /// The end that the core has been asked for.
    leaving: Option<Ending>,
    /// The end that has come.
    ended: Option<Ending>,
    /// When the first end was asked for.
    since: Option<Instant>,
    /// What was registered at the directors then.
    registered: Option<Arc<Registration>>,
}

impl Departure {
    /// Returns true from when an end is asked for until the core has left.
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

    /// Takes the end that has come.
    pub(super) fn take_end(&mut self) -> Option<Ending> {
        self.ended.take()
    }
}

impl Driver {
    /// Leaves because a signal asked for it. A second Ctrl-C ends the node at once.
    pub(super) fn asked_to_end(&mut self, way: asked::Way) {
        if way == asked::Way::Interrupt && self.departure.is_leaving() {
            let message = "interrupted while leaving".to_owned();
            self.departure.ended = Some(Ending::wrong(Status::Failed, Code::Interrupted, message));
        } else {
            self.depart(Ending::asked(Goodbye::Signal));
        }
    }

    /// Leaves the ring, or only ends if the node is in none.
    pub(super) fn depart(&mut self, ending: Ending) {
        if self.departure.has_begun() {
            return;
        }
        // The end of a node inside another program is not that program's end.
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

    /// Says goodbye to everybody. People read on stderr what went wrong.
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
