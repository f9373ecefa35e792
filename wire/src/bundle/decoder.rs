//! The decoder of bundles: accepts the one form that is written, and nothing else.
//!
//! Bundles are most of the traffic, so the decoder is written by hand: it searches for no field by name, and bodies
//! stay slices of the received buffer. Encoding a decoded bundle gives the same bytes again (`PROTOCOL.md` §4.2).
//! Not here: whether the contents make sense (`Bundle::is_sound`).

use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;
use uuid::Uuid;

use super::short_id::ShortId;
use super::{Body, Bundle, BundleMessage};
use crate::limit::{BUNDLE_HEADS, BUNDLE_MESSAGES, CONTROL_BYTES, COUNTER, TEXT_BYTES};
use crate::{DecodeError, MessageId, NodeId, SealHash};

/// The major types of CBOR that occur in a bundle.
const NUMBER: u8 = 0;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;

/// The number of fields of a bundle.
const FIELDS: u64 = 6;

/// The smallest sizes of elements, in bytes. They bound the length that a list may claim by the bytes that are
/// there, so that a false claim allocates nothing.
const LEAST_HEAD: usize = 23;
const LEAST_SHORT_HEAD: usize = ShortId::BYTES + 1;
const LEAST_MESSAGE: usize = 7;

/// Decodes a whole bundle.
pub(super) fn decode_bundle(raw: &Bytes) -> Result<Bundle, DecodeError> {
    let mut decoder = Decoder { raw, rest: raw };
    let Some(bundle) = decoder.bundle() else {
        let position = decoder.position();
        let message = format!("a bundle that is not in canonical form, before byte {position}");
        return Err(DecodeError::Malformed(message));
    };
    match decoder.rest.len() {
        0 => Ok(bundle),
        more => Err(DecodeError::Trailing(more)),
    }
}

/// The fields of a bundle up to its heads.
pub(super) struct Beginning {
    pub(super) author: NodeId,
    pub(super) first: u64,
    pub(super) heads: Vec<MessageId>,
    /// The range of the bundle's bytes that the list of heads takes.
    pub(super) heads_range: Range<usize>,
}

/// Decodes a bundle up to its heads, and ignores the rest.
pub(super) fn decode_beginning(raw: &Bytes) -> Option<Beginning> {
    let mut decoder = Decoder { raw, rest: raw };
    decoder.map(FIELDS)?;
    let author = decoder.field(b'a', Decoder::id)?;
    let first = decoder.field(b's', Decoder::counter)?;
    decoder.field(b'p', Decoder::sixteen)?;
    decoder.field(b'l', Decoder::counter)?;
    decoder.name(b'h')?;
    let start = decoder.position();
    let heads = decoder.heads()?;
    let heads_range = start..decoder.position();
    Some(Beginning {
        author,
        first,
        heads,
        heads_range,
    })
}

/// Decodes consecutive abbreviated heads.
pub(super) fn decode_short_heads(raw: &Bytes) -> Option<Vec<(ShortId, u64)>> {
    let mut decoder = Decoder { raw, rest: raw };
    let mut heads = Vec::with_capacity(raw.len() / LEAST_SHORT_HEAD);
    while !decoder.rest.is_empty() && heads.len() < BUNDLE_HEADS {
        let author = decoder.take(ShortId::BYTES)?.try_into().ok()?;
        heads.push((ShortId(author), decoder.short_number()?));
    }
    let sound = decoder.rest.is_empty() && !heads.is_empty();
    sound.then_some(heads)
}

