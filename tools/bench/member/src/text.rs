//! The text of a message: talk, author, number and time as hexadecimal digits, and filler up to its length.

use nix::time::{ClockId, clock_gettime};

/// The least length of a message, in bytes.
pub const MIN_BYTES: usize = PREFIX.len() + 28;

/// The prefix of every message.
const PREFIX: &str = "b";

/// The content of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payload {
    /// The number of the talk; 0 for a greeting.
    pub talk: u16,
    /// The number of the member that sent it.
    pub author: u16,
    /// The number of the message, from 0.
    pub number: u32,
    /// When it was sent, in nanoseconds of this machine's monotonic clock.
    pub at_ns: u64,
}

impl Payload {
    /// Returns the message as text, filled up to `bytes`.
    pub fn to_text(self, bytes: usize) -> String {
        let Self {
            talk,
            author,
            number,
            at_ns,
        } = self;
        let mut text = String::with_capacity(bytes);
        text.push_str(PREFIX);
        for (value, digits) in [
            (u64::from(talk), 3),
            (u64::from(author), 3),
            (u64::from(number), 7),
            (at_ns, 15),
        ] {
            for digit_index in (0..digits).rev() {
                let digit = (value >> (4 * digit_index)) & 15;
                text.push(char::from(b"0123456789abcdef"[digit as usize]));
            }
        }
        while text.len() < bytes {
            text.push('x');
        }
        text
    }

    /// Parses a message; returns `None` if the text is no such message.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX.as_bytes())?;
        let number = |from: usize, to: usize| {
            digits.get(from..to)?.iter().try_fold(0, |value, digit| {
                let digit = char::from(*digit).to_digit(16)?;
                Some(value << 4 | u64::from(digit))
            })
        };
        Some(Self {
            talk: number(0, 3)? as u16,
            author: number(3, 6)? as u16,
            number: number(6, 13)? as u32,
            at_ns: number(13, 28)?,
        })
    }
}

/// Returns the time in nanoseconds of this machine's monotonic clock, which is the same for all processes.
///
/// # Panics
///
/// If the machine has no such clock.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock");
    now.tv_sec().cast_unsigned() * 1_000_000_000 + now.tv_nsec().cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_survives_its_text_form() {
        let payload = Payload {
            talk: 4_095,
            author: 31,
            number: 1_234_567,
            at_ns: 123_456_789_012_345,
        };
        let text = payload.to_text(64);
        assert_eq!(text.len(), 64);
        assert_eq!(Payload::parse(text.as_bytes()), Some(payload));
        assert_eq!(Payload::parse(b"something else"), None);
    }
}
