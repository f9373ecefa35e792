//! The part that all measured programs share: it sends, receives and counts messages, and reports to the runner. Each
//! program adds a [`Peer`]; everything else is the same for all of them.
//!
//! Not here: the transport of each peer (`peers/`), the measurements (`runner`).

pub mod order;
mod tally;
pub mod text;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, stdin};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use order::{Chat, Greet, Order, Place, Talk, Word};
use tally::Tally;
use text::{Said, now_ns};

/// The timeout of a talk: if nothing more arrives for this long, messages are lost.
const SILENCE: Duration = Duration::from_secs(10);
/// The number of reports to the runner per window of messages.
const TOLD_PER_WINDOW: u64 = 8;
/// The most messages that are sent before other tasks run and orders are read.
const TURN: u64 = 256;

/// A transport that carries messages from each member to all others.
#[expect(async_fn_in_trait, reason = "every member has one thread")]
pub trait Peer: Sized + 'static {
    /// The sending half.
    type Voice: Voice;

    /// Begins to listen, and returns the address at which the others find this member.
    async fn listen() -> Result<(Self, String)>;

    /// Connects to the others, which may have been running for long. Messages that arrive from then on go to `heard`.
    async fn join(self, place: Place, heard: Heard) -> Result<Self::Voice>;
}

/// The sending half of a peer.
#[expect(async_fn_in_trait, reason = "every member has one thread")]
pub trait Voice: 'static {
    /// Sends a few messages in order; waits while there is no room for them.
    async fn say(&mut self, texts: Vec<String>) -> Result<()>;
}

/// The receiver of the messages that arrive. Those of this member itself may arrive too; they are not counted.
#[derive(Clone, Debug)]
pub struct Heard {
    me: u16,
    tally: Arc<Mutex<Tally>>,
    changed: Arc<Notify>,
    words: mpsc::UnboundedSender<Word>,
    /// When this process began, in nanoseconds of the monotonic clock.
    began_ns: u64,
    /// True once a message has arrived that was sent after that.
    live: Arc<AtomicBool>,
}

impl Heard {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message that has arrived.
    pub fn message(&self, text: &[u8]) {
        let Some(said) = Said::of_text(text).filter(|said| said.author != self.me) else {
            return;
        };
        if said.at_ns > self.began_ns && !self.live.swap(true, Ordering::Relaxed) {
            let _ = self.words.send(Word::First { at_ns: now_ns() });
        }
        let mut tally = self.tally();
        let told = tally.hear(said);
        if let Some((author, messages)) = told {
            let talk = said.talk;
            let _ = self.words.send(Word::Heard {
                talk,
                author,
                messages,
            });
        }
        if said.talk == 0 || tally.is_complete() {
            self.changed.notify_one();
        }
    }

    /// Tells the runner that a member is gone. `who` is a part of its address that no other address has.
    pub fn gone(&self, who: impl Into<String>) {
        let (who, at_ns) = (who.into(), now_ns());
        let _ = self.words.send(Word::Gone { who, at_ns });
    }
}

/// Runs a member until it ends, and exits the process.
pub fn run<P: Peer>() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let ended = member::<P>().await;
        if let Err(error) = &ended {
            tell(&Word::Failed(format!("{error:#}")));
        }
        // Tasks that a peer leaves running have nothing to clean up.
        std::process::exit(i32::from(ended.is_err()))
    })
}

/// Returns true if this process is to be the server of all members, instead of a member.
pub fn is_server() -> bool {
    std::env::args().nth(1).as_deref() == Some("server")
}

/// Runs the server of all members, until the runner closes stdin.
pub fn serve(server: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let until_closed = async {
        let mut nothing = Vec::new();
        let mut input = stdin();
        tokio::select! {
            ended = server => ended,
            closed = input.read_to_end(&mut nothing) => Ok(closed.map(|_| ())?),
        }
    };
    let done = LocalSet::new().block_on(&runtime, until_closed);
    // The thread that reads stdin may block for ever.
    runtime.shutdown_background();
    done
}

/// Tells the runner the address of a server as soon as it listens, and waits for its end. It is a child process.
pub async fn attend(mut server: Child, address: String) -> Result<()> {
    while TcpStream::connect(&address).await.is_err() {
        // The server does not announce that it listens, so this tries again.
        sleep(Duration::from_millis(20)).await;
    }
    tell(&Word::Listening(address));
    server.wait().await?;
    Ok(())
}

async fn member<P: Peer>() -> Result<()> {
    let began_ns = now_ns();
    let (words, mut told) = mpsc::unbounded_channel();
    tokio::task::spawn_local(async move {
        while let Some(word) = told.recv().await {
            tell(&word);
        }
    });
    let mut orders = orders();
    let (peer, address) = P::listen().await?;
    words.send(Word::Listening(address))?;
    let Some(Order::Join(place)) = orders.recv().await else {
        bail!("the runner ends before it begins");
    };
    let heard = Heard {
        me: place.index,
        tally: Arc::default(),
        changed: Arc::default(),
        words: words.clone(),
        began_ns,
        live: Arc::default(),
    };
    let members = place.addresses.len() as u64;
    let voice = peer.join(place, heard.clone()).await?;
    words.send(Word::Joined)?;
    let mut member = Member {
        voice,
        heard,
        members,
        orders,
    };
    while let Some(order) = member.orders.recv().await {
        match order {
            Order::Greet(greet) => member.greet(&greet).await?,
            Order::Talk(talk) => member.talk(&talk).await?,
            Order::Chat(chat) => member.chat(&chat).await?,
            Order::End => break,
            Order::Greeted | Order::Heard { .. } => {}
            Order::Join(_) => bail!("a member joins once"),
        }
    }
    Ok(())
}

