//! The exit status of the process.
//!
//! Not here: which status a node ends with, and why (`driver`).

use std::process::ExitCode;

/// The exit statuses of `wire/CONTRACT.md`, except those that the command line gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Status {
    /// The node left as asked.
    Left = 0,
    /// A failure that has no status of its own.
    Failed = 1,
    /// No director or member could be reached in time.
    Unreachable = 3,
    /// The node was refused.
    Refused = 4,
    /// Some messages could not be handed to anyone in time.
    Unhanded = 5,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}
