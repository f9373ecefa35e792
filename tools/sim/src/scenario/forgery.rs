//! A member lies: about what others wrote, about the view, about who coordinates, and about its own messages.
//! No member believes it, and each member that it lies to shows an error.

use core::time::Duration;
use std::sync::Arc;

use ringtalk_proto::{Change, ErrorKind, View};
use ringtalk_wire::{
    Announcement, Bundle, BundleMessage, Departed, Departure, Digest, Frame, Has, Holding, Item,
    MessageId, Opening, PullEnd, Range, SealHash, ViewUpdate, view_to_sign,
};

use super::{gather, millis, ordinary, seconds, slow_links, talk_for, the_coordinator};
use crate::network::HostIndex;
use crate::oracle::{Check, Violation, ensure};
use crate::schedule::Action;
use crate::world::World;
use crate::world::forgery::spread_frame;

/// How far above the epoch in force a lie goes.
const LEAPS: [u64; 3] = [1, 1_000, 1 << 40];

/// A liar, a recipient that it lies to, and a victim that it lies about; none of them coordinates.
pub(super) struct Parties {
    pub(super) coordinator: HostIndex,
    pub(super) liar: HostIndex,
    recipient: HostIndex,
    pub(super) victim: HostIndex,
}

pub(super) fn a_forged_message_is_refused(world: &mut World) -> Check {
    let Parties {
        liar,
        recipient,
        victim,
        ..
    } = begin(world)?;
    let bundle = next_bundle(world, victim, "I never said this");
    let mut signed_by_liar = world.seal_as(liar, &bundle);
    world.forge(
        liar,
        recipient,
        &spread_frame(Item::Bundle(signed_by_liar.clone())),
    )?;
    world.run_for(seconds(2))?;
    world.check_error_shown(recipient, ErrorKind::Refused)?;
    signed_by_liar.seal.key = world.seal_as(victim, &bundle).seal.key;
    world.forge(
        liar,
        recipient,
        &spread_frame(Item::Bundle(signed_by_liar.clone())),
    )?;
    world.run_for(seconds(2))?;
    world.forge(liar, recipient, &Frame::Pulled(signed_by_liar))?;
    world.must_come_to_rest()
}

pub(super) fn a_forged_view_is_refused(world: &mut World) -> Check {
    let Parties {
        liar,
        recipient,
        victim,
        ..
    } = begin(world)?;
    let view = must_have_view(world, recipient)?;
    for (about, whole) in [(victim, false), (recipient, true)] {
        let (update, _) = view_without(world, liar, &view, about, None);
        let update = Announcement::View(update);
        let mut sealed = world.seal_as(liar, &update);
        let frame = if whole {
            Frame::Update(sealed.clone())
        } else {
            spread_frame(Item::Announcement(sealed.clone()))
        };
        world.forge(liar, recipient, &frame)?;
        world.run_for(seconds(2))?;
        world.check_error_shown(recipient, ErrorKind::Refused)?;
        let coordinator = the_coordinator(world)?;
        sealed.seal.key = world.seal_as(coordinator, &update).seal.key;
        world.forge(liar, recipient, &Frame::Update(sealed))?;
        world.run_for(seconds(2))?;
    }
    world.must_come_to_rest()
}

pub(super) fn a_forged_election_is_refused(world: &mut World) -> Check {
    let Parties {
        liar,
        recipient,
        victim,
        ..
    } = begin(world)?;
    for leap in LEAPS {
        let view = must_have_view(world, recipient)?;
        let mut epoch = view.tag().epoch;
        let before = epoch;
        epoch.number = (epoch.number + leap).min(1 << 50);
        epoch.coordinator = world.id(liar);
        let mut opening = Opening {
            epoch,
            before,
            with: None,
            seals: Vec::new(),
        };
        let own = world.seal_bytes_as(liar, &opening.to_sign(world.setup.ring));
        // The same signature twice is not that of two members.
        opening.seals = vec![own, own];
        let (update, next) = view_without(world, liar, &view, victim, Some(opening));
        let sealed = world.seal_as(liar, &Announcement::View(update));
        world.forge(
            liar,
            recipient,
            &spread_frame(Item::Announcement(sealed.clone())),
        )?;
        world.forge(liar, recipient, &Frame::Update(sealed))?;
        for page in next.pages() {
            world.forge(liar, recipient, &Frame::View(page.into()))?;
        }
        world.run_for(seconds(3))?;
    }
    world.check_error_shown(recipient, ErrorKind::UnprovenCoordinator)?;
    world.must_come_to_rest()
}

