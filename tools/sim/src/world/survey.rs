//! How messages travel: payloads, duplicates, hops and times of each, as a survey sees the frames.
//!
//! It judges nothing, and changes nothing. Not here: the figures made of it (`scale`).

use std::collections::BTreeMap;
use std::sync::Arc;

use core::time::Duration;
use ringtalk_proto::{Delivered, Input, Time};
use ringtalk_wire::{Frame, Item, MessageId, NodeId, Spread, decode, encode_item};

use super::World;
use super::sharing::bundle_of;
use crate::network::HostIndex;
use crate::oracle::{Check, ensure};

/// No payload is smaller: a seal, the author, and what names the bundle before take more than that. What
/// is smaller need not be read to know that it is none.
const LEAST_PAYLOAD: usize = 128;

/// What short heads take beside themselves: the name of their field, and the empty list in the bundle.
const BESIDE: usize = 3;

/// What was said since it was asked for, and how it travelled.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The ways of the bundles, by the first message of each, where they are followed.
    pub(crate) bundles: BTreeMap<MessageId, Travels>,
    /// How many bundles of the discussion so far each has given to whom.
    given: BTreeMap<HostIndex, BTreeMap<HostIndex, u64>>,
    follows: bool,
    /// Under which name each node showed what an author said last, where messages are followed.
    names: BTreeMap<(HostIndex, NodeId), Arc<str>>,
    /// How many heads each bundle has that was sealed.
    pub(crate) heads: Vec<usize>,
    /// Of the payloads that came to somebody, how many have heads that weigh so much, in bytes.
    pub(crate) weights: BTreeMap<usize, usize>,
    /// Payloads of bundles that came to somebody, whether or not their ways are followed.
    pub(crate) payloads: u64,
}

/// The travels of one bundle.
#[derive(Debug)]
pub(crate) struct Travels {
    pub(crate) sealed: Time,
    /// After how many hops it came to each node.
    pub(crate) hops: BTreeMap<HostIndex, u32>,
    /// How often it was sent, also to those who are gone.
    pub(crate) payloads: u64,
    pub(crate) duplicates: u64,
    /// When each node delivered it.
    pub(crate) delivered: BTreeMap<HostIndex, Time>,
}

impl Travels {
    /// From sealing to the last delivery.
    pub(crate) fn time_to_all(&self) -> Duration {
        let last = self.delivered.values().max();
        last.map_or(Duration::ZERO, |&last| last - self.sealed)
    }
}

impl World {
    /// From now on messages are followed on their way.
    pub(crate) fn follow_messages(&mut self) {
        self.survey = Some(Survey {
            follows: true,
            ..Survey::default()
        });
    }

    /// From now on what is said is counted; the ways of so many messages would be too much to keep.
    pub(crate) fn count_messages(&mut self) {
        self.survey = Some(Survey::default());
    }

    /// Under which name a node showed what an author said last, if messages are followed and it has shown any.
    pub(crate) fn shown_as(&self, index: HostIndex, author: NodeId) -> Option<Arc<str>> {
        let names = &self.survey.as_ref()?.names;
        names.get(&(index, author)).cloned()
    }

    /// So many nodes have delivered each message that was followed, beside its author.
    pub(crate) fn all_were_delivered(&self, nodes: usize) -> bool {
        let mut bundles = self
            .survey
            .iter()
            .flat_map(|survey| survey.bundles.values());
        bundles.all(|travels| travels.delivered.len() >= nodes)
    }

    /// Each message that was followed was delivered by these in time.
    pub(crate) fn all_had_it_within(&self, whom: &[HostIndex], patience: Duration) -> Check {
        let bundles = self.survey.iter().flat_map(|survey| &survey.bundles);
        let mut bundles: Vec<_> = bundles.collect();
        bundles.sort_by_key(|(_, travels)| travels.sealed);
        for (message, travels) in bundles {
            for index in whom {
                let author = self.id(*index) == message.author;
                let delivered = travels.delivered.get(index);
                let late = delivered.is_none_or(|at| *at - travels.sealed > patience);
                ensure(author || !late, "late", || {
                    let sealed = travels.sealed;
                    format!("n{index} had {message:?}, of {sealed:?}, at {delivered:?}")
                })?;
            }
        }
        Ok(())
    }

