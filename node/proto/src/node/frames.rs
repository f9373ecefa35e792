//! Frames that arrive over a link, and the concern that takes each.
//!
//! Not here: what the concerns do with them (`concerns`).

use core::time::Duration;

use ringtalk_wire::{Announcement, Frame, NodeId};

use super::Node;
use crate::LinkId;
use crate::concerns::reaching::Reaching;
use crate::concerns::suspicion::take_probe;
use crate::concerns::unlisted::Unlisted;
use crate::config::{CRAWLING_FRAME, RingKind, SLOW_FRAME, SLOW_LINE};
use crate::planted::PlantedBug;

impl Node {
    /// Takes a part of a frame as a sign of life of its sender, and as a sign of a slow line if the frame takes long.
    pub(super) fn frame_part(&mut self, link: LinkId, taking: Duration) {
        let Some(peer) = self.context.links.peer_of(link) else {
            return;
        };
        let now = self.context.now;
        self.context.links.note_received(now, &peer, link);
        self.note_alive(&peer);
        if taking >= CRAWLING_FRAME {
            self.context.links.note_crawling_frame(now, &peer);
        }
        if taking >= SLOW_FRAME || self.context.links.is_slow(now, &peer) {
            self.note_slow_line(&peer);
        }
    }

    /// Notes that what a member sends takes long.
    pub(super) fn note_slow_line(&mut self, peer: &NodeId) {
        let now = self.context.now;
        // A stranger could make this node wait for others as long as it likes.
        if self.context.view.is_none() || self.context.is_member(peer) {
            self.context.links.note_slow_frame(now, peer);
            if self.context.links.is_crawling(now, peer) {
                self.history.repair.note_slow_part(now);
            }
            // The line may be slow at this end: then it delays what everybody sends.
            self.context.detector.add_strain(SLOW_LINE);
        }
    }

    pub(super) fn frame(&mut self, link: LinkId, frame: Frame) {
        let Some(peer) = self.context.links.peer_of(link) else {
            return;
        };
        let now = self.context.now;
        self.context.links.note_received(now, &peer, link);
        self.note_alive(&peer);
        if Unlisted::must_wait(&self.context, &peer, &frame) {
            return self.unlisted.hold(self.context.now, peer, frame);
        }
        if !self.may_send(&peer, &frame) {
            // A node that takes this one for a member of its ring waits for the answer as long as the link is up, and a room
            // keeps it up. The heartbeat shows the other ring.
            let asks = matches!(frame, Frame::Stand(_) | Frame::Suspect(_));
            if asks && self.context.room_peers.contains(&peer) {
                self.send_heartbeat(&peer);
            }
            return tracing::debug!(?peer, "refused a frame from a node that is not a member");
        }
        if let Frame::Close(_) = frame {
            return self.link_closed(link);
        }
        self.take(peer, frame);
    }

    /// Returns true if a peer may send such a frame (`PROTOCOL.md` §5.5).
    fn may_send(&self, peer: &NodeId, frame: &Frame) -> bool {
        let now = self.context.now;
        if self.context.config.kind == RingKind::Room && is_of_lobby(frame) {
            return false;
        }
        let Some(view) = &self.context.view else {
            // No peer is a member yet. But pulled bundles count only if this node asked for them.
            let is_given = matches!(frame, Frame::Pulled(_) | Frame::PullEnd(_));
            return !is_given || self.history.repair.was_asked_lately(now, peer);
        };
        match frame {
            Frame::Close(_)
            | Frame::Ping(_)
            | Frame::Pong(_)
            | Frame::Heartbeat(_)
            | Frame::Join(_)
            | Frame::Leave(_)
            | Frame::Later(_)
            | Frame::PullView(_)
            | Frame::View(_)
            | Frame::Update(_)
            | Frame::Fetch
            | Frame::Meet(_)
            | Frame::Invite(_)
            | Frame::Pledge(_)
            | Frame::Accept(_)
            | Frame::Observe
            | Frame::Reach(_)
            | Frame::Call(_)
            | Frame::Circuit(_)
            | Frame::Checked(_)
            | Frame::Report(_) => true,
            // They reveal nothing, and may be in flight while a view removes their sender.
            Frame::Receipt(_) | Frame::Ack(_) => self.context.is_named(peer),
            // The peer was a member when it was asked.
            Frame::Pulled(_) | Frame::PullEnd(_) => {
                view.contains(peer) || self.history.repair.was_asked_lately(now, peer)
            }
            Frame::Spread(_) if self.context.planted.has(PlantedBug::HearStrangers) => true,
            _ => view.contains(peer),
        }
    }

