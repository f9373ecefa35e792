//! The router's rules, as `nft` reads them.

use std::net::Ipv4Addr;

/// How a router does not let something pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It tells nobody, as a pulled cable does.
    Silence,
    /// It answers in the name of the other end that there is no such connection, as firewalls do.
    Reset,
}

/// All rules in one transaction, in place of those before.
pub(super) fn script(rules: &[String]) -> String {
    let mut lines = vec![
        "add table inet faults".to_owned(),
        "add chain inet faults forward { type filter hook forward priority 0; }".to_owned(),
        "flush chain inet faults forward".to_owned(),
    ];
    let added = rules
        .iter()
        .map(|rule| format!("add rule inet faults forward {rule}"));
    lines.extend(added);
    lines.join("\n") + "\n"
}

/// What `from` sends to `to` does not pass.
pub(super) fn block(from: &[Ipv4Addr], to: &[Ipv4Addr], refusal: Refusal) -> String {
    let verdict = match refusal {
        Refusal::Silence => "drop",
        Refusal::Reset => "meta l4proto tcp reject with tcp reset",
    };
    format!("ip saddr {} ip daddr {} {verdict}", set(from), set(to))
}

/// Nobody makes a connection to `hosts`; they may make some themselves.
pub(super) fn close(hosts: &[Ipv4Addr]) -> String {
    format!("ip daddr {} ct state new drop", set(hosts))
}

/// So many of a hundred packets do not pass.
pub(super) fn lose(percent: u8) -> String {
    format!("numgen random mod 100 < {percent} drop")
}

fn set(addresses: &[Ipv4Addr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).collect();
    format!("{{ {} }}", addresses.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_names_both_sides() {
        let [a, b, c] = [1, 2, 3].map(|last| Ipv4Addr::new(10, 0, 0, last));
        assert_eq!(
            block(&[a, b], &[c], Refusal::Silence),
            "ip saddr { 10.0.0.1, 10.0.0.2 } ip daddr { 10.0.0.3 } drop"
        );
        assert!(block(&[a], &[c], Refusal::Reset).ends_with("tcp reset"));
    }
}
