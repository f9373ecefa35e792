//! Characters from single bytes of UTF-8.
//!
//! Not here: control characters and escape sequences, which are characters as well (`lexer`).

/// The most bytes of a character.
const CHAR_BYTES: usize = 4;

/// The bytes of a character that is not complete.
#[derive(Debug, Default)]
pub(super) struct PartialChar {
    bytes: [u8; CHAR_BYTES],
    length: usize,
}

/// The effect of a further byte on a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Utf8Step {
    /// The character needs more bytes.
    Incomplete,
    /// The character is complete.
    Complete(char),
    /// The bytes so far are not UTF-8, and are dropped.
    Invalid,
}

impl PartialChar {
    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) const fn clear(&mut self) {
        self.length = 0;
    }

    /// Adds a byte.
    pub(super) fn push(&mut self, byte: u8) -> Utf8Step {
        self.bytes[self.length] = byte;
        self.length += 1;
        let step = match str::from_utf8(&self.bytes[..self.length]) {
            Ok(text) => text
                .chars()
                .next()
                .map_or(Utf8Step::Invalid, Utf8Step::Complete),
            // A longer input could still be valid. It is at most three bytes here, so there is room for one more.
            Err(error) if error.error_len().is_none() => return Utf8Step::Incomplete,
            Err(_) => Utf8Step::Invalid,
        };
        self.clear();
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_complete_with_its_last_byte() {
        let mut partial = PartialChar::default();
        for char in ['a', '\u{e9}', '你', '👋'] {
            let mut bytes = [0; CHAR_BYTES];
            let (last, before) = char
                .encode_utf8(&mut bytes)
                .as_bytes()
                .split_last()
                .unwrap();
            for byte in before {
                assert_eq!(partial.push(*byte), Utf8Step::Incomplete);
            }
            assert_eq!(partial.push(*last), Utf8Step::Complete(char));
            assert!(partial.is_empty());
        }
    }

    #[test]
    fn invalid_bytes_are_dropped() {
        let mut partial = PartialChar::default();
        // A surrogate, a byte that continues nothing, and a byte that begins nothing.
        assert_eq!(partial.push(0xed), Utf8Step::Incomplete);
        assert_eq!(partial.push(0xa0), Utf8Step::Invalid);
        assert_eq!(partial.push(0x80), Utf8Step::Invalid);
        assert_eq!(partial.push(0xff), Utf8Step::Invalid);
        assert_eq!(partial.push(b'a'), Utf8Step::Complete('a'));
    }
}
