//! Hosts that talk to each other over connections that deliver at once.

mod budgets;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use ringtalk_wire::{
    Addresses, Away, Begin, BundleMessage, Control, FrameClass, KEY_BYTES, PublicKey, Seal,
    Signature, decode, encode,
};

use super::*;
use crate::config::Retention;
use crate::context::test_support::config;
use crate::signing::test_support::SEAL;
use crate::{DeliveredControl, Draft};

/// How long two hosts may take for what a test waits for.
const A_WHILE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(10);

/// A signer with a key of its own and an empty signature.
#[derive(Debug)]
struct NumberedKey(u8);

impl Signer for NumberedKey {
    fn public_key(&self) -> PublicKey {
        PublicKey([self.0; KEY_BYTES])
    }

    fn sign(&self, _: &[u8]) -> Signature {
        let Seal { signature, .. } = SEAL;
        signature
    }
}

impl Verifier for NumberedKey {
    fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }
}

/// Some hosts, and the connections between them. Both ends of a connection have the same number for it.
struct Net {
    hosts: Vec<Host>,
    now: Time,
    /// The connections that are up, each with its two ends.
    connections: BTreeMap<u64, (usize, usize)>,
    last: u64,
    /// What has been sent and has not arrived: the connection, the sender, and the frame with its channel.
    wire: VecDeque<(u64, usize, Channel, Frame)>,
    /// How many frames of each ring, by channel, each host has got.
    seen: Vec<BTreeMap<Channel, usize>>,
    events: Vec<Vec<(RingId, Event)>>,
    left: Vec<BTreeSet<RingId>>,
}

impl Net {
    /// Returns hosts that are all in one lobby.
    fn of(count: u8) -> Self {
        Self::with_history(count, 100)
    }

    /// Returns hosts in one lobby, which give newcomers so many messages.
    fn with_history(count: u8, history: usize) -> Self {
        Self::with_retention(count, Retention::of(history))
    }

    fn with_retention(count: u8, retention: Retention) -> Self {
        let now = Time::from_micros(1_000_000);
        let hosts = (0..count).map(|number| {
            let key = Arc::new(NumberedKey(number + 1));
            let config = Config {
                id: NodeId::of(&key.public_key()),
                name: format!("n{number}"),
                addresses: Addresses::at(format!("192.0.2.{}:7000", number + 1)),
                retention,
                ..config()
            };
            Host::new(config, key, Arc::new(NumberedKey(0)), now)
        });
        let hosts: Vec<Host> = hosts.collect();
        let mut net = Self {
            now,
            connections: BTreeMap::new(),
            last: 0,
            wire: VecDeque::new(),
            seen: vec![BTreeMap::new(); hosts.len()],
            events: vec![Vec::new(); hosts.len()],
            left: vec![BTreeSet::new(); hosts.len()],
            hosts,
        };
        net.run_until(|net| {
            let mut views = net.hosts.iter().map(|host| host.lobby().view());
            views.all(|view| view.is_some_and(|view| view.len() == usize::from(count)))
        });
        net
    }

    fn index_of(&self, id: &NodeId) -> Option<usize> {
        self.hosts.iter().position(|host| host.lobby().id() == *id)
    }

