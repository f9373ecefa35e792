//! The members of one peer, each a process, and what they are told and tell.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bench_member::order::{Account, Order, Place, Talk, Word};

use crate::machine;
use crate::peer::Peer;

/// How long a step of all members may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a process may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(2);

/// All members, in touch with each other.
#[derive(Debug)]
pub(crate) struct Crew {
    members: Vec<Process>,
    server: Option<Process>,
    words: Receiver<(usize, Word)>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// Nothing once it was told to end.
    orders: Option<ChildStdin>,
}

impl Process {
    fn start(
        programs: &Path,
        peer: &Peer,
        arguments: &[&str],
        number: usize,
        words: Sender<(usize, Word)>,
    ) -> Result<Self> {
        let program = programs.join(peer.program);
        let mut child = Command::new(&program)
            .args(arguments)
            .envs(peer.environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let orders = child.stdin.take();
        let output = child.stdout.take().context("it has no stdout")?;
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(word) = serde_json::from_str(&line) else {
                    eprintln!("a member says {line:?}");
                    return;
                };
                if words.send((number, word)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, orders })
    }

    fn order(&mut self, order: &Order) -> Result<()> {
        let line = serde_json::to_string(order)?;
        let orders = self.orders.as_mut().context("it was told to end")?;
        writeln!(orders, "{line}").context("a member has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.order(&Order::End);
        // What serves members ends where its stdin does, and takes its children along.
        self.orders = None;
        let end = Instant::now() + FAREWELL;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Crew {
    /// Starts as many members, and waits until each has heard all others.
    pub(crate) fn start(programs: &Path, peer: &Peer, count: usize) -> Result<Self> {
        let (sender, words) = mpsc::channel();
        let mut crew = Self {
            members: Vec::new(),
            server: None,
            words,
        };
        let mut server = None;
        if peer.has_server {
            let process = Process::start(programs, peer, &["server"], count, sender.clone())?;
            crew.server = Some(process);
            server = Some(crew.listening(&mut vec![None; count + 1])?);
        }
        let mut addresses = vec![None; count];
        for number in 0..count {
            let member = Process::start(programs, peer, &[], number, sender.clone())?;
            crew.members.push(member);
        }
        for _ in 0..count {
            crew.listening(&mut addresses)?;
        }
        let addresses: Vec<String> = addresses.into_iter().flatten().collect();
        for (number, member) in crew.members.iter_mut().enumerate() {
            member.order(&Order::Join(Place {
                index: number as u16,
                addresses: addresses.clone(),
                server: server.clone(),
            }))?;
        }
        crew.await_all(&Word::Joined)?;
        crew.order(&Order::Greet)?;
        crew.await_all(&Word::Greeted)?;
        crew.order(&Order::Greeted)?;
        Ok(crew)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Has all members take part in a talk, and returns how it went for each.
    pub(crate) fn talk(&mut self, talk: &Talk) -> Result<Vec<Account>> {
        self.order(&Order::Talk(talk.clone()))?;
        self.accounts(talk.window.map(|_| talk))
    }

    /// Has all members do something, and returns how it went for each. In a talk with a window, authors are
    /// told how far the slowest is.
    pub(crate) fn accounts(&mut self, talk: Option<&Talk>) -> Result<Vec<Account>> {
        let count = self.len();
        let mut accounts = vec![None; count];
        let mut heard = vec![vec![0; count]; count];
        let mut told = vec![0; count];
        while accounts.iter().any(Option::is_none) {
            let (member, word) = self.word()?;
            match word {
                Word::Done(account) => accounts[member] = Some(account),
                Word::Heard { author, messages } => {
                    let Some(talk) = talk else { continue };
                    let author = usize::from(author);
                    heard[author][member] = messages;
                    heard[author][author] = u64::MAX;
                    let least = heard[author].iter().copied().min().unwrap_or_default();
                    if least > told[author] {
                        told[author] = least;
                        self.members[author].order(&Order::Heard {
                            talk: talk.talk,
                            messages: least,
                        })?;
                    }
                }
                other => bail!("a member says {other:?}"),
            }
        }
        Ok(accounts.into_iter().flatten().collect())
    }

    /// Tells all members.
    pub(crate) fn order(&mut self, order: &Order) -> Result<()> {
        self.members
            .iter_mut()
            .try_for_each(|member| member.order(order))
    }

    /// The processor time of all members and of the server.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let all = self.members.iter().chain(&self.server);
        all.map(|process| machine::processor_time(process.child.id()))
            .sum()
    }

    /// The memory of the middle one of all members, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        let all = self.members.iter();
        let sizes = all.map(|member| machine::resident_kib(member.child.id()));
        let mut sizes = sizes.collect::<Result<Vec<u64>>>()?;
        sizes.sort_unstable();
        Ok(sizes[sizes.len() / 2])
    }

    fn listening(&self, addresses: &mut [Option<String>]) -> Result<String> {
        let (number, word) = self.word()?;
        let Word::Listening(address) = word else {
            bail!("a process says {word:?} before it listens");
        };
        addresses[number] = Some(address.clone());
        Ok(address)
    }

    fn await_all(&self, wanted: &Word) -> Result<()> {
        let mut missing = self.len();
        while missing > 0 {
            let (_, word) = self.word()?;
            ensure!(word == *wanted, "{word:?} where {wanted:?} was due");
            missing -= 1;
        }
        Ok(())
    }

    fn word(&self) -> Result<(usize, Word)> {
        let word = self.words.recv_timeout(PATIENCE);
        word.with_context(|| format!("no member has said anything for {PATIENCE:?}"))
    }
}
