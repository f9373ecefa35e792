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
use crate::world::{Options, Record, World};

pub use figures::{Joins, Rest, Scale, Talk};

/// The shortest and the longest latency of a frame.
const LATENCY: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(50)];
/// How often several authors write.
const ROUNDS: usize = 5;
/// How many authors write each time.
const AUTHORS: usize = 8;
/// They write within this time.
const MOMENT: Duration = Duration::from_millis(200);
/// A message that has not arrived by then counts as missed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Duplicates arrive within this time: a child that has sent no receipt by then is silent.
const AGAIN: Duration = Duration::from_millis(1_500);
/// How long a ring is left alone until it is at rest.
const CALM: Duration = Duration::from_secs(5);
/// How often the world is checked for something that is awaited.
const LOOK: Duration = Duration::from_millis(100);
/// Rings of more members are founded at once.
const ONE_BY_ONE: u64 = 1_000;
/// How many nodes start at a time if they join: fewer than the links to non-members that a node accepts.
const CROWD: u64 = 48;
/// How long frames are counted at rest.
const REST: Duration = Duration::from_secs(10);
/// How many messages the whole discussion has in a second while many users write.
const TALK_A_SECOND: u32 = 100;
/// How soon one newcomer follows another.
const NEXT_NEWCOMER: Duration = Duration::from_millis(300);

/// The ring that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
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

/// Measures a ring, and tells `begins` what comes next.
///
/// # Errors
///
/// If an invariant is violated, or a message took other ways than it should in a stable ring; as text.
pub fn scale(ring: &Ring, mut begins: impl FnMut(&str)) -> Result<Scale, String> {
    let mut world = World::new(ring.seed, Options::default(), Record::default());
    measure(&mut world, ring, &mut begins).map_err(|violation| violation.to_string())
}

fn measure(
    world: &mut World,
    ring: &Ring,
    begins: &mut impl FnMut(&str),
) -> Result<Scale, Violation> {
    begins("gathering");
    gather(world, ring)?;
    begins("messages");
    let mut scale = if ring.dead_percent > 0 {
        among_the_dead(world, ring)?
    } else {
        in_a_stable_ring(world, ring)?
    };
    if ring.dead_percent == 0 {
        begins("rest");
        scale.rest = Some(rest(world)?);
        begins("talk");
        scale.talk = Some(talk(world, ring.talk_seconds)?);
        begins("newcomers");
        scale.joins = Some(newcomers(world, ring.newcomers)?);
    }
    begins("the end");
    Ok(scale)
}

fn gather(world: &mut World, ring: &Ring) -> Check {
    world.measure();
    world.expect_failed(&[]);
    world.set_latency(LATENCY);
    if ring.at_once || ring.nodes > ONE_BY_ONE {
        world.found_at_once(ring.nodes)?;
    } else {
        gather_one_by_one(world, ring.nodes)?;
    }
    world.run_for(CALM)?;
    ensure(
        world.is_whole() && world.members().len() as u64 == ring.nodes,
        "ready",
        || "not everybody is in".into(),
    )
}

fn gather_one_by_one(world: &mut World, nodes: u64) -> Check {
    let mut left = nodes;
    while left > 0 {
        let crowd = if left == nodes { 1 } else { left.min(CROWD) };
        for _ in 0..crowd {
            world.start();
        }
        left -= crowd;
        world.all_ready_within(Duration::from_secs(30))?;
    }
    Ok(())
}

/// Measures several authors who write at about the same time, again and again.
fn in_a_stable_ring(world: &mut World, ring: &Ring) -> Result<Scale, Violation> {
    world.follow_messages();
    for _ in 0..ROUNDS {
        speak(world)?;
    }
    let scale = Scale::of(ring.nodes, 0, world.survey.take().unwrap_or_default());
    scale.is_as_in_a_stable_ring()?;
    Ok(scale)
}