    /// Lets time pass until it is so.
    #[track_caller]
    fn run_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let end = self.now + A_WHILE;
        while !is_so(self) {
            assert!(self.now < end, "it takes too long");
            self.step();
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    fn step(&mut self) {
        self.now = self.now + STEP;
        for index in 0..self.hosts.len() {
            let due = self.hosts[index].poll_timeout();
            if due.is_some_and(|due| due <= self.now) {
                self.hosts[index].handle(self.now, Input::Timer);
            }
            self.drain(index);
        }
        while let Some((number, sender, channel, frame)) = self.wire.pop_front() {
            let Some(&(one, other)) = self.connections.get(&number) else {
                continue;
            };
            let receiver = if sender == one { other } else { one };
            *self.seen[receiver].entry(channel).or_default() += 1;
            let link = LinkId {
                connection: number,
                channel,
            };
            self.tell(receiver, Input::Frame { link, frame });
        }
    }

    fn tell(&mut self, index: usize, input: Input) {
        self.hosts[index].handle(self.now, input);
        self.drain(index);
    }

    fn drain(&mut self, index: usize) {
        while let Some(RingOutput { ring, output }) = self.hosts[index].poll_output() {
            match output {
                Output::Send { link, class, bytes } => {
                    let frame = decode(&bytes).unwrap();
                    let sent = (link.connection, index, link.channel, frame);
                    // Urgent frames overtake all others.
                    let is_urgent =
                        |sent: &(u64, usize, Channel, Frame)| sent.3.class() == FrameClass::Urgent;
                    let place = if class == FrameClass::Urgent {
                        self.wire.iter().position(|sent| !is_urgent(sent))
                    } else {
                        None
                    };
                    let place = place.unwrap_or(self.wire.len());
                    self.wire.insert(place, sent);
                    let bytes = bytes.len();
                    self.hosts[index].handle(self.now, Input::Written { link, class, bytes });
                }
                Output::Dial { peer, .. } => self.connect(index, &peer),
                Output::Close { link, .. } => {
                    self.step_wire_of(link.connection);
                    self.cut(link.connection);
                }
                Output::AskDirector => {
                    let found = self
                        .hosts
                        .iter()
                        .find_map(|host| host.lobby().registration());
                    let answer = found.map_or(Input::Found, |found| Input::Contact {
                        coordinator: found.coordinator.clone(),
                        doors: Vec::new(),
                        candidates: Vec::new(),
                    });
                    self.tell(index, answer);
                }
                Output::Event(event) => self.events[index].push((ring, event)),
                Output::Finished { .. } => drop(self.left[index].insert(ring)),
                Output::Check { peer, addresses } => {
                    let at = addresses.all().next().map(ToString::to_string);
                    self.tell(index, Input::Checked { peer, at });
                }
                Output::Circuit { .. }
                | Output::Splice { .. }
                | Output::Unsplice { .. }
                | Output::Entrances(_) => {}
            }
        }
    }

    fn connect(&mut self, index: usize, peer: &NodeId) {
        let Some(other) = self.index_of(peer) else {
            let (peer, refused) = (*peer, Vec::new());
            return self.tell(index, Input::DialFailed { peer, refused });
        };
        self.last += 1;
        self.connections.insert(self.last, (index, other));
        for (end, far, dialled) in [(index, other, true), (other, index, false)] {
            let up = Input::LinkUp {
                link: LinkId::lobby(self.last),
                peer: self.hosts[far].lobby().id(),
                dialled,
                host: Some([192, 0, 2, far as u8 + 1].into()),
            };
            self.tell(end, up);
        }
    }

    /// Delivers what is under way on a connection that is being closed.
    fn step_wire_of(&mut self, number: u64) {
        let (own, others) = self.wire.drain(..).partition(|(one, ..)| *one == number);
        self.wire = others;
        let own: VecDeque<(u64, usize, Channel, Frame)> = own;
        for (number, sender, channel, frame) in own {
            if let Some(&(one, other)) = self.connections.get(&number) {
                let receiver = if sender == one { other } else { one };
                let link = LinkId {
                    connection: number,
                    channel,
                };
                self.tell(receiver, Input::Frame { link, frame });
            }
        }
    }

    fn cut(&mut self, number: u64) {
        if let Some((one, other)) = self.connections.remove(&number) {
            let link = LinkId::lobby(number);
            self.tell(one, Input::LinkDown { link });
            self.tell(other, Input::LinkDown { link });
        }
    }

    fn create(&mut self, index: usize) -> RingId {
        self.create_from(index, 7)
    }

    fn create_from(&mut self, index: usize, random: u8) -> RingId {
        let ring = self.hosts[index]
            .create_room(self.now, begin([random; 16]), 0)
            .unwrap();
        self.drain(index);
        self.await_members(&[index], &ring);
        ring
    }

    fn join(&mut self, index: usize, ring: &RingId) {
        self.hosts[index].join_room(self.now, *ring).unwrap();
        self.drain(index);
    }

    /// Waits until these hosts are the members of a room.
    #[track_caller]
    fn await_members(&mut self, members: &[usize], ring: &RingId) {
        let ids: BTreeSet<NodeId> = members
            .iter()
            .map(|&one| self.hosts[one].lobby().id())
            .collect();
        self.run_until(|net| {
            members.iter().all(|&index| {
                let node = net.hosts[index].room(ring);
                let view = node.and_then(Node::view);
                let listed = view.map(|view| view.members().map(|one| one.id).collect());
                listed.as_ref() == Some(&ids) && node.is_some_and(Node::accepts_input)
            })
        });
    }

    fn say(&mut self, index: usize, ring: &RingId, text: &str) {
        let draft = Draft::from(BundleMessage::text(0, text.to_string()));
        self.hosts[index].handle_in(self.now, ring, Input::Say(draft));
        self.drain(index);
    }

    /// Returns the texts that a host has shown in a ring.
    fn texts(&self, index: usize, ring: &RingId) -> Vec<String> {
        let events = self.events[index].iter().filter(|(one, _)| one == ring);
        let texts = events.filter_map(|(_, event)| match event {
            Event::Message(message) => Some(message.text.to_string()),
            _ => None,
        });
        texts.collect()
    }

    fn control(&mut self, index: usize, ring: &RingId, control: &Control) {
        let (timestamp_ms, body) = (0, control.body());
        let draft = Draft::from(BundleMessage { timestamp_ms, body });
        self.hosts[index].handle_in(self.now, ring, Input::Say(draft));
        self.drain(index);
    }

    /// Returns what programs have said to a host in a ring.
    fn controls(&self, index: usize, ring: &RingId) -> Vec<Option<Control>> {
        let events = self.events[index].iter().filter(|(one, _)| one == ring);
        let controls = events.filter_map(|(_, event)| match event {
            Event::Control(DeliveredControl { control, .. }) => Some(control.clone()),
            _ => None,
        });
        controls.collect()
    }

    /// Returns what went wrong, and who failed.
    fn troubles(&self) -> Vec<String> {
        let events = self.events.iter().flatten();
        let is_trouble = |event: &Event| {
            matches!(
                event,
                Event::Error { .. } | Event::Failed(_) | Event::Gap { .. }
            )
        };
        let troubles = events.filter(|(_, event)| is_trouble(event));
        troubles.map(|trouble| format!("{trouble:?}")).collect()
    }

    /// Returns how many frames a host has got on other channels than the lobby's.
    fn frames_of_rooms(&self, index: usize) -> usize {
        let rooms = self.seen[index]
            .iter()
            .filter(|(channel, _)| **channel != Channel::LOBBY);
        rooms.map(|(_, count)| count).sum()
    }
}

#[test]
fn members_of_a_room_talk_and_nobody_else_gets_a_frame_of_it() {
    let mut net = Net::of(6);
    let room = net.create(1);
    net.join(3, &room);
    net.join(4, &room);
    net.await_members(&[1, 3, 4], &room);
    let asked: Vec<usize> = (0..6).map(|index| net.frames_of_rooms(index)).collect();
    net.say(3, &room, "hello");
    net.run_until(|net| {
        [1, 3, 4]
            .iter()
            .all(|&one| net.texts(one, &room) == ["hello"])
    });
    net.run_for(Duration::from_secs(15));
    for index in [0, 2, 5] {
        let since = net.frames_of_rooms(index) - asked[index];
        assert_eq!(since, 0, "n{index} is not in the room");
        assert!(asked[index] <= 4, "n{index} was asked for the room");
        assert!(net.hosts[index].room(&room).is_none());
    }
    let lobby = net.hosts[0].lobby().ring();
    assert_eq!(net.texts(0, &lobby), [""; 0]);
    assert_eq!(net.troubles(), [""; 0]);
}

#[test]
fn a_newcomer_of_a_room_gets_its_history() {
    let mut net = Net::of(3);
    let room = net.create(0);
    net.say(0, &room, "before");
    net.join(1, &room);
    net.await_members(&[0, 1], &room);
    assert_eq!(net.texts(1, &room), ["before"]);
    assert_eq!(net.troubles(), [""; 0]);
}

#[test]
fn who_leaves_a_room_and_comes_back_goes_on_after_its_last_message() {
    for history in [0, 100] {
        let mut net = Net::with_history(3, history);
        let room = net.create(0);
        for index in [1, 2] {
            net.join(index, &room);
        }
        net.await_members(&[0, 1, 2], &room);
        net.say(0, &room, "before");
        net.run_until(|net| (0..3).all(|one| net.texts(one, &room) == ["before"]));
        net.hosts[0].handle_in(net.now, &room, Input::Leave);
        net.drain(0);
        net.await_members(&[1, 2], &room);
        assert!(net.left[0].contains(&room));
        assert!(net.hosts[0].room(&room).is_none());
        assert!(net.hosts[0].lobby().is_member(), "it left the room alone");
        net.join(0, &room);
        net.await_members(&[0, 1, 2], &room);
        let again = if history > 0 { 2 } else { 1 };
        assert_eq!(net.texts(0, &room).len(), again, "history shows it again");
        net.say(0, &room, "again");
        net.run_until(|net| (1..3).all(|one| net.texts(one, &room) == ["before", "again"]));
        assert_eq!(net.troubles(), [""; 0]);
    }
}

#[test]
fn who_comes_back_opens_no_epoch_up_to_the_last_one_though_it_said_nothing() {
    let mut net = Net::of(3);
    let room = net.create(0);
    for index in [1, 2] {
        net.join(index, &room);
    }
    net.await_members(&[0, 1, 2], &room);
    net.hosts[0].handle_in(net.now, &room, Input::Leave);
    net.drain(0);
    net.await_members(&[1, 2], &room);
    net.hosts[1].handle_in(net.now, &room, Input::Leave);
    net.drain(1);
    net.run_until(|net| net.left[1].contains(&room));
    net.join(1, &room);
    let node = net.hosts[1].room(&room).unwrap();
    assert!(node.view().is_none(), "it has just begun to join");
    let epoch = node.spoken_words().map(|words| words.epoch);
    assert!(epoch >= Some(2), "it followed {epoch:?}");
}

#[test]
fn who_comes_back_at_once_is_let_in_again_and_no_connection_is_closed() {
    let mut net = Net::of(3);
    let room = net.create(0);
    net.join(1, &room);
    net.join(2, &room);
    net.await_members(&[0, 1, 2], &room);
    net.run_for(Duration::from_secs(2));
    let connections = net.connections.clone();
    for _ in 0..3 {
        net.left[1].clear();
        net.hosts[1].handle_in(net.now, &room, Input::Leave);
        net.drain(1);
        net.run_until(|net| net.left[1].contains(&room));
        net.join(1, &room);
        net.await_members(&[0, 1, 2], &room);
    }
    assert_eq!(net.connections, connections);
    assert_eq!(net.troubles(), [""; 0]);
}

#[test]
fn nothing_is_sent_on_a_channel_after_its_exit() {
    let mut net = Net::of(2);
    let room = net.create(0);
    net.join(1, &room);
    net.await_members(&[0, 1], &room);
    let number = *net.connections.keys().next().unwrap();
    let (_, channel) = net.hosts[1].open_rings(number)[0];
    let link = LinkId {
        connection: number,
        channel,
    };
    // All in one batch: the answer to the ping waits at the room's node meanwhile.
    for frame in [Frame::Ping(1), Frame::Exit] {
        net.hosts[0].handle(net.now, Input::Frame { link, frame });
    }
    let sent = core::iter::from_fn(|| net.hosts[0].poll_output());
    let sent = sent.filter_map(|output| match output.output {
        Output::Send { link, bytes, .. } if link.channel != Channel::LOBBY => Some(bytes),
        _ => None,
    });
    assert_eq!(sent.last(), Some(encode(&Frame::Exit)));
}

#[test]
fn a_peer_that_no_room_lists_is_not_kept() {
    let mut net = Net::of(2);
    let room = net.create(0);
    let number = *net.connections.keys().next().unwrap();
    let peer = net.hosts[1].lobby().id();
    let link = LinkId {
        connection: number,
        channel: Channel::new(5).unwrap(),
    };
    let frame = Frame::Enter(room);
    net.hosts[0].handle(net.now, Input::Frame { link, frame });
    assert_eq!(net.hosts[0].open_rings(number).len(), 1, "it may ask");
    assert!(!net.hosts[0].lobby().has_room_peer(&peer));
    net.drain(0);
    net.join(1, &room);
    net.await_members(&[0, 1], &room);
    assert!(net.hosts[0].lobby().has_room_peer(&peer));
}

#[test]
fn rooms_and_lobby_are_left_together() {
    let mut net = Net::of(3);
    let room = net.create(1);
    net.join(2, &room);
    net.await_members(&[1, 2], &room);
    net.tell(1, Input::Leave);
    net.run_until(|net| net.left[1].len() == 2);
    net.await_members(&[2], &room);
    assert_eq!(net.troubles(), [""; 0]);
}

#[test]
fn a_process_that_dies_is_dead_in_all_its_rings() {
    let mut net = Net::of(3);
    let room = net.create(0);
    net.join(1, &room);
    net.join(2, &room);
    net.await_members(&[0, 1, 2], &room);
    let dead = net.hosts.remove(2);
    let dead = dead.lobby().id();
    let gone = net
        .connections
        .iter()
        .filter(|(_, ends)| ends.0 == 2 || ends.1 == 2);
    let gone: Vec<u64> = gone.map(|(number, _)| *number).collect();
    for number in gone {
        let (one, other) = net.connections.remove(&number).unwrap();
        let link = LinkId::lobby(number);
        net.tell(one.min(other), Input::LinkDown { link });
    }
    net.await_members(&[0, 1], &room);
    let lobby = net.hosts[0].lobby().ring();
    for ring in [room, lobby] {
        let events = net.events[0].iter().filter(|(one, _)| *one == ring);
        let mut events = events.map(|(_, event)| event);
        assert!(events.any(|event| matches!(event, Event::Failed(who) if who.id == dead)));
    }
}

#[test]
fn a_connection_that_breaks_is_replaced_in_all_rings() {
    let mut net = Net::of(2);
    let room = net.create(0);
    net.join(1, &room);
    net.await_members(&[0, 1], &room);
    let numbers: Vec<u64> = net.connections.keys().copied().collect();
    for number in numbers {
        net.cut(number);
    }
    net.say(0, &room, "still here?");
    net.run_until(|net| net.texts(1, &room) == ["still here?"]);
    assert_eq!(net.troubles(), [""; 0]);
}

#[test]
fn frames_on_channels_that_nobody_entered_close_the_connection() {
    let channel = Channel::new(5).unwrap();
    let ring = RingId::from_bytes([5; 16]);
    let cases = [
        (Channel::LOBBY, Frame::Enter(ring)),
        (Channel::LOBBY, Frame::Exit),
        (channel, Frame::Ping(1)),
        (channel, Frame::Absent(ring)),
    ];
    for (channel, frame) in cases {
        let mut net = Net::of(2);
        let number = *net.connections.keys().next().unwrap();
        let link = LinkId {
            connection: number,
            channel,
        };
        net.tell(0, Input::Frame { link, frame });
        assert!(!net.connections.contains_key(&number), "{link:?}");
    }
}

#[test]
fn what_crosses_an_exit_is_ignored_and_a_stranger_learns_nothing_of_a_room() {
    let mut net = Net::of(2);
    let number = *net.connections.keys().next().unwrap();
    let (ring, link) = (
        RingId::from_bytes([5; 16]),
        LinkId {
            connection: number,
            channel: Channel::new(5).unwrap(),
        },
    );
    net.wire.clear();
    net.hosts[0].handle(
        net.now,
        Input::Frame {
            link,
            frame: Frame::Enter(ring),
        },
    );
    let answers = core::iter::from_fn(|| net.hosts[0].poll_output());
    let answers: Vec<_> = answers
        .filter_map(|output| match output.output {
            Output::Send { link, bytes, .. } => Some((link.channel, bytes)),
            _ => None,
        })
        .collect();
    assert_eq!(answers, [(Channel::LOBBY, encode(&Frame::Absent(ring)))]);
    net.tell(
        0,
        Input::Frame {
            link,
            frame: Frame::Exit,
        },
    );
    assert!(net.connections.contains_key(&number));
}

#[test]
fn a_process_is_in_a_bounded_number_of_rooms_and_in_each_once() {
    let mut net = Net::of(1);
    for number in 0..128 {
        assert!(
            net.hosts[0]
                .create_room(net.now, begin([number; 16]), 0)
                .is_ok()
        );
    }
    let ring = net.hosts[0].rooms().next().map(|(ring, _)| ring).unwrap();
    assert_eq!(
        net.hosts[0].join_room(net.now, ring),
        Err(RoomError::Joined)
    );
    let one_more = net.hosts[0].create_room(net.now, begin([200; 16]), 0);
    assert_eq!(one_more, Err(RoomError::TooMany));
}

fn begin(random: [u8; 16]) -> Begin {
    let name = "kitchen".to_string();
    Begin { name, random }
}

#[test]
fn everyone_in_a_room_learns_the_name_that_its_creator_gave_it() {
    let mut net = Net::of(3);
    let ring = net.create(0);
    net.join(1, &ring);
    net.await_members(&[0, 1], &ring);
    // Only the creator's first message counts.
    let other = Begin {
        name: "cellar".to_string(),
        ..begin([7; 16])
    };
    for index in [0, 1] {
        net.control(index, &ring, &Control::Begin(other.clone()));
    }
    net.join(2, &ring);
    net.await_members(&[0, 1, 2], &ring);
    let named = Control::Begin(begin([7; 16]));
    for index in 0..3 {
        net.run_until(|net| net.controls(index, &ring).len() == 3);
        let known: Vec<Control> = net.controls(index, &ring).into_iter().flatten().collect();
        assert_eq!(known, core::slice::from_ref(&named), "host {index}");
    }
    assert_eq!(net.troubles(), Vec::<String>::new());
}

#[test]
fn somebody_is_away_in_the_lobby_and_not_in_a_room() {
    let mut net = Net::of(2);
    let ring = net.create(0);
    net.join(1, &ring);
    net.await_members(&[0, 1], &ring);
    let lobby = net.hosts[0].lobby().ring();
    let away = Control::Away(Away::because("lunch"));
    for ring in [lobby, ring] {
        net.control(0, &ring, &away);
        net.control(0, &ring, &Control::Saved);
    }
    net.run_until(|net| net.controls(1, &ring).len() == 3 && net.controls(1, &lobby).len() == 2);
    let saved = Some(Control::Saved);
    assert_eq!(net.controls(1, &lobby), [Some(away), saved.clone()]);
    assert_eq!(net.controls(1, &ring)[1..], [None, saved]);
}
