//! Meeting another ring of the same discussion, and becoming one with it.
//!
//! `PROTOCOL.md` §8. Not here: which of two rings invites, and what the union is (`merge`), and who
//! was lost (`lost`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::{MEMBERS, PAGE_FORMER, PAGE_MEMBERS};
use ringtalk_wire::{
    Announcement, Contact, Epoch, Frame, Item, Meet, Member, NodeId, Opening, Sealed, ViewPage,
    ViewTag,
};

use super::Node;
use super::membership::{Pages, UNSIGNED};
use crate::config::{EPOCHS_AHEAD, INVITATION};
use crate::context::Context;
use crate::merge::{opening, outranks, union};
use crate::view::Mismatch;
use crate::{Event, Time, View};

/// How often another ring is spoken to, at most.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a ring rests after an invitation that came to nothing: twice as long after each, so that nobody
/// keeps it from changing its view.
const REST: Duration = Duration::from_millis(500);
/// The longest rest.
const REST_MOST: Duration = Duration::from_secs(8);
/// How long such an invitation is remembered.
const REST_FORGOTTEN: Duration = Duration::from_secs(60);
/// How many members more than it said a ring may have come to have until it accepts.
const MORE_MEMBERS: u64 = 64;
/// How often an epoch is opened for somebody from elsewhere, at most.
const OUTREACH: Duration = Duration::from_secs(1);

/// How soon whoever was given the view of what its ring has become is taken at its word that it does not believe it.
const UNCONVINCED: Duration = Duration::from_secs(1);
/// How many are given the view instead of being merged with, at a time: one more is merged with at once.
const SHOWN: usize = 64;

/// What this node knows of other rings, while it is the coordinator.
#[derive(Debug, Default)]
pub(super) struct Meeting {
    last: Option<Time>,
    /// When one's own coordinator was looked at last because of another.
    looked: Option<Time>,
    /// When an epoch was opened last for somebody from elsewhere.
    reached_out: Option<Time>,
    state: State,
    /// The last invitation that came to nothing: when, and how long to rest.
    vain: Option<(Time, Duration)>,
    /// The coordinators of earlier forms of one's own ring that were given the view in force, and since when.
    shown: BTreeMap<NodeId, Time>,
    /// What the invited coordinator stands for.
    pledge: Option<Opening>,
    /// The pages of the view of both rings, as its coordinator sealed them.
    merged: Vec<Sealed>,
    /// The view of the ring that was invited, as it comes in.
    accepted: Pages,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// Nothing is agreed upon.
    #[default]
    Free,
    /// That coordinator was invited; its ring had so many members.
    Inviting {
        whom: NodeId,
        until: Time,
        members: u64,
    },
    /// That coordinator's invitation was accepted: the view changes no more.
    Pledged { to: NodeId, until: Time },
}

impl Meeting {
    /// True where this node waits for the view that this coordinator makes of both rings.
    pub(super) fn is_pledged_to(&self, peer: &NodeId) -> bool {
        matches!(self.state, State::Pledged { to, .. } if to == *peer)
    }

    /// Nothing is agreed upon any more: another epoch has begun.
    pub(super) fn settle(&mut self, context: &mut Context) {
        self.enter(context, State::Free);
        self.shown.clear();
    }

    /// True where the coordinator of an earlier form of one's own ring is to be given the view in force, which it
    /// has not got yet, and not where it got that and still speaks up: it cannot tell that it is its ring.
    fn may_convince(&mut self, now: Time, peer: NodeId) -> bool {
        self.shown.retain(|_, since| now - *since < REST_FORGOTTEN);
        if self.shown.len() < SHOWN {
            self.shown.entry(peer).or_insert(now);
        }
        let since = self.shown.get(&peer);
        since.is_some_and(|since| now - *since < UNCONVINCED)
    }

