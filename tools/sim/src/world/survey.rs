//! How messages travel: payloads, duplicates, hops and times of each, as a survey sees the frames.
//!
//! It judges nothing, and changes nothing. Not here: the figures made of it (`scale`).

use std::collections::BTreeMap;

use core::time::Duration;
use ringtalk_proto::{Input, Time};
use ringtalk_wire::{Bundle, Frame, Item, MessageId, Sealed, encode_item};

use super::World;
use crate::network::HostIndex;
use crate::oracle::{Check, ensure};

/// The travels of the bundles that are looked at, by the first message of each.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) bundles: BTreeMap<MessageId, Travels>,
    /// How many bundles of the discussion so far each has given to whom.
    given: BTreeMap<HostIndex, BTreeMap<HostIndex, u64>>,
}

/// The travels of one bundle.
#[derive(Debug)]
pub(crate) struct Travels {
    pub(crate) sealed: Time,
    /// After how many hops it came to each node.
    pub(crate) hops: BTreeMap<HostIndex, u32>,
    pub(crate) payloads: u64,
    pub(crate) duplicates: u64,
    /// What its dependencies weigh on the wire.
    pub(crate) causal_bytes: usize,
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
        self.survey = Some(Survey::default());
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
        let (Frame::Pulled(sealed)
        | Frame::Spread(ringtalk_wire::Spread {
            item: Item::Bundle(sealed),
            ..
        })) = frame
        else {
            return;
        };
        if let Some(survey) = &mut self.survey
            && let Some(from) = self.network.far_end(*link)
        {
            if matches!(frame, Frame::Pulled(_)) {
                *survey
                    .given
                    .entry(index)
                    .or_default()
                    .entry(from)
                    .or_default() += 1;
            }
            self.note_payload(from, index, sealed);
        }
    }

    fn note_payload(&mut self, from: HostIndex, to: HostIndex, sealed: &Sealed) {
        let (Some(survey), Ok(bundle)) = (&mut self.survey, sealed.bundle()) else {
            return;
        };
        let Some(travels) = survey.bundles.get_mut(&first_of(&bundle)) else {
            return;
        };
        travels.payloads += 1;
        travels.causal_bytes = encode_item(&bundle.heads).len();
        if travels.hops.contains_key(&to) {
            travels.duplicates += 1;
        } else {
            let hops = travels.hops.get(&from).copied().unwrap_or(0);
            travels.hops.insert(to, hops + 1);
        }
    }

    /// A node delivers a message: its author first.
    pub(super) fn note_delivery(&mut self, index: HostIndex, message: MessageId) {
        let own = self.processes[index].id() == message.author;
        let Some(survey) = &mut self.survey else {
            return;
        };
        if own {
            let travels = Travels {
                sealed: self.now,
                hops: BTreeMap::from([(index, 0)]),
                payloads: 0,
                duplicates: 0,
                causal_bytes: 0,
                delivered: BTreeMap::new(),
            };
            survey.bundles.insert(message, travels);
        } else if let Some(travels) = survey.bundles.get_mut(&message) {
            travels.delivered.insert(index, self.now);
        }
    }
}

const fn first_of(bundle: &Bundle) -> MessageId {
    MessageId {
        author: bundle.author,
        seq: bundle.first,
    }
}
