//! Entry: how a newcomer gets into the ring, and how the coordinator lets it in.
//!
//! `PROTOCOL.md` §5.1. Not here: the stages and their deadlines (`joining`), and the discussion
//! so far (`history`).

use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::UPDATE_CHANGES;
use ringtalk_wire::{
    Contact, Departed, Departure, Frame, Join, Member, NodeId, RingKey, VectorClock, ViewTag,
};

use super::Node;
use super::naming::Naming;
use crate::admission::seen_network;
use crate::config::EPOCHS_AHEAD;
use crate::joining::{Stage, Step};
use crate::{Event, Output, Time, Trouble, View};

/// After how many vain requests the coordinator itself stops waiting for a discussion so far that
/// nobody has: whoever had it is gone.
const FETCHES: u32 = 3;
/// How long a former member looks for a way back before it goes on alone; the most senior first,
/// so that the others find it.
const ALONE_WAIT: Duration = Duration::from_secs(6);
const ALONE_STEP: Duration = Duration::from_secs(1);
/// How far an epoch number is raised at a time for somebody from elsewhere, who may have invented a higher one.
const OUTREACH: u64 = 64;

impl Node {
    /// The director says that this node is the first, or it goes on alone.
    pub(super) fn found(&mut self, now: Time) {
        if !self.joining.is_outside() {
            return;
        }
        // A newcomer may have had its place, and lost it before anybody gave it the discussion so far.
        self.start(VectorClock::new(), 0, 0);
        self.joining.arrive();
        let Some(view) = self.view.clone() else {
            let founder = Member {
                id: self.config.id,
                name: self.name_of_founder(),
                addresses: self.config.addresses.clone(),
                seniority: 0,
                key: RingKey(0),
                network: self.config.network,
            };
            let view = View::founding(founder, 1, |tag| self.seals.seal_view(tag));
            return self.adopt(now, view);
        };
        let others = view.members().filter(|one| one.id != self.config.id);
        let departed = others.map(|member| Departed {
            id: member.id,
            how: Departure::Failed,
        });
        let departed: Vec<Departed> = departed.collect();
        let (first, rest) = departed.split_at(departed.len().min(UPDATE_CHANGES));
        let opening = self.own_opening(&view, view.tag().epoch.number + 1);
        self.open_epoch(now, opening, first.to_vec());
        for some in rest.chunks(UPDATE_CHANGES) {
            self.publish(now, Vec::new(), some.to_vec(), Vec::new());
        }
    }

    /// Asks a coordinator for a place in the ring.
    pub(super) fn knock(&mut self, now: Time, contact: &Contact) {
        if !self.joining.is_outside() {
            return;
        }
        if contact.id == self.config.id {
            return self.joining.rest(now);
        }
        self.joining.knock(now, contact.clone());
        self.ask_for_place(now, contact);
    }

    /// This node is no member any more: it goes to the ring that goes on.
    pub(super) fn rejoin(&mut self, now: Time, contact: &Contact) {
        self.trials.clear();
        self.election.settle();
        self.dead.clear();
        self.doubt = None;
        self.joining.rest(now);
        if self.ready {
            self.joining
                .until_alone(now + ALONE_WAIT + ALONE_STEP * self.rank_among_all());
        }
        self.knock(now, contact);
    }

    /// How many members of the last view are more senior than this node, ten at most.
    fn rank_among_all(&self) -> u32 {
        let rank = self.view.as_ref().map(|view| {
            let seniors = view.by_seniority().into_iter();
            seniors
                .take_while(|member| member.id != self.config.id)
                .count()
        });
        rank.unwrap_or_default().min(10) as u32
    }

    /// A view of one's own ring does not list this node any more.
    pub(super) fn was_evicted(&mut self, now: Time, next: &View) {
        if self.leaving.is_some() {
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
            self.joining.stage(),
            Stage::Knocking { contact: at, .. } if at.id == contact.id
        );
        if !knocking {
            self.rejoin(now, &contact);
        }
    }

