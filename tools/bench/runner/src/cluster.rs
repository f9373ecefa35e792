//! The members of one peer, each a process, and the orders to them and answers from them. Not here: the measurements
//! (`work`, `change`).

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bench_member::order::{Assignment, Greet, MemberEvent, Order, Talk, TalkResult};
use bench_member::text::now_ns;

use crate::machine;
use crate::peer::Peer;

/// The timeout of a step that all members take.
const STEP_TIMEOUT: Duration = Duration::from_mins(2);
/// How long a process may take to exit before it is killed.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);
/// The interval between two greetings of a member, in milliseconds.
const GREETING_MS: u64 = 100;
/// The number of the server process.
const SERVER: usize = usize::MAX;

/// The number of a process, and its event; `None` if the process has ended.
type ProcessEvent = (usize, Option<MemberEvent>);

/// All members, connected to each other.
#[derive(Debug)]
pub(crate) struct Cluster {
    programs: PathBuf,
    peer: &'static Peer,
    members: Vec<Process>,
    /// The address that each member announced.
    addresses: Vec<String>,
    server: Option<(Process, String)>,
    sender: Sender<ProcessEvent>,
    events: Receiver<ProcessEvent>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// Its stdin; `None` once it was told to end.
    orders: Option<ChildStdin>,
}

