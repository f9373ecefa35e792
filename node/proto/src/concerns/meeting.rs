//! Meeting another ring of the same discussion, and merging with it.
//!
//! `PROTOCOL.md` §8. Not here: which of two rings invites, and the union (`merge`), lost members (`lost`).

use crate::config::INVITATION;
use crate::context::Context;
use crate::view::{Mismatch, Pages};
use crate::{Time, View};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;
use ringtalk_wire::limit::{MEMBERS, PAGE_MEMBERS};
use ringtalk_wire::{NodeId, Opening, Renamed, Sealed, ViewPage};

/// The minimum pause between frames to another ring.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a ring rests after a failed invitation. The time doubles with each failure, so that nobody can keep the
/// ring from changing its view.
const REST: Duration = Duration::from_millis(500);

/// The longest rest.
const REST_MOST: Duration = Duration::from_secs(8);

/// How long a failed invitation is remembered.
const REST_FORGOTTEN: Duration = Duration::from_secs(60);

/// By how many members an invited ring may have grown before it accepts.
const MORE_MEMBERS: u64 = 64;

/// The minimum pause between epochs that are opened for outsiders.
const OUTREACH: Duration = Duration::from_secs(1);

/// How long after it got its ring's present view a coordinator that speaks up again counts as unconvinced.
const UNCONVINCED: Duration = Duration::from_secs(1);

/// How many coordinators are given the view instead of being merged with, at a time; any other is merged with at
/// once.
const SHOWN: usize = 64;

/// A coordinator's contacts with other rings.
#[derive(Debug, Default)]
pub(crate) struct Meeting {
    last: Option<Time>,
    /// When another ring last caused this node to look at its own coordinator.
    looked: Option<Time>,
    /// When an epoch was last opened for an outsider.
    reached_out: Option<Time>,
    state: State,
    /// The last failed invitation: when, and how long to rest.
    vain: Option<(Time, Duration)>,
    /// The coordinators of earlier forms of this node's ring that were given the view in force, and since when.
    shown: BTreeMap<NodeId, Time>,
    /// The opening that the invited coordinator has signed.
    pledge: Option<Opening>,
    /// The pages of the merged view, as its coordinator signed them.
    merged: Vec<Sealed>,
    /// The view of the invited ring, page by page.
    accepted: Pages,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// Nothing is agreed.
    #[default]
    Free,
    /// That coordinator was invited; its ring had so many members.
    Inviting {
        whom: NodeId,
        until: Time,
        members: u64,
    },
    /// That coordinator's invitation was accepted: this ring does not change its view.
    Pledged { to: NodeId, until: Time },
}

impl Meeting {
    /// Returns true while this ring must not change its view.
    pub(crate) const fn is_pledged(&self) -> bool {
        matches!(self.state, State::Pledged { .. })
    }

    /// Returns true if this node waits for the merged view from this coordinator.
    pub(crate) fn is_pledged_to(&self, peer: &NodeId) -> bool {
        matches!(self.state, State::Pledged { to, .. } if to == *peer)
    }

    /// Ends every agreement, because another epoch has begun.
    pub(crate) fn settle(&mut self, context: &mut Context) {
        self.enter(context, State::Free);
        self.shown.clear();
    }

    /// Returns true if this node has just sent something to another ring.
    pub(crate) fn has_just_spoken(&self, now: Time) -> bool {
        self.last.is_some_and(|last| now - last < PAUSE)
    }

    /// Records that this node sends something to another ring.
    pub(crate) const fn speaks(&mut self, now: Time) {
        self.last = Some(now);
    }

    /// Returns true if this node may look at its own coordinator because of another, and records that it does.
    pub(crate) fn may_look(&mut self, now: Time) -> bool {
        let soon = self.looked.is_some_and(|last| now - last < PAUSE);
        if !soon {
            self.looked = Some(now);
        }
        !soon
    }

