//! Links: one per peer, made when one is needed, closed when nobody needs it.
//!
//! `PROTOCOL.md` §3. Not here: sockets, and the reasons why a peer is needed.

mod closing;
mod contribution;
pub(crate) mod detour;
mod dialling;
mod peer;
mod queue;
mod silence;

use alloc::collections::BTreeMap;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use bytes::Bytes;
use ringtalk_wire::{Addresses, Close, Frame, FrameClass, NodeId, encode};

use crate::config::{
    ARRIVAL_WAIT, DEATH_PROOF, LINK_QUEUE_BYTES, LINK_QUEUE_LIMIT, RECEIPT_WAIT,
    STRANGER_QUEUE_BYTES,
};
use crate::{LinkId, Output, Time};

use detour::Dial;
pub(crate) use dialling::DialledBy;
use peer::{CurrentLink, Peer};
use queue::Queue;
use silence::calls_for_answer;

/// How many frames to one peer wait for its link to come up.
const MAX_PENDING_FRAMES: usize = 64;
/// How long a link that was replaced may drain.
const DRAIN: Duration = Duration::from_secs(5);

/// All links, by the peer at their far end.
#[derive(Debug)]
pub(crate) struct Links {
    me: NodeId,
    peers: BTreeMap<NodeId, Peer>,
    /// The peers that are being dialled.
    dials: BTreeMap<NodeId, Dial>,
    owners: BTreeMap<LinkId, NodeId>,
    draining: BTreeMap<LinkId, Time>,
    /// Peers whose link was closed by this node, for whatever reason, not yet taken with [`Links::take_closed_here`].
    closed_here: Vec<NodeId>,
}

/// A link that has come up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkUp {
    /// Its id.
    pub(crate) link: LinkId,
    /// The peer at the far end.
    pub(crate) peer: NodeId,
    /// Whether this node dialled.
    pub(crate) dialled: bool,
    /// The host of the far end; `None` if the link is a circuit.
    pub(crate) host: Option<IpAddr>,
}

/// A link that is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LostLink {
    /// The peer at the far end.
    pub(crate) peer: NodeId,
    /// Whether it was the link in use.
    pub(crate) last: bool,
}

impl Links {
    /// Creates an empty set of links.
    pub(crate) const fn new(me: NodeId) -> Self {
        Self {
            me,
            peers: BTreeMap::new(),
            dials: BTreeMap::new(),
            owners: BTreeMap::new(),
            draining: BTreeMap::new(),
            closed_here: Vec::new(),
        }
    }

    /// Takes a link that has come up. Returns true if the peer had none.
    pub(crate) fn up(
        &mut self,
        now: Time,
        LinkUp {
            link,
            peer,
            dialled,
            host,
        }: LinkUp,
        out: &mut VecDeque<Output>,
    ) -> bool {
        debug_assert!(!self.owners.contains_key(&link), "no link has two peers");
        let me = self.me;
        let entry = self.peers.entry(peer).or_default();
        self.dials.remove(&peer);
        self.owners.insert(link, peer);
        let carried = host.is_none();
        let keeps_direct = carried && entry.current.as_ref().is_some_and(|old| !old.carried);
        if !keeps_direct {
            entry.host = host;
        }
        if !carried {
            entry.carrier = None;
            entry.answered_at = host.filter(|_| dialled).or(entry.answered_at);
        }
        let new = CurrentLink {
            link,
            dialled,
            carried,
            queue: Queue::default(),
            bound: STRANGER_QUEUE_BYTES,
            full: false,
            up_since: now,
            last_used: now,
            last_received: now,
            slow_at: None,
            crawling_at: None,
            question: None,
        };
        let Some(old) = &entry.current else {
            entry.current = Some(new);
            return true;
        };
        // A direct link is better than a circuit, whichever end dialled.
        let new_stays = if old.carried == carried {
            old.dialled == dialled || (me < peer) == dialled
        } else {
            old.carried
        };
        let loser = if new_stays { old.link } else { link };
        if new_stays {
            entry.current = Some(new);
        }
        self.draining.insert(loser, now + DRAIN);
        let close = Frame::Close(Close {
            reason: "another link between the two of us is in use".into(),
        });
        out.push_back(Output::Send {
            link: loser,
            class: close.class(),
            bytes: encode(&close),
        });
        false
    }

    /// Sends the frames that waited for a link.
    pub(crate) fn send_pending_frames(
        &mut self,
        now: Time,
        peer: &NodeId,
        out: &mut VecDeque<Output>,
    ) {
        let entry = self.peers.get_mut(peer);
        let frames = entry.map(|entry| core::mem::take(&mut entry.pending_frames));
        for frame in frames.unwrap_or_default() {
            let class = frame.0;
            self.push(now, (peer, None), frame, out);
            // Nobody knows any more whether it is a question, but the link was made for it.
            if let Some(current) = self.current_mut(peer) {
                current.note_asked(now, class);
            }
        }
    }

