//! Doors for the fuzzer (`tools/fuzz`) to what reads the bytes of others: no program has them.
//!
//! Not here: what must be true of what is read.

pub use crate::link::fuzzing::{Opened, Outcome, Part, Records, cut_frames, handshake};

use crate::Place;
use crate::secret::Secret;

/// The invite into the discussion that has this secret, as others type it.
pub fn invite(places: &[Place], secret: &Secret) -> String {
    let directors = places.iter().map(|place| &place.director);
    crate::settings::invite(directors, secret)
        .as_str()
        .to_owned()
}