    /// Passes a frame to the concern that takes it.
    fn take(&mut self, peer: NodeId, frame: Frame) {
        let context = &mut self.context;
        match frame {
            // The host takes those of channels.
            Frame::Close(_)
            | Frame::Report(_)
            | Frame::Enter(_)
            | Frame::Exit
            | Frame::Absent(_) => {}
            Frame::Ping(number) => drop(context.send(&peer, &Frame::Pong(number))),
            Frame::Pong(number) => self.take_pong(peer, number),
            Frame::Heartbeat(heartbeat) => self.take_heartbeat(peer, &heartbeat),

            Frame::Join(join) => self.take_join(peer, join),
            Frame::Later(contact) => self.take_later(peer, contact),
            Frame::PullView(tag) => self.take_pull_view(peer, tag.as_ref()),
            Frame::View(page) => self.take_page(peer, *page),
            Frame::Update(sealed) => self.take_direct_update(peer, sealed),
            Frame::Rename(name) => self.take_rename(peer, &name.name),
            Frame::Leave(_) => self.take_leave(peer),
            Frame::HandOver(office) => self.take_hand_over(peer, office),

            Frame::Spread(spread) => self.take_spread(peer, &spread),
            Frame::Brief(brief) => self.take_brief(peer, &brief),
            Frame::Receipt(receipt) => self.take_receipt(peer, &receipt.items),
            Frame::Ack(acks) => self.take_acks(peer, &acks),
            Frame::Offer(offer) => self.take_offer(peer, &offer),
            Frame::Want(want) => self.forwarder().take_want(peer, &want.items),

            Frame::Digest(digest) => self.take_digest(peer, &digest),
            Frame::Pull(pull) => self.take_pull(peer, &pull),
            Frame::Pulled(sealed) => self.take_pulled(peer, sealed),
            Frame::PullEnd(end) => self.take_pull_end(peer, &end),
            Frame::Evidence(sealed) => self.take_evidence(peer, sealed),
            Frame::Fetch => self.take_fetch(peer),
            Frame::Cut(cut) => self.take_cut(peer, cut),
            Frame::WhoHas(message) => self.take_who_has(peer, message),
            Frame::Has(has) => self.history.take_has(context, peer, &has),

            Frame::Suspect(suspect) => self.take_suspect(&suspect),
            Frame::Probe(probe) => take_probe(context, peer, probe),
            Frame::Alive(alive) => self.take_alive(alive),
            Frame::Election(tag) => self.take_election(peer, tag.epoch),
            Frame::Answer(tag) => self.take_answer(peer, &tag),
            Frame::Stand(opening) => self.take_stand(peer, opening),

            Frame::Meet(meet) => self.take_meet(peer, &meet),
            Frame::Invite(meet) => self.take_invite(peer, &meet),
            Frame::Pledge(pledge) => self.take_pledge(peer, pledge),
            Frame::Accept(page) => self.take_accept(peer, *page),
            Frame::Foreign(contact) => self.take_foreign(peer, &contact),

            Frame::Reach(reach) => self.reaching.take_reach(context, peer, reach),
            Frame::Call(call) => Reaching::take_call(context, peer, call),
            Frame::Circuit(circuit) => self.reaching.take_circuit(context, peer, &circuit),
            Frame::Check => self.reachability.take_check(context, peer),
            Frame::Checked(checked) => self.take_checked(peer, &checked),
            Frame::AskEntrance => self.take_ask_entrance(peer),
            Frame::Entrance(entrance) => self.entrances.take_entrance(context, peer, entrance),
            Frame::Observe => self.take_observe(&peer),
        }
    }

    /// Takes the waiting frames of peers that the view in force lists, and drops those that have waited too long.
    pub(super) fn take_listed_frames(&mut self) {
        if let Some(view) = self.context.view.clone() {
            for (peer, frames) in self.unlisted.take_frames_of(|id| view.contains(id)) {
                for frame in frames {
                    self.take(peer, frame);
                }
            }
        }
        self.unlisted.expire(self.context.now);
    }

    /// Reports this node's place in the ring to anybody who asks; a node without a view does not answer.
    fn take_observe(&mut self, peer: &NodeId) {
        self.observers.note(&mut self.context, peer);
        if let Some(report) = self.ring.report(&self.context) {
            self.context.send(peer, &Frame::Report(report));
        }
    }

    pub(super) fn take_announcement(&mut self, peer: NodeId, announcement: Announcement) {
        match announcement {
            Announcement::View(update) => {
                if self.take_update(peer, update).is_err() {
                    self.context.pull_view(&peer);
                }
            }
            Announcement::Page(page) => self.take_announced_page(peer, page),
        }
    }
}

