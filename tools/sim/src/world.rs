//! The simulated world: processes, with the network and the director between them, in virtual time.
//!
//! It feeds and drains each node exactly as the real driver does: one input, all outputs, the next timer. A run
//! depends on nothing but its seed. Here is the event loop. Not here: control of processes (`control`), what
//! users write (`user`), what scenarios demand (`demand`), faults at chosen steps (`step_injector`).

mod common_room;
mod control;
mod demand;
mod driver;
pub(crate) mod forgery;
mod gathering;
mod inject;
pub(crate) mod reader;
mod recovery;
mod rooms;
mod rooms_beside;
mod sharing;
mod step_injector;
mod survey;
mod traffic;
mod unity;
mod user;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use ringtalk_proto::config::{LOG_BYTES, Retention, RingKind, Tempo};
use ringtalk_proto::{Config, Input, LinkId, PlantedBug, Time};
use ringtalk_wire::{Addresses, NetworkId, NodeId, RingId};

use crate::director::Director;
use crate::event_queue::EventQueue;
use crate::figures::Figures;
use crate::keys::{LOBBY, ROOM, are_real, keys, signer};
use crate::network::{Arrival, HostIndex, Network, Site};
use crate::oracle::{Channels, Check, Oracles};
use crate::process::{PendingInput, Process};
use crate::random::Random;
use crate::trace::Trace;

pub(crate) use inject::FaultRecord;
pub(crate) use step_injector::Step;
pub(crate) use survey::{Journey, Survey};
pub(crate) use traffic::Traffic;

/// The names that users choose: few enough that some clash.
const NAMES: [&str; 12] = [
    "ann",
    "Ann",
    "\u{430}nn",
    "bob",
    "carol",
    "dave",
    "eve",
    "frank",
    "grace",
    "heidi",
    "阿明",
    "mallory",
];
/// How many messages a node keeps for latecomers, unless a scenario sets another number.
const HISTORY: usize = 10_000;
/// How often a driver checks whether its node is to be registered.
const REGISTER: Duration = Duration::from_secs(1);
/// How often the world is checked while a scenario or a search waits for something.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A scheduled event of the world; the network has its own.
#[derive(Debug)]
enum WorldEvent {
    Timer(HostIndex),
    AskDirector(HostIndex),
    Input(HostIndex, Input),
    Register(HostIndex),
    UserMessage(HostIndex),
    Resume(HostIndex),
    LeaveDeadline(HostIndex),
    DirectorUp,
    Die(HostIndex),
    StartAt(String),
    ImpairmentOver(u64),
    PartitionOver(u64),
    ReleaseLink(LinkId),
    ReaderTick(HostIndex),
}

/// The options of a run, beside its seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How many nodes there are at first, if the scenario leaves it open: 1 to 16,384.
    pub nodes: Option<u64>,
    /// How long the run lasts, if the scenario leaves it open.
    pub lasts: Option<Duration>,
    /// Whether every step is printed on stderr.
    pub trace: bool,
    /// The planted bug that every node has.
    pub planted: Option<PlantedBug>,
    /// Whether users talk in a room, which is observed instead of the lobby.
    pub in_room: bool,
    /// Whether random faults have users create, join and leave rooms, and talk there.
    pub rooms: bool,
}

/// How the nodes of a run are set up, and how much their users write.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    /// How many nodes a scenario has if it leaves that open.
    pub(crate) nodes: Option<u64>,
    /// How long a scenario lasts if it leaves that open.
    pub(crate) lasts: Option<Duration>,
    /// How long a user is silent, on average; if `None`, nobody writes anything.
    pace: Option<Duration>,
    history: usize,
    /// How many bytes the logs of a process have together.
    log_bytes: usize,
    /// The ring in which users talk, and which is observed.
    pub(crate) ring: RingId,
    /// Whether random faults have users create, join and leave rooms.
    pub(crate) rooms: bool,
    /// Whether a node that becomes ready must have every message sent so far.
    whole_at_ready: bool,
    real_keys: bool,
    planted: Option<PlantedBug>,
}

