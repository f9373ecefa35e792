//! Meeting another ring of the same discussion, and merging with it.
//!
//! `PROTOCOL.md` §8. Not here: which of two rings invites, and the union (`merge`), lost members (`lost_members`).

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
const CONTACT_PAUSE: Duration = Duration::from_millis(500);

/// How long a ring backs off after a failed invitation. The time doubles with each failure, so that nobody can keep the
/// ring from changing its view.
const BACKOFF: Duration = Duration::from_millis(500);

/// The longest backoff.
const BACKOFF_MOST: Duration = Duration::from_secs(8);

/// How long a failed invitation is remembered.
const BACKOFF_FORGOTTEN: Duration = Duration::from_secs(60);

/// By how many members an invited ring may have grown before it accepts.
const MORE_MEMBERS: u64 = 64;

/// The minimum pause between epochs that are opened for outsiders.
const OUTREACH_PAUSE: Duration = Duration::from_secs(1);

/// How long after it got its ring's present view a coordinator that speaks up again counts as unconvinced.
const CONVINCING_TIME: Duration = Duration::from_secs(1);

/// How many coordinators are given the view instead of being merged with, at a time; any other is merged with at
/// once.
const MAX_SENT_VIEW_TO: usize = 64;

/// A coordinator's contacts with other rings.
#[derive(Debug, Default)]
pub(crate) struct Meeting {
    last_contact: Option<Time>,
    /// When another ring last caused this node to look at its own coordinator.
    last_coordinator_trial: Option<Time>,
    /// When an epoch was last opened for an outsider.
    last_outreach: Option<Time>,
    state: Agreement,
    /// The last failed invitation: when, and how long to back off.
    last_failure: Option<(Time, Duration)>,
    /// The coordinators of earlier forms of this node's ring that were given the view in force, and since when.
    sent_view_to: BTreeMap<NodeId, Time>,
    /// The opening that the invited coordinator has signed.
    pledge: Option<Opening>,
    /// The pages of the merged view, as its coordinator signed them.
    merged: Vec<Sealed>,
    /// The view of the invited ring, page by page.
    accepted: Pages,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Agreement {
    /// Nothing is agreed.
    #[default]
    Free,
    /// That coordinator was invited; its ring had so many members.
    Inviting {
        peer: NodeId,
        until: Time,
        members: u64,
    },
    /// That coordinator's invitation was accepted: this ring does not change its view.
    Pledged { to: NodeId, until: Time },
}

impl Meeting {
    /// Returns true while this ring must not change its view.
    pub(crate) const fn is_pledged(&self) -> bool {
        matches!(self.state, Agreement::Pledged { .. })
    }

    /// Returns true if this node waits for the merged view from this coordinator.
    pub(crate) fn is_pledged_to(&self, peer: &NodeId) -> bool {
        matches!(self.state, Agreement::Pledged { to, .. } if to == *peer)
    }

    /// Ends every agreement, because another epoch has begun.
    pub(crate) fn reset(&mut self, context: &mut Context) {
        self.enter(context, Agreement::Free);
        self.sent_view_to.clear();
    }

    /// Returns true if this node has just sent something to another ring.
    pub(crate) fn has_contacted_lately(&self, now: Time) -> bool {
        self.last_contact
            .is_some_and(|last| now - last < CONTACT_PAUSE)
    }

    /// Records that this node sends something to another ring.
    pub(crate) const fn note_contact(&mut self, now: Time) {
        self.last_contact = Some(now);
    }

    /// Returns true if this node may look at its own coordinator because of another, and records that it does.
    pub(crate) fn start_coordinator_trial(&mut self, now: Time) -> bool {
        let soon = self
            .last_coordinator_trial
            .is_some_and(|last| now - last < CONTACT_PAUSE);
        if !soon {
            self.last_coordinator_trial = Some(now);
        }
        !soon
    }

    /// Invites the coordinator of another ring with so many members, unless an invitation is pending or this ring
    /// backs off. Returns true if `peer` is invited.
    pub(crate) fn invite(&mut self, context: &mut Context, peer: NodeId, members: u64) -> bool {
        debug_assert!(context.has_authority(), "only a coordinator invites");
        let until = context.now + INVITATION;
        if self.state == Agreement::Free && !self.is_backing_off(context.now) {
            let state = Agreement::Inviting {
                peer,
                until,
                members,
            };
            self.enter(context, state);
        }
        self.most_members_of(&peer).is_some()
    }