    /// Raises the bound of a peer's queue, since the peer is a member.
    pub(crate) fn raise_bound(&mut self, peer: &NodeId) {
        if let Some(peer) = self.peers.get_mut(peer)
            && let Some(current) = &mut peer.current
        {
            current.bound = LINK_QUEUE_LIMIT;
        }
    }

    /// Lowers the bound of a peer's queue to a stranger's.
    pub(crate) fn lower_bound(&mut self, peer: &NodeId) {
        if let Some(current) = self.current_mut(peer) {
            current.bound = STRANGER_QUEUE_BYTES;
        }
    }

    /// Returns the peer at the far end of a link.
    pub(crate) fn peer_of(&self, link: LinkId) -> Option<NodeId> {
        self.owners.get(&link).copied()
    }

    /// Returns true if the peer can be sent to.
    pub(crate) fn is_up(&self, peer: &NodeId) -> bool {
        self.current(peer).is_some()
    }

    /// Returns the link on which a peer is sent to.
    pub(crate) fn link_to(&self, peer: &NodeId) -> Option<LinkId> {
        self.current(peer).map(|current| current.link)
    }

    /// Returns the peers that can be sent to.
    pub(crate) fn linked_peers(&self) -> Vec<NodeId> {
        let linked = self.peers.iter().filter(|(_, peer)| peer.current.is_some());
        linked.map(|(id, _)| *id).collect()
    }

    /// Returns true if nothing waits on the link to this peer.
    pub(crate) fn is_idle(&self, peer: &NodeId) -> bool {
        self.current(peer)
            .is_some_and(|current| current.queue.is_empty())
    }

    /// Returns true if the link to this peer carries only what keeps the ring together.
    pub(crate) fn is_full(&self, peer: &NodeId) -> bool {
        self.current(peer).is_some_and(|current| current.full)
    }

    /// Returns how many bytes that take this share wait on the link to a peer.
    pub(crate) fn backlog(&self, peer: &NodeId, share: &NodeId) -> usize {
        let current = self.current(peer);
        current.map_or(0, |current| current.queue.share(share))
    }

    /// Returns true if a link to this peer was lost a moment ago.
    pub(crate) fn was_up_lately(&self, now: Time, peer: &NodeId) -> bool {
        let lost = self.peers.get(peer).and_then(|peer| peer.lost_at);
        lost.is_some_and(|lost| now - lost < DEATH_PROOF)
    }

    /// Notes that something arrived from this peer over a link, which may be one that drains.
    pub(crate) fn note_received(&mut self, now: Time, peer: &NodeId, link: LinkId) {
        if let Some(current) = self.current_mut(peer) {
            current.last_used = now;
            if current.link == link {
                current.last_received = now;
                current.question = None;
            }
        }
    }

    /// Returns true if something came from this peer a moment ago.
    pub(crate) fn has_received_lately(&self, now: Time, peer: &NodeId) -> bool {
        let current = self.current(peer);
        current.is_some_and(|current| now - current.last_received < RECEIPT_WAIT)
    }

    /// Notes that a frame from a peer takes long.
    pub(crate) fn note_slow_frame(&mut self, now: Time, peer: &NodeId) {
        if let Some(current) = self.current_mut(peer) {
            current.slow_at = Some(now);
        }
    }

    /// Notes that a frame of this peer takes so long that its sender has most likely given up waiting for it.
    pub(crate) fn note_crawling_frame(&mut self, now: Time, peer: &NodeId) {
        if let Some(current) = self.current_mut(peer) {
            current.crawling_at = Some(now);
        }
    }

    /// Returns true if a frame of this peer took that long a moment ago.
    pub(crate) fn is_crawling(&self, now: Time, peer: &NodeId) -> bool {
        let crawling_at = self.current(peer).and_then(|current| current.crawling_at);
        crawling_at.is_some_and(|at| now - at < ARRIVAL_WAIT)
    }

    /// Returns true if a frame of this peer took long a moment ago.
    pub(crate) fn is_slow(&self, now: Time, peer: &NodeId) -> bool {
        let slow_at = self.current(peer).and_then(|current| current.slow_at);
        slow_at.is_some_and(|at| now - at < ARRIVAL_WAIT)
    }

