//! The details of one member, in words.
//!
//! Not here: their position (`screen`).

use ringtalk_session::text::escape_line;
use ringtalk_wire::NodeId;

use super::circle::per_second;
use crate::live::picture::Picture;
use crate::ring::{MemberState, Ring, RingMember};

/// Describes a member; `None` if it is gone.
pub(super) fn describe(picture: &Picture, id: &NodeId) -> Option<String> {
    let (ring, member) = picture.member(id)?;
    let mut parts = vec![escape_line(&member.entry.name)];
    parts.extend(
        ring.is_coordinator(member)
            .then(|| "coordinator".to_owned()),
    );
    parts.extend(describe_state(ring, member));
    parts.push(escape_line(member.entry.addresses.shown()));
    parts.push(format!("seniority {}", member.entry.seniority));
    if member.report.is_some() {
        let neighbour = |id: Option<NodeId>| match id {
            Some(id) => with_rate(ring, member, &id),
            None => "none".to_owned(),
        };
        parts.push(format!("after {}", neighbour(member.predecessor())));
        parts.push(format!("before {}", neighbour(member.successor())));
    }
    for (what, ids) in [
        ("fingers", member.fingers()),
        ("suspects", member.suspects()),
    ] {
        let names: Vec<String> = ids.iter().map(|id| with_rate(ring, member, id)).collect();
        if !names.is_empty() {
            parts.push(format!("{what}: {}", names.join(", ")));
        }
    }
    Some(parts.join(" · "))
}

fn describe_state(ring: &Ring, member: &RingMember) -> Option<String> {
    match ring.state(member) {
        MemberState::Fine => None,
        MemberState::Elsewhere => Some("follows another view".to_owned()),
        MemberState::Silent => Some("does not answer".to_owned()),
        MemberState::Suspected => {
            let by = ring.suspecters_of(&member.entry.id);
            let names: Vec<String> = by.map(|by| escape_line(&by.entry.name)).collect();
            Some(format!("suspected by {}", names.join(", ")))
        }
    }
}

/// Returns the name of a member, and the messages per second that come from it.
fn with_rate(ring: &Ring, member: &RingMember, id: &NodeId) -> String {
    let name = match ring.position(id) {
        Some(at) => escape_line(&ring.members[at].entry.name),
        None => "unknown".to_owned(),
    };
    match member.rates.get(id).and_then(|rate| per_second(*rate)) {
        Some(rate) => format!("{name} ({rate}/s)"),
        None => name,
    }
}
