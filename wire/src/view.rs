//! Members and views: who takes part, and each member's place in the ring.
//!
//! Not here: when a view is published or believed (`ringtalk-proto`).

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::codec::encode_any;
use crate::limit::{
    self, ADDRESS_BYTES, NAME_BYTES, OTHER_ADDRESS_BYTES, OTHER_ADDRESSES, PAGE_FORMER,
    PAGE_MEMBERS, UPDATE_CHANGES, VIEW_ANCESTORS, VIEW_DEPARTURES, VIEW_OPENINGS,
};
use crate::{Epoch, NetworkId, NodeId, Opening, RingId, RingKey, Seal, ViewHash, ViewTag};

/// The addresses at which a node can be dialled, each as `host:port`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Addresses {
    /// The address for nodes on the same network.
    #[serde(deserialize_with = "limit::short_text::<_, ADDRESS_BYTES>")]
    pub internal: String,
    /// The address for nodes on other networks; empty if there is none.
    #[serde(deserialize_with = "limit::short_text::<_, ADDRESS_BYTES>")]
    pub public: String,
    /// Further addresses of a node that is on several networks.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "limit::short_texts::<_, OTHER_ADDRESSES, OTHER_ADDRESS_BYTES>"
    )]
    pub others: Vec<String>,
}

impl Addresses {
    /// Returns addresses with an internal one only.
    pub fn at(internal: impl Into<String>) -> Self {
        Self {
            internal: internal.into(),
            ..Self::default()
        }
    }

    /// Returns all addresses, in the order in which to try them.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let main = [&self.internal, &self.public];
        let all = main.into_iter().chain(&self.others).map(String::as_str);
        all.filter(|address| !address.is_empty())
    }

    /// Returns true if there are several addresses: the node is on several networks, or has a public address.
    pub fn are_manifold(&self) -> bool {
        self.all().nth(1).is_some()
    }

    /// Returns the one address to show: the public one if there is one.
    pub fn shown(&self) -> &str {
        if self.public.is_empty() {
            &self.internal
        } else {
            &self.public
        }
    }
}

/// One member, as the coordinator admitted it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: NodeId,
    /// Its name. No other name in the view can be mistaken for it.
    #[serde(deserialize_with = "limit::short_text::<_, NAME_BYTES>")]
    pub name: String,
    /// The addresses at which it can be dialled.
    pub addresses: Addresses,
    /// Its position in the order of admission: the lowest is the most senior.
    #[serde(deserialize_with = "limit::counter")]
    pub seniority: u64,
    /// Its place in the ring.
    pub key: RingKey,
    /// Its network, as the coordinator saw it.
    pub network: NetworkId,
}

/// The way in which a member departed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Departure {
    /// The member left by itself.
    Left,
    /// The member was found dead.
    Failed,
}

/// A former member, and how it departed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Departed {
    /// The former member.
    pub id: NodeId,
    /// The way in which it departed.
    pub how: Departure,
}

/// A member's new name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Renamed {
    /// The member.
    pub id: NodeId,
    /// The new name.
    #[serde(deserialize_with = "limit::short_text::<_, NAME_BYTES>")]
    pub name: String,
}

/// The changes from one view to the next: `PROTOCOL.md` §5.2.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ViewUpdate {
    /// The tag of the new view.
    pub tag: ViewTag,
    /// The hash of the previous view.
    pub parent: ViewHash,
    /// The coordinator's seal over the tag.
    pub seal: Seal,
    /// The opening of its epoch, if that is new.
    pub opening: Option<Opening>,
    /// Counts the changes of ring keys.
    #[serde(deserialize_with = "limit::counter")]
    pub layout: u64,
    /// The members that joined.
    #[serde(deserialize_with = "limit::at_most::<_, _, UPDATE_CHANGES>")]
    pub joined: Vec<Member>,
    /// The members that departed.
    #[serde(deserialize_with = "limit::at_most::<_, _, UPDATE_CHANGES>")]
    pub departed: Vec<Departed>,
    /// The members that have a new name.
    #[serde(deserialize_with = "limit::at_most::<_, _, UPDATE_CHANGES>")]
    pub renamed: Vec<Renamed>,
}

/// A page of a full view: `PROTOCOL.md` §5.3.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ViewPage {
    /// The tag of the whole view.
    pub tag: ViewTag,
    /// The hash of the view before it.
    pub parent: ViewHash,
    /// The coordinator's seal over the tag.
    pub seal: Seal,
    /// The opening of its epoch and the latest ones before it, oldest first.
    #[serde(deserialize_with = "limit::at_most::<_, _, VIEW_OPENINGS>")]
    pub openings: Vec<Opening>,
    /// Counts the changes of ring keys.
    #[serde(deserialize_with = "limit::counter")]
    pub layout: u64,
    /// The number of this page, from 0.
    pub page: u16,
    /// The number of pages of the view.
    pub pages: u16,
    /// Members in the order of their ring keys.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_MEMBERS>")]
    pub members: Vec<Member>,
    /// On page 0: the hashes of the latest views before this one, oldest first.
    #[serde(deserialize_with = "limit::at_most::<_, _, VIEW_ANCESTORS>")]
    pub ancestors: Vec<ViewHash>,
    /// On page 0: the latest departures, oldest first.
    #[serde(deserialize_with = "limit::at_most::<_, _, VIEW_DEPARTURES>")]
    pub departed: Vec<Departed>,
    /// In a merge: the names of former members whose messages are still kept.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "limit::at_most::<_, _, PAGE_FORMER>"
    )]
    pub former: Vec<Renamed>,
}

/// Returns the bytes that the coordinator of a ring signs for a view: its tag, whose hash covers everything else.
pub fn view_to_sign(ring: RingId, tag: &ViewTag) -> Vec<u8> {
    encode_any(&("ringtalk view", ring, tag))
}

/// The id, addresses and epoch of a coordinator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Contact {
    /// The coordinator's id.
    pub id: NodeId,
    /// The addresses at which it can be dialled.
    pub addresses: Addresses,
    /// Its term of office.
    pub epoch: Epoch,
}
