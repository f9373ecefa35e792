//! Entrances: the addresses at which newcomers can reach members, for an invite that outlives its maker.
//!
//! A member that makes an invite asks others at which addresses they were reached (`PROTOCOL.md` §3.6), one of each
//! network first. Not here: how a member learns where it is reached (`reachability`).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::limit::ENTRANCES;
use ringtalk_wire::{Entrance, Frame, Member, NetworkId, NodeId};

use crate::context::Context;
use crate::{MemberEntrance, Output, Time, View};

/// How long the answers may take: a user waits for the invite, which is made after they have been checked.
const ANSWER_TIME: Duration = Duration::from_millis(500);
/// How many members are asked. An invite has room for eight entrances, and some members cannot be reached.
const ASKED: usize = 12;
/// How many members may wait for the end of this node's own check.
const WAITING: usize = 16;

/// This node's question about the entrances of others, and the members that wait for its own.
#[derive(Debug, Default)]
pub(crate) struct Entrances {
    question: Option<Question>,
    /// The members that asked this node while its own check was under way.
    waiting: Vec<NodeId>,
}

#[derive(Debug)]
struct Question {
    until: Time,
    /// The members in the order in which their entrances are named, this node included.
    order: Vec<NodeId>,
    answers: BTreeMap<NodeId, Vec<String>>,
}

impl Entrances {
    /// Returns when the answers are due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.question.as_ref().map(|question| question.until)
    }

    /// Asks members, unless they are being asked already. `own` are the addresses at which this node was reached, once
    /// they are known.
    pub(crate) fn ask(&mut self, context: &mut Context, own: Option<&[String]>) {
        if self.question.is_some() {
            return;
        }
        let me = context.config.id;
        let view = context.view_as_member().cloned();
        let order = view.map_or_else(Vec::new, |view| spread_over_networks(&view));
        for member in order.iter().filter(|member| **member != me) {
            context.send_to_member(member, &Frame::AskEntrance);
        }
        let is_alone = order.iter().all(|member| *member == me);
        // Nobody can check this node, so there is nothing to wait for.
        let own = own.or(is_alone.then_some(&[]));
        self.question = Some(Question {
            until: context.now + ANSWER_TIME,
            order,
            answers: BTreeMap::new(),
        });
        self.answer_waiting(context, own);
    }

    /// Takes a member's answer.
    pub(crate) fn take_entrance(
        &mut self,
        context: &mut Context,
        peer: NodeId,
        entrance: Entrance,
    ) {
        let listed = context.listed_addresses(&peer);
        let is_listed = |at: &String| {
            listed
                .as_ref()
                .is_some_and(|all| all.all().any(|own| own == at))
        };
        if let Some(question) = &mut self.question
            && question.order.contains(&peer)
        {
            let addresses = entrance.addresses.into_iter().filter(is_listed);
            question.answers.insert(peer, addresses.collect());
        }
        self.conclude_if_complete(context);
    }

    /// Ends the question if its time is over.
    pub(crate) fn expire(&mut self, context: &mut Context) {
        if self.deadline().is_some_and(|until| until <= context.now) {
            self.conclude(context);
        }
    }

    /// Takes the question of a member. It is answered as soon as this node's own check is over.
    pub(crate) fn take_ask(&mut self, context: &mut Context, peer: NodeId, own: Option<&[String]>) {
        if !self.waiting.contains(&peer) && self.waiting.len() < WAITING {
            self.waiting.push(peer);
        }
        self.answer_waiting(context, own);
    }

    /// Answers the members that wait, and this node's own question, if its own check is over.
    pub(crate) fn answer_waiting(&mut self, context: &mut Context, own: Option<&[String]>) {
        let Some(own) = own else {
            return self.conclude_if_complete(context);
        };
        for peer in core::mem::take(&mut self.waiting) {
            let addresses = own.iter().take(ENTRANCES).cloned().collect();
            context.send(&peer, &Frame::Entrance(Entrance { addresses }));
        }
        if let Some(question) = &mut self.question {
            question.answers.insert(context.config.id, own.to_vec());
        }
        self.conclude_if_complete(context);
    }

    fn conclude_if_complete(&mut self, context: &mut Context) {
        let is_complete = |question: &Question| {
            let mut order = question.order.iter();
            order.all(|member| question.answers.contains_key(member))
        };
        if self.question.as_ref().is_some_and(is_complete) {
            self.conclude(context);
        }
    }

    /// Names the first address of each member that has one, then the second ones.
    fn conclude(&mut self, context: &mut Context) {
        let Some(mut question) = self.question.take() else {
            return;
        };
        let mut entrances = Vec::new();
        for turn in 0..ENTRANCES {
            for member in &question.order {
                let addresses = question.answers.get_mut(member);
                if let Some(address) = addresses.and_then(|all| all.get_mut(turn)) {
                    entrances.push(MemberEntrance {
                        member: *member,
                        address: core::mem::take(address),
                    });
                }
            }
        }
        context.out.push_back(Output::Entrances(entrances));
    }
}

