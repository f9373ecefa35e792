//! The way of a bundle: it arrives from a peer, is checked, relayed, held back, and delivered when it is ready.
//!
//! `PROTOCOL.md` §4. The functions below are the steps, in this order. While more than
//! [`SHARE_BYTES`](crate::config::SHARE_BYTES) of an author wait on a link that the ring needs, its further bundles
//! are parked, so no author fills the links, however much it says. That belongs here and not in the driver: others
//! depend on messages that are delivered early, so a fair queue in the driver alone would not help. Not here: this
//! node's own messages (`speaking`), recovery of lost ones (`recovery`).

use alloc::sync::Arc;

use ringtalk_wire::{Bundle, Interval, Item, ItemId, ItemKind, MessageId, NodeId, Sealed};

use super::Node;
use crate::concerns::forks::{Verdict, send_evidence};
use crate::config::WINDOW_BYTES;
use crate::context::SHARE_OF_THE_NAMELESS;
use crate::machines::causal::{Deliverable, Lamport, Patience, Reception};
use crate::machines::parking::Passing;
use crate::{Delivered, Event, Trouble};

/// How many bytes of all nameless authors are parked: less than of one named author, because a key costs nothing.
const NAMELESS_BYTES: usize = 2 * 1024 * 1024;

/// Why this node closes the link of a peer that sends such a bundle.
const UNREADABLE: &str = "a bundle that cannot be read";
const UNSIGNED: &str = "a bundle that its author did not sign";

impl Node {
    /// Takes a bundle on its way round the ring: decodes it, compares it with known ones, verifies it, confirms it,
    /// and relays it or parks it until there is room.
    pub(super) fn take_passing(&mut self, parent: NodeId, interval: Interval, sealed: &Sealed) {
        let Ok(bundle) = sealed.bundle() else {
            return self.reject(parent, UNREADABLE);
        };
        let (id, last) = (bundle_item(bundle.author, bundle.first), bundle.last_id());
        let lone = bundle.first == last.seq;
        let known = self.discussion.causal.has(last);
        // Before the signature check: made-up authors must cost no check, and their bundles are not relayed.
        if !known && self.discussion.turns_away(&self.context, &bundle, &parent) {
            self.relay.owe_receipt(&self.context, parent, id);
            self.relay.owe_ack(&self.context, parent, id, false, lone);
            return self.relay.note_delivered(&mut self.context, id);
        }
        let here = self.relay.item(&self.discussion, id) == Some(Item::Bundle(sealed.clone()));
        if !here && !self.context.seals.is_genuine(sealed) {
            return self.reject(parent, UNSIGNED);
        }
        if known {
            self.compare_with_known(&bundle, sealed);
        }
        let welcome = !known && !self.context.is_proven(&bundle.author);
        let share = self.context.share_of(&bundle.author);
        let passing = Passing {
            id,
            parent,
            interval,
            sealed: sealed.clone(),
            bundle,
        };
        let new = welcome && !self.relay.parking.holds(&id);
        // A second copy waits where the first does, whatever share it has meanwhile.
        let waits = self.relay.parking.holds(&id) || self.relay.parking.has(&share);
        if welcome && (waits || !self.relay.has_room(&self.context, &self.ring, &share)) {
            // A refused bundle gets no receipt: its interval goes to others, and the bundle is pulled later.
            if self.relay.parking.park(share, most_parked(&share), passing) {
                self.relay.owe_receipt(&self.context, parent, id);
                self.relay.owe_ack(&self.context, parent, id, new, lone);
            }
            return;
        }
        self.relay.owe_receipt(&self.context, parent, id);
        self.relay.owe_ack(&self.context, parent, id, new, lone);
        if known || new {
            self.carry(passing);
        } else {
            self.relay.note_delivered(&mut self.context, id);
        }
    }

    /// Carries parked bundles on, if there is room.
    pub(super) fn carry_parked(&mut self) {
        while !self.relay.parking.is_empty() {
            let mut parking = core::mem::take(&mut self.relay.parking);
            let next = parking.next(|share| self.relay.has_room(&self.context, &self.ring, share));
            self.relay.parking = parking;
            let Some(passing) = next else { return };
            self.carry(passing);
        }
    }

