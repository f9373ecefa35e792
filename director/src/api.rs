//! What travels between a node and a director: JSON with kebab-case names, for both ends.
//!
//! | request | says | answer |
//! |---|---|---|
//! | `GET /` | | 307 to the coordinator of the open discussion; 503 where there is none |
//! | `POST /register_coordinator` (or `/register_leader`) | [`Coordinator`], signed by its node | 200 [`Newcomers`]; 409 [`Problem`](crate::Problem) with the other ring's coordinator |
//! | `DELETE /register_coordinator` | [`Coordinator`], signed by its node | 204; 409 |
//! | `POST /register_node` | [`RegisterNode`] | 200 [`Directions`]; 201 [`First`]; 404 for a private discussion that is unknown, and not to be founded; 503 to be tried again |
//! | `POST /find_coordinator` | [`FindCoordinator`] | 200 [`Directions`]; 503 if there is none |
//! | `GET /healthz`, `GET /metrics` | | 200 |
//!
//! Each may also be answered 400, 408, 413 or 422 for its body, and 429 if its household makes too
//! many requests; after a few of those the connection is closed. Every answer that is no success and no
//! redirect is a [`Problem`](crate::Problem).
//!
//! No web page has a browser do any of this: a body is `application/json`, else the answer is 415, and a
//! request with an `Origin` gets 403.
//!
//! A registration is its node's own: `POST` and `DELETE /register_coordinator` have the headers
//! [`NODE_KEY`], [`NODE_NONCE`] and [`NODE_SIGNATURE`], an Ed25519 signature by the key behind `id` over
//! [`node_signed_bytes`]. About a private discussion a body also has the fields of [`Private`]:
//! `discussion`, and `key`, `nonce` and `signature`. A request without what is needed, or over another nonce,
//! gets a 401 whose member `nonce` (and header `WWW-Authenticate: Ringtalk nonce="…"`) is what to
//! sign; one that another key signed, or another request, a 403. So a director sees the ids and keys of
//! nodes, the id of a discussion, its registration key and addresses, and never the secret, a name or a text.
//!
//! While a coordinator is registered, another one replaces it only with a higher epoch number, and within
//! 5 s that rises by 64 at most. Those that are turned down or displaced are the `candidates` of [`Directions`]
//! for 10 s.
//!
//! A coordinator is told of a newcomer with the addresses that it may dial: the IP address that the request came
//! from, and `public-address`, which may be a name. A loopback address is passed on only if the request came from
//! it and the director listens on the loopback. A newcomer of whom no address is left is not announced.
//!
//! Not here: how a director reads a request, field by field (`body`), and what it answers to
//! which (`app`).

use std::time::Duration;

use ringtalk_wire::{Epoch, NodeId};
use serde::{Deserialize, Serialize};

pub use crate::address::{Address, AddressError};
pub use crate::encoded::{Encoded, EncodedError};
pub use crate::proof::{Nonce, Private, Proof, signed_bytes};
pub use crate::speaker::{NODE_KEY, NODE_NONCE, NODE_SIGNATURE, node_signed_bytes};

/// The longest body of a request, in bytes. A request needs 900, 4 doors 2,600 more, and a proof 300; the rest is room for
/// fields of later versions.
pub const BODY_BYTES: usize = 8 * 1024;
/// How long a coordinator's call is held open for the next newcomer. Short enough that a
/// restarted director knows the ring again soon, even if nobody noticed that it had died.
pub const COORDINATOR_HOLD: Duration = Duration::from_secs(2);
/// The most doors that a coordinator names.
pub const DOORS: usize = 4;
/// How long a newcomer's call is held open at most, while others' founding leases run: three
/// founders in a row that come to nothing. A client's own timeout must be longer.
pub const NODE_HOLD: Duration = Duration::from_secs(6);

/// Who coordinates a discussion, and where: what a newcomer is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Coordinator {
    /// The coordinator.
    pub id: NodeId,
    /// Where its own network reaches it.
    pub internal_address: Address,
    /// Where other networks reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<Address>,
    /// Further addresses of a node that is on several networks; two at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_addresses: Vec<Address>,
    /// Its reign; the epoch's coordinator is `id`.
    pub epoch: Epoch,
    /// Members to whom a newcomer can turn that does not reach the coordinator; four at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doors: Vec<Newcomer>,
}

impl Coordinator {
    /// The address to show to anybody: the public one, else the internal one.
    pub fn shown_address(&self) -> &Address {
        self.public_address
            .as_ref()
            .unwrap_or(&self.internal_address)
    }
}

/// The 200 of `POST /register_node` and `POST /find_coordinator`: whom to dial.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Directions {
    /// The registered coordinator.
    #[serde(flatten)]
    pub coordinator: Coordinator,
    /// Other registrations of the last 10 s, three at most: if the coordinator does not let a newcomer in, one
    /// of them may, and that one is told of the others.
    #[serde(default)]
    pub candidates: Vec<Coordinator>,
}

/// A node and where it is: one that asked for the way in, as its coordinator is told, or a door.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Newcomer {
    /// The node.
    pub id: NodeId,
    /// Where its own network reaches it.
    pub internal_address: Address,
    /// Where other networks reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<Address>,
    /// Further addresses of a node that is on several networks; two at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_addresses: Vec<Address>,
}

/// The body of any request: what it says, as the fields of an object, and whose discussion it is
/// about. `POST` and `DELETE /register_coordinator` say a [`Coordinator`], the caller;
/// `POST /register_node` a [`RegisterNode`], `POST /find_coordinator` a [`FindCoordinator`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request<T> {
    /// What it says.
    #[serde(flatten)]
    pub said: T,
    /// The private discussion meant, and the proof; absent for the open one.
    #[serde(flatten)]
    pub private: Option<Private>,
}

/// What `POST /register_node` says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RegisterNode {
    /// The caller.
    #[serde(flatten)]
    pub newcomer: Newcomer,
    /// Whether the caller may found a private discussion that the director does not know. The
    /// open one may be founded by anybody.
    #[serde(default)]
    pub found: bool,
}

/// What `POST /find_coordinator` says: nothing. The answer is that of `POST /register_node` if
/// there is a ring, else a 503; nobody is told of the caller, who only looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FindCoordinator {}

/// The 200 of `POST /register_coordinator`: who asked for the way in since the last call, oldest
/// first; empty when nobody did within [`COORDINATOR_HOLD`]. Each is named once.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Newcomers {
    /// Those who asked.
    pub newcomers: Vec<Newcomer>,
}

/// The 201 of `POST /register_node`: there is no ring yet, and the caller is to found it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct First {
    /// Always true.
    pub first: bool,
    /// How long others are kept waiting for the caller to register as coordinator.
    pub lease_ms: u64,
    /// What to sign then, which saves the founder a 401.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
}
