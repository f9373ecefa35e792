//! What a process says with the number that it ends with.
//!
//! Not here: what ends a node, and with which of them (`driver`).

use std::process::ExitCode;

/// The exit statuses of `contract.md`, but for those of the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Status {
    /// Left as asked.
    Left = 0,
    /// A failure that has no status of its own.
    Failed = 1,
    /// No director or member could be reached in time.
    Unreachable = 3,
    /// The way in was refused.
    Refused = 4,
    /// Something could not be handed to anybody in time.
    Unhanded = 5,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}
