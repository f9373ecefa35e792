//! Messages: saying, taking in, and delivering them.
//!
//! `PROTOCOL.md` §4. Not here: their way round the ring (`relay`), and how lost ones are found
//! again (`history`).

use alloc::sync::Arc;

use ringtalk_wire::limit::BUNDLE_HEADS;
use ringtalk_wire::{Bundle, Item, MessageId, NodeId, Sealed};

use super::Node;
use super::relay::bundle_item;
use crate::causal::{Deliverable, Lamport, Patience, Reception};
use crate::outbox::Draft;
use crate::{Delivered, Event, Time, Trouble};

impl Node {
    /// The user says something.
    pub(super) fn say(&mut self, now: Time, draft: Draft) {
        self.outbox.push(draft);
        self.seal_what_waits(now);
    }

    /// Seals what the user said: at once while the links are idle and little is on its way, else in full bundles.
    pub(super) fn seal_what_waits(&mut self, now: Time) {
        while !self.outbox.is_empty()
            && self.joining.is_inside()
            && self.can_spread()
            && !self.outbox.is_slowed()
            && (self.outbox.is_full() && self.has_room(&self.config.id)
                || self.outbox.has_little_open() && self.spreads_at_once())
        {
            self.seal_one(now);
        }
    }

    /// Seals everything, busy links or not: the node leaves.
    pub(super) fn seal_everything(&mut self, now: Time) {
        while !self.outbox.is_empty() {
            self.seal_one(now);
        }
    }

    /// A bundle of somebody else arrived, by whatever way.
    pub(super) fn take_bundle(
        &mut self,
        now: Time,
        peer: NodeId,
        sealed: Sealed,
        bundle: Bundle,
    ) -> Reception {
        let author = bundle.author;
        if author == self.config.id || !self.may_be_an_author(&author, &peer) {
            return Reception::Refused;
        }
        if self.is_new_stranger(now, author, peer) {
            self.pull_view(now, &peer);
        }
        self.compare_with_known(now, &bundle, &sealed);
        self.links.brought(&peer, bundle.messages.len());
        let last = bundle.last_id();
        self.look_for_strangers(now, &bundle);
        // Whoever comes waits for no news of those whom none of the discussion so far has.
        let is_history = self.joining.is_history(last);
        let patience = if is_history {
            Patience::Short
        } else {
            Patience::Long
        };
        let reception = self.causal.receive(sealed, bundle, patience);
        if reception == Reception::Refused {
            tracing::warn!(?author, "refusing a bundle that overlaps another");
            // What its author says there cannot be told from what it has said before.
            if self.is_ordered(&author) {
                self.gap(last, true);
            }
        }
        reception
    }

    /// A bundle is not shown: others may have it, and what depends on it must not wait.
    fn pass_refused(&mut self, bundle: &Bundle) {
        let last = bundle.last_id();
        if self.is_ordered(&bundle.author) {
            self.gap(last, true);
        } else {
            self.causal.pass(last);
            self.log.pass(last);
        }
    }

    /// Delivers whatever may be delivered by now.
    pub(super) fn deliver_ready(&mut self, now: Time) {
        if !self.started {
            return;
        }
        loop {
            let (log, view) = (&self.log, self.view.as_ref());
            let is_member = |author: &NodeId| view.is_some_and(|view| view.contains(author));
            let lamport_of = |message| log.lamport_of(message);
            let next = self.causal.next(now, is_member, lamport_of);
            let Some((Deliverable { sealed, bundle }, worth)) = next else {
                return;
            };
            if worth != Lamport::Due {
                self.tell_of_lamport(now, &bundle.author, worth);
            }
            if worth == Lamport::TooFar {
                self.pass_refused(&bundle);
            } else {
                self.look_for_fork(now, &bundle, &sealed);
                self.tell_messages(&bundle);
                self.log_delivered(&bundle, sealed);
            }
            self.note_delivered(bundle_item(bundle.author, bundle.first));
        }
    }

    fn tell_of_lamport(&mut self, now: Time, author: &NodeId, worth: Lamport) {
        let who = self.described(author);
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
        self.warn(now, Trouble::LamportTime, message);
    }

    /// Seals the next bundle and sends it both ways.
    fn seal_one(&mut self, now: Time) {
        let (heads, lamport) = self.causal.heads(BUNDLE_HEADS);
        let first = self.outbox.sealed() + 1;
        let bundle = Bundle {
            author: self.config.id,
            first,
            previous: self.forks.last_own,
            lamport,
            heads,
            messages: self.outbox.seal(),
        };
        let sealed = self.seal_item(&bundle);
        self.forks.last_own = sealed.seal.hash();
        self.causal.deliver(&bundle);
        self.tell_messages(&bundle);
        self.log_delivered(&bundle, sealed.clone());
        let id = bundle_item(bundle.author, first);
        self.acks.came(id, None, true, now);
        let children = self.spread(now, id, &Item::Bundle(sealed));
        self.outbox.opened(now, first, &bundle.messages, children);
        self.note_delivered(id);
    }

    /// A planted mistake: the last message is delivered once more.
    pub(super) fn tell_last_again(&mut self) {
        let last = self.transcript().last().copied();
        let sealed = last.and_then(|last| self.log.bundle(last)).cloned();
        if let Some(bundle) = sealed.and_then(|sealed| sealed.bundle().ok()) {
            self.tell_messages(&bundle);
        }
    }

    /// One's own that nobody else may have yet stays beside the log, whatever comes after it.
    fn log_delivered(&mut self, bundle: &Bundle, sealed: Sealed) {
        let (me, outbox) = (self.config.id, &self.outbox);
        self.log.push(bundle, sealed, |first| {
            first.author == me && outbox.is_open(first.seq)
        });
    }

    fn tell_messages(&mut self, bundle: &Bundle) {
        let name: Arc<str> = self.name_of(&bundle.author).into();
        let history = self.joining.is_history(bundle.last_id());
        if history {
            self.joining.progress().came(bundle.messages.len() as u64);
        }
        for (place, message) in (0..).zip(&bundle.messages) {
            let id = MessageId {
                author: bundle.author,
                seq: bundle.first + place,
            };
            self.emit(Event::Message(Delivered {
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
}
