//! The discussion so far, and what was lost on the way: digests, pulls, cuts and gaps.
//!
//! `PROTOCOL.md` §4.4, §4.5 and §5.1. Not here: what is missing and from whom it is wanted
//! (`repair`, `search`).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ringtalk_wire::limit::{PAGE_CLOCK, PAGE_ITEMS, PAGE_MEMBERS};
use ringtalk_wire::{
    Cut, Digest, Frame, Has, Holding, MessageId, NodeId, Pull, PullEnd, Range, Renamed, Sealed,
    VectorClock,
};

use super::Node;
use super::relay::bundle_item;
use crate::causal::Reception;
use crate::config::PULL_BYTES;
use crate::planted::PlantedBug;
use crate::search::Step;
use crate::{Event, Time};

impl Node {
    /// Sends one's clock to a peer, and asks for the peer's where an answer is wanted.
    pub(super) fn send_digest(&mut self, now: Time, peer: &NodeId, answer: bool) {
        if !self.started || self.planted.has(PlantedBug::NoAntiEntropy) {
            return;
        }
        let entries: Vec<MessageId> = self.causal.clock().iter().collect();
        self.send_entries(now, peer, &entries, answer);
    }

    pub(super) fn take_digest(&mut self, now: Time, peer: NodeId, digest: &Digest) {
        if !self.started {
            return;
        }
        if let Some(leaving) = &mut self.leaving {
            leaving.entrust(&digest.entries);
        }
        let me = self.config.id;
        if let Some(own) = digest.entries.iter().find(|entry| entry.author == me) {
            self.outbox.witnessed(1, own.seq);
        }
        let liar = self.forks.is_proven(&peer).then_some(peer);
        let entries = digest.entries.iter();
        for &entry in entries.filter(|entry| Some(entry.author) != liar) {
            if self.planted.has(PlantedBug::MergeKeepsOneSide) && self.layout() > Some(0) {
                self.causal.pass(entry);
                self.log.pass(entry);
            }
            if self.causal.is_aside(&entry.author) {
                self.admit_asked(entry.author, peer, true);
            }
            if self.causal.first_missing(entry.author) <= entry.seq
                && self.may_be_an_author(&entry.author, &peer)
            {
                self.repair.want(now, entry, peer, false);
            }
        }
        if digest.answer {
            self.send_digest(now, &peer, false);
        }
    }

    /// Somebody lacks these: whatever is kept of them goes there, and then the end of the pull of that number.
    pub(super) fn take_pull(&mut self, now: Time, peer: NodeId, pull: &Pull) {
        let Pull { number, ranges } = pull;
        if self.links.is_full(&peer) {
            return;
        }
        let pulled = self.log.pull(ranges, PULL_BYTES);
        let own = ranges.iter().find(|range| range.author == self.config.id);
        if let Some(own) = own.filter(|_| !pulled.more) {
            self.outbox.witnessed(own.from, own.to);
        }
        for sealed in pulled.bundles {
            let frame = Frame::Pulled(sealed);
            self.links.send(now, &peer, &frame, &mut self.out);
        }
        let end = Frame::PullEnd(PullEnd {
            number: *number,
            more: pulled.more,
            evicted: pulled.evicted,
        });
        self.links.send(now, &peer, &end, &mut self.out);
    }

    pub(super) fn take_pulled(&mut self, now: Time, peer: NodeId, sealed: Sealed) {
        let Ok(bundle) = sealed.bundle() else {
            return self.reject(now, peer, "a bundle that cannot be read");
        };
        if self.causal.has(bundle.last_id()) {
            return self.compare_with_known(now, &bundle, &sealed);
        }
        if !self.seals.is_genuine(&sealed) {
            return self.reject(now, peer, "a bundle that its author did not sign");
        }
        let author = bundle.author;
        let muted = author == peer && self.forks.is_proven(&author);
        if muted || self.refuses(&author, &peer) {
            return;
        }
        let asked = self.repair.was_asked(now, &peer) || self.searches.seeks(&author);
        self.admit_asked(author, peer, asked);
        let id = bundle_item(author, bundle.first);
        if self.take_bundle(now, peer, sealed, bundle) == Reception::New {
            self.acks.pulled(id);
            self.recovered.insert(author);
            self.joining.progressed(now);
        }
    }

