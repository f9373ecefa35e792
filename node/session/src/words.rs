//! The text of one message, checked once at its entry.
//!
//! Not here: the commands in typed lines (`ringtalk-terminal`).

use bytestring::ByteString;
use ringtalk_wire::limit::TEXT_BYTES;

use crate::{Code, CommandError};

/// The text of a message: not empty, and at most 16 KiB of UTF-8.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words(String);

/// The reason why a text cannot be a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WordsError {
    /// It is empty.
    #[error("not sent: the message is empty")]
    Empty,
    /// It is longer than a message may be.
    #[error("not sent: a message has at most {TEXT_BYTES} bytes of UTF-8")]
    TooLong,
}

impl Words {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Words {
    type Error = WordsError;

    fn try_from(text: String) -> Result<Self, WordsError> {
        match text.len() {
            0 => Err(WordsError::Empty),
            1..=TEXT_BYTES => Ok(Self(text)),
            _ => Err(WordsError::TooLong),
        }
    }
}

impl From<Words> for ByteString {
    fn from(words: Words) -> Self {
        words.0.into()
    }
}

impl From<WordsError> for CommandError {
    fn from(error: WordsError) -> Self {
        Self {
            code: match error {
                WordsError::Empty => Code::BadCommand,
                WordsError::TooLong => Code::TooLong,
            },
            message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_something_and_not_too_much() {
        let read = |length: usize| Words::try_from("x".repeat(length)).map(|_| ());
        assert_eq!(read(0), Err(WordsError::Empty));
        assert_eq!(read(1), Ok(()));
        assert_eq!(read(TEXT_BYTES), Ok(()));
        assert_eq!(read(TEXT_BYTES + 1), Err(WordsError::TooLong));
    }
}