/// Reads the runner's orders, in a thread that nothing waits for, so that a member that fails ends at once.
fn orders() -> mpsc::UnboundedReceiver<Order> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let Ok(order) = serde_json::from_str(&line) else {
                return;
            };
            if sender.send(order).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Sends a word to the runner.
///
/// # Panics
///
/// Never: a word is plain JSON.
pub fn tell(word: &Word) {
    let line = serde_json::to_string(word).expect("a word is plain JSON");
    // If this fails, the runner is gone, and this member ends because its stdin does.
    let _ = writeln!(std::io::stdout(), "{line}");
}

struct Member<V> {
    voice: V,
    heard: Heard,
    members: u64,
    orders: mpsc::UnboundedReceiver<Order>,
}

impl<V: Voice> Member<V> {
    async fn greet(&mut self, greet: &Greet) -> Result<()> {
        let every = Duration::from_millis(greet.every_ms);
        let mut told = false;
        for number in 0.. {
            self.say(0, number, text::LEAST_BYTES, 1).await?;
            if !told && self.heard.tally().greeted.len() >= greet.others {
                self.heard.words.send(Word::Greeted)?;
                told = true;
            }
            if let Ok(order) = timeout(every, self.orders.recv()).await {
                match order.context("the runner is gone")? {
                    Order::Greeted => return Ok(()),
                    other => bail!("{other:?} while greeting"),
                }
            }
        }
        Ok(())
    }

    async fn talk(&mut self, talk: &Talk) -> Result<()> {
        let speaks = self.heard.me < talk.authors;
        let others = u64::from(talk.authors) - u64::from(speaks);
        let due = others * talk.messages;
        let told_after = talk.window.map(|window| (window / TOLD_PER_WINDOW).max(1));
        self.begin(talk.talk, due, told_after, false)?;
        let mut said = 0;
        let mut allowed = talk.window.unwrap_or(u64::MAX);
        while speaks && said < talk.messages {
            let count = TURN.min(talk.messages - said).min(allowed - said);
            if count > 0 {
                self.say(talk.talk, said as u32, talk.bytes, count).await?;
                said += count;
                tokio::task::yield_now().await;
            }
            while let Some(order) = self
                .next_order(said == allowed && said < talk.messages)
                .await?
            {
                if let (Order::Heard { talk: of, messages }, Some(window)) = (order, talk.window)
                    && of == talk.talk
                {
                    allowed = allowed.max(messages + window);
                }
            }
        }
        self.finish().await
    }

    fn begin(&self, talk: u16, due: u64, told_after: Option<u64>, timed: bool) -> Result<()> {
        let mut tally = self.heard.tally();
        for (author, messages) in tally.begin(talk, due, told_after, timed) {
            self.heard.words.send(Word::Heard {
                talk,
                author,
                messages,
            })?;
        }
        Ok(())
    }

    /// Returns the next order. If there is none, waits for one or returns `None`, depending on `wait`.
    async fn next_order(&mut self, wait: bool) -> Result<Option<Order>> {
        if let Ok(order) = self.orders.try_recv() {
            return Ok(Some(order));
        }
        if wait {
            let order = timeout(SILENCE, self.orders.recv()).await;
            let order = order.context("nobody hears what is said")?;
            return order.context("the runner is gone").map(Some);
        }
        Ok(None)
    }

    async fn chat(&mut self, chat: &Chat) -> Result<()> {
        let due = (self.members - 1) * chat.messages;
        self.begin(chat.talk, due, None, true)?;
        for number in 0..chat.messages {
            let turn = number * self.members + u64::from(self.heard.me);
            let at = chat.from_ns + turn * 1_000_000_000 / u64::from(chat.rate);
            // Waits until the next message is due, to keep the steady rate.
            sleep(Duration::from_nanos(at.saturating_sub(now_ns()))).await;
            self.say(chat.talk, number as u32, chat.bytes, 1).await?;
        }
        self.finish().await
    }

    async fn say(&mut self, talk: u16, from: u32, bytes: usize, count: u64) -> Result<()> {
        let (author, at_ns) = (self.heard.me, now_ns());
        let texts = (from..from + count as u32).map(|number| {
            let said = Said {
                talk,
                author,
                number,
                at_ns,
            };
            said.to_text(bytes)
        });
        self.voice.say(texts.collect()).await
    }

    /// Waits until everything has arrived or nothing more does, and tells the runner the result.
    async fn finish(&mut self) -> Result<()> {
        loop {
            let before = self.heard_so_far();
            if self.heard.tally().is_complete() {
                break;
            }
            let changed = timeout(SILENCE, self.heard.changed.notified()).await;
            if changed.is_err() && self.heard_so_far() == before {
                break;
            }
        }
        let account = self.heard.tally().account();
        self.heard.words.send(Word::Done(account))?;
        Ok(())
    }

    fn heard_so_far(&self) -> u64 {
        self.heard.tally().heard()
    }
}
