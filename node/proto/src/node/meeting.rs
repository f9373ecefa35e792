//! Meeting another ring of the same discussion: the smaller one dissolves into the larger.
//!
//! `PROTOCOL.md` §8. Not here: which of two rings goes on (`merge`).

use ringtalk_wire::{Announcement, Contact, Dissolve, Epoch, Frame, Item, Meet, NodeId};

use super::Node;
use crate::config::EPOCHS_AHEAD;
use crate::merge::{Course, decide};
use crate::{Event, Time, View};

/// How often another ring is spoken to, at most.
const PAUSE: core::time::Duration = core::time::Duration::from_millis(500);

/// What this node knows of other rings.
#[derive(Debug, Default)]
pub(super) struct Meeting {
    last: Option<Time>,
    /// This node is on its way into another ring.
    merging: bool,
}

impl Meeting {
    /// True while this node is on its way into another ring.
    pub(super) const fn is_merging(&self) -> bool {
        self.merging
    }

    /// The other ring cannot be reached: any way in is welcome.
    pub(super) const fn give_up(&mut self) {
        self.merging = false;
    }
}

impl Node {
    /// There is another ring: its coordinator is spoken to, by one's own coordinator.
    pub(super) fn meet(&mut self, now: Time, contact: &Contact) {
        let Some(view) = self.view.clone() else {
            return;
        };
        let former = view.contains(&contact.id) && contact.epoch.number < view.tag().epoch.number;
        if contact.id == self.config.id || former || self.joining.is_outside() {
            return;
        }
        if !self.is_coordinator() {
            let foreign = Frame::Foreign(contact.clone());
            return self.send_to_member(now, &view.coordinator(), &foreign);
        }
        let soon = self.meeting.last.is_some_and(|last| now - last < PAUSE);
        if soon || !self.has_authority() {
            return;
        }
        self.meeting.last = Some(now);
        if let Some(meet) = self.own_meet() {
            let peer = (contact.id, &contact.addresses);
            let meet = Frame::Meet(meet);
            self.links.send_or_dial(now, peer, &meet, &mut self.out);
        }
    }

    /// A view of another ring came along.
    pub(super) fn sight_ring(&mut self, now: Time, other: &View) {
        if let Some(coordinator) = other.member(&other.coordinator()) {
            let contact = Contact {
                id: coordinator.id,
                addresses: coordinator.addresses.clone(),
                epoch: other.tag().epoch,
            };
            self.meet(now, &contact);
        }
    }

    /// Another coordinator has the same epoch number.
    pub(super) fn sight_rival(&mut self, now: Time, epoch: &Epoch) {
        if let Some(view) = self.view.clone()
            && let Some(rival) = view.member(&epoch.coordinator)
        {
            let contact = Contact {
                id: rival.id,
                addresses: rival.addresses.clone(),
                epoch: *epoch,
            };
            self.meet(now, &contact);
        }
    }

    /// The coordinator of another ring speaks.
    pub(super) fn take_meet(&mut self, now: Time, peer: NodeId, theirs: &Meet) {
        let Some(view) = self.view.clone() else {
            return;
        };
        if !self.is_coordinator() {
            let later = Frame::Later(self.coordinator_contact());
            self.links.send(now, &peer, &later, &mut self.out);
            return;
        }
        let Some(mine) = self.own_meet().filter(|_| self.has_authority()) else {
            return;
        };
        if theirs.tag.epoch.number > mine.tag.epoch.number + EPOCHS_AHEAD {
            return;
        }
        if view.descends_from(&theirs.tag) {
            return self.send_view(now, &peer);
        }
        match decide(&mine, theirs) {
            Course::GoOn { open } => {
                if let Some(number) = open {
                    self.open_epoch(now, number, self.dead_members());
                }
                self.answer_meet(now, &peer);
            }
            Course::Answer => self.answer_meet(now, &peer),
            Course::Dissolve => self.dissolve(now, peer, theirs),
        }
    }

    /// One's own coordinator says that the ring ends.
    pub(super) fn take_dissolve(&mut self, now: Time, dissolve: &Dissolve) {
        let epoch = self.view.as_ref().map(|view| view.tag().epoch);
        if epoch == Some(dissolve.tag.epoch) && !self.joining.is_outside() {
            self.meeting.merging = true;
            self.rejoin(now, &dissolve.into);
        }
    }

    /// This node has its place in the other ring.
    pub(super) fn merged_into(&mut self) {
        if !core::mem::take(&mut self.meeting.merging) {
            return;
        }
        if let Some(view) = &self.view {
            let (members, epoch) = (view.len(), view.tag().epoch);
            self.emit(Event::Merged { members, epoch });
        }
    }

    fn dissolve(&mut self, now: Time, peer: NodeId, theirs: &Meet) {
        let Some(tag) = self.view.as_ref().map(|view| view.tag()) else {
            return;
        };
        let dissolve = Dissolve {
            tag,
            into: Contact {
                id: peer,
                addresses: theirs.addresses.clone(),
                epoch: theirs.tag.epoch,
            },
        };
        let announcement = Announcement::Dissolve(dissolve.clone());
        let item = Item::Announcement(self.seal_item(&announcement));
        self.spread(now, announcement.item_id(), &item);
        self.take_dissolve(now, &dissolve);
    }

    fn answer_meet(&mut self, now: Time, peer: &NodeId) {
        if let Some(meet) = self.own_meet() {
            self.links
                .send(now, peer, &Frame::Meet(meet), &mut self.out);
        }
    }

    fn own_meet(&self) -> Option<Meet> {
        let view = self.view.as_ref()?;
        let me = view.member(&self.config.id)?;
        Some(Meet {
            tag: view.tag(),
            members: view.len() as u64,
            seniority: me.seniority,
            addresses: me.addresses.clone(),
        })
    }
}
