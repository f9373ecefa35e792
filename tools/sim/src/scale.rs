//! The cost of a ring with links of 10 to 50 ms: how a message spreads, what is sent at rest, what messages depend
//! on while many users write, and how long a newcomer takes.
//!
//! Nothing goes wrong, unless a share of the nodes is to die unnoticed just before the messages. The oracles that
//! look at events run, C1 by the heads of messages and C3 by C2, from which it follows; those that compare all
//! nodes at rest do not. Not here: what is recorded of each frame (`world/survey`, `world/traffic`).

mod figures;

use core::time::Duration;

use crate::network::HostIndex;
use crate::oracle::{Check, Violation, ensure};
use crate::world::{FaultRecord, Options, World};

pub use figures::{Joins, Rest, Scale, Talk};

/// The shortest and the longest latency of a frame.
const LATENCY: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(50)];
/// How often several authors write.
const ROUNDS: usize = 5;
/// How many authors write each time.
const AUTHORS: usize = 8;
/// They write within this time.
const SENDING: Duration = Duration::from_millis(200);
/// A message that has not arrived by then counts as missed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Duplicates arrive within this time: a child that has sent no receipt by then is silent.
const DUPLICATES: Duration = Duration::from_millis(1_500);
/// How long a ring is left alone until it is at rest.
const QUIET: Duration = Duration::from_secs(5);
/// How often the world is checked for something that is awaited.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Rings of more members are founded at once.
const ONE_BY_ONE: u64 = 1_000;
/// How many nodes start at a time if they join: fewer than the links to non-members that a node accepts.
const BATCH: u64 = 48;
/// How long frames are counted at rest.
const REST: Duration = Duration::from_secs(10);
/// How many messages the whole discussion has in a second while many users write.
const TALK_A_SECOND: u32 = 100;
/// How soon one newcomer follows another.
const NEXT_NEWCOMER: Duration = Duration::from_millis(300);

/// The ring that is measured.
#[derive(Clone, Copy, Debug)]
pub struct RingSpec {
    /// How many nodes there are.
    pub nodes: u64,
    /// The seed: another one gives another ring of the same size.
    pub seed: u64,
    /// How many of 100 members lose power just before the messages.
    pub dead_percent: u64,
    /// Whether all are members from the beginning, however few they are.
    pub at_once: bool,
    /// For how many seconds many users write.
    pub talk_seconds: u32,
    /// How many newcomers come after that.
    pub newcomers: u32,
}

/// Measures a ring, and calls `announce` with the name of each part that begins.
///
/// # Errors
///
/// If an invariant is violated, or a message took other ways than it should in a stable ring; as text.
pub fn scale(ring: &RingSpec, mut announce: impl FnMut(&str)) -> Result<Scale, String> {
    let mut world = World::new(ring.seed, Options::default(), FaultRecord::default());
    measure(&mut world, ring, &mut announce).map_err(|violation| violation.to_string())
}

fn measure(
    world: &mut World,
    ring: &RingSpec,
    announce: &mut impl FnMut(&str),
) -> Result<Scale, Violation> {
    announce("gathering");
    gather(world, ring)?;
    announce("messages");
    let mut scale = if ring.dead_percent > 0 {
        measure_with_dead(world, ring)?
    } else {
        measure_stable(world, ring)?
    };
    if ring.dead_percent == 0 {
        announce("rest");
        scale.rest = Some(measure_rest(world)?);
        announce("talk");
        scale.talk = Some(measure_talk(world, ring.talk_seconds)?);
        announce("newcomers");
        scale.joins = Some(measure_joins(world, ring.newcomers)?);
    }
    announce("done");
    Ok(scale)
}

fn gather(world: &mut World, ring: &RingSpec) -> Check {
    world.use_cheap_checks();
    world.expect_failed(&[]);
    world.set_latency(LATENCY);
    if ring.at_once || ring.nodes > ONE_BY_ONE {
        world.found_at_once(ring.nodes)?;
    } else {
        gather_one_by_one(world, ring.nodes)?;
    }
    world.run_for(QUIET)?;
    ensure(
        world.is_whole() && world.members().len() as u64 == ring.nodes,
        "ready",
        || "not all nodes have joined".into(),
    )
}

fn gather_one_by_one(world: &mut World, nodes: u64) -> Check {
    let mut left = nodes;
    while left > 0 {
        let batch = if left == nodes { 1 } else { left.min(BATCH) };
        for _ in 0..batch {
            world.start();
        }
        left -= batch;
        world.all_ready_within(Duration::from_secs(30))?;
    }
    Ok(())
}

/// Measures several authors who write at about the same time, again and again.
fn measure_stable(world: &mut World, ring: &RingSpec) -> Result<Scale, Violation> {
    world.follow_messages();
    for _ in 0..ROUNDS {
        send_messages(world)?;
    }
    let scale = Scale::of(
        ring.nodes,
        0,
        world.measurement.survey.take().unwrap_or_default(),
    );
    scale.check_stable()?;
    Ok(scale)
}

