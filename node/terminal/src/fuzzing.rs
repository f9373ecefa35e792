//! Entry points for the fuzzer (`tools/fuzz`) to the code that reads text from others. No shipped program has them.
//!
//! Not here: the properties that must hold (`tools/fuzz`).

pub use crate::screen::fuzzing::render_faces;
pub use crate::stdin::fuzzing::{ParsedLine, read_lines};
pub use crate::tty::keys::fuzzing::{DecodedKeys, KEPT_BYTES, decode_keys};
