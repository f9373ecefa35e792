//! The life of an honest ring, recorded once: the inputs of a member until the fuzzer begins, and the frames that its
//! peers send until then and later.
//!
//! The network is perfect and every delivery takes 2 ms; the core is the one that the programs run. Not here: faults
//! (`tools/sim`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ringtalk_proto::config::{Retention, RingKind, Tempo};
use ringtalk_proto::{Config, Draft, Host, Input, LinkId, Output, RingOutput, Time};
use ringtalk_wire::{Addresses, BundleMessage, Frame, NetworkId, NodeId, ShortId, decode};

use super::keys::{Eye, Key, RING};

/// The number of members when the fuzzer begins; the first is the coordinator.
pub(crate) const MEMBERS: u8 = 4;
/// The number of keys: those of members, then those of strangers.
pub(crate) const KEYS: u8 = MEMBERS + 3;
/// The time at which the fuzzer begins.
pub(crate) const BEGIN: Time = Time::from_micros(2_000_000);
/// The number of messages that each member keeps for newcomers.
pub(crate) const HISTORY: usize = 100;
/// The time at which the record ends.
const END: Time = Time::from_micros(9_000_000);
/// The time that every delivery takes.
const WAY: Duration = Duration::from_millis(2);

/// The recorded life of a ring.
#[derive(Debug)]
pub(crate) struct Record {
    /// For each node, its inputs until the fuzzer begins.
    pub(crate) lives: Vec<Vec<(Time, Input)>>,
    /// For each node, its links at that time and the peer of each.
    pub(crate) links: Vec<BTreeMap<LinkId, NodeId>>,
    /// All distinct frames, each with the number of its sender.
    pub(crate) frames: Vec<(u8, Frame)>,
    /// For each node, the texts that it sent until the fuzzer begins.
    pub(crate) said: Vec<Vec<String>>,
}

/// Returns the record.
pub(crate) fn record() -> &'static Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    RECORD.get_or_init(|| Ring::new().live())
}

/// Returns a process that has just started.
pub(crate) fn start(key: Key, now: Time) -> Host {
    let config = Config {
        id: key.id(),
        ring: RING,
        kind: RingKind::Lobby,
        name: format!("n{}", key.0),
        addresses: addresses(key),
        network: NetworkId::default(),
        retention: Retention::of(HISTORY),
        tempo: Tempo::default(),
        fingers: true,
    };
    Host::new(config, Arc::new(key), Arc::new(Eye), now)
}

/// Returns the id that has this short id, among those of all keys.
pub(crate) fn known_as(short: ShortId) -> Option<NodeId> {
    let mut ids = (0..KEYS).map(|number| Key(number).id());
    ids.find(|id| ShortId::of(id) == short)
}

/// Returns the addresses at which a node is dialled.
pub(crate) fn addresses(key: Key) -> Addresses {
    Addresses::at(format!("{}:4000", host(key)))
}

/// Returns the host of a node.
pub(crate) fn host(key: Key) -> IpAddr {
    IpAddr::from([10, 0, 0, key.0])
}

/// Returns a copy of an input.
pub(crate) fn copy(input: &Input) -> Input {
    match input {
        Input::Timer => Input::Timer,
        Input::LinkUp {
            link,
            peer,
            dialled,
            host,
        } => Input::LinkUp {
            link: *link,
            peer: *peer,
            dialled: *dialled,
            host: *host,
        },
        Input::LinkDown { link } => Input::LinkDown { link: *link },
        Input::DialFailed { peer, refused } => Input::DialFailed {
            peer: *peer,
            refused: refused.clone(),
        },
        Input::CircuitOver { number } => Input::CircuitOver { number: *number },
        Input::Checked { peer, at } => Input::Checked {
            peer: *peer,
            at: at.clone(),
        },
        Input::AskEntrances => Input::AskEntrances,
        Input::Frame { link, frame } => Input::Frame {
            link: *link,
            frame: frame.clone(),
        },
        Input::Part { link, taking } => Input::Part {
            link: *link,
            taking: *taking,
        },
        Input::Written { link, class, bytes } => Input::Written {
            link: *link,
            class: *class,
            bytes: *bytes,
        },
        Input::Read { unread } => Input::Read { unread: *unread },
        Input::Say(draft) => Input::Say(draft.clone()),
        Input::Rename { name } => Input::Rename { name: name.clone() },
        Input::Moved { addresses, network } => Input::Moved {
            addresses: addresses.clone(),
            network: *network,
        },
        Input::Leave => Input::Leave,
        Input::Found => Input::Found,
        Input::Contact {
            coordinator,
            doors,
            candidates,
        } => Input::Contact {
            coordinator: coordinator.clone(),
            doors: doors.clone(),
            candidates: candidates.clone(),
        },
        Input::Expected {
            newcomer,
            addresses,
            director,
        } => Input::Expected {
            newcomer: *newcomer,
            addresses: addresses.clone(),
            director: *director,
        },
        Input::Foreign(contact) => Input::Foreign(contact.clone()),
    }
}

