//! Views: how the coordinator makes the next one, and which one this node believes and puts in force.
//!
//! `PROTOCOL.md` §5. Not here: the view itself (`view`), entry (`entry`), nodes that missed a view (`catching_up`),
//! deaths (`judgement`).

use super::Node;
use super::relocation::moved;
use crate::config::EPOCHS_AHEAD;
use crate::planted::PlantedBug;
use crate::view::{Change, Differences, Mismatch, Pages};
use crate::{Event, Person, Time, View};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use ringtalk_wire::name::is_name;
use ringtalk_wire::{
    Announcement, Departed, Frame, Item, Member, Name, NodeId, Opening, Renamed, ViewPage,
    ViewUpdate,
};

/// Why this node closes the link of a peer that sends a view with a wrong signature.
pub(super) const UNSIGNED_VIEW: &str = "a view that its coordinator did not sign";

impl Node {
    /// Publishes the next view, under the epoch in force.
    pub(super) fn publish(
        &mut self,
        joined: Vec<Member>,
        departed: Vec<Departed>,
        renamed: Vec<Renamed>,
    ) {
        let change = Change {
            opening: None,
            joined,
            departed,
            renamed,
        };
        self.publish_change(change);
    }

    /// Opens an epoch of this node's own, with a view without the departed.
    pub(super) fn open_epoch(&mut self, opening: Opening, departed: Vec<Departed>) {
        let change = Change {
            opening: Some(opening),
            joined: Vec::new(),
            departed,
            renamed: Vec::new(),
        };
        self.publish_change(change);
    }

