//! The faces of a Ringtalk node in a terminal: the full screen, plain lines, and JSON for programs.
//!
//! Each face is an outlet of a session (`ringtalk_session`): it shows the events, and passes on the user's input.
//! [`FaceKind`] selects the face, and [`prepare`] opens it. Other programs can use the parts: [`tty`] takes over the
//! terminal, and [`stdout`] and [`stderr`] write without waiting for the reader. Not here: the events, and the effect
//! of a command.

mod absence;
mod attention;
mod display_item;
mod face;
mod folded;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lines;
mod mentions;
mod open;
mod overload;
mod palette;
mod patience;
mod recent_messages;
mod report;
mod saved_talk;
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
mod visit;
mod watch_list;

pub use attention::AttentionSettings;
pub use open::{FaceKind, FaceOptions, PreparedFace, TerminalInput, prepare, write_start_failure};
pub use stdin::{Mistake, parse_line, to_request};