impl Process {
    fn order(&mut self, order: &Order) -> Result<()> {
        let line = serde_json::to_string(order)?;
        let orders = self.orders.as_mut().context("it was told to end")?;
        writeln!(orders, "{line}").context("a member has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A server ends when its stdin does, and takes its children along. A killed server would leave them running.
        self.orders = None;
        let end = Instant::now() + EXIT_TIMEOUT;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Cluster {
    /// Starts `count` members, and waits until each has received greetings from all others.
    pub(crate) fn start(programs: &Path, peer: &'static Peer, count: usize) -> Result<Self> {
        let (sender, events) = mpsc::channel();
        let mut cluster = Self {
            programs: programs.to_owned(),
            peer,
            members: Vec::new(),
            addresses: Vec::new(),
            server: None,
            sender,
            events,
        };
        let until = deadline();
        if peer.has_server {
            let process = cluster.start_process(SERVER)?;
            let (_, address) = cluster.await_listening(until)?;
            cluster.server = Some((process, address));
        }
        for number in 0..count {
            let member = cluster.start_process(number)?;
            cluster.members.push(member);
        }
        cluster.addresses = vec![String::new(); count];
        for _ in 0..count {
            let (number, address) = cluster.await_listening(until)?;
            cluster.addresses[number] = address;
        }
        for number in 0..count {
            let assignment = cluster.assignment(number);
            cluster.order_one(number, &Order::Join(assignment))?;
        }
        cluster.await_all(&MemberEvent::Joined, until)?;
        cluster.greet()?;
        Ok(cluster)
    }

    /// Starts one more member. It is connected once it sends [`MemberEvent::Joined`].
    pub(crate) fn add(&mut self) -> Result<()> {
        let number = self.len();
        let member = self.start_process(number)?;
        self.members.push(member);
        let (_, address) = self.await_listening(deadline())?;
        self.addresses.push(address);
        let assignment = self.assignment(number);
        self.order_one(number, &Order::Join(assignment))
    }

    /// Kills the last member. Returns its address and the time, in nanoseconds of this machine's monotonic clock.
    pub(crate) fn kill_last(&mut self) -> Result<(String, u64)> {
        let mut last = self.members.pop().context("nobody is left")?;
        let address = self.addresses.pop().context("it has no address")?;
        let at_ns = now_ns();
        last.child.kill()?;
        Ok((address, at_ns))
    }

    /// Has all members greet each other, and waits until each has received greetings from all others.
    pub(crate) fn greet(&mut self) -> Result<()> {
        self.order_all(&Order::Greet(Greet {
            others: self.len() - 1,
            every_ms: GREETING_MS,
        }))?;
        self.await_all(&MemberEvent::Greeted, deadline())?;
        self.order_all(&Order::Greeted)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Has all members take part in a talk, and returns the result of each.
    pub(crate) fn run_talk(&mut self, talk: &Talk) -> Result<Vec<TalkResult>> {
        self.order_all(&Order::Talk(talk.clone()))?;
        self.await_results(talk.window.map(|_| talk))
    }

    /// Waits until all members have finished a talk, and returns the result of each. In a talk with a window, tells
    /// authors how far the slowest member is.
    pub(crate) fn await_results(&mut self, talk: Option<&Talk>) -> Result<Vec<TalkResult>> {
        let until = deadline();
        let count = self.len();
        let mut results = vec![None; count];
        let mut received = vec![vec![0; count]; count];
        let mut reported = vec![0; count];
        while results.iter().any(Option::is_none) {
            let (member, event) = self.next_answer(until)?;
            match event {
                MemberEvent::Done(result) => results[member] = Some(result),
                MemberEvent::Heard {
                    talk: of,
                    author,
                    messages,
                } => {
                    let Some(talk) = talk.filter(|talk| talk.talk == of) else {
                        continue;
                    };
                    let author = usize::from(author);
                    received[author][member] = messages;
                    received[author][author] = u64::MAX;
                    let least = received[author].iter().copied().min().unwrap_or_default();
                    if least > reported[author] {
                        reported[author] = least;
                        self.members[author].order(&Order::Heard {
                            talk: talk.talk,
                            messages: least,
                        })?;
                    }
                }
                other => bail!("a member says {other:?}"),
            }
        }
        Ok(results.into_iter().flatten().collect())
    }

    /// Sends an order to all members.
    pub(crate) fn order_all(&mut self, order: &Order) -> Result<()> {
        self.members
            .iter_mut()
            .try_for_each(|member| member.order(order))
    }

    /// Sends an order to one member.
    pub(crate) fn order_one(&mut self, number: usize, order: &Order) -> Result<()> {
        self.members[number].order(order)
    }

    /// Returns the processor time of all members and of the server.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let server = self.server.iter().map(|(process, _)| process);
        let all = self.members.iter().chain(server);
        all.map(|process| machine::processor_time(process.child.id()))
            .sum()
    }

    /// Returns the median resident memory of the members, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        let all = self.members.iter();
        let sizes = all.map(|member| machine::resident_kib(member.child.id()));
        let mut sizes = sizes.collect::<Result<Vec<u64>>>()?;
        sizes.sort_unstable();
        Ok(sizes[sizes.len() / 2])
    }

    /// Returns the next event of a member, asked or unasked; `None` if none comes before `until`.
    pub(crate) fn next_event(&self, until: Instant) -> Result<Option<(usize, MemberEvent)>> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok((number, Some(MemberEvent::Failed(why)))) => bail!("member {number}: {why}"),
                Ok((number, Some(event))) => return Ok(Some((number, event))),
                // A member that was killed is no longer counted by `len`.
                Ok((number, None)) if number < self.len() => {
                    bail!("member {number} has ended by itself")
                }
                Ok((SERVER, None)) => bail!("the server has ended by itself"),
                Ok(_) => {}
                Err(_) => return Ok(None),
            }
        }
    }

    /// Returns the next event of a member that answers an order. Fails if none comes before `until`.
    pub(crate) fn next_answer(&self, until: Instant) -> Result<(usize, MemberEvent)> {
        loop {
            let event = self.next_event(until)?;
            let event = event.with_context(|| format!("did not finish in {STEP_TIMEOUT:?}"))?;
            if !matches!(
                event.1,
                MemberEvent::First { .. } | MemberEvent::Gone { .. }
            ) {
                return Ok(event);
            }
        }
    }

    fn start_process(&self, number: usize) -> Result<Process> {
        let program = self.programs.join(self.peer.program);
        let mut child = Command::new(&program)
            .args((number == SERVER).then_some("server"))
            .envs(self.peer.environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let orders = child.stdin.take();
        let output = child.stdout.take().context("it has no stdout")?;
        let events = self.sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(event) = serde_json::from_str(&line) else {
                    eprintln!("a member says {line:?}");
                    break;
                };
                // This fails only if the cluster is gone.
                let _ = events.send((number, Some(event)));
            }
            let _ = events.send((number, None));
        });
        Ok(Process { child, orders })
    }

    fn assignment(&self, number: usize) -> Assignment {
        Assignment {
            index: number as u16,
            addresses: self.addresses.clone(),
            server: self.server.as_ref().map(|(_, address)| address.clone()),
        }
    }

    fn await_listening(&self, until: Instant) -> Result<(usize, String)> {
        let (number, event) = self.next_answer(until)?;
        let MemberEvent::Listening(address) = event else {
            bail!("a process says {event:?} before it listens");
        };
        Ok((number, address))
    }

    fn await_all(&self, wanted: &MemberEvent, until: Instant) -> Result<()> {
        for _ in 0..self.len() {
            let (_, event) = self.next_answer(until)?;
            ensure!(event == *wanted, "{event:?} where {wanted:?} was due");
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // All members end at the same time, so that none repairs what the others leave behind.
        let _ = self.order_all(&Order::End);
    }
}

/// Returns the deadline of a step that begins at this moment.
pub(crate) fn deadline() -> Instant {
    Instant::now() + STEP_TIMEOUT
}
