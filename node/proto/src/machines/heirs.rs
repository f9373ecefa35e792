//! Heirs: newcomers that may be a member's process, started anew.
//!
//! A user who restarts a crashed process wants the old name back at once. The newcomer waits while the holder of that
//! name is looked for at the newcomer's own host. If that host refuses the connection, the holder's process is gone,
//! and the newcomer inherits the name. Not here: the choice of the holder, and the search for it
//! (`concerns::naming`).

use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::Time;

/// How long a newcomer waits at most: a trial, and the view without the dead. Longer would keep out the second bob of
/// a host.
const INHERITANCE_WAIT: Duration = Duration::from_secs(2);

/// How many newcomers wait at a time: each makes this node dial somebody.
const MAX_HEIRS: usize = 16;

/// Newcomers that may inherit a name.
#[derive(Debug, Default)]
pub(crate) struct Heirs {
    by_newcomer: BTreeMap<NodeId, Heir>,
}

#[derive(Debug)]
struct Heir {
    holder: NodeId,
    host: IpAddr,
    since: Time,
    until: Time,
    /// Whether the newcomer's host refused a connection to the holder.
    refused: bool,
    /// Whether there is nothing left to wait for.
    done: bool,
}

impl Heirs {
    /// Lets a newcomer at that host wait, since it may be the holder's process started anew. Returns false if too
    /// many wait, or it waited before.
    pub(crate) fn start_wait(
        &mut self,
        now: Time,
        newcomer: NodeId,
        holder: NodeId,
        host: IpAddr,
    ) -> bool {
        let is_new =
            !self.by_newcomer.contains_key(&newcomer) && self.by_newcomer.len() < MAX_HEIRS;
        if is_new {
            let heir = Heir {
                holder,
                host,
                since: now,
                until: now + INHERITANCE_WAIT,
                refused: false,
                done: false,
            };
            self.by_newcomer.insert(newcomer, heir);
        }
        is_new
    }

    /// Notes that connections to a holder were refused at these hosts.
    pub(crate) fn note_refused(&mut self, holder: &NodeId, at: &[IpAddr]) {
        for heir in self.of(holder) {
            heir.refused |= at.contains(&heir.host);
        }
    }

    /// Ends the waits for a holder that is not a member and was looked for: there is nothing more to learn.
    pub(crate) fn end_waits(&mut self, holder: &NodeId) {
        for heir in self.of(holder) {
            heir.done = true;
        }
    }

    /// Notes that a holder answered something sent at `sent`. If it was asked after a newcomer's wait began, it is
    /// alive, and that newcomer inherits nothing. Older answers prove nothing, since they may be read late.
    pub(crate) fn note_answer(&mut self, holder: &NodeId, sent: Time) {
        for heir in self.of(holder).filter(|heir| heir.since <= sent) {
            heir.refused = false;
            heir.done = true;
        }
    }

    /// Returns true if a newcomer waits for news of this holder.
    pub(crate) fn is_probing(&self, holder: &NodeId) -> bool {
        let mut heirs = self.by_newcomer.values();
        heirs.any(|heir| heir.holder == *holder && !heir.done)
    }

    /// Ends the waits that have lasted too long.
    pub(crate) fn expire(&mut self, now: Time) {
        for heir in self.by_newcomer.values_mut() {
            heir.done |= heir.until <= now;
        }
    }

    /// Returns when [`Heirs::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let waiting = self.by_newcomer.values().filter(|heir| !heir.done);
        waiting.map(|heir| heir.until).min()
    }

    /// Returns true if a newcomer has to wait.
    pub(crate) fn must_wait(&self, newcomer: &NodeId) -> bool {
        let heir = self.by_newcomer.get(newcomer);
        heir.is_some_and(|heir| !heir.done)
    }

    /// Returns the holder whose name a newcomer inherits, unless that holder is a member.
    pub(crate) fn inherits_from(&self, newcomer: &NodeId) -> Option<NodeId> {
        let heir = self.by_newcomer.get(newcomer).filter(|heir| heir.refused);
        heir.map(|heir| heir.holder)
    }

    /// Forgets a newcomer that is a member by now, or gone.
    pub(crate) fn forget(&mut self, newcomer: &NodeId) {
        self.by_newcomer.remove(newcomer);
    }

    fn of(&mut self, holder: &NodeId) -> impl Iterator<Item = &mut Heir> {
        let heirs = self.by_newcomer.values_mut();
        heirs.filter(move |heir| heir.holder == *holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::test_support::id;

    const NEWCOMER: u16 = 9;
    const HOLDER: u16 = 1;

    fn host(last: u8) -> IpAddr {
        [192, 168, 1, last].into()
    }

    fn waiting() -> Heirs {
        let mut heirs = Heirs::default();
        assert!(heirs.start_wait(Time::default(), id(NEWCOMER), id(HOLDER), host(1)));
        assert!(heirs.must_wait(&id(NEWCOMER)));
        heirs
    }

    #[test]
    fn a_refusal_at_the_newcomers_host_makes_an_heir() {
        let mut heirs = waiting();
        heirs.note_refused(&id(HOLDER), &[host(2)]);
        assert_eq!(heirs.inherits_from(&id(NEWCOMER)), None);
        heirs.note_refused(&id(2), &[host(1)]);
        assert_eq!(heirs.inherits_from(&id(NEWCOMER)), None);
        heirs.note_refused(&id(HOLDER), &[host(2), host(1)]);
        assert!(
            heirs.must_wait(&id(NEWCOMER)),
            "the holder is a member still"
        );
        heirs.end_waits(&id(HOLDER));
        assert!(!heirs.must_wait(&id(NEWCOMER)));
        assert_eq!(heirs.inherits_from(&id(NEWCOMER)), Some(id(HOLDER)));
    }

    #[test]
    fn a_live_holder_leaves_no_name() {
        let mut heirs = waiting();
        heirs.note_refused(&id(HOLDER), &[host(1)]);
        heirs.note_answer(&id(HOLDER), Time::default());
        assert!(!heirs.must_wait(&id(NEWCOMER)) && !heirs.is_probing(&id(HOLDER)));
        assert_eq!(heirs.inherits_from(&id(NEWCOMER)), None);
        assert!(!heirs.start_wait(Time::default(), id(NEWCOMER), id(HOLDER), host(1)));
    }

    #[test]
    fn an_old_answer_is_no_sign_of_life() {
        let mut heirs = Heirs::default();
        let asked = Time::from_micros(1_000);
        assert!(heirs.start_wait(asked, id(NEWCOMER), id(HOLDER), host(1)));
        heirs.note_answer(&id(HOLDER), Time::from_micros(999));
        assert!(heirs.must_wait(&id(NEWCOMER)) && heirs.is_probing(&id(HOLDER)));
    }

    #[test]
    fn waits_end_and_their_number_is_bounded() {
        let mut heirs = waiting();
        let many = (100..200).filter(|&newcomer| {
            heirs.start_wait(Time::default(), id(newcomer), id(HOLDER), host(1))
        });
        assert_eq!(many.count(), MAX_HEIRS - 1);
        let due = heirs.deadline().unwrap();
        heirs.expire(due);
        assert!(!heirs.must_wait(&id(NEWCOMER)));
        assert_eq!(heirs.deadline(), None);
    }
}
