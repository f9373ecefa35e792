//! Networks with faults: namespaces with a router between them, or a TCP proxy if the machine allows no namespaces.
//!
//! Every host has a network namespace and one cable to the router, which is a namespace too: the machine's own
//! network is never touched. All faults are rules of the router, and change for all hosts at once.

mod capture;
mod home;
mod namespace;
mod proxy;
mod rules;
mod stream;

use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

pub use capture::Capture;
use home::Home;
use namespace::Namespace;
pub use proxy::Proxy;
pub use rules::BlockMode;
pub use stream::StreamDirection;

/// Hosts that reach each other through one router.
#[derive(Debug)]
pub struct Network {
    router: Namespace,
    hosts: Vec<Namespace>,
    homes: Vec<Home>,
}

/// A host on a [`Network`], where processes can run.
#[derive(Clone, Debug)]
pub struct Host {
    namespace: String,
    address: Ipv4Addr,
}

impl Network {
    /// Returns a network of `hosts` hosts; if this machine does not allow one, prints the reason in one line and
    /// returns `None`.
    ///
    /// # Panics
    ///
    /// If the machine allows networks, but this one cannot be made.
    #[track_caller]
    pub fn or_skip(hosts: u8) -> Option<Self> {
        let router = probe().map_err(report_skipped).ok()?;
        Some(Self::with_router(router, hosts).expect("a network of namespaces"))
    }

    /// Returns a network of `hosts` hosts, as [`Network::or_skip`] does, and `homes` homes besides: hosts behind routers
    /// that translate addresses, so that nobody can dial them.
    ///
    /// # Panics
    ///
    /// If the machine allows networks, but this one cannot be made.
    #[track_caller]
    pub fn with_homes_or_skip(hosts: u8, homes: u8) -> Option<Self> {
        let mut network = Self::or_skip(hosts)?;
        for number in hosts..hosts + homes {
            let home = Home::new(&network.router, number).expect("a home behind a router");
            network.homes.push(home);
        }
        Some(network)
    }

    /// Returns the host in a home, counted from 0.
    ///
    /// # Panics
    ///
    /// If there is no such home.
    #[track_caller]
    pub fn home(&self, number: u8) -> Host {
        self.homes[usize::from(number)].host()
    }

    /// Writes a file that a host has instead of the machine's own one in `/etc`, such as `hosts`.
    ///
    /// # Panics
    ///
    /// If there is no such host, or if the file cannot be written.
    #[track_caller]
    pub fn write_etc(&self, number: u8, file: &str, text: &str) {
        let host = &self.hosts[usize::from(number)];
        host.write_etc(file, text).expect("a file for a host");
    }

    fn with_router(router: Namespace, hosts: u8) -> Result<Self, String> {
        router.run_with("tee", &["/proc/sys/net/ipv4/ip_forward"], "1\n")?;
        let mut network = Self {
            router,
            hosts: Vec::new(),
            homes: Vec::new(),
        };
        for number in 0..hosts {
            network.add_host(number)?;
        }
        network.apply(&[])?;
        Ok(network)
    }

    /// Adds host `number`, with a cable to the router.
    fn add_host(&mut self, number: u8) -> Result<(), String> {
        let host = Namespace::new(&format!("h{number}"))?;
        let cable = cable(number);
        let here = gateway(number);
        let there = address(number);
        host.ip(CONTAINERS)?;
        self.router.ip(&format!(
            "link add {cable} type veth peer name {PORT} netns {}\n\
             address add {here}/24 dev {cable}\n\
             link set {cable} up\n",
            host.name()
        ))?;
        host.ip(&format!(
            "link set lo up\n\
             address add {there}/24 dev {PORT}\n\
             link set {PORT} up\n\
             route add default via {here}\n"
        ))?;
        self.hosts.push(host);
        Ok(())
    }

    /// Returns a host, counted from 0.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    #[track_caller]
    pub fn host(&self, number: u8) -> Host {
        Host {
            namespace: self.hosts[usize::from(number)].name().to_owned(),
            address: address(number),
        }
    }

    /// Cuts the network in two: nothing passes between `one` and `other`.
    #[track_caller]
    pub fn cut(&self, one: &[Host], other: &[Host], mode: BlockMode) {
        let rules = [
            rules::block(&addresses(one), &addresses(other), mode),
            rules::block(&addresses(other), &addresses(one), mode),
        ];
        self.apply_or_panic(&rules);
    }

    /// Divides the hosts into two networks that do not reach each other; a host on neither list is on both. Nobody
    /// can dial the `closed` hosts, wherever they are.
    #[track_caller]
    pub fn divide(&self, one: &[Host], other: &[Host], closed: &[Host]) {
        let mut rules = Vec::new();
        if !closed.is_empty() {
            rules.push(rules::close(&addresses(closed)));
        }
        if !one.is_empty() && !other.is_empty() {
            let (one, other) = (addresses(one), addresses(other));
            rules.push(rules::block(&one, &other, BlockMode::Drop));
            rules.push(rules::block(&other, &one, BlockMode::Drop));
        }
        self.apply_or_panic(&rules);
    }

