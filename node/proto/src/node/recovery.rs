//! Recovery: the history for a newcomer, and messages lost on the way.
//!
//! `PROTOCOL.md` §4.4, §4.5 and §5.1. Not here: which messages are missing, and how they are requested (`history`).

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use ringtalk_wire::name::is_name;
use ringtalk_wire::{
    Byline, Cut, Digest, Frame, Has, Holding, MessageId, NodeId, Pull, PullEnd, Range, VectorClock,
};

use super::Node;
use crate::concerns::history::cuts::WITNESS_WAIT;
use crate::concerns::history::send_digest;
use crate::config::PULL_BYTES;
use crate::machines::search::SearchStep;
use crate::planted::PlantedBug;
use crate::{Event, Time};

impl Node {
    pub(super) fn take_digest(&mut self, peer: NodeId, digest: &Digest) {
        let now = self.context.now;
        if !self.discussion.has_started() {
            return;
        }
        if let Some(leaving) = &mut self.leaving {
            leaving.note_held_by_neighbour(&digest.entries);
        }
        let me = self.context.config.id;
        if let Some(own) = digest.entries.iter().find(|entry| entry.author == me) {
            self.relay.outbox.note_held_elsewhere(1, own.seq);
            self.relay.note_covered(&mut self.context, peer, own.seq);
        }
        let equivocator = self.context.has_equivocated(&peer).then_some(peer);
        let entries = digest.entries.iter();
        for &entry in entries.filter(|entry| Some(entry.author) != equivocator) {
            if self.context.planted.has(PlantedBug::MergeKeepsOneSide)
                && self.context.layout() > Some(0)
            {
                self.discussion.skip(entry);
            }
            if self.discussion.causal.is_aside(&entry.author) {
                self.discussion
                    .admit_requested(&self.context, entry.author, peer, true);
            }
            if self.discussion.causal.first_missing(entry.author) <= entry.seq
                && self
                    .discussion
                    .has_room_for_author(&self.context, &entry.author, &peer)
            {
                self.history.repair.want(now, entry, peer, false);
            }
        }
        if digest.answer {
            send_digest(&mut self.context, &self.discussion, &peer, false);
        }
    }

    /// Answers a pull: sends the kept bundles of these ranges, and then the end of that pull.
    pub(super) fn take_pull(&mut self, peer: NodeId, pull: &Pull) {
        let Pull { number, ranges } = pull;
        if self.context.links.is_full(&peer) {
            return;
        }
        let pulled = self.discussion.log.pull(ranges, PULL_BYTES);
        let own = ranges
            .iter()
            .find(|range| range.author == self.context.config.id);
        if let Some(own) = own.filter(|_| !pulled.more) {
            self.relay.outbox.note_held_elsewhere(own.from, own.to);
        }
        for sealed in pulled.bundles {
            let frame = Frame::Pulled(sealed);
            self.context.send(&peer, &frame);
        }
        let end = Frame::PullEnd(PullEnd {
            number: *number,
            more: pulled.more,
            evicted: pulled.evicted,
        });
        self.context.send(&peer, &end);
    }

    pub(super) fn take_pull_end(&mut self, peer: NodeId, end: &PullEnd) {
        let now = self.context.now;
        self.deliver_ready();
        let causal = &self.discussion.causal;
        let first_missing = |author| causal.first_missing(author);
        let answer = (end.number, end.more);
        let asked = self
            .history
            .repair
            .pull_ended(now, &peer, answer, first_missing);
        self.history.pull_due(&mut self.context, &self.discussion);
        for range in &end.evicted {
            let up_to = MessageId {
                author: range.author,
                seq: range.to,
            };
            let within = |asked: &Range| asked.author == range.author && range.to <= asked.to;
            if asked.iter().any(within)
                && self.discussion.causal.first_missing(range.author) <= range.to
            {
                self.history.searches.seek(now, up_to);
            }
        }
        self.history
            .offer_recovered(&mut self.context, &self.ring, &self.discussion, &peer);
    }

