//! How messages travel: the payloads, duplicates, hops and times of each, from the frames that pass.
//!
//! It judges nothing, and changes nothing. Not here: the figures made of it (`scale`).

use std::collections::BTreeMap;
use std::sync::Arc;

use core::time::Duration;
use ringtalk_proto::{Delivered, Input, LinkId, Time};
use ringtalk_wire::{Frame, Item, MessageId, NodeId, Spread, decode, encode_item};

use super::World;
use super::sharing::bundle_of;
use crate::keys::LOBBY;
use crate::network::HostIndex;
use crate::oracle::{Check, ensure};

/// The least size of a payload: a seal, the author and the name of the previous bundle take more. A smaller frame
/// need not be decoded to know that it is none.
const LEAST_PAYLOAD: usize = 128;

/// The bytes that short heads take besides: the name of their field, and the empty list in the bundle.
const BESIDE: usize = 3;

/// The messages sent since the survey began, and how they travelled.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The journey of each bundle, by its first message, if messages are followed.
    pub(crate) bundles: BTreeMap<MessageId, Journey>,
    /// For each node, how many bundles of the discussion so far each other node gave it.
    given: BTreeMap<HostIndex, BTreeMap<HostIndex, u64>>,
    follows: bool,
    /// The name under which each node last showed an author, if messages are followed.
    names: BTreeMap<(HostIndex, NodeId), Arc<str>>,
    /// The number of heads of each bundle that was signed.
    pub(crate) heads: Vec<usize>,
    /// How many of the received payloads have heads of each size, in bytes.
    pub(crate) weights: BTreeMap<usize, usize>,
    /// How many payloads of bundles were received, whether or not messages are followed.
    pub(crate) payloads: u64,
}

/// The journey of one bundle.
#[derive(Debug)]
pub(crate) struct Journey {
    pub(crate) signed_at: Time,
    /// After how many hops each node received it.
    pub(crate) hops: BTreeMap<HostIndex, u32>,
    /// How often it was sent, including to dead nodes.
    pub(crate) payloads: u64,
    pub(crate) duplicates: u64,
    /// When each node delivered it.
    pub(crate) delivered: BTreeMap<HostIndex, Time>,
}

impl Journey {
    /// Returns the time from signing to the last delivery.
    pub(crate) fn time_to_all(&self) -> Duration {
        let last = self.delivered.values().max();
        last.map_or(Duration::ZERO, |&last| last - self.signed_at)
    }
}

impl World {
    /// Starts to follow messages on their way.
    pub(crate) fn follow_messages(&mut self) {
        self.measurement.survey = Some(Survey {
            follows: true,
            ..Survey::default()
        });
    }

    /// Starts to count messages; so many journeys would take too much memory.
    pub(crate) fn count_messages(&mut self) {
        self.measurement.survey = Some(Survey::default());
    }

    /// Returns the name under which a node last showed an author, if messages are followed and it has shown one.
    pub(crate) fn shown_name(&self, index: HostIndex, author: NodeId) -> Option<Arc<str>> {
        let names = &self.measurement.survey.as_ref()?.names;
        names.get(&(index, author)).cloned()
    }

    /// Returns true if `nodes` nodes beside its author have delivered each followed message.
    pub(crate) fn are_all_delivered(&self, nodes: usize) -> bool {
        let mut bundles = self
            .measurement
            .survey
            .iter()
            .flat_map(|survey| survey.bundles.values());
        bundles.all(|journey| journey.delivered.len() >= nodes)
    }

