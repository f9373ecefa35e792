//! Bytes on their way, in memory that is kept from one burst to the next.
//!
//! All memory is wiped where it is given back, and cleared where it is taken: a buffer that came and went with each
//! burst would cost more than what the bytes are sealed with. Not here: what the bytes say (`record`, `codec`).

use std::ops::Range;

/// What grew beyond this for a burst is given back after it.
const KEPT_BYTES: usize = 64 * 1024;
/// Beyond this memory is taken in such pieces, below it twice as much as before.
const PIECE_BYTES: usize = 16 * 1024;
/// After how many bursts in a row that had no use for it.
const CALM: u8 = 16;

/// Bytes that wait, first in first out.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// Everything but what waits means nothing.
    memory: Vec<u8>,
    waiting: Range<usize>,
    /// How much of the memory this burst has used.
    used: usize,
    /// How many bursts in a row were small.
    calm: u8,
}

impl Buffer {
    /// What waits.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.memory[self.waiting.clone()]
    }

    /// How many bytes wait.
    pub(super) const fn len(&self) -> usize {
        self.waiting.end - self.waiting.start
    }

    /// True where nothing waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the first so many bytes out.
    pub(super) const fn advance(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.len(), "more than waits");
        self.waiting.start += bytes;
        if self.is_empty() {
            self.waiting = 0..0;
        }
    }

    /// Room for so many bytes behind what waits.
    pub(super) fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.waiting.end + bytes > self.memory.len() {
            self.make_room(bytes);
        }
        let end = self.waiting.end + bytes;
        self.used = self.used.max(end);
        &mut self.memory[self.waiting.end..end]
    }

    /// So many bytes of the room wait from now on.
    pub(super) fn filled(&mut self, bytes: usize) {
        debug_assert!(
            bytes <= self.memory.len() - self.waiting.end,
            "more than there is room"
        );
        self.waiting.end += bytes;
    }

    /// Adds these bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// A burst is over: gives back what the last few had no use for.
    pub(super) fn rest(&mut self) {
        if self.memory.len() <= KEPT_BYTES || !self.is_empty() {
            return;
        }
        let small = self.used <= KEPT_BYTES;
        self.calm = if small { self.calm + 1 } else { 0 };
        self.used = 0;
        if self.calm == CALM {
            *self = Self::default();
        }
    }

    fn make_room(&mut self, bytes: usize) {
        let (waits, needed) = (self.len(), self.len() + bytes);
        if needed <= self.memory.len() {
            self.memory.copy_within(self.waiting.clone(), 0);
        } else {
            let length = if needed < PIECE_BYTES {
                needed.next_power_of_two()
            } else {
                needed.next_multiple_of(PIECE_BYTES)
            };
            let mut memory = vec![0; length];
            memory[..waits].copy_from_slice(self.waiting());
            self.memory = memory;
        }
        self.waiting = 0..waits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_in_order_however_it_moves() {
        let mut buffer = Buffer::default();
        let bytes: Vec<u8> = (0..=255).collect();
        let (mut put, mut out) = (Vec::new(), Vec::new());
        for step in 0..200 {
            let some = &bytes[step % 50..];
            buffer.put(some);
            put.extend_from_slice(some);
            let taken = buffer.len() * 2 / 3;
            out.extend_from_slice(&buffer.waiting()[..taken]);
            buffer.advance(taken);
        }
        out.extend_from_slice(buffer.waiting());
        assert_eq!(out, put);
        assert!(buffer.memory.len() <= 1024, "{}", buffer.memory.len());
    }

    #[test]
    fn what_a_burst_took_is_kept_for_the_next_and_given_back_in_the_end() {
        let mut buffer = Buffer::default();
        for _ in 0..100 {
            buffer.put(&vec![1; KEPT_BYTES + 1]);
            buffer.advance(KEPT_BYTES + 1);
            buffer.rest();
            let kept = buffer.memory.as_ptr();
            for _ in 1..CALM {
                buffer.put(b"small");
                buffer.advance(5);
                buffer.rest();
            }
            assert_eq!(buffer.memory.as_ptr(), kept);
        }
        buffer.put(b"small");
        buffer.rest();
        assert_eq!(buffer.waiting(), b"small", "it is in use");
        buffer.advance(5);
        buffer.rest();
        assert!(buffer.memory.is_empty());
    }
}
