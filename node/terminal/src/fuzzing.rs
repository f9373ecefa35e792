//! Entry points for the fuzzer (`tools/fuzz`) to the code that reads what others wrote. No shipped program has them.
//!
//! Not here: what must hold for what is shown and read.

pub use crate::screen::fuzzing::shown;
pub use crate::stdin::fuzzing::{Said, read_lines};