    /// Cuts the network in one direction: nothing that `from` sends reaches `to`.
    #[track_caller]
    pub fn cut_one_way(&self, from: &[Host], to: &[Host]) {
        let rule = rules::block(&addresses(from), &addresses(to), BlockMode::Drop);
        self.apply_or_panic(&[rule]);
    }

    /// Drops this percentage of all packets, at random.
    #[track_caller]
    pub fn drop_packets(&self, percent: u8) {
        self.apply_or_panic(&[rules::drop_packets(percent)]);
    }

    /// Ends all faults except delays.
    #[track_caller]
    pub fn heal(&self) {
        self.apply_or_panic(&[]);
    }

    /// Delays everything that a host sends by `delay`, until the network is dropped. The error says why this
    /// machine cannot.
    pub fn delay(&self, delay: Duration) -> Result<(), String> {
        let delay = format!("{}us", delay.as_micros());
        for host in &self.hosts {
            let arguments = ["qdisc", "replace", "dev", PORT, "root", "netem", "delay"];
            host.run_with("tc", &[&arguments[..], &[&delay]].concat(), "")?;
        }
        Ok(())
    }

    /// Lets the cable of a host carry only so many kbit a second each way. What does not fit waits 0.5 s at most. The
    /// error says why this machine cannot.
    pub fn throttle(&self, number: u8, kbit: u32) -> Result<(), String> {
        let rate = format!("{kbit}kbit");
        let shape = |port: &str, end: &Namespace| {
            let arguments = ["qdisc", "replace", "dev", port, "root", "tbf", "rate"];
            let limits = [&rate, "burst", "1600", "latency", "500ms"];
            end.run_with("tc", &[&arguments[..], &limits].concat(), "")
        };
        shape(PORT, &self.hosts[usize::from(number)])?;
        shape(&cable(number), &self.router)
    }

    #[track_caller]
    fn apply_or_panic(&self, rules: &[String]) {
        let applied = self.apply(rules);
        applied.expect("a router that took rules once takes others");
    }

    /// Replaces all rules of the router, in one step.
    fn apply(&self, rules: &[String]) -> Result<(), String> {
        self.router
            .run_with("nft", &["--file", "-"], &rules::script(rules))
    }
}

impl Host {
    /// Returns its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Runs the lines of an `ip` batch on this host. Its end of the cable is `port`.
    ///
    /// # Panics
    ///
    /// If one of them fails.
    #[track_caller]
    pub fn configure(&self, batch: &str) {
        namespace::ip(&self.namespace, batch).expect("a change of the host's network");
    }

    /// Gives this host another address instead of its own, in the same network.
    #[track_caller]
    pub fn move_to(&mut self, last: u8) {
        let [a, b, number, _] = self.address.octets();
        let (before, now) = (self.address, Ipv4Addr::new(a, b, number, last));
        let via = gateway(number);
        self.configure(&format!(
            "address del {before}/24 dev {PORT}\n\
             address add {now}/24 dev {PORT}\n\
             route add default via {via}\n"
        ));
        self.address = now;
    }

    /// Returns a command that runs `program` on this host; it replaces the process that is started.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace])
            .arg(program);
        command
    }
}

/// Makes a namespace, and checks that it has a firewall and cables. The error says why this machine has none.
fn probe() -> Result<Namespace, String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("network namespaces need root".to_owned());
    }
    namespace::sweep()?;
    let router = Namespace::new("router")?;
    router.run_with("nft", &["list", "tables"], "")?;
    router.ip("link add probe type veth peer name eborp\nlink delete probe\n")?;
    Ok(router)
}

/// Prints why the current test is skipped, in one line, past the output capture of the test runner.
pub fn report_skipped(why: impl fmt::Display) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    let why = why.to_string().replace('\n', "; ");
    let _ = writeln!(std::io::stderr().lock(), "skipped: {name}: {why}");
}

/// A bridge as container programs make them. A host has it before its cable, so that it comes first in all lists.
const CONTAINERS: &str = "link add stack type bridge\n\
                          link add inside type veth peer name outside\n\
                          link set inside master stack\n\
                          link set outside up\n\
                          link set inside up\n\
                          link set stack up\n\
                          address add 172.17.0.1/16 dev stack\n";

/// The name of a host's end of the cable.
const PORT: &str = "port";

/// Returns the name of the router's end of a host's cable.
fn cable(number: u8) -> String {
    format!("h{number}")
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 213, number, 2)
}

fn gateway(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 213, number, 1)
}

fn addresses(hosts: &[Host]) -> Vec<Ipv4Addr> {
    hosts.iter().map(Host::address).collect()
}
