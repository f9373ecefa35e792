//! The task that owns the protocol core: it feeds the core events, and carries out its outputs.
//!
//! It takes everything that is ready as one batch, drains the core's outputs, and sleeps until the next timer. It
//! takes no protocol decisions. It never waits for a peer, a director or a reader: these have tasks and threads of
//! their own, with bounded queues in between.

mod backpressure;
mod carrier;
pub(crate) mod circuits;
mod clock;
mod connections;
mod director_circuits;
mod directors;
mod end_of_input;
mod ending;
pub(crate) mod inbox;
mod invites;
mod join_reports;
mod leave;
pub(crate) mod listener;
mod moves;
mod network;
mod requests;
mod rooms;
mod signals;
mod translation;

use std::sync::Arc;
use std::time::Duration;

use ringtalk_proto::config::UNREAD;
use ringtalk_proto::{Config, Event, Host, Input, LinkId, Output, RingOutput};
use ringtalk_session::{Backlog, Handle, JoinProgress, Request, Session, SessionInput};
use ringtalk_wire::limit::BUNDLE_MESSAGES;
use ringtalk_wire::{Close, Frame};
use tokio::sync::mpsc::Receiver;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::identity::CachingVerifier;
use crate::link::dialler::Dialler;
use crate::link::{Credentials, LinkError, Written};
use crate::reception::Reception;
use circuits::Circuits;
use clock::{Clock, Moment, wall_clock_ms};
use connections::Connections;
use director_circuits::{CarriedPeers, DirectorCircuits};
use ending::UnhandedCount;
use inbox::{DriverEvent, Inbox};
use join_reports::JoinReports;
use leave::LeaveState;
use network::Network;
use requests::Requests;
use rooms::Rooms;
use signals::ShutdownSignals;

pub(crate) use directors::Directors;
pub(crate) use ending::Ending;
pub(crate) use invites::Invites;
pub(crate) use moves::AddressWatch;

/// The most driver events that are taken before the core's outputs are carried out.
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
pub(crate) struct DriverParts {
    pub(crate) config: Config,
    pub(crate) credentials: Credentials,
    pub(crate) circuits: Circuits,
    pub(crate) inbox: Inbox,
    pub(crate) events: Receiver<DriverEvent>,
    pub(crate) directors: Directors,
    pub(crate) reception: Reception,
    pub(crate) invites: Invites,
    pub(crate) address_watch: AddressWatch,
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
}

/// The driver of one node.
#[derive(Debug)]
pub(crate) struct Driver {
    host: Host,
    clock: Clock,
    network: Network,
    events: Receiver<DriverEvent>,
    directors: Directors,
    reception: Reception,
    invites: Invites,
    address_watch: AddressWatch,
    session: Session,
    restore: fn(),
    audience: Audience,
    /// The events that the reader has yet to read.
    backlog: Backlog,
    unread: u64,
    command_hold: backpressure::CommandHold,
    requests: Requests,
    rooms: Rooms,
    quit_on_eof: bool,
    taker_wait: Option<end_of_input::TakerWait>,
    /// Whether this node is yet to found its discussion, without asking a director.
    is_first: bool,
    signals: ShutdownSignals,
    /// When to give up trying to get in, or to leave.
    deadline: Option<Instant>,
    timeout: Duration,
    join_reports: JoinReports,
    leave_state: LeaveState,
    carried_peers: CarriedPeers,
}

