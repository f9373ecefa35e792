//! Rooms: members leave and come back, and a liar carries words from one room to another.

use ringtalk_proto::ErrorKind;

use super::forgery::{Parties, begin};
use super::{gather, seconds, talk_for};
use crate::network::HostIndex;
use crate::oracle::{Check, Violation, ensure};
use crate::world::World;

/// Everybody has everything in each room, although all but one leave a room in turn and come back.
pub(super) fn who_comes_back_to_a_room_misses_nothing(world: &mut World) -> Check {
    gather(world, 6)?;
    open(world, 0)?;
    open(world, 1)?;
    world.expect_failed(&[]);
    talk_for(world, seconds(2))?;
    for index in world.members().into_iter().skip(1) {
        world.leave_room(index, 0)?;
        world.run_for(seconds(3))?;
        ensure(!world.rooms_of(index).contains(&0), "leave", || {
            format!("n{index} has not left")
        })?;
        world.join_room(index, 0)?;
        world.run_for(seconds(3))?;
    }
    world.must_come_to_rest()
}

/// The coordinator of a room leaves it while the only other member is stopped, and is back before that member notices.
pub(super) fn a_rooms_coordinator_is_back_before_it_is_missed(world: &mut World) -> Check {
    gather(world, 4)?;
    let [first, second, ..] = world.members()[..] else {
        return Violation::of("H1", "there are too few members");
    };
    world.create_room(first, 0)?;
    world.run_for(seconds(1))?;
    world.join_room(second, 0)?;
    talk_for(world, seconds(2))?;
    world.pause(second, seconds(13));
    world.leave_room(first, 0)?;
    world.run_for(seconds(8))?;
    world.join_room(first, 0)?;
    world.run_for(seconds(12))?;
    world.must_come_to_rest()
}

/// A member of a room goes on alone while the others are dead or stopped, leaves, and comes back to one that was stopped.
/// When they replace the dead coordinator, the member does not open the epoch a second time that it had alone.
pub(super) fn who_comes_back_opens_no_epoch_twice(world: &mut World) -> Check {
    gather(world, 6)?;
    let [first, second, third, ..] = world.members()[..] else {
        return Violation::of("H1", "there are too few members");
    };
    world.create_room(first, 0)?;
    world.run_for(seconds(1))?;
    for index in [second, third] {
        world.join_room(index, 0)?;
        world.run_for(seconds(1))?;
    }
    world.pause(second, seconds(19));
    world.kill(first);
    world.run_for(seconds(16))?;
    let alone = world.coordinator_of_room(0);
    ensure(alone == Some(third), "H1", || {
        format!("n{alone:?} coordinates the room")
    })?;
    world.leave_room(third, 0)?;
    world.run_for(seconds(2))?;
    world.join_room(third, 0)?;
    world.run_for(seconds(20))?;
    world.must_come_to_rest()
}

/// A liar replays what a member said in one ring in another one, in which that member says something else or nothing.
pub(super) fn what_is_said_in_one_room_is_no_lie_in_another(world: &mut World) -> Check {
    let Parties { liar, victim, .. } = begin(world)?;
    open(world, 0)?;
    open(world, 1)?;
    world.run_for(seconds(3))?;
    world.send_lines_in(victim, 0, 3)?;
    if world.random.chance(50) {
        world.send_lines_in(victim, 1, 2)?;
    }
    world.run_for(seconds(2))?;
    for (from, to) in [
        (Some(0), Some(1)),
        (Some(1), Some(0)),
        (None, Some(1)),
        (Some(0), None),
    ] {
        let recipient = recipient_in(world, liar, victim, to)?;
        let replayed = world.replay([liar, recipient, victim], from, to)?;
        world.run_for(seconds(2))?;
        if replayed > 0 {
            world.check_error_shown(recipient, ErrorKind::Refused)?;
        }
        ensure(replayed > 0 || from == Some(1), "H1", || {
            format!("nothing of room {from:?} was replayed")
        })?;
    }
    world.must_come_to_rest()
}

/// Creates a room that all members enter.
fn open(world: &mut World, number: u64) -> Check {
    let members = world.members();
    for (place, index) in members.into_iter().enumerate() {
        if place == 0 {
            world.create_room(index, number)?;
            world.run_for(seconds(1))?;
        } else {
            world.join_room(index, number)?;
        }
    }
    world.run_for(seconds(2))
}

/// Returns a member to which the liar has a link in a room, or in the ring that is observed.
fn recipient_in(
    world: &World,
    liar: HostIndex,
    victim: HostIndex,
    room: Option<u64>,
) -> Result<HostIndex, Violation> {
    let linked = world.linked_in(liar, room).into_iter();
    let recipient = linked.rev().find(|one| *one != victim);
    recipient.map_or_else(
        || {
            Violation::of(
                "forgery",
                format!("n{liar} is linked to nobody in {room:?}"),
            )
        },
        Ok,
    )
}
