//! How many new messages each peer has sent, for observers of the ring.
//!
//! Not here: the observers (`concerns::observation`).

use ringtalk_wire::NodeId;

use super::Links;

impl Links {
    /// Adds new messages that this peer has sent.
    pub(crate) fn add_contribution(&mut self, peer: &NodeId, messages: usize) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.contribution = peer.contribution.saturating_add(messages as u64);
        }
    }

    /// Returns how many new messages a peer has sent since it is known here.
    pub(crate) fn contribution_of(&self, peer: &NodeId) -> u64 {
        self.peers.get(peer).map_or(0, |peer| peer.contribution)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;

    use super::*;
    use crate::machines::links::LinkUp;
    use crate::{LinkId, Time};

    #[test]
    fn a_contribution_is_counted_while_the_peer_is_known() {
        let [me, peer, stranger] = [1, 2, 3].map(|byte| NodeId::from_bytes([byte; 16]));
        let mut links = Links::new(me);
        let up = LinkUp {
            link: LinkId::lobby(1),
            peer,
            dialled: true,
            host: None,
        };
        links.up(Time::default(), up, &mut VecDeque::new());
        links.add_contribution(&peer, 3);
        links.add_contribution(&peer, 4);
        links.add_contribution(&stranger, 5);
        let counts = [peer, stranger].map(|id| links.contribution_of(&id));
        assert_eq!(counts, [7, 0]);
    }
}
