//! A face's end of a session: it sends commands, and receives events.
//!
//! Not here: the derived events (`session`), and the limits on kept events (`log`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use crate::log::Log;
use crate::{Asker, Command, CommandError, Event, EventId, Invite, Reply, Request, State};

/// The maximum number of events that a subscriber gets at once.
const AT_ONCE: usize = 256;

/// The part of a session that its two ends share.
#[derive(Debug)]
pub(crate) struct Shared {
    kept: Mutex<Kept>,
}

/// The last events, and the state after all events so far.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) log: Log,
    pub(crate) state: State,
    /// The number of events of the present turn that are already in both.
    learned: usize,
    /// True once any face has subscribed. Events are kept from then on.
    keeps: bool,
    /// The number of subscriptions that still read.
    readers: usize,
    /// True once the session has ended.
    ended: bool,
}

impl Shared {
    pub(crate) const fn new(kept: Kept) -> Self {
        Self {
            kept: Mutex::new(kept),
        }
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
            asker: Asker::Handle(answer),
        };
        let sent = self.requests.send(request).await;
        sent.map_err(|_| CommandError::ended())?;
        answered
            .await
            .unwrap_or_else(|_| Err(CommandError::ended()))
    }

    /// Subscribes to the events after `since`.
    ///
    /// The subscription begins with a [`Heard::Reset`] if `since` is `None`, if it is an event of another run, or if
    /// the events after it are no longer kept.
    pub fn subscribe(&self, since: Option<EventId>) -> Subscription {
        let mut kept = self.shared.kept();
        kept.readers += 1;
        kept.keeps = true;
        Subscription {
            shared: Arc::clone(&self.shared),
            end: self.end.clone(),
            next: since.and_then(|id| kept.log.after(id)),
            reads: true,
        }
    }

    /// Returns the current state of the session.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.kept().snapshot()
    }
}

impl Kept {
    pub(crate) const fn new(log: Log, state: State) -> Self {
        Self {
            log,
            state,
            learned: 0,
            keeps: false,
            readers: 0,
            ended: false,
        }
    }

    /// Applies the events of the present turn that are new.
    pub(crate) fn learn(&mut self, turn: &[Event]) {
        for event in turn.iter().skip(self.learned) {
            self.state.learn(event);
            if self.keeps {
                self.log.push(Arc::new(event.clone()));
            } else {
                self.log.pass();
            }
        }
        self.learned = turn.len();
    }

    /// Applies the rest of a turn, and ends it. Returns the number of the next event if subscribers may wait for it.
    pub(crate) fn finish_turn(&mut self, turn: &[Event]) -> Option<u64> {
        self.learn(turn);
        self.learned = 0;
        self.keeps.then(|| self.log.end())
    }

