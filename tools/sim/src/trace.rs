//! What happened in a run: a hash of it always, lines to read where they are asked for.

mod event;

use ringtalk_proto::Time;

/// The longest line; a frame full of text would drown the others.
const LINE_CHARS: usize = 400;

/// The record of a run.
#[derive(Debug)]
pub(crate) struct Trace {
    shown: bool,
    hash: u64,
}

impl Trace {
    /// An empty record, whose lines are shown on stderr or not.
    pub(crate) const fn new(shown: bool) -> Self {
        Self {
            shown,
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Equal hashes mean equal runs.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// Shows a line, which is made only where somebody reads it.
    pub(crate) fn show(&self, now: Time, line: impl FnOnce() -> String) {
        if self.shown {
            let line: String = line().chars().take(LINE_CHARS).collect();
            eprintln!("{now:?} {line}");
        }
    }

    /// Takes a number into the hash.
    pub(crate) const fn mix(&mut self, value: u64) {
        let mixed = (self.hash ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hash = mixed ^ (mixed >> 29);
    }

    /// Takes bytes into the hash.
    pub(crate) fn mix_bytes(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_depends_on_every_byte_and_on_the_order() {
        let hash = |parts: &[&[u8]]| {
            let mut trace = Trace::new(false);
            for part in parts {
                trace.mix_bytes(part);
            }
            trace.hash()
        };
        assert_eq!(hash(&[b"ring", b"talk"]), hash(&[b"ring", b"talk"]));
        assert_ne!(hash(&[b"ring", b"talk"]), hash(&[b"talk", b"ring"]));
        assert_ne!(hash(&[b"ring"]), hash(&[b"ring\0"]));
    }
}