/// A running ring.
struct Ring {
    hosts: Vec<Option<Host>>,
    now: Time,
    /// Inputs in flight, in the order of arrival.
    coming: BTreeMap<(Time, u64), (u8, Input)>,
    sent: u64,
    links: BTreeMap<LinkId, [u8; 2]>,
    seen: BTreeSet<(u8, Vec<u8>)>,
    record: Record,
}

impl Ring {
    fn new() -> Self {
        let each = usize::from(KEYS);
        Self {
            hosts: (0..KEYS).map(|_| None).collect(),
            now: Time::default(),
            coming: BTreeMap::new(),
            sent: 0,
            links: BTreeMap::new(),
            seen: BTreeSet::new(),
            record: Record {
                lives: (0..each).map(|_| Vec::new()).collect(),
                links: vec![BTreeMap::new(); each],
                frames: Vec::new(),
                said: vec![Vec::new(); each],
            },
        }
    }

    /// Runs the ring: members join and talk; at that point the fuzzer may begin; later, members join, leave and die.
    fn live(mut self) -> Record {
        for index in 0..MEMBERS {
            self.start(index);
            self.run(u64::from(index) * 200 + 200);
        }
        for round in 0..3 {
            for index in 0..MEMBERS {
                self.say(index, &format!("{round} of {index}"));
            }
            self.run(1_200 + round * 200);
        }
        self.run(2_000);
        self.keep_links();
        self.say(1, "one more");
        self.tell(
            3,
            Input::Rename {
                name: "dora".into(),
            },
        );
        self.start(MEMBERS);
        self.run(3_000);
        self.tell(3, Input::Leave);
        self.run(4_000);
        self.kill(0);
        self.say(2, "still here");
        self.run(8_000);
        self.say(1, "and still");
        self.run(END.as_micros() / 1_000);
        self.record
    }

    fn start(&mut self, index: u8) {
        self.hosts[usize::from(index)] = Some(start(Key(index), self.now));
        self.drain(index);
    }

    fn kill(&mut self, index: u8) {
        self.hosts[usize::from(index)] = None;
        let gone: Vec<LinkId> = self.links_of(index).collect();
        for link in gone {
            self.cut(link);
        }
    }

    fn say(&mut self, index: u8, text: &str) {
        if self.now < BEGIN {
            self.record.said[usize::from(index)].push(text.to_owned());
        }
        self.tell(
            index,
            Input::Say(Draft::from(BundleMessage::text(1_700_000_000_000, text))),
        );
    }

    fn links_of(&self, index: u8) -> impl Iterator<Item = LinkId> {
        let links = self.links.iter();
        links.filter_map(move |(link, ends)| ends.contains(&index).then_some(*link))
    }

    fn cut(&mut self, link: LinkId) {
        if let Some(ends) = self.links.remove(&link) {
            for end in ends {
                self.send(end, Input::LinkDown { link });
            }
        }
    }

    fn keep_links(&mut self) {
        for (link, [one, other]) in &self.links {
            for (end, far) in [(*one, *other), (*other, *one)] {
                self.record.links[usize::from(end)].insert(*link, Key(far).id());
            }
        }
    }

    fn send(&mut self, to: u8, input: Input) {
        self.sent += 1;
        self.coming.insert((self.now + WAY, self.sent), (to, input));
    }