    pub(super) fn take_join(&mut self, now: Time, peer: NodeId, join: Join) {
        let Some(view) = self.view.clone() else {
            return self.answer_later(now, &peer, None);
        };
        if !self.is_coordinator() {
            return self.answer_later(now, &peer, self.coordinator_contact());
        }
        if !self.has_authority() || self.leaving.is_some() {
            return self.answer_later(now, &peer, None);
        }
        if !view.contains(&peer) {
            if !self.may_return(now, &peer) {
                return self.answer_later(now, &peer, None);
            }
            if !self.has_room_for(&peer, view.len()) {
                let message = "this discussion is full: nobody else is let in".into();
                self.warn(now, Trouble::Full, message);
                return self.answer_later(now, &peer, None);
            }
        }
        // Only for somebody who has a place, or is about to get one: each new epoch is work for all members.
        if !self.outreach(now, join.tag.as_ref()) {
            return self.answer_later(now, &peer, None);
        }
        if self.view.as_ref().is_some_and(|view| view.contains(&peer)) {
            return self.send_view(now, &peer);
        }
        let host = self.links.host(&peer);
        let network = seen_network(&join, host.filter(|_| self.links.is_direct(&peer)));
        tracing::debug!(?peer, ?host, ?network, "a newcomer asks for a place");
        self.look_for_predecessor(now, peer, &join.name);
        if !self.newcomers.wait(peer, Join { network, ..join }) {
            return self.answer_later(now, &peer, self.coordinator_contact());
        }
        self.admit_newcomers(now);
    }

    /// Lets those in who wait, where a view is due for them.
    pub(super) fn admit_newcomers(&mut self, now: Time) {
        let newcomers = self.newcomers.admit(now, |peer| self.naming.waits(peer));
        let Some(view) = self.view.clone().filter(|_| self.has_authority()) else {
            for (peer, _) in newcomers {
                self.answer_later(now, &peer, None);
            }
            return;
        };
        let joined = slotted(now, &view, &newcomers, &mut self.naming);
        for (peer, _) in &newcomers {
            self.naming.forget_newcomer(peer);
        }
        let others = newcomers.iter().map(|(peer, _)| *peer);
        let others: Vec<NodeId> = others
            .filter(|peer| joined.iter().all(|member| member.id != *peer))
            .collect();
        for member in &joined {
            self.note_return(now, member.id);
        }
        if !joined.is_empty() {
            self.publish(now, joined, Vec::new(), Vec::new());
        }
        for peer in others {
            self.send_view(now, &peer);
        }
    }

    /// Opens an epoch above the one that somebody from elsewhere followed, where it would not believe
    /// a view of this ring without; false where one was opened just now for somebody else, or where it
    /// is not high enough yet.
    fn outreach(&mut self, now: Time, tag: Option<&ViewTag>) -> bool {
        let (Some(theirs), Some(view)) = (tag, self.view.clone()) else {
            return true;
        };
        let mine = view.tag();
        if theirs.epoch.number > mine.epoch.number + EPOCHS_AHEAD {
            return true;
        }
        let behind = (mine.epoch, mine.number) <= (theirs.epoch, theirs.number);
        let number = theirs.epoch.number.max(mine.epoch.number);
        if !(behind || self.is_rival(&theirs.epoch)) || view.descends_from(theirs) {
            return true;
        }
        if !self.meeting.may_reach_out(now) {
            return false;
        }
        let reached = (number + 1).min(mine.epoch.number + OUTREACH);
        let opening = self.own_opening(&view, reached);
        self.open_epoch(now, opening, self.dead_members());
        reached > number
    }

    /// "Not here": somebody else is the coordinator, or nobody now.
    pub(super) fn take_later(&mut self, now: Time, peer: NodeId, contact: Option<Contact>) {
        match contact {
            Some(contact) if self.has_authority() => self.meet(now, &contact),
            Some(contact) if self.joining.is_outside() && contact.id != self.config.id => {
                let follows = self.joining.redirect(now, contact.clone(), &peer);
                if follows {
                    self.ask_for_place(now, &contact);
                }
            }
            _ if self.joining.is_outside() => self.joining.rest(now),
            _ => {}
        }
    }

    /// Nobody answers where this node knocked.
    pub(super) fn knock_failed(&mut self, now: Time, peer: &NodeId) {
        if matches!(self.joining.stage(), Stage::Knocking { contact, .. } if contact.id == *peer) {
            self.joining.rest(now);
        }
    }

    /// A view that lists this node is in force: it has its place.
    pub(super) fn took_place(&mut self, now: Time) {
        if !self.joining.is_outside() {
            return;
        }
        if self.ready {
            self.joining.arrive();
        } else {
            self.joining.fetch(now);
        }
    }

    /// A member of one's own ring shows that it still lists this node: there is no need to go
    /// elsewhere.
    pub(super) fn come_back(&mut self, now: Time) {
        if self.joining.is_outside() {
            self.took_place(now);
            self.tend_ring(now);
            self.ask_for_history(now);
        }
    }

