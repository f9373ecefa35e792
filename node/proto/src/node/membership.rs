//! Membership: which view is in force, and how the coordinator makes the next.
//!
//! `PROTOCOL.md` §5. Not here: the view itself (`view`), the way in (`entry`), who missed a view
//! (`catching_up`), and who is dead (`suspicion`).

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use ringtalk_wire::limit::{MEMBERS, PAGE_FORMER, PAGE_MEMBERS};
use ringtalk_wire::name::is_name;
use ringtalk_wire::{
    Announcement, Contact, Departed, Departure, Epoch, Item, Member, NodeId, Opening, Renamed,
    ViewPage, ViewTag, ViewUpdate,
};

use super::Node;
use super::departure::Leaving;
use crate::config::EPOCHS_AHEAD;
use crate::planted::PlantedBug;
use crate::signing::Seals;
use crate::view::{Change, Differences, Mismatch};
use crate::{Event, Person, Time, View};

/// Views that come in by pages, by whoever sends or has made them.
#[derive(Debug, Default)]
pub(super) struct Pages {
    coming: BTreeMap<NodeId, BTreeMap<u16, ViewPage>>,
}

/// What a peer is told that sends such a view.
pub(super) const UNSIGNED: &str = "a view that its coordinator did not sign";

/// How many pages are kept at most, of all views that come in together: two of the largest.
const PAGES: usize = 2 * MEMBERS / PAGE_MEMBERS;

impl Pages {
    pub(super) fn forget(&mut self, source: &NodeId) {
        self.coming.remove(source);
    }

    /// Adds a page. If no other page is missing, returns the view and the former members that its pages name, or why it
    /// is not to be taken.
    pub(super) fn add(
        &mut self,
        source: NodeId,
        page: ViewPage,
        seals: &Seals,
    ) -> Option<Result<(View, Vec<Renamed>), Mismatch>> {
        let pages = self.coming.entry(source).or_default();
        if pages.values().next().is_some_and(|one| one.tag != page.tag) {
            pages.clear();
        }
        let count = usize::from(page.pages);
        if page.page >= page.pages || count > MEMBERS / PAGE_MEMBERS {
            self.coming.remove(&source);
            return None;
        }
        pages.insert(page.page, page);
        if pages.len() < count {
            self.make_room(&source);
            return None;
        }
        let mut pages: Vec<ViewPage> = self.coming.remove(&source)?.into_values().collect();
        let former = pages
            .iter_mut()
            .flat_map(|page| core::mem::take(&mut page.former));
        let former: Vec<Renamed> = former.take(PAGE_FORMER).collect();
        let view = View::from_pages(pages, &*seals.verifier);
        Some(view.map(|view| (view, former)))
    }

    /// Forgets the largest of the others' where there are too many.
    fn make_room(&mut self, source: &NodeId) {
        let kept: usize = self.coming.values().map(BTreeMap::len).sum();
        let others = self.coming.iter().filter(|(id, _)| *id != source);
        let largest = others.max_by_key(|(_, pages)| pages.len());
        if kept > PAGES
            && let Some(id) = largest.map(|(id, _)| *id)
        {
            self.coming.remove(&id);
        }
    }
}

impl Node {
    /// True where this node is the coordinator, as far as it knows.
    pub(super) fn is_coordinator(&self) -> bool {
        let view = self.view.as_ref();
        view.is_some_and(|view| view.coordinator() == self.config.id)
    }

    /// True where this node may act as the coordinator.
    pub(super) fn has_authority(&self) -> bool {
        let gone = self.leaving.as_ref().is_some_and(Leaving::has_said_goodbye);
        let pledged = self.meeting.is_pledged();
        let steady = self.doubt.is_none() && !gone && !pledged && !self.joining.is_outside();
        self.is_coordinator() && steady
    }

