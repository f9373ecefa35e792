//! Meeting another ring of the same discussion, and becoming one with it.
//!
//! `PROTOCOL.md` §8. Not here: which of two rings invites, and what the union is (`merge`), and who
//! was lost (`lost`).

use crate::config::INVITATION;
use crate::context::Context;
use crate::view::{Mismatch, Pages};
use crate::{Time, View};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;
use ringtalk_wire::limit::{MEMBERS, PAGE_MEMBERS};
use ringtalk_wire::{NodeId, Opening, Renamed, Sealed, ViewPage};

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
pub(crate) struct Meeting {
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
    /// Returns true while the view changes no more.
    pub(crate) const fn is_pledged(&self) -> bool {
        matches!(self.state, State::Pledged { .. })
    }

    /// True where this node waits for the view that this coordinator makes of both rings.
    pub(crate) fn is_pledged_to(&self, peer: &NodeId) -> bool {
        matches!(self.state, State::Pledged { to, .. } if to == *peer)
    }

    /// Nothing is agreed upon any more: another epoch has begun.
    pub(crate) fn settle(&mut self, context: &mut Context) {
        self.enter(context, State::Free);
        self.shown.clear();
    }

    /// Returns true if another ring was spoken to just now.
    pub(crate) fn has_just_spoken(&self, now: Time) -> bool {
        self.last.is_some_and(|last| now - last < PAUSE)
    }

    /// Another ring is spoken to.
    pub(crate) const fn speaks(&mut self, now: Time) {
        self.last = Some(now);
    }

    /// Returns true if one's own coordinator may be looked at because of another, as it is then.
    pub(crate) fn may_look(&mut self, now: Time) -> bool {
        let soon = self.looked.is_some_and(|last| now - last < PAUSE);
        if !soon {
            self.looked = Some(now);
        }
        !soon
    }

    /// Invites the coordinator of another ring, which has so many members, unless somebody was invited already or this
    /// ring rests. Returns true if it is the one who is invited.
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

    /// How many members the ring of this coordinator may have when it accepts, if it was invited.
    pub(crate) fn most_members_of(&self, peer: &NodeId) -> Option<u64> {
        match self.state {
            State::Inviting { whom, members, .. } if whom == *peer => Some(members + MORE_MEMBERS),
            _ => None,
        }
    }

    /// The view changes no more until this coordinator has made one of both rings, or its invitation lapses.
    pub(crate) fn pledge_to(&mut self, context: &mut Context, to: NodeId) {
        debug_assert!(context.has_authority(), "only a coordinator gives its word");
        let until = context.now + INVITATION;
        self.enter(context, State::Pledged { to, until });
    }

    /// The coordinator of the ring that was invited says what it stands for.
    pub(crate) fn keep_pledge(&mut self, peer: &NodeId, pledge: Opening) {
        if self.most_members_of(peer).is_some() {
            self.pledge = Some(pledge);
        }
    }

    /// What the invited coordinator stands for.
    pub(crate) const fn take_pledge(&mut self) -> Option<Opening> {
        self.pledge.take()
    }

    /// Adds a page of the view of the ring that was invited.
    pub(crate) fn add_accepted(
        &mut self,
        context: &Context,
        peer: NodeId,
        page: ViewPage,
    ) -> Option<Result<(View, Vec<Renamed>), Mismatch>> {
        self.accepted.add(peer, page, &context.seals)
    }

    /// Keeps a page of the view of both rings, as its coordinator sealed it.
    pub(crate) fn keep_merged(&mut self, page: &ViewPage, sealed: Sealed) {
        if page.page == 0 {
            self.merged.clear();
        }
        if self.merged.len() < MEMBERS / PAGE_MEMBERS {
            self.merged.push(sealed);
        }
        debug_assert!(self.merged.len() <= MEMBERS / PAGE_MEMBERS);
    }

    /// The pages that were kept.
    pub(crate) fn take_merged(&mut self) -> Vec<Sealed> {
        core::mem::take(&mut self.merged)
    }

    /// Two rings have become one: no invitation has been in vain.
    pub(crate) const fn succeeded(&mut self) {
        self.vain = None;
    }

    /// True where the coordinator of an earlier form of one's own ring is to be given the view in force, which it
    /// has not got yet, and not where it got that and still speaks up: it cannot tell that it is its ring.
    pub(crate) fn may_convince(&mut self, now: Time, peer: NodeId) -> bool {
        self.shown.retain(|_, since| now - *since < REST_FORGOTTEN);
        if self.shown.len() < SHOWN {
            self.shown.entry(peer).or_insert(now);
        }
        let since = self.shown.get(&peer);
        since.is_some_and(|since| now - *since < UNCONVINCED)
    }

    /// An invitation came to nothing.
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

    /// True for a while after an invitation that came to nothing.
    pub(crate) fn rests(&self, now: Time) -> bool {
        self.vain.is_some_and(|(since, rest)| now - since < rest)
    }

    /// True where an epoch may be opened for somebody from elsewhere, as it is then.
    pub(crate) fn may_reach_out(&mut self, now: Time) -> bool {
        let soon = self.reached_out.is_some_and(|last| now - last < OUTREACH);
        if !soon {
            self.reached_out = Some(now);
        }
        !soon
    }

    /// When an agreement lapses.
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
