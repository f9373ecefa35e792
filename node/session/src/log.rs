//! The last events, for subscribers that come late or come back.
//!
//! All subscribers read the same log, and each keeps only its position. If a subscriber reads too slowly, the events
//! at its position are dropped, and it starts over from a snapshot. Not here: the subscribers, and the rule that no
//! event is kept before the first subscription (`handle`).

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Event, RoomEvent};

/// The maximum number of events that are kept.
const MAX_EVENTS: usize = 8_192;
/// The maximum number of bytes that they may take together.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The number of events after which subscribers must have a chance to read. Until then, none of them is dropped.
const PAUSE_AFTER: u64 = MAX_EVENTS as u64 / 2;
/// The bytes that an event takes besides its text.
const EVENT_BYTES: usize = 256;
/// The bytes that a member takes in a view, which shares the member itself with other views.
const MEMBER_BYTES: usize = 48;

/// The id of an event: the run of a node, and the event's number in that run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventId {
    run: u64,
    number: u64,
}

/// The error for a text that is not an event id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invalid event id; expected one such as 3f9c2ab81d77e045-17")]
pub struct EventIdError;

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.run, self.number)
    }
}

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, EventIdError> {
        let (run, number) = text.split_once('-').ok_or(EventIdError)?;
        if run.len() != 16 {
            return Err(EventIdError);
        }
        let id = Self {
            run: u64::from_str_radix(run, 16).map_err(|_| EventIdError)?,
            number: number.parse().map_err(|_| EventIdError)?,
        };
        // Reject other spellings of the same id, such as leading zeros.
        (id.to_string() == text).then_some(id).ok_or(EventIdError)
    }
}

/// The last events of a run.
#[derive(Debug)]
pub(crate) struct Log {
    run: u64,
    /// The number of the oldest event that is kept.
    first: u64,
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// The number of the first event since the last pause.
    since_pause: u64,
}

impl Log {
    pub(crate) const fn new(run: u64) -> Self {
        Self {
            run,
            first: 1,
            events: VecDeque::new(),
            bytes: 0,
            since_pause: 1,
        }
    }

    /// Adds an event, and drops the oldest ones if there is no room and subscribers had a chance to read them.
    pub(crate) fn push(&mut self, event: Arc<Event>) {
        self.bytes += approximate_bytes(&event);
        self.events.push_back(event);
        while (self.events.len() > MAX_EVENTS || self.bytes > MAX_BYTES)
            && self.first < self.since_pause
        {
            let oldest = self.events.pop_front();
            self.bytes -= oldest.as_deref().map_or(0, approximate_bytes);
            self.first += 1;
        }
    }

    /// Counts an event that is not kept.
    pub(crate) fn skip(&mut self) {
        debug_assert!(self.events.is_empty(), "later ones are kept");
        self.first += 1;
        self.since_pause = self.first;
    }

    /// Returns true if subscribers should get a chance to read.
    pub(crate) fn pause_is_due(&self) -> bool {
        self.end() - self.since_pause > PAUSE_AFTER
    }

    /// Records that subscribers had a chance to read.
    pub(crate) fn record_pause(&mut self) {
        self.since_pause = self.end();
    }

    /// Drops all events.
    pub(crate) fn clear(&mut self) {
        self.first = self.end();
        self.since_pause = self.first;
        self.events = VecDeque::new();
        self.bytes = 0;
    }

    /// Returns the number of the next event.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// Returns the number of the event after `id`, if all events from there on are still kept.
    pub(crate) fn next_after(&self, id: EventId) -> Option<u64> {
        let next = id.number.checked_add(1)?;
        (id.run == self.run && self.contains(next)).then_some(next)
    }

    /// Returns true if all events from this number on are still kept.
    pub(crate) fn contains(&self, next: u64) -> bool {
        (self.first..=self.end()).contains(&next)
    }