    /// Returns when this node has to ask for missing messages.
    pub(super) fn recovery_due(&self) -> Option<Time> {
        let repair = self.history.repair.deadline();
        let repair = repair.filter(|_| !self.context.reader_lag.is_behind());
        let searches = self.history.searches.deadline();
        [repair, searches].into_iter().flatten().min()
    }

    pub(super) fn expire_waits(&mut self) {
        let repair = &self.history.repair;
        self.discussion
            .expire_waits(self.context.now, |author| repair.is_wanted(author));
    }

    pub(super) fn expire_repair(&mut self) {
        let now = self.context.now;
        self.history.pull_due(&mut self.context, &self.discussion);
        let repair = &self.history.repair;
        self.discussion
            .admit_strangers(&self.context, |author| repair.is_wanted(author));
        let causal = &self.discussion.causal;
        let searches = &mut self.history.searches;
        searches.forget_delivered(|message| causal.has_delivered(message));
        if searches.start_scan(now, causal.awaited()) {
            self.history
                .search_for_missing(&self.context, &self.discussion);
        }
        let view = self.context.view.clone();
        let is_member = |id: &NodeId| view.as_ref().is_some_and(|view| view.contains(id));
        let arriving_until = self.history.repair.arriving_until();
        let searches = &mut self.history.searches;
        for step in searches.expire(now, arriving_until, is_member) {
            self.search_step(step);
        }
    }

    /// Starts the clock, unless it has started. `history` is the number of earlier messages to come.
    pub(super) fn start_clock(&mut self, base: VectorClock, lamport: u64, history: u64) {
        if !self.discussion.has_started() {
            self.discussion.start(&base, lamport);
            self.context.joining.progress().set_total(history);
            self.context.emit(Event::Start { base });
        }
    }

    pub(super) fn take_who_has(&mut self, peer: NodeId, message: MessageId) {
        let holding = if self.discussion.log.holds(message) {
            Holding::Held
        } else if self.discussion.causal.has_delivered(message) {
            Holding::Evicted
        } else {
            Holding::Never
        };
        let has = Frame::Has(Has { message, holding });
        self.context.send(&peer, &has);
        if holding == Holding::Held {
            let only = message.seq;
            let range = Range {
                author: message.author,
                from: only,
                to: only,
            };
            let pull = Pull {
                number: 0,
                ranges: Vec::from([range]),
            };
            self.take_pull(peer, &pull);
        }
    }

    fn search_step(&mut self, step: SearchStep) {
        match step {
            SearchStep::AskNeighbours(message) => {
                let range = Range {
                    author: message.author,
                    from: self
                        .discussion
                        .causal
                        .first_missing(message.author)
                        .min(message.seq),
                    to: message.seq,
                };
                for peer in self.ring.neighbour_ids() {
                    self.history
                        .pull_ranges(&mut self.context, peer, Vec::from([range]));
                }
            }
            SearchStep::AskEverybody(message) => {
                let Some(view) = self.context.view.clone() else {
                    return;
                };
                let everybody: BTreeSet<NodeId> = view
                    .members()
                    .map(|member| member.id)
                    .filter(|id| *id != self.context.config.id)
                    .collect();
                for id in &everybody {
                    self.context.send_to_member(id, &Frame::WhoHas(message));
                }
                self.history.searches.note_asked(message, everybody);
            }
            SearchStep::Gap { message, delivered } => {
                // No member can give the rest of a fork, so nobody waits for it.
                let forked = self.context.has_equivocated(&message.author);
                self.gap(message, delivered || forked);
                self.discussion.causal.give_up_on(message);
            }
        }
    }

    /// Reports a gap: no member can give the messages. If they were delivered elsewhere, the clock passes them.
    pub(super) fn gap(&mut self, message: MessageId, delivered: bool) {
        // No other node can know messages that this node has not sent.
        let delivered = delivered && message.author != self.context.config.id;
        if !self.context.planted.has(PlantedBug::HiddenGap) {
            self.context.emit(Event::Gap {
                author: message.author,
                from: self.discussion.causal.last_of(&message.author) + 1,
                to: message.seq,
                passed: delivered,
            });
        }
        if delivered {
            self.discussion.skip(message);
        }
    }

