//! What is known of one member, in words.
//!
//! Not here: where it is shown (`screen`).

use ringtalk_session::text::harmless;
use ringtalk_wire::NodeId;

use super::circle::per_second;
use crate::live::picture::Picture;
use crate::ring::{Place, Ring, Standing};

/// The words; nothing where the member is gone.
pub(super) fn details(picture: &Picture, id: &NodeId) -> Option<String> {
    let (ring, place) = picture.find(id)?;
    let mut parts = vec![harmless(&place.member.name)];
    parts.extend(ring.coordinates(place).then(|| "coordinates".to_owned()));
    parts.extend(standing(ring, place));
    parts.push(harmless(place.member.addresses.shown()));
    parts.push(format!("seniority {}", place.member.seniority));
    if place.report.is_some() {
        let neighbour = |id: Option<NodeId>| match id {
            Some(id) => with_rate(ring, place, &id),
            None => "nobody".to_owned(),
        };
        parts.push(format!("after {}", neighbour(place.predecessor())));
        parts.push(format!("before {}", neighbour(place.successor())));
    }
    for (what, ids) in [("fingers", place.fingers()), ("suspects", place.suspects())] {
        let names: Vec<String> = ids.iter().map(|id| with_rate(ring, place, id)).collect();
        if !names.is_empty() {
            parts.push(format!("{what}: {}", names.join(", ")));
        }
    }
    Some(parts.join(" · "))
}

fn standing(ring: &Ring, place: &Place) -> Option<String> {
    match ring.standing(place) {
        Standing::Fine => None,
        Standing::Elsewhere => Some("follows another view".to_owned()),
        Standing::Silent => Some("does not answer".to_owned()),
        Standing::Suspected => {
            let by = ring.suspecting(&place.member.id);
            let names: Vec<String> = by.map(|by| harmless(&by.member.name)).collect();
            Some(format!("suspected by {}", names.join(", ")))
        }
    }
}

/// A name, and how many messages a second come from there.
fn with_rate(ring: &Ring, place: &Place, id: &NodeId) -> String {
    let name = match ring.position(id) {
        Some(at) => harmless(&ring.places[at].member.name),
        None => "somebody".to_owned(),
    };
    match place.rates.get(id).and_then(|rate| per_second(*rate)) {
        Some(rate) => format!("{name} ({rate}/s)"),
        None => name,
    }
}