/// Returns the members to ask: the most senior of each network, then the next of each.
fn spread_over_networks(view: &View) -> Vec<NodeId> {
    let mut rank_at_home = BTreeMap::<NetworkId, usize>::new();
    let mut ranked: Vec<(usize, &Member)> = Vec::new();
    for member in view.by_seniority() {
        let rank = rank_at_home.entry(member.network).or_default();
        ranked.push((*rank, member));
        *rank += 1;
    }
    ranked.sort_by_key(|(rank, member)| (*rank, member.seniority));
    let members = ranked.into_iter().map(|(_, member)| member.id);
    members.take(ASKED).collect()
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::sync::Arc;
    use core::net::{IpAddr, Ipv4Addr};

    use ringtalk_wire::{Addresses, RingKey};

    use super::*;
    use crate::context::test_support::context;
    use crate::view::Change;
    use crate::view::test_support::{id, unsealed};

    fn address(number: u16) -> String {
        format!("10.0.0.{number}:4000")
    }

    /// Returns the context of the founder of a ring of so many members, two on each network.
    fn founder_of(members: u16) -> Context {
        let mut context = context();
        let me = context.config.id;
        let member = |number: u16| Member {
            id: if number == 0 { me } else { id(number) },
            name: number.to_string(),
            addresses: Addresses::at(address(number)),
            seniority: number.into(),
            key: RingKey(number.into()),
            network: NetworkId::of(IpAddr::V4(Ipv4Addr::new(10, number as u8 / 2, 0, 0)), 16),
        };
        let view = View::founding(member(0), 1, unsealed);
        let change = Change {
            opening: None,
            joined: (1..members).map(member).collect(),
            departed: Vec::new(),
            renamed: Vec::new(),
        };
        let (_, view) = view.next(change, unsealed).unwrap();
        context.view = Some(Arc::new(view));
        context.joining.complete();
        context
    }

    fn entrance(number: u16) -> Entrance {
        let addresses = Vec::from([address(number)]);
        Entrance { addresses }
    }

    /// Returns the entrances that were found, if the question is over.
    fn found(context: &mut Context) -> Option<Vec<String>> {
        let outputs = context.out.drain(..);
        let mut found = outputs.filter_map(|output| match output {
            Output::Entrances(found) => Some(found),
            _ => None,
        });
        let found = found.next()?.into_iter();
        Some(found.map(|one| one.address).collect())
    }

    #[test]
    fn one_member_of_each_network_comes_first() {
        let mut context = founder_of(4);
        let mut entrances = Entrances::default();
        entrances.ask(&mut context, Some(&[address(0)]));
        for number in [3, 2, 1] {
            assert_eq!(found(&mut context), None, "not all have answered");
            entrances.take_entrance(&mut context, id(number), entrance(number));
        }
        let order = [0, 2, 1, 3].map(address);
        assert_eq!(found(&mut context).unwrap(), order);
        assert_eq!(entrances.deadline(), None);
    }

    #[test]
    fn the_question_ends_in_time_and_only_listed_addresses_count() {
        let mut context = founder_of(4);
        let mut entrances = Entrances::default();
        entrances.ask(&mut context, None);
        entrances.take_entrance(&mut context, id(1), entrance(9));
        entrances.take_entrance(&mut context, id(2), entrance(2));
        entrances.take_entrance(&mut context, id(7), entrance(7));
        context.now = entrances.deadline().unwrap();
        entrances.expire(&mut context);
        assert_eq!(found(&mut context).unwrap(), [address(2)]);
    }

    #[test]
    fn nobody_waits_for_a_check_that_nobody_can_make() {
        let mut context = founder_of(1);
        let mut entrances = Entrances::default();
        entrances.ask(&mut context, None);
        assert_eq!(found(&mut context), Some(Vec::new()));
    }

    #[test]
    fn a_member_that_asks_is_answered_once_the_own_check_is_over() {
        let mut context = founder_of(2);
        let mut entrances = Entrances::default();
        entrances.take_ask(&mut context, id(1), None);
        assert_eq!(entrances.waiting, [id(1)]);
        entrances.answer_waiting(&mut context, Some(&[]));
        assert!(entrances.waiting.is_empty());
        for number in 0..2 * WAITING as u16 {
            entrances.take_ask(&mut context, id(number), None);
        }
        assert_eq!(entrances.waiting.len(), WAITING);
    }
}
