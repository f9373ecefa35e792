//! What travels between a node and a director: JSON with kebab-case names, for both ends.
//!
//! Not here: how a director reads a request, field by field (`body`), and what it answers to
//! which (`app`).

use std::time::Duration;

use ringtalk_wire::{Epoch, NodeId};
use serde::{Deserialize, Serialize};

pub use crate::address::{Address, AddressError};
pub use crate::problem::Problem;

/// The longest body of a request, in bytes. A request needs 800, and 1,100 with a key and a
/// signature; the rest is room for fields of later versions.
pub const BODY_BYTES: usize = 8 * 1024;
/// How long a coordinator's call is held open for the next newcomer. Short enough that a
/// restarted director knows the ring again soon, even if nobody noticed that it had died.
pub const COORDINATOR_HOLD: Duration = Duration::from_secs(2);
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
    /// Its reign; the epoch's coordinator is `id`.
    pub epoch: Epoch,
}

impl Coordinator {
    /// The address to show to anybody: the public one, else the internal one.
    pub fn shown_address(&self) -> &Address {
        self.public_address
            .as_ref()
            .unwrap_or(&self.internal_address)
    }
}

/// A node that asked for the way in: what its coordinator is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Newcomer {
    /// The newcomer.
    pub id: NodeId,
    /// Where its own network reaches it.
    pub internal_address: Address,
    /// Where other networks reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<Address>,
}

/// Body of `POST` and `DELETE /register_coordinator`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RegisterCoordinator {
    /// The caller.
    #[serde(flatten)]
    pub coordinator: Coordinator,
    /// The private discussion meant; absent for the open one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discussion: Option<String>,
}

/// Body of `POST /register_node`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RegisterNode {
    /// The caller.
    #[serde(flatten)]
    pub newcomer: Newcomer,
    /// The private discussion meant; absent for the open one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discussion: Option<String>,
    /// Whether the caller may found a private discussion that the director does not know. The
    /// open one may be founded by anybody.
    #[serde(default)]
    pub found: bool,
}

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
}