    pub(super) fn expire_joining(&mut self, now: Time) {
        if self.reading.is_behind() {
            // The history waits for its reader.
            self.joining.progressed(now);
        }
        match self.joining.expire(now) {
            Some(Step::AskDirector) => self.ask_for_way(now),
            Some(Step::Knock(contact)) => self.ask_for_place(now, &contact),
            Some(Step::Fetch) => self.settle_or_ask(now),
            Some(Step::GoOnAlone) => self.found(now),
            None => {}
        }
    }

    /// Asks the neighbours for the discussion so far; after a vain attempt the coordinator too.
    pub(super) fn ask_for_history(&mut self, now: Time) {
        if !self.joining.awaits_cut() {
            return;
        }
        let mut donors = self.neighbour_ids();
        if self.joining.asked() > 1 {
            donors.extend(self.coordinator_contact().map(|contact| contact.id));
            donors.remove(&self.config.id);
        }
        self.cuts.ask(&donors);
        for donor in donors {
            self.send_to_member(now, &donor, &Frame::Fetch);
        }
    }

    /// Says `ready` when everything that was promised is here.
    pub(super) fn arrive_if_complete(&mut self, now: Time) {
        if let Stage::Fetching { cut, asked, .. } = self.joining.stage() {
            let clock = self.causal.clock();
            let complete = cut
                .as_ref()
                .is_some_and(|(_, cut)| cut.iter().all(|entry| clock.covers(entry)));
            let alone = self.view.as_ref().is_some_and(|view| view.len() == 1);
            let nobody_has_it = self.is_coordinator() && *asked > FETCHES;
            if complete || alone || nobody_has_it {
                self.tell_progress();
                self.start(VectorClock::new(), 0, 0);
                self.joining.arrive();
                self.serve_fetchers(now);
                self.deliver_ready(now);
            }
        }
        if self.joining.is_inside() && !self.ready {
            debug_assert!(self.started, "a clock starts before anything is said");
            self.ready = true;
            let name = self.name_of(&self.config.id);
            self.emit(Event::Ready { name });
            if !self.neighbour_ids().is_empty() {
                self.may_be_checked(now);
            }
        }
    }

    /// Tells the user what this node is doing to get in, if that is another step than before.
    pub(super) fn tell_progress(&mut self) {
        if self.ready {
            return;
        }
        let links = &self.links;
        if let Some(stage) = self.joining.news(|peer| links.is_up(peer)) {
            self.emit(Event::Joining(stage));
        }
    }

    /// Asks a director for the way in, unless it has named others that were not tried yet.
    fn ask_for_way(&mut self, now: Time) {
        if let Some(candidate) = self.candidates.next_untried() {
            return self.knock(now, &candidate);
        }
        self.out.push_back(Output::AskDirector);
        self.ask_old_acquaintances(now);
    }

    fn ask_for_place(&mut self, now: Time, contact: &Contact) {
        let join = Frame::Join(Join {
            name: self.own_name(),
            addresses: self.config.addresses.clone(),
            network: self.config.network,
            tag: self.view.as_ref().map(|view| view.tag()),
        });
        self.send_or_dial(now, (contact.id, &contact.addresses), &join);
    }

    /// A former member asks the members that it knew, beside the director.
    fn ask_old_acquaintances(&mut self, now: Time) {
        let Some(view) = self.view.clone() else {
            return;
        };
        let epoch = view.tag().epoch;
        let me = self.config.id;
        let others = view.members().filter(|one| one.id != me);
        for member in others.take(crate::config::DEPUTIES) {
            let contact = Contact {
                id: member.id,
                addresses: member.addresses.clone(),
                epoch,
            };
            self.ask_for_place(now, &contact);
        }
    }

    fn answer_later(&mut self, now: Time, peer: &NodeId, contact: Option<Contact>) {
        let later = Frame::Later(contact);
        self.links.send(now, peer, &later, &mut self.out);
    }

    /// The name that the coordinator gave this node, else the one that the user wished for.
    fn own_name(&self) -> alloc::string::String {
        let given = self.known_name(&self.config.id);
        given.unwrap_or(&self.config.name).clone()
    }
}

/// The newcomers with their names and places, each beside those before it.
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

    /// A node that coordinates a ring of one.
    fn coordinator() -> Node {
        let mut node = node();
        node.handle(Time::default(), Input::Found);
        node
    }

    fn join_of(node: &Node, ahead: u64) -> Join {
        let tag = node.view.as_ref().map(|view| {
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
            node.causal.pass(MessageId { author, seq: 1 });
        }
        let before = node.view.as_ref().map(|view| view.tag());
        let join = join_of(&node, 5);
        node.take_join(Time::default(), id(9), join);
        assert_eq!(node.view.as_ref().map(|view| view.tag()), before);
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
        // Somebody else's link is no step.
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
