//! JSON for programs: events and answers out, commands in, as `wire/CONTRACT.md` lists them.
//!
//! Not here: the meaning of events and commands (`event`, `command`), and the transport of the lines (the faces).

mod commands;
#[cfg(test)]
mod contract;
mod events;
mod parts;
mod rooms;

pub use commands::{COMMAND_BYTES, TaggedCommand, line_too_long, parse_command};
pub use events::{moment, write_answer, write_event, write_failure, write_help, write_withheld};