    /// Relays a bundle, and takes it in.
    fn carry(&mut self, passing: Passing) {
        let Passing {
            id,
            parent,
            interval,
            sealed,
            bundle,
        } = passing;
        let last = bundle.last_id();
        let known = self.discussion.causal.has(last);
        if !known
            && (self.context.is_proven(&bundle.author)
                || self.discussion.turns_away(&self.context, &bundle, &parent))
        {
            return self.relay.note_delivered(&mut self.context, id);
        }
        let understood = self.context.as_understood(interval);
        self.carrying()
            .go_on(id, &Item::Bundle(sealed.clone()), &understood);
        let refused = !known && self.take_bundle(parent, sealed, bundle) == Reception::Refused;
        if refused || self.discussion.causal.has_delivered(last) {
            self.relay.note_delivered(&mut self.context, id);
        }
        if self.context.layout() != Some(interval.layout) {
            self.history.recovered.insert(last.author);
            self.history
                .offer_recovered(&mut self.context, &self.ring, &self.discussion, &parent);
        }
    }

    /// Takes a bundle that this node pulled. Nobody relays it, but others may lack it too.
    pub(super) fn take_pulled(&mut self, peer: NodeId, sealed: Sealed) {
        let now = self.context.now;
        let Ok(bundle) = sealed.bundle() else {
            return self.reject(peer, UNREADABLE);
        };
        if self.discussion.causal.has(bundle.last_id()) {
            return self.compare_with_known(&bundle, &sealed);
        }
        if !self.context.seals.is_genuine(&sealed) {
            return self.reject(peer, UNSIGNED);
        }
        let author = bundle.author;
        let muted = author == peer && self.context.is_proven(&author);
        if muted || self.discussion.refuses(&self.context, &author, &peer) {
            return;
        }
        let asked =
            self.history.repair.was_asked(now, &peer) || self.history.searches.seeks(&author);
        self.discussion
            .admit_asked(&self.context, author, peer, asked);
        let id = bundle_item(author, bundle.first);
        if self.take_bundle(peer, sealed, bundle) == Reception::New {
            self.relay.acks.pulled(id);
            self.history.recovered.insert(author);
            self.context.joining.progressed(now);
        }
    }

    /// Takes in a bundle of another author, by whatever way it arrived. It is held back until its dependencies are
    /// here.
    fn take_bundle(&mut self, peer: NodeId, sealed: Sealed, bundle: Bundle) -> Reception {
        let author = bundle.author;
        let context = &mut self.context;
        if author == context.config.id || !self.discussion.may_be_an_author(context, &author, &peer)
        {
            return Reception::Refused;
        }
        if self.discussion.is_new_stranger(context, author, peer) {
            context.pull_view(&peer);
        }
        self.compare_with_known(&bundle, &sealed);
        let context = &mut self.context;
        context.links.brought(&peer, bundle.messages.len());
        let last = bundle.last_id();
        self.discussion.look_for_strangers(context, &bundle);
        // A newcomer waits for no news of authors that its history does not contain.
        let patience = if context.joining.is_history(last) {
            Patience::Short
        } else {
            Patience::Long
        };
        let reception = self.discussion.causal.receive(sealed, bundle, patience);
        if reception == Reception::Refused {
            tracing::warn!(?author, "refusing a bundle that overlaps another");
            // What the author says there cannot be told apart from what it said before.
            if self.discussion.is_ordered(context, &author) {
                self.gap(last, true);
            }
        }
        reception
    }

    /// Delivers all bundles that are ready.
    pub(super) fn deliver_ready(&mut self) {
        if !self.discussion.has_started() {
            return;
        }
        while let Some((Deliverable { sealed, bundle }, worth)) =
            self.discussion.next(&self.context)
        {
            if worth != Lamport::Due {
                self.tell_of_lamport(&bundle.author, worth);
            }
            if worth == Lamport::TooFar {
                self.pass_refused(&bundle);
            } else {
                self.look_for_fork(&bundle, &sealed);
                self.tell_messages(&bundle);
                self.log_delivered(&bundle, sealed);
            }
            self.relay
                .note_delivered(&mut self.context, bundle_item(bundle.author, bundle.first));
        }
    }

    /// Skips a bundle that is not shown: others may have it, and messages that depend on it must not wait.
    fn pass_refused(&mut self, bundle: &Bundle) {
        let last = bundle.last_id();
        if self.discussion.is_ordered(&self.context, &bundle.author) {
            self.gap(last, true);
        } else {
            self.discussion.pass(last);
        }
    }

