//! Doors for the fuzzer (`tools/fuzz`) to what reads the bytes of others: no program has them.
//!
//! Not here: what must be true of what is read.

pub use crate::face::screen::fuzzing::shown;
pub use crate::link::fuzzing::{Opened, Outcome, Part, Records, cut_frames, handshake};
pub use crate::stdin::fuzzing::{Said, read_lines};

use crate::Place;
use crate::secret::Secret;
use crate::settings::Invite;

/// The invite into the discussion that has this secret, as others type it.
pub fn invite(places: &[Place], secret: &Secret) -> String {
    let directors = places.iter().map(|place| &place.director);
    Invite::new(directors, secret).as_str().to_owned()
}
