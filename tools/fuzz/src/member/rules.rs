//! What holds at a node whatever others do: `PROTOCOL.md` §4.3 and §5.3, and the bounds of `config`.

use std::collections::{BTreeMap, BTreeSet};

use ringtalk_proto::config::{HELD_BYTES, HELD_MESSAGES, LOG_BYTES, LOG_SPARE};
use ringtalk_proto::{Delivered, Event, Node, Verifier};
use ringtalk_wire::limit::{BUNDLE_MESSAGES, FRAME_BYTES};
use ringtalk_wire::name::is_name;
use ringtalk_wire::{Epoch, Frame, NodeId, SealHash};

use super::keys::{Eye, Key};
use super::ring::{HISTORY, KEYS, Record, known_as};
use crate::wire::sealed_in;

/// Outputs after one input: a pull may be answered with all that is kept, and everybody be told.
const OUTPUTS: usize = 4_000;

/// What the node did so far, as far as the rules ask.
#[derive(Debug)]
pub(super) struct Rules {
    own: NodeId,
    /// What this node has said: the n-th is its message n + 1.
    said: Vec<String>,
    /// What others have signed: author, number and text.
    signed: BTreeSet<(NodeId, u64, String)>,
    last_seals: Vec<SealHash>,
    /// The last message delivered of each author.
    delivered: BTreeMap<NodeId, u64>,
    view: Option<(Epoch, u64)>,
    ready: bool,
}

impl Rules {
    pub(super) fn new(record: &Record, key: Key) -> Self {
        let mut rules = Self {
            own: key.id(),
            said: record.said[usize::from(key.0)].clone(),
            signed: BTreeSet::new(),
            last_seals: vec![SealHash::default(); usize::from(KEYS)],
            delivered: BTreeMap::new(),
            view: None,
            ready: false,
        };
        for (_, frame) in &record.frames {
            rules.hears(frame);
        }
        rules
    }

    pub(super) fn last_seals(&self) -> &[SealHash] {
        &self.last_seals
    }

    /// How much this node has said.
    pub(super) const fn said(&self) -> usize {
        self.said.len()
    }

    pub(super) fn say(&mut self, text: &str) {
        self.said.push(text.to_owned());
    }

    /// What is rightly signed may be delivered.
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
        let genuine = Eye.verify(&sealed.seal.key, &sealed.to_sign(), &sealed.seal.signature);
        if !genuine || bundle.author == self.own {
            return;
        }
        if let Some(last) = self.last_seals.get_mut(usize::from(sealed.seal.key.0[0])) {
            *last = sealed.seal.hash();
        }
        for (seq, message) in (bundle.first..).zip(bundle.messages) {
            self.signed
                .insert((bundle.author, seq, message.text.to_string()));
        }
    }

    pub(super) fn outputs(number: usize) {
        assert!(number <= OUTPUTS, "there is no end to the outputs");
    }

    pub(super) fn sent(bytes: &[u8]) {
        assert!(bytes.len() <= FRAME_BYTES, "a frame outgrew its limit");
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Message(message) => self.message(message),
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

    /// Each message once, in the order of its author, and only what that one signed.
    fn message(&mut self, message: &Delivered) {
        let id = message.id;
        let last = self.delivered.entry(id.author).or_default();
        assert!(id.seq > *last, "{id:?} after message {last}");
        *last = id.seq;
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
            assert!(self.signed.contains(&signed), "nobody signed {signed:?}");
        }
    }

    /// A view never goes back and has names only, and everything kept stays within its bound.
    pub(super) fn node(&mut self, node: &Node) {
        if let Some(view) = node.view() {
            let tag = view.tag();
            let now = Some((tag.epoch, tag.number));
            assert!(now >= self.view, "view {now:?} after {:?}", self.view);
            self.view = now;
            let mut members = view.members();
            assert!(members.all(|one| is_name(&one.name)), "a name that is none");
        }
        let load = node.load();
        assert!(load.held_messages <= HELD_MESSAGES && load.held_bytes <= HELD_BYTES);
        assert!(load.logged_messages <= HISTORY + LOG_SPARE + BUNDLE_MESSAGES);
        assert!(load.logged_bytes <= LOG_BYTES);
    }
}