    fn tell_of_lamport(&mut self, author: &NodeId, worth: Lamport) {
        let who = self.context.described(author);
        let message = if worth == Lamport::TooFar {
            alloc::format!(
                "a message of {who} has a Lamport time beyond all others: it is not shown"
            )
        } else {
            alloc::format!(
                "a message of {who} has a Lamport time that does not follow from what came before: \
                 somebody says different things to different members"
            )
        };
        self.context.warn(Trouble::LamportTime, message);
    }

    /// Tells the user the messages of a bundle.
    pub(super) fn tell_messages(&mut self, bundle: &Bundle) {
        let name: Arc<str> = self.context.name_of(&bundle.author).into();
        let history = self.context.joining.is_history(bundle.last_id());
        if history {
            let progress = self.context.joining.progress();
            progress.came(bundle.messages.len() as u64);
        }
        for (place, message) in (0..).zip(&bundle.messages) {
            let id = MessageId {
                author: bundle.author,
                seq: bundle.first + place,
            };
            self.context.emit(Event::Message(Delivered {
                id,
                name: Arc::clone(&name),
                timestamp_ms: message.timestamp_ms,
                text: message.text.clone(),
                lamport: bundle.lamport + place,
                heads: (place == 0).then(|| bundle.heads.clone()),
                history,
            }));
        }
    }

    /// Logs a delivered bundle. A bundle of this node that perhaps no other member has stays available, whatever
    /// comes after it.
    pub(super) fn log_delivered(&mut self, bundle: &Bundle, sealed: Sealed) {
        let (me, outbox) = (self.context.config.id, &self.relay.outbox);
        self.discussion.log.push(bundle, sealed, |first| {
            first.author == me && outbox.is_open(first.seq)
        });
    }

    /// Compares a bundle with a known one that shares messages with it: they must be the same.
    fn compare_with_known(&mut self, bundle: &Bundle, sealed: &Sealed) {
        let known = self.discussion.known_instead(bundle);
        let differs = known.filter(|known| known.raw != sealed.raw);
        if let Some(known) = differs.cloned() {
            self.weigh(None, &[known, sealed.clone()]);
        }
    }

    /// Checks that a bundle to be shown follows the author's previous one.
    fn look_for_fork(&mut self, bundle: &Bundle, sealed: &Sealed) {
        let previous = self.discussion.before(bundle);
        let differs = previous.filter(|previous| previous.seal.hash() != bundle.previous);
        if let Some(previous) = differs.cloned() {
            self.weigh(None, &[previous, sealed.clone()]);
        }
    }

    /// Takes one half of a peer's evidence against an author.
    pub(super) fn take_evidence(&mut self, peer: NodeId, sealed: Sealed) {
        if let Some(both) = self.forks.complete(peer, sealed) {
            self.weigh(Some(peer), &both);
        }
    }

    /// Weighs two bundles that may contradict each other, perhaps sent by a peer. If they do, the peers that the ring
    /// needs are told.
    fn weigh(&mut self, source: Option<NodeId>, both: &[Sealed; 2]) {
        let causal = &self.discussion.causal;
        let verdict = self
            .forks
            .weigh(&mut self.context, both, |context, author| {
                context.is_named(author) || causal.knows(author)
            });
        match (verdict, source) {
            (Verdict::Unsigned, Some(source)) => {
                self.reject(source, "evidence that nobody has signed");
            }
            (Verdict::ShownUp, source) => {
                self.depose_liar();
                for peer in self.ring.needed_ids().filter(|peer| Some(**peer) != source) {
                    send_evidence(&mut self.context, peer, both);
                }
            }
            _ => {}
        }
    }
}

/// Returns how many bytes of a share may be parked.
fn most_parked(share: &NodeId) -> usize {
    if *share == SHARE_OF_THE_NAMELESS {
        NAMELESS_BYTES
    } else {
        2 * WINDOW_BYTES
    }
}

/// Returns the id of a bundle as an item.
pub(super) const fn bundle_item(author: NodeId, first: u64) -> ItemId {
    ItemId {
        kind: ItemKind::Bundle,
        origin: author,
        number: first,
    }
}
