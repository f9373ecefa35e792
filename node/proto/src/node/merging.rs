//! Merging: this node meets another ring of the same discussion, and the two rings merge.
//!
//! `PROTOCOL.md` §8. Not here: the agreement (`meeting`), the union (`merge`), lost members (`lost_members`).

use super::Node;
use super::views::UNSIGNED_VIEW;
use crate::config::EPOCHS_AHEAD;
use crate::machines::merge::{opening, outranks, union};
use crate::view::Mismatch;
use crate::{Event, Time, View};
use alloc::vec::Vec;
use ringtalk_wire::limit::{MEMBERS, PAGE_FORMER};
use ringtalk_wire::{
    Announcement, Contact, Epoch, Frame, Item, Meet, Member, NodeId, Opening, Sealed, ViewPage,
    ViewTag,
};

impl Node {
    /// Contacts the coordinator of another ring if this node is the coordinator; otherwise tells its own coordinator.
    pub(super) fn meet(&mut self, contact: &Contact) {
        let now = self.context.now;
        let Some(view) = self.context.view.clone() else {
            return;
        };
        let former = view.contains(&contact.id) && contact.epoch.number < view.tag().epoch.number;
        if contact.id == self.context.config.id || former || self.context.joining.is_outside() {
            return;
        }
        if self.meeting.has_contacted_lately(now) {
            return;
        }
        if !self.context.is_coordinator() {
            self.meeting.note_contact(now);
            self.try_coordinator();
            let foreign = Frame::Foreign(contact.clone());
            return self.context.send_to_member(&view.coordinator(), &foreign);
        }
        if !self.context.has_authority() {
            return;
        }
        self.meeting.note_contact(now);
        if let Some(meet) = self.own_meet() {
            let meet = Frame::Meet(meet);
            self.context
                .send_or_dial((contact.id, &contact.addresses), &meet);
        }
    }

    /// Returns when this node must tell its ring of another.
    pub(super) fn candidates_due(&self) -> Option<Time> {
        let due = self.entry.candidates.deadline();
        due.filter(|_| self.is_member())
    }

    /// Tells the ring of another coordinator that a director has named: it may be of another ring.
    pub(super) fn tell_of_candidates(&mut self) {
        let now = self.context.now;
        let Some(view) = self.context.view_as_member().cloned() else {
            return;
        };
        let has = |id: &NodeId| view.contains(id);
        let Some(other) = self.entry.candidates.next_unreported(now, has) else {
            return;
        };
        if self.context.is_coordinator() {
            return self.meet(&other);
        }
        let foreign = Frame::Foreign(other);
        self.context.send_to_member(&view.coordinator(), &foreign);
    }

    /// Takes a member's notice of another ring. If this node already follows that ring, it sends the member the view:
    /// the member may not believe anybody else that it has to follow.
    pub(super) fn take_foreign(&mut self, peer: NodeId, contact: &Contact) {
        let epoch = self.context.view.as_ref().map(|view| view.tag().epoch);
        if epoch == Some(contact.epoch) && !self.context.is_coordinator() {
            self.catch_up(&peer, None);
        } else {
            self.meet(contact);
        }
    }

    /// Puts this node's own coordinator on trial, because members follow another one: those that watched it may be
    /// among them.
    pub(super) fn try_coordinator(&mut self) {
        let now = self.context.now;
        let Some(view) = self.context.view.clone() else {
            return;
        };
        if !self.context.is_coordinator()
            && self.context.self_doubt.is_none()
            && !self.context.joining.is_outside()
            && self.meeting.start_coordinator_trial(now)
        {
            self.put_on_trial(view.coordinator());
        }
    }

    /// Meets another ring of which a view has arrived.
    pub(super) fn meet_ring_of(&mut self, other: &View) {
        if let Some(coordinator) = other.member(&other.coordinator()) {
            let contact = Contact {
                id: coordinator.id,
                addresses: coordinator.addresses.clone(),
                epoch: other.tag().epoch,
            };
            self.meet(&contact);
        }
    }

    /// Meets a coordinator with the same epoch number.
    pub(super) fn meet_rival(&mut self, epoch: &Epoch) {
        if let Some(view) = self.context.view.clone()
            && let Some(rival) = view.member(&epoch.coordinator)
        {
            let contact = Contact {
                id: rival.id,
                addresses: rival.addresses.clone(),
                epoch: *epoch,
            };
            self.meet(&contact);
        }
    }

