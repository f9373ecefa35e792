//! Admission: a newcomer's name, unique without regard to case, and its network.
//!
//! `PROTOCOL.md` §5.1 and §5.4. Not here: a newcomer's place in the ring (`View::place_in`).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use ringtalk_wire::limit::NAME_CHARS;
use ringtalk_wire::{Join, NetworkId, NodeId};

use crate::View;

/// The name that a member gets when it wishes for `wish`: that one, or with the lowest free suffix
/// from 2 where somebody else has it. Names are 1 to 32 characters without control characters.
pub(crate) fn unique_name(view: &View, wish: &str, wisher: &NodeId) -> String {
    let others = view.members().filter(|member| member.id != *wisher);
    let taken: Vec<String> = others.map(|member| member.name.to_lowercase()).collect();
    free_name(wish, &taken)
}

/// The network of a newcomer that comes from that host, or from none where somebody relays it: as it says, unless the host
/// is none of its own, since something in between gives it another. (A public address may be that of what is in between.)
pub(crate) fn seen_network(join: &Join, host: Option<IpAddr>) -> NetworkId {
    let own = [&join.addresses.internal].into_iter();
    let own = own.chain(&join.addresses.others);
    let own = own.map(|address| address.parse::<SocketAddr>());
    let mut hosts = own.flatten().map(|address| address.ip());
    match host {
        Some(host) if !hosts.any(|one| one == host) => join.network.behind(host),
        _ => join.network,
    }
}

/// The name that is wished for, or with the lowest suffix from 2 with which it is not among those
/// taken, which are in lower case.
pub(crate) fn free_name(wish: &str, taken: &[String]) -> String {
    let base = presentable(wish);
    let mut name = base.clone();
    let mut suffix = 1;
    while taken.contains(&name.to_lowercase()) {
        suffix += 1;
        let ending = format!("-{suffix}");
        let room = NAME_CHARS - ending.len();
        name = base.chars().take(room).chain(ending.chars()).collect();
    }
    name
}

fn presentable(wish: &str) -> String {
    let visible = wish.chars().filter(|character| !character.is_control());
    let name: String = visible.take(NAME_CHARS).collect();
    match name.trim() {
        "" => "nobody".to_string(),
        name => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::{Addresses, Member, RingKey};

    use super::*;
    use crate::view::Change;
    use crate::view::test_support::unsealed;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn view(names: &[&str]) -> View {
        let member = |index: usize| Member {
            id: id(index as u8),
            name: names[index].to_string(),
            addresses: Addresses::default(),
            seniority: index as u64,
            key: RingKey(index as u128),
            network: NetworkId::default(),
        };
        let view = View::founding(member(0), 1, unsealed);
        let change = Change {
            opening: None,
            joined: (1..names.len()).map(member).collect(),
            departed: Vec::new(),
            renamed: Vec::new(),
        };
        let (_, view) = view.next(change, unsealed).unwrap();
        view
    }

    #[test]
    fn who_comes_from_elsewhere_is_behind_something() {
        let home = NetworkId::of([192, 168, 1, 7].into(), 24);
        let join = Join {
            name: String::new(),
            addresses: Addresses {
                others: Vec::from(["10.0.0.7:4000".to_string()]),
                ..Addresses::at("192.168.1.7:4000")
            },
            network: home,
            tag: None,
        };
        for known in [[192, 168, 1, 7], [10, 0, 0, 7]] {
            assert_eq!(seen_network(&join, Some(known.into())), home);
        }
        let outside = [203, 0, 113, 1].into();
        assert_eq!(seen_network(&join, Some(outside)), home.behind(outside));
        assert_eq!(seen_network(&join, None), home);
    }

    #[test]
    fn a_second_ann_is_ann_2_whatever_the_case() {
        let view = view(&["ann", "ann-2"]);
        assert_eq!(unique_name(&view, "bob", &id(9)), "bob");
        assert_eq!(unique_name(&view, "Ann", &id(9)), "Ann-3");
        assert_eq!(unique_name(&view, "ANN", &id(0)), "ANN", "one's own name");
    }

    #[test]
    fn a_suffix_keeps_a_name_within_its_length() {
        let long = "a".repeat(NAME_CHARS);
        let view = view(&[&long]);
        let name = unique_name(&view, &long, &id(9));
        assert_eq!(name.chars().count(), NAME_CHARS);
        assert!(name.ends_with("a-2"));
    }

    #[test]
    fn a_name_is_made_presentable() {
        let view = view(&["ann"]);
        assert_eq!(unique_name(&view, " \u{1b}[31mred ", &id(9)), "[31mred");
        assert_eq!(unique_name(&view, "\n", &id(9)), "nobody");
    }
}
