//! The honest part of a liar: the protocol's own core, with the simplest possible driver.
//!
//! Not here: the lies (the tests).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringtalk_node::identity::{Identity, Verifying};
use ringtalk_node::link::{
    Credentials, FrameReader, FrameWriter, Link, LinkError, Openings, Welcomed, greet, welcome,
};
use ringtalk_node::secret::Secret;
use ringtalk_proto::config::{Retention, Tempo};
use ringtalk_proto::{Config, Draft, Input, LinkId, Node, Output, Time};
use ringtalk_wire::{Addresses, Contact, Epoch, Frame, NetworkId, NodeId, Text, encode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::{Known, lock};
use crate::{http, wait};

/// The time limit for an answer of a director.
const ANSWER: Duration = Duration::from_secs(5);

/// The number of bytes of poured frames that wait on one link at most.
const POURED: usize = 1024 * 1024;

/// A frame that waits for a link, with its share of [`POURED`] if it was poured.
type Outgoing = (bytes::Bytes, Option<OwnedSemaphorePermit>);

/// The queue to a link, past the core, with a limit on the bytes that wait in it.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    queue: UnboundedSender<Outgoing>,
    room: Arc<Semaphore>,
}

impl Pipe {
    fn new() -> (Self, UnboundedReceiver<Outgoing>) {
        let (queue, queued) = unbounded_channel();
        let room = Arc::new(Semaphore::new(POURED));
        (Self { queue, room }, queued)
    }

    /// Sends a frame once there is room for it. Returns false if the link is gone.
    pub(super) async fn pour(self, frame: &Frame) -> bool {
        let bytes = encode(frame);
        let length = u32::try_from(bytes.len()).expect("a frame is short");
        let room = self.room.acquire_many_owned(length).await.ok();
        room.is_some() && self.queue.send((bytes, room)).is_ok()
    }
}

/// An event of a liar.
#[derive(Debug)]
pub(super) enum Happening {
    Linked(Box<Link>, bool),
    Undialled(NodeId, Vec<IpAddr>),
    Heard(LinkId, Frame),
    Written(LinkId, usize),
    Broken(LinkId),
    Contact(Contact),
    /// A test sends a frame.
    Order(NodeId, Box<Frame>),
    /// A test sends messages, as an honest member.
    Say(Vec<String>),
    End,
}

/// A core, and its driver.
#[derive(Debug)]
pub(super) struct Part {
    node: Node,
    start: Instant,
    credentials: Credentials,
    addresses: Addresses,
    /// `None` if it founds a discussion.
    director: Option<SocketAddr>,
    listener: std::net::TcpListener,
    links: BTreeMap<LinkId, (NodeId, Pipe)>,
    last: u64,
    inbox: UnboundedSender<Happening>,
    happenings: UnboundedReceiver<Happening>,
    memory: Arc<Mutex<Known>>,
}

impl Part {
    /// Returns a part that joins a discussion when it is run, and the channel that takes orders.
    pub(super) fn new(
        identity: &Identity,
        name: &str,
        director: SocketAddr,
        memory: &Arc<Mutex<Known>>,
    ) -> io::Result<(Self, UnboundedSender<Happening>)> {
        Self::with(identity, name, Some(director), memory)
    }

    /// Like [`Part::new`], for a member that founds a discussion.
    pub(super) fn founding(
        identity: &Identity,
        name: &str,
        memory: &Arc<Mutex<Known>>,
    ) -> io::Result<(Self, UnboundedSender<Happening>)> {
        Self::with(identity, name, None, memory)
    }

