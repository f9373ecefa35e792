//! Where a CBOR item ends, whatever it means: RFC 8949, appendix C.
//!
//! ciborium takes an enum also as two items, its name and then its body. Not here: what is in the item.

use crate::limit::NESTING;

/// What ends an item of unknown length.
const BREAK: u8 = 0xff;

/// What follows the first item; nothing where that is cut off, malformed, or nested too deep.
pub(crate) fn skip_item(bytes: &[u8]) -> Option<&[u8]> {
    skip(bytes, NESTING)
}

fn skip(bytes: &[u8], depth: usize) -> Option<&[u8]> {
    let depth = depth.checked_sub(1)?;
    let (major, argument, rest) = head(bytes)?;
    match (major, argument) {
        (0 | 1 | 7, Some(_)) => Some(rest),
        (2 | 3, Some(length)) => rest.get(usize::try_from(length).ok()?..),
        (4, Some(count)) => (0..count).try_fold(rest, |rest, _| skip(rest, depth)),
        (5, Some(count)) => (0..count).try_fold(rest, |rest, _| skip(skip(rest, depth)?, depth)),
        (2 | 3, None) => until_break(rest, |rest| match head(rest)? {
            (part, Some(length), rest) if part == major => {
                rest.get(usize::try_from(length).ok()?..)
            }
            _ => None,
        }),
        // A tag means nothing here, but what it tags is one deeper.
        (6, Some(_)) => skip(rest, depth),
        (4, None) => until_break(rest, |rest| skip(rest, depth)),
        (5, None) => until_break(rest, |rest| skip(skip(rest, depth)?, depth)),
        _ => None,
    }
}

/// The major type, and the argument, if it has one; and what follows them.
fn head(bytes: &[u8]) -> Option<(u8, Option<u64>, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (major, short) = (first >> 5, first & 0x1f);
    let length = match short {
        0..=23 => return Some((major, Some(short.into()), rest)),
        24..=27 => 1 << (short - 24),
        31 if (2..=5).contains(&major) => return Some((major, None, rest)),
        _ => return None,
    };
    let (argument, rest) = rest.split_at_checked(length)?;
    let argument = argument
        .iter()
        .fold(0, |argument, byte| (argument << 8) | u64::from(*byte));
    // RFC 8949 §3.3: a simple value below 32 has no second byte.
    (major != 7 || length != 1 || argument >= 32).then_some((major, Some(argument), rest))
}

fn until_break(mut rest: &[u8], part: impl Fn(&[u8]) -> Option<&[u8]>) -> Option<&[u8]> {
    loop {
        match rest.split_first()? {
            (&BREAK, after) => return Some(after),
            _ => rest = part(rest)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows, for items that RFC 8949 has in its appendix A, with one byte after them.
    #[test]
    fn an_item_ends_where_it_ends() {
        let items: [&[u8]; 12] = [
            b"\x00",
            b"\x18\x64",
            b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xf9\x3c\x00",
            b"\xf8\xff",
            b"\x44\x01\x02\x03\x04",
            b"\x62\xc3\xbc",
            b"\xc1\x1a\x51\x4b\x67\xb0",
            b"\x83\x01\x82\x02\x03\x80",
            b"\xa1\x61a\x01",
            b"\x5f\x42\x01\x02\x41\x03\xff",
            b"\xbf\x61a\x9f\x01\xff\xff",
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
        let malformed: [&[u8]; 8] = [
            b"",
            b"\xff",
            b"\x1c",
            b"\x1f",
            b"\xf8\x18",
            b"\x5f\x61a\xff",
            b"\xbf\x01\xff",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ];
        for bytes in malformed {
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
