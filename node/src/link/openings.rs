//! The recent first messages of handshakes, so that a replayed one is refused.
//!
//! Noise cannot tell a first message from its recording. An answer would give nothing away: it is encrypted to a key
//! that the recorder does not have. So an old message that is forgotten here, or that was sent to another node, gets
//! no further than the third message. But a node should neither work for a replay nor wait for what follows. A message
//! is remembered only if its dialler has the discussion's secret. Not here: what a first message proves (`noise`).

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::noise::EPHEMERAL_BYTES;

/// The most messages that are remembered: 1.5 MiB.
const REMEMBERED: usize = 16_384;

/// The part that no two handshakes have in common.
type Ephemeral = [u8; EPHEMERAL_BYTES];

/// The recent first messages. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Openings(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    known: HashSet<Ephemeral>,
    by_age: VecDeque<Ephemeral>,
}

impl Openings {
    /// Remembers a first message that proved the secret. Returns false if it is known already.
    pub(super) fn is_new(&self, opening: &[u8]) -> bool {
        let ephemeral = opening.first_chunk().expect("a proved opening has a key");
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remember(*ephemeral)
    }
}

impl Seen {
    fn remember(&mut self, ephemeral: Ephemeral) -> bool {
        if !self.known.insert(ephemeral) {
            return false;
        }
        self.by_age.push_back(ephemeral);
        if self.by_age.len() > REMEMBERED
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(number: usize) -> Vec<u8> {
        let mut opening = vec![0; EPHEMERAL_BYTES + 16];
        opening[..8].copy_from_slice(&number.to_be_bytes());
        opening
    }

    #[test]
    fn an_opening_is_new_once_and_the_memory_is_bounded() {
        let openings = Openings::default();
        for number in 0..=REMEMBERED {
            assert!(openings.is_new(&opening(number)));
        }
        assert!(!openings.clone().is_new(&opening(1)));
        assert!(!openings.is_new(&opening(REMEMBERED)));
        assert!(openings.is_new(&opening(0)), "the oldest is forgotten");
        let seen = openings.0.lock().unwrap();
        assert_eq!(
            (seen.known.len(), seen.by_age.len()),
            (REMEMBERED, REMEMBERED)
        );
    }
}
