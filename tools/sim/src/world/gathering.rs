//! A large ring at once: all nodes are members from the beginning, by one view.
//!
//! Only joining is skipped. The links are dialled, and everything after that happens as if the members had joined
//! one after the other; a test compares both. Not here: how members really join (the nodes themselves).

use core::time::Duration;
use std::sync::Arc;

use ringtalk_wire::{Addresses, Join, NodeId};

use super::World;
use crate::network::{HostIndex, Site};
use crate::oracle::Check;

/// The first heartbeats of all nodes are spread over this time.
const HEARTBEAT: Duration = Duration::from_millis(400);

impl World {
    /// Starts `nodes` nodes that are one ring from the beginning.
    pub(crate) fn found_at_once(&mut self, nodes: u64) -> Check {
        let mut indexes = Vec::new();
        for number in 0..nodes {
            let address = self.free_address();
            // Distinct names: finding a free one among thousands takes too long.
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
        let newcomers: Vec<(NodeId, Join)> =
            others.iter().map(|&one| self.join_request(one)).collect();
        let founder = self.processes[first].host.lobby_mut();
        founder.found_discussion_with(self.now, &newcomers);
        let view = founder.view().cloned();
        self.drain(first)?;
        for (index, view) in others.iter().zip(view.iter().cycle()) {
            let node = self.processes[*index].host.lobby_mut();
            node.take_part(self.now, Arc::clone(view));
            self.drain(*index)?;
        }
        Ok(())
    }

    /// Returns what a newcomer would send to the coordinator.
    fn join_request(&self, index: HostIndex) -> (NodeId, Join) {
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
    /// Returns the views that the members follow.
    pub(crate) fn views(&self) -> Vec<Arc<ringtalk_proto::View>> {
        let members = self.members().into_iter();
        members.filter_map(|index| self.view_of(index)).collect()
    }

    /// Returns the shape of the ring, whatever its ids: for each member by seniority, its key, and the seniorities
    /// of its neighbours and of the nodes that it has links with.
    pub(crate) fn shape(&self) -> Vec<(u64, u128, [u64; 2], Vec<u64>)> {
        let seniority = |id: &NodeId| {
            let view = self.processes[0].host.lobby().view();
            view.and_then(|view| view.member(id))
                .map_or(u64::MAX, |one| one.seniority)
        };
        let shape = |index: HostIndex| {
            let node = self.processes[index].host.lobby();
            let view = node.view().expect("it is a member");
            let key = view.member(&node.id()).expect("it is a member").key.0;
            let neighbours = node
                .neighbours()
                .map(|(one, other)| [one, other].map(|id| seniority(&id)));
            let linked = self.linked_with(index).into_iter();
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
