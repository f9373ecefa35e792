//! The limits on everything that travels, and decoders of single fields that stop when a limit is passed.
//!
//! `PROTOCOL.md` §2 has the same numbers with their reasons. Not here: the decoder of whole frames (`codec`).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// The longest frame, without its length prefix: a full bundle and its envelope.
pub const FRAME_BYTES: usize = 256 * 1024;
/// The longest sealed item: it fits into a frame with any envelope.
pub const SEALED_BYTES: usize = FRAME_BYTES - 512;
/// The longest handshake message: four times the longest that occurs.
pub const HANDSHAKE_BYTES: usize = 1024;
/// The deepest nesting of a CBOR item. Frames need 8.
pub const NESTING: usize = 16;
/// The longest text of one message, in bytes of UTF-8.
pub const TEXT_BYTES: usize = 16 * 1024;
/// The longest name, in characters.
pub const NAME_CHARS: usize = 32;
/// The longest name, in bytes of UTF-8.
pub const NAME_BYTES: usize = 4 * NAME_CHARS;
/// The longest `host:port`: a full domain name and a port.
pub const ADDRESS_BYTES: usize = 262;
/// The most further addresses that a node announces.
pub const OTHER_ADDRESSES: usize = 2;
/// The most addresses of one member at which newcomers enter: one that its own network reaches, and one for others.
pub const ENTRANCES: usize = 2;
/// The longest further address: it is numeric, without a domain name.
pub const OTHER_ADDRESS_BYTES: usize = 48;
/// The longest content of one control message, in bytes: twice what is in force in a room.
pub const CONTROL_BYTES: usize = 32 * 1024;
/// The longest reason of somebody who is away, in bytes of UTF-8.
pub const AWAY_BYTES: usize = 512;
/// The most text and content in one bundle: it keeps a bundle within a frame, whatever its heads.
pub const BUNDLE_BODY_BYTES: usize = 192 * 1024;
/// The most messages in one bundle.
pub const BUNDLE_MESSAGES: usize = 1_024;
/// The most heads of one bundle: 512 of 28 bytes fit a frame beside the text.
pub const BUNDLE_HEADS: usize = 512;
/// The greatest ratio of a bundle's size to that of its heads at which the heads are abbreviated. Beyond it the
/// saving is not worth a copy at every hop.
pub const BRIEF_SHARE: usize = 64;
/// The most members of a discussion.
pub const MEMBERS: usize = 16_384;
/// The most members in one page of a view. A full page of the longest names and addresses fits into a frame, and
/// 16,384 members fit into 256 pages.
pub const PAGE_MEMBERS: usize = 64;
/// The most names of former members in one page of a view: with a full page of members they still fit into a frame.
pub const PAGE_FORMER: usize = 512;
/// The most changes of one kind in a view update; the rest go into the next view.
pub const UPDATE_CHANGES: usize = 64;
/// The most clock entries in one page.
pub const PAGE_CLOCK: usize = 1_024;
/// The number of hashes of earlier views that a full view carries to prove its descent.
pub const VIEW_ANCESTORS: usize = 64;
/// The most item ids in one receipt, or ranges in one pull.
pub const PAGE_ITEMS: usize = 512;
/// The number of openings that a full view carries.
pub const VIEW_OPENINGS: usize = 16;
/// The most seals in an opening.
pub const OPENING_SEALS: usize = 2;
/// The number of earlier departures that a full view carries.
pub const VIEW_DEPARTURES: usize = 32;
/// The largest value of any counter: it leaves room to count on, and JSON can represent it.
pub const COUNTER: u64 = 1 << 52;
/// The most fingers in a report: two in each of the 14 halvings of a full ring make 28.
pub const FINGERS: usize = 64;
/// The most suspects in a report: a node that suspects more is most likely cut off itself.
pub const SUSPECTS: usize = 64;
/// The most members in a report's `brought` list: fingers and neighbours.
pub const BROUGHT: usize = FINGERS + 2;
/// The most authors in a clock: present members, and departed ones whose messages may still come.
pub const AUTHORS: usize = 65_536;
/// The longest reason of a close, in bytes of plain text.
pub const REASON_BYTES: usize = 256;

/// Decodes a sequence of at most `MAX` items, and fails at the first one beyond.
pub(crate) fn at_most<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct AtMost<T, const MAX: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for AtMost<T, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX} items")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = seq.next_element()? {
                if items.len() == MAX {
                    return Err(A::Error::invalid_length(MAX + 1, &self));
                }
                items.push(item);
            }
            Ok(items)
        }
    }

    deserializer.deserialize_seq(AtMost::<T, MAX>(PhantomData))
}

/// Decodes text of at most `MAX` bytes.
pub(crate) fn short_text<'de, D, const MAX: usize>(deserializer: D) -> Result<String, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    if text.len() > MAX {
        return Err(D::Error::custom(format_args!(
            "text of {} bytes, {MAX} allowed",
            text.len()
        )));
    }
    Ok(text)
}

/// Decodes at most `MAX` texts of at most `BYTES` bytes each.
pub(crate) fn short_texts<'de, D, const MAX: usize, const BYTES: usize>(
    deserializer: D,
) -> Result<Vec<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let texts: Vec<String> = at_most::<_, _, MAX>(deserializer)?;
    match texts.iter().find(|text| text.len() > BYTES) {
        Some(long) => Err(D::Error::custom(format_args!(
            "text of {} bytes, {BYTES} allowed",
            long.len()
        ))),
        None => Ok(texts),
    }
}

/// Decodes a counter: of messages, views, epochs or members.
pub(crate) fn counter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if number > COUNTER {
        return Err(D::Error::custom("a counter above 2^52"));
    }
    Ok(number)
}

/// Decodes exactly `N` bytes.
pub(crate) fn exactly<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    struct Exactly<const N: usize>;

    impl<const N: usize> Visitor<'_> for Exactly<N> {
        type Value = [u8; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{N} bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            bytes
                .try_into()
                .map_err(|_| E::invalid_length(bytes.len(), &self))
        }
    }

    deserializer.deserialize_bytes(Exactly::<N>)
}
