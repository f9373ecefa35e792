//! The part that all measured programs share: it sends, receives and counts messages, and reports to the runner. Each
//! program adds a [`Transport`]; everything else is the same for all of them.
//!
//! Not here: the transport of each peer (`peers/`), the measurements (`runner`).

mod counter;
pub mod order;
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

use counter::Counter;
use order::{Assignment, Chat, Greet, MemberEvent, Order, Talk};
use text::{Payload, now_ns};

/// The timeout of a talk: if nothing more arrives for this long, messages are lost.
const TALK_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of reports to the runner per window of messages.
const REPORTS_PER_WINDOW: u64 = 8;
/// The most messages that are sent before other tasks run and orders are read.
const BATCH: u64 = 256;

/// A transport that carries messages from each member to all others.
#[expect(async_fn_in_trait, reason = "every member has one thread")]
pub trait Transport: Sized + 'static {
    /// The sending half.
    type SendHalf: SendHalf;

    /// Begins to listen, and returns the address at which the others find this member.
    async fn listen() -> Result<(Self, String)>;

    /// Connects to the others, which may have run for long. Messages that arrive from then on go to `receiver`.
    async fn join(self, assignment: Assignment, receiver: Receiver) -> Result<Self::SendHalf>;
}

/// The sending half of a transport.
#[expect(async_fn_in_trait, reason = "every member has one thread")]
pub trait SendHalf: 'static {
    /// Sends a few messages in order; waits while there is no room for them.
    async fn send(&mut self, texts: Vec<String>) -> Result<()>;
}

/// The receiver of the messages that arrive. Those of this member itself may arrive too; they are not counted.
#[derive(Clone, Debug)]
pub struct Receiver {
    me: u16,
    counter: Arc<Mutex<Counter>>,
    changed: Arc<Notify>,
    events: mpsc::UnboundedSender<MemberEvent>,
    /// When this process began, in nanoseconds of the monotonic clock.
    began_ns: u64,
    /// True once a message has arrived that was sent after that.
    live: Arc<AtomicBool>,
}

impl Receiver {
    fn counter(&self) -> MutexGuard<'_, Counter> {
        self.counter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message that has arrived.
    pub fn receive(&self, text: &[u8]) {
        let Some(payload) = Payload::parse(text).filter(|payload| payload.author != self.me) else {
            return;
        };
        if payload.at_ns > self.began_ns && !self.live.swap(true, Ordering::Relaxed) {
            let _ = self.events.send(MemberEvent::First { at_ns: now_ns() });
        }
        let mut counter = self.counter();
        let progress = counter.receive(payload);
        if let Some((author, messages)) = progress {
            let talk = payload.talk;
            let _ = self.events.send(MemberEvent::Heard {
                talk,
                author,
                messages,
            });
        }
        if payload.talk == 0 || counter.is_complete() {
            self.changed.notify_one();
        }
    }

    /// Tells the runner that a member is gone. `who` is a part of its address that no other address has.
    pub fn report_gone(&self, who: impl Into<String>) {
        let (who, at_ns) = (who.into(), now_ns());
        let _ = self.events.send(MemberEvent::Gone { who, at_ns });
    }
}