    pub(super) fn take_pull_end(&mut self, now: Time, peer: NodeId, end: &PullEnd) {
        self.deliver_ready(now);
        let causal = &self.causal;
        let first_missing = |author| causal.first_missing(author);
        let answer = (end.number, end.more);
        let asked = self.repair.pull_ended(now, &peer, answer, first_missing);
        self.pull_due(now);
        for range in &end.evicted {
            let up_to = MessageId {
                author: range.author,
                seq: range.to,
            };
            let within = |asked: &Range| asked.author == range.author && range.to <= asked.to;
            if asked.iter().any(within) && self.causal.first_missing(range.author) <= range.to {
                self.searches.seek(now, up_to);
            }
        }
        self.offer_recovered(now, &peer);
    }

    pub(super) fn expire_repair(&mut self, now: Time) {
        self.pull_due(now);
        self.admit_strangers(now);
        if self.searches.may_look(now, self.causal.awaited()) {
            self.search_for_missing(now);
        }
        let view = self.view.clone();
        let is_member = |id: &NodeId| view.as_ref().is_some_and(|view| view.contains(id));
        for step in self.searches.expire(now, is_member) {
            self.search_step(now, step);
        }
    }

    fn search_for_missing(&mut self, now: Time) {
        let missing: Vec<(MessageId, NodeId)> = self
            .causal
            .missing()
            .filter(|(message, _)| message.seq > 0 && self.started)
            .filter(|_| !self.planted.has(PlantedBug::NeverPull))
            .map(|(message, dependant)| (message, self.share_of(&dependant)))
            .collect();
        let causal = &self.causal;
        self.searches.lacking(now, missing.into_iter(), |message| {
            causal.has_delivered(message)
        });
    }

    /// A newcomer asks where the discussion so far begins and ends.
    pub(super) fn take_fetch(&mut self, now: Time, peer: NodeId) {
        self.fetchers.insert(peer);
        self.serve_fetchers(now);
    }

    /// Answers the newcomers that this node's view lists: from now on they get what is new.
    pub(super) fn serve_fetchers(&mut self, now: Time) {
        let Some(view) = self.view.clone().filter(|_| self.joining.is_inside()) else {
            return;
        };
        let (served, waiting) = core::mem::take(&mut self.fetchers)
            .into_iter()
            .partition(|peer| view.contains(peer));
        self.fetchers = waiting;
        let served: BTreeSet<NodeId> = served;
        for peer in served {
            self.send_cut(now, &peer);
        }
    }

    /// The clock starts, unless it has; so many messages are to come that were said before.
    pub(super) fn start(&mut self, base: VectorClock, lamport: u64, history: u64) {
        if !self.started {
            self.started = true;
            self.log.start(&base);
            self.causal.start(&base, lamport);
            self.joining.progress().promise(history);
            self.emit(Event::Start { base });
        }
    }

