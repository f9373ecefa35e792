//! Entry points for the fuzzer (`tools/fuzz`) to the code that reads bytes from others. No program has them.
//!
//! Not here: what the fuzzer checks.

pub use crate::link::fuzzing::{
    DecryptedStream, HandshakePart, Outcome, Records, cut_frames, frame_on, handshake,
};

use crate::Endpoint;
use crate::secret::Secret;

/// Returns the invite into the discussion that has this secret, as others type it.
pub fn invite(endpoints: &[Endpoint], secret: &Secret) -> String {
    let directors = endpoints.iter().map(|endpoint| &endpoint.director);
    crate::settings::invite(directors, secret)
        .as_str()
        .to_owned()
}
