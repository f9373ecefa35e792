//! Proof of life: a suspect shows whoever judges it that it lives, whoever carries the words.
//!
//! Not here: who is suspected, and what silence proves (`ringtalk-proto`).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::codec::encode_any;
use crate::{NodeId, Seal, limit};

/// "Are you alive?", on behalf of whoever has to judge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// Who is suspected.
    pub member: NodeId,
    /// Who judges.
    pub judge: NodeId,
    /// The judge's number for this trial: it never uses one twice.
    #[serde(deserialize_with = "limit::counter")]
    pub trial: u64,
}

impl Probe {
    /// What the suspect signs.
    pub fn to_sign(&self) -> Vec<u8> {
        encode_any(&("ringtalk alive", self.member, self.judge, self.trial))
    }
}

/// "I am", with the suspect's seal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alive {
    /// What was asked.
    pub probe: Probe,
    /// The suspect's seal under it.
    pub seal: Seal,
}
