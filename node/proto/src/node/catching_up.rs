//! Catching up: nodes that follow an earlier view get what they missed.
//!
//! `PROTOCOL.md` §5.3. Not here: which view is believed (`views`), how updates go round the ring (`relay`).

use super::Node;
use crate::View;
use crate::concerns::membership::update_chain::is_near;
use alloc::vec::Vec;
use ringtalk_wire::{Announcement, Frame, NodeId, Sealed, ViewPage, ViewTag};

impl Node {
    /// Compares a peer's view tag with this node's own: the peer behind gets the view, or this node asks for it.
    pub(super) fn compare_tags(&mut self, peer: NodeId, theirs: &ViewTag) {
        let now = self.context.now;
        let Some(view) = self.context.view.clone() else {
            return;
        };
        let mine = view.tag();
        self.succession
            .note_epoch(&self.context, peer, theirs.epoch);
        if *theirs == mine {
            self.note_same_view(&peer);
        } else if self.context.is_rival(&theirs.epoch) {
            self.meet_rival(&theirs.epoch);
            self.context.pull_view(&peer);
        } else if self.context.is_higher(theirs, &mine) {
            if !is_near(&mine, theirs) || self.membership.updates.is_overdue(now, &mine, theirs) {
                self.context.pull_view(&peer);
            }
        } else if !self.context.joining.is_outside() {
            if !view.contains(&peer) || !is_near(theirs, &mine) {
                self.catch_up(&peer, Some(theirs));
            } else if let Some(updates) = self.updates_since(theirs) {
                self.send_updates(&peer, updates);
            }
            if theirs.epoch != mine.epoch {
                self.try_coordinator();
            }
        }
    }

    /// Takes a view update that this node has missed.
    pub(super) fn take_direct_update(&mut self, peer: NodeId, sealed: Sealed) {
        let Ok(announcement) = sealed.announcement() else {
            return self.reject(peer, "an update that cannot be read");
        };
        if !self.context.signatures.is_genuine(&sealed) {
            return self.reject(peer, "an update that its coordinator did not sign");
        }
        let id = announcement.item_id();
        let update = match announcement {
            Announcement::View(update) => update,
            Announcement::Page(page) => return self.take_merged_page(peer, sealed, page),
        };
        let tag = update.tag;
        if self.take_update(peer, update).is_err() {
            // The updates lead past this node's eviction, or come from another ring: more of them would not help.
            let whole = Frame::PullView(None);
            self.context.send(&peer, &whole);
        }
        if self
            .context
            .view
            .as_ref()
            .is_some_and(|view| view.tag() == tag)
        {
            self.relay.announcements.keep(id, sealed);
        }
    }

    /// Answers a peer that asks for the view in force and may say which one it has.
    pub(super) fn take_pull_view(&mut self, peer: NodeId, theirs: Option<&ViewTag>) {
        if let Some(theirs) = theirs {
            self.succession
                .note_epoch(&self.context, peer, theirs.epoch);
        } else {
            self.observers.note(&mut self.context, &peer);
        }
        self.catch_up(&peer, theirs);
    }

    /// Sends this node's full view to a peer.
    pub(super) fn send_view(&mut self, peer: &NodeId) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        for page in self.pages_of(&view) {
            self.context.send(peer, &Frame::View(page.into()));
        }
    }

    /// Returns a view in pages. If this node is the coordinator, the first page names former members of its ring.
    pub(super) fn pages_of(&self, view: &View) -> Vec<ViewPage> {
        let mut pages = view.pages();
        if let Some(first) = pages.first_mut().filter(|_| self.context.is_coordinator()) {
            first.former = self.discussion.former_names(&self.context);
        }
        pages
    }

    /// Brings a peer to the view in force: a member by the updates since its own view, if they are still here, any
    /// other peer by the full view.
    pub(super) fn catch_up(&mut self, peer: &NodeId, theirs: Option<&ViewTag>) {
        let now = self.context.now;
        let Some(view) = self.context.view.clone() else {
            return;
        };
        let tag = view.tag();
        if theirs == Some(&tag) {
            return self.send_heartbeat(peer);
        }
        let theirs = theirs.filter(|_| view.contains(peer));
        match theirs.and_then(|theirs| self.updates_since(theirs)) {
            Some(updates) => self.send_updates(peer, updates),
            None if self.membership.updates.note_full_view(now, *peer, tag) => self.send_view(peer),
            None => {}
        }
    }

    /// Returns the updates that lead from a view to the one in force, if they are still here.
    fn updates_since(&self, theirs: &ViewTag) -> Option<Vec<Sealed>> {
        let mine = self.context.view.as_ref()?.tag();
        let steps = self.membership.updates.between(theirs, &mine)?;
        let updates = steps.map(|id| self.relay.announcements.get(id).cloned());
        updates.collect()
    }

    fn send_updates(&mut self, peer: &NodeId, updates: Vec<Sealed>) {
        for update in updates {
            self.context.send(peer, &Frame::Update(update));
        }
    }
}