    /// Checks that each of these nodes delivered each followed message within `patience`, unless it is the author.
    pub(crate) fn check_delivered_within(&self, nodes: &[HostIndex], patience: Duration) -> Check {
        let bundles = self
            .measurement
            .survey
            .iter()
            .flat_map(|survey| &survey.bundles);
        let mut bundles: Vec<_> = bundles.collect();
        bundles.sort_by_key(|(_, journey)| journey.signed_at);
        for (message, journey) in bundles {
            for index in nodes {
                let author = self.id(*index) == message.author;
                let delivered = journey.delivered.get(index);
                let late = delivered.is_none_or(|at| *at - journey.signed_at > patience);
                ensure(author || !late, "late", || {
                    let signed = journey.signed_at;
                    format!("n{index} had {message:?}, of {signed:?}, at {delivered:?}")
                })?;
            }
        }
        Ok(())
    }

    /// Returns which nodes gave a newcomer bundles of the discussion so far, and how many.
    pub(crate) fn givers(&self, newcomer: HostIndex) -> Vec<(HostIndex, u64)> {
        let survey = self.measurement.survey.as_ref();
        let given = survey.and_then(|survey| survey.given.get(&newcomer));
        given
            .into_iter()
            .flatten()
            .map(|(&giver, &bundles)| (giver, bundles))
            .collect()
    }

    /// Records a frame that is about to be handled.
    pub(super) fn record_frame(&mut self, index: HostIndex, input: &Input) {
        let Input::Frame { link, frame } = input else {
            return;
        };
        let ring = self.processes[index].host.ring_on(*link).unwrap_or(LOBBY);
        if ring != self.setup.ring {
            return;
        }
        if matches!(frame, Frame::Election(_) | Frame::Answer(_)) {
            self.figures.election_frames += 1;
        }
        if let Frame::Probe(probe) = frame {
            self.processes[index].probe = Some(*probe);
        }
        let Some(survey) = &mut self.measurement.survey else {
            return;
        };
        let Some(first) = bundle_of(frame) else {
            return;
        };
        survey.payloads += 1;
        *survey.weights.entry(weight_of_heads(frame)).or_default() += 1;
        if let Some(from) = self
            .network
            .far_end(LinkId::lobby(link.connection))
            .filter(|_| survey.follows)
        {
            if matches!(frame, Frame::Pulled(_)) {
                let given = survey.given.entry(index).or_default();
                *given.entry(from).or_default() += 1;
            }
            survey.record_hop(from, index, first);
        }
    }

    /// Records a frame that is sent.
    pub(super) fn record_payload(&mut self, bytes: &[u8]) {
        if let Some(survey) = self
            .measurement
            .survey
            .as_mut()
            .filter(|survey| survey.follows)
            && bytes.len() >= LEAST_PAYLOAD
            && let Ok(frame) = decode(bytes)
            && let Some(first) = bundle_of(&frame)
            && let Some(journey) = survey.bundles.get_mut(&first)
        {
            journey.payloads += 1;
        }
    }

    /// Records the delivery of a message; its author delivers it first.
    pub(super) fn record_delivery(&mut self, index: HostIndex, delivered: &Delivered) {
        let message = delivered.id;
        let own = self.processes[index].id() == message.author;
        let Some(survey) = &mut self.measurement.survey else {
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
            let journey = Journey {
                signed_at: self.now,
                hops: BTreeMap::from([(index, 0)]),
                payloads: 0,
                duplicates: 0,
                delivered: BTreeMap::new(),
            };
            survey.bundles.insert(message, journey);
        } else if let Some(journey) = survey.bundles.get_mut(&message) {
            journey.delivered.insert(index, self.now);
        }
    }
}

impl Survey {
    /// Records that the payload of a bundle came from one node to another.
    fn record_hop(&mut self, from: HostIndex, to: HostIndex, first: MessageId) {
        let Some(journey) = self.bundles.get_mut(&first) else {
            return;
        };
        if journey.hops.contains_key(&to) {
            journey.duplicates += 1;
        } else {
            let hops = journey.hops.get(&from).copied().unwrap_or(0);
            journey.hops.insert(to, hops + 1);
        }
    }
}

/// Returns the size of a bundle's heads in the frame that carries it, in bytes.
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
