//! Silence: links that look alive, while nothing comes over them.
//!
//! A path may end without a word: a host vanishes, a network changes, the carrier of a circuit is gone. Neighbours
//! find that out by their heartbeats. Others notice it only if an answer is due. Not here: the silence of a member
//! (`detector`).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use ringtalk_wire::{Digest, Frame, FrameClass, NodeId};

use super::Links;
use super::peer::{CurrentLink, Peer};
use crate::config::REPLY_WAIT;
use crate::{Output, Time};

/// Returns true if a peer that lives usually answers such a frame at once, over the same link.
pub(super) const fn calls_for_answer(frame: &Frame) -> bool {
    matches!(
        frame,
        Frame::Ping(_)
            | Frame::PullView(_)
            | Frame::Spread(_)
            | Frame::Brief(_)
            | Frame::Digest(Digest { answer: true, .. })
            | Frame::Pull(_)
            | Frame::Fetch
            | Frame::WhoHas(_)
    )
}

/// What the peer of a link is to answer, while nothing has come over the link since.
#[derive(Clone, Copy, Debug)]
pub(super) struct DueAnswer {
    /// Its class: others may overtake it.
    class: FrameClass,
    /// How many bytes of its class wait to be written, up to its own end.
    unwritten: usize,
    /// When it was written, or the last of what was queued before it.
    at: Time,
    /// Whether the peer answers it in any case: it is a ping, after another question without an answer.
    is_last: bool,
}

impl CurrentLink {
    /// Notes that a frame was queued which the peer usually answers.
    pub(super) fn note_asked(&mut self, now: Time, class: FrameClass) {
        if self.question.is_none() {
            self.set_question(now, class, false);
        }
    }

    fn set_question(&mut self, now: Time, class: FrameClass, is_last: bool) {
        self.question = Some(DueAnswer {
            class,
            unwritten: self.queue.bytes(class),
            at: now,
            is_last,
        });
    }

    /// Notes that bytes have left the queue: a question that is still behind them cannot be answered yet.
    pub(super) fn note_progress(&mut self, now: Time, class: FrameClass, bytes: usize) {
        if let Some(question) = &mut self.question
            && question.unwritten > 0
            && question.class == class
        {
            question.unwritten = question.unwritten.saturating_sub(bytes);
            question.at = now;
        }
    }
}

impl Links {
    /// Pings the peers from which nothing has come since an answer was due, and closes the links over which nothing has
    /// come since such a ping. The next frame to the peer makes a new link.
    pub(crate) fn close_unanswered(&mut self, now: Time, out: &mut VecDeque<Output>) {
        let question = |peer: &Peer| peer.current.as_ref()?.question;
        let overdue = self.peers.iter().filter_map(|(id, peer)| {
            let question = question(peer)?;
            (question.at + REPLY_WAIT <= now).then_some((*id, question.is_last))
        });
        let overdue: Vec<(NodeId, bool)> = overdue.collect();
        for (peer, is_last) in overdue {
            if is_last {
                self.close_silent(&peer, "no answer comes over it", out);
                continue;
            }
            let ping = Frame::Ping(now.as_micros());
            self.send(now, &peer, &ping, out);
            if let Some(current) = self.current_mut(&peer) {
                current.set_question(now, ping.class(), true);
            }
        }
    }

    /// Gives all peers their time to answer anew, since it was this node that slept.
    pub(crate) fn restart_waits(&mut self, now: Time) {
        let peers = self.peers.values_mut();
        for question in peers.filter_map(|peer| peer.current.as_mut()?.question.as_mut()) {
            question.at = now;
        }
    }

    /// Closes a circuit to a suspect if nothing has come over it for `patience`: it may be the carrier that is
    /// gone, and then neither end would ever notice.
    pub(crate) fn drop_silent_circuit(
        &mut self,
        now: Time,
        suspect: &NodeId,
        patience: Duration,
        out: &mut VecDeque<Output>,
    ) {
        let is_silent =
            |current: &CurrentLink| current.carried && current.last_received + patience <= now;
        if self.current(suspect).is_some_and(is_silent) {
            self.close_silent(suspect, "nothing comes over a circuit", out);
        }
    }

    /// Closes the link to a peer that has made another one, if nothing has come over the old one for `patience`: its
    /// far end has moved, and knows nothing of the old link any more.
    pub(crate) fn close_stale(
        &mut self,
        now: Time,
        peer: &NodeId,
        patience: Duration,
        out: &mut VecDeque<Output>,
    ) {
        let current = self.current(peer);
        if current.is_some_and(|current| current.last_received + patience <= now) {
            self.close(
                peer,
                "nothing comes over it, and there is another link",
                out,
            );
            self.closed_here.push(*peer);
        }
    }

