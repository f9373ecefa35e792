//! A member lies: about what others wrote, about the view, about who coordinates, and about its own messages.
//! Nobody believes it, and everybody who is lied to is told.

use core::time::Duration;

use ringtalk_proto::{Change, Trouble, View};
use ringtalk_wire::{
    Announcement, Bundle, Departed, Departure, Digest, Direction, Frame, Has, Holding, Interval,
    Item, MessageId, Opening, PullEnd, Range, RingKey, SealHash, Spread, Text, ViewUpdate,
    view_to_sign,
};

use super::{gather, millis, ordinary, seconds, slow_links, talk_for, the_coordinator};
use crate::network::HostIndex;
use crate::oracle::{Check, Violation, ensure};
use crate::schedule::Deed;
use crate::world::World;

/// How far above the epoch in force a lie goes.
const LEAPS: [u64; 3] = [1, 1_000, 1 << 40];

/// A liar, a dupe that it lies to, and a victim that it lies about; none of them coordinates.
pub(super) struct Cast {
    pub(super) coordinator: HostIndex,
    pub(super) liar: HostIndex,
    dupe: HostIndex,
    pub(super) victim: HostIndex,
}

pub(super) fn a_forged_message_is_refused(world: &mut World) -> Check {
    let Cast {
        liar, dupe, victim, ..
    } = begin(world)?;
    let bundle = words(world, victim, "I never said this");
    let mut signed_by_liar = world.seal_as(liar, &bundle);
    world.forge(liar, dupe, &spread(Item::Bundle(signed_by_liar.clone())))?;
    world.run_for(seconds(2))?;
    world.was_told_of(dupe, Trouble::Refused)?;
    signed_by_liar.seal.key = world.seal_as(victim, &bundle).seal.key;
    world.forge(liar, dupe, &spread(Item::Bundle(signed_by_liar.clone())))?;
    world.run_for(seconds(2))?;
    world.forge(liar, dupe, &Frame::Pulled(signed_by_liar))?;
    world.must_come_to_rest()
}

pub(super) fn a_forged_view_is_refused(world: &mut World) -> Check {
    let Cast {
        liar, dupe, victim, ..
    } = begin(world)?;
    let Some(view) = world.view_of(dupe) else {
        return Ok(());
    };
    for (about, whole) in [(victim, false), (dupe, true)] {
        let (update, _) = without(world, liar, &view, about, None);
        let update = Announcement::View(update);
        let mut sealed = world.seal_as(liar, &update);
        let frame = if whole {
            Frame::Update(sealed.clone())
        } else {
            spread(Item::Announcement(sealed.clone()))
        };
        world.forge(liar, dupe, &frame)?;
        world.run_for(seconds(2))?;
        world.was_told_of(dupe, Trouble::Refused)?;
        let coordinator = the_coordinator(world)?;
        sealed.seal.key = world.seal_as(coordinator, &update).seal.key;
        world.forge(liar, dupe, &Frame::Update(sealed))?;
        world.run_for(seconds(2))?;
    }
    world.must_come_to_rest()
}

pub(super) fn a_forged_election_is_refused(world: &mut World) -> Check {
    let Cast {
        liar, dupe, victim, ..
    } = begin(world)?;
    for leap in LEAPS {
        let Some(view) = world.view_of(dupe) else {
            return Ok(());
        };
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
        let own = world.seal_bytes_as(liar, &opening.to_sign());
        // The same signature twice is not that of two members.
        opening.seals = vec![own, own];
        let (update, next) = without(world, liar, &view, victim, Some(opening));
        let sealed = world.seal_as(liar, &Announcement::View(update));
        world.forge(liar, dupe, &spread(Item::Announcement(sealed.clone())))?;
        world.forge(liar, dupe, &Frame::Update(sealed))?;
        for page in next.pages() {
            world.forge(liar, dupe, &Frame::View(page.into()))?;
        }
        world.run_for(seconds(3))?;
    }
    world.was_told_of(dupe, Trouble::UnprovenCoordinator)?;
    world.must_come_to_rest()
}

pub(super) fn a_fork_is_shown_up_everywhere(world: &mut World) -> Check {
    let Cast { liar, .. } = begin_silent(world)?;
    speak_with_two_tongues(world, liar)?;
    for index in world.members() {
        if index != liar {
            world.was_told_of(index, Trouble::AuthorForked)?;
        }
    }
    ensure(world.have_all_the_same(), "C5", || {
        "not everybody has the same messages".to_owned()
    })
}

