//! Entry: how a newcomer gets into the ring, and how the coordinator admits it.
//!
//! `PROTOCOL.md` §5.1. Not here: the stages and their deadlines (`joining`), the history (`history`).

use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::UPDATE_CHANGES;
use ringtalk_wire::{
    Contact, Departed, Departure, Frame, Join, Member, NodeId, RingKey, VectorClock, ViewTag,
};

use super::Node;
use crate::concerns::Concern;
use crate::concerns::naming::Naming;
use crate::config::{EPOCHS_AHEAD, RingKind};
use crate::machines::admission::seen_network;
use crate::machines::joining::{JoinState, JoinStep};
use crate::{ErrorKind, Event, Output, Time, View};

/// After how many vain requests even the coordinator stops waiting for the history: the members that had it are gone.
const FETCHES: u32 = 3;
/// How long a former member tries to return before it goes on alone. The most senior goes first, so that the
/// others find it.
const ALONE_WAIT: Duration = Duration::from_secs(6);
const ALONE_STEP: Duration = Duration::from_secs(1);
/// By how much an epoch number is raised at a time for an outsider, which may have invented a higher one.
const OUTREACH_STEP: u64 = 64;

impl Node {
    /// Founds the discussion because the director says that this node is the first, or continues alone.
    pub(super) fn found_discussion(&mut self) {
        if !self.context.joining.is_outside() {
            return;
        }
        // A node may have been admitted, and have been evicted before any member gave it the history.
        self.start_clock(VectorClock::new(), 0, 0);
        self.context.joining.complete();
        let Some(view) = self.context.view.clone() else {
            let founder = Member {
                id: self.context.config.id,
                name: self.naming.name_of_founder(&self.context),
                addresses: self.context.config.addresses.clone(),
                seniority: 0,
                key: RingKey(0),
                network: self.context.config.network,
            };
            let view = View::founding(founder, 1, |tag| self.context.signatures.sign_view(tag));
            return self.adopt(view);
        };
        let others = view
            .members()
            .filter(|one| one.id != self.context.config.id);
        let departed = others.map(|member| Departed {
            id: member.id,
            how: Departure::Failed,
        });
        let departed: Vec<Departed> = departed.collect();
        let (first, rest) = departed.split_at(departed.len().min(UPDATE_CHANGES));
        let opening = self.context.own_opening(&view, view.tag().epoch.number + 1);
        self.open_epoch(opening, first.to_vec());
        for some in rest.chunks(UPDATE_CHANGES) {
            self.publish(Vec::new(), some.to_vec(), Vec::new());
        }
    }

    /// Asks a coordinator for admission.
    pub(super) fn join_via(&mut self, contact: &Contact) {
        let now = self.context.now;
        if !self.context.joining.is_outside() {
            return;
        }
        if contact.id == self.context.config.id {
            return self.context.joining.rest(now);
        }
        self.context.joining.request(now, contact.clone());
        self.send_join(contact);
    }

    /// Returns to the ring that continues, because this node is not a member any more.
    pub(super) fn rejoin(&mut self, contact: &Contact) {
        let now = self.context.now;
        self.suspicion.trials.clear();
        self.succession.election.end();
        self.context.people.dead.clear();
        self.context.self_doubt = None;
        self.context.joining.rest(now);
        if self.context.joining.is_ready() {
            self.context
                .joining
                .set_alone_at(now + ALONE_WAIT + ALONE_STEP * self.rank_among_all());
        }
        self.join_via(contact);
    }

    /// Returns how many members of the last view are more senior than this node, ten at most.
    fn rank_among_all(&self) -> u32 {
        let rank = self.context.view.as_ref().map(|view| {
            let seniors = view.by_seniority().into_iter();
            seniors
                .take_while(|member| member.id != self.context.config.id)
                .count()
        });
        rank.unwrap_or_default().min(10) as u32
    }

