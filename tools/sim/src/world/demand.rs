//! What a scenario demands of the world: everybody joins, a coordinator is found, and all is well at rest.

use core::time::Duration;

use super::World;
use crate::network::HostIndex;
use crate::oracle::{Author, Check, Witness, ensure};
use crate::process::{Health, Process};

/// How often the world is checked while it settles.
const PAUSE: Duration = Duration::from_millis(250);
/// How often the world is checked while a scenario waits for something.
const LOOK: Duration = Duration::from_millis(20);
/// How many nodes send once more after the world has settled: all of them, except in the largest rings.
const SPEAKERS: usize = 128;
/// How long nothing may change before the world counts as settled: longer than it takes to find the dead.
const CALM: Duration = Duration::from_secs(4);
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
            self.run_for(LOOK)?;
        }
    }

    /// Waits until all live members follow one live coordinator; fails after `patience`.
    pub(crate) fn coordinator_within(&mut self, patience: Duration) -> Check {
        let end = self.now + patience;
        while self.watch.leaderless.is_some() {
            self.note_failover();
            ensure(self.now < end, "E2", || {
                format!("no common live coordinator after {patience:?}")
            })?;
            self.run_for(LOOK)?;
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
            self.run_for(LOOK)?;
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
        self.hush();
        self.settle()?;
        let every = self.processes.len().div_ceil(SPEAKERS);
        for index in (0..self.processes.len()).step_by(every.max(1)) {
            self.paste(index, 1)?;
        }
        let settled = self.changed;
        self.run_for(Duration::from_secs(5))?;
        self.judge()?;
        self.figures.settled.push(settled - healed);
        Ok(())
    }

    /// Waits until the ring is whole, all members have the same messages, and neither has changed for a while; or
    /// until the time for that is over.
    fn settle(&mut self) -> Check {
        let end = self.now + SETTLE;
        let patient = self.seed.is_multiple_of(PATIENT);
        let mut same = self.now;
        while self.now < end && (patient || self.now < same.max(self.changed) + CALM) {
            self.run_for(PAUSE)?;
            if !self.is_whole() || !self.have_all_the_same() {
                same = self.now;
            }
        }
        Ok(())
    }

    /// Waits until all invariants at rest hold, if anybody lives; fails after `patience`.
    pub(crate) fn at_rest_within(&mut self, patience: Duration) -> Check {
        let end = self.now + patience;
        while self.alive() > 0
            && let Err(violation) = self.judge()
        {
            if self.now >= end {
                return Err(violation);
            }
            self.run_for(LOOK)?;
        }
        Ok(())
    }

    /// Demands from now on that the most senior member coordinates at rest.
    pub(crate) const fn expect_the_most_senior(&mut self) {
        self.oracles.expect_the_most_senior();
    }

    /// Checks that no two living nodes ever coordinated under one epoch number.
    pub(crate) fn no_two_reigned_at_once(&self) -> Check {
        let living = self.processes.iter().filter(|process| process.is_alive());
        let living: Vec<_> = living.map(Process::id).collect();
        self.oracles.no_two_reigned_at_once(&living)
    }

    /// Checks that every member saw a node leave, and not fail.
    pub(crate) fn all_saw_leave(&self, gone: HostIndex) -> Check {
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
    pub(crate) fn has_everything(&self, index: HostIndex) -> Check {
        let id = self.id(index);
        for process in &self.processes {
            let author = process.id();
            let (said, has) = (self.oracles.said_by(author), self.oracles.reach(id, author));
            ensure(said == has, "C5", || {
                format!("n{index} has {has} of the {said} messages of {author:?}")
            })?;
        }
        Ok(())
    }

    /// Starts to count how often payloads reach each node on their way round the ring.
    pub(crate) fn count_payloads(&mut self) {
        self.oracles.count_payloads();
    }

    /// Checks that at most `permille` of 1,000 counted payloads reached a node that had them.
    pub(crate) fn few_payloads_came_again(&self, permille: u64) -> Check {
        self.oracles.few_payloads_came_again(permille)
    }

    /// Checks that every author was told of everybody who has its messages.
    pub(crate) fn everybody_was_acknowledged(&self) -> Check {
        self.oracles.all_was_told()
    }

    /// Sets whether a node that becomes ready must have every message sent so far.
    pub(crate) const fn demand_everything_at_ready(&mut self, demanded: bool) {
        self.whole_at_ready = demanded;
    }

    /// Returns how many messages users have sent so far.
    pub(crate) fn said(&self) -> u64 {
        let ids = self.processes.iter().map(Process::id);
        ids.map(|id| self.oracles.said_by(id)).sum()
    }

    /// Returns how many links are open.
    pub(crate) fn open_links(&self) -> usize {
        self.network.open_links().count()
    }

    fn judge(&self) -> Check {
        let live = self.processes.iter().filter(|process| process.is_alive());
        let witnesses: Vec<Witness> = live.map(|process| (&process.node).into()).collect();
        self.one_link_a_pair()?;
        self.who_leaves_is_gone()?;
        self.oracles
            .at_rest(&witnesses, &self.authors(), self.history)
    }

    /// Returns how many messages of each author must arrive: all of a live one, what one that left had handed to a
    /// node that lives, and none of a dead one.
    fn authors(&self) -> Vec<Author> {
        let due = |process: &Process| match process.health {
            Health::Running | Health::Paused => self.oracles.said_by(process.id()),
            Health::Left { due } if self.left_something(process) => due,
            Health::Left { .. } | Health::Killed => 0,
        };
        self.processes
            .iter()
            .map(|process| Author {
                id: process.id(),
                due: due(process),
            })
            .collect()
    }

    /// Returns a member and a dead process in its view, if there are any.
    fn listed_dead(&self) -> Option<(HostIndex, HostIndex)> {
        self.members().into_iter().find_map(|index| {
            let listed = self.processes[index].node.view()?.members();
            let dead = listed
                .filter_map(|member| self.indexes.get(&member.id).copied())
                .find(|&member| !self.processes[member].is_alive())?;
            Some((index, dead))
        })
    }

    fn who_leaves_is_gone(&self) -> Check {
        let stays = |process: &Process| process.is_alive() && process.leaving.is_some();
        let staying = self.processes.iter().position(stays);
        ensure(staying.is_none(), "leave", || {
            format!("n{staying:?} has not left at rest")
        })
    }

    fn one_link_a_pair(&self) -> Check {
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