    /// Where the coordinator is, by the view in force.
    pub(super) fn coordinator_contact(&self) -> Option<Contact> {
        let view = self.view.as_ref()?;
        let coordinator = view.member(&view.coordinator())?;
        Some(Contact {
            id: coordinator.id,
            addresses: coordinator.addresses.clone(),
            epoch: view.tag().epoch,
        })
    }

    /// Publishes the next view, under the epoch in force.
    pub(super) fn publish(
        &mut self,
        now: Time,
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
        self.publish_change(now, change);
    }

    /// Opens an epoch of one's own, with a view without the departed.
    pub(super) fn open_epoch(&mut self, now: Time, opening: Opening, departed: Vec<Departed>) {
        let change = Change {
            opening: Some(opening),
            joined: Vec::new(),
            departed,
            renamed: Vec::new(),
        };
        self.publish_change(now, change);
    }

    fn publish_change(&mut self, now: Time, change: Change) {
        let Some(view) = self.view.clone() else {
            return;
        };
        let next = view.next(change, |tag| self.seals.seal_view(tag));
        let Some((update, next)) = next else {
            debug_assert!(false, "the own changes do not fit the own view");
            return;
        };
        let gone: Vec<NodeId> = update.departed.iter().map(|gone| gone.id).collect();
        let joined: Vec<NodeId> = update.joined.iter().map(|member| member.id).collect();
        let joined_names = update.joined.iter().map(|member| &member.name);
        let mut names = joined_names.chain(update.renamed.iter().map(|one| &one.name));
        debug_assert!(
            names.all(|name| is_name(name)),
            "no other member would believe this view"
        );
        let tag = update.tag;
        let announcement = Announcement::View(update);
        let id = announcement.item_id();
        self.steps.take(id, &view.tag(), &tag);
        let item = Item::Announcement(self.seal_item(&announcement));
        self.adopt(now, next);
        // Who has no view yet could not pass the update on.
        for id in joined {
            self.send_view(now, &id);
        }
        self.spread(now, id, &item);
        for id in gone {
            self.send_view(now, &id);
        }
    }

    /// Takes a view update; an error where it does not lead on from the view in force.
    pub(super) fn take_update(
        &mut self,
        now: Time,
        peer: NodeId,
        update: ViewUpdate,
    ) -> Result<(), Mismatch> {
        let Some(view) = self.view.clone() else {
            return Ok(());
        };
        let (mine, theirs) = (view.tag(), update.tag);
        if self.is_rival(&theirs.epoch) {
            self.sight_rival(now, &theirs.epoch);
        } else if self.is_higher(&theirs, &mine) {
            let next = match view.apply(&update, &*self.seals.verifier) {
                Err(Mismatch::Seal) => {
                    self.reject(now, peer, UNSIGNED);
                    return Ok(());
                }
                other => other?,
            };
            if view.contains(&peer) || next.contains(&self.config.id) {
                self.steps
                    .take(Announcement::View(update).item_id(), &mine, &theirs);
                self.consider(now, peer, next);
            }
        }
        Ok(())
    }

    /// A page of a full view arrived.
    pub(super) fn take_page(&mut self, now: Time, peer: NodeId, page: ViewPage) {
        let (next, former) = match self.pages.add(peer, page, &self.seals) {
            Some(Ok(both)) => both,
            Some(Err(Mismatch::Seal)) => return self.reject(now, peer, UNSIGNED),
            Some(Err(_)) | None => return,
        };
        let tag = next.tag();
        let me = self.config.id;
        let trusted = self.joining.is_outside()
            || self.view.as_ref().is_none_or(|view| {
                let merged = next.descends_from(&view.tag()) && next.contains(&me);
                view.contains(&peer) || merged
            });
        if self.meeting.is_pledged_to(&peer) && next.contains(&self.config.id) {
            self.spread_merged(now);
            self.consider(now, peer, next);
        } else if trusted {
            self.consider(now, peer, next);
        } else {
            return self.sight_ring(now, &next);
        }
        if peer == tag.epoch.coordinator {
            self.note_former_names(&tag, &former);
        }
    }

