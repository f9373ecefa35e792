//! Doors for the fuzzer (`tools/fuzz`) to what reads the texts of others: no program has them.
//!
//! Not here: what must be true of what is shown and read.

pub use crate::screen::fuzzing::shown;
pub use crate::stdin::fuzzing::{Said, read_lines};
