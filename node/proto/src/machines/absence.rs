//! Absence: this node was stopped, or cut off from everyone, and is told what came meanwhile.
//!
//! An absence is over when a neighbour's clock shows that nothing is missing any more. Not here: what a node does
//! about its sleep (`self_doubt`), and how it catches up (`repair`).

use core::time::Duration;

use crate::Time;

/// The shortest absence that is told: in a shorter one hardly anybody misses anything.
const TOLD_FROM: Duration = Duration::from_secs(3);
/// How long after an absence its end is told at the latest. In a lively talk clocks hardly ever agree.
const CATCHING_UP_MOST: Duration = Duration::from_secs(10);

/// Whether this node is away, or has just come back.
#[derive(Debug, Default)]
pub(crate) struct Absence {
    /// Since when nobody else is in this node's view, because all others failed.
    lonely_since: Option<Time>,
    catching_up: Option<CatchingUp>,
}

#[derive(Clone, Copy, Debug)]
struct CatchingUp {
    since: Time,
    lasted: Duration,
    messages: u64,
    /// True if this node was stopped. If not, the others may have been: it is told only if it has missed something.
    slept: bool,
}

/// The report of an absence, for the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Return {
    pub(crate) lasted: Duration,
    /// How many messages of others have come since.
    pub(crate) messages: u64,
}

impl Absence {
    /// Notes that this node was stopped for so long. Alone it misses nothing.
    pub(crate) fn note_sleep(&mut self, now: Time, lasted: Duration, alone: bool) {
        if !alone {
            self.come_back(now, lasted, true);
        }
    }

    /// Notes that a view without anyone else is in force; the others `failed`, or have left.
    pub(crate) fn note_alone(&mut self, now: Time, failed: bool) {
        self.catching_up = None;
        if failed {
            self.lonely_since.get_or_insert(now);
        } else {
            self.lonely_since = None;
        }
    }

    /// Notes that a view with others is in force: those of another ring if the two have `merged`, or else newcomers.
    pub(crate) fn note_company(&mut self, now: Time, merged: bool) {
        let lonely = self.lonely_since.take();
        if let Some(since) = lonely.filter(|_| merged) {
            self.come_back(now, now - since, false);
        }
    }

    /// Counts delivered messages of others.
    pub(crate) fn note_messages(&mut self, count: usize) {
        if let Some(catching_up) = &mut self.catching_up {
            catching_up.messages += count as u64;
        }
    }

    /// Notes that a neighbour has nothing that this node lacks. Returns what to tell, if that ends an absence.
    pub(crate) fn note_up_to_date(&mut self) -> Option<Return> {
        let CatchingUp {
            lasted,
            messages,
            slept,
            ..
        } = self.catching_up.take()?;
        (slept || messages > 0).then_some(Return { lasted, messages })
    }

    /// Returns when an absence is told at the latest.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let catching_up = self.catching_up?;
        Some(catching_up.since + CATCHING_UP_MOST)
    }

    /// Returns what to tell if catching up takes too long to wait for its end.
    pub(crate) fn expire(&mut self, now: Time) -> Option<Return> {
        if self.deadline().is_none_or(|due| due > now) {
            return None;
        }
        self.note_up_to_date()
    }

    fn come_back(&mut self, now: Time, lasted: Duration, slept: bool) {
        let before = self.catching_up;
        let whole = before.map_or(lasted, |before| before.lasted + lasted);
        if before.is_some() || lasted >= TOLD_FROM {
            self.catching_up = Some(CatchingUp {
                since: now,
                lasted: whole,
                messages: before.map_or(0, |before| before.messages),
                slept: slept || before.is_some_and(|before| before.slept),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLEPT: Duration = Duration::from_secs(8);

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    fn back(seconds: u64, messages: u64) -> Return {
        let lasted = Duration::from_secs(seconds);
        Return { lasted, messages }
    }

    #[test]
    fn what_comes_until_the_clocks_agree_is_counted() {
        let mut absence = Absence::default();
        absence.note_messages(3);
        absence.note_sleep(at(20), SLEPT, false);
        absence.note_messages(12);
        assert_eq!(absence.expire(at(21)), None);
        assert_eq!(absence.note_up_to_date(), Some(back(8, 12)));
        assert_eq!(absence.note_up_to_date(), None, "once");
        assert_eq!(absence.deadline(), None);
    }

    #[test]
    fn an_absence_in_a_lively_talk_is_told_after_a_while() {
        let mut absence = Absence::default();
        absence.note_sleep(at(20), SLEPT, false);
        absence.note_messages(2);
        assert_eq!(absence.deadline(), Some(at(30)));
        assert_eq!(absence.expire(at(30)), Some(back(8, 2)));
    }

    #[test]
    fn two_sleeps_before_catching_up_are_one_absence() {
        let mut absence = Absence::default();
        absence.note_sleep(at(20), SLEPT, false);
        absence.note_messages(2);
        absence.note_sleep(at(25), Duration::from_secs(2), false);
        assert_eq!(absence.note_up_to_date(), Some(back(10, 2)));
    }

    #[test]
    fn a_short_sleep_and_a_sleep_alone_are_not_told() {
        let mut absence = Absence::default();
        absence.note_sleep(at(20), Duration::from_millis(2_900), false);
        absence.note_sleep(at(30), SLEPT, true);
        assert_eq!(absence.note_up_to_date(), None);
    }

    #[test]
    fn who_was_cut_off_alone_is_told_after_the_merge() {
        let mut absence = Absence::default();
        absence.note_alone(at(10), true);
        absence.note_alone(at(12), true);
        absence.note_company(at(18), true);
        absence.note_messages(5);
        assert_eq!(absence.note_up_to_date(), Some(back(8, 5)));
        absence.note_alone(at(20), true);
        absence.note_company(at(28), true);
        assert_eq!(absence.note_up_to_date(), None, "the others were away");
        absence.note_alone(at(30), true);
        absence.note_company(at(40), false);
        assert_eq!(
            absence.note_up_to_date(),
            None,
            "somebody came to this node"
        );
        absence.note_alone(at(50), false);
        absence.note_company(at(60), true);
        assert_eq!(absence.note_up_to_date(), None, "the others had left");
    }
}
