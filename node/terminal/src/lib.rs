//! The faces of a Ringtalk node in a terminal: the full screen, plain lines, and JSON for programs.
//!
//! Each is an outlet of a session (`ringtalk_session`): it shows what happens there, and asks for what is typed. [`Show`] says
//! which one, and [`prepare`] opens it. For other programs there are the parts: [`tty`] has the terminal to itself,
//! [`stdout`] and [`stderr`] write without waiting for whoever reads. Not here: what happens, and what follows from a
//! command.

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

pub use open::{Front, Prepared, Show, prepare};
pub use stdin::{Mistake, parse_line, request};
