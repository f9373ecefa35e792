//! Bundles, and helpers that give them to a [`Causal`] and deliver them, for the tests of causal delivery.

use alloc::vec::Vec;

use ringtalk_wire::{
    Bundle, BundleMessage, KEY_BYTES, MessageId, NodeId, PublicKey, SIGNATURE_BYTES, Seal,
    SealHash, Sealed, Signature, encode_item,
};

use super::{Causal, Patience, Reception};
use crate::Time;

pub(super) fn id(byte: u8) -> NodeId {
    NodeId::from_bytes([byte; 16])
}

pub(super) fn bundle(author: u8, first: u64, lamport: u64, heads: &[(u8, u64)]) -> Bundle {
    Bundle {
        author: id(author),
        first,
        previous: SealHash::default(),
        lamport,
        heads: heads
            .iter()
            .map(|&(author, seq)| MessageId {
                author: id(author),
                seq,
            })
            .collect(),
        messages: [BundleMessage::text(0, "hello")].into(),
    }
}

pub(super) fn causal() -> Causal {
    let mut causal = Causal::default();
    for author in 1..=4 {
        causal.admit(id(author));
    }
    causal
}

pub(super) fn give(causal: &mut Causal, bundle: &Bundle) -> Reception {
    let sealed = Sealed {
        raw: encode_item(bundle),
        seal: Seal {
            key: PublicKey([0; KEY_BYTES]),
            signature: Signature([0; SIGNATURE_BYTES]),
        },
    };
    causal.receive(sealed, bundle.clone(), Patience::Long)
}

pub(super) fn delivered(causal: &mut Causal) -> Vec<(u8, u64)> {
    core::iter::from_fn(|| causal.next(Time::default(), |_| true, |_| None))
        .map(|(next, _)| next.bundle)
        .map(|bundle| (bundle.author.as_bytes()[0], bundle.first))
        .collect()
}
