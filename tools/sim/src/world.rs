//! The simulated world: processes, with the network and the director between them, in virtual time.
//!
//! It feeds and drains each node exactly as the real driver does: one input, all outputs, the next timer. A run
//! depends on nothing but its seed. Here is the event loop. Not here: what happens to a process (`deed`), what
//! users write (`user`), what scenarios demand (`demand`), faults at chosen steps (`ambush`).

mod ambush;
mod deed;
mod demand;
mod driver;
mod forgery;
mod gathering;
mod inject;
pub(crate) mod reading;
mod sharing;
mod survey;
mod traffic;
mod unity;
mod user;
mod watch;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use ringtalk_proto::config::{Retention, Tempo};
use ringtalk_proto::{Config, Input, LinkId, PlantedBug, Time};
use ringtalk_wire::{Addresses, NetworkId, NodeId};

use crate::agenda::Agenda;
use crate::director::Director;
use crate::figures::Figures;
use crate::keys::{are_real, keys, signer};
use crate::network::{Arrival, HostIndex, Network, Site};
use crate::oracle::{Check, Oracles};
use crate::process::{Process, Told};
use crate::random::Random;
use crate::trace::Trace;

pub(crate) use ambush::Step;
pub(crate) use inject::Record;
pub(crate) use survey::{Survey, Travels};
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

/// A scheduled event of the world; the network has its own.
#[derive(Debug)]
enum Happening {
    Timer(HostIndex),
    Ask(HostIndex),
    Told(HostIndex, Input),
    Register(HostIndex),
    Say(HostIndex),
    Resume(HostIndex),
    LeaveDue(HostIndex),
    DirectorUp,
    Die(HostIndex),
    StartAt(String),
    Relief(u64),
    Reunion(u64),
    Release(LinkId),
    Read(HostIndex),
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
}

/// The state of one run.
#[derive(Debug)]
pub(crate) struct World {
    /// The random numbers of the scenario itself.
    pub(crate) random: Random,
    pub(crate) figures: Figures,
    /// How many nodes a scenario has if it leaves that open.
    pub(crate) nodes: Option<u64>,
    /// How long a scenario lasts if it leaves that open.
    pub(crate) lasts: Option<Duration>,
    pub(crate) seed: u64,
    now: Time,
    agenda: Agenda<Happening>,
    network: Network,
    director: Director,
    processes: Vec<Process>,
    indexes: BTreeMap<NodeId, HostIndex>,
    oracles: Oracles,
    trace: Trace,
    /// The random numbers of users and drivers, apart from the scenario's.
    chance: Random,
    /// How long a user is silent, on average; if `None`, nobody writes anything.
    pace: Option<Duration>,
    history: usize,
    watch: watch::Watch,
    changed: Time,
    /// When processes died. A node that left around then may have handed its last messages to a dead process only.
    deaths: Vec<Time>,
    /// Whether a node that becomes ready must have every message sent so far.
    whole_at_ready: bool,
    /// Whether links were ever lossy, cut, slow or partitioned, so that messages took longer.
    impaired: bool,
    partitions: u64,
    groups: Vec<u8>,
    /// The only group that reaches the director, during a partition.
    director_group: Option<u8>,
    record: Record,
    recorded_from: Time,
    real_keys: bool,
    planted: Option<PlantedBug>,
    /// How messages travel, if that is surveyed.
    pub(crate) survey: Option<Survey>,
    /// What is sent, if that is counted.
    pub(crate) traffic: Option<Traffic>,
    /// The copies that all nodes share.
    shared: sharing::Shared,
    /// The faults at chosen steps, if steps are counted.
    ambush: Option<ambush::Ambush>,
}

impl World {
    pub(crate) fn new(seed: u64, options: Options, record: Record) -> Self {
        let mut random = Random::new(seed);
        Self {
            network: Network::new(random.fork()),
            chance: random.fork(),
            random: random.fork(),
            figures: Figures::default(),
            nodes: options.nodes,
            lasts: options.lasts,
            seed,
            now: Time::from_micros(1_000_000),
            agenda: Agenda::new(),
            director: Director::default(),
            processes: Vec::new(),
            indexes: BTreeMap::new(),
            oracles: Oracles::default(),
            trace: Trace::new(options.trace),
            pace: None,
            history: HISTORY,
            watch: watch::Watch::default(),
            changed: Time::default(),
            deaths: Vec::new(),
            whole_at_ready: false,
            impaired: false,
            partitions: 0,
            groups: Vec::new(),
            director_group: None,
            record,
            recorded_from: Time::default(),
            real_keys: are_real(seed),
            planted: options.planted,
            survey: None,
            traffic: None,
            shared: sharing::Shared::default(),
            ambush: None,
        }
    }

    /// Sets how many messages nodes keep; it applies to nodes that start later.
    pub(crate) const fn keep_history(&mut self, messages: usize) {
        self.history = messages;
    }

    /// Prepares the measurement of a large ring: the oracles do not keep every node's whole past, and the times of
    /// recoveries are not recorded.
    pub(crate) fn measure(&mut self) {
        self.oracles.be_frugal();
    }