    /// Ends the session. The log and the invite are wiped as soon as no subscription reads any more.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.wipe_if_unread();
    }

    fn leave(&mut self) {
        self.readers -= 1;
        self.wipe_if_unread();
    }

    fn wipe_if_unread(&mut self) {
        if self.ended && self.readers == 0 {
            self.log.clear();
            self.state.me.invite = Invite::from(String::new());
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
    /// The number of the next event; `None` if a [`Heard::Reset`] comes next.
    next: Option<u64>,
    /// False once the session has ended and the subscription has read everything.
    reads: bool,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The result of one read of a subscription.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The state of the session, because the events before it are not available (any more).
    Reset(Box<Snapshot>),
    /// The next events, in order: at least one.
    Events(Vec<(EventId, Arc<Event>)>),
}

impl Subscription {
    /// Waits for the next events. Returns `None` after the last event of a node that has ended.
    ///
    /// This is cancel safe: if the future is dropped while it waits, no event is lost.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            self.end.mark_unchanged();
            if let Some(heard) = self.read() {
                return Some(heard);
            }
            // The session has ended. Events may have come since the read above.
            if self.end.changed().await.is_err() {
                let rest = self.read();
                if rest.is_none() {
                    self.stop();
                }
                return rest;
            }
        }
    }

    fn stop(&mut self) {
        if std::mem::take(&mut self.reads) {
            self.shared.kept().leave();
        }
    }

    fn read(&mut self) -> Option<Heard> {
        let kept = self.shared.kept();
        let Some(next) = self.next.filter(|next| kept.log.has(*next)) else {
            self.next = Some(kept.log.end());
            return Some(Heard::Reset(Box::new(kept.snapshot())));
        };
        let (events, next) = kept.log.read(next, AT_ONCE);
        drop(kept);
        self.next = Some(next);
        (!events.is_empty()).then_some(Heard::Events(events))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::test_support::{me, message};
    use crate::{Nowhere, Session};

    fn session(run: u64) -> Session {
        Session::new(me(), Box::new(Nowhere::default()), run)
    }

    /// Tells the session these messages, in one turn.
    fn says(session: &mut Session, seqs: std::ops::RangeInclusive<u64>) {
        for seq in seqs {
            session.tell(message(seq), Instant::now());
        }
        session.settle().unwrap();
    }

    /// Reads up to message `last`. Returns the numbers of the messages, the number of resets, and the id of the last
    /// event.
    async fn hears(subscription: &mut Subscription, last: u64) -> (Vec<u64>, usize, EventId) {
        let (mut seqs, mut resets) = (Vec::new(), 0);
        loop {
            match subscription.next().await.expect("there is more to hear") {
                Heard::Reset(snapshot) => {
                    resets += 1;
                    let heard = snapshot.state.clock.iter().map(|entry| entry.seq).max();
                    if heard == Some(last) {
                        return (seqs, resets, snapshot.last);
                    }
                }
                Heard::Events(events) => {
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
    async fn whoever_comes_back_goes_on_where_it_left_off() {
        let mut session = session(1);
        let handle = session.handle();
        let mut first = handle.subscribe(None);
        says(&mut session, 1..=3);
        let (_, resets, _) = hears(&mut first, 3).await;
        assert_eq!(resets, 1, "whoever comes is told how it stands");
        says(&mut session, 4..=500);
        let (seqs, resets, last) = hears(&mut first, 500).await;
        assert!(seqs.into_iter().eq(4..=500) && resets == 0);
        drop(first);
        says(&mut session, 501..=900);
        let mut again = handle.subscribe(Some(last));
        let (seqs, resets, _) = hears(&mut again, 900).await;
        assert!(seqs.into_iter().eq(501..=900) && resets == 0);
    }

    #[tokio::test]
    async fn whoever_comes_back_too_late_or_from_elsewhere_begins_anew() {
        let mut session = session(1);
        let handle = session.handle();
        let mut slow = handle.subscribe(None);
        says(&mut session, 1..=1);
        let (_, _, last) = hears(&mut slow, 1).await;
        says(&mut session, 2..=10_001);
        assert!(session.pause_is_due());
        session.paused();
        says(&mut session, 10_002..=10_002);
        let (seqs, resets, _) = hears(&mut slow, 10_002).await;
        assert!(seqs.is_empty() && resets == 1, "it has read too slowly");
        says(&mut session, 10_003..=10_003);
        let (seqs, resets, _) = hears(&mut slow, 10_003).await;
        assert!(seqs == [10_003] && resets == 0, "and goes on");
        let elsewhere = self::session(2).handle().snapshot().last;
        for since in [Some(last), Some(elsewhere), None] {
            let mut subscription = handle.subscribe(since);
            let heard = subscription.next().await;
            assert!(matches!(heard, Some(Heard::Reset(_))), "{since:?}");
        }
    }

    #[tokio::test]
    async fn what_happened_before_the_first_subscription_is_not_passed_over_silently() {
        let mut session = session(1);
        let handle = session.handle();
        let before = handle.snapshot().last;
        says(&mut session, 1..=3);
        assert_ne!(handle.snapshot().last, before);
        let mut subscription = handle.subscribe(Some(before));
        let (seqs, resets, _) = hears(&mut subscription, 3).await;
        assert!(seqs.is_empty() && resets == 1, "it was not kept");
        says(&mut session, 4..=4);
        let (seqs, resets, _) = hears(&mut subscription, 4).await;
        assert!(seqs == [4] && resets == 0);
    }

    #[tokio::test]
    async fn much_at_once_is_not_lost() {
        let mut session = session(1);
        let handle = session.handle();
        let mut subscription = handle.subscribe(Some(handle.snapshot().last));
        says(&mut session, 1..=60_000);
        let (seqs, resets, _) = hears(&mut subscription, 60_000).await;
        assert!(seqs.into_iter().eq(1..=60_000) && resets == 0);
    }

    #[tokio::test]
    async fn the_end_comes_after_everything() {
        let mut session = session(1);
        let handle = session.handle();
        let mut subscription = handle.subscribe(Some(handle.snapshot().last));
        says(&mut session, 1..=3);
        drop(session);
        let (seqs, _, _) = hears(&mut subscription, 3).await;
        assert_eq!(seqs, [1, 2, 3]);
        assert!(subscription.next().await.is_none());
        let after = handle.snapshot();
        assert_eq!(after.state.me.invite.as_str(), "", "it is wiped");
        let mut late = handle.subscribe(None);
        assert!(matches!(late.next().await, Some(Heard::Reset(_))));
        assert!(late.next().await.is_none());
        let asked = handle.run(Command::Who).await;
        assert_eq!(asked, Err(CommandError::ended()));
    }
}
