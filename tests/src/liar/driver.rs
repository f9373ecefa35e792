//! The honest part of a liar: the protocol's own core, with the simplest possible driver.
//!
//! Not here: the lies (the tests).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringtalk_node::identity::{CachingVerifier, Identity};
use ringtalk_node::link::{
    Credentials, FrameReader, FrameWriter, InboundConnection, Incoming, Link, LinkError,
    ReplayFilter, Written, accept, connect,
};
use ringtalk_node::secret::Secret;
use ringtalk_proto::config::{Retention, RingKind, Tempo};
use ringtalk_proto::{Config, Draft, Host, Input, LinkId, Output, RingOutput, Time};
use ringtalk_wire::{
    Addresses, BundleMessage, Channel, Contact, Epoch, Frame, FrameClass, NetworkId, NodeId,
    RingId, decode, encode,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::{LiarState, lock, open_lobby};
use crate::{http, wait};

/// The time limit for an answer of a director.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of bytes of frames past the core that wait on one link at most.
const MAX_QUEUED_BYTES: usize = 1024 * 1024;

/// A frame that waits for a link on a channel, with its share of [`MAX_QUEUED_BYTES`] if it came past the core.
type Outgoing = (
    Channel,
    FrameClass,
    bytes::Bytes,
    Option<OwnedSemaphorePermit>,
);

/// The queue to a link, past the core, with a limit on the bytes that wait in it.
#[derive(Clone, Debug)]
pub(super) struct LinkQueue {
    sender: UnboundedSender<Outgoing>,
    room: Arc<Semaphore>,
}

impl LinkQueue {
    fn new() -> (Self, UnboundedReceiver<Outgoing>) {
        let (sender, queued) = unbounded_channel();
        let room = Arc::new(Semaphore::new(MAX_QUEUED_BYTES));
        (Self { sender, room }, queued)
    }

    /// Sends a frame once there is room for it. Returns false if the link is gone.
    pub(super) async fn send(self, frame: &Frame) -> bool {
        let bytes = encode(frame);
        let length = u32::try_from(bytes.len()).expect("a frame is short");
        let room = self.room.acquire_many_owned(length).await.ok();
        let waiting = (Channel::LOBBY, frame.class(), bytes, room);
        waiting.3.is_some() && self.sender.send(waiting).is_ok()
    }
}

/// An event that the driver of a liar handles.
#[derive(Debug)]
pub(super) enum DriverEvent {
    LinkUp(Box<Link>, bool),
    DialFailed(NodeId, Vec<IpAddr>),
    Received(LinkId, Frame),
    Written(LinkId, Written),
    LinkDown(LinkId),
    Contact(Contact),
    /// A test sends a frame.
    SendFrame(NodeId, Box<Frame>),
    /// A test sends messages, as an honest member.
    Say(Vec<String>),
    /// A test joins a room, as an honest member.
    Join(RingId),
    /// A test sends a frame in a room.
    SendInRoom(NodeId, RingId, Box<Frame>),
    End,
}

/// A core, and its driver.
#[derive(Debug)]
pub(super) struct LiarDriver {
    host: Host,
    start: Instant,
    credentials: Credentials,
    addresses: Addresses,
    /// `None` if it founds a discussion.
    director: Option<SocketAddr>,
    listener: std::net::TcpListener,
    /// The connections, by the link of the lobby.
    links: BTreeMap<LinkId, (NodeId, LinkQueue)>,
    /// The channels on which it sends in rooms.
    channels: BTreeMap<(u64, RingId), Channel>,
    last: u64,
    inbox: UnboundedSender<DriverEvent>,
    events: UnboundedReceiver<DriverEvent>,
    state: Arc<Mutex<LiarState>>,
}

impl LiarDriver {
    /// Returns a driver that joins a discussion when it is run, or founds one if there is no director, and the channel
    /// that takes its events.
    pub(super) fn new(
        identity: &Identity,
        name: &str,
        director: Option<SocketAddr>,
        state: &Arc<Mutex<LiarState>>,
    ) -> io::Result<(Self, UnboundedSender<DriverEvent>)> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        lock(state).address = Some(address);
        let addresses = Addresses::at(address.to_string());
        let config = Config {
            id: identity.id(),
            ring: open_lobby(),
            kind: RingKind::Lobby,
            name: name.to_owned(),
            addresses: addresses.clone(),
            network: NetworkId::default(),
            retention: Retention::of(10_000),
            tempo: Tempo::default(),
            fingers: true,
        };
        let (signer, verifier) = (
            Arc::new(identity.clone()),
            Arc::<CachingVerifier>::default(),
        );
        let (inbox, events) = unbounded_channel();
        let driver = Self {
            host: Host::new(config, signer, verifier, Time::default()),
            start: Instant::now(),
            credentials: Credentials::new(identity.clone(), &Secret::open())?,
            addresses,
            director,
            listener,
            links: BTreeMap::new(),
            channels: BTreeMap::new(),
            last: 0,
            inbox: inbox.clone(),
            events,
            state: Arc::clone(state),
        };
        Ok((driver, inbox))
    }

    /// Runs the member until a test ends it.
    ///
    /// # Panics
    ///
    /// If no runtime can be started.
    pub(super) fn run(mut self) {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = self.listener.try_clone().and_then(TcpListener::from_std);
            let (me, inbox) = (self.credentials.clone(), self.inbox.clone());
            tokio::spawn(listen(listener.expect("it is bound"), me, inbox));
            while self.settle().await {}
        });
    }

    /// Carries out the core's outputs, then handles the next event. Returns false at the end.
    async fn settle(&mut self) -> bool {
        while let Some(RingOutput { output, .. }) = self.host.poll_output() {
            self.act(output);
        }
        self.publish_state();
        let due = self.host.poll_timeout().map(|time| {
            let due = self.start + Duration::from_micros(time.as_micros());
            due.saturating_duration_since(Instant::now())
        });
        let wait = timeout(due.unwrap_or(ANSWER_TIMEOUT), self.events.recv());
        match wait.await {
            Ok(Some(DriverEvent::End) | None) => return false,
            Ok(Some(event)) => self.take(event),
            Err(_) => self.feed(Input::Timer),
        }
        true
    }

    fn feed(&mut self, input: Input) {
        let now = self.now();
        self.host.handle(now, input);
    }

    fn now(&self) -> Time {
        let micros = u64::try_from(self.start.elapsed().as_micros());
        Time::from_micros(micros.expect("a test is short"))
    }

    fn publish_state(&self) {
        let links = self.links.values();
        let mut state = lock(&self.state);
        let is_old = state
            .linked
            .keys()
            .eq(links.clone().map(|(peer, _)| peer).collect::<BTreeSet<_>>());
        let view = self.host.lobby().view();
        let views = self.host.rooms();
        let rooms: BTreeMap<_, _> = views
            .filter_map(|(room, node)| Some((room, node.view()?.clone())))
            .collect();
        if !is_old || state.view.as_ref() != view || state.rooms != rooms {
            state.linked = links.cloned().collect();
            state.view = view.cloned();
            state.rooms = rooms;
            drop(state);
            wait::notify();
        }
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Dial {
                peer, addresses, ..
            } => {
                let (me, inbox) = (self.credentials.clone(), self.inbox.clone());
                tokio::spawn(async move {
                    let _ = inbox.send(match dial(&addresses, &me, peer).await {
                        Ok(link) => DriverEvent::LinkUp(Box::new(link), true),
                        Err(error) => {
                            let host = error.is_refusal().then(|| host(&addresses)).flatten();
                            DriverEvent::DialFailed(peer, host.into_iter().collect())
                        }
                    });
                });
            }
            Output::Send { link, class, bytes } => {
                if let Ok(Frame::Enter(room)) = decode(&bytes) {
                    self.channels.insert((link.connection, room), link.channel);
                }
                self.send(link, (class, bytes));
            }
            // The writer ends when everything is written, and the far end closes then.
            Output::Close { link, .. } => drop(self.links.remove(&link)),
            Output::AskDirector => match self.director {
                Some(director) => self.ask_director(director),
                None => self.feed(Input::Found),
            },
            // It carries no circuits and does not help other members.
            Output::Circuit { .. }
            | Output::Splice { .. }
            | Output::Unsplice { .. }
            | Output::Check { .. }
            | Output::Entrances(_)
            | Output::Event(_)
            | Output::Finished { .. } => {}
        }
    }

    fn send(&self, link: LinkId, (class, bytes): (FrameClass, bytes::Bytes)) {
        if let Some((_, queue)) = self.links.get(&LinkId::lobby(link.connection)) {
            let _ = queue.sender.send((link.channel, class, bytes, None));
        }
    }

    fn take(&mut self, event: DriverEvent) {
        match event {
            DriverEvent::LinkUp(link, dialled) => self.add_link(*link, dialled),
            DriverEvent::DialFailed(peer, refused) => {
                self.feed(Input::DialFailed { peer, refused });
            }
            DriverEvent::Received(link, frame)
                if self.links.contains_key(&LinkId::lobby(link.connection)) =>
            {
                let mut state = lock(&self.state);
                state.note(link.channel, &frame);
                let answers = state.answers(&frame);
                drop(state);
                if answers {
                    self.feed(Input::Frame { link, frame });
                }
            }
            DriverEvent::Written(link, written) if self.links.contains_key(&link) => {
                for (channel, class, bytes) in written.counts() {
                    let link = LinkId { channel, ..link };
                    self.feed(Input::Written { link, class, bytes });
                }
            }
            DriverEvent::LinkDown(link) => {
                if self.links.remove(&link).is_some() {
                    self.feed(Input::LinkDown { link });
                }
            }
            DriverEvent::Contact(contact) => self.feed(Input::Contact {
                coordinator: contact,
                doors: Vec::new(),
                candidates: Vec::new(),
            }),
            DriverEvent::SendFrame(to, frame) => {
                let link = self.links.iter().find(|(_, (peer, _))| *peer == to);
                if let Some((link, _)) = link {
                    self.send(*link, (frame.class(), encode(&frame)));
                }
            }
            DriverEvent::SendInRoom(to, room, frame) => {
                let links = self.links.iter().filter(|(_, (peer, _))| *peer == to);
                for (link, _) in links {
                    if let Some(&channel) = self.channels.get(&(link.connection, room)) {
                        let link = LinkId { channel, ..*link };
                        self.send(link, (frame.class(), encode(&frame)));
                    }
                }
            }
            DriverEvent::Join(room) => {
                let joined = self.host.join_room(self.now(), room);
                joined.expect("it is a member of the lobby");
            }
            DriverEvent::Say(texts) => {
                for text in texts {
                    let text = BundleMessage::text(0, text);
                    self.feed(Input::Say(Draft::from(text)));
                }
            }
            DriverEvent::Received(..) | DriverEvent::Written(..) | DriverEvent::End => {}
        }
    }

    fn add_link(&mut self, link: Link, dialled: bool) {
        self.last += 1;
        let id = LinkId::lobby(self.last);
        let (queue, queued) = LinkQueue::new();
        tokio::spawn(read(link.reader, id, self.inbox.clone()));
        tokio::spawn(write(link.writer, queued, id, self.inbox.clone()));
        self.links.insert(id, (link.peer, queue));
        self.feed(Input::LinkUp {
            link: id,
            peer: link.peer,
            dialled,
            host: Some(link.address.ip()),
        });
    }

    /// Sends `register_node`, as a node does; the answer names the coordinator.
    fn ask_director(&self, director: SocketAddr) {
        let body = serde_json::json!({
            "id": self.host.lobby().id().as_uuid().to_string(),
            "internal-address": self.addresses.internal,
        });
        let (inbox, body) = (self.inbox.clone(), body.to_string());
        tokio::task::spawn_blocking(move || {
            let answer = http::ask(
                director,
                "POST",
                "/register_node",
                Some(&body),
                ANSWER_TIMEOUT,
            );
            if let Some(contact) = answer.ok().and_then(|answer| contact(&answer.json())) {
                let _ = inbox.send(DriverEvent::Contact(contact));
            }
        });
    }
}