/// Returns true for what serves the links of the whole process.
const fn is_of_lobby(frame: &Frame) -> bool {
    matches!(
        frame,
        Frame::Reach(_)
            | Frame::Call(_)
            | Frame::Circuit(_)
            | Frame::Check
            | Frame::Checked(_)
            | Frame::AskEntrance
            | Frame::Entrance(_)
    )
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::net::IpAddr;
    use core::time::Duration;

    use ringtalk_wire::{Report, decode};

    use super::*;
    use crate::concerns::observation::FORGOTTEN;
    use crate::node::test_support::node;
    use crate::{Event, Input, LinkId, Output, Time};

    const LINK: LinkId = LinkId::lobby(1);

    /// Returns the node's reports to an observer.
    fn reports(node: &mut Node) -> Vec<Report> {
        let up = Input::LinkUp {
            link: LINK,
            peer: NodeId::from_bytes([9; 16]),
            dialled: false,
            host: None,
        };
        let observe = Input::Frame {
            link: LINK,
            frame: Frame::Observe,
        };
        for input in [up, observe] {
            node.handle(Time::default(), input);
        }
        let outputs = core::iter::from_fn(|| node.poll_output());
        let reported = outputs.filter_map(|output| match output {
            Output::Send { bytes, .. } => match decode(&bytes) {
                Ok(Frame::Report(report)) => Some(report),
                _ => None,
            },
            _ => None,
        });
        reported.collect()
    }

    #[test]
    fn an_observer_gets_a_report_and_does_not_become_a_member() {
        let mut node = node();
        node.handle(Time::default(), Input::Found);
        let before = node.view().map(|view| view.tag()).unwrap();
        let alone = Report {
            tag: before,
            predecessor: None,
            successor: None,
            fingers: Vec::new(),
            suspects: Vec::new(),
            brought: Vec::new(),
        };
        assert_eq!(reports(&mut node), [alone]);
        assert_eq!(node.view().map(|view| view.tag()), Some(before));
    }

    #[test]
    fn a_non_member_is_never_a_suspect() {
        let mut node = node();
        node.handle(Time::default(), Input::Found);
        let me = node.id();
        for suspect in [NodeId::from_bytes([7; 16]), me] {
            node.context.detector.suspect(suspect);
        }
        let [report] = &reports(&mut node)[..] else {
            panic!("not one report");
        };
        assert_eq!(report.suspects, [me]);
    }

    fn drain_events(node: &mut Node) -> Vec<Option<IpAddr>> {
        let outputs = core::iter::from_fn(|| node.poll_output());
        let events = outputs.filter_map(|output| match output {
            Output::Event(Event::Observed { host }) => Some(host),
            _ => None,
        });
        events.collect()
    }

    /// Lets a peer connect from a host and send a frame.
    fn looks(node: &mut Node, now: Time, number: u8, host: Option<IpAddr>, asks: Frame) {
        let link = LinkId::lobby(number.into());
        let up = Input::LinkUp {
            link,
            peer: NodeId::from_bytes([number; 16]),
            dialled: false,
            host,
        };
        node.handle(now, up);
        node.handle(now, Input::Frame { link, frame: asks });
    }

    #[test]
    fn the_user_sees_each_observer_once() {
        let mut node = node();
        node.handle(Time::default(), Input::Found);
        let host = Some(IpAddr::from([192, 0, 2, 7]));
        let looks = |node: &mut Node, after: Duration, number: u8, host, asks| {
            looks(node, Time::default() + after, number, host, asks);
            drain_events(node)
        };
        let at_once = Duration::ZERO;
        assert_eq!(looks(&mut node, at_once, 7, host, Frame::Observe), [host]);
        assert_eq!(looks(&mut node, at_once, 8, host, Frame::Observe), []);
        let hidden = looks(&mut node, at_once, 9, None, Frame::PullView(None));
        assert_eq!(hidden, [None]);
        let later = FORGOTTEN / 2;
        assert_eq!(looks(&mut node, later, 10, host, Frame::Observe), []);
        let from_then = later + FORGOTTEN.saturating_sub(Duration::from_millis(1));
        assert_eq!(looks(&mut node, from_then, 11, host, Frame::Observe), []);
        let much_later = from_then + FORGOTTEN;
        let again = looks(&mut node, much_later, 12, host, Frame::Observe);
        assert_eq!(again, [host]);
    }

    #[test]
    fn members_and_former_members_are_not_observers() {
        let mut node = node();
        node.handle(Time::default(), Input::Found);
        let former = NodeId::from_bytes([7; 16]);
        node.discussion
            .note_former(&mut node.context, former, "ann");
        looks(&mut node, Time::default(), 7, None, Frame::PullView(None));
        assert_eq!(drain_events(&mut node), []);
    }

    #[test]
    fn a_node_without_a_view_sends_no_report() {
        assert_eq!(reports(&mut node()), []);
    }
}