    /// Returns the figures of the run.
    pub(crate) fn into_figures(mut self) -> Figures {
        for kind in self.network.take_effects() {
            self.figures.fault(kind);
        }
        self.figures.took(self.now - Time::default());
        let said = self.processes.iter().map(Process::id);
        Figures {
            said: said.map(|id| self.oracles.said_by(id)).sum(),
            deliveries: self.oracles.delivered(),
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
        self.agenda
            .plan(self.now, Happening::Told(index, Input::Timer));
        index
    }

    /// Adds a process that has done nothing yet; its user has a random name unless one is given.
    fn add_process(&mut self, addresses: Addresses, name: Option<String>, site: Site) -> HostIndex {
        let index = self.processes.len();
        let secret = self.chance.bytes();
        let keys = keys(secret, self.real_keys);
        let id = NodeId::of(&keys.0.public_key());
        let network = network_of(&addresses);
        self.network.add_host(id, addresses.all(), site);
        let name = name.unwrap_or_else(|| self.chance.pick(&NAMES).unwrap_or("ann").to_owned());
        let config = Config {
            id,
            name: name.clone(),
            addresses,
            network,
            retention: Retention::of(self.history),
            tempo: Tempo::default(),
            fingers: true,
        };
        self.trace
            .show(self.now, || format!("n{index} starts as {id:?}, {name}"));
        self.indexes.insert(id, index);
        let mut process = Process::new(config, keys, signer(secret, self.real_keys), self.now);
        if let Some(bug) = self.planted {
            process.node.plant(bug);
        }
        self.processes.push(process);
        let phase = self.chance.millis(0, 1_000);
        self.agenda
            .plan(self.now + phase, Happening::Register(index));
        self.plan_word(index);
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
            while let Some((index, arrival)) = self.network.news() {
                self.arrived(index, arrival)?;
            }
            let (agenda, network) = (self.agenda.next(), self.network.next());
            let earliest = [agenda, network].into_iter().flatten().min();
            let Some(next) = earliest.filter(|&next| next <= end) else {
                self.now = end;
                return Ok(());
            };
            self.now = next;
            if network == Some(next) {
                self.network.advance();
            } else if let Some((_, happening)) = self.agenda.pop() {
                self.happen(happening)?;
            }
        }
    }

    fn happen(&mut self, happening: Happening) -> Check {
        match happening {
            Happening::Timer(index) => self.timer(index),
            Happening::Told(index, input) => self.tell(index, input.into()),
            Happening::Ask(index) => {
                self.ask(index);
                Ok(())
            }
            Happening::Register(index) => {
                self.register(index);
                Ok(())
            }
            Happening::Say(index) => self.speak(index),
            Happening::Resume(index) => self.resume(index),
            Happening::LeaveDue(index) => self.leave_due(index),
            Happening::Release(link) => self.release(link),
            Happening::Read(index) => self.read(index),
            other => {
                self.befall(other);
                Ok(())
            }
        }
    }

    /// Handles an event that cannot violate an invariant by itself.
    fn befall(&mut self, happening: Happening) {
        match happening {
            Happening::DirectorUp => {
                self.trace.show(self.now, || "the director is back".into());
                self.director.restart();
            }
            Happening::Die(index) => self.die(index, false),
            Happening::StartAt(address) if !self.is_taken(&address) => {
                self.start_at(address);
            }
            Happening::Relief(ill) => self.network.relieve(self.now, ill),
            Happening::Reunion(number) => self.reunite(number),
            _ => {}
        }
    }

    fn arrived(&mut self, index: HostIndex, arrival: Arrival) -> Check {
        let Some(arrival) = self.waylay(index, arrival) else {
            return Ok(());
        };
        let told = match arrival {
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
            Arrival::Checked { peer, reached } => Input::Checked { peer, reached }.into(),
            Arrival::Written { link, bytes } => Input::Written { link, bytes }.into(),
            Arrival::Frame { link, bytes } => {
                let mut frame = Self::frame(&bytes)?;
                self.share_bundle(&mut frame);
                Told {
                    read: Some((link, bytes.len())),
                    input: Input::Frame { link, frame },
                }
            }
        };
        self.tell(index, told)
    }

    fn free_address(&mut self) -> String {
        let gone: Vec<HostIndex> = (0..self.processes.len())
            .filter(|&index| !self.processes[index].is_alive())
            .filter(|&index| !self.is_taken(&self.processes[index].address))
            .collect();
        let index = self.processes.len();
        let fresh = format!("10.0.{}.{}:7000", index / 200, index % 200 + 1);
        match self.chance.pick(&gone) {
            Some(gone) if self.chance.chance(25) => self.processes[gone].address.clone(),
            _ => fresh,
        }
    }

    fn is_taken(&self, address: &str) -> bool {
        let mut alive = self.processes.iter().filter(|process| process.is_alive());
        alive.any(|process| process.address == address)
    }

    /// Takes the inputs that wait for a paused process.
    fn take_inbox(&mut self, index: HostIndex) -> VecDeque<Told> {
        std::mem::take(&mut self.processes[index].inbox)
    }
}

/// Returns the network of an address: its first two bytes.
fn network_of(addresses: &Addresses) -> NetworkId {
    let host: Option<SocketAddr> = addresses.internal.parse().ok();
    host.map_or_else(NetworkId::default, |host| NetworkId::of(host.ip(), 16))
}