    /// Invites the coordinator of another ring with so many members, unless an invitation is pending or this ring
    /// rests. Returns true if `whom` is invited.
    pub(crate) fn invite(&mut self, context: &mut Context, whom: NodeId, members: u64) -> bool {
        debug_assert!(context.has_authority(), "only a coordinator invites");
        let until = context.now + INVITATION;
        if self.state == State::Free && !self.rests(context.now) {
            let state = State::Inviting {
                whom,
                until,
                members,
            };
            self.enter(context, state);
        }
        self.most_members_of(&whom).is_some()
    }

    /// Returns how many members the ring of this coordinator may have when it accepts, if it was invited.
    pub(crate) fn most_members_of(&self, peer: &NodeId) -> Option<u64> {
        match self.state {
            State::Inviting { whom, members, .. } if whom == *peer => Some(members + MORE_MEMBERS),
            _ => None,
        }
    }

    /// Stops changes of the view until this coordinator has made a merged view, or its invitation lapses.
    pub(crate) fn pledge_to(&mut self, context: &mut Context, to: NodeId) {
        debug_assert!(context.has_authority(), "only a coordinator gives its word");
        let until = context.now + INVITATION;
        self.enter(context, State::Pledged { to, until });
    }

    /// Keeps the opening that the invited coordinator has signed.
    pub(crate) fn keep_pledge(&mut self, peer: &NodeId, pledge: Opening) {
        if self.most_members_of(peer).is_some() {
            self.pledge = Some(pledge);
        }
    }

    /// Takes out the opening that the invited coordinator has signed.
    pub(crate) const fn take_pledge(&mut self) -> Option<Opening> {
        self.pledge.take()
    }

    /// Adds a page of the invited ring's view.
    pub(crate) fn add_accepted(
        &mut self,
        context: &Context,
        peer: NodeId,
        page: ViewPage,
    ) -> Option<Result<(View, Vec<Renamed>), Mismatch>> {
        self.accepted.add(peer, page, &context.seals)
    }

    /// Keeps a page of the merged view, as its coordinator signed it.
    pub(crate) fn keep_merged(&mut self, page: &ViewPage, sealed: Sealed) {
        if page.page == 0 {
            self.merged.clear();
        }
        if self.merged.len() < MEMBERS / PAGE_MEMBERS {
            self.merged.push(sealed);
        }
        debug_assert!(self.merged.len() <= MEMBERS / PAGE_MEMBERS);
    }

    /// Takes out the pages of the merged view.
    pub(crate) fn take_merged(&mut self) -> Vec<Sealed> {
        core::mem::take(&mut self.merged)
    }

    /// Forgets failed invitations, because two rings have merged.
    pub(crate) const fn succeeded(&mut self) {
        self.vain = None;
    }

    /// Returns true if the coordinator of an earlier form of this node's ring should get the view in force. Returns
    /// false if it got the view and still speaks up: then it cannot tell that the view is its own ring's.
    pub(crate) fn may_convince(&mut self, now: Time, peer: NodeId) -> bool {
        self.shown.retain(|_, since| now - *since < REST_FORGOTTEN);
        if self.shown.len() < SHOWN {
            self.shown.entry(peer).or_insert(now);
        }
        let since = self.shown.get(&peer);
        since.is_some_and(|since| now - *since < UNCONVINCED)
    }

    /// Ends a failed invitation, and begins a rest.
    pub(crate) fn lapse(&mut self, context: &mut Context) {
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

    /// Returns true for a while after a failed invitation.
    pub(crate) fn rests(&self, now: Time) -> bool {
        self.vain.is_some_and(|(since, rest)| now - since < rest)
    }

    /// Returns true if an epoch may be opened for an outsider, and records that it is.
    pub(crate) fn may_reach_out(&mut self, now: Time) -> bool {
        let soon = self.reached_out.is_some_and(|last| now - last < OUTREACH);
        if !soon {
            self.reached_out = Some(now);
        }
        !soon
    }

    /// Returns when an agreement lapses.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Free => None,
            State::Inviting { until, .. } | State::Pledged { until, .. } => Some(until),
        }
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