pub(super) fn a_fork_is_shown_up_everywhere(world: &mut World) -> Check {
    let Parties { liar, .. } = begin_silent(world)?;
    equivocate(world, liar)?;
    for index in world.members() {
        if index != liar {
            world.check_error_shown(index, ErrorKind::AuthorForked)?;
        }
    }
    ensure(world.have_same_messages(), "C5", || {
        "not all members have the same messages".to_owned()
    })
}

pub(super) fn a_coordinator_that_was_shown_up_is_replaced(world: &mut World) -> Check {
    gather(world, 6)?;
    world.run_for(seconds(1))?;
    let liar = the_coordinator(world)?;
    world.expect_failed(&[liar]);
    equivocate(world, liar)?;
    let next = the_coordinator(world)?;
    ensure(next != liar, "shown-up", || {
        format!("n{liar} is the coordinator still")
    })?;
    world.must_come_to_rest()
}

pub(super) fn a_fork_mutes_nobody_else(world: &mut World) -> Check {
    let Parties {
        liar, recipient, ..
    } = begin_silent(world)?;
    world.distrust(liar);
    let mut bundle = next_bundle(world, liar, "this I say to one of you only");
    bundle.lamport = world.lamport_ahead();
    let sealed = world.seal_as(liar, &bundle);
    world.forge(liar, recipient, &Frame::Pulled(sealed))?;
    world.send_lines(recipient, 1)?;
    world.send_lines(liar, 1)?;
    world.run_for(seconds(1))?;
    world.send_lines(recipient, 1)?;
    world.must_come_to_rest()
}

pub(super) fn a_fork_with_other_bounds_stops_nobody(world: &mut World) -> Check {
    let Parties {
        liar, recipient, ..
    } = begin_silent(world)?;
    world.distrust(liar);
    let mut bundle = next_bundle(world, liar, "this I say to one of you only");
    let more = world.random.between(1, 5) as usize;
    bundle.messages = vec![bundle.messages[0].clone(); 1 + more];
    bundle.lamport = world.lamport_ahead();
    let sealed = world.seal_as(liar, &bundle);
    world.forge(liar, recipient, &Frame::Pulled(sealed))?;
    let lines = world.random.between(1, 3);
    world.send_lines(liar, lines)?;
    world.send_lines(recipient, 1)?;
    world.run_for(seconds(1))?;
    world.send_lines(recipient, 1)?;
    world.must_come_to_rest()
}

pub(super) fn forks_in_a_busy_ring_with_losses(world: &mut World) -> Check {
    gather(world, 8)?;
    world.talk(millis(300));
    world.run_for(seconds(1))?;
    let liar = ordinary(world)?;
    world.distrust(liar);
    world.inject(Action::Loss {
        percent: 5,
        time: seconds(6),
    })?;
    for _ in 0..4 {
        let linked = world.linked_with(liar);
        let Some(recipient) = world.random.pick(&linked) else {
            continue;
        };
        let mut bundle = next_bundle(world, liar, "this I say to one of you only");
        let many = world.random.between(1, 4) as usize;
        bundle.messages = vec![bundle.messages[0].clone(); many];
        bundle.lamport = world.random.between(1, world.lamport_ahead());
        let sealed = world.seal_as(liar, &bundle);
        let frame = if world.random.chance(50) {
            Frame::Pulled(sealed)
        } else {
            spread_frame(Item::Bundle(sealed))
        };
        world.forge(liar, recipient, &frame)?;
        let pause = world.random.millis(1, 1_500);
        world.run_for(pause)?;
    }
    world.must_come_to_rest()
}