    /// An invitation came to nothing.
    fn lapse(&mut self, context: &mut Context) {
        let now = context.now;
        let last = self.vain.filter(|(since, _)| now - *since < REST_FORGOTTEN);
        let rest = last.map_or(REST, |(_, rest)| (rest * 2).min(REST_MOST));
        self.vain = Some((now, rest));
        self.enter(context, State::Free);
    }

    fn enter(&mut self, context: &mut Context, state: State) {
        context.is_pledged = matches!(state, State::Pledged { .. });
        self.state = state;
    }

    /// True for a while after an invitation that came to nothing.
    fn rests(&self, now: Time) -> bool {
        self.vain.is_some_and(|(since, rest)| now - since < rest)
    }

    /// True where an epoch may be opened for somebody from elsewhere, as it is then.
    pub(super) fn may_reach_out(&mut self, now: Time) -> bool {
        let soon = self.reached_out.is_some_and(|last| now - last < OUTREACH);
        if !soon {
            self.reached_out = Some(now);
        }
        !soon
    }

    /// When an agreement lapses.
    pub(super) const fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Free => None,
            State::Inviting { until, .. } | State::Pledged { until, .. } => Some(until),
        }
    }
}

impl Node {
    /// There is another ring: its coordinator is spoken to, by one's own coordinator, if that is alive.
    pub(super) fn meet(&mut self, contact: &Contact) {
        let now = self.context.now;
        let Some(view) = self.context.view.clone() else {
            return;
        };
        let former = view.contains(&contact.id) && contact.epoch.number < view.tag().epoch.number;
        if contact.id == self.context.config.id || former || self.context.joining.is_outside() {
            return;
        }
        let soon = self.meeting.last.is_some_and(|last| now - last < PAUSE);
        if soon {
            return;
        }
        if !self.context.is_coordinator() {
            self.meeting.last = Some(now);
            self.look_after_coordinator();
            let foreign = Frame::Foreign(contact.clone());
            return self.context.send_to_member(&view.coordinator(), &foreign);
        }
        if !self.context.has_authority() {
            return;
        }
        self.meeting.last = Some(now);
        if let Some(meet) = self.own_meet() {
            let meet = Frame::Meet(meet);
            self.context
                .send_or_dial((contact.id, &contact.addresses), &meet);
        }
    }

    /// A director has named other coordinators beside the one that has let this node in: they may be of other rings.
    pub(super) fn tell_of_candidates(&mut self) {
        let now = self.context.now;
        let Some(view) = self.context.view_inside().cloned() else {
            return;
        };
        let has = |id: &NodeId| view.contains(id);
        let Some(other) = self.candidates.next_untold(now, has) else {
            return;
        };
        if self.context.is_coordinator() {
            return self.meet(&other);
        }
        let foreign = Frame::Foreign(other);
        self.context.send_to_member(&view.coordinator(), &foreign);
    }

    /// A member has this node coordinate, and has come across another ring. Where this node follows that one by now, the
    /// member may believe nobody else that it is to do so too.
    pub(super) fn take_foreign(&mut self, peer: NodeId, contact: &Contact) {
        let epoch = self.context.view.as_ref().map(|view| view.tag().epoch);
        if epoch == Some(contact.epoch) && !self.context.is_coordinator() {
            self.catch_up(&peer, None);
        } else {
            self.meet(contact);
        }
    }

    /// Members follow another coordinator: those who watched one's own may be among them, so it is
    /// looked at by everybody who notices.
    pub(super) fn look_after_coordinator(&mut self) {
        let now = self.context.now;
        let soon = self.meeting.looked.is_some_and(|last| now - last < PAUSE);
        let Some(view) = self.context.view.clone().filter(|_| !soon) else {
            return;
        };
        if !self.context.is_coordinator()
            && self.context.doubt.is_none()
            && !self.context.joining.is_outside()
        {
            self.meeting.looked = Some(now);
            self.try_suspect(view.coordinator());
        }
    }

