//! How much of anything may travel, and the decoding that stops reading where the limit is passed.
//!
//! `PROTOCOL.md` §2 has the same numbers with their reasons. Decoding here means one field; a
//! whole frame is decoded by `codec`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// The longest frame, its length prefix not counted: a full bundle and its envelope.
pub const FRAME_BYTES: usize = 256 * 1024;
/// The most that is sealed: it fits a frame with any envelope.
pub const SEALED_BYTES: usize = FRAME_BYTES - 512;
/// The longest message of a handshake: four times what the longest has.
pub const HANDSHAKE_BYTES: usize = 1024;
/// The deepest nesting of one CBOR item. Frames need 8.
pub const NESTING: usize = 16;
/// The longest text of one message, in bytes of UTF-8.
pub const TEXT_BYTES: usize = 16 * 1024;
/// The longest name, in characters.
pub const NAME_CHARS: usize = 32;
/// The longest name, in bytes of UTF-8.
pub const NAME_BYTES: usize = 4 * NAME_CHARS;
/// The longest `host:port`: a full domain name and a port.
pub const ADDRESS_BYTES: usize = 262;
/// How many further addresses a node names.
pub const OTHER_ADDRESSES: usize = 2;
/// The longest of them: they have digits, and no domain name.
pub const OTHER_ADDRESS_BYTES: usize = 48;
/// The most text in one bundle: it keeps a bundle within a frame, whatever its heads.
pub const BUNDLE_TEXT_BYTES: usize = 192 * 1024;
/// The most messages in one bundle.
pub const BUNDLE_MESSAGES: usize = 1_024;
/// The most heads of one bundle: 512 of 28 bytes fit a frame beside the text.
pub const BUNDLE_HEADS: usize = 512;
/// How many times the bytes of its heads a bundle may have where they are named shortly: with more it is copied at
/// every hop for too little.
pub const BRIEF_SHARE: usize = 64;
/// The most members of a discussion.
pub const MEMBERS: usize = 16_384;
/// The most members in one page of a view: full pages of the longest names and addresses fit a
/// frame, and 16,384 members fit 256 pages.
pub const PAGE_MEMBERS: usize = 64;
/// The most names of former members in one page of a view: with a full page of members they still fit a frame.
pub const PAGE_FORMER: usize = 512;
/// The most changes in one view update; more go into the next view.
pub const UPDATE_CHANGES: usize = 64;
/// The most entries of a clock in one page.
pub const PAGE_CLOCK: usize = 1_024;
/// How many hashes of earlier views a full view carries, to prove its descent.
pub const VIEW_ANCESTORS: usize = 64;
/// The most ids of items in one receipt, or ranges in one pull.
pub const PAGE_ITEMS: usize = 512;
/// How many openings of earlier epochs a full view carries.
pub const VIEW_OPENINGS: usize = 16;
/// How many members stand for an opening.
pub const OPENING_SEALS: usize = 2;
/// How many earlier departures a full view carries.
pub const VIEW_DEPARTURES: usize = 32;
/// The largest number that counts anything: it leaves room to go on counting, and JSON can show it.
pub const COUNTER: u64 = 1 << 52;
/// The most fingers in a report: two in each of the 14 halvings of a full ring make 28.
pub const FINGERS: usize = 64;
/// The most suspects in a report: a node that suspects more is most likely cut off itself.
pub const SUSPECTS: usize = 64;
/// The most members in a report of whom it says how much they have brought: fingers and neighbours.
pub const BROUGHT: usize = FINGERS + 2;
/// The most authors in a clock: present members, and those departed whose messages may still come.
pub const AUTHORS: usize = 65_536;
/// The longest reason in clear text.
pub const REASON_BYTES: usize = 256;

/// Reads a sequence of at most `MAX` items, and fails at the one beyond.
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

/// Reads text of at most `MAX` bytes.
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

/// Reads at most `MAX` texts of at most `BYTES` bytes each.
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

/// Reads a number that counts: of messages, views, epochs, members.
pub(crate) fn counter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if number > COUNTER {
        return Err(D::Error::custom("a number too large to count anything"));
    }
    Ok(number)
}

/// Reads exactly `N` bytes.
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
