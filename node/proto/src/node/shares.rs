//! Shares: no author fills the links, however much it says.
//!
//! `PROTOCOL.md` §4.1. While more than [`SHARE_BYTES`] of an author wait on one of the links that the
//! ring needs, what comes of it is parked, and what this node's user says fills the next bundle. So
//! others' messages wait behind so much of each author at most. It belongs here, and not to the driver:
//! what is delivered early is depended on, so that a queue that is fair in the driver alone would help
//! nobody. Not here: the books (`parking`).

use ringtalk_wire::{Interval, Item, NodeId, Sealed};

use super::Node;
use super::relay::bundle_item;
use crate::Time;
use crate::causal::Reception;
use crate::config::{SHARE_BYTES, WINDOW_BYTES};
use crate::parking::Passing;

/// Whose share the bundles of those take who have no name.
const NOBODY: NodeId = NodeId::from_bytes([0; 16]);

/// How much is parked of all who have no name: less than of one who has, for a key costs nothing.
const NAMELESS_BYTES: usize = 2 * 1024 * 1024;

impl Node {
    /// A bundle comes on its way round the ring.
    pub(super) fn take_passing(
        &mut self,
        now: Time,
        parent: NodeId,
        interval: Interval,
        sealed: &Sealed,
    ) {
        let Ok(bundle) = sealed.bundle() else {
            return self.reject(now, parent, "a bundle that cannot be read");
        };
        let (id, last) = (bundle_item(bundle.author, bundle.first), bundle.last_id());
        let lone = bundle.first == last.seq;
        let known = self.causal.has(last);
        // Before anything else: whoever makes up authors costs no signature, and is not helped round the ring.
        if !known && self.turns_away(&bundle, &parent) {
            self.owe_receipt(parent, id);
            self.owe_ack(parent, id, false, lone);
            return self.note_delivered(id);
        }
        let here = self.item(id) == Some(Item::Bundle(sealed.clone()));
        if !here && !self.seals.is_genuine(sealed) {
            return self.reject(now, parent, "a bundle that its author did not sign");
        }
        if known {
            self.compare_with_known(now, &bundle, sealed);
        }
        let welcome = !known && !self.forks.is_proven(&bundle.author);
        let share = self.share_of(&bundle.author);
        let passing = Passing {
            id,
            parent,
            interval,
            sealed: sealed.clone(),
            bundle,
        };
        let new = welcome && !self.parking.holds(&id);
        // A second copy waits where the first does, whosever share it takes by now.
        let waits = self.parking.holds(&id) || self.parking.has(&share);
        if welcome && (waits || !self.has_room(&share)) {
            // Who is refused gets no receipt: its interval goes to others, and the bundle is pulled later.
            let most = if share == NOBODY {
                NAMELESS_BYTES
            } else {
                2 * WINDOW_BYTES
            };
            if self.parking.park(share, most, passing) {
                self.owe_receipt(parent, id);
                self.owe_ack(parent, id, new, lone);
            }
            return;
        }
        self.owe_receipt(parent, id);
        self.owe_ack(parent, id, new, lone);
        if known || new {
            self.carry(now, passing);
        } else {
            self.note_delivered(id);
        }
    }

    /// What was parked goes on where there is room.
    pub(super) fn carry_parked(&mut self, now: Time) {
        while !self.parking.is_empty() {
            let mut parking = core::mem::take(&mut self.parking);
            let next = parking.next(|share| self.has_room(share));
            self.parking = parking;
            let Some(passing) = next else { return };
            self.carry(now, passing);
        }
    }

    /// True where little of what takes this share waits on the links that the ring needs. Links whose
    /// peers take nothing do not count.
    pub(super) fn has_room(&self, share: &NodeId) -> bool {
        let usable = self.needed_ids().filter(|id| self.is_usable(id));
        let mut waiting = usable.map(|id| self.links.backlog(id, share));
        waiting.all(|bytes| bytes < SHARE_BYTES)
    }

    /// Whose share an author's bundles take: all who were never admitted have one together.
    pub(super) fn share_of(&self, author: &NodeId) -> NodeId {
        let named = self.is_named(author);
        if named { *author } else { NOBODY }
    }

    /// Passes a bundle on, and takes it in.
    fn carry(&mut self, now: Time, passing: Passing) {
        let Passing {
            id,
            parent,
            interval,
            sealed,
            bundle,
        } = passing;
        let last = bundle.last_id();
        let known = self.causal.has(last);
        if !known && (self.forks.is_proven(&bundle.author) || self.turns_away(&bundle, &parent)) {
            return self.note_delivered(id);
        }
        let understood = self.as_understood(interval);
        self.go_on(now, id, &Item::Bundle(sealed.clone()), &understood);
        let refused = !known && self.take_bundle(now, parent, sealed, bundle) == Reception::Refused;
        if refused || self.causal.has_delivered(last) {
            self.note_delivered(id);
        }
        if self.layout() != Some(interval.layout) {
            self.recovered.insert(last.author);
            self.offer_recovered(now, &parent);
        }
    }
}
