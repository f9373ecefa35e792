//! What this node tells an observer: its place in the ring, as it sees that itself.
//!
//! `PROTOCOL.md` §5.5. Not here: what the place should be (`ring`), and the view (`membership`).

use alloc::vec::Vec;

use ringtalk_wire::limit::SUSPECTS;
use ringtalk_wire::{Brought, Frame, NodeId, Report};

use super::Node;
use crate::Time;

impl Node {
    /// Anybody may ask; a node without a view has no place to tell of, and says nothing.
    pub(super) fn take_observe(&mut self, now: Time, peer: &NodeId) {
        let Some(view) = &self.view else { return };
        let neighbours = self.ring.neighbours();
        let fingers = self.finger_ids();
        let linked = self
            .neighbour_ids()
            .into_iter()
            .chain(fingers.iter().copied());
        let suspects = self.detector.all().filter(|id| view.contains(id));
        let report = Frame::Report(Report {
            tag: view.tag(),
            predecessor: neighbours.map(|(predecessor, _)| predecessor),
            successor: neighbours.map(|(_, successor)| successor),
            suspects: suspects.take(SUSPECTS).collect(),
            brought: linked.map(|member| self.brought_by(member)).collect(),
            fingers,
        });
        self.links.send(now, peer, &report, &mut self.out);
    }

    fn brought_by(&self, member: NodeId) -> Brought {
        Brought {
            member,
            messages: self.links.brought_by(&member),
        }
    }

    /// The members to whom a finger link is up.
    fn finger_ids(&self) -> Vec<NodeId> {
        let neighbours = self.neighbour_ids();
        let fingers = self.fingers.ids().difference(&neighbours);
        fingers.filter(|id| self.links.is_up(id)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::decode;

    use super::*;
    use crate::node::test_support::node;
    use crate::{Input, LinkId, Output};

    const LINK: LinkId = LinkId(1);

    /// What the node says to an observer who asks.
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
    fn an_observer_is_told_the_place_and_becomes_no_member() {
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
    fn who_is_no_member_is_no_suspect() {
        let mut node = node();
        node.handle(Time::default(), Input::Found);
        let me = node.id();
        for suspect in [NodeId::from_bytes([7; 16]), me] {
            node.detector.suspect(suspect);
        }
        let [report] = &reports(&mut node)[..] else {
            panic!("not one report");
        };
        assert_eq!(report.suspects, [me]);
    }

    #[test]
    fn a_node_without_a_view_says_nothing() {
        assert_eq!(reports(&mut node()), []);
    }
}
