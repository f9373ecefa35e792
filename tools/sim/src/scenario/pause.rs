//! Processes are paused for a while, and resume.

use core::time::Duration;
use std::collections::BTreeSet;

use ringtalk_proto::Time;

use super::{FAILOVER, gather, millis, ordinary, seconds, talk_for, the_coordinator};
use crate::network::HostIndex;
use crate::oracle::Check;
use crate::schedule::{Action, Target};
use crate::world::World;

/// How soon after a pause all marks are complete: the member finds out that it is no longer one, is back, and pulls
/// what it missed; and the authors ask after 1, 2 and 4 s.
const MARKED: Duration = seconds(10);

pub(super) fn coordinator_paused_20_s(world: &mut World) -> Check {
    gather(world, 5)?;
    talk_for(world, seconds(2))?;
    let coordinator = the_coordinator(world)?;
    world.pause(coordinator, seconds(20));
    world.coordinator_within(FAILOVER)?;
    world.run_for(seconds(25))?;
    world.must_come_to_rest()
}

pub(super) fn ordinary_paused(world: &mut World) -> Check {
    gather(world, 5)?;
    talk_for(world, seconds(1))?;
    let victim = ordinary(world)?;
    world.expect_failed(&[victim]);
    let time = world.random.millis(2_000, 20_000);
    world.pause(victim, time);
    world.run_for(time + seconds(3))?;
    world.must_come_to_rest()
}

/// A member is paused for long while the others write. When it has caught up, all authors are told that everyone has
/// their messages, and nobody writes for that.
pub(super) fn marks_become_true_though_nobody_says_more(world: &mut World) -> Check {
    let count = world.random.between(2, 8);
    gather(world, count)?;
    talk_for(world, seconds(1))?;
    let members = world.members();
    let victim = world.random.pick(&members).unwrap_or_default();
    let time = world.random.millis(3_000, 30_000);
    world.pause(victim, time);
    world.run_for(time / 2)?;
    world.silence_users();
    world.run_for(time / 2)?;
    world.marks_complete_within(MARKED)?;
    world.must_come_to_rest()
}

pub(super) fn short_pause_evicts_nobody(world: &mut World) -> Check {
    gather(world, 6)?;
    world.expect_failed(&[]);
    world.talk(millis(300));
    for _ in 0..12 {
        let members = world.members();
        let victim = world.random.pick(&members).unwrap_or(0);
        let time = world.random.millis(100, 999);
        world.pause(victim, time);
        world.run_for(time + seconds(1))?;
    }
    world.must_come_to_rest()
}

/// A member that was paused for long is admitted again by a coordinator whose answer it does not get. The others
/// list it, and tell it of its eviction, of what came after, and of its return.
pub(super) fn who_is_back_hears_it_from_others(world: &mut World) -> Check {
    gather(world, 8)?;
    talk_for(world, seconds(1))?;
    let coordinator = the_coordinator(world)?;
    let victim = ordinary(world)?;
    world.pause(victim, seconds(5));
    let until = world.random.millis(3_000, 3_500);
    world.run_for(until)?;
    world.kill(coordinator);
    world.coordinator_within(FAILOVER)?;
    let coordinator = the_coordinator(world)?;
    world.inject(Action::Cut {
        node: Target::Node(coordinator),
        other: Target::Node(victim),
        time: seconds(6),
    })?;
    world.run_for(seconds(4))?;
    world.inject(Action::Reset {
        node: Target::Node(victim),
        other: Target::Node(coordinator),
    })?;
    world.must_come_to_rest()
}

/// A coordinator wakes up when nobody else is left, and the director still names it.
pub(super) fn coordinator_wakes_up_alone(world: &mut World) -> Check {
    gather(world, 4)?;
    talk_for(world, seconds(1))?;
    let coordinator = the_coordinator(world)?;
    for victim in world.members() {
        if victim != coordinator {
            world.kill(victim);
        }
    }
    let time = world.random.millis(1_500, 4_500);
    world.pause(coordinator, time);
    world.run_for(time + seconds(2))?;
    world.start();
    world.must_come_to_rest()
}

/// A message that is shown as a gap while its only holder is paused arrives when that holder is back.
pub(super) fn a_gap_closes_when_its_holder_is_back(world: &mut World) -> Check {
    gather(world, 3)?;
    talk_for(world, seconds(1))?;
    let members = world.members();
    let late = ordinary(world)?;
    world.pause(late, seconds(5));
    let until = world.random.millis(5_010, 5_200);
    world.run_for(until)?;
    let others: Vec<HostIndex> = members.into_iter().filter(|&one| one != late).collect();
    if let &[one, other] = others.as_slice() {
        world.kill(one);
        world.pause(other, seconds(4));
    }
    world.run_for(seconds(6))?;
    world.must_come_to_rest()
}

/// Frames are lost everywhere, and a tenth of the nodes pauses again and again, for up to 1 s with at least 1 s
/// between. Nobody is found dead, for as long as asked for (`--lasts`).
pub(super) fn nobody_is_evicted_for_being_late(world: &mut World) -> Check {
    let count = world.setup.nodes.unwrap_or(20);
    let end = world.setup.lasts.unwrap_or(seconds(120));
    gather(world, count)?;
    world.expect_failed(&[]);
    world.talk(seconds(30 * count));
    world.inject(Action::Loss {
        percent: 5,
        time: end,
    })?;
    let begun = world.time();
    let stalling = world.members().into_iter().step_by(10);
    let mut due: BTreeSet<(Time, HostIndex)> = stalling.map(|index| (begun, index)).collect();
    while let Some((when, index)) = due.pop_first()
        && when - begun < end
    {
        world.run_for(when - world.time())?;
        let stall = world.random.millis(50, 999);
        world.pause(index, stall);
        let wait = world.random.millis(1_000, 9_000);
        due.insert((world.time() + stall + wait, index));
    }
    world.must_come_to_rest()
}
