//! The figures of a ring, computed from what was recorded; `CONTRACT.md` has some of their names.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::Times;
use crate::oracle::{Check, ensure};
use crate::world::{Journey, Survey, Traffic};

/// The ring size from which nodes have links beyond those to their neighbours.
const FINGERS_FROM: u64 = 17;

/// The figures of one measurement.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Scale {
    /// How many nodes there were.
    pub nodes: u64,
    /// How many of them died just before the messages.
    pub dead: u64,
    /// How many messages were followed.
    pub messages: u64,
    /// How often the payload of one message was sent, on average.
    pub payloads_per_message: f64,
    /// Payloads that reached a node that had them.
    pub duplicates: u64,
    /// Deliveries that did not happen in time.
    pub missed: u64,
    /// The most hops that a payload took.
    pub hops_max: u32,
    /// The time from signing to the last delivery, in milliseconds: the mean.
    pub time_to_all_ms_mean: f64,
    /// The longest such time.
    pub time_to_all_ms_max: f64,
    /// The size of a message's dependencies, in bytes: the 99th percentile.
    pub causal_bytes_p99: usize,
    /// The traffic while nobody writes anything.
    #[serde(flatten)]
    pub rest: Option<Rest>,
    /// The messages while many users write.
    #[serde(flatten)]
    pub talk: Option<Talk>,
    /// How long newcomers take.
    #[serde(flatten)]
    pub joins: Option<Joins>,
    /// The fewest and the most payloads of one message.
    #[serde(skip)]
    payloads: [u64; 2],
}

impl Scale {
    /// Computes the figures of the messages that were followed, in a ring with some dead members.
    pub(super) fn of(nodes: u64, dead: u64, survey: Survey) -> Self {
        let journeys: Vec<Journey> = survey.bundles.into_values().collect();
        let messages = journeys.len().max(1) as u64;
        let total = |count: fn(&Journey) -> u64| journeys.iter().map(count).sum::<u64>();
        let millis = |journey: &Journey| journey.time_to_all().as_secs_f64() * 1e3;
        let millis: Vec<f64> = journeys.iter().map(millis).collect();
        let payloads = journeys.iter().map(|journey| journey.payloads);
        let hops = journeys.iter().flat_map(|journey| journey.hops.values());
        let delivered = total(|journey| journey.delivered.len() as u64);
        Self {
            nodes,
            dead,
            messages,
            payloads_per_message: total(|journey| journey.payloads) as f64 / messages as f64,
            duplicates: total(|journey| journey.duplicates),
            missed: (messages * (nodes - dead - 1)).saturating_sub(delivered),
            hops_max: hops.copied().max().unwrap_or(0),
            time_to_all_ms_mean: millis.iter().sum::<f64>() / messages as f64,
            time_to_all_ms_max: millis.iter().copied().fold(0.0, f64::max),
            causal_bytes_p99: percentile_of(&survey.weights, 99),
            payloads: [payloads.clone().min(), payloads.max()].map(Option::unwrap_or_default),
            rest: None,
            talk: None,
            joins: None,
        }
    }

    /// Checks that every member was sent each payload once, over few hops, as in a stable ring.
    pub(super) fn check_stable(&self) -> Check {
        let (nodes, due) = (self.nodes, self.nodes - 1);
        let [fewest, most] = self.payloads;
        ensure(fewest == due && most == due, "payload", || {
            format!(
                "in a stable ring of {nodes} nodes, a payload was sent {fewest} to {most} times instead of {due}"
            )
        })?;
        let hops = if nodes < FINGERS_FROM {
            nodes / 2
        } else {
            u64::from((nodes - 1).ilog2() + 1)
        };
        ensure(u64::from(self.hops_max) <= hops, "hops", || {
            let taken = self.hops_max;
            format!(
                "in a stable ring of {nodes} nodes, a message took {taken} hops; {hops} are enough"
            )
        })
    }
}

/// The traffic while nobody writes anything.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rest {
    /// The frames that a node sends in a second, on average.
    pub rest_frames_per_second: f64,
    /// The same, for the node that sends most.
    pub rest_frames_per_second_max: f64,
    /// How many of the frames are heartbeats.
    pub rest_heartbeats_per_second: f64,
    /// The bytes of all frames that a node sends in a second, before encryption.
    pub rest_bytes_per_second: f64,
    /// The bytes of the largest frame of all.
    pub rest_frame_bytes_max: usize,
}

impl Rest {
    pub(super) fn of(traffic: &Traffic, time: Duration) -> Self {
        let nodes = traffic.frames.len().max(1) as f64;
        let a_second = |count: u64| count as f64 / time.as_secs_f64();
        let frames: u64 = traffic.frames.iter().sum();
        let most = traffic.frames.iter().max().copied();
        Self {
            rest_frames_per_second: a_second(frames) / nodes,
            rest_frames_per_second_max: a_second(most.unwrap_or_default()),
            rest_heartbeats_per_second: a_second(traffic.heartbeats) / nodes,
            rest_bytes_per_second: a_second(traffic.bytes) / nodes,
            rest_frame_bytes_max: traffic.largest,
        }
    }
}

/// The messages while the whole discussion is busy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Talk {
    /// How many bundles there were; nearly all have one message.
    pub talk_messages: usize,
    /// How often the payload of a bundle was sent, on average.
    pub talk_payloads_per_message: f64,
    /// How many messages a bundle depends on directly: the median.
    pub talk_heads_p50: usize,
    /// The same: the 99th percentile.
    pub talk_heads_p99: usize,
    /// The size of these dependencies, in bytes: the median.
    pub talk_causal_bytes_p50: usize,
    /// The same: the 99th percentile.
    pub talk_causal_bytes_p99: usize,
}

impl Talk {
    pub(super) fn of(survey: &Survey) -> Self {
        let mut counts = survey.heads.clone();
        let messages = survey.heads.len();
        Self {
            talk_messages: messages,
            talk_payloads_per_message: survey.payloads as f64 / messages.max(1) as f64,
            talk_heads_p50: percentile(&mut counts, 50),
            talk_heads_p99: percentile(&mut counts, 99),
            talk_causal_bytes_p50: percentile_of(&survey.weights, 50),
            talk_causal_bytes_p99: percentile_of(&survey.weights, 99),
        }
    }
}

/// How long newcomers take from their start until they have everything.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Joins {
    /// How many newcomers came.
    pub joins: u64,
    /// How many messages had been sent before.
    pub history_messages: u64,
    /// The median, in milliseconds.
    pub join_ms_p50: u64,
    /// The 99th percentile, in milliseconds.
    pub join_ms_p99: u64,
}

impl Joins {
    pub(super) fn of(times: &Times, history_messages: u64) -> Self {
        let percentile = |percent| times.percentile_ms(percent).unwrap_or_default();
        Self {
            joins: times.count(),
            history_messages,
            join_ms_p50: percentile(50),
            join_ms_p99: percentile(99),
        }
    }
}

/// Returns the value that `percent` of 100 do not exceed, from how often each value occurs.
fn percentile_of(values: &BTreeMap<usize, usize>, percent: usize) -> usize {
    let all: usize = values.values().sum();
    let mut left = (all * percent).div_ceil(100);
    let within = values.iter().find(|(_, times)| {
        let reached = left <= **times;
        left = left.saturating_sub(**times);
        reached
    });
    within.map_or(0, |(value, _)| *value)
}

/// Returns the value that `percent` of 100 do not exceed.
fn percentile(values: &mut [usize], percent: usize) -> usize {
    values.sort_unstable();
    let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(index).copied().unwrap_or(0)
}
