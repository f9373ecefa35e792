//! The path of a bundle: it arrives from a peer, is checked, relayed, held back, and delivered when it is ready.
//!
//! `PROTOCOL.md` §4. The functions below are the steps, in this order. While more than
//! [`SHARE_BYTES`](crate::config::SHARE_BYTES) of an author wait on a link that the ring needs, its further bundles
//! are parked, so no author fills the links, however much it says. That belongs here and not in the driver: others
//! depend on messages that are delivered early, so a fair queue in the driver alone would not help. Not here: this
//! node's own messages (`speaking`), recovery of lost ones (`recovery`).

use alloc::sync::Arc;

use ringtalk_wire::{
    Body, Bundle, Control, Interval, Item, ItemId, ItemKind, MessageId, NodeId, PublicKey, Sealed,
};

use super::Node;
use crate::concerns::forks::{ForkVerdict, send_evidence};
use crate::config::{RingKind, WINDOW_BYTES};
use crate::context::UNNAMED_SHARE;
use crate::machines::causal::{Deliverable, LamportVerdict, Patience, Reception};
use crate::machines::parking::IncomingBundle;
use crate::{Delivered, DeliveredControl, ErrorKind, Event};

/// How many bytes of all unnamed authors are parked: less than of one named author, because a key costs nothing.
const UNNAMED_BYTES: usize = 2 * 1024 * 1024;

/// Why this node closes the link of a peer that sends such a bundle.
const UNREADABLE_BUNDLE: &str = "a bundle that cannot be read";
const UNSIGNED_BUNDLE: &str = "a bundle that its author did not sign";

impl Node {
    /// Takes a bundle on its way round the ring: decodes it, compares it with known ones, verifies it, confirms it,
    /// and relays it or parks it until there is room.
    pub(super) fn take_relayed(&mut self, parent: NodeId, interval: Interval, sealed: &Sealed) {
        let Ok(bundle) = sealed.bundle() else {
            return self.reject(parent, UNREADABLE_BUNDLE);
        };
        let (id, last) = (bundle_item(bundle.author, bundle.first), bundle.last_id());
        let lone = bundle.first == last.seq;
        let known = self.discussion.causal.has(last);
        // Before the signature check: made-up authors must cost no check, and their bundles are not relayed.
        if !known
            && self
                .discussion
                .refuses_bundle(&self.context, &bundle, &parent)
        {
            self.relay.owe_receipt(&self.context, parent, id);
            self.relay.owe_ack(&self.context, parent, id, false, lone);
            return self.relay.note_delivered(&mut self.context, id);
        }
        let here = self.relay.item(&self.discussion, id) == Some(Item::Bundle(sealed.clone()));
        if !here && !self.context.signatures.is_genuine(sealed) {
            return self.reject(parent, UNSIGNED_BUNDLE);
        }
        if known {
            self.compare_with_known(&bundle, sealed);
        }
        let accepted = !known && !self.context.has_equivocated(&bundle.author);
        let share = self.context.share_of(&bundle.author);
        let incoming = IncomingBundle {
            id,
            parent,
            interval,
            sealed: sealed.clone(),
            bundle,
        };
        let new = accepted && !self.relay.parking.holds(&id);
        // A second copy waits where the first does, whatever share it has meanwhile.
        let waits = self.relay.parking.holds(&id) || self.relay.parking.has(&share);
        if accepted && (waits || !self.relay.has_room(&self.context, &self.ring, &share)) {
            // A refused bundle gets no receipt: its interval goes to others, and the bundle is pulled later.
            if self
                .relay
                .parking
                .park(share, most_parked(&share), incoming)
            {
                self.relay.owe_receipt(&self.context, parent, id);
                self.relay.owe_ack(&self.context, parent, id, new, lone);
            }
            return;
        }
        self.relay.owe_receipt(&self.context, parent, id);
        self.relay.owe_ack(&self.context, parent, id, new, lone);
        if known || new {
            self.forward(incoming);
        } else {
            self.relay.note_delivered(&mut self.context, id);
        }
    }

