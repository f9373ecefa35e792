//! Doors: members that help newcomers who do not reach the coordinator.
//!
//! A coordinator registers some at its directors, which name them to newcomers. Not here: what a door does for a
//! newcomer (`helping`).

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use ringtalk_wire::{Addresses, Contact, Member, NodeId};

use crate::config::FAR_PATIENCE;
use crate::context::Context;
use crate::{Time, View};

/// How many doors are registered at a director.
const DOORS: usize = 4;
/// How many announced newcomers are remembered. The others ask again.
const EXPECTED: usize = 16;

/// The nodes that newcomers should contact. A coordinator registers them at its directors; each member answers with
/// them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registration {
    /// The coordinator itself.
    pub coordinator: Contact,
    /// Members to which a newcomer can turn if it does not reach the coordinator; at most four.
    pub doors: Arc<[Contact]>,
}

/// The doors that this node knows, as a coordinator and as a newcomer.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    /// The answer of this node to newcomers, under its present view.
    own: Option<Arc<Registration>>,
    /// The doors that a director has named.
    named: Vec<Contact>,
    /// Newcomers that a director has announced.
    expected: BTreeMap<NodeId, ExpectedNewcomer>,
}

/// A newcomer that a director has announced.
#[derive(Debug)]
struct ExpectedNewcomer {
    /// The newcomer's addresses, as the director gives them.
    addresses: Addresses,
    /// The host of the director.
    director: Option<IpAddr>,
    /// When to dial the newcomer.
    at: Time,
}

impl Doors {
    /// Takes the doors that a director names.
    pub(crate) fn set(&mut self, mut doors: Vec<Contact>) {
        doors.truncate(DOORS);
        self.named = doors;
    }

    /// Returns when to dial an announced newcomer.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.expected.values().map(|one| one.at).min()
    }

    /// Returns the doors that a director has named.
    pub(crate) fn named(&self) -> &[Contact] {
        &self.named
    }

    /// Chooses the doors anew from this node's own view: first members on several networks, then those on another
    /// network than the coordinator, then the most senior.
    pub(crate) fn choose(&mut self, context: &Context, view: &View) {
        let home = view.member(&view.coordinator()).map(|one| one.network);
        let others = view.members().filter(|one| one.id != view.coordinator());
        let mut others: Vec<&Member> = others.collect();
        others.sort_by_key(|one| {
            let at_home = Some(one.network) == home;
            (!one.addresses.are_manifold(), at_home, one.seniority)
        });
        let epoch = view.tag().epoch;
        let contact = |one: &Member| Contact {
            id: one.id,
            addresses: one.addresses.clone(),
            epoch,
        };
        self.own = Some(Arc::new(Registration {
            coordinator: Contact {
                id: context.config.id,
                addresses: context.config.addresses.clone(),
                epoch,
            },
            doors: others.into_iter().take(DOORS).map(contact).collect(),
        }));
    }

    /// Remembers a newcomer that is on its way to this coordinator and may not get through.
    pub(crate) fn expect_newcomer(
        &mut self,
        context: &Context,
        newcomer: NodeId,
        addresses: Addresses,
        director: Option<IpAddr>,
    ) {
        if newcomer != context.config.id && self.expected.len() < EXPECTED {
            let one = ExpectedNewcomer {
                addresses,
                director,
                at: context.now + FAR_PATIENCE,
            };
            self.expected.insert(newcomer, one);
        }
    }

    /// Dials the newcomers that have not arrived.
    pub(crate) fn expire(&mut self, context: &mut Context) {
        let now = context.now;
        let due = self.expected.iter().filter(|(_, one)| one.at <= now);
        let due: Vec<NodeId> = due.map(|(&id, _)| id).collect();
        for newcomer in due {
            let expected = self.expected.remove(&newcomer);
            let Some(expected) = expected.filter(|_| context.is_coordinator()) else {
                continue;
            };
            let (addresses, trust) =
                context.dial_target(&newcomer, expected.addresses, expected.director);
            let me = context.config.id;
            context.dial_on_behalf(me, (newcomer, &addresses, trust));
        }
    }

    /// Names the coordinator that this node follows, and this node as the only door: a newcomer that asks it has
    /// reached it.
    pub(crate) fn follow(&mut self, context: &Context) {
        let Some(coordinator) = context.coordinator_contact() else {
            return;
        };
        let me = Contact {
            id: context.config.id,
            addresses: context.config.addresses.clone(),
            epoch: coordinator.epoch,
        };
        let doors = [me].into();
        self.own = Some(Arc::new(Registration { coordinator, doors }));
    }

    /// Returns where newcomers should turn, while this node follows a coordinator and has no reason to doubt it.
    pub(crate) fn directions(&self, context: &Context) -> Option<&Arc<Registration>> {
        let is_steady =
            context.self_doubt.is_none() && !context.is_leaving() && !context.joining.is_outside();
        let own = self.own.as_ref();
        own.filter(|own| is_steady && !context.detector.suspects(&own.coordinator.id))
    }

    /// Returns what to register at the directors while this node is the coordinator.
    pub(crate) fn registration(&self, context: &Context) -> Option<&Arc<Registration>> {
        let directions = self.directions(context);
        directions.filter(|_| context.is_coordinator())
    }
}