    /// Notes that bytes have left a link's queue. Returns the link's peer.
    pub(crate) fn written(
        &mut self,
        now: Time,
        link: LinkId,
        (class, bytes): (FrameClass, usize),
    ) -> Option<NodeId> {
        let peer = self.owners.get(&link).copied()?;
        let current = self.peers.get_mut(&peer)?.current.as_mut()?;
        if current.link == link {
            current.note_progress(now, class, bytes);
            current.queue.written(class, bytes);
            current.full &= current.queue.weight() > LINK_QUEUE_BYTES / 2;
        }
        Some(peer)
    }

    /// Sends a frame over this very link, which may be one that drains.
    pub(crate) fn send_over(
        &mut self,
        now: Time,
        link: LinkId,
        frame: &Frame,
        out: &mut VecDeque<Output>,
    ) {
        let Some(peer) = self.peer_of(link) else {
            return;
        };
        let (class, bytes) = (frame.class(), encode(frame));
        if self.link_to(&peer) == Some(link) {
            self.push(now, (&peer, None), (class, bytes), out);
        } else {
            out.push_back(Output::Send { link, class, bytes });
        }
    }

    /// Sends a frame. Returns false if there is no link.
    pub(crate) fn send(
        &mut self,
        now: Time,
        peer: &NodeId,
        frame: &Frame,
        out: &mut VecDeque<Output>,
    ) -> bool {
        self.send_for(now, (peer, None), frame, out)
    }

    /// Does the same for a frame that takes a share of the link.
    pub(crate) fn send_for(
        &mut self,
        now: Time,
        (peer, share): (&NodeId, Option<NodeId>),
        frame: &Frame,
        out: &mut VecDeque<Output>,
    ) -> bool {
        let class = frame.class();
        if !self.is_up(peer) || !self.push(now, (peer, share), (class, encode(frame)), out) {
            return false;
        }
        if calls_for_answer(frame)
            && let Some(current) = self.current_mut(peer)
        {
            current.note_asked(now, class);
        }
        true
    }

    /// Sends a frame as soon as there is a link, and dials if there is none.
    pub(crate) fn send_or_dial(
        &mut self,
        now: Time,
        (peer, addresses): (NodeId, &Addresses),
        patience: Duration,
        frame: &Frame,
        out: &mut VecDeque<Output>,
    ) {
        if self.send(now, &peer, frame, out) {
            return;
        }
        self.keep_pending_frame(peer, frame);
        self.dial(now, (peer, addresses), patience, out);
    }

    /// Keeps a frame until there is a link.
    fn keep_pending_frame(&mut self, peer: NodeId, frame: &Frame) {
        let frames = &mut self.peers.entry(peer).or_default().pending_frames;
        if frames.len() < MAX_PENDING_FRAMES {
            frames.push((frame.class(), encode(frame)));
        }
        debug_assert!(frames.len() <= MAX_PENDING_FRAMES);
    }

    /// Returns when a peer may be dialled next.
    pub(crate) fn next_dial_at(&self, peer: &NodeId) -> Time {
        let entry = self.peers.get(peer);
        entry.map_or(Time::default(), |entry| entry.dial_again)
    }

    /// Lets the next dial to a peer happen at once, however soon it comes after the last.
    pub(crate) fn dial_soon(&mut self, peer: &NodeId) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.dial_again = Time::default();
        }
    }

    /// Ends a dial that came to nothing; the frames that waited for it are dropped.
    pub(crate) fn dial_failed(&mut self, now: Time, peer: &NodeId) {
        if let Some(entry) = self.peers.get_mut(peer) {
            self.dials.remove(peer);
            entry.carrier = None;
            entry.put_off(now);
            entry.pending_frames.clear();
        }
    }

    /// Queues bytes on the link in use. A link over its last bound is closed.
    fn push(
        &mut self,
        now: Time,
        (peer, share): (&NodeId, Option<NodeId>),
        (class, bytes): (FrameClass, Bytes),
        out: &mut VecDeque<Output>,
    ) -> bool {
        let Some(current) = self.current_mut(peer) else {
            return false;
        };
        current.queue.push(class, bytes.len(), share);
        current.last_used = now;
        current.full |= current.queue.weight() > LINK_QUEUE_BYTES;
        if current.queue.weight() > current.bound {
            let link = current.link;
            let reason = "its queue is over the bound";
            out.push_back(Output::Close { link, reason });
            self.down(now, link);
            self.closed_here.push(*peer);
            return false;
        }
        let link = current.link;
        out.push_back(Output::Send { link, class, bytes });
        true
    }

    fn current(&self, peer: &NodeId) -> Option<&CurrentLink> {
        self.peers.get(peer)?.current.as_ref()
    }

    fn current_mut(&mut self, peer: &NodeId) -> Option<&mut CurrentLink> {
        self.peers.get_mut(peer)?.current.as_mut()
    }
}