    /// Answers the coordinator of another ring: the higher of the two rings invites the other.
    pub(super) fn take_meet(&mut self, peer: NodeId, theirs: &Meet) {
        let Some(mine) = self.meet_with(peer, theirs) else {
            return;
        };
        if !outranks(&mine, theirs) {
            self.context.send(&peer, &Frame::Meet(mine));
            return;
        }
        // A coordinator that asks again may have missed the invitation, or it was resting.
        if self.meeting.invite(&mut self.context, peer, theirs.members) {
            self.context.send(&peer, &Frame::Invite(mine));
        }
    }

    /// Accepts an invitation of a higher ring's coordinator. It gets the view, which does not change until the merged
    /// view is made or the invitation lapses.
    pub(super) fn take_invite(&mut self, peer: NodeId, theirs: &Meet) {
        let now = self.context.now;
        let Some(mine) = self.meet_with(peer, theirs) else {
            return;
        };
        let Some(view) = self
            .context
            .view
            .clone()
            .filter(|_| outranks(theirs, &mine))
        else {
            let meet = Frame::Meet(mine);
            self.context.send(&peer, &meet);
            return;
        };
        if self.meeting.is_backing_off(now) {
            return;
        }
        let pledge = self
            .context
            .with_own_seal(opening(theirs.tag.epoch, view.tag().epoch));
        self.meeting.pledge_to(&mut self.context, peer);
        self.context.send(&peer, &Frame::Pledge(pledge));
        for page in self.pages_of(&view) {
            self.context.send(&peer, &Frame::Accept(page.into()));
        }
    }

    /// Keeps the opening that the invited ring's coordinator has signed.
    pub(super) fn take_pledge(&mut self, peer: NodeId, pledge: Opening) {
        self.meeting.keep_pledge(&peer, pledge);
    }

    /// Takes a page of the invited ring's view. When the view is complete, merges both rings.
    pub(super) fn take_accept(&mut self, peer: NodeId, page: ViewPage) {
        let now = self.context.now;
        let Some(most_members) = self.meeting.most_members_of(&peer) else {
            return;
        };
        let (theirs, former) = match self.meeting.add_accepted(&self.context, peer, page) {
            Some(Err(Mismatch::Seal)) => {
                self.meeting.lapse(&mut self.context);
                return self.reject(peer, UNSIGNED_VIEW);
            }
            Some(Ok(theirs)) => theirs,
            Some(Err(_)) | None => return,
        };
        let Some(view) = self.context.view.clone() else {
            return;
        };
        self.meeting.lapse(&mut self.context);
        let near = theirs.tag().epoch.number <= view.tag().epoch.number + EPOCHS_AHEAD
            && theirs.tag().number <= view.tag().number + EPOCHS_AHEAD
            && theirs.layout() <= view.layout() + EPOCHS_AHEAD
            && view.len() + theirs.len() <= MEMBERS
            && theirs.len() as u64 <= most_members;
        let merges = theirs.coordinator() == peer && near && self.context.has_authority();
        let agreed = opening(view.tag().epoch, theirs.tag().epoch);
        let pledge = self.meeting.take_pledge();
        let matches_agreement =
            |pledge: &Opening| agreed.says_the_same(pledge) && pledge.seals.len() == 1;
        let Some(pledge) = pledge.filter(|pledge| merges && matches_agreement(pledge)) else {
            return;
        };
        if !self.context.signers(&pledge).contains(&peer) {
            return self.reject(peer, "a pledge that its coordinator did not sign");
        }
        let agreed = self.context.with_own_seal(pledge);
        let seal = |tag: &ViewTag| self.context.signatures.sign_view(tag);
        for member in theirs.members() {
            self.naming.release_name_of(&member.id);
        }
        self.naming.follow(now, &view);
        let naming = &mut self.naming;
        let name = |member: &Member| naming.assign(&member.name, member.id);
        let both = union(&view, &theirs, name, agreed, seal);
        self.naming.forget_names();
        if let Some(merged) = both {
            let mut pages = self.pages_of(&merged);
            if let Some(first) = pages.first_mut() {
                first.former.extend(former.iter().cloned());
                first.former.truncate(PAGE_FORMER);
            }
            let pages = pages.into_iter().map(Announcement::Page);
            let pages: Vec<Sealed> = pages.map(|page| self.context.sign_item(&page)).collect();
            for page in pages.clone() {
                self.context.send(&peer, &Frame::Update(page));
            }
            self.spread_pages(pages);
            let tag = merged.tag();
            self.adopt(merged);
            self.discussion
                .note_former_names(&mut self.context, &tag, &former);
        }
    }

