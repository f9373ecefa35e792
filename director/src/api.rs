//! The API between a node and a director, for both ends: JSON with kebab-case names.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /` | | 307 to the coordinator of the open discussion; 503 if there is none |
//! | `POST /register_coordinator` (or `/register_leader`) | [`Coordinator`], signed by its node | 200 [`Newcomers`]; 409 [`Problem`](crate::Problem) with the other ring's coordinator |
//! | `DELETE /register_coordinator` | [`Coordinator`], signed by its node | 204; 409 |
//! | `POST /register_node` | [`RegisterNode`] | 200 [`Directions`]; 201 [`FoundingLease`]; 404 for an unknown private discussion that the caller may not found; 503 to try again |
//! | `POST /find_coordinator` | [`FindCoordinator`] | 200 [`Directions`]; 503 if there is none |
//! | `POST /circuit` | [`CircuitRequest`], signed by its node; with `Connection: Upgrade` and `Upgrade: ringtalk-circuit` | 101 once the peer has asked too, and then what the peer sends; 404 for an unknown discussion; 501 from a director that carries none; 504 if the peer does not come; 503 if there is no room |
//! | `GET /healthz`, `GET /metrics` | | 200 |
//!
//! Each may also be answered 400, 408, 413 or 422 for its body, and 429 if its household makes too many requests;
//! after a few of those the connection is closed. Every answer that is neither a success nor a redirect is a
//! [`Problem`](crate::Problem).
//!
//! A web page cannot make a browser do any of this: a body must be `application/json`, else the answer is 415, and
//! a request with an `Origin` gets 403.
//!
//! A registration and a circuit belong to a node: `POST` and `DELETE /register_coordinator` and `POST /circuit` have the headers [`NODE_KEY`],
//! [`NODE_NONCE`] and [`NODE_SIGNATURE`], an Ed25519 signature by the key behind `id` over [`node_signed_bytes`].
//! For a private discussion, a body also has the fields of [`PrivateFields`]: `discussion`, and `key`, `nonce` and
//! `signature`. A request without a required signature, or over another nonce, gets a 401 whose member `nonce` (and
//! header `WWW-Authenticate: Ringtalk nonce="…"`) is what to sign. A request whose signature belongs to another key
//! or another request gets a 403. So a director sees the ids and keys of nodes, the id of a discussion, its
//! registration key and addresses, but never the secret, a name or a text.
//!
//! While a coordinator is registered, another one replaces it only with a higher epoch number, which rises by 64 at
//! most within 5 s. Coordinators that are rejected or replaced are the `candidates` of [`Directions`] for 10 s.
//!
//! A coordinator learns of a newcomer with the addresses that it may dial: the IP address that the request came
//! from, and `public-address`, which may be a name. A loopback address is passed on only if the request came from
//! it and the director listens on the loopback. A newcomer without any such address is not announced.
//!
//! Not here: the decoding of a request, field by field (`body`), and the choice of an answer (`app`).

use std::borrow::Cow;
use std::time::Duration;

use ringtalk_wire::{Epoch, NodeId};
use serde::{Deserialize, Serialize};

pub use crate::address::{Address, AddressError};
pub use crate::base64url::{Base64Url, Base64UrlError};
pub use crate::node_signature::{NODE_KEY, NODE_NONCE, NODE_SIGNATURE, node_signed_bytes};
pub use crate::proof::{Nonce, PrivateFields, Proof, signed_bytes};

/// The longest body of a request, in bytes. A request needs 900, 4 doors 2,600 more, and a proof 300; the rest is
/// room for fields of later versions.
pub const BODY_BYTES: usize = 8 * 1024;
/// How long a coordinator's call is held open for the next newcomer. It is short, so that a restarted director soon
/// knows the ring again even if nobody noticed that it had died.
pub const COORDINATOR_HOLD: Duration = Duration::from_secs(2);
/// How long a call for a circuit is held open for the other end.
pub const CIRCUIT_HOLD: Duration = Duration::from_secs(5);
/// The protocol to which `POST /circuit` upgrades a connection: what follows is for the node at the other end.
pub const CIRCUIT_PROTOCOL: &str = "ringtalk-circuit";
/// The most doors that a coordinator may name.
pub const DOORS: usize = 4;
/// How long a newcomer's call is held open at most, while the founding leases of others run: enough for three
/// founders in a row that fail. A client's own timeout must be longer.
pub const NODE_HOLD: Duration = Duration::from_secs(6);