pub(super) fn a_coordinator_that_was_shown_up_is_replaced(world: &mut World) -> Check {
    gather(world, 6)?;
    world.run_for(seconds(1))?;
    let liar = the_coordinator(world)?;
    world.expect_failed(&[liar]);
    speak_with_two_tongues(world, liar)?;
    let next = the_coordinator(world)?;
    ensure(next != liar, "shown-up", || {
        format!("n{liar} is the coordinator still")
    })?;
    world.must_come_to_rest()
}

pub(super) fn a_fork_mutes_nobody_else(world: &mut World) -> Check {
    let Cast { liar, dupe, .. } = begin_silent(world)?;
    world.distrust(liar);
    let mut bundle = words(world, liar, "this I say to one of you only");
    bundle.lamport = world.far_ahead();
    let sealed = world.seal_as(liar, &bundle);
    world.forge(liar, dupe, &Frame::Pulled(sealed))?;
    world.paste(dupe, 1)?;
    world.paste(liar, 1)?;
    world.run_for(seconds(1))?;
    world.paste(dupe, 1)?;
    world.must_come_to_rest()
}

pub(super) fn a_fork_with_other_bounds_stops_nobody(world: &mut World) -> Check {
    let Cast { liar, dupe, .. } = begin_silent(world)?;
    world.distrust(liar);
    let mut bundle = words(world, liar, "this I say to one of you only");
    let more = world.random.between(1, 5) as usize;
    bundle.messages = vec![bundle.messages[0].clone(); 1 + more];
    bundle.lamport = world.far_ahead();
    let sealed = world.seal_as(liar, &bundle);
    world.forge(liar, dupe, &Frame::Pulled(sealed))?;
    let said = world.random.between(1, 3);
    world.paste(liar, said)?;
    world.paste(dupe, 1)?;
    world.run_for(seconds(1))?;
    world.paste(dupe, 1)?;
    world.must_come_to_rest()
}

pub(super) fn forks_in_a_busy_ring_with_losses(world: &mut World) -> Check {
    gather(world, 8)?;
    world.talk(millis(300));
    world.run_for(seconds(1))?;
    let liar = ordinary(world)?;
    world.distrust(liar);
    world.inject(Deed::Loss {
        percent: 5,
        time: seconds(6),
    })?;
    for _ in 0..4 {
        let linked = world.linked_to(liar);
        let Some(dupe) = world.random.pick(&linked) else {
            continue;
        };
        let mut bundle = words(world, liar, "this I say to one of you only");
        let many = world.random.between(1, 4) as usize;
        bundle.messages = vec![bundle.messages[0].clone(); many];
        bundle.lamport = world.random.between(1, world.far_ahead());
        let sealed = world.seal_as(liar, &bundle);
        let frame = if world.random.chance(50) {
            Frame::Pulled(sealed)
        } else {
            spread(Item::Bundle(sealed))
        };
        world.forge(liar, dupe, &frame)?;
        let pause = world.random.millis(1, 1_500);
        world.run_for(pause)?;
    }
    world.must_come_to_rest()
}

pub(super) fn one_member_alone_makes_no_gap(world: &mut World) -> Check {
    let Cast {
        liar, dupe, victim, ..
    } = begin(world)?;
    let author = world.id(victim);
    let said = world.said_by(victim);
    let unsaid = MessageId {
        author,
        seq: said + 3,
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
            world.forge(liar, dupe, lie)?;
        }
        world.run_for(millis(4))?;
    }
    world.paste(victim, 5)?;
    world.run_for(seconds(2))?;
    let reached = world.have_all_the_same() && world.said_by(victim) == said + 5;
    ensure(reached, "C5", || {
        "not everybody has the same messages".to_owned()
    })?;
    world.must_come_to_rest()
}

pub(super) fn a_thousand_strangers_silence_nobody(world: &mut World) -> Check {
    let Cast { liar, dupe, .. } = begin(world)?;
    for _ in 0..1_000 {
        let words = words(world, liar, "I am somebody else");
        let sealed = world.seal_as_nobody(|author| Bundle {
            author,
            first: 1,
            ..words
        });
        world.forge(liar, dupe, &Frame::Pulled(sealed))?;
    }
    world.run_for(seconds(5))?;
    world.paste(dupe, 3)?;
    world.must_come_to_rest()?;
    let room = world
        .members()
        .into_iter()
        .all(|index| world.takes_input(index));
    ensure(room, "C5", || "somebody may not speak any more".to_owned())
}

pub(super) fn strangers_of_whom_each_member_hears_others_stop_nobody(world: &mut World) -> Check {
    let Cast { liar, .. } = begin(world)?;
    let linked = world.linked_to(liar);
    for number in 0..200 * linked.len() {
        let words = words(world, liar, "I am somebody else");
        let sealed = world.seal_as_nobody(|author| Bundle {
            author,
            first: 1,
            ..words
        });
        let told = linked[number % linked.len()];
        world.forge(liar, told, &spread(Item::Bundle(sealed)))?;
    }
    world.run_for(seconds(5))?;
    for member in world.members() {
        world.paste(member, 3)?;
    }
    world.must_come_to_rest()
}

