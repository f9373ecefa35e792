//! The discussion so far, and what was lost on the way: digests, pulls, cuts and gaps.
//!
//! `PROTOCOL.md` §4.4, §4.5 and §5.1. Not here: what is missing and from whom it is wanted
//! (`repair`, `search`).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ringtalk_wire::limit::{PAGE_CLOCK, PAGE_ITEMS, PAGE_MEMBERS};
use ringtalk_wire::{
    Cut, Digest, Frame, Has, Holding, MessageId, NodeId, Pull, PullEnd, Range, Renamed, VectorClock,
};

use super::cuts::Cuts;
use super::discussion::Discussion;
use super::forks::Forks;
use super::ring::Ring;
use super::{Concern, Node};
use crate::Event;
use crate::config::PULL_BYTES;
use crate::context::Context;
use crate::planted::PlantedBug;
use crate::repair::Repair;
use crate::search::{Searches, Step};

/// What is missing here, and at others.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) repair: Repair,
    pub(super) searches: Searches,
    pub(super) cuts: Cuts,
    /// Members that asked for the discussion so far, and must wait.
    fetchers: BTreeSet<NodeId>,
    /// Authors of whom a pull has brought something that the other neighbour may lack too.
    pub(super) recovered: BTreeSet<NodeId>,
}

impl Concern for History {
    fn forget(&mut self, peer: &NodeId) {
        self.cuts.forget(peer);
        self.fetchers.remove(peer);
    }
}

impl History {
    fn search_for_missing(&mut self, context: &Context, discussion: &Discussion) {
        let now = context.now;
        let missing: Vec<(MessageId, NodeId)> = discussion
            .causal
            .missing()
            .filter(|(message, _)| message.seq > 0 && discussion.has_started())
            .filter(|_| !context.planted.has(PlantedBug::NeverPull))
            .map(|(message, dependant)| (message, context.share_of(&dependant)))
            .collect();
        self.searches.lacking(now, missing.into_iter());
    }

    /// A newcomer asks where the discussion so far begins and ends.
    pub(super) fn take_fetch(
        &mut self,
        context: &mut Context,
        discussion: &Discussion,
        forks: &Forks,
        peer: NodeId,
    ) {
        self.fetchers.insert(peer);
        self.serve_fetchers(context, discussion, forks);
    }

    /// Answers the newcomers that this node's view lists: from now on they get what is new.
    pub(super) fn serve_fetchers(
        &mut self,
        context: &mut Context,
        discussion: &Discussion,
        forks: &Forks,
    ) {
        let Some(view) = context.view.clone().filter(|_| context.joining.is_inside()) else {
            return;
        };
        let (served, waiting) = core::mem::take(&mut self.fetchers)
            .into_iter()
            .partition(|peer| view.contains(peer));
        self.fetchers = waiting;
        let served: BTreeSet<NodeId> = served;
        for peer in served {
            send_cut(context, discussion, forks, &peer);
        }
    }

    pub(super) fn pull_due(&mut self, context: &mut Context, discussion: &Discussion) {
        let now = context.now;
        if context.reader.is_behind() {
            return;
        }
        let causal = &discussion.causal;
        let due = self.repair.due(now, |author| causal.first_missing(author));
        for (peer, pull) in due {
            debug_assert!(pull.ranges.len() <= PAGE_ITEMS);
            if !context.send(&peer, &Frame::Pull(pull)) {
                self.repair.forget(&peer);
            }
        }
    }

    /// Pulls these from a peer, beside what is pulled from it because it is known to have more.
    pub(super) fn pull_beside(&mut self, context: &mut Context, peer: NodeId, ranges: Vec<Range>) {
        let now = context.now;
        let pull = Frame::Pull(self.repair.numbered(now, peer, ranges));
        context.send(&peer, &pull);
    }

    /// What came late, others may lack too: all that are linked to the ring are told at once.
    pub(super) fn offer_recovered(
        &mut self,
        context: &mut Context,
        ring: &Ring,
        discussion: &Discussion,
        source: &NodeId,
    ) {
        let clock = discussion.causal.clock();
        let entries: Vec<MessageId> = core::mem::take(&mut self.recovered)
            .into_iter()
            .map(|author| MessageId {
                author,
                seq: clock.get(&author),
            })
            .filter(|entry| entry.seq > 0)
            .collect();
        if entries.is_empty() || !context.joining.is_inside() {
            return;
        }
        let peers: Vec<NodeId> = ring.needed_ids().copied().collect();
        for peer in peers.into_iter().filter(|peer| peer != source) {
            send_entries(context, &peer, &entries, false);
        }
    }

    /// A member tells what it knows of a message that was asked for.
    pub(super) fn take_has(&mut self, context: &Context, peer: NodeId, has: &Has) {
        let now = context.now;
        // The word of who was shown up counts no more for its own messages than anybody's.
        let author = has.message.author == peer && !context.is_proven(&peer);
        self.searches
            .answered(now, has.message, (&peer, author), has.holding);
    }
}

