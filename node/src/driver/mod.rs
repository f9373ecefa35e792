//! The task that owns the protocol core: it feeds the core events, and carries out its outputs.
//!
//! It takes everything that is ready as one batch, drains the core's outputs, and sleeps until the next timer. It
//! takes no protocol decisions. It never waits for a peer, a director or a reader: these have tasks and threads of
//! their own, with bounded queues in between.

mod asked;
mod carrying;
pub(crate) mod circuits;
mod clock;
mod directors;
mod ending;
mod entering;
pub(crate) mod inbox;
mod leaving;
pub(crate) mod listener;
mod network;
mod pace;
mod showing;
mod telling;
mod traffic;
mod typing;

use std::sync::Arc;
use std::time::Duration;

use ringtalk_proto::config::UNREAD;
use ringtalk_proto::{Config, Event, Input, LinkId, Node, Output};
use ringtalk_session::{Backlog, Call, Handle, Progress, Request, Session};
use ringtalk_wire::limit::BUNDLE_MESSAGES;
use ringtalk_wire::{Close, Frame};
use tokio::sync::mpsc::Receiver;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::identity::Verifying;
use crate::link::dialler::Dialler;
use crate::link::{Credentials, LinkError};
use asked::Asked;
use circuits::Circuits;
use clock::{Clock, Moment, wall_clock_ms};
use ending::Unhanded;
use entering::Entering;
use inbox::{Happening, Inbox};
use leaving::Departure;
use network::Network;
use traffic::Links;
use typing::Typing;

pub(crate) use directors::Directors;
pub(crate) use ending::Ending;

/// The most happenings that are taken before the core's outputs are carried out.
const BATCH: usize = 128;
/// The most typed lines that are taken at once: as many as travel in one bundle.
const LINES: usize = BUNDLE_MESSAGES;

/// The audience of a node's events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Audience {
    /// A person, who reads on stderr what went wrong.
    Person,
    /// A program that reads JSON.
    Program,
    /// The program that has this node inside, and owns the process.
    Host,
}

/// The parts that a driver is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) credentials: Credentials,
    pub(crate) circuits: Circuits,
    pub(crate) inbox: Inbox,
    pub(crate) happenings: Receiver<Happening>,
    pub(crate) directors: Directors,
    pub(crate) session: Session,
    /// Restores the terminal, if it was taken and nothing else restores it.
    pub(crate) restore: fn(),
    pub(crate) audience: Audience,
    /// The requests to carry out before those that are typed.
    pub(crate) say: Vec<Request>,
    pub(crate) typed: Receiver<Vec<Request>>,
    pub(crate) quit_on_eof: bool,
    /// How long to try to get in.
    pub(crate) timeout: Duration,
    /// Whether the director is new and this node's own, so that nobody can be there already.
    pub(crate) is_first: bool,
}

/// The driver of one node.
#[derive(Debug)]
pub(crate) struct Driver {
    node: Node,
    clock: Clock,
    network: Network,
    happenings: Receiver<Happening>,
    directors: Directors,
    session: Session,
    restore: fn(),
    audience: Audience,
    /// The events that the reader has yet to read.
    backlog: Backlog,
    unread: u64,
    holdup: showing::Holdup,
    typing: Typing,
    quit_on_eof: bool,
    is_first: bool,
    asked: Asked,
    /// When to give up trying to get in, or to leave.
    deadline: Option<Instant>,
    timeout: Duration,
    entering: Entering,
    departure: Departure,
}

impl Driver {
    /// Creates the driver of a node that has just started.
    pub(crate) fn new(parts: Parts) -> std::io::Result<Self> {
        let clock = Clock::start();
        Ok(Self {
            node: Node::new(
                parts.config,
                Arc::new(parts.credentials.identity().clone()),
                Arc::new(Verifying::default()),
                clock.now(),
            ),
            clock,
            network: Network {
                dialler: Dialler::new(parts.credentials),
                circuits: parts.circuits,
                links: Links::new(parts.inbox.clone()),
                inbox: parts.inbox,
            },
            happenings: parts.happenings,
            directors: parts.directors,
            backlog: parts.session.backlog().clone(),
            session: parts.session,
            restore: parts.restore,
            audience: parts.audience,
            unread: 0,
            holdup: showing::Holdup::default(),
            typing: Typing::new(parts.say, parts.typed),
            quit_on_eof: parts.quit_on_eof,
            is_first: parts.is_first,
            asked: Asked::new()?,
            deadline: Some(Instant::now() + parts.timeout),
            timeout: parts.timeout,
            entering: Entering::new(),
            departure: Departure::default(),
        })
    }

