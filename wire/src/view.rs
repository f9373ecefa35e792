//! Members and views: who takes part, and where each stands in the ring.
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
use crate::{Epoch, NetworkId, NodeId, Opening, RingKey, Seal, ViewHash, ViewTag};

/// Where a node can be dialled, each as `host:port`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Addresses {
    /// The address that the node's own network uses.
    #[serde(deserialize_with = "limit::short_text::<_, ADDRESS_BYTES>")]
    pub internal: String,
    /// The address that other networks use; empty where there is none.
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
    /// One address only.
    pub fn at(internal: impl Into<String>) -> Self {
        Self {
            internal: internal.into(),
            ..Self::default()
        }
    }

    /// All of them, in the order in which they are worth a try.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let main = [&self.internal, &self.public];
        let all = main.into_iter().chain(&self.others).map(String::as_str);
        all.filter(|address| !address.is_empty())
    }

    /// True where the node is on several networks, or says where all of them reach it.
    pub fn are_manifold(&self) -> bool {
        self.all().nth(1).is_some()
    }

    /// The one address to show: the public one where there is one.
    pub fn shown(&self) -> &str {
        if self.public.is_empty() {
            &self.internal
        } else {
            &self.public
        }
    }
}

/// One participant, as the coordinator admitted it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: NodeId,
    /// Its name: none in the view could be taken for another.
    #[serde(deserialize_with = "limit::short_text::<_, NAME_BYTES>")]
    pub name: String,
    /// Where it can be dialled.
    pub addresses: Addresses,
    /// The order of admission: the lowest is the most senior.
    #[serde(deserialize_with = "limit::counter")]
    pub seniority: u64,
    /// Its place in the ring.
    pub key: RingKey,
    /// The network that it is on, as its coordinator saw it.
    pub network: NetworkId,
}

/// How a member went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Departure {
    /// It said goodbye.
    Left,
    /// It was found dead.
    Failed,
}

/// A member that is no longer one, and how it went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Departed {
    /// Who went.
    pub id: NodeId,
    /// How.
    pub how: Departure,
}

/// A member's new name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Renamed {
    /// Whose.
    pub id: NodeId,
    /// The name from now on.
    #[serde(deserialize_with = "limit::short_text::<_, NAME_BYTES>")]
    pub name: String,
}

/// What changed from one view to the next: `PROTOCOL.md` §5.2.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ViewUpdate {
    /// The tag of the new view.
    pub tag: ViewTag,
    /// The hash of the view that this one follows.
    pub parent: ViewHash,
    /// The coordinator's signature under the tag.
    pub seal: Seal,
    /// How its epoch began, where that is new.
    pub opening: Option<Opening>,
    /// Counts changes of ring keys.
    #[serde(deserialize_with = "limit::counter")]
    pub layout: u64,
    /// Who came.
    #[serde(deserialize_with = "limit::at_most::<_, _, UPDATE_CHANGES>")]
    pub joined: Vec<Member>,
    /// Who went.
    #[serde(deserialize_with = "limit::at_most::<_, _, UPDATE_CHANGES>")]
    pub departed: Vec<Departed>,
    /// Who has another name.
    #[serde(deserialize_with = "limit::at_most::<_, _, UPDATE_CHANGES>")]
    pub renamed: Vec<Renamed>,
}

/// A part of a full view: `PROTOCOL.md` §5.3.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ViewPage {
    /// The tag of the whole view.
    pub tag: ViewTag,
    /// The hash of the view before it.
    pub parent: ViewHash,
    /// The coordinator's signature under the tag.
    pub seal: Seal,
    /// How its epoch began, and the last ones before it, oldest first.
    #[serde(deserialize_with = "limit::at_most::<_, _, VIEW_OPENINGS>")]
    pub openings: Vec<Opening>,
    /// Counts changes of ring keys.
    #[serde(deserialize_with = "limit::counter")]
    pub layout: u64,
    /// This page's number, from 0.
    pub page: u16,
    /// How many pages the view has.
    pub pages: u16,
    /// Members in the order of their keys.
    #[serde(deserialize_with = "limit::at_most::<_, _, PAGE_MEMBERS>")]
    pub members: Vec<Member>,
    /// On page 0: the hashes of the last views before this one, oldest first.
    #[serde(deserialize_with = "limit::at_most::<_, _, VIEW_ANCESTORS>")]
    pub ancestors: Vec<ViewHash>,
    /// On page 0: the last departures, oldest first.
    #[serde(deserialize_with = "limit::at_most::<_, _, VIEW_DEPARTURES>")]
    pub departed: Vec<Departed>,
    /// In a merge: the names of former members whose words are still kept.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "limit::at_most::<_, _, PAGE_FORMER>"
    )]
    pub former: Vec<Renamed>,
}

/// What the coordinator signs under a view: its tag, whose hash stands for everything else.
pub fn view_to_sign(tag: &ViewTag) -> Vec<u8> {
    encode_any(&("ringtalk view", tag))
}

/// Where a coordinator can be found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Contact {
    /// The coordinator's id.
    pub id: NodeId,
    /// Where to dial it.
    pub addresses: Addresses,
    /// Its reign.
    pub epoch: Epoch,
}
