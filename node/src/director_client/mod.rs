//! The client of the directors: it asks how to join, registers this node while it coordinates, and checks that the
//! directors answer.
//!
//! Every call has a timeout, and what a director says is a hint: a running discussion needs none. Not here: what the
//! core makes of an answer, what this node answers itself (`reception`).

mod caller;
mod circuit;
mod connector;
mod endpoints;
mod health;
mod http;
mod join;
mod lookup;
mod merge;
mod metered;
mod registrar;
mod reply;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ringtalk_director::api::{Address, Coordinator, DOORS, Directions, Newcomer};
use ringtalk_proto::Registration;
use ringtalk_wire::limit::{OTHER_ADDRESS_BYTES, OTHER_ADDRESSES};
use ringtalk_wire::{Addresses, Contact, NodeId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::identity::Identity;
use crate::secret::Secret;
use crate::settings::Endpoint;

use http::HttpError;

pub(crate) use caller::Caller;
pub(crate) use circuit::CircuitClient;
pub(crate) use endpoints::EndpointKind;
use endpoints::KnownEndpoint;
pub(crate) use health::Reachability;
pub(crate) use lookup::{LookupAnswer, look_up};
pub(crate) use registrar::DISPLACEMENT_TIME;

/// The capacity of the queue of news; the calls wait beyond that.
const NEWS: usize = 64;
/// The timeout of the last member's last call.
const WITHDRAW_TIME: Duration = Duration::from_millis(300);

/// A report about a director: what it said, or that it did not answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// A director answered the question how to join.
    Entry {
        /// The number of the question.
        question: u64,
        /// The answer.
        answer: EntryAnswer,
    },
    /// Another ring of this discussion is registered.
    Foreign(Contact),
    /// Another coordinator has been registered at a director for longer than a lease, in place of this one.
    Displaced {
        /// The director.
        director: Address,
        /// The address to which it sends newcomers.
        to: Address,
    },
    /// A director told a newcomer that this node is the coordinator.
    Expected {
        /// The newcomer.
        newcomer: NodeId,
        /// The addresses of the newcomer.
        addresses: Addresses,
        /// The host of the director.
        host: Option<IpAddr>,
    },
    /// A director or a member answered.
    Up(Address, EndpointKind),
    /// A director answered the question how to join, but sent this node away for now.
    Later {
        /// The director.
        director: Address,
        /// The director's explanation.
        reason: String,
        /// Whether it knows no such discussion.
        no_such: bool,
    },
    /// A director did not answer.
    Down {
        /// The director.
        director: Address,
        /// The reason, in a few words.
        reason: String,
        /// A suggestion for the user.
        advice: &'static str,
    },
}

/// A director's answer to the question how to join.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum EntryAnswer {
    /// This node is the first, and founds the discussion.
    Found,
    /// This node dials the coordinator.
    Join {
        /// The coordinator.
        coordinator: Contact,
        /// The members who help if the coordinator cannot be reached.
        doors: Vec<Contact>,
        /// The coordinators of other registrations.
        candidates: Vec<Contact>,
    },
    /// This node cannot join; the reason, for people.
    Refused(String),
}

/// The directors of a discussion, as one node sees them.
#[derive(Debug)]
pub(crate) struct DirectorClient {
    endpoints: Vec<KnownEndpoint>,
    newcomer: Newcomer,
    caller: Caller,
    news: NewsSender,
    registration: watch::Sender<Option<Arc<Registration>>>,
    members: watch::Sender<usize>,
    last_question: u64,
    question_task: Option<JoinHandle<()>>,
    /// Has the running question ask again, under another number.
    again: watch::Sender<u64>,
    background: Vec<JoinHandle<()>>,
}