    /// Returns a handle of the session, for a face.
    pub(crate) fn handle(&mut self) -> Handle {
        self.session.handle()
    }

    /// Runs until the node has left or cannot go on, or until the caller drops this future.
    ///
    /// The driver is a task like those that read the links, so when one of them wakes it, it runs next. In the
    /// runtime's own future, the runtime would look at all sockets again first, once more for each message.
    pub(crate) async fn start(self) -> Ending {
        let task = AbortOnDropHandle::new(tokio::spawn(self.run()));
        task.await
            .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }

    async fn run(mut self) -> Ending {
        self.directors.client.start();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            self.settle();
            if let Some(ending) = self.departure.take_end() {
                return Box::pin(self.finish(ending)).await;
            }
            if self.session.pause_is_due() {
                yield_now().await;
                self.session.paused();
            }
            self.wait(&mut batch).await;
            self.gather(&mut batch);
            self.look_at_reader();
            for happening in batch.drain(..) {
                self.take(happening);
            }
            self.take_news();
            self.take_requests();
            self.take_time();
        }
    }

    /// Waits until there is something to do, and leaves happenings in `batch`.
    async fn wait(&mut self, batch: &mut Vec<Happening>) {
        let wake = self.wake();
        let more = self.has_requests_to_take();
        let may_ask = self.typing.has_room_for_handles();
        let is_behind = self.unread > UNREAD;
        tokio::select! {
            biased;
            way = self.asked.wait() => self.asked_to_end(way),
            call = self.session.next(may_ask) => self.called(call),
            _ = self.happenings.recv_many(batch, BATCH) => {}
            Some(news) = self.directors.news.recv() => self.hear(news),
            () = self.backlog.less(), if is_behind => {}
            () = self.typing.wait() => {}
            () = yield_now(), if more => {}
            () = sleep_until(wake) => {}
        }
    }

    /// Takes what else is ready, from each source up to a limit, so that none starves another.
    fn gather(&mut self, batch: &mut Vec<Happening>) {
        while batch.len() < BATCH
            && let Ok(happening) = self.happenings.try_recv()
        {
            batch.push(happening);
        }
        for _ in 0..LINES {
            if !self.typing.has_room_for_handles() {
                break;
            }
            let Some(request) = self.session.next_request() else {
                break;
            };
            self.take_called(request);
        }
    }

    /// Returns when to wake up even if nothing happens.
    fn wake(&self) -> Instant {
        let timer = self.node.poll_timeout();
        let timer = timer.map(|time| self.clock.instant(time));
        let earliest = timer.into_iter().chain(self.deadline);
        let earliest = earliest.chain(self.next_report()).min();
        earliest.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600))
    }

    fn feed(&mut self, input: Input) {
        self.node.handle(self.clock.now(), input);
    }

    /// Carries out everything that the core says, then shows, sends and registers what follows from it.
    fn settle(&mut self) {
        self.drain();
        // Writing to sockets takes longer than showing, so the reader of this node comes first.
        self.show();
        while self.write() {
            self.drain();
        }
        self.show();
        if self.node.has_place() {
            self.directors.client.stop_asking();
        }
        if !self.departure.has_ended() {
            self.directors.client.register(self.node.registration());
            if let Some(view) = self.node.view() {
                self.directors.client.count_members(view.len());
            }
        }
    }

    fn drain(&mut self) {
        let now = Moment::now();
        while let Some(output) = self.node.poll_output() {
            self.act(output, now);
        }
    }

    /// Writes what the core has sent. Returns false if there was nothing.
    fn write(&mut self) -> bool {
        let written = self.network.links.flush();
        let any = !written.is_empty();
        for (link, written) in written {
            match written {
                Ok(bytes) => self.feed(Input::Written { link, bytes }),
                Err(error) => self.broken(link, Some(&error.into())),
            }
        }
        any
    }

    fn broken(&mut self, link: LinkId, error: Option<&LinkError>) {
        self.network.links.end(link, error);
        self.feed(Input::LinkDown { link });
    }

    fn act(&mut self, output: Output, now: Moment) {
        match output {
            Output::Dial {
                peer,
                addresses,
                trust,
            } => self.network.dial(peer, addresses, trust),
            Output::Circuit {
                ticket,
                relay,
                peer,
                dials,
            } => self.network.circuits.link(ticket, relay, peer, dials),
            Output::Splice { ticket, ends } => self.network.circuits.splice(ticket, *ends),
            Output::Unsplice { number } => self.network.circuits.unsplice(number),
            Output::Check { peer, addresses } => self.network.check(peer, addresses),
            Output::Send { link, bytes } => self.network.links.send(link, bytes),
            Output::Close { link, reason } => self.network.links.close(link, reason),
            Output::AskDirector if std::mem::take(&mut self.is_first) => self.feed(Input::Found),
            Output::AskDirector => {
                let directors = self.directors.reachability.names();
                self.progress(|| Progress::Asking { directors });
                self.directors.client.ask(self.session.is_ready());
            }
            Output::Event(event) => self.event(event, now),
            Output::Left { unhanded } => self.left(Unhanded::Messages(unhanded)),
        }
    }

    fn event(&mut self, event: Event, now: Moment) {
        let is_way_in = self.deadline.is_some();
        let moves = is_way_in && entering::moves(&event);
        if matches!(event, Event::Ready { .. }) && self.node.neighbours().is_none() {
            // A node that is alone has had no neighbours that could change.
            let nobody = Event::Neighbours {
                predecessor: None,
                successor: None,
            };
            let told = telling::told(nobody, now.wall_ms);
            self.session.tell(told, now.at);
        }
        self.session.tell(telling::told(event, now.wall_ms), now.at);
        if is_way_in {
            self.goes_on(moves);
        }
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Linked { link, dialled } => {
                let peer = link.peer;
                let host = link.address.ip().to_canonical();
                let host = Some(host).filter(|_| !link.relayed);
                let link = self.network.links.adopt(*link);
                self.feed(Input::LinkUp {
                    link,
                    peer,
                    dialled,
                    host,
                });
            }
            Happening::Undialled { peer, failure } => {
                let refused = failure.refused.clone();
                self.feed(Input::DialFailed { peer, refused });
                self.undialled(&peer, failure);
            }
            Happening::CircuitOver { number } => self.feed(Input::CircuitOver { number }),
            Happening::CarriesMuch { nodes } => self.carries_much(nodes),
            Happening::Checked { peer, reached } => self.feed(Input::Checked { peer, reached }),
            Happening::Frame { link, frame, .. } if self.network.links.are_up(link) => {
                if let Frame::Close(Close { reason }) = &frame {
                    tracing::debug!(?link, ?reason, "a peer closes its link");
                }
                self.feed(Input::Frame { link, frame });
            }
            Happening::Written { link, bytes } if self.network.links.are_up(link) => {
                self.network.links.drained(link);
                self.feed(Input::Written { link, bytes });
            }
            Happening::Broken { link, error } if self.network.links.are_up(link) => {
                self.broken(link, error.as_ref());
            }
            Happening::Frame { .. } | Happening::Written { .. } | Happening::Broken { .. } => {}
        }
    }

    /// Handles timers that are due, and deadlines that have passed.
    fn take_time(&mut self) {
        let now = self.clock.now();
        if self.node.poll_timeout().is_some_and(|time| time <= now) {
            self.node.handle(now, Input::Timer);
        }
        self.report();
        if self
            .deadline
            .is_none_or(|deadline| Instant::now() < deadline)
        {
            return;
        }
        self.deadline = None;
        if self.departure.is_leaving() {
            self.left(Unhanded::Unknown);
        } else {
            self.give_up();
        }
    }

    /// Handles a request from a handle, or leaves if nobody sees the events any more.
    fn called(&mut self, call: Call) {
        match call {
            Call::Asked(request) => self.take_called(request),
            Call::Ended(end) => self.unseen(end),
        }
    }
}
