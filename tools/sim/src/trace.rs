//! The trace of a run: always a hash of everything that happened, and readable lines on request.

mod event;

use ringtalk_proto::Time;

/// The longest line, in characters; a frame full of text would drown the others.
const LINE_CHARS: usize = 400;

/// The trace of one run.
#[derive(Debug)]
pub(crate) struct Trace {
    shown: bool,
    hash: u64,
}

impl Trace {
    /// Creates an empty trace; if `shown`, its lines are printed on stderr.
    pub(crate) const fn new(shown: bool) -> Self {
        Self {
            shown,
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Returns the hash so far; equal hashes mean equal runs.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// Prints a line if lines are shown; if not, `line` is never called.
    pub(crate) fn show(&self, now: Time, line: impl FnOnce() -> String) {
        if self.shown {
            let line: String = line().chars().take(LINE_CHARS).collect();
            eprintln!("{now:?} {line}");
        }
    }

    /// Mixes a number into the hash.
    pub(crate) const fn mix(&mut self, value: u64) {
        let mixed = (self.hash ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hash = mixed ^ (mixed >> 29);
    }

    /// Mixes bytes and their length into the hash.
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
