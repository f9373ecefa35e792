//! A member lies to get the coordinator's office, or to keep others from it.

use ringtalk_wire::{Addresses, Alive, Epoch, Frame, Meet, Opening, ViewHash, ViewTag};

use super::forgery::{Parties, begin, view_without};
use super::{FAILOVER, gather, millis, seconds, talk_for, the_coordinator};
use crate::network::HostIndex;
use crate::oracle::{Check, Violation, ensure};
use crate::world::World;

/// Every member that asks others hears from all of them that the dead coordinator lives.
pub(super) fn a_dead_coordinator_has_no_advocate(world: &mut World) -> Check {
    gather(world, 6)?;
    talk_for(world, seconds(1))?;
    let coordinator = the_coordinator(world)?;
    world.expect_failed(&[coordinator]);
    world.vanish(coordinator);
    let mut lies = 0;
    for _ in 0..FAILOVER.as_millis() / 20 {
        world.run_for(millis(20))?;
        for liar in world.members() {
            let Some(probe) = world.last_probe(liar) else {
                continue;
            };
            let seal = world.seal_bytes_as(liar, &probe.to_sign(world.setup.ring));
            let alive = Frame::Alive(Alive { probe, seal });
            for judge in world.linked_with(liar) {
                world.forge(liar, judge, &alive)?;
                lies += 1;
            }
        }
    }
    ensure(lies > 0, "H1", || "no member was probed".into())?;
    world.coordinator_within(millis(1))?;
    world.must_come_to_rest()
}

/// An invitation arrives every 50 ms, and the ring still admits a newcomer.
pub(super) fn invitations_without_end_freeze_nothing(world: &mut World) -> Check {
    let Parties { coordinator, .. } = begin(world)?;
    let liar = linked_liar(world, coordinator)?;
    for second in 0..30 {
        if second == 5 {
            world.start();
        }
        for _ in 0..20 {
            let invite = Frame::Invite(large_ring(world, liar, coordinator)?);
            world.forge(liar, coordinator, &invite)?;
            world.run_for(millis(50))?;
        }
    }
    world.all_ready_within(millis(1))?;
    ensure(world.coordinator() == Some(coordinator), "usurper", || {
        "another member coordinates".into()
    })?;
    world.must_come_to_rest()
}

/// A pledge that a coordinator signed for a failed merge takes no member along afterwards.
pub(super) fn a_pledge_that_lapsed_is_worth_nothing(world: &mut World) -> Check {
    let Parties { coordinator, .. } = begin(world)?;
    let liar = linked_liar(world, coordinator)?;
    let other = |one: &HostIndex| ![liar, coordinator].contains(one);
    let victim = world.members().into_iter().rfind(other);
    let victim = victim.map_or_else(|| Violation::of("usurper", "no member is left"), Ok)?;
    let meet = large_ring(world, liar, coordinator)?;
    let Some(view) = world.view_of(coordinator) else {
        return Violation::of("usurper", "the coordinator has no view");
    };
    let epoch = view.tag().epoch;
    let mut pledge = Opening {
        epoch: Epoch {
            number: epoch.number.max(meet.tag.epoch.number) + 1,
            coordinator: world.id(liar),
        },
        before: meet.tag.epoch,
        with: Some(epoch),
        seals: Vec::new(),
    };
    let seals =
        [coordinator, liar].map(|who| world.seal_bytes_as(who, &pledge.to_sign(world.setup.ring)));
    pledge.seals = seals.into();
    world.forge(liar, coordinator, &Frame::Invite(meet))?;
    world.run_for(seconds(6))?;
    let (_, stolen) = view_without(world, liar, &view, victim, Some(pledge));
    for recipient in world.linked_with(liar) {
        for page in stolen.pages() {
            world.forge(liar, recipient, &Frame::View(page.into()))?;
        }
    }
    world.run_for(seconds(3))?;
    world.must_come_to_rest()
}

/// While its coordinator is silent for a moment, nobody believes a member that claims the office alone.
pub(super) fn a_silent_coordinator_is_not_usurped(world: &mut World) -> Check {
    let Parties {
        coordinator,
        liar,
        victim,
        ..
    } = begin(world)?;
    world.pause(coordinator, seconds(2));
    world.run_for(millis(1_250))?;
    let Some(view) = world.view_of(liar) else {
        return Violation::of("usurper", "the liar has no view");
    };
    let before = view.tag().epoch;
    let mut opening = Opening {
        epoch: Epoch {
            number: before.number + 1,
            coordinator: world.id(liar),
        },
        before,
        with: None,
        seals: Vec::new(),
    };
    let own = world.seal_bytes_as(liar, &opening.to_sign(world.setup.ring));
    opening.seals = vec![own, own];
    let (_, next) = view_without(world, liar, &view, victim, Some(opening));
    for _ in 0..12 {
        for recipient in world.linked_with(liar) {
            for page in next.pages() {
                world.forge(liar, recipient, &Frame::View(page.into()))?;
            }
        }
        world.run_for(millis(50))?;
    }
    world.run_for(seconds(3))?;
    ensure(world.coordinator() == Some(coordinator), "usurper", || {
        "another member coordinates".into()
    })?;
    world.must_come_to_rest()
}

/// Returns a member that has a link with the coordinator.
fn linked_liar(world: &World, coordinator: HostIndex) -> Result<HostIndex, Violation> {
    let linked = world.linked_with(coordinator).into_iter().next();
    linked.map_or_else(
        || Violation::of("usurper", "no member has a link with the coordinator"),
        Ok,
    )
}

/// Returns an invitation to a ring of the liar's, larger than the one that it is in.
fn large_ring(world: &World, liar: HostIndex, recipient: HostIndex) -> Result<Meet, Violation> {
    let Some(view) = world.view_of(recipient) else {
        return Violation::of("usurper", "the recipient has no view");
    };
    let mut epoch = view.tag().epoch;
    epoch.coordinator = world.id(liar);
    Ok(Meet {
        tag: ViewTag {
            epoch,
            number: 7,
            hash: ViewHash([7; 16]),
        },
        members: 1_000,
        seniority: 0,
        addresses: Addresses::default(),
    })
}