pub(super) fn one_member_alone_makes_no_gap(world: &mut World) -> Check {
    let Parties {
        liar,
        recipient,
        victim,
        ..
    } = begin(world)?;
    let author = world.id(victim);
    let sent = world.sent_count(victim);
    let unsaid = MessageId {
        author,
        seq: sent + 3,
    };
    let everything = Range {
        author,
        from: 1,
        to: unsaid.seq,
    };
    let lies = [
        Frame::Digest(Digest {
            entries: vec![unsaid],
            answer: false,
        }),
        Frame::PullEnd(PullEnd {
            number: 1,
            more: false,
            evicted: vec![everything],
        }),
        Frame::Has(Has {
            message: unsaid,
            holding: Holding::Evicted,
        }),
    ];
    for _ in 0..1_500 {
        for lie in &lies {
            world.forge(liar, recipient, lie)?;
        }
        world.run_for(millis(4))?;
    }
    world.send_lines(victim, 5)?;
    world.run_for(seconds(2))?;
    let reached = world.have_same_messages() && world.sent_count(victim) == sent + 5;
    ensure(reached, "C5", || {
        "not all members have the same messages".to_owned()
    })?;
    world.must_come_to_rest()
}

pub(super) fn a_thousand_strangers_silence_nobody(world: &mut World) -> Check {
    let Parties {
        liar, recipient, ..
    } = begin(world)?;
    for _ in 0..1_000 {
        let bundle = next_bundle(world, liar, "I am somebody else");
        let sealed = world.seal_with_new_key(|author| Bundle {
            author,
            first: 1,
            ..bundle
        });
        world.forge(liar, recipient, &Frame::Pulled(sealed))?;
    }
    world.run_for(seconds(5))?;
    world.send_lines(recipient, 3)?;
    world.must_come_to_rest()?;
    let room = world
        .members()
        .into_iter()
        .all(|index| world.takes_input(index));
    ensure(room, "C5", || {
        "a member accepts no input any more".to_owned()
    })
}

pub(super) fn strangers_of_whom_each_member_hears_others_stop_nobody(world: &mut World) -> Check {
    let Parties { liar, .. } = begin(world)?;
    let linked = world.linked_with(liar);
    for number in 0..200 * linked.len() {
        let bundle = next_bundle(world, liar, "I am somebody else");
        let sealed = world.seal_with_new_key(|author| Bundle {
            author,
            first: 1,
            ..bundle
        });
        let recipient = linked[number % linked.len()];
        world.forge(liar, recipient, &spread_frame(Item::Bundle(sealed)))?;
    }
    world.run_for(seconds(5))?;
    for member in world.members() {
        world.send_lines(member, 3)?;
    }
    world.must_come_to_rest()
}

pub(super) fn who_is_no_member_is_not_heard(world: &mut World) -> Check {
    let Parties {
        liar, recipient, ..
    } = begin(world)?;
    let bundle = next_bundle(world, liar, "I was never let in");
    let sealed = world.seal_with_new_key(|author| Bundle {
        author,
        first: 1,
        ..bundle
    });
    let author = sealed.seal.signer();
    world.send_as_stranger(recipient, vec![spread_frame(Item::Bundle(sealed))])?;
    world.run_for(seconds(8))?;
    for index in world.members() {
        let delivered = world.deliveries_of(index, &author);
        ensure(delivered == 0, "stranger", || {
            format!("n{index} has delivered a message of a non-member")
        })?;
    }
    world.must_come_to_rest()
}

/// The bound on the 99th percentile of delivery times when a member floods links of 500 KB a second.
const FLOODED: Duration = seconds(5);

