//! A schedule: what goes wrong in a run, and when. Random faults leave one behind, a TOML file holds one, and the
//! shrinker takes faults out of one. Not here: how an action is carried out (`world/inject`).

use core::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::network::HostIndex;

/// Everything that is done to a ring from outside.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Schedule {
    /// The seed of everything else, if the command line names none.
    #[serde(default)]
    pub seed: u64,
    /// How many nodes start, one soon after another.
    pub nodes: u64,
    /// How long each user is silent on average, in seconds.
    #[serde(with = "seconds")]
    pub pace: Duration,
    /// How long faults last, in seconds; then everything heals.
    #[serde(with = "seconds")]
    pub lasts: Duration,
    /// How many messages a node keeps for latecomers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<usize>,
    /// Whether faults are few. Then only nodes that a fault names are found dead (a short pause is no reason),
    /// nobody opens an epoch beside another, and at rest the most senior member coordinates.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub calm: bool,
    /// The faults, in the order of time.
    #[serde(default, rename = "fault")]
    pub faults: Vec<Fault>,
}

/// An action, and its time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// The time in seconds after everybody joined.
    #[serde(with = "seconds")]
    pub at: Duration,
    /// The action.
    #[serde(flatten)]
    pub action: Action,
}

/// Something that is done to a ring from outside.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// A process dies; its host closes its connections.
    Kill {
        /// The process.
        node: Target,
    },
    /// A host loses power: nobody answers, and nothing is closed.
    Vanish {
        /// The host's process.
        node: Target,
    },
    /// A process dies, and another starts at its address after a while.
    Restart {
        /// The process.
        node: Target,
        /// The seconds until the other one starts.
        #[serde(with = "seconds")]
        after: Duration,
    },
    /// A user sends something, and the process dies right after its node accepted it.
    LastWords {
        /// The process.
        node: Target,
        /// The seconds until it dies.
        #[serde(with = "seconds")]
        after: Duration,
    },
    /// A process is paused, and resumes.
    Pause {
        /// The process.
        node: Target,
        /// The seconds until it resumes.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
    /// A link between two nodes breaks, if there is one.
    Reset {
        /// One end.
        node: Target,
        /// The other end.
        other: Target,
    },
    /// A user leaves properly.
    Leave {
        /// The user's process.
        node: Target,
    },
    /// A new node starts.
    Start,
    /// A user sends several lines at once.
    Paste {
        /// The user's process.
        node: Target,
        /// The number of lines.
        lines: u64,
    },
    /// A user creates a room.
    CreateRoom {
        /// The user's process.
        node: Target,
        /// The number by which later actions name the room.
        room: u64,
    },
    /// A user joins a room.
    JoinRoom {
        /// The user's process.
        node: Target,
        /// The room's number.
        room: u64,
    },
    /// A user leaves a room.
    LeaveRoom {
        /// The user's process.
        node: Target,
        /// The room's number.
        room: u64,
    },
    /// A user sends several lines at once in a room.
    PasteInRoom {
        /// The user's process.
        node: Target,
        /// The room's number.
        room: u64,
        /// The number of lines.
        lines: u64,
    },
    /// The director dies, and comes back without its state.
    Director {
        /// The seconds until it comes back.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
    /// Frames have another latency from now on.
    Latency {
        /// The shortest latency.
        #[serde(with = "seconds")]
        low: Duration,
        /// The longest latency.
        #[serde(with = "seconds")]
        high: Duration,
    },
    /// Frames are lost everywhere, and sent again.
    Loss {
        /// How many of 100 frames are lost.
        percent: u64,
        /// The seconds until no frame is lost any more.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
    /// No frame passes from one node to another; the other direction is open.
    Cut {
        /// The node that cannot send.
        node: Target,
        /// The node that receives nothing from it.
        other: Target,
        /// The seconds until the cut ends.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
    /// Links between two nodes are slow.
    Slow {
        /// One end.
        node: Target,
        /// The other end.
        other: Target,
        /// How many bytes pass in a millisecond.
        bytes_per_ms: u64,
        /// The seconds until the links are fast again.
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
        /// The seconds until the partition ends.
        #[serde(rename = "for", with = "seconds")]
        time: Duration,
    },
}

/// A node, by its number in the order of starting, or by its role at that time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    /// The node of this number.
    Node(HostIndex),
    /// The node of this role.
    Role(Role),
}

/// The roles of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The coordinator.
    Coordinator,
    /// The successor of the coordinator on the ring.
    Successor,
    /// The predecessor of the coordinator on the ring.
    Predecessor,
    /// The most senior member after the coordinator.
    Deputy,
    /// The most senior member after the deputy.
    Second,
    /// The most junior member.
    Junior,
}

impl Action {
    /// Returns the kind of the fault, under which it is counted.
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
            Self::CreateRoom { .. } => "create room",
            Self::JoinRoom { .. } => "join room",
            Self::LeaveRoom { .. } => "leave room",
            Self::PasteInRoom { .. } => "paste in room",
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
    /// Reads a schedule from the text of a file.
    pub fn from_toml(text: &str) -> Result<Self> {
        let mut schedule: Self = toml::from_str(text).context("not a valid scenario file")?;
        schedule.faults.sort_by_key(|fault| fault.at);
        Ok(schedule)
    }

    /// Writes the schedule as `from_toml` reads it.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# not writable: {error}\n"))
    }
}

/// A span of time as a number of seconds, to the microsecond.
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
        // To the nearest microsecond, so that a written span is read as the same one.
        Ok(Duration::from_micros(
            ((span + Duration::from_nanos(500)).as_nanos() / 1_000) as u64,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_survives_a_round_trip_through_toml() {
        let micros = Duration::from_micros;
        let fault = |at, action| Fault {
            at: micros(at),
            action,
        };
        let node = Target::Node(0);
        let schedule = Schedule {
            seed: 7,
            nodes: 5,
            pace: micros(300_000),
            lasts: micros(20_000_001),
            history: Some(50),
            calm: true,
            faults: vec![
                fault(1, Action::Start),
                fault(2, Action::CreateRoom { node, room: 1 }),
                fault(3, Action::JoinRoom { node, room: 1 }),
                fault(
                    1_234_567,
                    Action::Pause {
                        node: Target::Role(Role::Coordinator),
                        time: micros(900_001),
                    },
                ),
                fault(
                    2_000_000,
                    Action::Partition {
                        groups: vec![0, 0, 1],
                        director: None,
                        time: micros(5),
                    },
                ),
                fault(
                    2_000_001,
                    Action::Reset {
                        node: Target::Node(3),
                        other: Target::Node(4),
                    },
                ),
            ],
        };
        let text = schedule.to_toml();
        assert_eq!(Schedule::from_toml(&text).unwrap(), schedule, "{text}");
    }

    #[test]
    fn an_invalid_schedule_is_refused() {
        for text in [
            "",
            "nodes = 3\npace = 1.0\nlasts = -1.0\n",
            "nodes = 3\npace = 1.0\nlasts = 1.0\n[[fault]]\nat = 1.0\ndo = 'dance'\n",
        ] {
            assert!(Schedule::from_toml(text).is_err(), "{text}");
        }
    }
}
