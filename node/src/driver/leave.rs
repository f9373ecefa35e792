//! How a node leaves: who may ask for it, its last messages, and the time limits.
//!
//! Not here: what an end is (`ending`), how members learn of it (the core).

use std::sync::Arc;
use std::time::Duration;

use ringtalk_proto::{Input, Registration};
use ringtalk_session::{Code, Event as SessionEvent, Goodbye, OutletError};
use tokio::time::Instant;

use super::ending::{Ending, UnhandedCount};
use super::signals::ShutdownSignal;
use super::{Audience, Driver};
use crate::status::Status;

/// How long the core may take to leave: it promises 2 s at most, and takes 1.8 s.
const LEAVE_TIME: Duration = Duration::from_millis(1_850);
/// The timeout for flushing the last bytes to peers, and to the reader of stdout.
const FLUSH_TIME: Duration = Duration::from_millis(250);
/// The timeout for all of it.
const END_TIME: Duration = Duration::from_millis(1_930);

/// The progress of a node that leaves.
#[derive(Debug, Default)]
pub(super) struct LeaveState {
    /// The end with which the core was asked to leave.
    ending: Option<Ending>,
    /// The end that has come.
    ended: Option<Ending>,
    /// When the first end was asked for.
    since: Option<Instant>,
    /// The registration at the directors at that time.
    registered: Option<Arc<Registration>>,
}

impl LeaveState {
    /// Returns true from the first request to leave until the core has left.
    pub(super) const fn is_leaving(&self) -> bool {
        self.ending.is_some()
    }

    /// Returns true if an end was asked for, or has come.
    pub(super) const fn has_begun(&self) -> bool {
        self.ending.is_some() || self.ended.is_some()
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
    pub(super) fn handle_signal(&mut self, signal: ShutdownSignal) {
        if signal == ShutdownSignal::Interrupt && self.leave_state.is_leaving() {
            let message = "interrupted while leaving".to_owned();
            self.leave_state.ended =
                Some(Ending::failure(Status::Failed, Code::Interrupted, message));
        } else {
            self.start_leaving(Ending::normal(Goodbye::Signal));
        }
    }

    /// Leaves the ring. A node that is in none withdraws its requests for admission, and ends.
    pub(super) fn start_leaving(&mut self, ending: Ending) {
        if self.leave_state.has_begun() {
            return;
        }
        // A node inside another program must not end that program.
        if self.audience != Audience::Host {
            ending.guarantee(self.restore);
        }
        self.leave_state.since = Some(Instant::now());
        if self.host.lobby().view().is_none() {
            self.feed(Input::Leave);
            self.leave_state.ended = Some(ending);
        } else {
            self.deadline = Some(Instant::now() + LEAVE_TIME);
            self.leave_state.ending = Some(ending);
            self.leave_state.registered = self.host.lobby().registration().cloned();
            self.feed(Input::Leave);
        }
    }

    pub(super) fn finish_leaving(&mut self, unhanded: UnhandedCount) {
        if let Some(ending) = self.leave_state.ending.take() {
            let pipe = self.quit_on_eof;
            let ending = ending.with_unhanded(unhanded, pipe, self.is_alone());
            let refused = self.requests.refused_lines();
            self.leave_state.ended = Some(ending.with_refused(refused, pipe));
        }
    }

    /// Notes that the last words cannot be shown: a node that leaves has nothing else to do about it.
    pub(super) fn note_lost_output(&mut self, why: &OutletError) {
        let leave_state = &mut self.leave_state;
        let endings = [&mut leave_state.ending, &mut leave_state.ended];
        for ending in endings.into_iter().flatten() {
            ending.add_lost_output(why.clone());
        }
    }

    fn is_alone(&self) -> bool {
        self.host.lobby().view().is_some_and(|view| view.len() <= 1)
    }

    /// Says goodbye to directors, peers and faces. Programs get the error as an event; people read it on stderr.
    pub(super) async fn finish(mut self, mut ending: Ending) -> Ending {
        self.refuse_rest();
        self.session.flush_answers();
        if let Some(error) = ending.error.clone()
            && self.audience == Audience::Program
        {
            self.tell(SessionEvent::Error(error));
        }
        let reason = ending.goodbye;
        self.tell(SessionEvent::Goodbye { reason });
        let was_last = self.is_alone();
        let spent = self
            .leave_state
            .since
            .map_or(Duration::ZERO, |at| at.elapsed());
        let limit = FLUSH_TIME.min(END_TIME.saturating_sub(spent));
        let ((), (), shown) = tokio::join!(
            self.directors
                .client
                .stop(self.leave_state.registered.filter(|_| was_last)),
            self.network.connections.close_all(limit),
            self.session.finish(limit),
        );
        if let Err(why) = shown {
            ending.add_lost_output(why);
        }
        ending
    }
}