    /// A page of a full view arrived on its way round the ring.
    pub(super) fn take_announced_page(&mut self, now: Time, peer: NodeId, page: ViewPage) {
        let maker = page.tag.epoch.coordinator;
        if let Some(Ok((next, former))) = self.announced.add(maker, page, &self.seals) {
            let tag = next.tag();
            self.consider(now, peer, next);
            self.note_former_names(&tag, &former);
        }
    }

    /// True where a view comes after another.
    pub(super) fn is_higher(&self, theirs: &ViewTag, mine: &ViewTag) -> bool {
        let stale = self.planted.has(PlantedBug::TakeStaleView) && theirs != mine;
        if self.planted.has(PlantedBug::SkipEpochCheck) {
            return theirs.number > mine.number;
        }
        stale || (theirs.epoch, theirs.number) > (mine.epoch, mine.number)
    }

    /// Takes a full view, or the next one, from a peer: believes it, or learns that it is out, or that
    /// there is another ring.
    fn consider(&mut self, now: Time, peer: NodeId, next: View) {
        let lists_me = next.contains(&self.config.id);
        let tag = next.tag();
        let Some(view) = self.view.clone() else {
            if lists_me {
                self.adopt(now, next);
            }
            return;
        };
        if view.contains(&peer) {
            self.hear_of_members(peer, &next);
        }
        let mine = view.tag();
        if self.planted.has(PlantedBug::WokenCoordinatorGoesOn) && self.is_coordinator() {
            return;
        }
        let inside = !self.joining.is_outside();
        if inside
            && tag.epoch.coordinator == mine.epoch.coordinator
            && self.is_deposed(&mine.epoch.coordinator)
        {
            // It could raise its own epoch faster than anybody is elected.
            return;
        }
        let higher = self.is_higher(&tag, &mine);
        let near = tag.number <= mine.number + EPOCHS_AHEAD
            && next.layout() <= view.layout() + EPOCHS_AHEAD;
        let vouched = self.vouches(&view, &peer, &next);
        let proven = !inside
            || vouched
            || peer == view.coordinator()
            || self.planted.has(PlantedBug::SkipEpochCheck)
            || self.is_proven(&view, &tag, next.openings());
        if self.is_rival(&tag.epoch) {
            if vouched {
                self.was_evicted(now, &next);
            } else {
                self.sight_ring(now, &next);
            }
        } else if !higher {
            if tag == mine && lists_me {
                self.come_back(now);
            } else if !lists_me && !view.descends_from(&tag) {
                self.sight_ring(now, &next);
            }
        } else if !proven || !near {
            self.doubt_authority(now, peer, &next);
        } else if lists_me {
            self.adopt(now, next);
        } else if next.descends_from(&mine) || self.is_stranded(&next) {
            self.was_evicted(now, &next);
        } else {
            self.sight_ring(now, &next);
        }
    }

    /// True where one's own coordinator is suspected, and another member takes the side of one that
    /// claims its office; or where it is dead, and somebody has gone on alone.
    fn vouches(&self, view: &View, peer: &NodeId, next: &View) -> bool {
        let claimant = next.coordinator();
        let second = view.contains(peer) && *peer != claimant && view.contains(&claimant);
        let alone = next.len() == 1 && self.dead.contains(&view.coordinator());
        self.is_abandoned() && (second || alone)
    }

    /// True where one's own ring cannot speak for this node any more: its coordinator has gone
    /// over to the other ring, or is suspected.
    fn is_stranded(&self, other: &View) -> bool {
        let coordinator = self.view.as_ref().map(|view| view.coordinator());
        coordinator.is_none_or(|id| other.contains(&id)) || self.is_abandoned()
    }

    /// True where one's own coordinator is suspected.
    fn is_abandoned(&self) -> bool {
        let coordinator = self.view.as_ref().map(|view| view.coordinator());
        coordinator.is_some_and(|id| self.detector.suspects(&id))
    }