impl DirectorClient {
    /// Returns a client that has called nobody yet, and the receiver of its news.
    pub(crate) fn new(
        endpoints: Vec<Endpoint>,
        newcomer: Newcomer,
        (identity, secret): (Identity, &Secret),
    ) -> (Self, mpsc::Receiver<News>) {
        let (sender, news) = mpsc::channel(NEWS);
        let client = Self {
            endpoints: endpoints.into_iter().map(KnownEndpoint::new).collect(),
            newcomer,
            caller: Caller::of_node(identity, secret),
            news: NewsSender(sender),
            registration: watch::Sender::new(None),
            members: watch::Sender::new(1),
            last_question: 0,
            question_task: None,
            again: watch::Sender::new(0),
            background: Vec::new(),
        };
        (client, news)
    }

    /// Asks how to join. A question that is still open goes on, so that an entrance that answers late is heard; those
    /// that have answered are asked again. A node that `persists` does not accept a refusal.
    pub(crate) fn ask(&mut self, persists: bool) {
        self.last_question += 1;
        let is_open = |task: &JoinHandle<()>| !task.is_finished();
        if self.question_task.as_ref().is_some_and(is_open) {
            self.again.send_replace(self.last_question);
            return;
        }
        let question = join::Question {
            caller: self.caller.clone(),
            newcomer: self.newcomer.clone(),
            news: self.news.clone(),
            persists,
        };
        let (endpoints, number) = (self.endpoints.clone(), self.last_question);
        let again = self.again.subscribe();
        self.question_task = Some(tokio::spawn(question.ask(endpoints, number, again)));
    }

    /// Returns true if an answer belongs to the last question.
    pub(crate) const fn is_current(&self, question: u64) -> bool {
        self.last_question == question
    }

    /// Takes over where this node is now. Directors are called over new connections.
    pub(crate) fn move_to(&mut self, newcomer: Newcomer) {
        self.newcomer = newcomer;
        self.caller.http().reconnect();
    }

    /// Returns what asks the directors for circuits.
    pub(crate) fn circuits(&self) -> CircuitClient {
        CircuitClient {
            me: self.newcomer.id,
            caller: self.caller.clone(),
            endpoints: self.endpoints.clone(),
        }
    }

    /// Starts to check the directors, and to register this node whenever it coordinates.
    pub(crate) fn start(&mut self) {
        for endpoint in &self.endpoints {
            let registrar = registrar::Registrar {
                caller: self.caller.clone(),
                endpoint: endpoint.clone(),
                news: self.news.clone(),
            };
            let health = health::HealthCheck {
                http: self.caller.http().clone(),
                endpoint: endpoint.clone(),
                news: self.news.clone(),
            };
            let registration = self.registration.subscribe();
            let members = self.members.subscribe();
            self.background
                .push(tokio::spawn(registrar.run(registration)));
            self.background.push(tokio::spawn(health.run(members)));
        }
    }

    /// Sets what is registered at the directors, if anything.
    pub(crate) fn register(&self, registration: Option<&Arc<Registration>>) {
        self.registration.send_if_modified(|registered| {
            let changed = registered.as_ref() != registration;
            if changed {
                *registered = registration.cloned();
            }
            changed
        });
    }

    /// Sets the number of members: the more there are, the less often each checks the directors.
    pub(crate) fn count_members(&self, members: usize) {
        self.members.send_if_modified(|known| {
            let changed = *known != members;
            *known = members;
            changed
        });
    }

    /// Stops all calls, and withdraws a registration from all directors, if one is given.
    pub(crate) async fn stop(mut self, registered: Option<Arc<Registration>>) {
        self.stop_asking();
        for task in self.background.drain(..) {
            task.abort();
        }
        let Some(registration) = registered else {
            return;
        };
        let mut calls = tokio::task::JoinSet::new();
        let directors = self.endpoints.iter().filter(|one| !one.is_member());
        for endpoint in directors {
            let (caller, director) = (self.caller.clone(), endpoint.endpoint.director.clone());
            let registration = registration.clone();
            calls.spawn(async move {
                registrar::withdraw(&caller, &director, &registration, WITHDRAW_TIME).await;
            });
        }
        calls.join_all().await;
    }

