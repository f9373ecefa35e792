//! Observers: the user is told that somebody looks at the ring.
//!
//! `PROTOCOL.md` §5.5. Not here: what an observer is told (`ring::report`).

use alloc::collections::BTreeMap;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use ringtalk_wire::NodeId;

use crate::context::Context;
use crate::{Event, Time};

/// How long a host must not have looked before the user is told of it again.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// How many households that look are kept in mind: the user is told of no more than these in that time.
const HOUSEHOLDS: usize = 64;

/// Who has looked lately.
#[derive(Debug, Default)]
pub(super) struct Observers {
    /// When each household looked last; those that a relay hides are one.
    households: BTreeMap<Option<IpAddr>, Time>,
}

impl Observers {
    /// A peer looks. The user is told of everybody who is no member, nor was one: a member that was lost asks in the same
    /// way.
    pub(super) fn note(&mut self, context: &mut Context, peer: &NodeId) {
        if context.view.is_some() && !context.is_named(peer) {
            let host = context.links.host(peer);
            if self.look(context.now, host) {
                context.emit(Event::Observed { host });
            }
        }
    }

    /// Somebody at this host looks; true where that is news.
    fn look(&mut self, now: Time, host: Option<IpAddr>) -> bool {
        let household = host.map(household);
        self.households.retain(|_, last| now - *last < FORGOTTEN);
        let is_news = !self.households.contains_key(&household);
        let has_room = self.households.len() < HOUSEHOLDS;
        if has_room || !is_news {
            self.households.insert(household, now);
        }
        is_news && has_room
    }
}

/// The network of somebody who has as many IPv6 addresses as it likes: the first half of one.
fn household(host: IpAddr) -> IpAddr {
    match host.to_canonical() {
        IpAddr::V6(host) => IpAddr::V6(Ipv6Addr::from_bits(host.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::decode;

    use alloc::vec::Vec;

    use ringtalk_wire::{Frame, Report};

    use super::*;
    use crate::Node;
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
            node.context.detector.suspect(suspect);
        }
        let [report] = &reports(&mut node)[..] else {
            panic!("not one report");
        };
        assert_eq!(report.suspects, [me]);
    }

    fn told(node: &mut Node) -> Vec<Option<IpAddr>> {
        let outputs = core::iter::from_fn(|| node.poll_output());
        let told = outputs.filter_map(|output| match output {
            Output::Event(Event::Observed { host }) => Some(host),
            _ => None,
        });
        told.collect()
    }

    /// Somebody comes from a host and asks for what somebody asks who has nothing.
    fn looks(node: &mut Node, now: Time, number: u8, host: Option<IpAddr>, asks: Frame) {
        let link = LinkId(number.into());
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
    fn the_user_is_told_of_an_observer_once() {
        let mut node = node();
        node.handle(Time::default(), Input::Found);
        let host = Some(IpAddr::from([192, 0, 2, 7]));
        let looks = |node: &mut Node, after: Duration, number: u8, host, asks| {
            looks(node, Time::default() + after, number, host, asks);
            told(node)
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
    fn many_hosts_fill_no_screen() {
        let mut observers = Observers::default();
        let host = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let told = (0..1_000).filter(|&number| observers.look(Time::default(), host(number)));
        assert_eq!(told.count(), HOUSEHOLDS);
        assert_eq!(observers.households.len(), HOUSEHOLDS);
    }

    #[test]
    fn a_household_with_many_addresses_is_one() {
        let mut observers = Observers::default();
        let host = |number: u128| Some(IpAddr::from((0x2001_0db8 << 96 | number).to_be_bytes()));
        let mut told = (0..1_000).filter(|&number| observers.look(Time::default(), host(number)));
        assert_eq!(told.by_ref().count(), 1);
        assert!(observers.look(Time::default(), host(1 << 64)));
    }

    #[test]
    fn who_is_or_was_a_member_is_no_observer() {
        let mut node = node();
        node.handle(Time::default(), Input::Found);
        let former = NodeId::from_bytes([7; 16]);
        node.discussion
            .note_former(&mut node.context, former, "ann");
        looks(&mut node, Time::default(), 7, None, Frame::PullView(None));
        assert_eq!(told(&mut node), []);
    }

    #[test]
    fn a_node_without_a_view_says_nothing() {
        assert_eq!(reports(&mut node()), []);
    }
}
