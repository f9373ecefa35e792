//! The messages of a bundle, and what they say.
//!
//! Not here: how they are read (`decoder`), and what control messages mean (`ringtalk-proto`).

use bytes::Bytes;
use bytestring::ByteString;
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// One message: what it says, and its author's timestamp.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BundleMessage {
    /// Milliseconds since 1970 by the author's clock: a label, never used for ordering.
    pub timestamp_ms: u64,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// A text of the author's user, as it was typed: at most 16 KiB of UTF-8.
    Text(ByteString),
    /// A text of a guest, who speaks through the author's node.
    GuestText {
        /// The author's number for the guest.
        guest: u64,
        /// The text, as it was typed: at most 16 KiB of UTF-8.
        text: ByteString,
    },
    /// A message between programs, which is not shown. A node keeps and relays those of kinds that it does not know.
    Control {
        /// The kind.
        kind: u64,
        /// The CBOR of the content: at most 32 KiB.
        content: Bytes,
    },
}

impl BundleMessage {
    /// Returns a message with a text.
    pub fn text(timestamp_ms: u64, text: impl Into<ByteString>) -> Self {
        let body = Body::Text(text.into());
        Self { timestamp_ms, body }
    }
}

impl Body {
    /// Returns the length of the text or of the content, in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::GuestText { text, .. } => text.len(),
            Self::Control { content, .. } => content.len(),
        }
    }

    /// Returns true if there is no text and no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Serialize for BundleMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = match self.body {
            Body::Text(_) => 2,
            Body::GuestText { .. } | Body::Control { .. } => 3,
        };
        let mut message = serializer.serialize_struct("BundleMessage", fields)?;
        message.serialize_field("t", &self.timestamp_ms)?;
        match &self.body {
            Body::Text(text) => message.serialize_field("x", text)?,
            Body::GuestText { guest, text } => {
                message.serialize_field("g", guest)?;
                message.serialize_field("x", text)?;
            }
            Body::Control { kind, content } => {
                message.serialize_field("k", kind)?;
                message.serialize_field("c", content)?;
            }
        }
        message.end()
    }
}
