//! The one way to encode, and the one strict way to decode but for bundles (`bundle::reading`):
//! `PROTOCOL.md` §2.
//!
//! ciborium is lenient; this module is not: one item, nested 16 deep at most, over a slice that
//! must end where the item ends, whatever the item means (`well_formed`). Not here: the length prefix, which belongs to the link.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::limit::{FRAME_BYTES, NESTING};
use crate::{Frame, well_formed};

/// Why bytes are not what they should be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than a frame may have.
    #[error("{0} bytes, {FRAME_BYTES} allowed")]
    TooLong(usize),
    /// Not CBOR, not of the expected shape, or over a limit.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Bytes follow the item.
    #[error("{0} bytes after the end")]
    Trailing(usize),
    /// The right shape, with numbers that cannot be.
    #[error("impossible numbers in a {0}")]
    Unsound(&'static str),
}

/// How many bytes most items take, and a large one beside what it carries.
const USUAL_BYTES: usize = 256;

/// Encodes a frame, without its length prefix.
pub fn encode(frame: &Frame) -> Bytes {
    let carried = frame.carried_bytes();
    if carried == 0 {
        return encode_item(frame);
    }
    // What grows on its way is copied each time, and wiped.
    let bytes = encode_near(frame, USUAL_BYTES + carried);
    debug_assert!(bytes.len() <= FRAME_BYTES, "a frame outgrew itself");
    Bytes::from(bytes)
}

/// Decodes one frame, without its length prefix.
pub fn decode(bytes: &[u8]) -> Result<Frame, DecodeError> {
    decode_item(bytes)
}

/// Encodes anything that travels, sealed or as a frame.
pub fn encode_item<T: Serialize>(item: &T) -> Bytes {
    let bytes = encode_any(item);
    debug_assert!(bytes.len() <= FRAME_BYTES, "an item outgrew a frame");
    Bytes::from(bytes.into_boxed_slice())
}

/// Encodes something of any length, to be hashed or signed.
pub(crate) fn encode_any<T: Serialize>(item: &T) -> Vec<u8> {
    encode_near(item, USUAL_BYTES)
}

fn encode_near<T: Serialize>(item: &T, capacity: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(capacity);
    ciborium::into_writer(item, &mut bytes).expect("a vector takes whatever is written");
    bytes
}

/// Decodes exactly one item from the whole slice.
pub(crate) fn decode_item<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    if bytes.len() > FRAME_BYTES {
        return Err(DecodeError::TooLong(bytes.len()));
    }
    let after = well_formed::skip_item(bytes);
    let after = after.ok_or_else(|| DecodeError::Malformed(String::from("no CBOR item")))?;
    if !after.is_empty() {
        return Err(DecodeError::Trailing(after.len()));
    }
    let mut rest = bytes;
    let item = ciborium::de::from_reader_with_recursion_limit(&mut rest, NESTING)
        .map_err(|error| DecodeError::Malformed(format!("{error}")))?;
    if rest.is_empty() {
        Ok(item)
    } else {
        Err(DecodeError::Trailing(rest.len()))
    }
}
