//! The only encoder, and the only, strict decoder of everything but bundles (`bundle::reading`): `PROTOCOL.md` §2.
//!
//! ciborium is lenient; this module accepts one item, nested at most 16 deep, in a slice that ends where the item
//! ends (`well_formed`). Not here: the header, which belongs to the link.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::limit::{FRAME_BYTES, NESTING};
use crate::{Frame, well_formed};

/// The reason why bytes do not decode.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// There are more bytes than a frame may have.
    #[error("{0} bytes, {FRAME_BYTES} allowed")]
    TooLong(usize),
    /// The bytes are not CBOR, do not have the expected shape, or exceed a limit.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Bytes follow the item.
    #[error("{0} bytes after the end")]
    Trailing(usize),
    /// The shape is right, but the numbers are impossible.
    #[error("inconsistent numbers in a {0}")]
    Unsound(&'static str),
}

/// The capacity for an item, in bytes: enough for most, and for a large frame without the bytes that it carries.
const USUAL_BYTES: usize = 256;

/// The least size of a frame, in bytes, that is decoded around the bytes that it carries.
const MUCH_BYTES: usize = 8 * 1024;
/// The stand-in for those bytes: one byte long, since empty byte strings are not allowed.
const PLACEHOLDER: &[u8] = b"\x41\x00";

/// Encodes a frame, without its header.
pub fn encode(frame: &Frame) -> Bytes {
    let carried = frame.carried_bytes();
    if carried == 0 {
        return encode_item(frame);
    }
    // A growing vector would be copied at each step, and each old copy wiped.
    let bytes = encode_near(frame, USUAL_BYTES + carried);
    debug_assert!(bytes.len() <= FRAME_BYTES, "a frame outgrew itself");
    Bytes::from(bytes)
}

/// Decodes one frame, without its header.
pub fn decode(bytes: &[u8]) -> Result<Frame, DecodeError> {
    match decode_around(bytes) {
        Some(frame) => Ok(frame),
        None => decode_item(bytes),
    }
}

/// Decodes a large frame around the bytes that it carries: ciborium reads the rest, and the carried bytes are
/// copied once, instead of piecewise into a growing buffer. Returns `None` if the frame must be decoded whole.
fn decode_around(bytes: &[u8]) -> Option<Frame> {
    if !(MUCH_BYTES..=FRAME_BYTES).contains(&bytes.len()) {
        return None;
    }
    let (start, carried) = well_formed::long_bytes(bytes, MUCH_BYTES / 2)?;
    let around = [&bytes[..start], PLACEHOLDER, &bytes[carried.end..]].concat();
    let mut frame: Frame = decode_item(&around).ok()?;
    // If they differ, the frame has a part that decoding drops, and the bytes may belong there.
    if encode_any(&frame) != around {
        return None;
    }
    *frame.carried_mut()? = Bytes::copy_from_slice(&bytes[carried]);
    Some(frame)
}

/// Encodes any item that travels, sealed or as a frame.
pub fn encode_item<T: Serialize>(item: &T) -> Bytes {
    let bytes = encode_any(item);
    debug_assert!(bytes.len() <= FRAME_BYTES, "an item outgrew a frame");
    Bytes::from(bytes.into_boxed_slice())
}

/// Encodes a value of any length, to be hashed or signed.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Brief, Direction, Interval, Item, KEY_BYTES, PublicKey, RingKey, SIGNATURE_BYTES, Seal,
        Sealed, Signature, Spread,
    };

    const SEAL: Seal = Seal {
        key: PublicKey([7; KEY_BYTES]),
        signature: Signature([9; SIGNATURE_BYTES]),
    };
    const INTERVAL: Interval = Interval {
        direction: Direction::Clockwise,
        limit: RingKey(5),
        layout: 0,
    };

    fn sealed(bytes: usize) -> Sealed {
        Sealed {
            raw: alloc::vec![b'm'; bytes].into(),
            seal: SEAL,
        }
    }

    fn frames(bytes: usize) -> [Frame; 4] {
        [
            Frame::Spread(Spread {
                interval: INTERVAL,
                item: Item::Bundle(sealed(bytes)),
            }),
            Frame::Spread(Spread {
                interval: INTERVAL,
                item: Item::Announcement(sealed(bytes)),
            }),
            Frame::Pulled(sealed(bytes)),
            Frame::Brief(Brief {
                interval: INTERVAL,
                raw: sealed(bytes).raw,
                heads: sealed(13).raw,
                seal: SEAL,
            }),
        ]
    }

    #[test]
    fn what_carries_much_is_read_as_if_it_was_read_in_whole() {
        for bytes in [1, MUCH_BYTES - 1, MUCH_BYTES, 70_000] {
            for frame in frames(bytes) {
                assert_eq!(decode(&encode(&frame)), Ok(frame), "{bytes}");
            }
        }
        let around = |bytes| frames(bytes).map(|frame| decode_around(&encode(&frame)).is_some());
        assert_eq!(around(MUCH_BYTES), [true, true, true, false]);
        assert_eq!(around(MUCH_BYTES / 2), [false; 4]);
    }

    #[test]
    fn whatever_is_damaged_in_it_is_refused_or_taken_alike() {
        let mut taken = 0;
        for frame in frames(MUCH_BYTES) {
            let whole = encode(&frame);
            for (place, value) in (0..whole.len())
                .filter(|place| !(200..whole.len() - 200).contains(place))
                .flat_map(|place| (0..=255).map(move |value| (place, value)))
            {
                let mut damaged = whole.to_vec();
                damaged[place] = value;
                if let Some(frame) = decode_around(&damaged) {
                    taken += 1;
                    assert_eq!(Ok(frame), decode_item(&damaged), "{value} at {place}");
                }
            }
        }
        assert!(taken > 10_000, "{taken}");
    }

    #[test]
    fn what_is_not_kept_is_read_in_whole() {
        // A field with an empty name: no encoder writes one, so `decode_around` leaves it alone.
        let whole = encode(&Frame::Pulled(sealed(MUCH_BYTES)));
        let place = whole.iter().position(|&byte| byte == 0xa2).unwrap();
        let longer = [&whole[..place], b"\xa3\x60\x01", &whole[place + 1..]].concat();
        assert_eq!(decode_around(&longer), None);
        assert_eq!(decode(&longer), decode_item(&longer));
    }
}