impl Driver {
    /// Creates the driver of a node that has just started.
    pub(crate) fn new(parts: DriverParts) -> std::io::Result<Self> {
        let clock = Clock::start();
        let me = parts.credentials.id();
        let rooms = Rooms::new(parts.config.ring);
        let is_first = parts.session.state().me.is_founder;
        Ok(Self {
            host: Host::new(
                parts.config,
                Arc::new(parts.credentials.identity().clone()),
                Arc::new(CachingVerifier::default()),
                clock.now(),
            ),
            clock,
            network: Network {
                dialler: Dialler::new(parts.credentials),
                director_circuits: DirectorCircuits::new(
                    me,
                    parts.directors.client.circuits(),
                    parts.circuits.clone(),
                    parts.inbox.clone(),
                ),
                circuits: parts.circuits,
                connections: Connections::new(parts.inbox.clone()),
                inbox: parts.inbox,
            },
            events: parts.events,
            directors: parts.directors,
            reception: parts.reception,
            invites: parts.invites,
            address_watch: parts.address_watch,
            backlog: parts.session.backlog().clone(),
            session: parts.session,
            restore: parts.restore,
            audience: parts.audience,
            unread: 0,
            command_hold: backpressure::CommandHold::default(),
            requests: Requests::new(parts.say, parts.typed),
            rooms,
            quit_on_eof: parts.quit_on_eof,
            taker_wait: None,
            is_first,
            signals: ShutdownSignals::new()?,
            deadline: Some(Instant::now() + parts.timeout),
            timeout: parts.timeout,
            join_reports: JoinReports::new(),
            leave_state: LeaveState::default(),
            carried_peers: CarriedPeers::default(),
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
        self.tell_isolation();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            self.flush_outputs();
            if let Some(ending) = self.leave_state.take_end() {
                return Box::pin(self.finish(ending)).await;
            }
            if self.session.pause_is_due() {
                yield_now().await;
                self.session.record_pause();
            }
            self.wait(&mut batch).await;
            self.gather(&mut batch);
            self.check_reader();
            for event in batch.drain(..) {
                self.handle_driver_event(event);
            }
            self.take_news();
            self.take_requests();
            self.handle_time();
        }
    }

    /// Waits until there is something to do, and leaves driver events in `batch`.
    async fn wait(&mut self, batch: &mut Vec<DriverEvent>) {
        let wake = self.wake();
        let more = self.has_requests_to_take();
        let may_ask = self.requests.has_room_for_handles();
        let is_behind = self.unread > UNREAD;
        tokio::select! {
            biased;
            signal = self.signals.wait() => self.handle_signal(signal),
            input = self.session.next(may_ask) => self.handle_session_input(input),
            _ = self.events.recv_many(batch, BATCH) => {}
            Some(news) = self.directors.news.recv() => self.handle_news(news),
            arrival = self.reception.next() => self.expect_newcomer(arrival),
            () = self.backlog.wait_for_reader(), if is_behind => {}
            () = self.requests.wait() => {}
            () = yield_now(), if more => {}
            () = sleep_until(wake) => {}
        }
    }

    /// Takes what else is ready, from each source up to a limit, so that none starves another.
    fn gather(&mut self, batch: &mut Vec<DriverEvent>) {
        while batch.len() < BATCH
            && let Ok(event) = self.events.try_recv()
        {
            batch.push(event);
        }
        for _ in 0..LINES {
            if !self.requests.has_room_for_handles() {
                break;
            }
            let Some(request) = self.session.next_request() else {
                break;
            };
            self.accept_request(request);
        }
    }

    /// Returns when to wake up even if nothing happens.
    fn wake(&self) -> Instant {
        let timer = self.host.poll_timeout();
        let timer = timer.map(|time| self.clock.instant(time));
        let earliest = timer.into_iter().chain(self.deadline);
        let earliest = earliest.chain(self.next_report());
        let earliest = earliest.chain(self.invite_due());
        let earliest = earliest.chain(self.carried_peer_due());
        let earliest = earliest.chain(self.rooms.deadline());
        let earliest = earliest.chain([self.address_watch.look_at()]);
        let earliest = earliest.chain(self.next_taker_step()).min();
        earliest.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600))
    }

    fn feed(&mut self, input: Input) {
        self.host.handle(self.clock.now(), input);
    }

    /// Carries out everything that the core says, then shows, sends and registers what follows from it.
    fn flush_outputs(&mut self) {
        self.drain();
        // Writing to sockets takes longer than showing, so the reader of this node comes first.
        self.show();
        while self.write() {
            self.drain();
        }
        self.show();
        if self.host.lobby().is_member() {
            self.directors.client.stop_asking();
        }
        self.reception.tell(self.host.lobby().directions());
        if !self.leave_state.has_ended() {
            self.directors
                .client
                .register(self.host.lobby().registration());
            if let Some(view) = self.host.lobby().view() {
                self.directors.client.count_members(view.len());
            }
        }
    }

    fn drain(&mut self) {
        let now = Moment::now();
        let lobby = self.host.lobby().ring();
        while let Some(RingOutput { ring, output }) = self.host.poll_output() {
            match output {
                Output::Event(event) if ring != lobby => self.handle_room_event(ring, event, now),
                Output::Finished { untaken } if ring != lobby => self.finish_room(ring, untaken),
                output => self.execute_output(output, now),
            }
        }
    }

    /// Writes what the core has sent. Returns false if there was nothing.
    fn write(&mut self) -> bool {
        let written = self.network.connections.flush();
        let any = !written.is_empty();
        for (link, written) in written {
            match written {
                Ok(written) => self.feed_written(link, &written),
                Err(error) => self.end_connection(link, Some(&error.into())),
            }
        }
        any
    }

    fn feed_written(&mut self, link: LinkId, written: &Written) {
        for (channel, class, bytes) in written.counts() {
            let link = LinkId { channel, ..link };
            self.feed(Input::Written { link, class, bytes });
        }
    }

    fn end_connection(&mut self, link: LinkId, error: Option<&LinkError>) {
        self.network.connections.end(link, error);
        self.address_watch.hurry();
        self.feed(Input::LinkDown { link });
    }

    fn execute_output(&mut self, output: Output, now: Moment) {
        match output {
            Output::Dial {
                peer,
                addresses,
                trust,
            } => self.network.dial(peer, addresses, trust),
            Output::Circuit {
                ticket,
                carrier,
                peer,
                dials,
            } => self.network.circuits.link(ticket, carrier, peer, dials),
            Output::Splice { ticket, ends } => self.network.circuits.splice(ticket, *ends),
            Output::Unsplice { number } => self.network.circuits.unsplice(number),
            Output::Check { peer, addresses } => self.network.check(peer, addresses),
            Output::Send { link, class, bytes } => {
                self.network.connections.send(link, class, bytes);
            }
            Output::Close { link, reason } => self.network.connections.close(link, reason),
            Output::AskDirector if std::mem::take(&mut self.is_first) => self.feed(Input::Found),
            Output::AskDirector => {
                let directors = self.directors.reachability.names();
                self.progress(|| JoinProgress::AskingDirectors { directors });
                self.directors.client.ask(self.session.is_ready());
            }
            Output::Entrances(entrances) => self
                .network
                .try_entrances(self.host.lobby().id(), entrances),
            Output::Event(event) => self.handle_core_event(event, now),
            Output::Finished { untaken } => {
                let in_rooms = self.untaken() - self.host.lobby().untaken();
                self.finish_leaving(UnhandedCount::Messages(untaken + in_rooms));
            }
        }
    }

    fn handle_core_event(&mut self, event: Event, now: Moment) {
        if matches!(event, Event::Neighbours { .. }) {
            // A neighbour may be silent because this machine has lost the address that the link came from.
            self.address_watch.hurry();
        }
        let lobby = self.host.lobby().ring();
        if let Event::Control(message) = event {
            return self.handle_control(lobby, message, now);
        }
        let is_joining = self.deadline.is_some();
        if matches!(event, Event::View(_)) {
            self.invites.note_change();
        }
        let has_progressed = is_joining && join_reports::is_progress(&event);
        if matches!(event, Event::Ready { .. }) && self.host.lobby().neighbours().is_none() {
            // A node that is alone has had no neighbours that could change.
            let nobody = Event::Neighbours {
                predecessor: None,
                successor: None,
            };
            let session_event = translation::session_event(nobody, lobby, now.wall_ms);
            self.session.record(session_event, now.at);
        }
        let event = translation::session_event(event, lobby, now.wall_ms);
        self.session.record(event, now.at);
        if is_joining {
            self.extend_deadline(has_progressed);
        }
    }

    fn handle_driver_event(&mut self, event: DriverEvent) {
        match event {
            DriverEvent::Linked { link, dialled } => {
                let peer = link.peer;
                let host = link.address.ip().to_canonical();
                let host = Some(host).filter(|_| !link.carried);
                let link = self.network.connections.add(*link);
                self.feed(Input::LinkUp {
                    link,
                    peer,
                    dialled,
                    host,
                });
            }
            DriverEvent::DialFailed { peer, failure } => {
                let refused = failure.refused.clone();
                self.feed(Input::DialFailed { peer, refused });
                self.handle_failed_dial(&peer, failure);
            }
            DriverEvent::CarriedByDirector { peer, director } => {
                self.note_carried_peer(peer, director);
            }
            DriverEvent::CircuitOver { number } => self.feed(Input::CircuitOver { number }),
            DriverEvent::HeavyCircuit { nodes } => self.notify_heavy_circuit(nodes),
            DriverEvent::EntrancesTried { found } => self.handle_entrances(&found),
            DriverEvent::Located { whereabouts } => self.relocate(*whereabouts),
            DriverEvent::Checked { peer, at } => self.feed(Input::Checked { peer, at }),
            DriverEvent::Frame { link, frame, .. } if self.network.connections.is_up(link) => {
                if let Frame::Close(Close { reason }) = &frame {
                    tracing::debug!(?link, ?reason, "the peer closed the link");
                }
                self.feed(Input::Frame { link, frame });
            }
            DriverEvent::Part { link, taking } if self.network.connections.is_up(link) => {
                self.feed(Input::Part { link, taking });
            }
            DriverEvent::Written { link, bytes } if self.network.connections.is_up(link) => {
                self.network.connections.reclaim_writer(link, &bytes);
                self.feed_written(link, &bytes);
            }
            DriverEvent::Broken { link, error } if self.network.connections.is_up(link) => {
                self.end_connection(link, error.as_ref());
            }
            DriverEvent::Frame { .. }
            | DriverEvent::Part { .. }
            | DriverEvent::Written { .. }
            | DriverEvent::Broken { .. } => {}
        }
    }

    /// Handles timers that are due, and deadlines that have passed.
    fn handle_time(&mut self) {
        let now = self.clock.now();
        if self.host.poll_timeout().is_some_and(|time| time <= now) {
            self.host.handle(now, Input::Timer);
        }
        self.report();
        self.watch_invite();
        self.tell_carried_peers();
        self.expire_rooms();
        self.watch_addresses();
        if self
            .deadline
            .is_none_or(|deadline| Instant::now() < deadline)
        {
            return;
        }
        self.deadline = None;
        if self.leave_state.is_leaving() {
            self.finish_leaving(UnhandedCount::Unknown);
        } else {
            self.give_up();
        }
    }

    /// Handles a request from a handle, or leaves if the outlet has ended.
    fn handle_session_input(&mut self, input: SessionInput) {
        match input {
            SessionInput::Request(request) => self.accept_request(request),
            SessionInput::End(end) => self.handle_outlet_end(end),
        }
    }
}