/// Runs a member until it ends, and exits the process.
pub fn run<T: Transport>() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let ended = run_member::<T>().await;
        if let Err(error) = &ended {
            report(&MemberEvent::Failed(format!("{error:#}")));
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
pub async fn watch_server(mut server: Child, address: String) -> Result<()> {
    while TcpStream::connect(&address).await.is_err() {
        // The server does not announce that it listens, so this tries again.
        sleep(Duration::from_millis(20)).await;
    }
    report(&MemberEvent::Listening(address));
    server.wait().await?;
    Ok(())
}

async fn run_member<T: Transport>() -> Result<()> {
    let began_ns = now_ns();
    let (events, mut reports) = mpsc::unbounded_channel();
    tokio::task::spawn_local(async move {
        while let Some(event) = reports.recv().await {
            report(&event);
        }
    });
    let mut orders = read_orders();
    let (transport, address) = T::listen().await?;
    events.send(MemberEvent::Listening(address))?;
    let Some(Order::Join(assignment)) = orders.recv().await else {
        bail!("the runner ends before it begins");
    };
    let receiver = Receiver {
        me: assignment.index,
        counter: Arc::default(),
        changed: Arc::default(),
        events: events.clone(),
        began_ns,
        live: Arc::default(),
    };
    let members = assignment.addresses.len() as u64;
    let send_half = transport.join(assignment, receiver.clone()).await?;
    events.send(MemberEvent::Joined)?;
    let mut member = Member {
        send_half,
        receiver,
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
fn read_orders() -> mpsc::UnboundedReceiver<Order> {
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

/// Sends an event to the runner.
///
/// # Panics
///
/// Never: an event is plain JSON.
pub fn report(event: &MemberEvent) {
    let line = serde_json::to_string(event).expect("an event is plain JSON");
    // If this fails, the runner is gone, and this member ends because its stdin does.
    let _ = writeln!(std::io::stdout(), "{line}");
}

struct Member<S> {
    send_half: S,
    receiver: Receiver,
    members: u64,
    orders: mpsc::UnboundedReceiver<Order>,
}

impl<S: SendHalf> Member<S> {
    async fn greet(&mut self, greet: &Greet) -> Result<()> {
        let every = Duration::from_millis(greet.every_ms);
        let mut is_done = false;
        for number in 0.. {
            self.send(0, number, text::MIN_BYTES, 1).await?;
            if !is_done && self.receiver.counter().greeted_by.len() >= greet.others {
                self.receiver.events.send(MemberEvent::Greeted)?;
                is_done = true;
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
        let is_author = self.receiver.me < talk.authors;
        let others = u64::from(talk.authors) - u64::from(is_author);
        let expected = others * talk.messages;
        let report_every = talk
            .window
            .map(|window| (window / REPORTS_PER_WINDOW).max(1));
        self.begin(talk.talk, expected, report_every, false)?;
        let mut sent = 0;
        let mut allowed = talk.window.unwrap_or(u64::MAX);
        while is_author && sent < talk.messages {
            let count = BATCH.min(talk.messages - sent).min(allowed - sent);
            if count > 0 {
                self.send(talk.talk, sent as u32, talk.bytes, count).await?;
                sent += count;
                tokio::task::yield_now().await;
            }
            while let Some(order) = self
                .next_order(sent == allowed && sent < talk.messages)
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

    fn begin(
        &self,
        talk: u16,
        expected: u64,
        report_every: Option<u64>,
        timed: bool,
    ) -> Result<()> {
        let mut counter = self.receiver.counter();
        for (author, messages) in counter.begin(talk, expected, report_every, timed) {
            self.receiver.events.send(MemberEvent::Heard {
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
            let order = timeout(TALK_TIMEOUT, self.orders.recv()).await;
            let order = order.context("nobody hears what is said")?;
            return order.context("the runner is gone").map(Some);
        }
        Ok(None)
    }

    async fn chat(&mut self, chat: &Chat) -> Result<()> {
        let expected = (self.members - 1) * chat.messages;
        self.begin(chat.talk, expected, None, true)?;
        for number in 0..chat.messages {
            let turn = number * self.members + u64::from(self.receiver.me);
            let at = chat.from_ns + turn * 1_000_000_000 / u64::from(chat.rate);
            // Waits until the next message is due, to keep the steady rate.
            sleep(Duration::from_nanos(at.saturating_sub(now_ns()))).await;
            self.send(chat.talk, number as u32, chat.bytes, 1).await?;
        }
        self.finish().await
    }

    async fn send(&mut self, talk: u16, from: u32, bytes: usize, count: u64) -> Result<()> {
        let (author, at_ns) = (self.receiver.me, now_ns());
        let texts = (from..from + count as u32).map(|number| {
            let payload = Payload {
                talk,
                author,
                number,
                at_ns,
            };
            payload.to_text(bytes)
        });
        self.send_half.send(texts.collect()).await
    }

    /// Waits until everything has arrived or nothing more does, and tells the runner the result.
    async fn finish(&mut self) -> Result<()> {
        loop {
            let before = self.received();
            if self.receiver.counter().is_complete() {
                break;
            }
            let changed = timeout(TALK_TIMEOUT, self.receiver.changed.notified()).await;
            if changed.is_err() && self.received() == before {
                break;
            }
        }
        let result = self.receiver.counter().result();
        self.receiver.events.send(MemberEvent::Done(result))?;
        Ok(())
    }

    fn received(&self) -> u64 {
        self.receiver.counter().received()
    }
}
