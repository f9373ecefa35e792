//! Speaking: the user's own messages, from the outbox to the links.
//!
//! `PROTOCOL.md` §4.1 and §4.2. Not here: how much may wait (`outbox`), messages of others (`bundles`).

use ringtalk_wire::limit::BUNDLE_HEADS;
use ringtalk_wire::{Bundle, Item};

use super::Node;
use super::bundles::bundle_item;
use crate::machines::outbox::Draft;

impl Node {
    /// Takes messages from the user.
    pub(super) fn say(&mut self, draft: Draft) {
        self.relay.outbox.push(draft);
        self.seal_what_waits();
    }

    /// Sends waiting messages: at once while the links are idle and little is in flight, otherwise in full bundles.
    pub(super) fn seal_what_waits(&mut self) {
        while !self.relay.outbox.is_empty()
            && self.context.joining.is_inside()
            && self.relay.can_spread(&self.context, &self.ring)
            && !self.relay.outbox.is_slowed()
            && (self.relay.outbox.is_full()
                && self
                    .relay
                    .has_room(&self.context, &self.ring, &self.context.config.id)
                || self.relay.outbox.has_little_open()
                    && self.relay.spreads_at_once(&self.context, &self.ring))
        {
            self.seal_one();
        }
    }

    /// Sends all waiting messages even over busy links, because the node leaves.
    pub(super) fn seal_everything(&mut self) {
        while !self.relay.outbox.is_empty() {
            self.seal_one();
        }
    }

    /// Signs the next bundle and sends it both ways round the ring.
    fn seal_one(&mut self) {
        let now = self.context.now;
        let (heads, lamport) = self.discussion.causal.heads(BUNDLE_HEADS);
        let first = self.relay.outbox.sealed() + 1;
        let bundle = Bundle {
            author: self.context.config.id,
            first,
            previous: self.forks.last_own,
            lamport,
            heads,
            messages: self.relay.outbox.seal(),
        };
        let sealed = self.context.seal_item(&bundle);
        self.forks.last_own = sealed.seal.hash();
        self.discussion.causal.deliver(&bundle);
        self.tell_messages(&bundle);
        self.log_delivered(&bundle, sealed.clone());
        let id = bundle_item(bundle.author, first);
        self.relay.acks.came(id, None, true, now);
        let children = self.carrying().spread(id, &Item::Bundle(sealed));
        self.relay
            .outbox
            .opened(now, first, &bundle.messages, children);
        self.relay.note_delivered(&mut self.context, id);
    }

    /// Delivers the last message once more: a planted bug.
    pub(super) fn tell_last_again(&mut self) {
        let log = &self.discussion.log;
        let last = log.transcript().last().copied();
        let sealed = last.and_then(|last| log.bundle(last)).cloned();
        if let Some(bundle) = sealed.and_then(|sealed| sealed.bundle().ok()) {
            self.tell_messages(&bundle);
        }
    }
}