    /// Takes a page of the merged view that another coordinator made. The page is kept as it was signed, for this
    /// node's ring.
    pub(super) fn take_merged_page(&mut self, peer: NodeId, sealed: Sealed, page: ViewPage) {
        if !self.meeting.is_pledged_to(&peer) {
            return self.take_page(peer, page);
        }
        self.meeting.keep_merged(&page, sealed);
        self.take_page(peer, page);
    }

    /// Spreads the merged view of another coordinator round this node's own ring.
    pub(super) fn spread_merged(&mut self) {
        let pages = self.meeting.take_merged();
        self.spread_pages(pages);
    }

    /// Spreads the pages of a full view round the ring as it was before that view.
    fn spread_pages(&mut self, pages: Vec<Sealed>) {
        for sealed in pages {
            if let Ok(announcement) = sealed.announcement() {
                let id = announcement.item_id();
                self.forwarder().spread(id, &Item::Announcement(sealed));
            }
        }
    }

    /// Tells the user of a merge: the new view has another layout.
    pub(super) fn tell_merged(&mut self, before: &View, next: &View) {
        if next.layout() != before.layout() {
            self.meeting.forget_failures();
            self.context.emit(Event::Merged {
                members: next.len(),
                epoch: next.tag().epoch,
            });
        }
    }

    /// Returns when an agreement lapses, or a lost member is to be dialled.
    pub(super) fn meeting_due(&self) -> Option<Time> {
        let lost = self.context.lost_members.deadline();
        let lost = lost.filter(|_| self.context.has_authority());
        [self.meeting.deadline(), lost].into_iter().flatten().min()
    }

    pub(super) fn expire_meeting(&mut self) {
        let now = self.context.now;
        if self.meeting.deadline().is_some_and(|until| until <= now) {
            let pledged = self.context.is_pledged;
            self.meeting.lapse(&mut self.context);
            if pledged {
                self.void_pledge();
            }
        }
        if !self.context.has_authority() {
            return;
        }
        for (id, addresses) in self.context.lost_members.due(now) {
            if self.context.links.is_up(&id) {
                self.send_heartbeat(&id);
            } else {
                self.context.dial(id, &addresses);
            }
        }
    }

    /// Makes a lapsed pledge worthless by opening the next epoch: nodes that follow another epoch than the pledged
    /// one do not believe it.
    fn void_pledge(&mut self) {
        if let Some(view) = self
            .context
            .view
            .clone()
            .filter(|_| self.context.has_authority())
        {
            let opening = self.context.own_opening(&view, view.tag().epoch.number + 1);
            self.open_epoch(opening, self.context.dead_members());
        }
    }

    /// Returns what to answer another coordinator. Returns `None` if this node has no authority, if the epoch is not the
    /// peer's own, or if the other ring is an earlier form of this node's and may come to see that.
    fn meet_with(&mut self, peer: NodeId, theirs: &Meet) -> Option<Meet> {
        let now = self.context.now;
        let view = self.context.view.clone()?;
        if !self.context.is_coordinator() {
            let later = Frame::Later(self.context.coordinator_contact());
            self.context.send(&peer, &later);
            return None;
        }
        let epoch = theirs.tag.epoch;
        let far = epoch.number > view.tag().epoch.number + EPOCHS_AHEAD;
        // A coordinator speaks for its own ring alone: a pledge to this node's epoch would have one ring merge with itself.
        if far || epoch.coordinator != peer || !self.context.has_authority() {
            return None;
        }
        let earlier =
            view.descends_from(&theirs.tag) && self.context.is_epoch_proven_to(&view, epoch);
        if earlier && self.meeting.should_send_view(now, peer) {
            self.send_view(&peer);
            return None;
        }
        self.own_meet()
    }

    fn own_meet(&self) -> Option<Meet> {
        let view = self.context.view.as_ref()?;
        let me = view.member(&self.context.config.id)?;
        Some(Meet {
            tag: view.tag(),
            members: view.len() as u64,
            seniority: me.seniority,
            addresses: me.addresses.clone(),
        })
    }
}