    /// Reacts to a view of this node's own ring that no longer lists this node.
    pub(super) fn handle_eviction(&mut self, next: &View) {
        if self.context.is_leaving() {
            return self.finish_leaving();
        }
        let Some(coordinator) = next.member(&next.coordinator()) else {
            return;
        };
        let contact = Contact {
            id: coordinator.id,
            addresses: coordinator.addresses.clone(),
            epoch: next.tag().epoch,
        };
        let is_requesting = matches!(
            self.context.joining.stage(),
            JoinState::Requesting { contact: at, .. } if at.id == contact.id
        );
        if !is_requesting {
            self.rejoin(&contact);
        }
    }

    pub(super) fn take_join(&mut self, peer: NodeId, join: Join) {
        let Some(view) = self.context.view.clone() else {
            return self.send_later(&peer, None);
        };
        if !self.context.is_coordinator() {
            if self.has_left_office(&peer, &join) {
                // It asks again and again, and is heard each time: that must not end the election.
                self.context.people.abandoned = Some(view.tag().epoch);
                if !self.context.people.dead.contains(&peer) {
                    self.declare_dead(peer);
                }
                return self.send_later(&peer, None);
            }
            return self.send_later(&peer, self.context.coordinator_contact());
        }
        if !self.context.has_authority() || self.context.is_leaving() {
            return self.send_later(&peer, None);
        }
        if !view.contains(&peer) {
            if !self.naming.may_return(&self.context, &peer) {
                return self.send_later(&peer, None);
            }
            if !self.discussion.has_room_for(&peer, view.len()) {
                let message = "this discussion is full: newcomers are refused".into();
                self.context.warn(ErrorKind::Full, message);
                return self.send_later(&peer, None);
            }
        }
        // Only for a node that is a member or is about to become one: each new epoch costs all members work.
        if !self.open_epoch_for_outsider(join.tag.as_ref()) {
            return self.send_later(&peer, None);
        }
        // Opening an epoch may have removed the peer.
        let view = self.context.view.clone();
        let listed = view.as_ref().and_then(|view| view.member(&peer));
        if listed.is_some_and(|member| !self.is_move(member, &join)) {
            return self.send_view(&peer);
        }
        let host = self.context.links.host(&peer);
        let network = seen_network(&join, host.filter(|_| self.context.links.is_direct(&peer)));
        if listed.is_some() {
            tracing::debug!(?peer, ?host, ?network, "a member has moved");
        } else {
            tracing::debug!(?peer, ?host, ?network, "a newcomer requests a place");
            self.naming
                .probe_predecessor(&mut self.context, peer, &join.name);
        }
        if !self.entry.newcomers.enqueue(peer, Join { network, ..join }) {
            return self.send_later(&peer, self.context.coordinator_contact());
        }
        self.admit_newcomers();
    }

    /// Returns true if a room's coordinator asks for admission like a newcomer: it has left the room, and this node missed
    /// that. Only in rooms does a process come back under the same id.
    fn has_left_office(&self, peer: &NodeId, join: &Join) -> bool {
        let view = self.context.view_as_member();
        self.context.config.kind == RingKind::Room
            && join.tag.is_none()
            && view.is_some_and(|view| view.coordinator() == *peer)
    }

    /// Returns when the next view that admits newcomers is due.
    pub(super) fn newcomers_due(&self) -> Option<Time> {
        let naming = &self.naming;
        self.entry.newcomers.deadline(|peer| naming.must_wait(peer))
    }

    /// Admits the waiting newcomers, if a view is due for them.
    pub(super) fn admit_newcomers(&mut self) {
        let now = self.context.now;
        let newcomers = self
            .entry
            .newcomers
            .take_due(now, |peer| self.naming.must_wait(peer));
        let Some(view) = self
            .context
            .view
            .clone()
            .filter(|_| self.context.has_authority())
        else {
            for (peer, _) in newcomers {
                self.send_later(&peer, None);
            }
            return;
        };
        let joined = to_members(now, &view, &newcomers, &mut self.naming);
        for (peer, _) in &newcomers {
            self.naming.forget(peer);
        }
        let others = newcomers.iter().map(|(peer, _)| *peer);
        let others: Vec<NodeId> = others
            .filter(|peer| joined.iter().all(|member| member.id != *peer))
            .collect();
        for member in &joined {
            if view.contains(&member.id) {
                self.entry.relocation.note_move(now, member.id);
            } else {
                self.naming.note_return(&self.context, member.id);
            }
        }
        if !joined.is_empty() {
            self.publish(joined, Vec::new(), Vec::new());
        }
        for peer in others {
            self.send_view(&peer);
        }
    }

