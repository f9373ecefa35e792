//! The decoders of `wire`: what they accept encodes to the same value, and memory stays in proportion to the input.
//!
//! Not here: whether what they accept is CBOR (`differential`).

use bytes::Bytes;
use ringtalk_wire::limit::{FRAME_BYTES, SEALED_BYTES};
use ringtalk_wire::{
    Announcement, Brief, Bundle, DecodeError, Direction, Frame, Interval, Introduction, Item,
    KEY_BYTES, PREFACE_BYTES, PrefaceError, PublicKey, RingKey, SIGNATURE_BYTES, Seal, Sealed,
    ShortId, Signature, VERSION, check_preface, decode, encode, encode_item, preface,
};

use crate::memory;

/// Bytes of memory that a decoder may use for each byte of input. The smallest list items, of some 10 bytes of CBOR,
/// use 64, and a growing list exists twice and is half empty.
const FACTOR: usize = 48;
/// Bytes of memory that it may use besides, for an error message.
const BESIDE: usize = 16 * 1024;

/// The seal on everything in the corpora; no target verifies its signature.
pub(crate) const SEAL: Seal = Seal {
    key: PublicKey([7; KEY_BYTES]),
    signature: Signature([9; SIGNATURE_BYTES]),
};

/// An arbitrary part of the ring.
const INTERVAL: Interval = Interval {
    direction: Direction::Clockwise,
    limit: RingKey(5),
    layout: 0,
};

/// Runs `action`, and panics if its memory is out of proportion to the bytes.
pub(crate) fn in_proportion<T>(bytes: &[u8], action: impl FnOnce() -> T) -> T {
    let bound = BESIDE + FACTOR * bytes.len();
    memory::within(bound, "a decoder", action)
}

/// Decodes a frame, and the sealed item in it.
pub(crate) fn frame(bytes: &[u8]) {
    let Ok(frame) = in_proportion(bytes, || decode(bytes)) else {
        return;
    };
    assert!(bytes.len() <= FRAME_BYTES, "a frame is too long");
    let again = encode(&frame);
    assert_eq!(decode(&again).as_ref(), Ok(&frame), "the frame changed");
    if let Frame::Brief(brief) = &frame {
        drop(in_proportion(bytes, || {
            brief.expand(|short| Some(*short.ids().end()))
        }));
        drop(in_proportion(bytes, || brief.item_id()));
    }
    if let Some(sealed) = sealed_in(&frame) {
        drop(in_proportion(&sealed.raw, || sealed.bundle()));
        drop(in_proportion(&sealed.raw, || sealed.announcement()));
        assert!(!sealed.contradicts(sealed), "a bundle contradicts itself");
    }
}

/// Returns the sealed item in a frame, if there is one.
pub(crate) const fn sealed_in(frame: &Frame) -> Option<&Sealed> {
    match frame {
        Frame::Spread(spread) => match &spread.item {
            Item::Bundle(sealed) | Item::Announcement(sealed) => Some(sealed),
        },
        Frame::Pulled(sealed) | Frame::Update(sealed) | Frame::Evidence(sealed) => Some(sealed),
        _ => None,
    }
}

fn sealed(bytes: &[u8]) -> Sealed {
    Sealed {
        raw: Bytes::copy_from_slice(bytes),
        seal: SEAL,
    }
}

/// Decodes a sealed item as a bundle.
pub(crate) fn bundle(bytes: &[u8]) {
    let before = sealed(bytes);
    let Ok(bundle) = in_proportion(bytes, || before.bundle()) else {
        return;
    };
    assert!(before.weight() <= SEALED_BYTES, "a bundle is too long");
    is_sound(&bundle);
    let written = encode_item(&bundle);
    assert_eq!(written, bytes, "a bundle has another encoding");
    let again = sealed(&written);
    assert_eq!(again.bundle().as_ref(), Ok(&bundle), "the bundle changed");
    assert!(!before.contradicts(&again), "a bundle contradicts itself");
    is_abbreviated(&before, &bundle);
}

/// Checks that a reader who knows the authors of the heads, and no other node with their short ids, can expand the
/// brief form to the same bundle.
fn is_abbreviated(sealed: &Sealed, bundle: &Bundle) {
    let known = |short: ShortId| {
        let mut like = bundle.heads.iter().map(|head| head.author);
        let one = like.find(|id| short.ids().contains(id))?;
        like.all(|id| id == one || !short.ids().contains(&id))
            .then_some(one)
    };
    if let Some(brief) = Brief::of(sealed, INTERVAL, known) {
        let expanded = in_proportion(&sealed.raw, || brief.expand(known));
        assert_eq!(
            expanded.as_ref(),
            Ok(&Some(sealed.clone())),
            "the bundle changed"
        );
    }
}

/// Checks the author, the size, and that the numbers do not overflow.
fn is_sound(bundle: &Bundle) {
    assert_eq!(bundle.author, SEAL.signer(), "the author did not sign");
    assert!(bundle.first >= 1 && bundle.last() >= bundle.first);
    assert!(bundle.last_lamport() >= bundle.lamport);
    assert!(bundle.last_id().seq == bundle.last() && bundle.body_bytes() <= FRAME_BYTES);
}

/// Decodes a sealed item as an announcement.
pub(crate) fn announcement(bytes: &[u8]) {
    let before = sealed(bytes);
    let Ok(announcement) = in_proportion(bytes, || before.announcement()) else {
        return;
    };
    let again = sealed(&encode_item(&announcement)).announcement();
    assert_eq!(again.as_ref(), Ok(&announcement), "the item changed");
    assert_eq!(announcement.item_id().origin, SEAL.signer());
    let (Announcement::View(_) | Announcement::Page(_)) = announcement;
}

/// Decodes what comes before there is a link: the preface, and an introduction after it.
pub(crate) fn introduction(bytes: &[u8]) {
    let Some((first, said)) = bytes.split_first_chunk::<PREFACE_BYTES>() else {
        return;
    };
    match check_preface(*first) {
        Ok(()) => assert_eq!(*first, preface(), "another preface is accepted"),
        Err(PrefaceError::Version(version)) => assert_ne!(version, VERSION),
        Err(PrefaceError::Foreign) => assert_ne!(*first, preface()),
    }
    match in_proportion(said, || Introduction::decode(said)) {
        Ok(introduction) => {
            let again = Introduction::decode(&introduction.encode());
            assert_eq!(again, Ok(introduction), "it changed");
        }
        Err(DecodeError::TooLong(length)) => assert!(length > FRAME_BYTES),
        Err(_) => {}
    }
}