/// The coordinator of a discussion, and its addresses: what a newcomer is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Coordinator {
    /// The coordinator's id.
    pub id: NodeId,
    /// The address for nodes on the same network.
    pub internal_address: Address,
    /// The address for nodes on other networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<Address>,
    /// Further addresses of a node that is on several networks; two at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_addresses: Vec<Address>,
    /// Its term of office; the epoch's coordinator is `id`.
    pub epoch: Epoch,
    /// Members that help a newcomer that cannot reach the coordinator; four at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doors: Vec<Newcomer>,
}

impl Coordinator {
    /// Returns the address to show: the public one if there is one, else the internal one.
    pub fn display_address(&self) -> &Address {
        self.public_address
            .as_ref()
            .unwrap_or(&self.internal_address)
    }
}

/// The 200 of `POST /register_node` and `POST /find_coordinator`: the coordinators to dial.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Directions {
    /// The registered coordinator.
    #[serde(flatten)]
    pub coordinator: Coordinator,
    /// Other registrations of the last 10 s, three at most. If the coordinator does not admit a newcomer, one of
    /// them may; the newcomer then tells that one of the others.
    #[serde(default)]
    pub candidates: Vec<Coordinator>,
    /// True if a member of the discussion answers, and not a director.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub member: bool,
    /// True if a director answers that carries circuits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carries: bool,
}

/// A node and its addresses: a newcomer, as its coordinator learns of it, or a door.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Newcomer {
    /// The node's id.
    pub id: NodeId,
    /// The address for nodes on the same network.
    pub internal_address: Address,
    /// The address for nodes on other networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<Address>,
    /// Further addresses of a node that is on several networks; two at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_addresses: Vec<Address>,
}

/// The body of any request: the fields of its content, and the private discussion that it is about. The content of
/// `POST` and `DELETE /register_coordinator` is a [`Coordinator`], the caller; that of `POST /register_node` a
/// [`RegisterNode`], and that of `POST /find_coordinator` a [`FindCoordinator`],
/// and that of `POST /circuit` a [`CircuitRequest`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestBody<T> {
    /// The content.
    #[serde(flatten)]
    pub content: T,
    /// The private discussion, and the proof; absent for the open discussion.
    #[serde(flatten)]
    pub private: Option<PrivateFields>,
}

/// The content of `POST /register_node`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RegisterNode {
    /// The caller.
    #[serde(flatten)]
    pub newcomer: Newcomer,
    /// True if the caller may found a private discussion that the director does not know. Any node may found the
    /// open one.
    #[serde(default, rename = "found")]
    pub may_found: bool,
}

/// The content of `POST /circuit`: a node wants a circuit to a peer that it cannot reach. The one with the lower id dials
/// over it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CircuitRequest {
    /// The caller.
    pub id: NodeId,
    /// The node at the other end.
    pub peer: NodeId,
}

/// The content of `POST /find_coordinator`, which has no fields. The answer is that of `POST /register_node` if
/// there is a ring, else a 503. No coordinator learns of the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FindCoordinator {}

/// The 200 of `POST /register_coordinator`: the newcomers since the last call, oldest first; empty if there were
/// none within [`COORDINATOR_HOLD`]. Each is named once.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Newcomers {
    /// The newcomers.
    pub newcomers: Vec<Newcomer>,
    /// True if a member of the discussion answers, and not a director.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub member: bool,
    /// True if a director answers that carries circuits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carries: bool,
}

/// The 200 of `GET /healthz`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Health {
    /// Always `ok`.
    pub status: Cow<'static, str>,
    /// True if a member of a discussion answers, and not a director.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub member: bool,
    /// True if a director answers that carries circuits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carries: bool,
}

/// The 201 of `POST /register_node`: there is no ring yet, and the caller should found it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FoundingLease {
    /// Always true.
    pub first: bool,
    /// How long others wait for the caller to register as coordinator.
    pub lease_ms: u64,
    /// The nonce to sign for the registration, which saves the founder a 401.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
    /// True if a director answers that carries circuits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carries: bool,
}
