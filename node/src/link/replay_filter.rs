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
pub struct ReplayFilter(Arc<Mutex<RecentMessages>>);

#[derive(Debug, Default)]
struct RecentMessages {
    known: HashSet<Ephemeral>,
    by_age: VecDeque<Ephemeral>,
}

impl ReplayFilter {
    /// Remembers a first message that proved the secret. Returns false if it is known already.
    pub(super) fn insert(&self, first_message: &[u8]) -> bool {
        let ephemeral = first_message
            .first_chunk()
            .expect("a first message that proved the secret has a key");
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.remember(*ephemeral)
    }
}

impl RecentMessages {
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

    fn first_message(number: usize) -> Vec<u8> {
        let mut first_message = vec![0; EPHEMERAL_BYTES + 16];
        first_message[..8].copy_from_slice(&number.to_be_bytes());
        first_message
    }

    #[test]
    fn a_first_message_is_new_once_and_the_filter_is_bounded() {
        let replay_filter = ReplayFilter::default();
        for number in 0..=REMEMBERED {
            assert!(replay_filter.insert(&first_message(number)));
        }
        assert!(!replay_filter.clone().insert(&first_message(1)));
        assert!(!replay_filter.insert(&first_message(REMEMBERED)));
        assert!(
            replay_filter.insert(&first_message(0)),
            "the oldest is forgotten"
        );
        let recent = replay_filter.0.lock().unwrap();
        assert_eq!(
            (recent.known.len(), recent.by_age.len()),
            (REMEMBERED, REMEMBERED)
        );
    }
}