    fn publish_change(&mut self, change: Change) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        let next = view.next(change, |tag| self.context.signatures.sign_view(tag));
        let Some((update, next)) = next else {
            debug_assert!(false, "the own changes do not fit the own view");
            return;
        };
        let gone: Vec<NodeId> = update.departed.iter().map(|gone| gone.id).collect();
        let joined = update.joined.iter().map(|member| member.id);
        let joined: Vec<NodeId> = joined.filter(|id| !view.contains(id)).collect();
        let joined_names = update.joined.iter().map(|member| &member.name);
        let mut names = joined_names.chain(update.renamed.iter().map(|one| &one.name));
        debug_assert!(
            names.all(|name| is_name(name)),
            "no other member would believe this view"
        );
        let tag = update.tag;
        debug_assert!(
            self.context.is_higher(&tag, &view.tag()),
            "each view comes after the last"
        );
        debug_assert!(
            next.contains(&next.coordinator()),
            "nobody coordinates from outside"
        );
        let announcement = Announcement::View(update);
        let id = announcement.item_id();
        self.membership.updates.push(id, &view.tag(), &tag);
        let item = Item::Announcement(self.context.sign_item(&announcement));
        self.adopt(next);
        // A newcomer without a view could not pass the update on.
        for id in joined {
            self.send_view(&id);
        }
        self.forwarder().spread(id, &item);
        for id in gone {
            self.send_view(&id);
        }
    }

    /// Takes a view update; returns an error if it does not follow the view in force.
    pub(super) fn take_update(&mut self, peer: NodeId, update: ViewUpdate) -> Result<(), Mismatch> {
        let Some(view) = self.context.view.clone() else {
            return Ok(());
        };
        let (mine, theirs) = (view.tag(), update.tag);
        if self.context.is_rival(&theirs.epoch) {
            self.meet_rival(&theirs.epoch);
        } else if self.context.is_higher(&theirs, &mine) {
            let seals = &self.context.signatures;
            let next = match view.apply(&update, seals.ring, &*seals.verifier) {
                Err(Mismatch::Seal) => {
                    self.reject(peer, UNSIGNED_VIEW);
                    return Ok(());
                }
                other => other?,
            };
            if view.contains(&peer) || next.contains(&self.context.config.id) {
                self.membership
                    .updates
                    .push(Announcement::View(update).item_id(), &mine, &theirs);
                self.consider(peer, next);
            }
        }
        Ok(())
    }

    /// Takes a page of a full view.
    pub(super) fn take_page(&mut self, peer: NodeId, page: ViewPage) {
        let (next, former) = match self
            .membership
            .pages
            .add(peer, page, &self.context.signatures)
        {
            Some(Ok(both)) => both,
            Some(Err(Mismatch::Seal)) => return self.reject(peer, UNSIGNED_VIEW),
            Some(Err(_)) | None => return,
        };
        let tag = next.tag();
        let me = self.context.config.id;
        let trusted = self.context.joining.is_outside()
            || self.context.view.as_ref().is_none_or(|view| {
                let merged = next.descends_from(&view.tag()) && next.contains(&me);
                view.contains(&peer) || merged
            });
        if self.meeting.is_pledged_to(&peer) && next.contains(&self.context.config.id) {
            self.spread_merged();
            self.consider(peer, next);
        } else if trusted {
            self.consider(peer, next);
        } else {
            return self.meet_ring_of(&next);
        }
        if peer == tag.epoch.coordinator {
            self.discussion
                .note_former_names(&mut self.context, &tag, &former);
        }
    }

    /// Takes a page of a full view on its way round the ring.
    pub(super) fn take_announced_page(&mut self, peer: NodeId, page: ViewPage) {
        let maker = page.tag.epoch.coordinator;
        if let Some(Ok((next, former))) =
            self.membership
                .announced
                .add(maker, page, &self.context.signatures)
        {
            let tag = next.tag();
            self.consider(peer, next);
            self.discussion
                .note_former_names(&mut self.context, &tag, &former);
        }
    }

    /// Takes a complete view from a peer: adopts it, or learns that this node was evicted or that there is another
    /// ring.
    fn consider(&mut self, peer: NodeId, next: View) {
        let lists_me = next.contains(&self.context.config.id);
        let tag = next.tag();
        let Some(view) = self.context.view.clone() else {
            if lists_me {
                self.adopt(next);
            }
            return;
        };
        if view.contains(&peer) {
            self.discussion.admit_members_of(&self.context, peer, &next);
        }
        let mine = view.tag();
        if self.context.planted.has(PlantedBug::WokenCoordinatorGoesOn)
            && self.context.is_coordinator()
        {
            return;
        }
        let inside = !self.context.joining.is_outside();
        if inside
            && tag.epoch.coordinator == mine.epoch.coordinator
            && self.context.is_deposed(&mine.epoch.coordinator)
        {
            // It could raise its own epoch faster than anybody is elected.
            return;
        }
        let higher = self.context.is_higher(&tag, &mine);
        let near = tag.number <= mine.number + EPOCHS_AHEAD
            && next.layout() <= view.layout() + EPOCHS_AHEAD;
        let vouched = self.vouches(&view, &peer, &next);
        let proven = !inside
            || vouched
            || peer == view.coordinator()
            || self.context.planted.has(PlantedBug::SkipEpochCheck)
            || self.context.is_epoch_proven(&view, &tag, next.openings());
        if self.context.is_rival(&tag.epoch) {
            if vouched {
                self.handle_eviction(&next);
            } else {
                self.meet_ring_of(&next);
            }
        } else if !higher {
            if tag == mine && lists_me {
                self.return_to_ring();
            } else if !lists_me && !view.descends_from(&tag) {
                self.meet_ring_of(&next);
            }
        } else if !proven || !near {
            self.succession
                .note_unproven_claim(&mut self.context, peer, &next);
            self.meet_ring_of(&next);
        } else if lists_me {
            self.adopt(next);
        } else if next.descends_from(&mine) || self.is_stranded(&next) {
            self.handle_eviction(&next);
        } else {
            self.meet_ring_of(&next);
        }
    }

    /// Returns true if this node's coordinator is suspected and either another member supports a claimant of its
    /// office, or the coordinator is dead and the claimant continues alone.
    fn vouches(&self, view: &View, peer: &NodeId, next: &View) -> bool {
        let claimant = next.coordinator();
        let second = view.contains(peer) && *peer != claimant && view.contains(&claimant);
        let alone = next.len() == 1 && self.context.people.dead.contains(&view.coordinator());
        self.is_abandoned() && (second || alone)
    }

    /// Returns true if this node's ring cannot speak for it any more: its coordinator is in the other ring, or
    /// suspected.
    fn is_stranded(&self, other: &View) -> bool {
        let coordinator = self.context.view.as_ref().map(|view| view.coordinator());
        coordinator.is_none_or(|id| other.contains(&id)) || self.is_abandoned()
    }

    /// Returns true if this node's own coordinator is suspected.
    fn is_abandoned(&self) -> bool {
        let coordinator = self.context.view.as_ref().map(|view| view.coordinator());
        coordinator.is_some_and(|id| self.context.detector.suspects(&id))
    }

    /// Puts a view in force, and tells the user what it changes.
    pub(super) fn adopt(&mut self, next: impl Into<Arc<View>>) {
        let now = self.context.now;
        let before = self.context.view.clone();
        let next = next.into();
        debug_assert!(
            before
                .as_ref()
                .is_none_or(|before| self.context.is_higher(&next.tag(), &before.tag())),
            "views come in order"
        );
        let differences = next.since(before.as_deref());
        self.context.view = Some(Arc::clone(&next));
        self.note_names(&differences);
        self.reaching.follow(&self.context, &next);
        let moved = moved(before.as_deref(), &differences);
        self.follow_moved(&moved);
        let joined = differences.joined.iter().map(|member| &**member);
        let mut arrived = joined.chain(moved);
        if arrived.any(|newcomer| newcomer.addresses.are_manifold()) {
            // The newcomer may reach peers that this node cannot.
            self.context.links.restart_detours(now);
            self.context.lost_members.restart_search(now);
        }
        #[cfg(feature = "planted-bugs")]
        if self.context.planted.has(PlantedBug::ForgetHeld) {
            self.discussion.causal.forget_held();
        }
        self.context.people.dead.retain(|id| next.contains(id));
        self.context.detector.retain(|id| next.contains(id));
        self.relay.spreading.retain(|id| next.contains(id));
        self.ring.renew_fingers(&self.context, &next);
        self.context.emit(Event::View(Arc::clone(&next)));
        // Before anything counts acknowledgements against this view.
        self.relay.note_view(&mut self.context, &differences);
        let new_epoch = before.as_ref().map(|view| view.tag().epoch) != Some(next.tag().epoch);
        if new_epoch {
            self.succession.election.end();
            self.succession.candidacy.forget_diverging();
            self.meeting.reset(&mut self.context);
            self.context.lost_members.restart_search(now);
            self.membership.announced = Pages::default();
            let epoch = next.tag().epoch;
            self.context.emit(Event::Coordinator { epoch });
        }
        if before.is_some() && !new_epoch {
            let joined = differences.joined.iter().map(|member| member.id);
            self.ring.note_admitted(now, joined);
        }
        if let Some(before) = &before {
            self.tell_changes(&next, &differences);
            self.tell_merged(before, &next);
            self.tell_renamed(before, &differences);
            self.note_company(before, &next, &differences);
        }
        self.context.lost_members.retain(|id| !next.contains(id));
        self.become_member();
        let relaid = before.is_some_and(|before| before.layout() != next.layout());
        #[cfg(feature = "planted-bugs")]
        if relaid && self.context.planted.has(PlantedBug::MergeRestartsNumbers) {
            self.relay.outbox.restart();
        }
        if relaid {
            self.ring.greet_again();
        }
        self.maintain_ring();
        self.ask_for_history();
        self.history
            .serve_fetchers(&mut self.context, &mut self.discussion, &self.forks);
        self.repeat_leave(&next, new_epoch);
        self.depose_equivocator();
        self.flush_outbox();
    }

    /// Records the names of departed members, and accepts the messages of new ones.
    pub(super) fn note_names(&mut self, differences: &Differences) {
        let context = &mut self.context;
        for member in &differences.joined {
            self.naming.note_name(&member.id, &member.name);
            let former = context.people.former.get(&member.id);
            if let Some(before) = former.filter(|before| **before != member.name) {
                self.discussion.note_byline(member.id, before);
            }
            self.discussion.note_member(context, member.id);
            context.links.raise_bound(&member.id);
        }
        for member in &differences.changed {
            self.naming.note_name(&member.id, &member.name);
        }
        for member in &differences.gone {
            let view = context.view.as_ref();
            if view.is_some_and(|view| view.has_left(&member.id)) {
                self.naming.note_left(&member.id);
            } else {
                self.naming
                    .note_failed(context.now, member.id, &member.name);
            }
            let former = &mut context.people.former;
            former.insert(member.id, member.name.clone());
        }
        let forks = &self.forks;
        self.discussion
            .forget_silent_authors(context, |author| forks.has_evidence(author));
    }

    /// Passes on the user's wish for another name; ignored while this node is not a member.
    pub(super) fn rename(&mut self, name: String) {
        if self.context.joining.is_outside() {
            return;
        }
        if self.context.is_coordinator() {
            self.take_rename(self.context.config.id, &name);
        } else if let Some(contact) = self.context.coordinator_contact() {
            let wish = Frame::Rename(Name { name });
            self.context.send_to_member(&contact.id, &wish);
        }
    }

    /// Takes a member's wish for another name.
    pub(super) fn take_rename(&mut self, id: NodeId, wish: &str) {
        let renamed = self.naming.request_rename(&self.context, id, wish);
        self.publish_names(renamed);
    }

    /// Returns when a newcomer has waited for a name, or a rename is due.
    pub(super) fn naming_due(&self) -> Option<Time> {
        let renames = self.naming.renames_deadline();
        let renames = renames.filter(|_| self.context.has_authority());
        let heirs = self.naming.heirs_deadline();
        [heirs, renames].into_iter().flatten().min()
    }

    pub(super) fn expire_naming(&mut self) {
        let renamed = self.naming.expire(&self.context);
        self.publish_names(renamed);
    }

    fn publish_names(&mut self, renamed: Vec<Renamed>) {
        if !renamed.is_empty() {
            self.publish(Vec::new(), Vec::new(), renamed);
        }
    }

    /// Treats a coordinator that was proven to lie as dead for the election, whatever it says.
    pub(super) fn depose_equivocator(&mut self) {
        let coordinator = self.context.view.as_ref().map(|view| view.coordinator());
        if let Some(equivocator) = coordinator.filter(|id| self.context.is_deposed(id)) {
            self.declare_dead(equivocator);
        }
    }

    /// Tells the user who joined and departed, and forgets links and debts of departed members.
    fn tell_changes(&mut self, next: &View, differences: &Differences) {
        let now = self.context.now;
        let person = |member: &Member| Person {
            id: member.id,
            name: member.name.clone(),
        };
        for member in &differences.joined {
            self.context.emit(Event::Joined(person(member)));
        }
        for member in &differences.gone {
            if next.has_left(&member.id) {
                self.context.emit(Event::Left(person(member)));
            } else {
                self.context.emit(Event::Failed(person(member)));
                self.context.lost_members.add(now, member);
            }
            self.suspicion.trials.acquit(&member.id);
            self.stop_pulling_from(&member.id);
            self.reassign_parts_of(&member.id);
        }
    }

    /// Tells the user which members have another name.
    fn tell_renamed(&mut self, before: &View, differences: &Differences) {
        for member in &differences.changed {
            let previous = before.member(&member.id).map(|before| before.name.clone());
            if let Some(previous) = previous.filter(|name| *name != member.name) {
                let person = Person {
                    id: member.id,
                    name: member.name.clone(),
                };
                self.discussion.note_byline(member.id, &previous);
                self.context.emit(Event::Renamed { person, previous });
            }
        }
    }
}
