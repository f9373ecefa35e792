//! The environment variables that make the suite longer or shorter.

use std::time::Duration;

/// `RINGTALK_SOAK_SECONDS`: how long three authors talk; 60 in the full show.
pub fn soak() -> Duration {
    Duration::from_secs(number("RINGTALK_SOAK_SECONDS", 10))
}

/// `RINGTALK_FOUNDERS_ROUNDS`: how often two first nodes start at once; 100 in the full show.
pub fn founders_rounds() -> u64 {
    number("RINGTALK_FOUNDERS_ROUNDS", 10)
}

/// `RINGTALK_FREEZE_SECONDS`: how long the coordinator is frozen.
pub fn coordinator_freeze() -> Duration {
    Duration::from_secs(number("RINGTALK_FREEZE_SECONDS", 20))
}

/// `RINGTALK_PARTITION_SECONDS`: how long a network stays cut in two; 600 in the full show.
pub fn partition() -> Duration {
    Duration::from_secs(number("RINGTALK_PARTITION_SECONDS", 6))
}

/// `RINGTALK_FLOOD_CONNECTIONS`: how many connect and say nothing; 10,000 in the full show.
///
/// # Panics
///
/// Where that is more than this machine can count.
pub fn flood() -> usize {
    usize::try_from(number("RINGTALK_FLOOD_CONNECTIONS", 2_000)).expect("so many fit")
}

/// `RINGTALK_NAT_FOUNDERS`: how many of the five homes behind address translation found the discussion in turn; 5 in the
/// full show. The first is the least reachable.
///
/// # Panics
///
/// Where that is more than this machine can count.
pub fn nat_founders() -> usize {
    usize::try_from(number("RINGTALK_NAT_FOUNDERS", 2)).expect("so many fit")
}

/// How long the full show of an attack lasts.
pub const FULL_ATTACK: Duration = Duration::from_secs(20);

/// `RINGTALK_ATTACK_SECONDS`: how long a stranger says what nobody should hear; 60 in the full show.
pub fn attack() -> Duration {
    Duration::from_secs(number("RINGTALK_ATTACK_SECONDS", 3))
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {value}")),
        Err(_) => default,
    }
}