impl Node {
    pub(super) fn take_digest(&mut self, peer: NodeId, digest: &Digest) {
        let now = self.context.now;
        if !self.discussion.has_started() {
            return;
        }
        if let Some(leaving) = &mut self.leaving {
            leaving.entrust(&digest.entries);
        }
        let me = self.context.config.id;
        if let Some(own) = digest.entries.iter().find(|entry| entry.author == me) {
            self.relay.outbox.witnessed(1, own.seq);
        }
        let liar = self.context.is_proven(&peer).then_some(peer);
        let entries = digest.entries.iter();
        for &entry in entries.filter(|entry| Some(entry.author) != liar) {
            if self.context.planted.has(PlantedBug::MergeKeepsOneSide)
                && self.context.layout() > Some(0)
            {
                self.discussion.pass(entry);
            }
            if self.discussion.causal.is_aside(&entry.author) {
                self.discussion
                    .admit_asked(&self.context, entry.author, peer, true);
            }
            if self.discussion.causal.first_missing(entry.author) <= entry.seq
                && self
                    .discussion
                    .may_be_an_author(&self.context, &entry.author, &peer)
            {
                self.history.repair.want(now, entry, peer, false);
            }
        }
        if digest.answer {
            send_digest(&mut self.context, &self.discussion, &peer, false);
        }
    }

    /// Somebody lacks these: whatever is kept of them goes there, and then the end of the pull of that number.
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
            self.relay.outbox.witnessed(own.from, own.to);
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

    pub(super) fn expire_repair(&mut self) {
        let now = self.context.now;
        self.history.pull_due(&mut self.context, &self.discussion);
        let repair = &self.history.repair;
        self.discussion
            .admit_strangers(&self.context, |author| repair.is_wanted(author));
        let causal = &self.discussion.causal;
        let searches = &mut self.history.searches;
        searches.forget_found(|message| causal.has_delivered(message));
        if searches.may_look(now, causal.awaited()) {
            self.history
                .search_for_missing(&self.context, &self.discussion);
        }
        let view = self.context.view.clone();
        let is_member = |id: &NodeId| view.as_ref().is_some_and(|view| view.contains(id));
        for step in self.history.searches.expire(now, is_member) {
            self.search_step(step);
        }
    }

    /// The clock starts, unless it has; so many messages are to come that were said before.
    pub(super) fn start(&mut self, base: VectorClock, lamport: u64, history: u64) {
        if !self.discussion.has_started() {
            self.discussion.start(&base, lamport);
            self.context.joining.progress().promise(history);
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

    fn search_step(&mut self, step: Step) {
        match step {
            Step::AskNeighbours(message) => {
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
                        .pull_beside(&mut self.context, peer, Vec::from([range]));
                }
            }
            Step::AskEverybody(message) => {
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
                self.history.searches.asked(message, everybody);
            }
            Step::Gap { message, delivered } => {
                // What is left of a fork is nobody's to wait for.
                let forked = self.context.is_proven(&message.author);
                self.gap(message, delivered || forked);
                self.discussion.causal.doubt(message);
            }
        }
    }

    /// Nobody can give the message: the user is told, and where it was delivered elsewhere the
    /// clock passes it.
    pub(super) fn gap(&mut self, message: MessageId, delivered: bool) {
        // Nobody else knows what this node has not said.
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
            self.discussion.pass(message);
        }
    }
}

/// One page of many items; nothing beyond the last.
fn nth_chunk<T: Clone>(items: &[T], size: usize, page: usize) -> Vec<T> {
    items.chunks(size).nth(page).unwrap_or_default().to_vec()
}

fn send_cut(context: &mut Context, discussion: &Discussion, forks: &Forks, peer: &NodeId) {
    let base = discussion.log.base_for_latecomers();
    let shared = base
        .iter()
        .filter(|base| !discussion.causal.is_aside(&base.author));
    let base: Vec<MessageId> = shared.collect();
    let clock: Vec<MessageId> = discussion.causal.clock().iter().collect();
    let authors: Vec<Renamed> = discussion
        .log
        .authors()
        .into_iter()
        .filter_map(|id| {
            let name = context.known_name(&id)?.clone();
            Some(Renamed { id, name })
        })
        .collect();
    let pages = [
        base.len().div_ceil(PAGE_CLOCK / 2),
        clock.len().div_ceil(PAGE_CLOCK / 2),
        authors.len().div_ceil(PAGE_MEMBERS),
        1,
    ];
    let pages = pages.into_iter().max().unwrap_or(1);
    for page in 0..pages {
        let cut = Frame::Cut(Cut {
            base: nth_chunk(&base, PAGE_CLOCK / 2, page),
            clock: nth_chunk(&clock, PAGE_CLOCK / 2, page),
            authors: nth_chunk(&authors, PAGE_MEMBERS, page),
            lamport: discussion.causal.lamport(),
            last: page + 1 == pages,
        });
        context.send(peer, &cut);
    }
    // After the cut, which names the authors, and fixes what of theirs is due.
    forks.send_all_evidence(context, peer);
}

fn send_entries(context: &mut Context, peer: &NodeId, entries: &[MessageId], answer: bool) {
    let pages = entries.len().div_ceil(PAGE_CLOCK).max(1);
    for page in 0..pages {
        let digest = Frame::Digest(Digest {
            entries: nth_chunk(entries, PAGE_CLOCK, page),
            answer: answer && page + 1 == pages,
        });
        context.send(peer, &digest);
    }
}

/// Sends one's clock to a peer, and asks for the peer's where an answer is wanted.
pub(super) fn send_digest(
    context: &mut Context,
    discussion: &Discussion,
    peer: &NodeId,
    answer: bool,
) {
    if !discussion.has_started() || context.planted.has(PlantedBug::NoAntiEntropy) {
        return;
    }
    let entries: Vec<MessageId> = discussion.causal.clock().iter().collect();
    send_entries(context, peer, &entries, answer);
}