/// What has happened to the paths between hosts.
#[derive(Debug, Default)]
struct Disturbance {
    /// Whether links were ever lossy, cut, slow or partitioned, so that messages took longer.
    impaired: bool,
    partitions: u64,
    groups: Vec<u8>,
    /// The only group that reaches the director, during a partition.
    director_group: Option<u8>,
}

/// The record of the faults, so that a schedule can repeat them.
#[derive(Debug)]
struct Record {
    faults: FaultRecord,
    from: Time,
}

/// What is measured beside the figures, if anything.
#[derive(Debug, Default)]
pub(crate) struct Measurement {
    /// How messages travel.
    pub(crate) survey: Option<Survey>,
    /// The traffic.
    pub(crate) traffic: Option<Traffic>,
}

/// The state of one run.
#[derive(Debug)]
pub(crate) struct World {
    /// The random numbers of the scenario itself.
    pub(crate) random: Random,
    pub(crate) figures: Figures,
    pub(crate) setup: Setup,
    pub(crate) measurement: Measurement,
    now: Time,
    events: EventQueue<WorldEvent>,
    network: Network,
    director: Director,
    processes: Vec<Process>,
    indexes: BTreeMap<NodeId, HostIndex>,
    oracles: Oracles,
    /// The channels of all connections, as their bytes tell.
    channels: Channels,
    rooms: rooms::Rooms,
    trace: Trace,
    /// The random numbers of users and drivers, apart from the scenario's.
    driver_random: Random,
    recovery: recovery::RecoveryTimes,
    last_change: Time,
    /// When processes died. A node that left around then may have handed its last messages to a dead process only.
    deaths: Vec<Time>,
    disturbance: Disturbance,
    record: Record,
    /// The copies that all nodes share.
    shared: sharing::Shared,
    /// The faults at chosen steps, if steps are counted.
    step_injector: Option<step_injector::StepInjector>,
}

impl World {
    pub(crate) fn new(seed: u64, options: Options, fault_record: FaultRecord) -> Self {
        let mut random = Random::new(seed);
        Self {
            network: Network::new(random.fork()),
            driver_random: random.fork(),
            random: random.fork(),
            figures: Figures::default(),
            setup: Setup {
                seed,
                nodes: options.nodes,
                lasts: options.lasts,
                pace: None,
                history: HISTORY,
                log_bytes: LOG_BYTES,
                ring: if options.in_room { ROOM } else { LOBBY },
                rooms: options.rooms,
                whole_at_ready: false,
                real_keys: are_real(seed),
                planted: options.planted,
            },
            measurement: Measurement::default(),
            now: Time::from_micros(1_000_000),
            events: EventQueue::new(),
            director: Director::default(),
            processes: Vec::new(),
            indexes: BTreeMap::new(),
            oracles: Oracles::default(),
            channels: Channels::default(),
            rooms: rooms::Rooms::default(),
            trace: Trace::new(options.trace),
            recovery: recovery::RecoveryTimes::default(),
            last_change: Time::default(),
            deaths: Vec::new(),
            disturbance: Disturbance::default(),
            record: Record {
                faults: fault_record,
                from: Time::default(),
            },
            shared: sharing::Shared::default(),
            step_injector: None,
        }
    }

    /// Sets how many messages nodes keep; it applies to nodes that start later.
    pub(crate) const fn keep_history(&mut self, messages: usize) {
        self.setup.history = messages;
    }

    /// Sets how many bytes the logs of a process have together; it applies to processes that start later.
    pub(crate) const fn keep_log_bytes(&mut self, bytes: usize) {
        self.setup.log_bytes = bytes;
    }

    /// Prepares the measurement of a large ring: the oracles do not keep every node's whole past, and the times of
    /// recoveries are not recorded.
    pub(crate) fn use_cheap_checks(&mut self) {
        self.oracles.use_cheap_checks();
    }

