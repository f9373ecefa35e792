//! The end of links: those that are lost, that the far end closes, and that nobody needs any more.
//!
//! Not here: links whose far end falls silent (`silence`), which links the ring needs (`concerns::ring`).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use ringtalk_wire::{Close, Frame, NodeId, encode};

use super::{Links, LostLink};
use crate::config::{DEATH_PROOF, LINK_REST, STRANGER_WAIT, STRANGERS};
use crate::{LinkId, Output, Time};

impl Links {
    /// Forgets a link that is gone.
    pub(crate) fn down(&mut self, now: Time, link: LinkId) -> Option<LostLink> {
        let peer = self.owners.remove(&link)?;
        self.draining.remove(&link);
        let entry = self.peers.get_mut(&peer)?;
        let current = entry.current.take_if(|current| current.link == link);
        let last = current.is_some();
        if let Some(current) = current {
            entry.note_lost(now, current.up_since);
        }
        Some(LostLink { peer, last })
    }

    /// Closes a link on which the far end sends no more.
    pub(crate) fn closed_by_peer(
        &mut self,
        now: Time,
        link: LinkId,
        out: &mut VecDeque<Output>,
    ) -> Option<LostLink> {
        let lost = self.down(now, link)?;
        out.push_back(Output::Close {
            link,
            reason: "closed by the peer",
        });
        Some(lost)
    }

    /// Takes the peers whose links this node closed because of a bound, for want of use, or of an answer.
    pub(crate) fn take_closed_here(&mut self) -> Vec<NodeId> {
        core::mem::take(&mut self.closed_here)
    }

    /// Closes the link to a peer, saying why.
    pub(crate) fn close(
        &mut self,
        peer: &NodeId,
        reason: &'static str,
        out: &mut VecDeque<Output>,
    ) {
        let Some(current) = self
            .peers
            .get_mut(peer)
            .and_then(|peer| peer.current.take())
        else {
            return;
        };
        let owner = self.owners.remove(&current.link);
        debug_assert_eq!(owner, Some(*peer), "whose link is in use owns it");
        let close = Frame::Close(Close {
            reason: reason.into(),
        });
        let link = current.link;
        let (class, bytes) = (close.class(), encode(&close));
        out.push_back(Output::Send { link, class, bytes });
        out.push_back(Output::Close { link, reason });
    }

    /// Closes what nobody needs any more: idle links, those of strangers that stay too long, and replaced links that
    /// should have drained.
    pub(crate) fn close_unneeded(
        &mut self,
        now: Time,
        is_needed: impl Fn(&NodeId) -> bool,
        is_member: impl Fn(&NodeId) -> bool,
        out: &mut VecDeque<Output>,
    ) {
        self.draining.retain(|&link, &mut until| {
            if until <= now {
                self.owners.remove(&link);
                let reason = "another link is in use";
                out.push_back(Output::Close { link, reason });
            }
            until > now
        });
        debug_assert!(
            self.draining
                .keys()
                .all(|link| self.owners.contains_key(link)),
            "what a link that drains brings is somebody's"
        );
        let mut strangers = 0;
        let mut doomed = Vec::new();
        for (&id, peer) in self.peers.iter().filter(|(id, _)| !is_needed(id)) {
            let Some(current) = &peer.current else {
                continue;
            };
            if is_member(&id) {
                if now - current.last_used >= LINK_REST {
                    doomed.push((id, "nobody needs the link"));
                }
                continue;
            }
            strangers += 1;
            if strangers > STRANGERS || now - current.up_since >= STRANGER_WAIT {
                doomed.push((id, "no member of this discussion"));
            }
        }
        for (peer, reason) in doomed {
            self.close(&peer, reason, out);
            self.closed_here.push(peer);
        }
        self.peers.retain(|id, peer| {
            peer.current.is_some()
                || self.dials.contains_key(id)
                || peer.dial_again > now
                || !peer.pending_frames.is_empty()
                || peer.lost_at.is_some_and(|lost| now - lost < DEATH_PROOF)
        });
    }
}
