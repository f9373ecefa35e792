//! The ring as one JSON object, as `wire/CONTRACT.md` defines it.

use ringtalk_session::text::EscapingFormatter;
use ringtalk_wire::{Epoch, NetworkId, NodeId};
use serde::Serialize;
use serde_json::Serializer;

use crate::ring::{Ring, RingMember};

#[derive(Serialize)]
struct RingObject<'a> {
    epoch: Epoch,
    coordinator: NodeId,
    members: Vec<MemberObject<'a>>,
    closed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct MemberObject<'a> {
    node_id: NodeId,
    name: &'a str,
    address: &'a str,
    network: NetworkId,
    seniority: u64,
    predecessor: Option<NodeId>,
    successor: Option<NodeId>,
    fingers: &'a [NodeId],
    suspects: &'a [NodeId],
}

/// Returns the ring as one line of JSON, in which nothing can harm a terminal.
pub(crate) fn write(ring: &Ring) -> String {
    let object = RingObject {
        epoch: ring.epoch(),
        coordinator: ring.epoch().coordinator,
        members: ring.members.iter().map(MemberObject::of).collect(),
        closed: ring.is_closed(),
    };
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, EscapingFormatter);
    let written = object.serialize(&mut serializer);
    written.expect("memory takes whatever is written");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON of text is text")
}

impl<'a> MemberObject<'a> {
    fn of(member: &'a RingMember) -> Self {
        Self {
            node_id: member.entry.id,
            name: &member.entry.name,
            address: member.entry.addresses.shown(),
            network: member.entry.network,
            seniority: member.entry.seniority,
            predecessor: member.predecessor(),
            successor: member.successor(),
            fingers: member.fingers(),
            suspects: member.suspects(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::ring::tests::{id, ring};

    #[test]
    fn the_object_has_all_fields_of_the_contract() {
        let mut two = ring(&["ann", "b\u{202e}ob"]);
        two.members[1].report = None;
        let text = write(&two);
        assert!(
            !text.contains('\u{202e}') && text.ends_with("}\n"),
            "{text}"
        );
        let member = |number: u8, name: &str, neighbour: Value| {
            json!({
                "node-id": id(number), "name": name, "address": format!("10.0.0.{number}:4000"),
                "network": NetworkId::default(), "seniority": number, "predecessor": neighbour, "successor": neighbour,
                "fingers": [], "suspects": [],
            })
        };
        let expected = json!({
            "epoch": { "number": 1, "coordinator": id(0) },
            "coordinator": id(0),
            "members": [member(0, "ann", json!(id(1))), member(1, "b\u{202e}ob", Value::Null)],
            "closed": false,
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }
}
