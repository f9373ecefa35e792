//! Circuits that a director carries, for peers that neither dial this node nor can be dialled.
//!
//! Both ends dial each other, in vain, and then ask the same directors for a circuit. So the two meet there without a
//! word from anybody else. Not here: the calls (`director_client::circuit`), and circuits that members carry
//! (`circuits`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringtalk_director::api::Address;
use ringtalk_session::Code;
use ringtalk_wire::NodeId;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::Driver;
use super::circuits::Circuits;
use super::inbox::{DriverEvent, Inbox};
use crate::director_client::CircuitClient;

/// The most circuits that this node asks for at once: as many as it dials for others.
const UNDER_WAY: usize = 12;

/// The dialler of links over circuits that directors carry. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct DirectorCircuits {
    client: CircuitClient,
    circuits: Circuits,
    me: NodeId,
    inbox: Inbox,
    under_way: Arc<Mutex<BTreeSet<NodeId>>>,
}

impl DirectorCircuits {
    /// Creates the dialler of the node `me`.
    pub(super) fn new(me: NodeId, client: CircuitClient, circuits: Circuits, inbox: Inbox) -> Self {
        Self {
            client,
            circuits,
            me,
            inbox,
            under_way: Arc::default(),
        }
    }

    /// Makes a link to `peer` in the background, if a director carries circuits and the peer asks for one too. If that
    /// succeeds, the link goes to the inbox. Returns the attempt, or `None` if no director carries circuits, if one to
    /// this peer is under way, or too many are.
    pub(super) fn link(&self, peer: NodeId) -> Option<AbortOnDropHandle<()>> {
        let directors = self.client.directors();
        let is_allowed = {
            let mut under_way = self.lock();
            !directors.is_empty() && under_way.len() < UNDER_WAY && under_way.insert(peer)
        };
        let attempt = is_allowed.then(|| Attempt {
            circuits: self.clone(),
            peer,
        });
        attempt.map(|attempt| AbortOnDropHandle::new(tokio::spawn(attempt.run(directors))))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<NodeId>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attempt to get a link to one peer over circuits. It is under way until it is dropped.
struct Attempt {
    circuits: DirectorCircuits,
    peer: NodeId,
}

impl Attempt {
    /// Asks all directors. Each may bring a link, because the peer may have another one before it first: the core
    /// decides which is used.
    async fn run(self, directors: Vec<Address>) {
        let mut tries = JoinSet::new();
        for director in directors {
            let (circuits, peer) = (self.circuits.clone(), self.peer);
            tries.spawn(async move { circuits.try_director(director, peer).await });
        }
        tries.join_all().await;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.circuits.lock().remove(&self.peer);
    }
}

impl DirectorCircuits {
    async fn try_director(&self, director: Address, peer: NodeId) {
        let Some(end) = self.client.open(&director, peer).await else {
            return;
        };
        let dialled = self.me < peer;
        let link = self
            .circuits
            .link_over(end.opening, end.stream, peer, dialled);
        match link.await {
            Ok(link) => {
                let link = Box::new(link);
                let event = DriverEvent::Linked { link, dialled };
                let _ = self.inbox.send(event).await;
                let event = DriverEvent::CarriedByDirector { peer, director };
                let _ = self.inbox.send(event).await;
            }
            Err(error) => {
                tracing::debug!(?peer, %director, %error, "cannot make a link over a circuit");
            }
        }
    }
}

/// The most peers that are remembered: links to more than that are not told.
const PEERS: usize = 1_024;
/// The wait before the user is told: a direct link may still come, and is used then.
const TELL_WAIT: Duration = Duration::from_secs(5);

/// The peers whose links a director carries, as far as the user is concerned.
#[derive(Debug, Default)]
pub(super) struct CarriedPeers {
    /// The peers that the user has not been told of, with when to tell.
    untold: BTreeMap<NodeId, (Instant, Address)>,
    told: BTreeSet<NodeId>,
}

impl Driver {
    /// Notes that a director carries a link to a peer.
    pub(super) fn note_carried_peer(&mut self, peer: NodeId, director: Address) {
        let peers = &mut self.carried_peers;
        if !peers.told.contains(&peer) && peers.untold.len() + peers.told.len() < PEERS {
            let due = Instant::now() + TELL_WAIT;
            peers.untold.insert(peer, (due, director));
        }
    }

    /// Returns when to tell the user of a carried link.
    pub(super) fn carried_peer_due(&self) -> Option<Instant> {
        let untold = self.carried_peers.untold.values();
        untold.map(|(due, _)| *due).min()
    }

    /// Tells the user which members have links to this node that a director carries, each once.
    pub(super) fn tell_carried_peers(&mut self) {
        let now = Instant::now();
        let mut names: BTreeMap<Address, Vec<String>> = BTreeMap::new();
        let CarriedPeers { untold, told } = &mut self.carried_peers;
        let is_due = |(_, (due, _)): &(&NodeId, &(Instant, Address))| *due <= now;
        let due: Vec<NodeId> = untold.iter().filter(is_due).map(|(id, _)| *id).collect();
        for peer in due {
            let Some((_, director)) = untold.remove(&peer) else {
                continue;
            };
            // A newcomer that has not become a member by now is no news.
            let member = self.host.lobby().view().and_then(|view| view.member(&peer));
            if let Some(member) = member.filter(|_| self.host.lobby().has_carried_link(&peer)) {
                names.entry(director).or_default().push(member.name.clone());
                told.insert(peer);
            }
        }
        for (director, names) in names {
            let message = match &names[..] {
                [name] => format!(
                    "you and {name} are both behind routers: the director at {director} carries your encrypted lines"
                ),
                _ => format!(
                    "you and these are all behind routers: {}; the director at {director} carries your encrypted lines",
                    names.join(", ")
                ),
            };
            self.notify(Code::Carried, message);
        }
    }
}
