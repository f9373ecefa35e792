//! A face's end of a session: it sends commands, and receives events.
//!
//! Not here: the derived events (`session`), and the limits on kept events (`log`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use crate::log::Log;
use crate::{Command, CommandError, Event, EventId, Invite, Reply, Request, Requester, State};

/// The maximum number of events that a subscriber gets at once.
const BATCH: usize = 256;

/// The part of a session that its two ends share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<SharedState>,
}

/// The last events, and the state after all events so far.
#[derive(Debug)]
pub(crate) struct SharedState {
    pub(crate) log: Log,
    pub(crate) state: State,
    /// The number of events of the present turn that are already in both.
    applied_events: usize,
    /// True once any face has subscribed. Events are kept from then on.
    keeps_log: bool,
    /// The number of subscriptions that still read.
    subscriptions: usize,
    /// True once the session has ended.
    ended: bool,
}

impl Shared {
    pub(crate) const fn new(state: SharedState) -> Self {
        Self {
            state: Mutex::new(state),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, SharedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of a session at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The last event that the state includes.
    pub last: EventId,
    /// The state after that event.
    pub state: State,
}

/// A sender of commands to a node, and a source of subscriptions to its events. All clones are equivalent.
#[derive(Clone, Debug)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
    shared: Arc<Shared>,
    /// The number of the next event.
    end: watch::Receiver<u64>,
}

impl Handle {
    pub(crate) const fn new(
        requests: mpsc::Sender<Request>,
        shared: Arc<Shared>,
        end: watch::Receiver<u64>,
    ) -> Self {
        Self {
            requests,
            shared,
            end,
        }
    }

    /// Runs a command, and waits for the answer.
    ///
    /// Messages are sent in the order of their commands. Any other command is carried out at once, even if messages
    /// still wait.
    pub async fn run(&self, command: Command) -> Result<Reply, CommandError> {
        let (answer, answered) = oneshot::channel();
        let request = Request {
            command: Ok(command),
            requester: Requester::Handle(answer),
        };
        let sent = self.requests.send(request).await;
        sent.map_err(|_| CommandError::ended())?;
        answered
            .await
            .unwrap_or_else(|_| Err(CommandError::ended()))
    }

    /// Subscribes to the events after `since`.
    ///
    /// The subscription begins with an [`Update::Reset`] if `since` is `None`, if it is an event of another run, or if
    /// the events after it are no longer kept.
    pub fn subscribe(&self, since: Option<EventId>) -> Subscription {
        let mut shared = self.shared.lock();
        shared.subscriptions += 1;
        shared.keeps_log = true;
        Subscription {
            shared: Arc::clone(&self.shared),
            end: self.end.clone(),
            next: since.and_then(|id| shared.log.next_after(id)),
            is_open: true,
        }
    }

    /// Returns the current state of the session.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.lock().snapshot()
    }
}

impl SharedState {
    pub(crate) const fn new(log: Log, state: State) -> Self {
        Self {
            log,
            state,
            applied_events: 0,
            keeps_log: false,
            subscriptions: 0,
            ended: false,
        }
    }

    /// Applies the events of the present turn that are new.
    pub(crate) fn apply(&mut self, turn: &[Event]) {
        for event in turn.iter().skip(self.applied_events) {
            self.state.apply(event);
            if self.keeps_log {
                self.log.push(Arc::new(event.clone()));
            } else {
                self.log.skip();
            }
        }
        self.applied_events = turn.len();
    }

    /// Applies the rest of a turn, and ends it. Returns the number of the next event if subscribers may wait for it.
    pub(crate) fn finish_turn(&mut self, turn: &[Event]) -> Option<u64> {
        self.apply(turn);
        self.applied_events = 0;
        self.keeps_log.then(|| self.log.end())
    }

    /// Ends the session. The log and the invite are wiped as soon as no subscription reads any more.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.wipe_if_unread();
    }

    fn remove_subscription(&mut self) {
        self.subscriptions -= 1;
        self.wipe_if_unread();
    }

    fn wipe_if_unread(&mut self) {
        if self.ended && self.subscriptions == 0 {
            self.log.clear();
            self.state.me.invite = Invite::from(String::new());
            self.state.after_me = None;
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            last: self.log.id(self.log.end() - 1),
            state: self.state.clone(),
        }
    }
}

/// A subscription to the events of a session.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    end: watch::Receiver<u64>,
    /// The number of the next event; `None` if an [`Update::Reset`] comes next.
    next: Option<u64>,
    /// False once the session has ended and the subscription has read everything.
    is_open: bool,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.close();
    }
}

/// The result of one read of a subscription.
#[derive(Clone, Debug)]
pub enum Update {
    /// The state of the session, because the events before it are not available (any more).
    Reset(Box<Snapshot>),
    /// The next events, in order: at least one.
    Events(Vec<(EventId, Arc<Event>)>),
}