    /// Returns the figures of the run.
    pub(crate) fn into_figures(mut self) -> Figures {
        for kind in self.network.take_effects() {
            self.figures.count_effective(kind);
        }
        self.figures.set_virtual_time(self.now - Time::default());
        let rings = || self.rooms.oracles().chain([&self.oracles]);
        Figures {
            sent: rings().map(Oracles::total_sent).sum(),
            deliveries: rings().map(Oracles::deliveries).sum(),
            trace: self.trace.hash(),
            ..self.figures
        }
    }

    /// Returns the hash of the trace; equal runs have equal hashes.
    pub(crate) const fn trace(&self) -> u64 {
        self.trace.hash()
    }

    /// Starts a process, now and then at the address of one that is gone.
    pub(crate) fn start(&mut self) -> HostIndex {
        let address = self.free_address();
        self.start_at(address)
    }

    fn start_at(&mut self, address: String) -> HostIndex {
        self.start_on(Addresses::at(address), Site::default())
    }

    /// Starts a process on the networks of a site.
    pub(crate) fn start_at_site(&mut self, site: Site) -> HostIndex {
        let number = self.processes.len();
        let mut addresses = site
            .numbers()
            .map(|network| format!("10.{network}.{}.{}:7000", number / 200, number % 200 + 1));
        let internal = addresses.next().unwrap_or_default();
        let others = addresses.collect();
        let addresses = Addresses {
            others,
            ..Addresses::at(internal)
        };
        self.start_on(addresses, site)
    }

    fn start_on(&mut self, addresses: Addresses, site: Site) -> HostIndex {
        let index = self.add_process(addresses, None, site);
        self.events
            .push(self.now, WorldEvent::Input(index, Input::Timer));
        index
    }

    /// Adds a process that has done nothing yet; its user has a random name unless one is given.
    fn add_process(&mut self, addresses: Addresses, name: Option<String>, site: Site) -> HostIndex {
        let index = self.processes.len();
        let secret = self.driver_random.bytes();
        let keys = keys(secret, self.setup.real_keys);
        let id = NodeId::of(&keys.0.public_key());
        let network = network_of(&addresses);
        self.network.add_host(id, addresses.all(), site);
        let name =
            name.unwrap_or_else(|| self.driver_random.pick(&NAMES).unwrap_or("ann").to_owned());
        let config = Config {
            id,
            ring: LOBBY,
            kind: RingKind::Lobby,
            name: name.clone(),
            addresses,
            network,
            retention: Retention {
                bytes: self.setup.log_bytes,
                spare_bytes: self.setup.log_bytes / 8,
                ..Retention::of(self.setup.history)
            },
            tempo: Tempo::default(),
            fingers: true,
        };
        self.trace
            .show(self.now, || format!("n{index} starts as {id:?}, {name}"));
        self.indexes.insert(id, index);
        let forging_signer = signer(secret, self.setup.real_keys);
        let mut process = Process::new(config, self.setup.ring, keys, forging_signer, self.now);
        if let Some(bug) = self.setup.planted {
            process.host.plant(bug, &self.setup.ring);
            process.host.plant(bug, &ROOM);
        }
        self.processes.push(process);
        let phase = self.driver_random.millis(0, 1_000);
        self.events
            .push(self.now + phase, WorldEvent::Register(index));
        self.plan_message(index);
        index
    }

    /// Returns the virtual time.
    pub(crate) const fn time(&self) -> Time {
        self.now
    }

    /// Lets virtual time pass.
    pub(crate) fn run_for(&mut self, time: Duration) -> Check {
        self.run_until(self.now + time)
    }

    fn run_until(&mut self, end: Time) -> Check {
        loop {
            while let Some((index, arrival)) = self.network.next_arrival() {
                self.handle_arrival(index, arrival)?;
            }
            let (event, network) = (self.events.next_time(), self.network.next_time());
            let earliest = [event, network].into_iter().flatten().min();
            let Some(next) = earliest.filter(|&next| next <= end) else {
                self.now = end;
                return Ok(());
            };
            self.now = next;
            if network == Some(next) {
                self.network.advance();
            } else if let Some((_, event)) = self.events.pop() {
                self.handle_event(event)?;
            }
        }
    }