    pub(super) fn take_who_has(&mut self, now: Time, peer: NodeId, message: MessageId) {
        let holding = if self.log.holds(message) {
            Holding::Held
        } else if self.causal.has_delivered(message) {
            Holding::Evicted
        } else {
            Holding::Never
        };
        let has = Frame::Has(Has { message, holding });
        self.links.send(now, &peer, &has, &mut self.out);
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
            self.take_pull(now, peer, &pull);
        }
    }

    fn send_cut(&mut self, now: Time, peer: &NodeId) {
        let base = self.log.base_for_latecomers();
        let shared = base
            .iter()
            .filter(|base| !self.causal.is_aside(&base.author));
        let base: Vec<MessageId> = shared.collect();
        let clock: Vec<MessageId> = self.causal.clock().iter().collect();
        let authors: Vec<Renamed> = self
            .log
            .authors()
            .into_iter()
            .filter_map(|id| {
                let name = self.known_name(&id)?.clone();
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
                lamport: self.causal.lamport(),
                last: page + 1 == pages,
            });
            self.links.send(now, peer, &cut, &mut self.out);
        }
        // After the cut, which names the authors, and fixes what of theirs is due.
        self.send_all_evidence(now, peer);
    }

    fn send_entries(&mut self, now: Time, peer: &NodeId, entries: &[MessageId], answer: bool) {
        let pages = entries.len().div_ceil(PAGE_CLOCK).max(1);
        for page in 0..pages {
            let digest = Frame::Digest(Digest {
                entries: nth_chunk(entries, PAGE_CLOCK, page),
                answer: answer && page + 1 == pages,
            });
            self.links.send(now, peer, &digest, &mut self.out);
        }
    }

    pub(super) fn pull_due(&mut self, now: Time) {
        if self.reading.is_behind() {
            return;
        }
        let causal = &self.causal;
        let due = self.repair.due(now, |author| causal.first_missing(author));
        for (peer, pull) in due {
            debug_assert!(pull.ranges.len() <= PAGE_ITEMS);
            if !self
                .links
                .send(now, &peer, &Frame::Pull(pull), &mut self.out)
            {
                self.repair.forget(&peer);
            }
        }
    }

    /// Pulls these from a peer, beside what is pulled from it because it is known to have more.
    pub(super) fn pull_beside(&mut self, now: Time, peer: NodeId, ranges: Vec<Range>) {
        let pull = Frame::Pull(self.repair.numbered(now, peer, ranges));
        self.links.send(now, &peer, &pull, &mut self.out);
    }

    /// What came late, others may lack too: all that are linked to the ring are told at once.
    pub(super) fn offer_recovered(&mut self, now: Time, source: &NodeId) {
        let clock = self.causal.clock();
        let entries: Vec<MessageId> = core::mem::take(&mut self.recovered)
            .into_iter()
            .map(|author| MessageId {
                author,
                seq: clock.get(&author),
            })
            .filter(|entry| entry.seq > 0)
            .collect();
        if entries.is_empty() || !self.joining.is_inside() {
            return;
        }
        let peers: Vec<NodeId> = self.needed_ids().copied().collect();
        for peer in peers.into_iter().filter(|peer| peer != source) {
            self.send_entries(now, &peer, &entries, false);
        }
    }

    fn search_step(&mut self, now: Time, step: Step) {
        match step {
            Step::AskNeighbours(message) => {
                let range = Range {
                    author: message.author,
                    from: self.causal.first_missing(message.author).min(message.seq),
                    to: message.seq,
                };
                for peer in self.neighbour_ids() {
                    self.pull_beside(now, peer, Vec::from([range]));
                }
            }
            Step::AskEverybody(message) => {
                let Some(view) = self.view.clone() else {
                    return;
                };
                let everybody: BTreeSet<NodeId> = view
                    .members()
                    .map(|member| member.id)
                    .filter(|id| *id != self.config.id)
                    .collect();
                for id in &everybody {
                    self.send_to_member(now, id, &Frame::WhoHas(message));
                }
                self.searches.asked(message, everybody);
            }
            Step::Gap { message, delivered } => {
                // What is left of a fork is nobody's to wait for.
                let forked = self.forks.is_proven(&message.author);
                self.gap(message, delivered || forked);
                self.causal.doubt(message);
            }
        }
    }

    /// A member tells what it knows of a message that was asked for.
    pub(super) fn take_has(&mut self, now: Time, peer: NodeId, has: &Has) {
        // The word of who was shown up counts no more for its own messages than anybody's.
        let author = has.message.author == peer && !self.forks.is_proven(&peer);
        self.searches
            .answered(now, has.message, (&peer, author), has.holding);
    }

    /// Nobody can give the message: the user is told, and where it was delivered elsewhere the
    /// clock passes it.
    pub(super) fn gap(&mut self, message: MessageId, delivered: bool) {
        // Nobody else knows what this node has not said.
        let delivered = delivered && message.author != self.config.id;
        if !self.planted.has(PlantedBug::HiddenGap) {
            self.emit(Event::Gap {
                author: message.author,
                from: self.causal.last_of(&message.author) + 1,
                to: message.seq,
                passed: delivered,
            });
        }
        if delivered {
            self.causal.pass(message);
            self.log.pass(message);
        }
    }
}

/// One page of many items; nothing beyond the last.
fn nth_chunk<T: Clone>(items: &[T], size: usize, page: usize) -> Vec<T> {
    items.chunks(size).nth(page).unwrap_or_default().to_vec()
}