    /// Opens an epoch above an outsider's if the outsider would not believe a view of this ring otherwise. Returns
    /// false if an epoch was opened for another outsider a moment ago, or if the new one is not high enough yet.
    fn open_epoch_for_outsider(&mut self, tag: Option<&ViewTag>) -> bool {
        let now = self.context.now;
        let (Some(theirs), Some(view)) = (tag, self.context.view.clone()) else {
            return true;
        };
        let mine = view.tag();
        if theirs.epoch.number > mine.epoch.number + EPOCHS_AHEAD {
            return true;
        }
        let behind = (mine.epoch, mine.number) <= (theirs.epoch, theirs.number);
        let number = theirs.epoch.number.max(mine.epoch.number);
        if !(behind || self.context.is_rival(&theirs.epoch)) || view.descends_from(theirs) {
            return true;
        }
        if !self.meeting.start_outreach(now) {
            return false;
        }
        let reached = (number + 1).min(mine.epoch.number + OUTREACH_STEP);
        let opening = self.context.own_opening(&view, reached);
        self.open_epoch(opening, self.context.dead_members());
        reached > number
    }

    /// Takes the answer of a node that cannot admit: another node is the coordinator, or none is at present.
    pub(super) fn take_later(&mut self, peer: NodeId, contact: Option<Contact>) {
        let now = self.context.now;
        match contact {
            Some(contact) if self.context.has_authority() => self.meet(&contact),
            Some(contact)
                if self.context.joining.is_outside() && contact.id != self.context.config.id =>
            {
                let follows = self.context.joining.redirect(now, contact.clone(), &peer);
                if follows {
                    self.send_join(&contact);
                }
            }
            _ if self.context.joining.is_outside() => self.context.joining.rest(now),
            _ => {}
        }
    }

    /// Gives up a request for admission that nobody answers.
    pub(super) fn join_failed(&mut self, peer: &NodeId) {
        let now = self.context.now;
        if matches!(self.context.joining.stage(), JoinState::Requesting { contact, .. } if contact.id == *peer)
        {
            self.context.joining.rest(now);
        }
    }

    /// Notes that this node is a member: a view that lists it is in force.
    pub(super) fn become_member(&mut self) {
        let now = self.context.now;
        if !self.context.joining.is_outside() {
            return;
        }
        if self.context.joining.is_ready() {
            self.context.joining.complete();
        } else {
            self.context.joining.fetch(now);
        }
    }

    /// Stays in its own ring, because a member still lists this node.
    pub(super) fn return_to_ring(&mut self) {
        if self.context.joining.is_outside() {
            self.become_member();
            self.maintain_ring();
            self.ask_for_history();
        }
    }

    pub(super) fn expire_joining(&mut self) {
        let now = self.context.now;
        if self.context.reader_lag.is_behind() {
            // The history waits for its reader.
            self.context.joining.note_progress(now);
        }
        match self.context.joining.expire(now) {
            Some(JoinStep::AskDirector) => self.try_next_contact(),
            Some(JoinStep::Request(contact)) => self.send_join(&contact),
            Some(JoinStep::Fetch) => self.apply_cut_or_ask(),
            Some(JoinStep::GoOnAlone) => self.found_discussion(),
            None => {}
        }
    }

    /// Asks the neighbours for the history; after a vain attempt the coordinator too.
    pub(super) fn ask_for_history(&mut self) {
        if !self.context.joining.awaits_cut() {
            return;
        }
        let mut donors = self.ring.neighbour_ids();
        if self.context.joining.fetch_attempts() > 1 {
            donors.extend(self.context.coordinator_contact().map(|contact| contact.id));
            donors.remove(&self.context.config.id);
        }
        self.history.cuts.ask(&donors);
        for donor in donors {
            self.context.send_to_member(&donor, &Frame::Fetch);
        }
    }