pub(super) fn who_is_no_member_is_not_heard(world: &mut World) -> Check {
    let Cast { liar, dupe, .. } = begin(world)?;
    let words = words(world, liar, "I was never let in");
    let sealed = world.seal_as_nobody(|author| Bundle {
        author,
        first: 1,
        ..words
    });
    let author = sealed.seal.signer();
    world.stranger_says(dupe, vec![spread(Item::Bundle(sealed))])?;
    world.run_for(seconds(8))?;
    for index in world.members() {
        let heard = world.heard_of(index, &author);
        ensure(heard == 0, "stranger", || {
            format!("n{index} has delivered what somebody said who is no member")
        })?;
    }
    world.must_come_to_rest()
}

/// The bound on the 99th percentile of delivery times when a member floods links of 500 KB a second.
const FLOODED: Duration = seconds(5);

pub(super) fn who_floods_delays_nobody_for_long(world: &mut World) -> Check {
    let Cast { liar, .. } = begin_silent(world)?;
    world.distrust(liar);
    slow_links(world, 500)?;
    world.follow_messages();
    let mut flood = words(world, liar, &"flood ".repeat(2_500));
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
            world.paste(speaker, if step == 300 { 200 } else { 1 })?;
        }
        world.run_for(millis(10))?;
    }
    world.run_for(seconds(30))?;
    let (p99, deliveries) = world.surveyed(Some(liar));
    ensure(deliveries > 500 && p99 <= FLOODED, "flood", || {
        format!("of {deliveries} deliveries one in a hundred took {p99:?}")
    })?;
    world.must_come_to_rest()
}

/// Gathers a ring in which users have written, and in which nobody may be found dead.
pub(super) fn begin(world: &mut World) -> Result<Cast, Violation> {
    gather(world, 6)?;
    talk_for(world, seconds(1))?;
    world.hush();
    world.run_for(seconds(1))?;
    cast(world)
}

/// Does the same before anybody has written anything.
fn begin_silent(world: &mut World) -> Result<Cast, Violation> {
    gather(world, 6)?;
    world.run_for(seconds(1))?;
    cast(world)
}

fn cast(world: &mut World) -> Result<Cast, Violation> {
    world.expect_failed(&[]);
    let coordinator = the_coordinator(world)?;
    let liar = ordinary(world)?;
    let mut linked = world.linked_to(liar).into_iter();
    let dupe = linked.rfind(|one| *one != coordinator);
    let mut others = world.members().into_iter();
    let victim = others.rfind(|one| ![liar, coordinator].contains(one) && Some(*one) != dupe);
    let Some((dupe, victim)) = dupe.zip(victim) else {
        return Violation::of("forgery", "there is nobody to lie to");
    };
    Ok(Cast {
        coordinator,
        liar,
        dupe,
        victim,
    })
}

/// Makes the liar say one thing to a member that it is linked to, and another to everybody.
fn speak_with_two_tongues(world: &mut World, liar: HostIndex) -> Check {
    world.distrust(liar);
    let bundle = words(world, liar, "this I say to one of you only");
    let sealed = world.seal_as(liar, &bundle);
    let dupe = world.linked_to(liar).first().copied().unwrap_or(liar);
    world.forge(liar, dupe, &spread(Item::Bundle(sealed)))?;
    world.run_for(seconds(1))?;
    world.paste(liar, 1)?;
    world.run_for(seconds(5))
}

/// Returns a bundle that follows what an author has written so far.
fn words(world: &World, author: HostIndex, text: &str) -> Bundle {
    let id = world.id(author);
    let said = world.said_by(author);
    Bundle {
        author: id,
        first: said + 1,
        previous: SealHash::default(),
        lamport: 1,
        heads: Vec::new(),
        messages: vec![Text {
            timestamp_ms: 0,
            text: text.into(),
        }],
    }
}

/// Returns a view without one member, and the update to it, as the liar would make them.
pub(super) fn without(
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
    let next = view.next(change, |tag| world.seal_bytes_as(liar, &view_to_sign(tag)));
    next.expect("the victim is a member")
}

/// Returns the frame that carries an item round the whole ring.
fn spread(item: Item) -> Frame {
    Frame::Spread(Spread {
        interval: Interval {
            direction: Direction::Clockwise,
            limit: RingKey(u128::MAX),
            layout: 0,
        },
        item,
    })
}