    /// A view of another ring came along.
    pub(super) fn sight_ring(&mut self, other: &View) {
        if let Some(coordinator) = other.member(&other.coordinator()) {
            let contact = Contact {
                id: coordinator.id,
                addresses: coordinator.addresses.clone(),
                epoch: other.tag().epoch,
            };
            self.meet(&contact);
        }
    }

    /// Another coordinator has the same epoch number.
    pub(super) fn sight_rival(&mut self, epoch: &Epoch) {
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

    /// The coordinator of another ring speaks: the higher of the two rings invites the other.
    pub(super) fn take_meet(&mut self, peer: NodeId, theirs: &Meet) {
        let now = self.context.now;
        let Some(mine) = self.meet_with(peer, theirs) else {
            return;
        };
        if !outranks(&mine, theirs) {
            self.context.send(&peer, &Frame::Meet(mine));
            return;
        }
        if self.meeting.state == State::Free && !self.meeting.rests(now) {
            let state = State::Inviting {
                whom: peer,
                until: now + INVITATION,
                members: theirs.members,
            };
            self.meeting.enter(&mut self.context, state);
        }
        // Who speaks again may not have got the invitation, or was resting.
        if matches!(self.meeting.state, State::Inviting { whom, .. } if whom == peer) {
            self.context.send(&peer, &Frame::Invite(mine));
        }
    }

    /// The coordinator of a higher ring invites: it gets the view, which changes no more until it
    /// has made one of both, or the invitation lapses.
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
        if self.meeting.rests(now) {
            return;
        }
        let pledge = self
            .context
            .with_own_seal(opening(theirs.tag.epoch, view.tag().epoch));
        let state = State::Pledged {
            to: peer,
            until: now + INVITATION,
        };
        self.meeting.enter(&mut self.context, state);
        self.context.send(&peer, &Frame::Pledge(pledge));
        for page in self.pages_of(&view) {
            self.context.send(&peer, &Frame::Accept(page.into()));
        }
    }

    /// The coordinator of the ring that was invited stands for the one ring.
    pub(super) fn take_pledge(&mut self, peer: NodeId, pledge: Opening) {
        if matches!(self.meeting.state, State::Inviting { whom, .. } if whom == peer) {
            self.meeting.pledge = Some(pledge);
        }
    }