    fn handle_event(&mut self, event: WorldEvent) -> Check {
        match event {
            WorldEvent::Timer(index) => self.fire_timer(index),
            WorldEvent::Input(index, input) => self.handle_input(index, input.into()),
            WorldEvent::AskDirector(index) => {
                self.ask_director(index);
                Ok(())
            }
            WorldEvent::Register(index) => {
                self.register(index);
                self.refound_room(index)?;
                self.introduce_coordinators(index, self.setup.ring)?;
                self.tend_rooms(index)
            }
            WorldEvent::UserMessage(index) => self.write_next(index),
            WorldEvent::Resume(index) => self.resume(index),
            WorldEvent::LeaveDeadline(index) => self.check_left(index),
            WorldEvent::ReleaseLink(link) => self.release_link(link),
            WorldEvent::ReaderTick(index) => self.advance_reader(index),
            other => {
                self.handle_infallible(other);
                Ok(())
            }
        }
    }

    /// Handles an event that cannot violate an invariant by itself.
    fn handle_infallible(&mut self, event: WorldEvent) {
        match event {
            WorldEvent::DirectorUp => {
                self.trace.show(self.now, || "the director is back".into());
                self.director.restart();
            }
            WorldEvent::Die(index) => self.die(index, false),
            WorldEvent::StartAt(address) if !self.is_taken(&address) => {
                self.start_at(address);
            }
            WorldEvent::ImpairmentOver(id) => self.network.end_impairment(self.now, id),
            WorldEvent::PartitionOver(number) => self.end_partition(number),
            _ => {}
        }
    }

    fn handle_arrival(&mut self, index: HostIndex, arrival: Arrival) -> Check {
        let Some(arrival) = self.intercept(index, arrival) else {
            return Ok(());
        };
        let input = match arrival {
            Arrival::LinkUp {
                link,
                peer,
                dialled,
                host,
            } => Input::LinkUp {
                link,
                peer,
                dialled,
                host,
            }
            .into(),
            Arrival::LinkDown { link } => Input::LinkDown { link }.into(),
            Arrival::DialFailed { peer, refused } => Input::DialFailed { peer, refused }.into(),
            Arrival::CircuitOver { number } => Input::CircuitOver { number }.into(),
            Arrival::Checked { peer, at } => Input::Checked { peer, at }.into(),
            Arrival::Part { link, taking } => Input::Part { link, taking }.into(),
            Arrival::Written { link, class, bytes } => Input::Written { link, class, bytes }.into(),
            Arrival::Frame { link, packet } => {
                let mut frame = Self::decode_frame(&packet.bytes)?;
                self.share_bundle(&mut frame);
                PendingInput {
                    read: Some((link, packet.bytes.len())),
                    input: Input::Frame {
                        link: LinkId {
                            channel: packet.channel,
                            ..link
                        },
                        frame,
                    },
                }
            }
        };
        self.handle_input(index, input)
    }

    fn free_address(&mut self) -> String {
        let gone: Vec<HostIndex> = (0..self.processes.len())
            .filter(|&index| !self.processes[index].is_alive())
            .filter(|&index| !self.is_taken(&self.processes[index].address))
            .collect();
        let index = self.processes.len();
        let fresh = format!("10.0.{}.{}:7000", index / 200, index % 200 + 1);
        match self.driver_random.pick(&gone) {
            Some(gone) if self.driver_random.chance(25) => self.processes[gone].address.clone(),
            _ => fresh,
        }
    }

    fn is_taken(&self, address: &str) -> bool {
        let mut alive = self.processes.iter().filter(|process| process.is_alive());
        alive.any(|process| process.address == address)
    }

    /// Takes the inputs that wait for a paused process.
    fn take_inbox(&mut self, index: HostIndex) -> VecDeque<PendingInput> {
        std::mem::take(&mut self.processes[index].inbox)
    }
}

/// Returns the network of an address: its first two bytes.
fn network_of(addresses: &Addresses) -> NetworkId {
    let host: Option<SocketAddr> = addresses.internal.parse().ok();
    host.map_or_else(NetworkId::default, |host| NetworkId::of(host.ip(), 16))
}
