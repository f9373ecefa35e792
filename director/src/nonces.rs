//! The nonces of a director: a new one each minute, so that a signature soon expires, and does not outlive the
//! director.
//!
//! A nonce follows from the time and the director's seed, so nothing has to be stored. Not here: what is signed
//! over a nonce (`proof`).

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::base64url::Base64Url;
use crate::proof::Nonce;

/// How long a nonce is current. It is accepted for as long again, so that no call fails at the change. A longer
/// time spares callers a second attempt, but leaves more time for replays.
pub(crate) const NONCE_PERIOD: Duration = Duration::from_secs(60);

/// The seed from which all nonces follow.
#[derive(Debug)]
pub(crate) struct Nonces([u8; 16]);

impl Nonces {
    /// Creates the nonces of a director with this seed, which no other director has had.
    pub(crate) const fn new(seed: [u8; 16]) -> Self {
        Self(seed)
    }

    /// Returns the current nonce, at this time after the director started.
    pub(crate) fn current(&self, now: Duration) -> Nonce {
        self.of_period(period(now))
    }

    /// Returns true for the current nonce and the previous one.
    pub(crate) fn accepts(&self, now: Duration, nonce: &Nonce) -> bool {
        let period = period(now);
        *nonce == self.of_period(period)
            || period
                .checked_sub(1)
                .is_some_and(|before| *nonce == self.of_period(before))
    }

    fn of_period(&self, period: u64) -> Nonce {
        let hash = Sha256::new().chain_update(self.0);
        let digest: [u8; 32] = hash.chain_update(period.to_be_bytes()).finalize().into();
        let mut nonce = Base64Url([0; 16]);
        nonce.0.copy_from_slice(&digest[..16]);
        nonce
    }
}

const fn period(now: Duration) -> u64 {
    now.as_secs() / NONCE_PERIOD.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_holds_for_its_turn_and_the_next() {
        let nonces = Nonces::new([1; 16]);
        let first = nonces.current(Duration::ZERO);
        assert_ne!(first, nonces.current(NONCE_PERIOD));
        assert!(nonces.accepts(Duration::ZERO, &first));
        assert!(nonces.accepts(NONCE_PERIOD + Duration::from_millis(59_999), &first));
        assert!(!nonces.accepts(NONCE_PERIOD * 2, &first));
        assert!(!nonces.accepts(Duration::ZERO, &nonces.current(NONCE_PERIOD)));
    }

    #[test]
    fn no_two_directors_share_a_nonce() {
        let [one, other] = [1, 2].map(|byte| Nonces::new([byte; 16]));
        let nonce = one.current(Duration::ZERO);
        assert!(!other.accepts(Duration::ZERO, &nonce));
    }
}