impl Subscription {
    /// Waits for the next events. Returns `None` after the last event of a node that has ended.
    ///
    /// This is cancel safe: if the future is dropped while it waits, no event is lost.
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            self.end.mark_unchanged();
            if let Some(update) = self.read() {
                return Some(update);
            }
            // The session has ended. Events may have come since the read above.
            if self.end.changed().await.is_err() {
                let rest = self.read();
                if rest.is_none() {
                    self.close();
                }
                return rest;
            }
        }
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.shared.lock().remove_subscription();
        }
    }

    fn read(&mut self) -> Option<Update> {
        let shared = self.shared.lock();
        let Some(next) = self.next.filter(|next| shared.log.contains(*next)) else {
            self.next = Some(shared.log.end());
            return Some(Update::Reset(Box::new(shared.snapshot())));
        };
        let (events, next) = shared.log.read(next, BATCH);
        drop(shared);
        self.next = Some(next);
        (!events.is_empty()).then_some(Update::Events(events))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::test_support::{me, message};
    use crate::{NullOutlet, Place, Session};

    fn session(run: u64) -> Session {
        Session::new(me(), Box::new(NullOutlet::default()), run)
    }

    /// Tells the session these messages, in one turn.
    fn record_messages(session: &mut Session, seqs: std::ops::RangeInclusive<u64>) {
        for seq in seqs {
            session.record(message(seq), Instant::now());
        }
        session.end_turn().unwrap();
    }

    /// Reads up to message `last`. Returns the numbers of the messages, the number of resets, and the id of the last
    /// event.
    async fn read_until(subscription: &mut Subscription, last: u64) -> (Vec<u64>, usize, EventId) {
        let (mut seqs, mut resets) = (Vec::new(), 0);
        loop {
            match subscription.next().await.expect("there is more to hear") {
                Update::Reset(snapshot) => {
                    resets += 1;
                    let newest = snapshot.state.clock.iter().map(|entry| entry.seq).max();
                    if newest == Some(last) {
                        return (seqs, resets, snapshot.last);
                    }
                }
                Update::Events(events) => {
                    for (id, event) in events {
                        let Event::Message(message) = &*event else {
                            continue;
                        };
                        seqs.push(message.id.seq);
                        if message.id.seq == last {
                            return (seqs, resets, id);
                        }
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn a_returning_subscriber_resumes_where_it_left_off() {
        let mut session = session(1);
        let handle = session.handle();
        let mut first = handle.subscribe(None);
        record_messages(&mut session, 1..=3);
        let (_, resets, _) = read_until(&mut first, 3).await;
        assert_eq!(resets, 1, "a new subscriber gets the state");
        record_messages(&mut session, 4..=500);
        let (seqs, resets, last) = read_until(&mut first, 500).await;
        assert!(seqs.into_iter().eq(4..=500) && resets == 0);
        drop(first);
        record_messages(&mut session, 501..=900);
        let mut again = handle.subscribe(Some(last));
        let (seqs, resets, _) = read_until(&mut again, 900).await;
        assert!(seqs.into_iter().eq(501..=900) && resets == 0);
    }

    #[tokio::test]
    async fn a_subscriber_gets_a_reset_if_it_is_too_late_or_from_another_run() {
        let mut session = session(1);
        let handle = session.handle();
        let mut slow = handle.subscribe(None);
        record_messages(&mut session, 1..=1);
        let (_, _, last) = read_until(&mut slow, 1).await;
        record_messages(&mut session, 2..=10_001);
        assert!(session.pause_is_due());
        session.record_pause();
        record_messages(&mut session, 10_002..=10_002);
        let (seqs, resets, _) = read_until(&mut slow, 10_002).await;
        assert!(seqs.is_empty() && resets == 1, "it has read too slowly");
        record_messages(&mut session, 10_003..=10_003);
        let (seqs, resets, _) = read_until(&mut slow, 10_003).await;
        assert!(seqs == [10_003] && resets == 0, "and goes on");
        let elsewhere = self::session(2).handle().snapshot().last;
        for since in [Some(last), Some(elsewhere), None] {
            let mut subscription = handle.subscribe(since);
            let update = subscription.next().await;
            assert!(matches!(update, Some(Update::Reset(_))), "{since:?}");
        }
    }

    #[tokio::test]
    async fn events_before_the_first_subscription_lead_to_a_reset() {
        let mut session = session(1);
        let handle = session.handle();
        let before = handle.snapshot().last;
        record_messages(&mut session, 1..=3);
        assert_ne!(handle.snapshot().last, before);
        let mut subscription = handle.subscribe(Some(before));
        let (seqs, resets, _) = read_until(&mut subscription, 3).await;
        assert!(seqs.is_empty() && resets == 1, "it was not kept");
        record_messages(&mut session, 4..=4);
        let (seqs, resets, _) = read_until(&mut subscription, 4).await;
        assert!(seqs == [4] && resets == 0);
    }

    #[tokio::test]
    async fn a_long_turn_loses_no_event() {
        let mut session = session(1);
        let handle = session.handle();
        let mut subscription = handle.subscribe(Some(handle.snapshot().last));
        record_messages(&mut session, 1..=60_000);
        let (seqs, resets, _) = read_until(&mut subscription, 60_000).await;
        assert!(seqs.into_iter().eq(1..=60_000) && resets == 0);
    }

    #[tokio::test]
    async fn the_end_comes_after_all_events() {
        let mut session = session(1);
        let handle = session.handle();
        let mut subscription = handle.subscribe(Some(handle.snapshot().last));
        record_messages(&mut session, 1..=3);
        drop(session);
        let (seqs, _, _) = read_until(&mut subscription, 3).await;
        assert_eq!(seqs, [1, 2, 3]);
        assert!(subscription.next().await.is_none());
        let after = handle.snapshot();
        assert_eq!(after.state.me.invite.as_str(), "", "it is wiped");
        let mut late = handle.subscribe(None);
        assert!(matches!(late.next().await, Some(Update::Reset(_))));
        assert!(late.next().await.is_none());
        let asked = handle.run(Command::Who(Place::Main)).await;
        assert_eq!(asked, Err(CommandError::ended()));
    }
}
