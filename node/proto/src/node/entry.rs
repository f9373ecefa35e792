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
use crate::config::EPOCHS_AHEAD;
use crate::machines::admission::seen_network;
use crate::machines::joining::{Stage, Step};
use crate::{Event, Output, Time, Trouble, View};

/// After how many vain requests even the coordinator stops waiting for the history: the members that had it are gone.
const FETCHES: u32 = 3;
/// How long a former member looks for a way back before it goes on alone. The most senior goes first, so that the
/// others find it.
const ALONE_WAIT: Duration = Duration::from_secs(6);
const ALONE_STEP: Duration = Duration::from_secs(1);
/// By how much an epoch number is raised at a time for an outsider, which may have invented a higher one.
const OUTREACH: u64 = 64;

impl Node {
    /// Founds the discussion because the director says that this node is the first, or continues alone.
    pub(super) fn found(&mut self) {
        if !self.context.joining.is_outside() {
            return;
        }
        // A node may have been admitted, and have lost its place before any member gave it the history.
        self.start(VectorClock::new(), 0, 0);
        self.context.joining.arrive();
        let Some(view) = self.context.view.clone() else {
            let founder = Member {
                id: self.context.config.id,
                name: self.naming.name_of_founder(&self.context),
                addresses: self.context.config.addresses.clone(),
                seniority: 0,
                key: RingKey(0),
                network: self.context.config.network,
            };
            let view = View::founding(founder, 1, |tag| self.context.seals.seal_view(tag));
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
    pub(super) fn knock(&mut self, contact: &Contact) {
        let now = self.context.now;
        if !self.context.joining.is_outside() {
            return;
        }
        if contact.id == self.context.config.id {
            return self.context.joining.rest(now);
        }
        self.context.joining.knock(now, contact.clone());
        self.ask_for_place(contact);
    }

    /// Returns to the ring that continues, because this node is not a member any more.
    pub(super) fn rejoin(&mut self, contact: &Contact) {
        let now = self.context.now;
        self.suspicion.trials.clear();
        self.succession.election.settle();
        self.context.people.dead.clear();
        self.context.doubt = None;
        self.context.joining.rest(now);
        if self.context.joining.is_ready() {
            self.context
                .joining
                .until_alone(now + ALONE_WAIT + ALONE_STEP * self.rank_among_all());
        }
        self.knock(contact);
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
    pub(super) fn was_evicted(&mut self, next: &View) {
        if self.context.is_leaving() {
            return self.farewell_heard();
        }
        let Some(coordinator) = next.member(&next.coordinator()) else {
            return;
        };
        let contact = Contact {
            id: coordinator.id,
            addresses: coordinator.addresses.clone(),
            epoch: next.tag().epoch,
        };
        let knocking = matches!(
            self.context.joining.stage(),
            Stage::Knocking { contact: at, .. } if at.id == contact.id
        );
        if !knocking {
            self.rejoin(&contact);
        }
    }

    pub(super) fn take_join(&mut self, peer: NodeId, join: Join) {
        let Some(view) = self.context.view.clone() else {
            return self.answer_later(&peer, None);
        };
        if !self.context.is_coordinator() {
            return self.answer_later(&peer, self.context.coordinator_contact());
        }
        if !self.context.has_authority() || self.context.is_leaving() {
            return self.answer_later(&peer, None);
        }
        if !view.contains(&peer) {
            if !self.naming.may_return(&self.context, &peer) {
                return self.answer_later(&peer, None);
            }
            if !self.discussion.has_room_for(&peer, view.len()) {
                let message = "this discussion is full: nobody else is let in".into();
                self.context.warn(Trouble::Full, message);
                return self.answer_later(&peer, None);
            }
        }
        // Only for a node that has a place or is about to get one: each new epoch costs all members work.
        if !self.outreach(join.tag.as_ref()) {
            return self.answer_later(&peer, None);
        }
        if self.context.is_member(&peer) {
            return self.send_view(&peer);
        }
        let host = self.context.links.host(&peer);
        let network = seen_network(&join, host.filter(|_| self.context.links.is_direct(&peer)));
        tracing::debug!(?peer, ?host, ?network, "a newcomer asks for a place");
        self.naming
            .look_for_predecessor(&mut self.context, peer, &join.name);
        if !self.entry.newcomers.wait(peer, Join { network, ..join }) {
            return self.answer_later(&peer, self.context.coordinator_contact());
        }
        self.admit_newcomers();
    }

    /// Returns when the next view that admits newcomers is due.
    pub(super) fn newcomers_due(&self) -> Option<Time> {
        let naming = &self.naming;
        self.entry.newcomers.deadline(|peer| naming.waits(peer))
    }

    /// Admits the waiting newcomers, if a view is due for them.
    pub(super) fn admit_newcomers(&mut self) {
        let now = self.context.now;
        let newcomers = self
            .entry
            .newcomers
            .admit(now, |peer| self.naming.waits(peer));
        let Some(view) = self
            .context
            .view
            .clone()
            .filter(|_| self.context.has_authority())
        else {
            for (peer, _) in newcomers {
                self.answer_later(&peer, None);
            }
            return;
        };
        let joined = slotted(now, &view, &newcomers, &mut self.naming);
        for (peer, _) in &newcomers {
            self.naming.forget(peer);
        }
        let others = newcomers.iter().map(|(peer, _)| *peer);
        let others: Vec<NodeId> = others
            .filter(|peer| joined.iter().all(|member| member.id != *peer))
            .collect();
        for member in &joined {
            self.naming.note_return(&self.context, member.id);
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
    fn outreach(&mut self, tag: Option<&ViewTag>) -> bool {
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
        if !self.meeting.may_reach_out(now) {
            return false;
        }
        let reached = (number + 1).min(mine.epoch.number + OUTREACH);
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
                    self.ask_for_place(&contact);
                }
            }
            _ if self.context.joining.is_outside() => self.context.joining.rest(now),
            _ => {}
        }
    }

    /// Gives up a request for admission that nobody answers.
    pub(super) fn knock_failed(&mut self, peer: &NodeId) {
        let now = self.context.now;
        if matches!(self.context.joining.stage(), Stage::Knocking { contact, .. } if contact.id == *peer)
        {
            self.context.joining.rest(now);
        }
    }

    /// Notes that this node has its place: a view that lists it is in force.
    pub(super) fn took_place(&mut self) {
        let now = self.context.now;
        if !self.context.joining.is_outside() {
            return;
        }
        if self.context.joining.is_ready() {
            self.context.joining.arrive();
        } else {
            self.context.joining.fetch(now);
        }
    }

    /// Stays in its own ring, because a member still lists this node.
    pub(super) fn come_back(&mut self) {
        if self.context.joining.is_outside() {
            self.took_place();
            self.tend_ring();
            self.ask_for_history();
        }
    }

    pub(super) fn expire_joining(&mut self) {
        let now = self.context.now;
        if self.context.reader.is_behind() {
            // The history waits for its reader.
            self.context.joining.progressed(now);
        }
        match self.context.joining.expire(now) {
            Some(Step::AskDirector) => self.ask_for_way(),
            Some(Step::Knock(contact)) => self.ask_for_place(&contact),
            Some(Step::Fetch) => self.settle_or_ask(),
            Some(Step::GoOnAlone) => self.found(),
            None => {}
        }
    }

    /// Asks the neighbours for the history; after a vain attempt the coordinator too.
    pub(super) fn ask_for_history(&mut self) {
        if !self.context.joining.awaits_cut() {
            return;
        }
        let mut donors = self.ring.neighbour_ids();
        if self.context.joining.asked() > 1 {
            donors.extend(self.context.coordinator_contact().map(|contact| contact.id));
            donors.remove(&self.context.config.id);
        }
        self.history.cuts.ask(&donors);
        for donor in donors {
            self.context.send_to_member(&donor, &Frame::Fetch);
        }
    }

    /// Tells the user that the node is ready, once it has all promised messages.
    pub(super) fn arrive_if_complete(&mut self) {
        if let Stage::Fetching { cut, asked, .. } = self.context.joining.stage() {
            let clock = self.discussion.causal.clock();
            let complete = cut
                .as_ref()
                .is_some_and(|(_, cut)| cut.iter().all(|entry| clock.covers(entry)));
            let alone = self
                .context
                .view
                .as_ref()
                .is_some_and(|view| view.len() == 1);
            let nobody_has_it = self.context.is_coordinator() && *asked > FETCHES;
            if complete || alone || nobody_has_it {
                self.tell_progress();
                self.start(VectorClock::new(), 0, 0);
                self.context.joining.arrive();
                self.history
                    .serve_fetchers(&mut self.context, &self.discussion, &self.forks);
                self.deliver_ready();
            }
        }
        if self.context.joining.is_inside() && !self.context.joining.is_ready() {
            debug_assert!(
                self.discussion.has_started(),
                "a clock starts before anything is said"
            );
            self.context.joining.get_ready();
            let name = self.context.name_of(&self.context.config.id);
            self.context.emit(Event::Ready { name });
            if !self.ring.neighbour_ids().is_empty() {
                self.checking.may_begin(&self.context);
            }
        }
    }

    /// Tells the user the present step of joining, if it is a new one.
    pub(super) fn tell_progress(&mut self) {
        if self.context.joining.is_ready() {
            return;
        }
        let links = &self.context.links;
        if let Some(stage) = self.context.joining.news(|peer| links.is_up(peer)) {
            self.context.emit(Event::Joining(stage));
        }
    }

    /// Tries the next candidate, or asks a director if none is left.
    fn ask_for_way(&mut self) {
        if let Some(candidate) = self.entry.candidates.next_untried() {
            return self.knock(&candidate);
        }
        self.context.out.push_back(Output::AskDirector);
        self.ask_old_acquaintances();
    }

    fn ask_for_place(&mut self, contact: &Contact) {
        let join = Frame::Join(Join {
            name: self.own_name(),
            addresses: self.context.config.addresses.clone(),
            network: self.context.config.network,
            tag: self.context.view.as_ref().map(|view| view.tag()),
        });
        self.context
            .send_or_dial((contact.id, &contact.addresses), &join);
    }

    /// Asks members of its last view, besides the director, if this is a former member.
    fn ask_old_acquaintances(&mut self) {
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
            self.ask_for_place(&contact);
        }
    }

    fn answer_later(&mut self, peer: &NodeId, contact: Option<Contact>) {
        let later = Frame::Later(contact);
        self.context.send(peer, &later);
    }

    /// Returns the name that the coordinator gave this node, or else the one that the user asked for.
    fn own_name(&self) -> alloc::string::String {
        let given = self.context.known_name(&self.context.config.id);
        given.unwrap_or(&self.context.config.name).clone()
    }
}

/// Returns newcomers as members with names and keys. Each takes those before it into account.
pub(super) fn slotted(
    now: Time,
    view: &View,
    newcomers: &[(NodeId, Join)],
    naming: &mut Naming,
) -> Vec<Member> {
    let mut next = View::clone(view);
    let mut joined = Vec::new();
    for (peer, join) in newcomers {
        naming.follow(now, &next);
        let network = join.network;
        let newcomer = Member {
            id: *peer,
            name: naming.name_newcomer(&next, &join.name, peer),
            addresses: join.addresses.clone(),
            seniority: next.next_seniority(),
            key: next.place_in(network),
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
    fn nobody_who_is_turned_away_raises_the_epoch() {
        let mut node = coordinator();
        for author in 0..AUTHORS as u128 {
            let author = id(author << 8);
            node.discussion.causal.pass(MessageId { author, seq: 1 });
        }
        let before = node.context.view.as_ref().map(|view| view.tag());
        let join = join_of(&node, 5);
        node.take_join(id(9), join);
        assert_eq!(node.context.view.as_ref().map(|view| view.tag()), before);
    }

    fn told(node: &mut Node) -> Vec<JoiningStage> {
        let outputs = core::iter::from_fn(|| node.poll_output());
        let stages = outputs.filter_map(|output| match output {
            Output::Event(Event::Joining(stage)) => Some(stage),
            _ => None,
        });
        stages.collect()
    }

    #[test]
    fn a_user_reads_which_step_is_taken_and_not_which_dials_are_made() {
        let mut node = node();
        let now = Time::default();
        assert_eq!(told(&mut node), [JoiningStage::AskingDirector]);
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
        assert_eq!(told(&mut node), [linking]);
        // A link to another node is not a step.
        for (number, from) in [(1, NodeId::from_bytes([2; 16])), (2, id)] {
            let is_coordinator = from == id;
            let up = Input::LinkUp {
                link: LinkId(number),
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
            assert_eq!(told(&mut node), Vec::from_iter(expected));
        }
    }
}