    /// Relays parked bundles, if there is room.
    pub(super) fn forward_parked(&mut self) {
        while !self.relay.parking.is_empty() {
            let mut parking = core::mem::take(&mut self.relay.parking);
            let next = parking.next(|share| self.relay.has_room(&self.context, &self.ring, share));
            self.relay.parking = parking;
            let Some(incoming) = next else { return };
            self.forward(incoming);
        }
    }

    /// Relays a bundle, and takes it in.
    fn forward(&mut self, incoming: IncomingBundle) {
        let IncomingBundle {
            id,
            parent,
            interval,
            sealed,
            bundle,
        } = incoming;
        let last = bundle.last_id();
        let known = self.discussion.causal.has(last);
        if !known
            && (self.context.has_equivocated(&bundle.author)
                || self
                    .discussion
                    .refuses_bundle(&self.context, &bundle, &parent))
        {
            return self.relay.note_delivered(&mut self.context, id);
        }
        let understood = self.context.as_understood(interval);
        if self.context.links.is_slow(self.context.now, &parent) {
            // The next one may follow.
            self.note_slow_line(&parent);
        }
        let took_long = self.context.links.is_crawling(self.context.now, &parent);
        let item = Item::Bundle(sealed.clone());
        self.forwarder()
            .take_over_interval((id, &item), &understood, took_long);
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
            return self.reject(peer, UNREADABLE_BUNDLE);
        };
        if self.discussion.causal.has(bundle.last_id()) {
            return self.compare_with_known(&bundle, &sealed);
        }
        if !self.context.signatures.is_genuine(&sealed) {
            return self.reject(peer, UNSIGNED_BUNDLE);
        }
        let author = bundle.author;
        let muted = author == peer && self.context.has_equivocated(&author);
        if muted
            || self
                .discussion
                .refuses_author(&self.context, &author, &peer)
        {
            return;
        }
        let asked = self.history.repair.was_asked_lately(now, &peer)
            || self.history.searches.is_searching_for(&author);
        self.discussion
            .admit_requested(&self.context, author, peer, asked);
        let id = bundle_item(author, bundle.first);
        if self.take_bundle(peer, sealed, bundle) == Reception::New {
            self.relay.acks.note_pulled(id);
            self.history.recovered.insert(author);
            self.context.joining.note_progress(now);
        }
    }

    /// Takes in a bundle of another author, however it arrived. It is held back until its dependencies are
    /// here.
    fn take_bundle(&mut self, peer: NodeId, sealed: Sealed, bundle: Bundle) -> Reception {
        let author = bundle.author;
        let is_own = author == self.context.config.id && !self.was_said_before(bundle.last());
        let context = &mut self.context;
        if is_own || !self.discussion.has_room_for_author(context, &author, &peer) {
            return Reception::Refused;
        }
        if self.discussion.note_stranger(context, author, peer) {
            context.pull_view(&peer);
        }
        self.compare_with_known(&bundle, &sealed);
        let context = &mut self.context;
        context.links.add_contribution(&peer, bundle.messages.len());
        let last = bundle.last_id();
        self.discussion.wait_for_unknown_authors(context, &bundle);
        // A newcomer waits for no news of authors that its history does not contain.
        let patience = if context.joining.is_history(last) {
            Patience::Short
        } else {
            Patience::Long
        };
        let reception = self.discussion.causal.receive(sealed, bundle, patience);
        if reception == Reception::Refused {
            tracing::info!(?author, "refused a bundle that overlaps another");
            // A new message there cannot be told apart from the author's earlier ones.
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
            if worth != LamportVerdict::Due {
                self.tell_of_lamport(&bundle.author, worth);
            }
            if worth == LamportVerdict::TooFar {
                self.skip_undelivered(&bundle);
            } else {
                self.check_previous(&bundle, &sealed);
                self.tell_messages(&bundle, &sealed.seal.key);
                self.log_delivered(&bundle, sealed);
            }
            self.relay
                .note_delivered(&mut self.context, bundle_item(bundle.author, bundle.first));
        }
    }

    /// Skips a bundle that is not shown: others may have it, and messages that depend on it must not wait.
    fn skip_undelivered(&mut self, bundle: &Bundle) {
        let last = bundle.last_id();
        if self.discussion.is_ordered(&self.context, &bundle.author) {
            self.gap(last, true);
        } else {
            self.discussion.skip(last);
        }
    }

    fn tell_of_lamport(&mut self, author: &NodeId, worth: LamportVerdict) {
        let who = self.context.describe(author);
        let message = if worth == LamportVerdict::TooFar {
            alloc::format!(
                "a message from {who} has a Lamport time too far ahead of all others: it is not shown"
            )
        } else {
            alloc::format!(
                "a message from {who} has a Lamport time that does not follow from the messages before it: \
                 a member sends different messages to different members"
            )
        };
        self.context.warn(ErrorKind::LamportTime, message);
    }

    /// Tells the user the messages of a bundle.
    pub(super) fn tell_messages(&mut self, bundle: &Bundle, key: &PublicKey) {
        let byline = self
            .discussion
            .bylines
            .name_at(&bundle.author, bundle.first);
        let name: Arc<str> = match byline {
            Some(name) => name.into(),
            None => self.context.name_of(&bundle.author).into(),
        };
        let history = self.context.joining.is_history(bundle.last_id());
        if history {
            let progress = self.context.joining.progress();
            progress.add_done(bundle.messages.len() as u64);
        }
        if bundle.author != self.context.config.id {
            self.absence.note_messages(bundle.messages.len());
        }
        for (offset, message) in (0..).zip(&bundle.messages) {
            let id = MessageId {
                author: bundle.author,
                seq: bundle.first + offset,
            };
            let Body::Text(text) = &message.body else {
                let control = self.understand(id, &message.body, key);
                self.context.emit(Event::Control(DeliveredControl {
                    id,
                    name: Arc::clone(&name),
                    control,
                    history,
                }));
                continue;
            };
            self.context.emit(Event::Message(Delivered {
                id,
                name: Arc::clone(&name),
                timestamp_ms: message.timestamp_ms,
                text: text.clone(),
                lamport: bundle.lamport + offset,
                heads: (offset == 0).then(|| bundle.heads.clone()),
                history,
            }));
        }
    }

    /// Returns what a control message says, if its author may say it here. Texts of guests have no meaning yet.
    fn understand(&self, id: MessageId, body: &Body, key: &PublicKey) -> Option<Control> {
        let control = Control::read(body)?;
        let config = &self.context.config;
        let is_due = match &control {
            Control::Begin(begin) => id.seq == 1 && begin.creates(&config.ring, key),
            Control::Away(_) | Control::Back => config.kind == RingKind::Lobby,
            Control::Saved => true,
        };
        is_due.then_some(control)
    }

    /// Logs a delivered bundle. A bundle of this node that perhaps no other member has stays available, whatever
    /// comes after it.
    pub(super) fn log_delivered(&mut self, bundle: &Bundle, sealed: Sealed) {
        let (me, outbox) = (self.context.config.id, &self.relay.outbox);
        self.discussion.log.push(bundle, sealed, |first| {
            first.author == me && outbox.is_in_flight(first.seq)
        });
    }

    /// Compares a bundle with a known one that shares messages with it: they must be the same.
    fn compare_with_known(&mut self, bundle: &Bundle, sealed: &Sealed) {
        let known = self.discussion.overlapping(bundle);
        let differs = known.filter(|known| known.raw != sealed.raw);
        if let Some(known) = differs.cloned() {
            self.weigh(None, &[known, sealed.clone()]);
        }
    }

    /// Checks that a bundle to be shown follows the author's previous one.
    fn check_previous(&mut self, bundle: &Bundle, sealed: &Sealed) {
        let previous = self.discussion.previous_bundle(bundle);
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
            (ForkVerdict::Unsigned, Some(source)) => {
                self.reject(source, "evidence without a valid signature");
            }
            (ForkVerdict::Equivocated, source) => {
                self.depose_equivocator();
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
    if *share == UNNAMED_SHARE {
        UNNAMED_BYTES
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
