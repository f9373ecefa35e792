//! The discussion so far, and the recovery of lost messages: digests, pulls, cuts and gaps.
//!
//! `PROTOCOL.md` §4.4, §4.5 and §5.1. Not here: which messages are missing, and from whom to get them (`repair`,
//! `search`).

pub(crate) mod cuts;

use super::Concern;
use super::discussion::Discussion;
use super::forks::Forks;
use super::ring::Ring;
use crate::context::Context;
use crate::machines::repair::Repair;
use crate::machines::search::Searches;
use crate::planted::PlantedBug;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use cuts::Cuts;
use ringtalk_wire::limit::{PAGE_CLOCK, PAGE_ITEMS, PAGE_MEMBERS};
use ringtalk_wire::{Cut, Digest, Frame, Has, MessageId, NodeId, Range, Renamed};

/// Messages missing here and at others, and newcomers that wait for the history.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) repair: Repair,
    pub(crate) searches: Searches,
    pub(crate) cuts: Cuts,
    /// Newcomers that asked for the history and must wait.
    fetchers: BTreeSet<NodeId>,
    /// Authors of whom a pull has brought messages that the other neighbour may lack too.
    pub(crate) recovered: BTreeSet<NodeId>,
}

impl Concern for History {
    fn forget(&mut self, peer: &NodeId) {
        self.cuts.forget(peer);
        self.fetchers.remove(peer);
    }
}

impl History {
    pub(crate) fn search_for_missing(&mut self, context: &Context, discussion: &Discussion) {
        let now = context.now;
        let missing: Vec<(MessageId, NodeId)> = discussion
            .causal
            .missing()
            .filter(|(message, _)| message.seq > 0 && discussion.has_started())
            .filter(|_| !context.planted.has(PlantedBug::NeverPull))
            .map(|(message, dependant)| (message, context.share_of(&dependant)))
            .collect();
        self.searches.update(now, missing.into_iter());
    }

    /// Takes a newcomer's request for a cut.
    pub(crate) fn take_fetch(
        &mut self,
        context: &mut Context,
        discussion: &mut Discussion,
        forks: &Forks,
        peer: NodeId,
    ) {
        self.fetchers.insert(peer);
        self.serve_fetchers(context, discussion, forks);
    }

    /// Answers the newcomers that this node's view lists: from then on they get new messages as they are spread.
    pub(crate) fn serve_fetchers(
        &mut self,
        context: &mut Context,
        discussion: &mut Discussion,
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

    pub(crate) fn pull_due(&mut self, context: &mut Context, discussion: &Discussion) {
        let now = context.now;
        if context.reader_lag.is_behind() {
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

    /// Pulls these ranges from a peer, in addition to those that it is known to be ahead with.
    pub(crate) fn pull_ranges(&mut self, context: &mut Context, peer: NodeId, ranges: Vec<Range>) {
        let now = context.now;
        let pull = Frame::Pull(self.repair.new_pull(now, peer, ranges));
        context.send(&peer, &pull);
    }

    /// Tells all peers that the ring links to of recovered messages, because they may lack them too.
    pub(crate) fn offer_recovered(
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

    /// Takes a member's answer about a message that was asked for.
    pub(crate) fn take_has(&mut self, context: &Context, peer: NodeId, has: &Has) {
        let now = context.now;
        // An equivocator's word on its own messages counts no more than any other member's.
        let author = has.message.author == peer && !context.has_equivocated(&peer);
        self.searches
            .take_answer(now, has.message, (&peer, author), has.holding);
    }
}

/// Returns one page of many items; an empty one beyond the last.
fn nth_chunk<T: Clone>(items: &[T], size: usize, page: usize) -> Vec<T> {
    items.chunks(size).nth(page).unwrap_or_default().to_vec()
}

fn send_cut(context: &mut Context, discussion: &mut Discussion, forks: &Forks, peer: &NodeId) {
    let base = discussion.log.base_for_latecomers();
    let bylines = discussion.bylines.after(&base);
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
        bylines.len().div_ceil(PAGE_MEMBERS),
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
            bylines: nth_chunk(&bylines, PAGE_MEMBERS, page),
        });
        context.send(peer, &cut);
    }
    // After the cut: it names the authors, and fixes which of their messages are due.
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

/// Sends this node's clock to a peer, and asks for the peer's if `answer` is true.
pub(crate) fn send_digest(
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
