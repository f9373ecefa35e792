//! The faces of a Ringtalk node in a terminal: the full screen, plain lines, and JSON for programs.
//!
//! Each face is an outlet of a session (`ringtalk_session`): it shows the events, and passes on the user's input.
//! [`Show`] selects the face, and [`prepare`] opens it. Other programs can use the parts: [`tty`] takes over the
//! terminal, and [`stdout`] and [`stderr`] write without waiting for the reader. Not here: the events, and the effect
//! of a command.

mod face;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lines;
mod open;
mod remarks;
mod report;
mod rush;
mod screen;
mod shown;
pub mod stderr;
mod stdin;
pub mod stdout;
#[cfg(test)]
mod tests;
mod timestamp;
pub mod tty;
mod written;

pub use open::{Front, Prepared, Show, prepare, tell_failure};
pub use stdin::{Mistake, parse_line, request};
