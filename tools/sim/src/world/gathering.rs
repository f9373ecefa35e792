//! A large ring at once: everybody is a member from the beginning, by one view.
//!
//! Only the way in is cut short. The links are dialled, and everything after that happens, as where the
//! members came one after the other; a test compares both. Not here: how members really come, which is the
//! nodes' own affair.

use core::time::Duration;
use std::sync::Arc;

use ringtalk_wire::{Addresses, Join, NodeId};

use super::World;
use crate::network::{HostIndex, Site};
use crate::oracle::Check;

/// The first heartbeats of all come within this time, and not in one moment.
const HEARTBEAT: Duration = Duration::from_millis(400);

impl World {
    /// So many nodes start, and are one ring.
    pub(crate) fn found_at_once(&mut self, nodes: u64) -> Check {
        let mut indexes = Vec::new();
        for number in 0..nodes {
            let address = self.free_address();
            // Names of their own: to find one that is free among thousands takes its time.
            indexes.push(self.add_process(
                Addresses::at(address),
                Some(format!("n{number}")),
                Site::default(),
            ));
            self.now = self.now + HEARTBEAT / nodes as u32;
        }
        let Some((&first, others)) = indexes.split_first() else {
            return Ok(());
        };
        let newcomers: Vec<(NodeId, Join)> = others.iter().map(|&one| self.wish(one)).collect();
        let founder = &mut self.processes[first].node;
        founder.found_with(self.now, &newcomers);
        let view = founder.view().cloned();
        self.drain(first)?;
        for (index, view) in others.iter().zip(view.iter().cycle()) {
            let node = &mut self.processes[*index].node;
            node.take_part(self.now, Arc::clone(view));
            self.drain(*index)?;
        }
        Ok(())
    }

    /// What a newcomer would say to the coordinator.
    fn wish(&self, index: HostIndex) -> (NodeId, Join) {
        let process = &self.processes[index];
        let join = Join {
            name: format!("n{index}"),
            addresses: Addresses::at(process.address.clone()),
            network: super::network_of(&Addresses::at(process.address.clone())),
            tag: None,
        };
        (process.id(), join)
    }
}

#[cfg(test)]
impl World {
    /// The views that the members follow.
    pub(crate) fn views(&self) -> Vec<Arc<ringtalk_proto::View>> {
        let members = self.members().into_iter();
        members.filter_map(|index| self.view_of(index)).collect()
    }

    /// The ring as it is, whoever its members are: for each by seniority its key, its neighbours and those
    /// it has links with, as their seniorities.
    pub(crate) fn shape(&self) -> Vec<(u64, u128, [u64; 2], Vec<u64>)> {
        let seniority = |id: &NodeId| {
            let view = self.processes[0].node.view();
            view.and_then(|view| view.member(id))
                .map_or(u64::MAX, |one| one.seniority)
        };
        let shape = |index: HostIndex| {
            let node = &self.processes[index].node;
            let view = node.view().expect("it is a member");
            let key = view.member(&node.id()).expect("it is a member").key.0;
            let neighbours = node
                .neighbours()
                .map(|(one, other)| [one, other].map(|id| seniority(&id)));
            let linked = self.linked_to(index).into_iter();
            let mut linked: Vec<u64> = linked.map(|other| seniority(&self.id(other))).collect();
            linked.sort_unstable();
            (
                seniority(&node.id()),
                key,
                neighbours.unwrap_or_default(),
                linked,
            )
        };
        let mut shapes: Vec<_> = self.members().into_iter().map(shape).collect();
        shapes.sort_unstable();
        shapes
    }
}
