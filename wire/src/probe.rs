//! Proof of life: a suspect proves to its judge that it is alive, whichever members forward the frames.
//!
//! Not here: who is suspected, and what silence proves (`ringtalk-proto`).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::codec::encode_any;
use crate::{NodeId, RingId, Seal, limit};

/// A question whether a suspect is alive, on behalf of the judge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// The suspect.
    pub member: NodeId,
    /// The member that has to judge.
    pub judge: NodeId,
    /// The judge's number for this trial; the judge never reuses it.
    #[serde(deserialize_with = "limit::counter")]
    pub trial: u64,
}

impl Probe {
    /// Returns the bytes that the suspect signs in a ring.
    pub fn to_sign(&self, ring: RingId) -> Vec<u8> {
        encode_any(&("ringtalk alive", ring, self.member, self.judge, self.trial))
    }
}

/// The answer that the suspect is alive, with its seal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alive {
    /// The probe that it answers.
    pub probe: Probe,
    /// The suspect's seal over the probe.
    pub seal: Seal,
}
