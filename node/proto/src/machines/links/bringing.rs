//! How many messages each peer has brought, for observers of the ring.
//!
//! Not here: the observers (`concerns::observation`).

use ringtalk_wire::NodeId;

use super::Links;

impl Links {
    /// Adds new messages that this peer has brought.
    pub(crate) fn brought(&mut self, peer: &NodeId, messages: usize) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.brought = peer.brought.saturating_add(messages as u64);
        }
    }

    /// Returns how many messages a peer has brought since it is known here.
    pub(crate) fn brought_by(&self, peer: &NodeId) -> u64 {
        self.peers.get(peer).map_or(0, |peer| peer.brought)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;

    use super::*;
    use crate::machines::links::LinkUp;
    use crate::{LinkId, Time};

    #[test]
    fn what_a_peer_brings_is_counted_while_it_is_known() {
        let [me, peer, stranger] = [1, 2, 3].map(|byte| NodeId::from_bytes([byte; 16]));
        let mut links = Links::new(me);
        let up = LinkUp {
            link: LinkId(1),
            peer,
            dialled: true,
            host: None,
        };
        links.up(Time::default(), up, &mut VecDeque::new());
        links.brought(&peer, 3);
        links.brought(&peer, 4);
        links.brought(&stranger, 5);
        let counts = [peer, stranger].map(|id| links.brought_by(&id));
        assert_eq!(counts, [7, 0]);
    }
}
