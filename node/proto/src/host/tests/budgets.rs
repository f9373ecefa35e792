//! The rings of a process share its budgets.

use ringtalk_wire::{
    Body, Bundle, Direction, Interval, Item, RingKey, SealHash, Sealed, Spread, encode_item,
};

use super::*;
use crate::config::{HELD_MESSAGES, LOG_SPARE};

/// The budget for all logs in these tests, which 100 of the messages below fill.
const LOG_BYTES: usize = 100 * 1_200;

fn small_logs() -> Net {
    let retention = Retention {
        history: 10_000,
        spare: LOG_SPARE,
        bytes: LOG_BYTES,
        spare_bytes: LOG_BYTES / 8,
    };
    Net::with_retention(3, retention)
}

/// Lets a host say so many messages of 1,000 bytes, one after the other.
fn talk(net: &mut Net, index: usize, ring: &RingId, count: usize) {
    for _ in 0..count {
        net.run_until(|net| {
            let lobby = net.hosts[index].lobby();
            let node = net.hosts[index].room(ring).unwrap_or(lobby);
            node.accepts_input()
        });
        net.say(index, ring, &"x".repeat(1_000));
        net.step();
    }
    net.run_for(Duration::from_secs(1));
}

fn logged(net: &Net, index: usize, ring: &RingId) -> (usize, usize) {
    let lobby = net.hosts[index].lobby();
    let load = net.hosts[index].room(ring).unwrap_or(lobby).load();
    (load.logged_messages, load.logged_bytes)
}

#[test]
fn the_largest_log_gives_way_and_the_others_keep_everything() {
    let mut net = small_logs();
    let lobby = net.hosts[0].lobby().ring();
    let [small, large] = [1, 2].map(|random| net.create_from(0, random));
    for room in [small, large] {
        net.join(1, &room);
        net.await_members(&[0, 1], &room);
    }
    talk(&mut net, 1, &small, 20);
    talk(&mut net, 2, &lobby, 30);
    talk(&mut net, 1, &large, 200);
    assert_eq!(logged(&net, 0, &small).0, 21, "with the name of the room");
    assert_eq!(logged(&net, 0, &lobby).0, 30);
    let all = [small, lobby, large].map(|ring| logged(&net, 0, &ring).1);
    assert!(all.iter().sum::<usize>() <= LOG_BYTES, "{all:?}");
    assert!(all[2] > LOG_BYTES / 4, "the rest is its own: {all:?}");
    // A newcomer gets all of the small room, and no gap in the large one.
    for room in [small, large] {
        net.join(2, &room);
        net.await_members(&[0, 1, 2], &room);
    }
    assert_eq!(net.texts(2, &small).len(), 20);
    let got = net.texts(2, &large).len();
    assert!((20..logged(&net, 0, &large).0).contains(&got), "{got}");
    assert_eq!(net.troubles(), [""; 0]);
}

#[test]
fn a_log_may_use_the_whole_budget_again_once_the_rooms_are_left() {
    let mut net = small_logs();
    let lobby = net.hosts[0].lobby().ring();
    let room = net.create(0);
    talk(&mut net, 0, &room, 80);
    talk(&mut net, 1, &lobby, 100);
    let shared = logged(&net, 0, &lobby).1;
    assert!(shared <= LOG_BYTES / 2 + 1_500, "{shared}");
    net.hosts[0].handle_in(net.now, &room, Input::Leave);
    net.drain(0);
    net.run_until(|net| net.left[0].contains(&room));
    talk(&mut net, 1, &lobby, 100);
    let alone = logged(&net, 0, &lobby).1;
    assert!(alone > LOG_BYTES - 3_000, "{alone}");
    assert_eq!(alone, logged(&net, 1, &lobby).1, "as if it had had no room");
}

/// Returns a bundle of the second host that cannot be delivered, since what it said before is missing.
fn undeliverable(first: u64) -> Frame {
    let text = Body::Text("x".into());
    let message = BundleMessage {
        timestamp_ms: 0,
        body: text,
    };
    let bundle = Bundle {
        author: NodeId::of(&NumberedKey(2).public_key()),
        first,
        previous: SealHash::default(),
        lamport: first,
        heads: Vec::new(),
        messages: vec![message; 1_024],
    };
    let seal = Seal {
        key: NumberedKey(2).public_key(),
        ..SEAL
    };
    let sealed = Sealed {
        raw: encode_item(&bundle),
        seal,
    };
    Frame::Spread(Spread {
        interval: Interval {
            direction: Direction::Clockwise,
            limit: RingKey(0),
            layout: 0,
        },
        item: Item::Bundle(sealed),
    })
}

#[test]
fn a_flooded_room_makes_no_other_ring_drop_what_it_holds_back() {
    let mut net = Net::of(2);
    let lobby = net.hosts[0].lobby().ring();
    let room = net.create(0);
    net.join(1, &room);
    net.await_members(&[0, 1], &room);
    let number = *net.connections.keys().next().unwrap();
    let channel = net.hosts[1].open_rings(number)[0].1;
    let flood = |net: &mut Net, channel: Channel, bundles: u64| {
        let link = LinkId {
            connection: number,
            channel,
        };
        for bundle in 1..=bundles {
            let frame = undeliverable(bundle * 1_024 + 1);
            net.hosts[0].handle(net.now, Input::Frame { link, frame });
        }
    };
    let held = |net: &Net, ring: &RingId| {
        let host = &net.hosts[0];
        host.room(ring).unwrap_or(host.lobby()).load().held_messages
    };
    flood(&mut net, Channel::LOBBY, 8);
    flood(&mut net, channel, 80);
    assert_eq!(held(&net, &lobby), 8 * 1_024);
    assert_eq!(held(&net, &room), HELD_MESSAGES - 8 * 1_024);
    flood(&mut net, Channel::LOBBY, 48);
    assert_eq!(held(&net, &lobby), HELD_MESSAGES / 2);
    assert_eq!(held(&net, &room), HELD_MESSAGES / 2);
}
