//! The demands of a scenario on the world: everybody joins, a coordinator is found, and all is well at rest.

use core::time::Duration;

use super::{POLL_INTERVAL, World};
use crate::network::{Health, HostIndex};
use crate::oracle::{Author, Check, Witness, ensure};
use crate::process::Process;

/// How often the world is checked while it settles.
const SETTLE_POLL: Duration = Duration::from_millis(250);
/// How many nodes send once more after the world has settled: all of them, except in the largest rings.
const SENDERS: usize = 128;
/// How long nothing may change before the world counts as settled: longer than it takes to find the dead.
const QUIET: Duration = Duration::from_secs(4);
/// One seed in this many waits the full time, even if nothing changes.
const PATIENT: u64 = 8;
/// How long the world may take to settle once the faults are over.
const SETTLE: Duration = Duration::from_secs(20);

impl World {
    /// Waits until every running node is ready; fails after `patience`.
    pub(crate) fn all_ready_within(&mut self, patience: Duration) -> Check {
        let end = self.now + patience;
        loop {
            let outside: Vec<HostIndex> = (0..self.processes.len())
                .filter(|&index| self.processes[index].is_running() && !self.is_member(index))
                .collect();
            if outside.is_empty() {
                return Ok(());
            }
            ensure(self.now < end, "ready", || {
                format!("n{outside:?} are not ready after {patience:?}")
            })?;
            self.run_for(POLL_INTERVAL)?;
        }
    }

    /// Waits until all live members follow one live coordinator; fails after `patience`.
    pub(crate) fn coordinator_within(&mut self, patience: Duration) -> Check {
        let end = self.now + patience;
        while self.recovery.leaderless.is_some() {
            self.record_failover();
            ensure(self.now < end, "E2", || {
                format!("no common live coordinator after {patience:?}")
            })?;
            self.run_for(POLL_INTERVAL)?;
        }
        Ok(())
    }

    /// Waits until no member's view lists a process that is gone; fails after `patience`.
    pub(crate) fn dead_are_gone_within(&mut self, patience: Duration) -> Check {
        let begun = self.now;
        while let Some((index, dead)) = self.listed_dead() {
            ensure(self.now < begun + patience, "V3", || {
                format!("the view of n{index} lists the dead n{dead} after {patience:?}")
            })?;
            self.run_for(POLL_INTERVAL)?;
        }
        self.figures.burials.push(self.now - begun);
        Ok(())
    }

    /// Ends the faults and lets the world settle; then many nodes send once more, and the invariants at rest are
    /// checked.
    pub(crate) fn must_come_to_rest(&mut self) -> Check {
        self.heal()?;
        let healed = self.now;
        self.run_for(Duration::from_secs(3))?;
        self.silence_users();
        self.settle()?;
        let every = self.processes.len().div_ceil(SENDERS);
        for index in (0..self.processes.len()).step_by(every.max(1)) {
            self.send_lines(index, 1)?;
        }
        self.send_lines_in_rooms()?;
        let settled = self.last_change;
        self.run_for(Duration::from_secs(5))?;
        self.check_at_rest()?;
        self.figures.settled.push(settled - healed);
        Ok(())
    }

    /// Waits until the ring is whole, all members have the same messages, and neither has changed for a while; or
    /// until the time for that is over.
    fn settle(&mut self) -> Check {
        let end = self.now + SETTLE;
        let patient = self.setup.seed.is_multiple_of(PATIENT);
        let mut same = self.now;
        while self.now < end && (patient || self.now < same.max(self.last_change) + QUIET) {
            self.run_for(SETTLE_POLL)?;
            if !self.is_whole() || !self.have_same_messages() || !self.are_rooms_whole() {
                same = self.now;
            }
        }
        Ok(())
    }

    /// Waits until all invariants at rest hold, if anybody lives; fails after `patience`.
    pub(crate) fn at_rest_within(&mut self, patience: Duration) -> Check {
        let end = self.now + patience;
        while self.alive() > 0
            && let Err(violation) = self.check_at_rest()
        {
            if self.now >= end {
                return Err(violation);
            }
            self.run_for(POLL_INTERVAL)?;
        }
        Ok(())
    }

    /// Demands from now on that the most senior member coordinates at rest.
    pub(crate) const fn expect_the_most_senior(&mut self) {
        self.oracles.expect_the_most_senior();
    }

    /// Checks that no two living nodes ever coordinated under one epoch number.
    pub(crate) fn check_one_coordinator_per_number(&self) -> Check {
        let living = self.processes.iter().filter(|process| process.is_alive());
        let living: Vec<_> = living.map(Process::id).collect();
        self.oracles.check_one_coordinator_per_number(&living)
    }

