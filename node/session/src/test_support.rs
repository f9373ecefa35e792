//! A node and a message, for tests.

use ringtalk_wire::{MessageId, NodeId};

use crate::{DiscussionId, Event, Invite, Me, Message, ProgramName};

/// Returns this node.
pub(crate) fn me() -> Me {
    Me {
        program: ProgramName::default(),
        id: NodeId::from_bytes([2; 16]),
        requested_name: "bob".to_owned(),
        address: "10.0.0.2:4000".to_owned(),
        discussion: DiscussionId::from(*NodeId::from_bytes([0; 16]).as_uuid()),
        invite: Invite::from("ringtalk://10.0.0.1:8080/".to_owned()),
        open_at: None,
        is_founder: false,
    }
}

/// Returns a message of another member.
pub(crate) fn message(seq: u64) -> Event {
    Event::Message(Message {
        room: me().lobby(),
        id: MessageId {
            author: NodeId::from_bytes([1; 16]),
            seq,
        },
        name: "ann".into(),
        timestamp_ms: 0,
        arrived_ms: 0,
        text: "hello".into(),
        lamport: seq,
        heads: None,
        history: false,
    })
}