    /// Tells the user that the node is ready, once it has all promised messages.
    pub(super) fn become_ready_if_complete(&mut self) {
        if let JoinState::Fetching { cut, attempts, .. } = self.context.joining.stage() {
            let clock = self.discussion.causal.clock();
            let complete = cut
                .as_ref()
                .is_some_and(|(_, cut)| cut.iter().all(|entry| clock.covers(entry)));
            let alone = self
                .context
                .view
                .as_ref()
                .is_some_and(|view| view.len() == 1);
            let nobody_has_it = self.context.is_coordinator() && *attempts > FETCHES;
            if complete || alone || nobody_has_it {
                self.tell_progress();
                self.start_clock(VectorClock::new(), 0, 0);
                self.context.joining.complete();
                self.history
                    .serve_fetchers(&mut self.context, &mut self.discussion, &self.forks);
                self.deliver_ready();
            }
        }
        if self.context.joining.is_inside() && !self.context.joining.is_ready() {
            debug_assert!(
                self.discussion.has_started(),
                "a clock starts before anything is said"
            );
            self.pass_own_words();
            self.context.joining.set_ready();
            let name = self.context.name_of(&self.context.config.id);
            self.context.emit(Event::Ready { name });
            if !self.ring.neighbour_ids().is_empty() {
                self.reachability.schedule(&self.context);
            }
        }
    }

    /// Tells the user the present step of joining, if it is a new one.
    pub(super) fn tell_progress(&mut self) {
        if self.context.joining.is_ready() {
            return;
        }
        let links = &self.context.links;
        if let Some(stage) = self.context.joining.next_report(|peer| links.is_up(peer)) {
            self.context.emit(Event::Joining(stage));
        }
    }

    /// Tries the next candidate, or asks a director if none is left.
    fn try_next_contact(&mut self) {
        if let Some(candidate) = self.entry.candidates.next_untried() {
            return self.join_via(&candidate);
        }
        self.context.out.push_back(Output::AskDirector);
        self.ask_former_members();
    }

    fn send_join(&mut self, contact: &Contact) {
        let join = Frame::Join(self.own_join());
        self.context
            .send_or_dial((contact.id, &contact.addresses), &join);
    }

    /// Returns this node's request for a place, or for other addresses in the place that it has.
    pub(super) fn own_join(&self) -> Join {
        Join {
            name: self.own_name(),
            addresses: self.context.config.addresses.clone(),
            network: self.context.config.network,
            tag: self.context.view.as_ref().map(|view| view.tag()),
        }
    }

    /// Asks members of its last view, besides the director, if this is a former member.
    fn ask_former_members(&mut self) {
        let Some(view) = self.context.view.clone() else {
            return;
        };
        let epoch = view.tag().epoch;
        let me = self.context.config.id;
        let others = view.members().filter(|one| one.id != me);
        for member in others.take(crate::config::DEPUTIES) {
            let contact = Contact {
                id: member.id,
                addresses: member.addresses.clone(),
                epoch,
            };
            self.send_join(&contact);
        }
    }

    fn send_later(&mut self, peer: &NodeId, contact: Option<Contact>) {
        let later = Frame::Later(contact);
        self.context.send(peer, &later);
    }

    /// Returns the name that the coordinator gave this node, or else the one that the user asked for.
    fn own_name(&self) -> alloc::string::String {
        let given = self.context.known_name(&self.context.config.id);
        given.unwrap_or(&self.context.config.name).clone()
    }
}