    /// Who has given bundles of the discussion so far to whom, and how many.
    pub(crate) fn givers(&self, newcomer: HostIndex) -> Vec<(HostIndex, u64)> {
        let survey = self.survey.as_ref();
        let given = survey.and_then(|survey| survey.given.get(&newcomer));
        given
            .into_iter()
            .flatten()
            .map(|(&giver, &bundles)| (giver, bundles))
            .collect()
    }

    /// A frame is about to be handled.
    pub(super) fn note_frame(&mut self, index: HostIndex, input: &Input) {
        let Input::Frame { link, frame } = input else {
            return;
        };
        if matches!(frame, Frame::Election(_) | Frame::Answer(_)) {
            self.figures.election_frames += 1;
        }
        if let Frame::Probe(probe) = frame {
            self.processes[index].probe = Some(*probe);
        }
        let Some(survey) = &mut self.survey else {
            return;
        };
        let Some(first) = bundle_of(frame) else {
            return;
        };
        survey.payloads += 1;
        *survey.weights.entry(weight_of_heads(frame)).or_default() += 1;
        if let Some(from) = self.network.far_end(*link).filter(|_| survey.follows) {
            if matches!(frame, Frame::Pulled(_)) {
                let given = survey.given.entry(index).or_default();
                *given.entry(from).or_default() += 1;
            }
            survey.came(from, index, first);
        }
    }

    /// A frame is sent.
    pub(super) fn note_payload(&mut self, bytes: &[u8]) {
        if let Some(survey) = self.survey.as_mut().filter(|survey| survey.follows)
            && bytes.len() >= LEAST_PAYLOAD
            && let Ok(frame) = decode(bytes)
            && let Some(first) = bundle_of(&frame)
            && let Some(travels) = survey.bundles.get_mut(&first)
        {
            travels.payloads += 1;
        }
    }

    /// A node delivers a message: its author first.
    pub(super) fn note_delivery(&mut self, index: HostIndex, delivered: &Delivered) {
        let message = delivered.id;
        let own = self.processes[index].id() == message.author;
        let Some(survey) = &mut self.survey else {
            return;
        };
        if own {
            survey.heads.extend(delivered.heads.as_ref().map(Vec::len));
        }
        if survey.follows {
            let name = Arc::clone(&delivered.name);
            survey.names.insert((index, message.author), name);
        }
        if own && survey.follows {
            let travels = Travels {
                sealed: self.now,
                hops: BTreeMap::from([(index, 0)]),
                payloads: 0,
                duplicates: 0,
                delivered: BTreeMap::new(),
            };
            survey.bundles.insert(message, travels);
        } else if let Some(travels) = survey.bundles.get_mut(&message) {
            travels.delivered.insert(index, self.now);
        }
    }
}

impl Survey {
    /// The payload of a bundle comes from one node to another.
    fn came(&mut self, from: HostIndex, to: HostIndex, first: MessageId) {
        let Some(travels) = self.bundles.get_mut(&first) else {
            return;
        };
        if travels.hops.contains_key(&to) {
            travels.duplicates += 1;
        } else {
            let hops = travels.hops.get(&from).copied().unwrap_or(0);
            travels.hops.insert(to, hops + 1);
        }
    }
}

/// What the heads of a bundle weigh in the frame that carries it, in bytes.
fn weight_of_heads(frame: &Frame) -> usize {
    match frame {
        Frame::Brief(brief) => encode_item(&brief.heads).len() + BESIDE,
        Frame::Pulled(sealed)
        | Frame::Spread(Spread {
            item: Item::Bundle(sealed),
            ..
        }) => {
            let bundle = sealed.bundle();
            bundle.map_or(0, |bundle| encode_item(&bundle.heads).len())
        }
        _ => 0,
    }
}