    /// The same epoch number under another coordinator is another ring.
    pub(super) fn is_rival(&self, epoch: &Epoch) -> bool {
        self.view.as_ref().is_some_and(|view| {
            let mine = view.tag().epoch;
            mine.number == epoch.number && mine.coordinator != epoch.coordinator
        })
    }

    /// Puts a view in force, and tells the user what it changes.
    pub(super) fn adopt(&mut self, now: Time, next: impl Into<Arc<View>>) {
        let before = self.view.clone();
        let next = next.into();
        let differences = next.since(before.as_deref());
        self.view = Some(Arc::clone(&next));
        self.note_names(now, &differences);
        if self.is_coordinator() {
            self.doors.choose(&next);
        }
        let mut joined = differences.joined.iter();
        if joined.any(|newcomer| newcomer.addresses.are_manifold()) {
            // It may reach those who are out of this node's reach.
            self.links.ask_others(now);
            self.lost.search(now);
        }
        if self.planted.has(PlantedBug::ForgetHeld) {
            self.causal.forget_held();
        }
        self.dead.retain(|id| next.contains(id));
        self.detector.retain(|id| next.contains(id));
        self.spreading.retain(|id| next.contains(id));
        if self.config.fingers {
            self.fingers.renew(&next, &self.config.id);
        }
        self.emit(Event::View(Arc::clone(&next)));
        let new_epoch = before.as_ref().map(|view| view.tag().epoch) != Some(next.tag().epoch);
        if new_epoch {
            self.election.settle();
            self.standing.settle();
            self.meeting.settle();
            self.lost.search(now);
            self.announced = Pages::default();
            let epoch = next.tag().epoch;
            self.emit(Event::Coordinator { epoch });
        }
        if before.is_some() && !new_epoch {
            self.settle_in(now, differences.joined.iter().map(|member| member.id));
        }
        if let Some(before) = &before {
            self.tell_changes(now, &next, &differences);
            self.tell_merged(before, &next);
            self.tell_renamed(before, &differences);
        }
        self.lost.retain(|id| !next.contains(id));
        self.took_place(now);
        let relaid = before.is_some_and(|before| before.layout() != next.layout());
        if relaid && self.planted.has(PlantedBug::MergeRestartsNumbers) {
            self.outbox.restart();
        }
        self.compare_all_anew(relaid);
        self.tend_ring(now);
        self.ask_for_history(now);
        self.serve_fetchers(now);
        self.leave_again(now, &next, new_epoch);
        self.depose_liar(now);
        self.seal_what_waits(now);
    }

    /// Tells who came and who went, and forgets the links and debts of those who went.
    fn tell_changes(&mut self, now: Time, next: &View, differences: &Differences) {
        let person = |member: &Member| Person {
            id: member.id,
            name: member.name.clone(),
        };
        for member in &differences.joined {
            self.emit(Event::Joined(person(member)));
        }
        for member in &differences.gone {
            let how = next.departure(&member.id).map(|gone| gone.how);
            self.emit(match how {
                Some(Departure::Left) => Event::Left(person(member)),
                Some(Departure::Failed) | None => Event::Failed(person(member)),
            });
            if how != Some(Departure::Left) {
                self.lost.add(now, member);
            }
            self.trials.acquit(&member.id);
            self.give_up_on_giver(now, &member.id);
            self.rehome(now, &member.id);
        }
    }

    /// Tells who has another name.
    fn tell_renamed(&mut self, before: &View, differences: &Differences) {
        for member in &differences.changed {
            let previous = before.member(&member.id).map(|before| before.name.clone());
            if let Some(previous) = previous.filter(|name| *name != member.name) {
                let person = Person {
                    id: member.id,
                    name: member.name.clone(),
                };
                self.emit(Event::Renamed { person, previous });
            }
        }
    }
}
