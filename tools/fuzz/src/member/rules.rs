//! The rules that hold at a node whatever others do: `PROTOCOL.md` §4.3 and §5.3, and the bounds of `config`.

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_proto::config::{HELD_BYTES, HELD_MESSAGES, LOG_BYTES, LOG_SPARE, UNLISTED_BYTES};
use ringtalk_proto::{Delivered, Event, Load, Node, Verifier};
use ringtalk_wire::limit::{BUNDLE_MESSAGES, FRAME_BYTES};
use ringtalk_wire::name::is_name;
use ringtalk_wire::{Body, Epoch, Frame, MessageId, NodeId, RingId, SealHash};

use super::keys::{Eye, Key, RING};
use super::ring::{HISTORY, KEYS, Record, known_as};
use crate::wire::sealed_in;

/// The most outputs after one input: the node may answer a pull with all that it keeps, and tell every peer.
const OUTPUTS: usize = 4_000;

/// The past of the node of one ring, as far as the rules use it.
#[derive(Debug)]
pub(super) struct Rules {
    ring: RingId,
    own: NodeId,
    /// The texts that this node has sent; index n is its message n + 1.
    said: Vec<String>,
    /// The messages that others have signed: author, sequence number and text.
    signed: BTreeSet<(NodeId, u64, String)>,
    last_seals: Vec<SealHash>,
    /// The last sequence number delivered from each author.
    delivered: BTreeMap<NodeId, u64>,
    view: Option<(Epoch, u64)>,
    ready: bool,
}

impl Rules {
    /// Returns the rules of the lobby after the honest part of its life.
    pub(super) fn of_lobby(record: &Record, key: Key) -> Self {
        let mut rules = Self {
            said: record.said[usize::from(key.0)].clone(),
            ..Self::new(RING, key)
        };
        for (_, frame) in &record.frames {
            rules.hears(frame);
        }
        rules
    }

    /// Returns the rules of a ring of which nothing has been heard.
    pub(super) fn new(ring: RingId, key: Key) -> Self {
        Self {
            ring,
            own: key.id(),
            said: Vec::new(),
            signed: BTreeSet::new(),
            last_seals: vec![SealHash::default(); usize::from(KEYS)],
            delivered: BTreeMap::new(),
            view: None,
            ready: false,
        }
    }

    /// Notes that the node has left the ring. If it comes back, it goes on after its own last message, and is given the
    /// history again.
    pub(super) fn left(&mut self) {
        self.ready = false;
        self.view = None;
        self.delivered.clear();
    }

    pub(super) fn last_seals(&self) -> &[SealHash] {
        &self.last_seals
    }

    /// Returns the number of the last message of an author that was delivered.
    #[cfg(test)]
    pub(super) fn last_delivered(&self, author: Key) -> u64 {
        self.delivered.get(&author.id()).copied().unwrap_or(0)
    }

    /// Returns the number of messages that this node has sent.
    pub(super) const fn said(&self) -> usize {
        self.said.len()
    }

    pub(super) fn say(&mut self, text: &str) {
        self.said.push(text.to_owned());
    }

    /// Checks that an invite is made of few members, with two addresses each.
    pub(super) fn entrances(count: usize) {
        assert!(count <= 24, "{count} entrances");
    }

    /// Notes the messages of a bundle that is correctly signed for this ring, which may be delivered.
    pub(super) fn hears(&mut self, frame: &Frame) {
        let expanded = match frame {
            Frame::Brief(brief) => brief.expand(known_as).ok().flatten(),
            _ => None,
        };
        let Some(sealed) = expanded.as_ref().or_else(|| sealed_in(frame)) else {
            return;
        };
        let Ok(bundle) = sealed.bundle() else {
            return;
        };
        let genuine = Eye.verify(
            &sealed.seal.key,
            &sealed.to_sign(self.ring),
            &sealed.seal.signature,
        );
        if !genuine || bundle.author == self.own {
            return;
        }
        if let Some(last) = self.last_seals.get_mut(usize::from(sealed.seal.key.0[0])) {
            *last = sealed.seal.hash();
        }
        for (seq, message) in (bundle.first..).zip(bundle.messages) {
            // Nothing else is shown.
            if let Body::Text(text) = message.body {
                self.signed.insert((bundle.author, seq, text.to_string()));
            }
        }
    }

    pub(super) fn outputs(number: usize) {
        assert!(number <= OUTPUTS, "too many outputs after one input");
    }

    pub(super) fn sent(bytes: &[u8]) {
        assert!(bytes.len() <= FRAME_BYTES, "a frame is too long");
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Message(message) => self.message(message),
            Event::Control(control) => self.advance(control.id),
            Event::Ready { .. } => {
                assert!(!self.ready, "ready twice");
                self.ready = true;
            }
            Event::Gap {
                author,
                to,
                passed: true,
                ..
            } => {
                let last = self.delivered.entry(*author).or_default();
                *last = (*last).max(*to);
            }
            _ => {}
        }
    }

    /// Checks that a message comes after its author's last one.
    fn advance(&mut self, id: MessageId) {
        let last = self.delivered.entry(id.author).or_default();
        assert!(id.seq > *last, "{id:?} after message {last}");
        *last = id.seq;
    }

    /// Checks that a message is delivered once, in its author's order, and that its author signed it.
    fn message(&mut self, message: &Delivered) {
        let id = message.id;
        self.advance(id);
        if id.author == self.own {
            let said = self.said.get(id.seq as usize - 1);
            assert_eq!(
                said.map(String::as_str),
                Some(&*message.text),
                "own message {}",
                id.seq
            );
        } else {
            let signed = (id.author, id.seq, message.text.to_string());
            assert!(
                self.signed.contains(&signed),
                "{signed:?} is delivered, but was not signed by its author"
            );
        }
    }

    /// Checks that the view never goes back, that its names are valid, and that the log stays within its bound.
    pub(super) fn node(&mut self, node: &Node) {
        if let Some(view) = node.view() {
            let tag = view.tag();
            let now = Some((tag.epoch, tag.number));
            assert!(now >= self.view, "view {now:?} after {:?}", self.view);
            self.view = now;
            let mut members = view.members();
            assert!(
                members.all(|one| is_name(&one.name)),
                "the view has an invalid name"
            );
        }
        assert!(node.load().logged_messages <= HISTORY + LOG_SPARE + BUNDLE_MESSAGES);
    }

    /// Checks that everything that the nodes of a process keep together stays within its budgets.
    pub(super) fn loads<'a>(nodes: impl Iterator<Item = &'a Node>) {
        let loads: Vec<Load> = nodes.map(Node::load).collect();
        let sum = |of: fn(&Load) -> usize| loads.iter().map(of).sum::<usize>();
        assert!(sum(|load| load.held_messages) <= HELD_MESSAGES);
        assert!(sum(|load| load.held_bytes) <= HELD_BYTES);
        assert!(sum(|load| load.parked_bytes) <= HELD_BYTES);
        assert!(sum(|load| load.unlisted_bytes) <= UNLISTED_BYTES);
        assert!(sum(|load| load.logged_bytes) <= LOG_BYTES);
    }
}
