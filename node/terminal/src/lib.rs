//! The faces of a Ringtalk node in a terminal: the full screen, plain lines, and JSON for programs.
//!
//! Each face is an outlet of a session (`ringtalk_session`): it shows the events, and passes on the user's input.
//! [`FaceKind`] selects the face, and [`prepare`] opens it. Other programs can use the parts: [`tty`] takes over the
//! terminal, and [`stdout`] and [`stderr`] write without waiting for the reader. Not here: the events, and the effect
//! of a command.

mod display_item;
mod face;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lines;
mod open;
mod overload;
mod report;
mod screen;
mod sentences;
pub mod stderr;
mod stdin;
pub mod stdout;
mod stdout_queue;
#[cfg(test)]
mod tests;
mod timestamp;
pub mod tty;

pub use open::{FaceKind, PreparedFace, TerminalInput, prepare, write_start_failure};
pub use stdin::{Mistake, parse_line, to_request};