    fn with(
        identity: &Identity,
        name: &str,
        director: Option<SocketAddr>,
        memory: &Arc<Mutex<Known>>,
    ) -> io::Result<(Self, UnboundedSender<Happening>)> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        lock(memory).address = Some(address);
        let addresses = Addresses::at(address.to_string());
        let config = Config {
            id: identity.id(),
            name: name.to_owned(),
            addresses: addresses.clone(),
            network: NetworkId::default(),
            retention: Retention::of(10_000),
            tempo: Tempo::default(),
            fingers: true,
        };
        let (signer, verifier) = (Arc::new(identity.clone()), Arc::<Verifying>::default());
        let (inbox, happenings) = unbounded_channel();
        let part = Self {
            node: Node::new(config, signer, verifier, Time::default()),
            start: Instant::now(),
            credentials: Credentials::new(identity.clone(), &Secret::open())?,
            addresses,
            director,
            listener,
            links: BTreeMap::new(),
            last: 0,
            inbox: inbox.clone(),
            happenings,
            memory: Arc::clone(memory),
        };
        Ok((part, inbox))
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
        while let Some(output) = self.node.poll_output() {
            self.act(output);
        }
        self.tell_known();
        let due = self.node.poll_timeout().map(|time| {
            let due = self.start + Duration::from_micros(time.as_micros());
            due.saturating_duration_since(Instant::now())
        });
        let wait = timeout(due.unwrap_or(ANSWER), self.happenings.recv());
        match wait.await {
            Ok(Some(Happening::End) | None) => return false,
            Ok(Some(happening)) => self.take(happening),
            Err(_) => self.feed(Input::Timer),
        }
        true
    }

    fn feed(&mut self, input: Input) {
        let micros = u64::try_from(self.start.elapsed().as_micros());
        let now = Time::from_micros(micros.expect("a test is short"));
        self.node.handle(now, input);
    }

    fn tell_known(&self) {
        let links = self.links.values();
        let mut known = lock(&self.memory);
        let is_old = known
            .linked
            .keys()
            .eq(links.clone().map(|(peer, _)| peer).collect::<BTreeSet<_>>());
        if !is_old || known.view.as_ref() != self.node.view() {
            known.linked = links.cloned().collect();
            known.view = self.node.view().cloned();
            drop(known);
            wait::beat();
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
                        Ok(link) => Happening::Linked(Box::new(link), true),
                        Err(error) => {
                            let host = error.is_refusal().then(|| host(&addresses)).flatten();
                            Happening::Undialled(peer, host.into_iter().collect())
                        }
                    });
                });
            }
            Output::Send { link, bytes } => self.send(link, bytes),
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
            | Output::Event(_)
            | Output::Left { .. } => {}
        }
    }

    fn send(&self, link: LinkId, bytes: bytes::Bytes) {
        if let Some((_, pipe)) = self.links.get(&link) {
            let _ = pipe.queue.send((bytes, None));
        }
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Linked(link, dialled) => self.adopt(*link, dialled),
            Happening::Undialled(peer, refused) => self.feed(Input::DialFailed { peer, refused }),
            Happening::Heard(link, frame) if self.links.contains_key(&link) => {
                let mut known = lock(&self.memory);
                known.note(&frame);
                let hears = known.hears(&frame);
                drop(known);
                if hears {
                    self.feed(Input::Frame { link, frame });
                }
            }
            Happening::Written(link, bytes) if self.links.contains_key(&link) => {
                self.feed(Input::Written { link, bytes });
            }
            Happening::Broken(link) => {
                if self.links.remove(&link).is_some() {
                    self.feed(Input::LinkDown { link });
                }
            }
            Happening::Contact(contact) => self.feed(Input::Contact {
                coordinator: contact,
                doors: Vec::new(),
                candidates: Vec::new(),
            }),
            Happening::Order(to, frame) => {
                let link = self.links.iter().find(|(_, (peer, _))| *peer == to);
                if let Some((link, _)) = link {
                    self.send(*link, encode(&frame));
                }
            }
            Happening::Say(texts) => {
                for text in texts {
                    let text = Text {
                        timestamp_ms: 0,
                        text: text.into(),
                    };
                    self.feed(Input::Say(Draft::from(text)));
                }
            }
            Happening::Heard(..) | Happening::Written(..) | Happening::End => {}
        }
    }

    fn adopt(&mut self, link: Link, dialled: bool) {
        self.last += 1;
        let id = LinkId(self.last);
        let (pipe, queued) = Pipe::new();
        tokio::spawn(read(link.reader, id, self.inbox.clone()));
        tokio::spawn(write(link.writer, queued, id, self.inbox.clone()));
        self.links.insert(id, (link.peer, pipe));
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
            "id": self.node.id().as_uuid().to_string(),
            "internal-address": self.addresses.internal,
        });
        let (inbox, body) = (self.inbox.clone(), body.to_string());
        tokio::task::spawn_blocking(move || {
            let answer = http::ask(director, "POST", "/register_node", Some(&body), ANSWER);
            if let Some(contact) = answer.ok().and_then(|answer| contact(&answer.json())) {
                let _ = inbox.send(Happening::Contact(contact));
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

async fn listen(listener: TcpListener, me: Credentials, inbox: UnboundedSender<Happening>) {
    let openings = Openings::default();
    while let Ok((stream, address)) = listener.accept().await {
        let (me, inbox, openings) = (me.clone(), inbox.clone(), openings.clone());
        tokio::spawn(async move {
            if let Ok(Welcomed::Link(link)) = welcome(stream, address, &me, &openings).await {
                let _ = inbox.send(Happening::Linked(link, false));
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
    greet(address, me, peer).await?.answer().await
}

async fn read(mut reader: FrameReader, link: LinkId, inbox: UnboundedSender<Happening>) {
    while let Ok(Some(frame)) = reader.next().await {
        let _ = inbox.send(Happening::Heard(link, frame));
    }
    let _ = inbox.send(Happening::Broken(link));
}

async fn write(
    mut writer: FrameWriter,
    mut queue: UnboundedReceiver<Outgoing>,
    link: LinkId,
    inbox: UnboundedSender<Happening>,
) {
    while let Some((frame, _room)) = queue.recv().await {
        writer.add(&frame);
        let Ok(bytes) = writer.write().await else {
            break;
        };
        let _ = inbox.send(Happening::Written(link, bytes));
    }
    let _ = writer.finish().await;
}