/// Returns newcomers as members with names and keys. Each takes those before it into account. Those that are members
/// already get other addresses in the place that they have.
pub(super) fn to_members(
    now: Time,
    view: &View,
    newcomers: &[(NodeId, Join)],
    naming: &mut Naming,
) -> Vec<Member> {
    let mut next = View::clone(view);
    let mut joined = Vec::new();
    for (peer, join) in newcomers {
        let network = join.network;
        if let Some(listed) = next.member(peer).cloned() {
            let moved = Member {
                addresses: join.addresses.clone(),
                network,
                ..listed.clone()
            };
            if moved != listed
                && let Some(with) = next.with(moved.clone())
            {
                next = with;
                joined.push(moved);
            }
            continue;
        }
        naming.follow(now, &next);
        let newcomer = Member {
            id: *peer,
            name: naming.name_newcomer(&next, &join.name, peer),
            addresses: join.addresses.clone(),
            seniority: next.next_seniority(),
            key: next.free_key_in(network),
            network,
        };
        if let Some(with) = next.with(newcomer.clone()) {
            next = with;
            joined.push(newcomer);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::limit::AUTHORS;
    use ringtalk_wire::{Addresses, Epoch, MessageId, NetworkId};

    use super::*;
    use crate::node::test_support::node;
    use crate::{Input, JoiningStage, LinkId};

    fn id(number: u128) -> NodeId {
        NodeId::from_bytes(number.to_be_bytes())
    }

    /// Returns a node that coordinates a ring of one.
    fn coordinator() -> Node {
        let mut node = node();
        node.handle(Time::default(), Input::Found);
        node
    }

    fn join_of(node: &Node, ahead: u64) -> Join {
        let tag = node.context.view.as_ref().map(|view| {
            let mut tag = view.tag();
            tag.epoch = Epoch {
                number: tag.epoch.number + ahead,
                coordinator: id(9),
            };
            tag
        });
        Join {
            name: "eve".into(),
            addresses: Addresses::default(),
            network: NetworkId::default(),
            tag,
        }
    }

    #[test]
    fn a_refused_newcomer_does_not_raise_the_epoch() {
        let mut node = coordinator();
        for author in 0..AUTHORS as u128 {
            let author = id(author << 8);
            node.discussion.causal.advance(MessageId { author, seq: 1 });
        }
        let before = node.context.view.as_ref().map(|view| view.tag());
        let join = join_of(&node, 5);
        node.take_join(id(9), join);
        assert_eq!(node.context.view.as_ref().map(|view| view.tag()), before);
    }

    #[test]
    fn a_newcomer_that_leaves_is_not_admitted() {
        let mut node = coordinator();
        let newcomer = Join {
            tag: None,
            ..join_of(&node, 0)
        };
        for number in [8, 9] {
            node.take_join(id(number), newcomer.clone());
        }
        let is_member = |node: &Node, number| node.context.is_member(&id(number));
        assert!(is_member(&node, 8) && !is_member(&node, 9), "9 waits");
        node.take_leave(id(8));
        node.take_leave(id(9));
        assert!(node.entry.newcomers.deadline(|_| false).is_none());
        assert!(!is_member(&node, 8) && !is_member(&node, 9));
    }

    fn drain_events(node: &mut Node) -> Vec<JoiningStage> {
        let outputs = core::iter::from_fn(|| node.poll_output());
        let stages = outputs.filter_map(|output| match output {
            Output::Event(Event::Joining(stage)) => Some(stage),
            _ => None,
        });
        stages.collect()
    }

    #[test]
    fn the_user_sees_joining_steps_but_no_single_dials() {
        let mut node = node();
        let now = Time::default();
        assert_eq!(drain_events(&mut node), [JoiningStage::AskingDirector]);
        let id = NodeId::from_bytes([1; 16]);
        let coordinator = Contact {
            id,
            addresses: Addresses::at("10.0.0.1:4000"),
            epoch: Epoch {
                number: 1,
                coordinator: id,
            },
        };
        let contact = Input::Contact {
            coordinator,
            doors: Vec::new(),
            candidates: Vec::new(),
        };
        node.handle(now, contact);
        let (peer, address) = (id, alloc::string::String::from("10.0.0.1:4000"));
        let linking = JoiningStage::Linking {
            peer,
            address: address.clone(),
        };
        assert_eq!(drain_events(&mut node), [linking]);
        // A link to another node is not a step.
        for (number, from) in [(1, NodeId::from_bytes([2; 16])), (2, id)] {
            let is_coordinator = from == id;
            let up = Input::LinkUp {
                link: LinkId::lobby(number),
                peer: from,
                dialled: is_coordinator,
                host: None,
            };
            node.handle(now, up);
            let asking = JoiningStage::AskingForPlace {
                peer,
                address: address.clone(),
            };
            let expected = is_coordinator.then_some(asking);
            assert_eq!(drain_events(&mut node), Vec::from_iter(expected));
        }
    }
}
