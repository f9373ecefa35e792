//! The environment variables that make the suite longer or shorter.

use std::time::Duration;

/// `RINGTALK_SOAK_SECONDS`: how long three authors talk; 60 in the full run.
pub fn soak_time() -> Duration {
    Duration::from_secs(read_number("RINGTALK_SOAK_SECONDS", 10))
}

/// `RINGTALK_FOUNDERS_ROUNDS`: how often two first nodes start at once; 100 in the full run.
pub fn founders_rounds() -> u64 {
    read_number("RINGTALK_FOUNDERS_ROUNDS", 10)
}

/// `RINGTALK_FREEZE_SECONDS`: how long the coordinator is frozen.
pub fn freeze_time() -> Duration {
    Duration::from_secs(read_number("RINGTALK_FREEZE_SECONDS", 20))
}

/// `RINGTALK_SLOW_TEXTS`: how many texts of 16,000 bytes a member behind 64 kbit/s says at once; 8 in the full run.
pub fn slow_texts() -> u64 {
    read_number("RINGTALK_SLOW_TEXTS", 2)
}

/// `RINGTALK_MARK_FREEZES`: how often a member is frozen for 3 to 30 s while another one speaks; 50 in the full run.
pub fn mark_freezes() -> u64 {
    read_number("RINGTALK_MARK_FREEZES", 2)
}

/// `RINGTALK_PARTITION_SECONDS`: how long a network stays partitioned; 600 in the full run.
pub fn partition_time() -> Duration {
    Duration::from_secs(read_number("RINGTALK_PARTITION_SECONDS", 6))
}

/// `RINGTALK_FLOOD_CONNECTIONS`: how many silent connections a flood has; 10,000 in the full run.
///
/// # Panics
///
/// If the value does not fit in a `usize`.
pub fn flood_connections() -> usize {
    usize::try_from(read_number("RINGTALK_FLOOD_CONNECTIONS", 2_000)).expect("so many fit")
}

/// `RINGTALK_NAT_FOUNDERS`: how many of the five nodes of `compose.nat.yaml` found the discussion, in turn; 5 in
/// the full run. Only the first, pat, can be dialled from everywhere.
///
/// # Panics
///
/// If the value does not fit in a `usize`.
pub fn nat_founders() -> usize {
    usize::try_from(read_number("RINGTALK_NAT_FOUNDERS", 2)).expect("so many fit")
}

/// The duration of an attack in the full run, at least.
pub const FULL_ATTACK: Duration = Duration::from_secs(20);

/// `RINGTALK_ATTACK_SECONDS`: how long an attack lasts; 60 in the full run.
pub fn attack_time() -> Duration {
    Duration::from_secs(read_number("RINGTALK_ATTACK_SECONDS", 3))
}

fn read_number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {value}")),
        Err(_) => default,
    }
}
