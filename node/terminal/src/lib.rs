//! The faces of a Ringtalk node in a terminal: the full screen, plain lines, and JSON for programs.
//!
//! Each is an outlet of a session (`ringtalk_session`): it shows what happens there, and passes on what is typed.
//! [`Show`] says which one, and [`prepare`] opens it. Other programs can use the parts: [`tty`] takes over the
//! terminal, and [`stdout`] and [`stderr`] write without waiting for the reader. Not here: what happens, and what a
//! command does.

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
