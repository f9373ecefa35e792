//! The text of one message, checked once at its entry.
//!
//! Not here: the commands in typed lines (`ringtalk-terminal`).

use bytestring::ByteString;
use ringtalk_wire::limit::TEXT_BYTES;

use crate::{Code, CommandError};

/// The text of a message: not empty, and at most 16 KiB of UTF-8.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageText(String);

/// The reason why a text cannot be a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MessageTextError {
    /// It is empty.
    #[error("not sent: the message is empty")]
    Empty,
    /// It is longer than a message may be.
    #[error("not sent: the message is longer than {TEXT_BYTES} bytes of UTF-8")]
    TooLong,
}

impl MessageText {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MessageText {
    type Error = MessageTextError;

    fn try_from(text: String) -> Result<Self, MessageTextError> {
        match text.len() {
            0 => Err(MessageTextError::Empty),
            1..=TEXT_BYTES => Ok(Self(text)),
            _ => Err(MessageTextError::TooLong),
        }
    }
}

impl From<MessageText> for ByteString {
    fn from(text: MessageText) -> Self {
        text.0.into()
    }
}

impl From<MessageTextError> for CommandError {
    fn from(error: MessageTextError) -> Self {
        Self {
            code: match error {
                MessageTextError::Empty => Code::BadCommand,
                MessageTextError::TooLong => Code::TooLong,
            },
            message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_a_minimum_and_a_maximum_length() {
        let read = |length: usize| MessageText::try_from("x".repeat(length)).map(|_| ());
        assert_eq!(read(0), Err(MessageTextError::Empty));
        assert_eq!(read(1), Ok(()));
        assert_eq!(read(TEXT_BYTES), Ok(()));
        assert_eq!(read(TEXT_BYTES + 1), Err(MessageTextError::TooLong));
    }
}
