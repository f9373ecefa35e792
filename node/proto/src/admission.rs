//! Admission: a newcomer's name, which nobody could take for another member's, and its network.
//!
//! `PROTOCOL.md` §5.1 and §5.4. Not here: which names are like each other (`names`), and a newcomer's place in the
//! ring (`View::place_in`).

use alloc::format;
use alloc::string::{String, ToString};
use core::net::{IpAddr, SocketAddr};

use ringtalk_wire::limit::NAME_CHARS;
use ringtalk_wire::{Join, NetworkId, NodeId};

use crate::names::{Names, is_blank};

/// The name that somebody gets when it wishes for `wish`: that one, or with the lowest suffix from 2 with which it could not
/// be taken for somebody else's.
pub(crate) fn unique_name(names: &Names, wish: &str, wisher: &NodeId) -> String {
    let base = presentable(wish);
    let mut name = base.clone();
    let mut suffix = 1;
    while names.clash(&name, wisher) {
        suffix += 1;
        let ending = format!("-{suffix}");
        let room = NAME_CHARS - ending.len();
        name = base.chars().take(room).chain(ending.chars()).collect();
    }
    name
}

/// The wish as a name: 1 to 32 characters, something to be seen among them, and no control characters.
pub(crate) fn presentable(wish: &str) -> String {
    let harmless = wish.chars().filter(|character| !character.is_control());
    let name: String = harmless.take(NAME_CHARS).collect();
    match name.trim() {
        name if is_blank(name) => "nobody".to_string(),
        name => name.to_string(),
    }
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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use ringtalk_wire::Addresses;

    use super::*;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn taken(by: &[&str]) -> Names {
        let mut names = Names::default();
        for (number, name) in (0..).zip(by) {
            names.take(name, id(number));
        }
        names
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
    fn a_second_ann_is_ann_2_whatever_it_looks_like() {
        let names = taken(&["ann", "ann-2"]);
        let given = |wish: &str| unique_name(&names, wish, &id(9));
        assert_eq!(given("bob"), "bob");
        assert_eq!(given("Ann"), "Ann-3");
        assert_eq!(given("\u{430}nn"), "\u{430}nn-3");
        assert_eq!(given("ann-\u{ff12}"), "ann-\u{ff12}-2");
        let own = unique_name(&names, "ANN", &id(0));
        assert_eq!(own, "ANN", "one's own name");
    }

    #[test]
    fn a_suffix_keeps_a_name_within_its_length() {
        let long = "a".repeat(NAME_CHARS);
        let name = unique_name(&taken(&[&long]), &long, &id(9));
        assert_eq!(name.chars().count(), NAME_CHARS);
        assert!(name.ends_with("a-2"));
    }

    #[test]
    fn a_name_is_made_presentable() {
        assert_eq!(presentable(" \u{1b}[31mred "), "[31mred");
        for blank in ["\n", "", "\u{200b}\u{3164}"] {
            assert_eq!(presentable(blank), "nobody");
        }
    }
}