    fn close_silent(&mut self, peer: &NodeId, reason: &'static str, out: &mut VecDeque<Output>) {
        self.close(peer, reason, out);
        self.closed_here.push(*peer);
        // It may be the carrier that is gone.
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.carrier = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ringtalk_wire::encode;

    use super::*;
    use crate::LinkId;
    use crate::machines::links::LinkUp;

    const LINK: LinkId = LinkId::lobby(1);

    fn peer() -> NodeId {
        NodeId::from_bytes([1; 16])
    }

    fn at(ms: u64) -> Time {
        Time::from_micros(ms * 1_000)
    }

    fn linked() -> Links {
        let mut links = Links::new(NodeId::from_bytes([0; 16]));
        let up = LinkUp {
            link: LINK,
            peer: peer(),
            dialled: true,
            host: None,
        };
        links.up(at(0), up, &mut VecDeque::new());
        links
    }

    /// Sends a frame, and returns its length.
    fn send(links: &mut Links, now: Time, frame: &Frame) -> usize {
        let mut out = VecDeque::new();
        assert!(links.send(now, &peer(), frame, &mut out));
        let bytes: Bytes = encode(frame);
        bytes.len()
    }

    /// Lets the links notice silence, and writes the ping that they may send.
    fn is_closed(links: &mut Links, now: Time) -> bool {
        let mut out = VecDeque::new();
        links.close_unanswered(now, &mut out);
        for output in out {
            if let Output::Send { link, class, bytes } = output {
                links.written(now, link, (class, bytes.len()));
            }
        }
        !links.is_up(&peer())
    }

    #[test]
    fn a_link_is_closed_if_nothing_comes_after_a_question_and_a_ping() {
        let mut links = linked();
        let asked = send(&mut links, at(1), &Frame::Fetch);
        links.written(at(2), LINK, (FrameClass::Ordered, asked));
        // A later question does not put off the end of the first.
        let again = send(&mut links, at(4_000), &Frame::Fetch);
        links.written(at(4_001), LINK, (FrameClass::Ordered, again));
        assert!(!is_closed(&mut links, at(5_001)));
        assert!(!is_closed(&mut links, at(5_002)), "a ping is sent");
        assert!(!is_closed(&mut links, at(10_001)));
        assert!(is_closed(&mut links, at(10_002)));
        assert_eq!(links.take_closed_here(), [peer()]);
    }

    #[test]
    fn whatever_comes_is_an_answer_and_what_needs_none_is_no_question() {
        let mut links = linked();
        send(&mut links, at(1), &Frame::Fetch);
        assert!(!is_closed(&mut links, at(5_001)), "a ping is sent");
        links.note_received(at(9_000), &peer(), LINK);
        send(&mut links, at(9_001), &Frame::Pong(1));
        assert!(!is_closed(&mut links, at(60_000)));
        assert!(!is_closed(&mut links, at(120_000)));
    }

    #[test]
    fn another_link_of_the_peer_is_no_answer() {
        let mut links = linked();
        send(&mut links, at(1), &Frame::Fetch);
        assert!(!is_closed(&mut links, at(5_001)), "a ping is sent");
        links.note_received(at(9_000), &peer(), LinkId::lobby(2));
        assert!(is_closed(&mut links, at(10_001)));
    }

    #[test]
    fn a_question_in_a_long_queue_is_no_question_yet() {
        let mut links = linked();
        let before = send(&mut links, at(0), &Frame::Pong(1));
        let asked = send(&mut links, at(0), &Frame::Fetch);
        links.written(at(4_000), LINK, (FrameClass::Ordered, before));
        assert!(!is_closed(&mut links, at(8_999)));
        links.written(at(8_999), LINK, (FrameClass::Ordered, asked));
        assert!(!is_closed(&mut links, at(13_998)));
        assert!(!is_closed(&mut links, at(13_999)), "a ping is sent");
        assert!(!is_closed(&mut links, at(18_998)));
        assert!(is_closed(&mut links, at(18_999)));
    }

    #[test]
    fn a_node_that_slept_waits_anew() {
        let mut links = linked();
        send(&mut links, at(0), &Frame::Fetch);
        links.restart_waits(at(3_600_000));
        assert!(!is_closed(&mut links, at(3_604_999)));
        assert!(!is_closed(&mut links, at(3_605_000)), "a ping is sent");
        assert!(is_closed(&mut links, at(3_610_000)));
    }
}