    /// Answers a newcomer that asks for a cut.
    pub(super) fn take_fetch(&mut self, peer: NodeId) {
        self.history
            .take_fetch(&mut self.context, &mut self.discussion, &self.forks, peer);
    }

    /// Takes a page of the cut of a peer that was asked.
    pub(super) fn take_cut(&mut self, peer: NodeId, cut: Cut) {
        let now = self.context.now;
        let member = self.context.is_member(&peer);
        if !member || !self.context.joining.awaits_cut() || !self.history.cuts.take(peer, cut) {
            return;
        }
        if self.history.cuts.are_complete() {
            self.apply_cut();
        } else {
            self.context.joining.limit_cut_wait(now + WITNESS_WAIT);
        }
    }

    /// Decides on the cut after the wait: the first complete one counts, or cuts are asked for again.
    pub(super) fn apply_cut_or_ask(&mut self) {
        if !self.apply_cut() {
            self.ask_for_history();
        }
    }

    /// Applies the first complete cut; returns false if there is none.
    fn apply_cut(&mut self) -> bool {
        let now = self.context.now;
        if !self.context.joining.awaits_cut() {
            return false;
        }
        let Some(cut) = self.history.cuts.agree() else {
            return false;
        };
        for (id, name) in cut.authors {
            self.discussion.note_former(&mut self.context, id, &name);
        }
        self.take_bylines(cut.bylines, &cut.certain);
        self.context.joining.take_cut(now, cut.donor, cut.certain);
        let lacking = |last: &MessageId| last.seq.saturating_sub(cut.base.get(&last.author));
        let history = cut.to_fetch.iter().map(|(last, _)| lacking(last));
        let history = history.fold(0, u64::saturating_add);
        self.start_clock(cut.base, cut.lamport, history);
        for (last, source) in cut.to_fetch {
            if !self.discussion.causal.clock().covers(last) {
                self.history.repair.want(now, last, source, true);
                if self
                    .discussion
                    .has_room_for_author(&self.context, &last.author, &source)
                {
                    self.discussion
                        .admit_requested(&self.context, last.author, source, true);
                }
            }
        }
        self.history.pull_due(&mut self.context, &self.discussion);
        for (source, ranges) in cut.ahead {
            self.history.pull_ranges(&mut self.context, source, ranges);
        }
        true
    }

    /// Takes the names that authors had before. A name that another member has now says too little of who spoke.
    /// They count for the history only, so that nobody is renamed from now on.
    fn take_bylines(&mut self, bylines: Vec<Byline>, history: &VectorClock) {
        let members = self.context.view.iter().flat_map(|view| view.members());
        // Not once for each earlier name: a cut may tell thousands of them, and a ring has hundreds of members.
        let present: Vec<(NodeId, String)> = members
            .map(|member| (member.id, member.name.to_lowercase()))
            .collect();
        for Byline { id, last, name } in bylines {
            let lowercase = name.to_lowercase();
            let mut present = present.iter();
            let is_taken = present.any(|(holder, other)| *holder != id && *other == lowercase);
            let last = last.min(history.get(&id));
            if !is_taken && last > 0 && is_name(&name) {
                self.discussion.bylines.note(id, last, &name);
            }
        }
    }

    /// Stops asking a peer for anything. Its part of the history comes from the donor of the cut instead.
    pub(super) fn stop_pulling_from(&mut self, peer: &NodeId) {
        let now = self.context.now;
        self.history.repair.forget(peer);
        self.context.joining.donor_lost(now, peer);
        let Some((donor, history)) = self.context.joining.promised_history() else {
            return;
        };
        let lacking = history.iter().filter(|last| {
            !self.discussion.causal.clock().covers(*last)
                && !self.history.repair.is_wanted(&last.author)
        });
        let lacking: Vec<MessageId> = lacking.collect();
        for last in lacking {
            self.history.repair.want(now, last, donor, true);
        }
        self.history.pull_due(&mut self.context, &self.discussion);
    }
}
