//! The world: processes, the network and the director between them, under virtual time.
//!
//! It feeds each node and drains it exactly as the real driver does: one input, all outputs, the
//! next timer. Nothing in it depends on anything but the seed. Here is the loop; beside it what
//! happens to a process (`deed`), what users say (`user`), what is demanded (`demand`), and what
//! strikes at a chosen step (`ambush`).

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

/// Names that users choose: few enough to clash now and then.
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
/// What nodes keep for latecomers, unless a scenario says less.
const HISTORY: usize = 10_000;
/// How often a driver looks whether its node is to be registered.
const REGISTER: Duration = Duration::from_secs(1);

/// What is going to happen, the network's own affairs apart.
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

/// What is asked of a run beside its seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How many nodes there are at first, where the scenario leaves it open: 1 to 16,384.
    pub nodes: Option<u64>,
    /// How long it lasts, where the scenario leaves it open.
    pub lasts: Option<Duration>,
    /// Shows every step on stderr.
    pub trace: bool,
    /// A mistake that every node makes.
    pub planted: Option<PlantedBug>,
}

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    /// What the scenario itself draws from.
    pub(crate) random: Random,
    pub(crate) figures: Figures,
    /// How many nodes a scenario is to have that leaves it open.
    pub(crate) nodes: Option<u64>,
    /// How long a scenario is to last that leaves it open.
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
    /// Draws for users and drivers, apart from the scenario's.
    chance: Random,
    /// How long a user is silent, on average; none says nothing at all.
    pace: Option<Duration>,
    history: usize,
    watch: watch::Watch,
    changed: Time,
    /// When processes died: who left at that time may have handed its last words to the dead.
    deaths: Vec<Time>,
    /// True where whoever gets ready must have all that was said.
    whole_at_ready: bool,
    /// True once the ways between hosts were worse than slow: what was said took its time.
    impaired: bool,
    partitions: u64,
    groups: Vec<u8>,
    /// The only group that reaches the director, while there are groups.
    director_group: Option<u8>,
    record: Record,
    recorded_from: Time,
    real_keys: bool,
    planted: Option<PlantedBug>,
    /// How messages travel, where that is looked at.
    pub(crate) survey: Option<Survey>,
    /// What is sent, where that is counted.
    pub(crate) traffic: Option<Traffic>,
    /// What all nodes have in common.
    shared: sharing::Shared,
    /// What strikes at chosen steps, where steps are counted.
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

    /// Nodes that start from now on keep so many messages.
    pub(crate) const fn keep_history(&mut self, messages: usize) {
        self.history = messages;
    }

    /// From now on a large ring is measured: nothing is kept of everybody's whole past, and nobody looks at
    /// how soon things are well again.
    pub(crate) fn measure(&mut self) {
        self.oracles.be_frugal();
    }

    /// What the run was like.
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

    /// Equal for equal runs.
    pub(crate) const fn trace(&self) -> u64 {
        self.trace.hash()
    }

    /// A process starts, now and then at the address of one that is gone.
    pub(crate) fn start(&mut self) -> HostIndex {
        let address = self.free_address();
        self.start_at(address)
    }

    fn start_at(&mut self, address: String) -> HostIndex {
        self.start_on(Addresses::at(address), Site::default())
    }

    /// A process starts somewhere on these networks.
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

    /// A process that has done nothing yet; its user has some name or other unless one is given.
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

    /// The virtual time.
    pub(crate) const fn time(&self) -> Time {
        self.now
    }

    /// Virtual time goes on.
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

    /// What happens to the world, and cannot go wrong by itself.
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

    /// What waits for a process that is stopped.
    fn take_inbox(&mut self, index: HostIndex) -> VecDeque<Told> {
        std::mem::take(&mut self.processes[index].inbox)
    }
}

/// The network of an address: its first two bytes.
fn network_of(addresses: &Addresses) -> NetworkId {
    let host: Option<SocketAddr> = addresses.internal.parse().ok();
    host.map_or_else(NetworkId::default, |host| NetworkId::of(host.ip(), 16))
}