pub(super) fn who_floods_delays_nobody_for_long(world: &mut World) -> Check {
    let Parties { liar, .. } = begin_silent(world)?;
    world.distrust(liar);
    slow_links(world, 500)?;
    world.follow_messages();
    let mut flood = next_bundle(world, liar, &"flood ".repeat(2_500));
    flood.messages = vec![flood.messages[0].clone(); 3];
    for step in 0..600 {
        if step % 5 == 0 {
            let sealed = world.seal_as(liar, &flood);
            world.forge_round(liar, &sealed)?;
            flood.previous = sealed.seal.hash();
            flood.lamport = flood.last_lamport() + 1;
            flood.first = flood.last() + 1;
        }
        if step % 10 == 0 {
            let mut members = world.members();
            members.retain(|&member| member != liar);
            let speaker = world.random.pick(&members).unwrap_or_default();
            world.send_lines(speaker, if step == 300 { 200 } else { 1 })?;
        }
        world.run_for(millis(10))?;
    }
    world.run_for(seconds(30))?;
    let (p99, deliveries) = world.take_delivery_p99(Some(liar));
    ensure(deliveries > 500 && p99 <= FLOODED, "flood", || {
        format!("the 99th percentile of {deliveries} deliveries is {p99:?}")
    })?;
    world.must_come_to_rest()
}

/// Gathers a ring in which users have written, and in which nobody may be found dead.
pub(super) fn begin(world: &mut World) -> Result<Parties, Violation> {
    gather(world, 6)?;
    talk_for(world, seconds(1))?;
    world.silence_users();
    world.run_for(seconds(1))?;
    choose_parties(world)
}

/// Does the same before anybody has written anything.
fn begin_silent(world: &mut World) -> Result<Parties, Violation> {
    gather(world, 6)?;
    world.run_for(seconds(1))?;
    choose_parties(world)
}

fn choose_parties(world: &mut World) -> Result<Parties, Violation> {
    world.expect_failed(&[]);
    let coordinator = the_coordinator(world)?;
    let liar = ordinary(world)?;
    let mut linked = world.linked_with(liar).into_iter();
    let recipient = linked.rfind(|one| *one != coordinator);
    let mut others = world.members().into_iter();
    let victim = others.rfind(|one| ![liar, coordinator].contains(one) && Some(*one) != recipient);
    let Some((recipient, victim)) = recipient.zip(victim) else {
        return Violation::of("forgery", "there are too few members to lie to");
    };
    Ok(Parties {
        coordinator,
        liar,
        recipient,
        victim,
    })
}

/// Returns the view of a member that is lied to. Without one, the scenario would pass without a lie.
fn must_have_view(world: &World, index: HostIndex) -> Result<Arc<View>, Violation> {
    let view = world.view_of(index);
    view.map_or_else(|| Violation::of("H1", format!("n{index} has no view")), Ok)
}

/// Makes the liar say one thing to a member that it is linked to, and another to everybody.
fn equivocate(world: &mut World, liar: HostIndex) -> Check {
    world.distrust(liar);
    let bundle = next_bundle(world, liar, "this I say to one of you only");
    let sealed = world.seal_as(liar, &bundle);
    let recipient = world.linked_with(liar).first().copied().unwrap_or(liar);
    world.forge(liar, recipient, &spread_frame(Item::Bundle(sealed)))?;
    world.run_for(seconds(1))?;
    world.send_lines(liar, 1)?;
    world.run_for(seconds(5))
}

/// Returns a bundle that follows what an author has written so far.
fn next_bundle(world: &World, author: HostIndex, text: &str) -> Bundle {
    let id = world.id(author);
    let sent = world.sent_count(author);
    Bundle {
        author: id,
        first: sent + 1,
        previous: SealHash::default(),
        lamport: 1,
        heads: Vec::new(),
        messages: vec![BundleMessage::text(0, text)],
    }
}

/// Returns a view without one member, and the update to it, as the liar would make them.
pub(super) fn view_without(
    world: &World,
    liar: HostIndex,
    view: &View,
    victim: HostIndex,
    opening: Option<Opening>,
) -> (ViewUpdate, View) {
    let gone = Departed {
        id: world.id(victim),
        how: Departure::Failed,
    };
    let change = Change {
        opening,
        joined: Vec::new(),
        departed: vec![gone],
        renamed: Vec::new(),
    };
    let next = view.next(change, |tag| {
        world.seal_bytes_as(liar, &view_to_sign(world.setup.ring, tag))
    });
    next.expect("the victim is a member")
}