fn contact(answer: &Value) -> Option<Contact> {
    let coordinator: crate::event::Epoch = serde_json::from_value(answer["epoch"].clone()).ok()?;
    let id = NodeId::from_bytes(coordinator.coordinator.0.into_bytes());
    Some(Contact {
        id,
        addresses: Addresses::at(answer["internal-address"].as_str()?.to_owned()),
        epoch: Epoch {
            number: coordinator.number,
            coordinator: id,
        },
    })
}

async fn listen(listener: TcpListener, me: Credentials, inbox: UnboundedSender<DriverEvent>) {
    let replay_filter = ReplayFilter::default();
    while let Ok((stream, address)) = listener.accept().await {
        let (me, inbox, replay_filter) = (me.clone(), inbox.clone(), replay_filter.clone());
        tokio::spawn(async move {
            if let Ok(InboundConnection::Link(link)) =
                accept(stream, address, &me, &replay_filter).await
            {
                let _ = inbox.send(DriverEvent::LinkUp(link, false));
            }
        });
    }
}

fn host(addresses: &Addresses) -> Option<IpAddr> {
    let address: SocketAddr = addresses.internal.parse().ok()?;
    Some(address.ip())
}

async fn dial(addresses: &Addresses, me: &Credentials, peer: NodeId) -> Result<Link, LinkError> {
    let address = addresses.internal.parse();
    let address: SocketAddr = address.map_err(|_| LinkError::HungUp)?;
    connect(address, me, peer).await?.complete().await
}

async fn read(mut reader: FrameReader, link: LinkId, inbox: UnboundedSender<DriverEvent>) {
    while let Ok(Some(incoming)) = reader.next_part().await {
        if let Incoming::Frame(channel, frame) = incoming {
            let link = LinkId { channel, ..link };
            let _ = inbox.send(DriverEvent::Received(link, frame));
        }
    }
    let _ = inbox.send(DriverEvent::LinkDown(link));
}

async fn write(
    mut writer: FrameWriter,
    mut queue: UnboundedReceiver<Outgoing>,
    link: LinkId,
    inbox: UnboundedSender<DriverEvent>,
) {
    while let Some((channel, class, frame, _room)) = queue.recv().await {
        writer.add_on(channel, class, &frame);
        let Ok(written) = writer.write().await else {
            break;
        };
        let _ = inbox.send(DriverEvent::Written(link, written));
    }
    let _ = writer.finish().await;
}