    /// Checks that every member saw a node leave, and not fail.
    pub(crate) fn check_leave_shown(&self, gone: HostIndex) -> Check {
        let gone = self.id(gone);
        for index in self.members() {
            let id = self.id(index);
            ensure(self.oracles.saw_leave(id, gone), "leave", || {
                format!("n{index} has not seen {gone:?} leave")
            })?;
        }
        Ok(())
    }

    /// Checks that a node has every message sent so far.
    pub(crate) fn check_has_everything(&self, index: HostIndex) -> Check {
        let id = self.id(index);
        for process in &self.processes {
            let author = process.id();
            let (sent, has) = (
                self.oracles.sent_count(author),
                self.oracles.watermark(id, author),
            );
            ensure(sent == has, "C5", || {
                format!("n{index} has {has} of the {sent} messages of {author:?}")
            })?;
        }
        Ok(())
    }

    /// Starts to count how often payloads reach each node on their way round the ring.
    pub(crate) fn count_payloads(&mut self) {
        self.oracles.count_payloads();
    }

    /// Checks that at most `permille` of 1,000 counted payloads reached a node that had them.
    pub(crate) fn check_duplicate_payloads(&self, permille: u64) -> Check {
        self.oracles.check_duplicate_payloads(permille)
    }

    /// Checks that every author was told of all members that have delivered its messages.
    pub(crate) fn check_acks_complete(&self) -> Check {
        self.oracles.check_acks_complete()
    }

    /// Waits until every author is told that everyone has its messages, though nobody says more; fails after
    /// `patience`.
    pub(crate) fn marks_complete_within(&mut self, patience: Duration) -> Check {
        let end = self.now + patience;
        loop {
            let live = self.processes.iter().filter(|process| process.is_alive());
            let witnesses: Vec<Witness> = live.map(|process| process.node().into()).collect();
            let check = self.oracles.check_marks(&witnesses);
            if check.is_ok() || self.now >= end {
                return check;
            }
            self.run_for(POLL_INTERVAL)?;
        }
    }

    /// Sets whether a node that becomes ready must have every message sent so far.
    pub(crate) const fn demand_everything_at_ready(&mut self, demanded: bool) {
        self.setup.whole_at_ready = demanded;
    }

    /// Returns how many messages users have sent so far.
    pub(crate) fn total_sent(&self) -> u64 {
        let ids = self.processes.iter().map(Process::id);
        ids.map(|id| self.oracles.sent_count(id)).sum()
    }

    /// Returns how many links are open.
    pub(crate) fn open_links(&self) -> usize {
        self.network.open_links().count()
    }

    fn check_at_rest(&self) -> Check {
        let live = self.processes.iter().filter(|process| process.is_alive());
        let witnesses: Vec<Witness> = live.map(|process| process.node().into()).collect();
        self.check_one_link_per_pair()?;
        self.check_leavers_are_gone()?;
        self.oracles
            .check_at_rest(&witnesses, &self.authors(), self.setup.history)?;
        self.check_rooms_at_rest()
    }

    /// Returns how many messages of each author must arrive: all of a live one, what one that left had handed to a
    /// node that lives, and none of a dead one.
    fn authors(&self) -> Vec<Author> {
        let due = |process: &Process| match process.health {
            Health::Running | Health::Paused => self.oracles.sent_count(process.id()),
            Health::Left if self.must_be_handed_over(process) => process.departure.handed_over,
            Health::Left | Health::Killed | Health::Vanished => 0,
        };
        self.processes
            .iter()
            .map(|process| Author {
                id: process.id(),
                due: due(process),
                excused: 0,
            })
            .collect()
    }

    /// Returns a member and a dead process in its view, if there are any.
    fn listed_dead(&self) -> Option<(HostIndex, HostIndex)> {
        self.members().into_iter().find_map(|index| {
            let listed = self.processes[index].node().view()?.members();
            let dead = listed
                .filter_map(|member| self.indexes.get(&member.id).copied())
                .find(|&member| !self.processes[member].is_alive())?;
            Some((index, dead))
        })
    }

    fn check_leavers_are_gone(&self) -> Check {
        let stays = |process: &Process| process.is_alive() && process.departure.since.is_some();
        let staying = self.processes.iter().position(stays);
        ensure(staying.is_none(), "leave", || {
            format!("n{staying:?} has not left at rest")
        })
    }

    fn check_one_link_per_pair(&self) -> Check {
        // Links between two vanished hosts do not count: nobody is left to close them.
        let lives = |&index: &HostIndex| self.processes[index].is_alive();
        let mut pairs: Vec<[HostIndex; 2]> = self
            .network
            .open_links()
            .filter(|(_, one, other)| lives(one) || lives(other))
            .map(|(_, one, other)| [one.min(other), one.max(other)])
            .collect();
        pairs.sort_unstable();
        let twice = pairs.windows(2).find(|pair| pair[0] == pair[1]);
        ensure(twice.is_none(), "links", || {
            format!("two links join the same nodes at rest: {twice:?}")
        })
    }
}
