//! The event queue: events in the order of virtual time; at one time, in the order in which they were pushed.

use std::collections::BTreeMap;

use ringtalk_proto::Time;

/// The id of a queued event, by which it can be cancelled.
pub(crate) type EventId = (Time, u64);

/// The queued events.
#[derive(Debug)]
pub(crate) struct EventQueue<T> {
    items: BTreeMap<EventId, T>,
    pushed: u64,
}

impl<T> EventQueue<T> {
    /// Creates an empty queue.
    pub(crate) const fn new() -> Self {
        Self {
            items: BTreeMap::new(),
            pushed: 0,
        }
    }

    /// Queues an event, and returns its id.
    pub(crate) fn push(&mut self, time: Time, event: T) -> EventId {
        self.pushed += 1;
        let id = (time, self.pushed);
        self.items.insert(id, event);
        id
    }

    /// Cancels an event, if it has not happened yet.
    pub(crate) fn cancel(&mut self, id: EventId) {
        self.items.remove(&id);
    }

    /// Returns the time of the next event.
    pub(crate) fn next_time(&self) -> Option<Time> {
        self.items.keys().next().map(|&(time, _)| time)
    }

    /// Takes the next event out.
    pub(crate) fn pop(&mut self) -> Option<(Time, T)> {
        let ((time, _), event) = self.items.pop_first()?;
        Some((time, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_of_pushing() {
        let mut queue = EventQueue::new();
        let at = Time::from_micros;
        queue.push(at(5), 'c');
        queue.push(at(3), 'a');
        let cancelled = queue.push(at(4), 'x');
        queue.push(at(3), 'b');
        queue.cancel(cancelled);
        assert_eq!(queue.next_time(), Some(at(3)));
        let order: String = std::iter::from_fn(|| queue.pop())
            .map(|(_, event)| event)
            .collect();
        assert_eq!(order, "abc");
    }
}
