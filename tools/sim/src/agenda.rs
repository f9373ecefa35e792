//! The agenda: planned events in the order of virtual time; at one time, in the order of planning.

use std::collections::BTreeMap;

use ringtalk_proto::Time;

/// The name of a planned event, by which it can be cancelled.
pub(crate) type Slot = (Time, u64);

/// The planned events.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    items: BTreeMap<Slot, T>,
    planned: u64,
}

impl<T> Agenda<T> {
    /// Creates an empty agenda.
    pub(crate) const fn new() -> Self {
        Self {
            items: BTreeMap::new(),
            planned: 0,
        }
    }

    /// Plans an event.
    pub(crate) fn plan(&mut self, when: Time, what: T) -> Slot {
        self.planned += 1;
        let slot = (when, self.planned);
        self.items.insert(slot, what);
        slot
    }

    /// Cancels an event, if it has not happened yet.
    pub(crate) fn cancel(&mut self, slot: Slot) {
        self.items.remove(&slot);
    }

    /// Returns the time of the next event.
    pub(crate) fn next(&self) -> Option<Time> {
        self.items.keys().next().map(|&(when, _)| when)
    }

    /// Takes the next event out.
    pub(crate) fn pop(&mut self) -> Option<(Time, T)> {
        let ((when, _), what) = self.items.pop_first()?;
        Some((when, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_first_then_the_order_of_planning() {
        let mut agenda = Agenda::new();
        let at = Time::from_micros;
        agenda.plan(at(5), 'c');
        agenda.plan(at(3), 'a');
        let off = agenda.plan(at(4), 'x');
        agenda.plan(at(3), 'b');
        agenda.cancel(off);
        assert_eq!(agenda.next(), Some(at(3)));
        let order: String = std::iter::from_fn(|| agenda.pop())
            .map(|(_, what)| what)
            .collect();
        assert_eq!(order, "abc");
    }
}
