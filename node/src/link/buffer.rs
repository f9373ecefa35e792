//! A buffer of bytes on their way, which keeps its memory from one burst to the next.
//!
//! All memory is wiped when it is given back, and cleared when it is taken. A buffer that came and went with each
//! burst would cost more than the encryption of the bytes. Not here: what the bytes mean (`record`, `codec`).

use std::ops::Range;

/// The most memory that is kept for good. Memory beyond this is given back after calm bursts.
const KEPT_BYTES: usize = 64 * 1024;
/// The step in which memory grows beyond this size; below it, memory doubles.
const PIECE_BYTES: usize = 16 * 1024;
/// The number of small bursts in a row after which a large memory is given back.
const CALM: u8 = 16;

/// A queue of bytes: first in, first out.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// Only the waiting bytes in it mean anything.
    memory: Vec<u8>,
    waiting: Range<usize>,
    /// How much of the memory this burst has used.
    used: usize,
    /// The number of small bursts in a row.
    calm: u8,
}

impl Buffer {
    /// Returns the bytes that wait.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.memory[self.waiting.clone()]
    }

    /// Returns the number of bytes that wait.
    pub(super) const fn len(&self) -> usize {
        self.waiting.end - self.waiting.start
    }

    /// Returns true if nothing waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes this many bytes from the front.
    pub(super) const fn advance(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.len(), "more than waits");
        self.waiting.start += bytes;
        if self.is_empty() {
            self.waiting = 0..0;
        }
    }

    /// Returns room for this many bytes behind those that wait.
    pub(super) fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.waiting.end + bytes > self.memory.len() {
            self.make_room(bytes);
        }
        let end = self.waiting.end + bytes;
        self.used = self.used.max(end);
        &mut self.memory[self.waiting.end..end]
    }

    /// Adds this many bytes of the room to those that wait.
    pub(super) fn commit(&mut self, bytes: usize) {
        debug_assert!(
            bytes <= self.memory.len() - self.waiting.end,
            "more than there is room"
        );
        self.waiting.end += bytes;
    }

    /// Appends these bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.commit(bytes.len());
    }

    /// Ends a burst: gives memory back that the last few bursts had no use for.
    pub(super) fn end_burst(&mut self) {
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
    fn a_buffer_keeps_the_order_of_its_bytes() {
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
    fn memory_is_kept_between_bursts_and_freed_after_calm_ones() {
        let mut buffer = Buffer::default();
        for _ in 0..100 {
            buffer.put(&vec![1; KEPT_BYTES + 1]);
            buffer.advance(KEPT_BYTES + 1);
            buffer.end_burst();
            let kept = buffer.memory.as_ptr();
            for _ in 1..CALM {
                buffer.put(b"small");
                buffer.advance(5);
                buffer.end_burst();
            }
            assert_eq!(buffer.memory.as_ptr(), kept);
        }
        buffer.put(b"small");
        buffer.end_burst();
        assert_eq!(buffer.waiting(), b"small", "it is in use");
        buffer.advance(5);
        buffer.end_burst();
        assert!(buffer.memory.is_empty());
    }
}