    /// The ring that was invited accepts: it and this one are one from now on.
    pub(super) fn take_accept(&mut self, peer: NodeId, page: ViewPage) {
        let now = self.context.now;
        let claimed = match self.meeting.state {
            State::Inviting { whom, members, .. } if whom == peer => members,
            _ => return,
        };
        let (theirs, former) = match self.meeting.accepted.add(peer, page, &self.context.seals) {
            Some(Err(Mismatch::Seal)) => {
                self.meeting.lapse(&mut self.context);
                return self.reject(peer, UNSIGNED);
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
            && theirs.len() as u64 <= claimed + MORE_MEMBERS;
        let merges = theirs.coordinator() == peer && near && self.context.has_authority();
        let agreed = opening(view.tag().epoch, theirs.tag().epoch);
        let pledge = self.meeting.pledge.take();
        let stands = |pledge: &Opening| agreed.says_the_same(pledge) && pledge.seals.len() == 1;
        let Some(pledge) = pledge.filter(|pledge| merges && stands(pledge)) else {
            return;
        };
        if !self.context.signers(&pledge).contains(&peer) {
            return self.reject(peer, "a pledge that its coordinator did not sign");
        }
        let agreed = self.context.with_own_seal(pledge);
        let seal = |tag: &ViewTag| self.context.seals.seal_view(tag);
        for member in theirs.members() {
            self.naming.is_listed(&member.id);
        }
        self.naming.follow(now, &view);
        let naming = &mut self.naming;
        let name = |member: &Member| naming.give(&member.name, member.id);
        let both = union(&view, &theirs, name, agreed, seal);
        self.naming.start_over();
        if let Some(merged) = both {
            let mut pages = self.pages_of(&merged);
            if let Some(first) = pages.first_mut() {
                first.former.extend(former.iter().cloned());
                first.former.truncate(PAGE_FORMER);
            }
            let pages = pages.into_iter().map(Announcement::Page);
            let pages: Vec<Sealed> = pages.map(|page| self.context.seal_item(&page)).collect();
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

    /// A page of the view that another coordinator has made of both rings: it is kept as it was sealed,
    /// for one's own ring.
    pub(super) fn take_merged_page(&mut self, peer: NodeId, sealed: Sealed, page: ViewPage) {
        if !self.meeting.is_pledged_to(&peer) {
            return self.take_page(peer, page);
        }
        if page.page == 0 {
            self.meeting.merged.clear();
        }
        if self.meeting.merged.len() < MEMBERS / PAGE_MEMBERS {
            self.meeting.merged.push(sealed);
        }
        self.take_page(peer, page);
    }

    /// Spreads the view that another coordinator has made of both rings over one's own ring.
    pub(super) fn spread_merged(&mut self) {
        let pages = core::mem::take(&mut self.meeting.merged);
        self.spread_pages(pages);
    }

    /// Spreads the pages of a whole view over the ring as it is before that view.
    fn spread_pages(&mut self, pages: Vec<Sealed>) {
        for sealed in pages {
            if let Ok(announcement) = sealed.announcement() {
                let id = announcement.item_id();
                self.relay.spread(
                    &mut self.context,
                    &self.ring,
                    &self.discussion,
                    id,
                    &Item::Announcement(sealed),
                );
            }
        }
    }

    /// A view in force has another layout: two rings have become one.
    pub(super) fn tell_merged(&mut self, before: &View, next: &View) {
        if next.layout() != before.layout() {
            self.meeting.vain = None;
            self.context.emit(Event::Merged {
                members: next.len(),
                epoch: next.tag().epoch,
            });
        }
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
        for (id, addresses) in self.context.lost.due(now) {
            if self.context.links.is_up(&id) {
                self.send_heartbeat(&id);
            } else {
                self.context.dial(id, &addresses);
            }
        }
    }

    /// What this node stood for came to nothing: who follows another epoch than the one that was to be
    /// merged believes it no more.
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

    /// What to answer to another coordinator: nothing, where this node has no say, or the other ring
    /// is an earlier form of its own and may come to see it.
    fn meet_with(&mut self, peer: NodeId, theirs: &Meet) -> Option<Meet> {
        let now = self.context.now;
        let view = self.context.view.clone()?;
        if !self.context.is_coordinator() {
            let later = Frame::Later(self.context.coordinator_contact());
            self.context.send(&peer, &later);
            return None;
        }
        let far = theirs.tag.epoch.number > view.tag().epoch.number + EPOCHS_AHEAD;
        if far || !self.context.has_authority() {
            return None;
        }
        let earlier = view.descends_from(&theirs.tag)
            && self.context.began_rightly_for(&view, theirs.tag.epoch);
        if earlier && self.meeting.may_convince(now, peer) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> NodeId {
        NodeId::from_bytes([number as u8; 16])
    }

    #[test]
    fn who_speaks_up_after_it_was_given_the_view_is_not_convinced() {
        let mut meeting = Meeting::default();
        let now = Time::default();
        assert!(meeting.may_convince(now, id(1)));
        assert!(meeting.may_convince(now + UNCONVINCED / 2, id(1)));
        assert!(!meeting.may_convince(now + UNCONVINCED, id(1)));
        assert!(meeting.may_convince(now + UNCONVINCED, id(2)));
        assert!(meeting.may_convince(now + REST_FORGOTTEN, id(1)));
    }

    #[test]
    fn where_too_many_are_given_the_view_nobody_waits_for_the_others() {
        let mut meeting = Meeting::default();
        let now = Time::default();
        assert!((0..SHOWN).all(|number| meeting.may_convince(now, id(number))));
        assert!(!meeting.may_convince(now, id(SHOWN)));
        assert_eq!(meeting.shown.len(), SHOWN);
    }
}
