//! Speaking: the user's own messages, from the outbox to the links.
//!
//! `PROTOCOL.md` §4.1 and §4.2. Not here: how much may wait (`outbox`), messages of others (`bundles`).

use ringtalk_wire::limit::BUNDLE_HEADS;
use ringtalk_wire::{Bundle, Item};

use super::Node;
use super::bundles::bundle_item;
use crate::concerns::forks::LastBundle;
use crate::machines::outbox::Draft;

impl Node {
    /// Takes messages from the user.
    pub(super) fn say(&mut self, draft: Draft) {
        self.relay.outbox.push(draft);
        self.flush_outbox();
    }

    /// Sends waiting messages: at once while the links are idle and little is in flight, otherwise in full bundles.
    pub(super) fn flush_outbox(&mut self) {
        while !self.relay.outbox.is_empty()
            && self.context.joining.is_inside()
            && self.relay.can_spread(&self.context, &self.ring)
            && !self.relay.outbox.is_slowed()
            && (self.relay.outbox.is_full()
                && self
                    .relay
                    .has_room(&self.context, &self.ring, &self.context.config.id)
                || self.relay.outbox.has_little_in_flight()
                    && self.relay.spreads_at_once(&self.context, &self.ring))
        {
            self.send_bundle();
        }
    }

    /// Sends all waiting messages even over busy links, because the node leaves.
    pub(super) fn flush_all(&mut self) {
        while !self.relay.outbox.is_empty() {
            self.send_bundle();
        }
    }

    /// Signs the next bundle and sends it both ways round the ring.
    fn send_bundle(&mut self) {
        let now = self.context.now;
        let (heads, lamport) = self.discussion.causal.heads(BUNDLE_HEADS);
        let first = self.relay.outbox.last_seq() + 1;
        let bundle = Bundle {
            author: self.context.config.id,
            first,
            previous: self.forks.last_own.seal,
            lamport,
            heads,
            messages: self.relay.outbox.close_bundle(),
        };
        let sealed = self.context.sign_item(&bundle);
        self.forks.last_own = LastBundle {
            seal: sealed.seal.hash(),
            lamport: bundle.last_lamport(),
        };
        self.discussion.causal.deliver(&bundle);
        self.tell_messages(&bundle, &sealed.seal.key);
        self.log_delivered(&bundle, sealed.clone());
        let id = bundle_item(bundle.author, first);
        self.relay.acks.note_received(id, None, true, now);
        let members = self.context.view.as_ref().map_or(1, |view| view.len());
        let last = self.relay.outbox.last_seq();
        self.relay.coverage.note_signed(first, last, members);
        let children = self.forwarder().spread(id, &Item::Bundle(sealed));
        self.relay
            .outbox
            .track(now, first, &bundle.messages, children);
        self.relay.note_delivered(&mut self.context, id);
    }

    /// Delivers the last message once more: a planted bug.
    #[cfg(feature = "planted-bugs")]
    pub(super) fn tell_last_again(&mut self) {
        let log = &self.discussion.log;
        let last = log.transcript().last().copied();
        let sealed = last.and_then(|last| log.bundle(last)).cloned();
        if let Some(sealed) = sealed
            && let Ok(bundle) = sealed.bundle()
        {
            self.tell_messages(&bundle, &sealed.seal.key);
        }
    }
}
