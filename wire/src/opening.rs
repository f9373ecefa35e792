//! Openings: how a coordinator shows that its epoch began rightly.
//!
//! Not here: who believes one (`ringtalk-proto`).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::codec::encode_any;
use crate::limit::{self, OPENING_SEALS};
use crate::{Epoch, Seal};

/// A new epoch, what was in force before it, and who stands for the change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// The new epoch.
    pub epoch: Epoch,
    /// The one before it.
    pub before: Epoch,
    /// Where two rings become one, the one of the other ring.
    pub with: Option<Epoch>,
    /// The new coordinator's seal, and that of a second member who agrees: one who also found the old
    /// coordinator dead, or the old coordinator itself, or that of the other ring.
    #[serde(deserialize_with = "limit::at_most::<_, _, OPENING_SEALS>")]
    pub seals: Vec<Seal>,
}

impl Opening {
    /// What those who stand for it sign.
    pub fn to_sign(&self) -> Vec<u8> {
        encode_any(&("ringtalk epoch", self.epoch, self.before, self.with))
    }

    /// True where another one says the same, whoever stands for it.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (self.epoch, self.before, self.with) == (other.epoch, other.before, other.with)
    }
}
