//! The end of a session that a face has: it asks, and hears what happens.
//!
//! Not here: what it is told of (`session`), and how much is kept for those who come back (`log`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use crate::log::Log;
use crate::{Asker, Command, CommandError, Event, EventId, Reply, Request, State};

/// How many events a subscriber is given at once.
const AT_ONCE: usize = 256;

/// What the ends of a session share.
#[derive(Debug)]
pub(crate) struct Shared {
    kept: Mutex<Kept>,
}

/// The last events, and what follows from all of them.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) log: Log,
    pub(crate) state: State,
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

/// What a session was at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The last event that it knows of.
    pub last: EventId,
    /// What followed from all events until then.
    pub state: State,
}

/// Asks a node for things, and hears what happens there. Clones are as good.
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

    /// Asks for something, and waits for the answer.
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

    /// Hears what happens after that event. Where it is of another run, or more has happened since than is kept, or none
    /// is named, the first thing heard is how the session stands.
    pub fn subscribe(&self, since: Option<EventId>) -> Subscription {
        let next = since.and_then(|id| self.shared.kept().log.after(id));
        Subscription {
            shared: Arc::clone(&self.shared),
            end: self.end.clone(),
            next,
        }
    }

    /// How the session stands.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.kept().snapshot()
    }
}

impl Kept {
    fn snapshot(&self) -> Snapshot {
        Snapshot {
            last: self.log.id(self.log.end() - 1),
            state: self.state.clone(),
        }
    }
}

/// Hears what happens.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    end: watch::Receiver<u64>,
    /// The number of the next event; nothing where it is to be told how the session stands first.
    next: Option<u64>,
}

/// What a subscriber hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// How the session stands, since what happened before is not, or no longer, here.
    Reset(Box<Snapshot>),
    /// What happened next, in turn: one event at least.
    Events(Vec<(EventId, Arc<Event>)>),
}

impl Subscription {
    /// Waits for what happens next; nothing after the last event of a node that has ended.
    ///
    /// It may be dropped while it waits, and loses nothing.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            self.end.mark_unchanged();
            if let Some(heard) = self.read() {
                return Some(heard);
            }
            // What came before the end was read.
            if self.end.changed().await.is_err() {
                return self.read();
            }
        }
    }

    fn read(&mut self) -> Option<Heard> {
        let kept = self.shared.kept();
        let Some(next) = self.next.filter(|next| kept.log.has(*next)) else {
            self.next = Some(kept.log.end());
            return Some(Heard::Reset(Box::new(kept.snapshot())));
        };
        let events = kept.log.read(next, AT_ONCE);
        drop(kept);
        self.next = Some(next + events.len() as u64);
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

    /// Tells of that many messages more, in one turn.
    fn says(session: &mut Session, seqs: std::ops::RangeInclusive<u64>) {
        for seq in seqs {
            session.tell(message(seq), Instant::now());
        }
        session.settle().unwrap();
    }

    /// The numbers of the messages that a subscriber hears until the last one, and how often it had to begin anew.
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
        let (seqs, resets, _) = hears(&mut slow, 10_001).await;
        assert!(seqs.is_empty() && resets == 1, "it has read too slowly");
        says(&mut session, 10_002..=10_002);
        let (seqs, resets, _) = hears(&mut slow, 10_002).await;
        assert!(seqs == [10_002] && resets == 0, "and goes on");
        let elsewhere = self::session(2).handle().snapshot().last;
        for since in [Some(last), Some(elsewhere), None] {
            let mut subscription = handle.subscribe(since);
            let heard = subscription.next().await;
            assert!(matches!(heard, Some(Heard::Reset(_))), "{since:?}");
        }
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
        let asked = handle.run(Command::Who).await;
        assert_eq!(asked, Err(CommandError::ended()));
    }
}
