//! The router's rules, in the language of `nft`.

use std::net::Ipv4Addr;

/// How the router blocks a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockMode {
    /// It drops the packet silently, as a pulled cable does.
    Drop,
    /// It answers with a reset in the name of the other end, as firewalls do.
    Reset,
}

/// Returns one transaction that replaces all rules.
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

/// Returns the rule that blocks what `from` sends to `to`.
pub(super) fn block(from: &[Ipv4Addr], to: &[Ipv4Addr], mode: BlockMode) -> String {
    let verdict = match mode {
        BlockMode::Drop => "drop",
        BlockMode::Reset => "meta l4proto tcp reject with tcp reset",
    };
    format!("ip saddr {} ip daddr {} {verdict}", set(from), set(to))
}

/// Returns the rule that blocks new connections to `hosts`; they may still dial others.
pub(super) fn close(hosts: &[Ipv4Addr]) -> String {
    format!("ip daddr {} ct state new drop", set(hosts))
}

/// Returns the rule that drops this percentage of packets.
pub(super) fn drop_packets(percent: u8) -> String {
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
            block(&[a, b], &[c], BlockMode::Drop),
            "ip saddr { 10.0.0.1, 10.0.0.2 } ip daddr { 10.0.0.3 } drop"
        );
        assert!(block(&[a], &[c], BlockMode::Reset).ends_with("tcp reset"));
    }
}