struct Decoder<'a> {
    raw: &'a Bytes,
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    fn bundle(&mut self) -> Option<Bundle> {
        self.map(FIELDS)?;
        Some(Bundle {
            author: self.field(b'a', Self::id)?,
            first: self.field(b's', Self::counter)?,
            previous: SealHash(self.field(b'p', Self::sixteen)?),
            lamport: self.field(b'l', Self::counter)?,
            heads: self.field(b'h', Self::heads)?,
            messages: self.field(b'm', |decoder| {
                decoder.list(BUNDLE_MESSAGES, LEAST_MESSAGE, Self::message)
            })?,
        })
    }

    fn heads(&mut self) -> Option<Vec<MessageId>> {
        self.list(BUNDLE_HEADS, LEAST_HEAD, Self::head)
    }

    fn head(&mut self) -> Option<MessageId> {
        self.map(2)?;
        Some(MessageId {
            author: self.field(b'a', Self::id)?,
            seq: self.field(b's', Self::counter)?,
        })
    }

    fn message(&mut self) -> Option<BundleMessage> {
        let fields = self.argument(MAP)?;
        let timestamp_ms = self.field(b't', |decoder| decoder.argument(NUMBER))?;
        let body = match fields {
            2 => Body::Text(self.field(b'x', Self::text)?),
            3 if self.is_next(b'g') => Body::GuestText {
                guest: self.field(b'g', Self::counter)?,
                text: self.field(b'x', Self::text)?,
            },
            3 => Body::Control {
                kind: self.field(b'k', Self::counter)?,
                content: self.field(b'c', Self::content)?,
            },
            _ => return None,
        };
        Some(BundleMessage { timestamp_ms, body })
    }

    fn content(&mut self) -> Option<Bytes> {
        let length = self.length(BYTES)?;
        let content = self.take(length)?;
        let fits = (1..=CONTROL_BYTES).contains(&length);
        fits.then(|| self.raw.slice_ref(content))
    }

    fn text(&mut self) -> Option<ByteString> {
        let length = self.length(TEXT)?;
        let text = self.take(length).filter(|_| length <= TEXT_BYTES)?;
        ByteString::try_from(self.raw.slice_ref(text)).ok()
    }

    fn counter(&mut self) -> Option<u64> {
        self.argument(NUMBER).filter(|number| *number <= COUNTER)
    }

    /// Decodes a number of seven bits to a byte, the low ones first, in the shortest form only.
    fn short_number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let &[byte] = self.take(1)? else { return None };
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                let shortest = byte > 0 || shift == 0;
                return (shortest && number <= COUNTER).then_some(number);
            }
        }
        None
    }

    /// Accepts any 16 bytes, valid as a UUID or not, as the other decoders do.
    fn id(&mut self) -> Option<NodeId> {
        let bytes = self.sixteen()?;
        Some(Uuid::from_bytes(bytes).into())
    }

    fn sixteen(&mut self) -> Option<[u8; 16]> {
        let length = self.length(BYTES)?;
        self.take(length)?.try_into().ok()
    }

    fn map(&mut self, fields: u64) -> Option<()> {
        (self.argument(MAP)? == fields).then_some(())
    }

    /// Decodes a field with this name of one letter.
    fn field<T>(&mut self, name: u8, decode: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.name(name)?;
        decode(self)
    }

    fn name(&mut self, name: u8) -> Option<()> {
        (self.argument(TEXT)? == 1 && self.take(1)? == [name]).then_some(())
    }

    /// Returns true if a field with this name comes next.
    fn is_next(&self, name: u8) -> bool {
        let mut next = Decoder { ..*self };
        next.name(name).is_some()
    }

    /// Returns the number of bytes decoded so far.
    fn position(&self) -> usize {
        self.raw.len() - self.rest.len()
    }

    fn list<T>(
        &mut self,
        most: usize,
        least_bytes: usize,
        mut decode: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = self.length(LIST)?;
        let fits = count <= most && count * least_bytes <= self.rest.len();
        fits.then(|| (0..count).map(|_| decode(self)).collect())?
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn length(&mut self, major: u8) -> Option<usize> {
        usize::try_from(self.argument(major)?).ok()
    }

    /// Decodes the head of an item of this major type and returns its argument. Accepts the shortest form only.
    fn argument(&mut self, major: u8) -> Option<u64> {
        let (&first, rest) = self.rest.split_first()?;
        if first >> 5 != major {
            return None;
        }
        self.rest = rest;
        let short = first & 0x1f;
        let length = match short {
            0..=23 => return Some(short.into()),
            24..=27 => 1 << (short - 24),
            _ => return None,
        };
        let bytes = self.take(length)?;
        let argument = bytes
            .iter()
            .fold(0, |argument, byte| argument << 8 | u64::from(*byte));
        let least = if length == 1 { 24 } else { 1 << (4 * length) };
        (argument >= least).then_some(argument)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode_item;

    fn id(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn text(text: &str) -> BundleMessage {
        BundleMessage::text(1_700_000_000_000, text)
    }

    fn with(body: Body) -> BundleMessage {
        BundleMessage {
            timestamp_ms: 0,
            body,
        }
    }

    fn of_guest(guest: u64, text: &str) -> BundleMessage {
        let text = text.into();
        with(Body::GuestText { guest, text })
    }

    fn control(kind: u64, length: usize) -> BundleMessage {
        let content = Bytes::from(alloc::vec![0; length]);
        with(Body::Control { kind, content })
    }

    fn example() -> Bundle {
        let head = |author, seq| MessageId {
            author: id(author),
            seq,
        };
        Bundle {
            author: id(1),
            first: 70_000,
            previous: SealHash([7; 16]),
            lamport: 1 << 40,
            heads: Vec::from([head(2, 1), head(3, 24), head(4, 256)]),
            messages: Vec::from([
                text(""),
                text("hello"),
                text(&"ü".repeat(200)),
                of_guest(COUNTER, "hi"),
                control(COUNTER, 1),
            ]),
        }
    }

    #[test]
    fn an_encoded_bundle_is_decoded() {
        let least = Bundle {
            heads: Vec::new(),
            messages: Vec::new(),
            first: 0,
            lamport: COUNTER,
            ..example()
        };
        for one in [example(), least] {
            assert_eq!(decode_bundle(&encode_item(&one)), Ok(one));
        }
    }

    #[test]
    fn texts_are_slices_of_the_received_buffer() {
        let raw = encode_item(&example());
        let decoded = decode_bundle(&raw).unwrap();
        let Body::Text(text) = &decoded.messages[1].body else {
            panic!("it was a text");
        };
        let start = text.as_bytes().as_ptr();
        assert!(raw.as_ptr_range().contains(&start));
    }

    #[test]
    fn an_invalid_uuid_is_kept_as_it_is() {
        let nobody = NodeId::from(Uuid::nil());
        let one = Bundle {
            author: nobody,
            ..example()
        };
        assert_eq!(decode_bundle(&encode_item(&one)).unwrap().author, nobody);
    }

    #[test]
    fn a_prefix_of_a_bundle_is_rejected() {
        let raw = encode_item(&example());
        for end in 0..raw.len() {
            let error = decode_bundle(&raw.slice(..end)).unwrap_err();
            assert!(matches!(error, DecodeError::Malformed(_)), "{end}: {error}");
        }
        let more = Bytes::from([&raw[..], b"\x00"].concat());
        assert_eq!(decode_bundle(&more), Err(DecodeError::Trailing(1)));
    }

    /// A lenient decoder may accept each of these.
    #[test]
    fn only_the_canonical_form_is_accepted() {
        let raw = encode_item(&example());
        let changed = |from: &[u8], to: &[u8]| {
            let found = raw.windows(from.len()).position(|part| part == from);
            let position = found.expect("the bundle has it");
            Bytes::from([&raw[..position], to, &raw[position + from.len()..]].concat())
        };
        let others = [
            // An overlong length, and overlong numbers.
            changed(b"\x65hello", b"\x78\x05hello"),
            changed(b"\x61s\x01", b"\x61s\x18\x01"),
            changed(b"\x61s\x18\x18", b"\x61s\x19\x00\x18"),
            changed(b"\x61s\x19\x01\x00", b"\x61s\x1a\x00\x00\x01\x00"),
            // A text and a list of indefinite length.
            changed(b"\x65hello", b"\x7f\x65hello\xff"),
            changed(b"\x61m\x85", b"\x61m\x9f"),
            // A guest's text with other fields, in another order, or of nobody.
            changed(b"\x61g\x1b", b"\x61h\x1b"),
            changed(b"\xa3\x61t\x00\x61k", b"\xa2\x61t\x00\x61k"),
            changed(b"\xa3\x61t\x00\x61k", b"\xa4\x61t\x00\x61k"),
            // A control message without a content.
            changed(b"\x61c\x41\x00", b"\x61c\x40"),
            // Bytes in place of text, and invalid UTF-8.
            changed(b"\x65hello", b"\x45hello"),
            changed(b"\x65hello", b"\x65hell\xff"),
        ];
        for other in others {
            assert!(decode_bundle(&other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn what_a_message_says_is_bounded() {
        let alone = |message| {
            let messages = Vec::from([message]);
            let bundle = Bundle {
                messages,
                ..example()
            };
            decode_bundle(&encode_item(&bundle)).is_ok()
        };
        assert!(alone(control(0, CONTROL_BYTES)));
        assert!(!alone(control(0, CONTROL_BYTES + 1)));
        assert!(!alone(control(COUNTER + 1, 1)));
        assert!(alone(of_guest(0, &"x".repeat(TEXT_BYTES))));
        assert!(!alone(of_guest(0, &"x".repeat(TEXT_BYTES + 1))));
        assert!(!alone(of_guest(COUNTER + 1, "x")));
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        let mut raw = encode_item(&Bundle {
            messages: Vec::new(),
            ..example()
        })
        .to_vec();
        raw.pop();
        raw.extend(b"\x98\xff");
        assert!(decode_bundle(&raw.into()).is_err());
    }
}