/// Measures the same once, just after a share of the members died and before anybody has noticed.
fn among_the_dead(world: &mut World, ring: &Ring) -> Result<Scale, Violation> {
    let dead = (ring.nodes * ring.dead_percent)
        .div_ceil(100)
        .min(ring.nodes - 2);
    for _ in 0..dead {
        let members = world.members();
        let doomed = one_of(world, &members);
        world.vanish(doomed);
    }
    world.follow_messages();
    speak(world)?;
    let survey = world.survey.take().unwrap_or_default();
    Ok(Scale::of(ring.nodes, dead, survey))
}

fn speak(world: &mut World) -> Check {
    let members = world.members();
    for _ in 0..AUTHORS {
        let author = one_of(world, &members);
        world.paste(author, 1)?;
        world.run_for(MOMENT / AUTHORS as u32)?;
    }
    let end = world.time() + PATIENCE;
    while world.time() < end && !world.all_were_delivered(members.len() - 1) {
        world.run_for(LOOK)?;
    }
    world.run_for(AGAIN)
}

fn one_of(world: &mut World, members: &[HostIndex]) -> HostIndex {
    world.random.pick(members).unwrap_or_default()
}

/// Measures the traffic while nobody writes anything.
fn rest(world: &mut World) -> Result<Rest, Violation> {
    world.run_for(CALM)?;
    world.count_traffic();
    world.run_for(REST)?;
    let traffic = world.traffic.take().unwrap_or_default();
    Ok(Rest::of(&traffic, REST))
}

/// Measures a busy discussion, with messages of random members.
fn talk(world: &mut World, seconds: u32) -> Result<Talk, Violation> {
    let members = world.members();
    let pace = Duration::from_secs(1) / TALK_A_SECOND;
    world.count_messages();
    for _ in 0..seconds * TALK_A_SECOND {
        let author = one_of(world, &members);
        world.paste(author, 1)?;
        let pause = world.random.between(0, 2 * pace.as_micros() as u64);
        world.run_for(Duration::from_micros(pause))?;
    }
    world.run_for(CALM)?;
    ensure(world.have_all_the_same(), "C5", || {
        "after a talk not everybody has the same".into()
    })?;
    Ok(Talk::of(&world.survey.take().unwrap_or_default()))
}

/// Measures newcomers that come one after the other and fetch everything so far.
fn newcomers(world: &mut World, count: u32) -> Result<Joins, Violation> {
    let history = world.said();
    world.figures.joins = crate::Times::default();
    for _ in 0..count {
        world.start();
        world.run_for(NEXT_NEWCOMER)?;
    }
    world.all_ready_within(PATIENCE)?;
    ensure(world.have_all_the_same(), "C5", || {
        "newcomers do not have what the others have".into()
    })?;
    Ok(Joins::of(&world.figures.joins, history))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn ring(nodes: u64) -> Ring {
        Ring {
            nodes,
            seed: 1,
            dead_percent: 0,
            at_once: false,
            talk_seconds: 1,
            newcomers: 10,
        }
    }

    fn measured(ring: &Ring) -> Scale {
        scale(ring, |_| {}).expect("nothing is wrong")
    }

    #[test]
    fn in_a_small_ring_every_payload_is_sent_once() {
        let scale = measured(&ring(6));
        assert_eq!((scale.nodes, scale.messages), (6, 40));
        assert_eq!((scale.missed, scale.duplicates), (0, 0));
        assert!((scale.payloads_per_message - 5.0).abs() < 0.01, "{scale:?}");
        assert_eq!(scale.hops_max, 3);
        assert!(scale.time_to_all_ms_max >= 30.0, "{scale:?}");
        let joins = scale.joins.expect("newcomers came");
        assert_eq!((joins.history_messages, joins.joins), (140, 10));
    }

    #[test]
    fn the_dead_keep_nothing_from_the_living() {
        let scale = measured(&Ring {
            dead_percent: 10,
            ..ring(40)
        });
        assert_eq!((scale.dead, scale.messages, scale.missed), (4, 8, 0));
        assert!(scale.time_to_all_ms_max > 250.0, "{scale:?}");
    }

    /// Returns a ring that its members joined one after the other, and one that was founded at once.
    fn both(nodes: u64) -> [World; 2] {
        [false, true].map(|at_once| {
            let mut world = World::new(1, Options::default(), Record::default());
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
            let mut worlds = both(nodes);
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