/// Measures the same once, just after a share of the members died and before anybody has noticed.
fn measure_with_dead(world: &mut World, ring: &RingSpec) -> Result<Scale, Violation> {
    let dead = (ring.nodes * ring.dead_percent)
        .div_ceil(100)
        .min(ring.nodes - 2);
    for _ in 0..dead {
        let members = world.members();
        let doomed = pick_member(world, &members);
        world.vanish(doomed);
    }
    world.follow_messages();
    send_messages(world)?;
    let survey = world.measurement.survey.take().unwrap_or_default();
    Ok(Scale::of(ring.nodes, dead, survey))
}

fn send_messages(world: &mut World) -> Check {
    let members = world.members();
    for _ in 0..AUTHORS {
        let author = pick_member(world, &members);
        world.send_lines(author, 1)?;
        world.run_for(SENDING / AUTHORS as u32)?;
    }
    let end = world.time() + PATIENCE;
    while world.time() < end && !world.are_all_delivered(members.len() - 1) {
        world.run_for(POLL_INTERVAL)?;
    }
    world.run_for(DUPLICATES)
}

fn pick_member(world: &mut World, members: &[HostIndex]) -> HostIndex {
    world.random.pick(members).unwrap_or_default()
}

/// Measures the traffic while nobody writes anything.
fn measure_rest(world: &mut World) -> Result<Rest, Violation> {
    world.run_for(QUIET)?;
    world.count_traffic();
    world.run_for(REST)?;
    let traffic = world.measurement.traffic.take().unwrap_or_default();
    Ok(Rest::of(&traffic, REST))
}

/// Measures a busy discussion, with messages of random members.
fn measure_talk(world: &mut World, seconds: u32) -> Result<Talk, Violation> {
    let members = world.members();
    let pace = Duration::from_secs(1) / TALK_A_SECOND;
    world.count_messages();
    for _ in 0..seconds * TALK_A_SECOND {
        let author = pick_member(world, &members);
        world.send_lines(author, 1)?;
        let pause = world.random.between(0, 2 * pace.as_micros() as u64);
        world.run_for(Duration::from_micros(pause))?;
    }
    world.run_for(QUIET)?;
    ensure(world.have_same_messages(), "C5", || {
        "not all members have the same messages after the talk".into()
    })?;
    Ok(Talk::of(
        &world.measurement.survey.take().unwrap_or_default(),
    ))
}

/// Measures newcomers that come one after the other and fetch everything so far.
fn measure_joins(world: &mut World, count: u32) -> Result<Joins, Violation> {
    let history = world.total_sent();
    world.figures.joins = crate::Times::default();
    for _ in 0..count {
        world.start();
        world.run_for(NEXT_NEWCOMER)?;
    }
    world.all_ready_within(PATIENCE)?;
    ensure(world.have_same_messages(), "C5", || {
        "newcomers lack messages that the others have".into()
    })?;
    Ok(Joins::of(&world.figures.joins, history))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn ring(nodes: u64) -> RingSpec {
        RingSpec {
            nodes,
            seed: 1,
            dead_percent: 0,
            at_once: false,
            talk_seconds: 1,
            newcomers: 10,
        }
    }

    fn measure_sound(ring: &RingSpec) -> Scale {
        scale(ring, |_| {}).expect("nothing is wrong")
    }

    #[test]
    fn in_a_small_ring_every_payload_is_sent_once() {
        let scale = measure_sound(&ring(6));
        assert_eq!((scale.nodes, scale.messages), (6, 40));
        assert_eq!((scale.missed, scale.duplicates), (0, 0));
        assert!((scale.payloads_per_message - 5.0).abs() < 0.01, "{scale:?}");
        assert_eq!(scale.hops_max, 3);
        assert!(scale.time_to_all_ms_max >= 30.0, "{scale:?}");
        let joins = scale.joins.expect("newcomers came");
        assert_eq!((joins.history_messages, joins.joins), (140, 10));
    }

    #[test]
    fn dead_members_keep_no_message_from_the_others() {
        let scale = measure_sound(&RingSpec {
            dead_percent: 10,
            ..ring(40)
        });
        assert_eq!((scale.dead, scale.messages, scale.missed), (4, 8, 0));
        assert!(scale.time_to_all_ms_max > 250.0, "{scale:?}");
    }

    /// Returns a ring that its members joined one after the other, and one that was founded at once.
    fn joined_and_founded(nodes: u64) -> [World; 2] {
        [false, true].map(|at_once| {
            let mut world = World::new(1, Options::default(), FaultRecord::default());
            world.expect_failed(&[]);
            if at_once {
                world.found_at_once(nodes).expect("nothing is wrong");
            } else {
                for _ in 0..nodes {
                    world.start();
                    let ready = world.all_ready_within(Duration::from_secs(5));
                    ready.expect("nothing is wrong");
                }
            }
            world
                .run_for(Duration::from_secs(20))
                .expect("nothing is wrong");
            world
        })
    }

    #[test]
    fn a_ring_founded_at_once_is_like_one_that_was_joined() {
        for nodes in [2, 16, 17, 75] {
            let mut worlds = joined_and_founded(nodes);
            let [joined, at_once] = worlds.each_ref().map(World::shape);
            assert_eq!(joined, at_once, "{nodes} nodes");
            for world in &mut worlds {
                let views = world.views();
                let common = |view| Arc::ptr_eq(view, &views[0]);
                assert!(views.iter().all(common), "one view, one copy");
                world.must_come_to_rest().expect("all is well at rest");
            }
        }
    }
}