    /// Stops asking how to join.
    pub(crate) fn stop_asking(&mut self) {
        if let Some(question_task) = self.question_task.take() {
            question_task.abort();
        }
    }
}

/// The channel for news to the driver.
#[derive(Clone, Debug)]
struct NewsSender(mpsc::Sender<News>);

impl NewsSender {
    async fn send(&self, news: News) {
        // If nobody receives it, the node is about to end.
        let _ = self.0.send(news).await;
    }

    async fn up(&self, director: &Address, kind: EndpointKind) {
        self.send(News::Up(director.clone(), kind)).await;
    }

    async fn later(&self, director: &Address, reason: String, no_such: bool) {
        let director = director.clone();
        self.send(News::Later {
            director,
            reason,
            no_such,
        })
        .await;
    }

    async fn down(&self, director: &Address, error: &HttpError) {
        self.send(News::Down {
            director: director.clone(),
            reason: error.to_string(),
            advice: error.advice(),
        })
        .await;
    }
}

/// Converts a coordinator and its doors from a director's answer for the core.
fn contacts(coordinator: Coordinator) -> (Contact, Vec<Contact>) {
    let epoch = coordinator.epoch;
    let doors = coordinator.doors.into_iter().take(DOORS);
    let doors = doors.map(|door| Contact {
        id: door.id,
        epoch,
        addresses: addresses(door),
    });
    let doors = doors.collect();
    let contact = Contact {
        id: coordinator.id,
        addresses: addresses(Newcomer {
            id: coordinator.id,
            internal_address: coordinator.internal_address,
            public_address: coordinator.public_address,
            other_addresses: coordinator.other_addresses,
        }),
        epoch,
    };
    (contact, doors)
}

/// Converts a director's directions for the driver.
fn entry_answer(directions: Directions) -> EntryAnswer {
    let (coordinator, doors) = contacts(directions.coordinator);
    let candidates = directions.candidates.into_iter();
    let candidates = candidates.map(|candidate| contacts(candidate).0);
    EntryAnswer::Join {
        coordinator,
        doors,
        candidates: candidates.collect(),
    }
}

/// Converts a node's addresses for the core.
pub(crate) fn addresses(node: Newcomer) -> Addresses {
    let others = node.other_addresses.into_iter().map(String::from);
    Addresses {
        internal: node.internal_address.into(),
        public: node.public_address.map(String::from).unwrap_or_default(),
        others: others
            .filter(|other| other.len() <= OTHER_ADDRESS_BYTES)
            .take(OTHER_ADDRESSES)
            .collect(),
    }
}

/// Converts a registration for a director; `None` if one of the coordinator's addresses is not valid.
fn coordinator(registration: &Registration) -> Option<Coordinator> {
    let contact = &registration.coordinator;
    let node = node(contact)?;
    Some(Coordinator {
        id: contact.id,
        internal_address: node.internal_address,
        public_address: node.public_address,
        other_addresses: node.other_addresses,
        epoch: contact.epoch,
        doors: registration.doors.iter().filter_map(self::node).collect(),
    })
}

/// Converts what a member tells newcomers; `None` if one of the coordinator's addresses is not valid.
pub(crate) fn directions(registration: &Registration) -> Option<Directions> {
    Some(Directions {
        coordinator: coordinator(registration)?,
        candidates: Vec::new(),
        member: true,
        carries: false,
    })
}

fn node(contact: &Contact) -> Option<Newcomer> {
    let Addresses {
        internal,
        public,
        others,
    } = &contact.addresses;
    let others = others.iter().map(|other| other.parse());
    Some(Newcomer {
        id: contact.id,
        internal_address: internal.parse().ok()?,
        public_address: if public.is_empty() {
            None
        } else {
            Some(public.parse().ok()?)
        },
        other_addresses: others.collect::<Result<_, _>>().ok()?,
    })
}

/// Returns a wait between half of `base` and one and a half times as long, so that many nodes that wait for the same
/// thing do not all ask at once.
fn with_jitter(base: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    base.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
