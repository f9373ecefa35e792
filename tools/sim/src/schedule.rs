//! A schedule: what goes wrong in a run, and when. Random faults leave one behind, a TOML file holds
//! one, and the shrinker takes faults out of one. Not here: how a deed is done (`world/inject`).

use core::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::network::HostIndex;

/// Everything that is done to a ring from outside.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Schedule {
    /// The seed of everything else, where the command line names none.
    #[serde(default)]
    pub seed: u64,
    /// How many nodes start, one soon after another.
    pub nodes: u64,
    /// How long each user is silent on average, in seconds.
    #[serde(with = "seconds")]
    pub pace: Duration,
    /// How long faults last, in seconds; everything heals then.
    #[serde(with = "seconds")]
    pub lasts: Duration,
    /// How many messages a node keeps for latecomers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<usize>,
    /// Faults are few: nobody is found dead but whom a fault names (a short pause is no reason),
    /// nobody opens an epoch beside another, and at rest the most senior member coordinates.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub calm: bool,
    /// What goes wrong, in the order of time.
    #[serde(default, rename = "fault")]
    pub faults: Vec<Fault>,
}

/// Something that goes wrong.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// When, in seconds after everybody got in.
    #[serde(with = "seconds")]
    pub at: Duration,
    /// What.
    #[serde(flatten)]
    pub deed: Deed,
}

/// What is done.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Deed {
    /// A process dies; its host closes its connections.
    Kill {
        /// Which.
        node: Who,
    },
    /// A host loses power: nobody answers, and nothing is closed.
    Vanish {
        /// Which.
        node: Who,
    },
    /// A process dies, and another starts at its address after a while.
    Restart {
        /// Which.
        node: Who,
        /// After how many seconds.
        #[serde(with = "seconds")]
        after: Duration,
    },
    /// A user says something, and its process dies right after its node accepted it.
    LastWords {
        /// Which.
        node: Who,
        /// After how many seconds.
        #[serde(with = "seconds")]
        after: Duration,
    },
    /// A process is stopped, and goes on.
    Pause {
        /// Which.
        node: Who,
        /// For how many seconds.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
    /// A link between two nodes breaks, if there is one.
    Reset {
        /// One end.
        node: Who,
        /// The other.
        other: Who,
    },
    /// A user leaves properly.
    Leave {
        /// Which.
        node: Who,
    },
    /// A user comes.
    Start,
    /// A user says so many lines at once.
    Paste {
        /// Which.
        node: Who,
        /// How many.
        lines: u64,
    },
    /// The director dies, and comes back knowing nothing.
    Director {
        /// After how many seconds.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
    /// From now on frames take so long, at least and at most.
    Latency {
        /// At least.
        #[serde(with = "seconds")]
        low: Duration,
        /// At most.
        #[serde(with = "seconds")]
        high: Duration,
    },
    /// Frames are lost everywhere, and sent again.
    Loss {
        /// So many of 100.
        percent: u64,
        /// For how many seconds.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
    /// Nothing goes from one node to another; the other way is open.
    Cut {
        /// From here.
        node: Who,
        /// To there.
        other: Who,
        /// For how many seconds.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
    /// Links between two nodes are slow.
    Slow {
        /// One end.
        node: Who,
        /// The other.
        other: Who,
        /// How much passes in a millisecond.
        bytes_per_ms: u64,
        /// For how many seconds.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
    /// The network falls apart into groups.
    Partition {
        /// The group of each node, in the order of starting; later nodes are in group 0.
        groups: Vec<u8>,
        /// The group that reaches the director; without it, nobody does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        director: Option<u8>,
        /// For how many seconds.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
}

/// A node, by its number in the order of starting, or by what it is at that time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Who {
    /// By its number.
    Node(HostIndex),
    /// By what it is.
    Role(Role),
}

/// What a node can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It coordinates.
    Coordinator,
    /// It succeeds the coordinator in the ring.
    Successor,
    /// It precedes the coordinator in the ring.
    Predecessor,
    /// It is the most senior member after the coordinator.
    Deputy,
    /// It is the most senior member after the deputy.
    Second,
    /// It is the most junior member.
    Junior,
}

impl Deed {
    /// What kind of fault it is, for the account.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::Vanish { .. } => "vanish",
            Self::Restart { .. } => "restart",
            Self::LastWords { .. } => "last words",
            Self::Pause { .. } => "pause",
            Self::Reset { .. } => "reset",
            Self::Leave { .. } => "leave",
            Self::Start => "start",
            Self::Paste { .. } => "paste",
            Self::Director { .. } => "director",
            Self::Latency { .. } => "latency",
            Self::Loss { .. } => "loss",
            Self::Cut { .. } => "cut",
            Self::Slow { .. } => "slow",
            Self::Partition { .. } => "partition",
        }
    }
}

impl Schedule {
    /// Reads a schedule as it stands in a file.
    pub fn from_toml(text: &str) -> Result<Self> {
        let mut schedule: Self = toml::from_str(text).context("this is no scenario")?;
        schedule.faults.sort_by_key(|fault| fault.at);
        Ok(schedule)
    }

    /// Writes it as it is read.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# not writable: {error}\n"))
    }
}

/// A span as a number of seconds, to the microsecond.
mod seconds {
    use core::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        span: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(span.as_micros() as f64 / 1e6)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        let span = Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)?;
        // To the nearest microsecond: what was written as one must be read as the same.
        Ok(Duration::from_micros(
            ((span + Duration::from_nanos(500)).as_nanos() / 1_000) as u64,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_as_it_was_written() {
        let micros = Duration::from_micros;
        let fault = |at, deed| Fault {
            at: micros(at),
            deed,
        };
        let schedule = Schedule {
            seed: 7,
            nodes: 5,
            pace: micros(300_000),
            lasts: micros(20_000_001),
            history: Some(50),
            calm: true,
            faults: vec![
                fault(1, Deed::Start),
                fault(
                    1_234_567,
                    Deed::Pause {
                        node: Who::Role(Role::Coordinator),
                        time: micros(900_001),
                    },
                ),
                fault(
                    2_000_000,
                    Deed::Partition {
                        groups: vec![0, 0, 1],
                        director: None,
                        time: micros(5),
                    },
                ),
                fault(
                    2_000_001,
                    Deed::Reset {
                        node: Who::Node(3),
                        other: Who::Node(4),
                    },
                ),
            ],
        };
        let text = schedule.to_toml();
        assert_eq!(Schedule::from_toml(&text).unwrap(), schedule, "{text}");
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "nodes = 3\npace = 1.0\nlasts = -1.0\n",
            "nodes = 3\npace = 1.0\nlasts = 1.0\n[[fault]]\nat = 1.0\ndo = 'dance'\n",
        ] {
            assert!(Schedule::from_toml(text).is_err(), "{text}");
        }
    }
}