    /// Runs until this time, in milliseconds after the start.
    fn run(&mut self, until_ms: u64) {
        let until = Time::from_micros(until_ms * 1_000);
        loop {
            let next = self.coming.first_key_value().map(|((time, _), _)| *time);
            let timers = self.hosts.iter().enumerate();
            let timers = timers.filter_map(|(index, host)| {
                let due = host.as_ref()?.poll_timeout()?;
                Some((due, index as u8))
            });
            let timer = timers.min();
            match (next, timer) {
                (Some(time), timer)
                    if time <= until && timer.is_none_or(|(due, _)| time <= due) =>
                {
                    let (_, (to, input)) = self.coming.pop_first().expect("it was there");
                    self.now = self.now.max(time);
                    self.tell(to, input);
                }
                (_, Some((due, index))) if due <= until => {
                    self.now = self.now.max(due);
                    self.tell(index, Input::Timer);
                }
                _ => break,
            }
        }
        self.now = until;
    }

    fn tell(&mut self, index: u8, input: Input) {
        let Some(host) = &mut self.hosts[usize::from(index)] else {
            return;
        };
        if self.now < BEGIN {
            self.record.lives[usize::from(index)].push((self.now, copy(&input)));
        }
        host.handle(self.now, input);
        self.drain(index);
    }

    fn drain(&mut self, index: u8) {
        while let Some(RingOutput { output, .. }) = self.hosts[usize::from(index)]
            .as_mut()
            .and_then(Host::poll_output)
        {
            self.output(index, output);
        }
    }

    fn output(&mut self, index: u8, output: Output) {
        match output {
            Output::Dial { peer, .. } => self.dial(index, peer),
            Output::Send { link, class, bytes } => {
                let size = bytes.len();
                let written = Input::Written {
                    link,
                    class,
                    bytes: size,
                };
                self.send(index, written);
                let frame = decode(&bytes).expect("a node sends what can be read");
                if self.seen.insert((index, bytes.to_vec())) {
                    self.record.frames.push((index, frame.clone()));
                }
                if let Some(ends) = self.links.get(&link) {
                    let far = ends[usize::from(ends[0] == index)];
                    self.send(far, Input::Frame { link, frame });
                }
            }
            Output::Close { link, .. } => self.cut(link),
            Output::AskDirector => {
                let mut coordinators = self.hosts.iter().flatten();
                let found = coordinators.find_map(|host| host.lobby().registration());
                let answer = found.map_or(Input::Found, |registration| Input::Contact {
                    coordinator: registration.coordinator.clone(),
                    doors: registration.doors.to_vec(),
                    candidates: Vec::new(),
                });
                self.send(index, answer);
            }
            Output::Finished { .. } => self.kill(index),
            Output::Check { peer, addresses } => {
                let at = addresses.all().next().map(Into::into);
                self.send(index, Input::Checked { peer, at });
            }
            Output::Circuit { .. }
            | Output::Splice { .. }
            | Output::Unsplice { .. }
            | Output::Entrances(_)
            | Output::Event(_) => {}
        }
    }

    fn dial(&mut self, index: u8, peer: NodeId) {
        let far = (0..KEYS).find(|far| Key(*far).id() == peer);
        let far = far.filter(|far| self.hosts[usize::from(*far)].is_some());
        let Some(far) = far else {
            let refused = vec![IpAddr::from([10, 0, 0, 0])];
            return self.send(index, Input::DialFailed { peer, refused });
        };
        self.sent += 1;
        let link = LinkId::lobby(self.sent);
        self.links.insert(link, [index, far]);
        for (end, peer, other, dialled) in [
            (index, peer, far, true),
            (far, Key(index).id(), index, false),
        ] {
            self.send(
                end,
                Input::LinkUp {
                    link,
                    peer,
                    dialled,
                    host: Some(host(Key(other))),
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_whole_when_the_fuzzer_begins() {
        let record = record();
        for index in 0..MEMBERS {
            let mut member = start(Key(index), Time::default());
            for (time, input) in &record.lives[usize::from(index)] {
                member.handle(*time, copy(input));
                while member.poll_output().is_some() {}
            }
            let view = member.lobby().view().expect("it is a member");
            assert_eq!(view.len(), usize::from(MEMBERS));
            assert_eq!(member.lobby().transcript().len(), 12);
        }
        assert!(record.frames.len() > 100, "{}", record.frames.len());
    }
}
