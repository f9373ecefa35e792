//! Openings: proof that an epoch began by the rules.
//!
//! Not here: who believes an opening (`ringtalk-proto`).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::codec::encode_any;
use crate::limit::{self, OPENING_SEALS};
use crate::{Epoch, RingId, Seal};

/// The opening of an epoch: the epochs before it, and the seals of the members that back the change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// The new epoch.
    pub epoch: Epoch,
    /// The epoch before it.
    pub before: Epoch,
    /// In a merge of two rings, the epoch of the other ring.
    pub with: Option<Epoch>,
    /// The seals of the new coordinator and of a second member: one that also found the old coordinator dead, the
    /// old coordinator itself, or that of the other ring.
    #[serde(deserialize_with = "limit::at_most::<_, _, OPENING_SEALS>")]
    pub seals: Vec<Seal>,
}

impl Opening {
    /// Returns the bytes that the backing members of a ring sign.
    pub fn to_sign(&self, ring: RingId) -> Vec<u8> {
        encode_any(&("ringtalk epoch", ring, self.epoch, self.before, self.with))
    }

    /// Returns true if `other` names the same epochs, whatever its seals.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (self.epoch, self.before, self.with) == (other.epoch, other.before, other.with)
    }
}