    /// Returns how many members the ring of this coordinator may have when it accepts, if it was invited.
    pub(crate) fn most_members_of(&self, peer: &NodeId) -> Option<u64> {
        match self.state {
            Agreement::Inviting {
                peer: invited,
                members,
                ..
            } if invited == *peer => Some(members + MORE_MEMBERS),
            _ => None,
        }
    }

    /// Stops changes of the view until this coordinator has made a merged view, or its invitation lapses.
    pub(crate) fn pledge_to(&mut self, context: &mut Context, to: NodeId) {
        debug_assert!(context.has_authority(), "only a coordinator gives its word");
        let until = context.now + INVITATION;
        self.enter(context, Agreement::Pledged { to, until });
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
        self.accepted.add(peer, page, &context.signatures)
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
    pub(crate) const fn forget_failures(&mut self) {
        self.last_failure = None;
    }

    /// Returns true if the coordinator of an earlier form of this node's ring should get the view in force. Returns
    /// false if it got the view and still speaks up: then it cannot tell that the view is its own ring's.
    pub(crate) fn should_send_view(&mut self, now: Time, peer: NodeId) -> bool {
        self.sent_view_to
            .retain(|_, since| now - *since < BACKOFF_FORGOTTEN);
        if self.sent_view_to.len() < MAX_SENT_VIEW_TO {
            self.sent_view_to.entry(peer).or_insert(now);
        }
        let since = self.sent_view_to.get(&peer);
        since.is_some_and(|since| now - *since < CONVINCING_TIME)
    }

    /// Ends a failed invitation, and backs off.
    pub(crate) fn lapse(&mut self, context: &mut Context) {
        let now = context.now;
        let last = self
            .last_failure
            .filter(|(since, _)| now - *since < BACKOFF_FORGOTTEN);
        let rest = last.map_or(BACKOFF, |(_, rest)| (rest * 2).min(BACKOFF_MOST));
        self.last_failure = Some((now, rest));
        self.enter(context, Agreement::Free);
    }

    fn enter(&mut self, context: &mut Context, state: Agreement) {
        context.is_pledged = matches!(state, Agreement::Pledged { .. });
        self.state = state;
    }

    /// Returns true for a while after a failed invitation.
    pub(crate) fn is_backing_off(&self, now: Time) -> bool {
        self.last_failure
            .is_some_and(|(since, rest)| now - since < rest)
    }

    /// Returns true if an epoch may be opened for an outsider, and records that it is.
    pub(crate) fn start_outreach(&mut self, now: Time) -> bool {
        let soon = self
            .last_outreach
            .is_some_and(|last| now - last < OUTREACH_PAUSE);
        if !soon {
            self.last_outreach = Some(now);
        }
        !soon
    }

    /// Returns when an agreement lapses.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        match self.state {
            Agreement::Free => None,
            Agreement::Inviting { until, .. } | Agreement::Pledged { until, .. } => Some(until),
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
    fn a_coordinator_that_speaks_up_after_it_got_the_view_is_not_convinced() {
        let mut meeting = Meeting::default();
        let now = Time::default();
        assert!(meeting.should_send_view(now, id(1)));
        assert!(meeting.should_send_view(now + CONVINCING_TIME / 2, id(1)));
        assert!(!meeting.should_send_view(now + CONVINCING_TIME, id(1)));
        assert!(meeting.should_send_view(now + CONVINCING_TIME, id(2)));
        assert!(meeting.should_send_view(now + BACKOFF_FORGOTTEN, id(1)));
    }

    #[test]
    fn beyond_the_limit_other_coordinators_are_merged_with_at_once() {
        let mut meeting = Meeting::default();
        let now = Time::default();
        assert!((0..MAX_SENT_VIEW_TO).all(|number| meeting.should_send_view(now, id(number))));
        assert!(!meeting.should_send_view(now, id(MAX_SENT_VIEW_TO)));
        assert_eq!(meeting.sent_view_to.len(), MAX_SENT_VIEW_TO);
    }
}
