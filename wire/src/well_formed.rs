//! Finds the end of a CBOR item, for the shapes that the protocol writes: RFC 8949, appendix C.
//!
//! ciborium accepts more: an enum as two items, bytes as the name of a field, empty bytes as an empty list, tagged
//! bytes as a number. Here fields are named by text, numbers are whole and not negative, nothing is tagged or of
//! indefinite length, and no byte string is empty. So whatever is accepted has one meaning. Not here: the contents
//! of the item.

use core::ops::Range;

use crate::limit::NESTING;

/// The simple values that are written: false, true and null.
const FALSE: u64 = 20;
const NULL: u64 = 22;

/// Returns what follows the first item, or `None` if the item is cut off, malformed, or nested too deep.
pub(crate) fn skip_item(bytes: &[u8]) -> Option<&[u8]> {
    skip(bytes, NESTING)
}

/// Finds the first byte string of at least `least` bytes: returns the position of its head, and the range of its
/// contents. A flat scan is enough, since in a well-formed item one head follows another whatever the nesting.
pub(crate) fn long_bytes(bytes: &[u8], least: usize) -> Option<(usize, Range<usize>)> {
    let mut rest = bytes;
    loop {
        let (major, argument, after) = head(rest)?;
        let length = match major {
            2 | 3 => usize::try_from(argument).ok()?,
            _ => 0,
        };
        let (start, from) = (bytes.len() - rest.len(), bytes.len() - after.len());
        rest = after.get(length..)?;
        if major == 2 && length >= least {
            return Some((start, from..from + length));
        }
    }
}

fn skip(bytes: &[u8], depth: usize) -> Option<&[u8]> {
    let depth = depth.checked_sub(1)?;
    let (major, argument, rest) = head(bytes)?;
    match (major, argument) {
        (0, _) | (7, FALSE..=NULL) => Some(rest),
        (2, 0) => None,
        (2 | 3, length) => rest.get(usize::try_from(length).ok()?..),
        (4, count) => (0..count).try_fold(rest, |rest, _| skip(rest, depth)),
        (5, count) => (0..count).try_fold(rest, |rest, _| skip_field(rest, depth)),
        _ => None,
    }
}

/// Skips a field: its name and its value.
fn skip_field(bytes: &[u8], depth: usize) -> Option<&[u8]> {
    let is_text = bytes.first()? >> 5 == 3;
    skip(skip(bytes, depth).filter(|_| is_text)?, depth)
}

/// Reads the head of an item. Returns its major type, its argument, and what follows.
fn head(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (major, short) = (first >> 5, first & 0x1f);
    let length = match short {
        0..=23 => return Some((major, short.into(), rest)),
        24..=27 => 1 << (short - 24),
        _ => return None,
    };
    let (argument, rest) = rest.split_at_checked(length)?;
    let argument = argument
        .iter()
        .fold(0, |argument, byte| (argument << 8) | u64::from(*byte));
    // The protocol writes no floats, and no simple values that take a second byte.
    (major != 7).then_some((major, argument, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items from RFC 8949, appendix A, each with one byte after it.
    #[test]
    fn an_item_ends_where_it_ends() {
        let items: [&[u8]; 8] = [
            b"\x00",
            b"\x18\x64",
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xf6",
            b"\x44\x01\x02\x03\x04",
            b"\x62\xc3\xbc",
            b"\x83\x01\x82\x02\x03\x80",
            b"\xa1\x61a\x01",
        ];
        for item in items {
            let longer = [item, b"\x07"].concat();
            assert_eq!(skip_item(&longer), Some(&b"\x07"[..]), "{item:x?}");
            for end in 0..item.len() {
                assert_eq!(skip_item(&item[..end]), None, "{item:x?} until {end}");
            }
        }
    }

    #[test]
    fn what_is_no_item_has_no_end() {
        let malformed: [&[u8]; 6] = [
            b"",
            b"\xff",
            b"\x1c",
            b"\x1f",
            b"\xf8\x18",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ];
        for bytes in malformed {
            assert_eq!(skip_item(bytes), None, "{bytes:x?}");
        }
    }

    /// All of these are well-formed CBOR.
    #[test]
    fn what_nobody_writes_is_no_item() {
        let never: [&[u8]; 10] = [
            b"\x20",
            b"\xf9\x3c\x00",
            b"\xf8\xff",
            b"\xc1\x1a\x51\x4b\x67\xb0",
            b"\x40",
            b"\xa1\x41a\x01",
            b"\xa1\x01\x01",
            b"\x5f\x42\x01\x02\x41\x03\xff",
            b"\x9f\x01\xff",
            b"\xbf\x61a\x01\xff",
        ];
        for bytes in never {
            assert_eq!(skip_item(bytes), None, "{bytes:x?}");
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| [&[0x81].repeat(depth)[..], b"\x00"].concat();
        assert!(skip_item(&nested(NESTING - 1)).is_some());
        assert!(skip_item(&nested(NESTING)).is_none());
        for endless in [0x81, 0xd2, 0x9f] {
            assert!(skip_item(&[endless].repeat(60_000)).is_none());
        }
    }
}
