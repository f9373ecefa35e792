//! Admission: a newcomer's name, which nobody can mistake for another member's, and its network.
//!
//! `PROTOCOL.md` §5.1 and §5.4. Not here: the comparison of names (`names`), and a newcomer's place in the ring
//! (`View::free_key_in`).

use alloc::format;
use alloc::string::{String, ToString};
use core::iter;
use core::net::{IpAddr, SocketAddr};

use ringtalk_wire::limit::NAME_CHARS;
use ringtalk_wire::{Join, NetworkId, name};

use crate::machines::names::is_blank;

/// The name of a node whose wish has neither a letter nor a digit.
const UNNAMED: &str = "anonymous";

/// Returns the name that a node gets for its `wish`: the first of its [`names_for`] that is not taken.
pub(crate) fn unique_name(wish: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut names = names_for(wish);
    let free = names.find(|name| !is_taken(name));
    free.expect("there are more numbers than members")
}

/// Returns the names that a node may get for its `wish`, best first: the wish as a name, then with suffixes from 2
/// on.
pub(crate) fn names_for(wish: &str) -> impl Iterator<Item = String> {
    let base = presentable(wish);
    let plain = iter::once(base.clone());
    let suffixed = (2_u64..).map(move |suffix| {
        let ending = format!("-{suffix}");
        let room = NAME_CHARS - ending.len();
        base.chars().take(room).chain(ending.chars()).collect()
    });
    plain.chain(suffixed)
}

/// Turns a wish into a grammatical name, which may still be taken or reserved.
pub(crate) fn presentable(wish: &str) -> String {
    let name = name::from_wish(wish).filter(|name| !is_blank(name));
    name.unwrap_or_else(|| UNNAMED.to_string())
}

/// Returns the network of a newcomer whose link comes from `host` (`None` if the link is a circuit). It is the
/// network that the newcomer claims, unless `host` is none of its own addresses: then something in between gives it
/// another one. The public address does not count as its own: it may be that of whatever is in between.
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

    use ringtalk_wire::{Addresses, NodeId};

    use super::*;
    use crate::machines::names::Names;

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
    fn a_newcomer_from_an_unlisted_host_is_on_another_network() {
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
    fn every_lookalike_of_ann_becomes_ann_2() {
        let names = taken(&["ann", "ann-2"]);
        let given = |wish: &str| unique_name(wish, |name| names.clash(name, |_| false));
        assert_eq!(given("bob"), "bob");
        assert_eq!(given("Ann"), "Ann-3");
        assert_eq!(given("a n.n"), "a-n.n-3");
        assert_eq!(given("\u{430}nn"), "\u{430}nn-3");
        assert_eq!(given("ann-\u{ff12}"), "ann-\u{ff12}-2");
        let own = unique_name("ANN", |name| names.clash(name, |holder| *holder == id(0)));
        assert_eq!(own, "ANN", "one's own name");
    }

    #[test]
    fn a_suffix_keeps_a_name_within_its_length() {
        let long = "a".repeat(NAME_CHARS);
        let names = taken(&[&long]);
        let name = unique_name(&long, |name| names.clash(name, |_| false));
        assert_eq!(name.chars().count(), NAME_CHARS);
        assert!(name.ends_with("a-2"));
    }

    #[test]
    fn every_wish_leads_to_a_name() {
        let names = taken(&[]);
        for wish in [
            "",
            "\n",
            "\u{200b}\u{3164}",
            "🎉",
            "bob: I agree",
            "me",
            "a11",
            "\u{660}",
            "\u{640}",
        ] {
            let name = unique_name(wish, |name| names.clash(name, |_| false));
            assert!(name::is_name(&name), "{wish:?} became {name:?}");
        }
        assert_eq!(presentable("🎉"), UNNAMED);
        assert_eq!(presentable(" \u{1b}[31mred "), "31mred");
    }
}
