//! The parts of JSON lines that several events have.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{Member, MessageId, NodeId, Person, VectorClock};

/// A direct causal dependency.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonHead {
    node_id: NodeId,
    seq: u64,
}

impl From<&MessageId> for JsonHead {
    fn from(message: &MessageId) -> Self {
        Self {
            node_id: message.author,
            seq: message.seq,
        }
    }
}

/// A vector clock, written as an object.
#[derive(Debug)]
pub(super) struct JsonClock<'a>(pub(super) &'a VectorClock);

impl Serialize for JsonClock<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for entry in self.0.iter() {
            map.serialize_entry(&entry.author, &entry.seq)?;
        }
        map.end()
    }
}

/// A member in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonMember<'a> {
    node_id: NodeId,
    name: &'a str,
    address: &'a str,
    seniority: u64,
}

impl<'a> From<&'a Member> for JsonMember<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            node_id: member.id,
            name: &member.name,
            address: member.addresses.shown(),
            seniority: member.seniority,
        }
    }
}

/// A member that joined, left or failed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonPerson<'a> {
    pub(super) node_id: NodeId,
    pub(super) name: &'a str,
}

impl<'a> From<&'a Person> for JsonPerson<'a> {
    fn from(person: &'a Person) -> Self {
        Self {
            node_id: person.id,
            name: &person.name,
        }
    }
}

impl<'a> From<&'a Member> for JsonPerson<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            node_id: member.id,
            name: &member.name,
        }
    }
}
