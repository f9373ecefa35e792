//! The fuzzer's entry point to the decoder of keys.
//!
//! Not here: the properties that must hold (`tools/fuzz`).

use std::time::{Duration, Instant};

use super::decoder::KeyDecoder;
use super::paste::PASTE_BYTES;
use crate::tty::TerminalEvent;

/// The most bytes of text that a decoder keeps.
pub const KEPT_BYTES: usize = PASTE_BYTES;

/// The output of a decoder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodedKeys {
    /// The events, in their order.
    pub events: Vec<TerminalEvent>,
    /// The most bytes of text that the decoder kept between two reads.
    pub kept_bytes: usize,
}

/// Decodes `bytes`, of which `part_bytes` come at once and each part so long after the last one.
pub fn decode_keys(bytes: &[u8], part_bytes: usize, pause: Duration) -> DecodedKeys {
    let mut decoder = KeyDecoder::default();
    let (mut now, mut kept_bytes) = (Instant::now(), 0);
    for part in bytes.chunks(part_bytes.max(1)) {
        now += pause;
        while let Some(wake) = decoder.wake().filter(|wake| *wake < now) {
            decoder.tick(wake);
        }
        decoder.feed(part, now);
        kept_bytes = kept_bytes.max(decoder.kept_bytes());
    }
    while let Some(wake) = decoder.wake() {
        decoder.tick(wake);
    }
    DecodedKeys {
        events: std::iter::from_fn(|| decoder.poll_event()).collect(),
        kept_bytes,
    }
}
