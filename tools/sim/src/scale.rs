//! How a message spreads in a ring of so many nodes, with links of 10 to 50 ms.
//!
//! Several authors speak at about the same time, in a ring where nothing goes wrong. Not here: what
//! is noted of each frame (`world/survey`).

use core::time::Duration;

use serde::Serialize;

use crate::oracle::{Check, Violation, ensure};
use crate::world::{Options, Record, World};

/// The shortest and the longest way of a frame.
const LATENCY: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(50)];
/// How often several authors speak.
const ROUNDS: usize = 5;
/// How many do so each time.
const AUTHORS: usize = 8;
/// They do so within this time.
const MOMENT: Duration = Duration::from_millis(200);
/// What has not arrived by then counts as missed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many start at a time.
const CROWD: u64 = 8;

/// What was measured; `contract.md` has these names.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Scale {
    /// How many nodes there were.
    pub nodes: u64,
    /// How many messages were looked at.
    pub messages: u64,
    /// How often the payload of one message was sent, on average.
    pub payloads_per_message: f64,
    /// Payloads that came to a node that had them.
    pub duplicates: u64,
    /// Deliveries that did not happen in time.
    pub missed: u64,
    /// The most hops that a payload took.
    pub hops_max: u32,
    /// From sealing until the last delivery, in milliseconds.
    pub time_to_all_ms_mean: f64,
    /// The longest of them.
    pub time_to_all_ms_max: f64,
    /// What the dependencies of a message weigh, in bytes.
    pub causal_bytes_p99: usize,
}

/// Measures a ring of so many nodes.
///
/// # Errors
///
/// Where an invariant is violated, in words.
pub fn scale(nodes: u64, seed: u64) -> Result<Scale, String> {
    let mut world = World::new(seed, Options::default(), Record::default());
    measure(&mut world, nodes).map_err(|violation| violation.to_string())
}

fn measure(world: &mut World, nodes: u64) -> Result<Scale, Violation> {
    world.expect_failed(&[]);
    world.set_latency(LATENCY);
    gather(world, nodes)?;
    world.follow_messages();
    for _ in 0..ROUNDS {
        for _ in 0..AUTHORS {
            let members = world.members();
            let author = world.random.pick(&members).unwrap_or_default();
            world.paste(author, 1)?;
            world.run_for(MOMENT / AUTHORS as u32)?;
        }
        world.run_for(PATIENCE)?;
    }
    Ok(summary(world, nodes))
}

fn gather(world: &mut World, nodes: u64) -> Check {
    let mut left = nodes;
    while left > 0 {
        let crowd = if left == nodes { 1 } else { left.min(CROWD) };
        for _ in 0..crowd {
            world.start();
        }
        left -= crowd;
        world.all_ready_within(Duration::from_secs(30))?;
    }
    world.run_for(Duration::from_secs(5))?;
    ensure(world.members().len() as u64 == nodes, "ready", || {
        "not everybody is in".into()
    })
}

fn summary(world: &mut World, nodes: u64) -> Scale {
    let bundles = world.survey.take().unwrap_or_default().bundles;
    let travels: Vec<_> = bundles.into_values().collect();
    let messages = travels.len().max(1) as u64;
    let millis: Vec<f64> = travels
        .iter()
        .map(|travels| travels.time_to_all().as_secs_f64() * 1e3)
        .collect();
    let mut bytes: Vec<usize> = travels.iter().map(|travels| travels.causal_bytes).collect();
    bytes.sort_unstable();
    let payloads: u64 = travels.iter().map(|travels| travels.payloads).sum();
    let delivered: u64 = travels
        .iter()
        .map(|travels| travels.delivered.len() as u64)
        .sum();
    let hops = travels.iter().flat_map(|travels| travels.hops.values());
    Scale {
        nodes,
        messages,
        payloads_per_message: payloads as f64 / messages as f64,
        duplicates: travels.iter().map(|travels| travels.duplicates).sum(),
        missed: (messages * (nodes - 1)).saturating_sub(delivered),
        hops_max: hops.copied().max().unwrap_or(0),
        time_to_all_ms_mean: millis.iter().sum::<f64>() / messages as f64,
        time_to_all_ms_max: millis.iter().copied().fold(0.0, f64::max),
        causal_bytes_p99: bytes
            .get((bytes.len() * 99).div_ceil(100).saturating_sub(1))
            .copied()
            .unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_small_ring_every_payload_is_sent_once() {
        let scale = scale(6, 1).expect("nothing is wrong");
        assert_eq!((scale.nodes, scale.messages), (6, 40));
        assert_eq!((scale.missed, scale.duplicates), (0, 0));
        assert!((scale.payloads_per_message - 5.0).abs() < 0.01, "{scale:?}");
        assert_eq!(scale.hops_max, 3);
        assert!(scale.time_to_all_ms_max >= 30.0, "{scale:?}");
    }
}