    /// Returns at most `limit` events from this number on, and the number to read from next.
    pub(crate) fn read(&self, next: u64, limit: usize) -> (Vec<(EventId, Arc<Event>)>, u64) {
        let skipped = usize::try_from(next.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let events = self.events.iter().skip(skipped).take(limit);
        let numbered = (next..).zip(events);
        let events: Vec<_> = numbered
            .map(|(number, event)| (self.id(number), Arc::clone(event)))
            .collect();
        let next = next + events.len() as u64;
        (events, next)
    }

    pub(crate) const fn id(&self, number: u64) -> EventId {
        EventId {
            run: self.run,
            number,
        }
    }
}

/// Returns the approximate size of an event, in bytes.
fn approximate_bytes(event: &Event) -> usize {
    let more = match event {
        Event::Message(message) => {
            message.text.len() + message.heads.as_ref().map_or(0, Vec::len) * 32
        }
        Event::Control(message) => message.bytes(),
        Event::View(members) | Event::Room(_, RoomEvent::View(members)) => {
            members.len() * MEMBER_BYTES
        }
        Event::Start { base } | Event::Room(_, RoomEvent::Start { base }) => base.len() * 32,
        Event::Error(remark) | Event::Notice(remark) => remark.message.len(),
        _ => 0,
    };
    EVENT_BYTES + more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Goodbye;

    fn event() -> Arc<Event> {
        let reason = Goodbye::Quit;
        Arc::new(Event::Goodbye { reason })
    }

    #[test]
    fn an_id_survives_formatting_and_parsing() {
        let id = Log::new(7).id(12);
        assert_eq!(id.to_string(), "0000000000000007-12");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "7-12",
            "0000000000000007",
            "0000000000000007-x",
            "000000000000000g-1",
            "0000000000000007-+1",
            "0000000000000007-01",
            "+000000000000007-1",
        ] {
            assert_eq!(text.parse::<EventId>(), Err(EventIdError), "{text}");
        }
    }

    #[test]
    fn the_oldest_events_are_dropped_first() {
        let mut log = Log::new(1);
        for _ in 0..MAX_EVENTS + 10 {
            log.push(event());
            log.record_pause();
        }
        assert_eq!(log.events.len(), MAX_EVENTS);
        assert_eq!(log.first, 11);
        assert_eq!(log.next_after(log.id(9)), None);
        assert_eq!(log.next_after(log.id(10)), Some(11));
        let last = log.end() - 1;
        assert_eq!(log.next_after(log.id(last)), Some(last + 1), "all was read");
        assert_eq!(log.next_after(log.id(last + 1)), None, "it never was");
        assert_eq!(log.next_after(Log::new(2).id(20)), None, "another run");
        let (events, next) = log.read(last, 9);
        assert_eq!((events.len(), next), (1, log.end()));
        let (events, next) = log.read(11, 9);
        assert_eq!((events[8].0, next), (log.id(19), 20));
    }

    #[test]
    fn no_event_is_dropped_before_subscribers_could_read_it() {
        let mut log = Log::new(1);
        for _ in 0..MAX_EVENTS * 3 {
            log.push(event());
        }
        assert!(log.pause_is_due() && log.contains(1));
        log.record_pause();
        assert!(!log.pause_is_due() && log.contains(1), "now it is read");
        log.push(event());
        assert_eq!(log.events.len(), MAX_EVENTS);
    }

    #[test]
    fn skipped_events_are_counted() {
        let mut log = Log::new(1);
        let before = log.id(log.end() - 1);
        log.skip();
        log.push(event());
        assert_eq!(log.next_after(before), None);
        assert_eq!(log.next_after(log.id(1)), Some(2));
        log.clear();
        assert_eq!((log.bytes, log.end(), log.contains(2)), (0, 3, false));
    }

    #[test]
    fn long_events_are_dropped_sooner() {
        let mut log = Log::new(1);
        for _ in 0..20 {
            let remark = crate::Remark {
                code: crate::Code::Observer,
                message: "x".repeat(MAX_BYTES / 10),
            };
            log.push(Arc::new(Event::Notice(remark)));
            log.record_pause();
        }
        assert!(log.bytes <= MAX_BYTES && log.events.len() < 10);
    }
}
