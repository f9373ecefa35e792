//! A stream of frames with their headers: it is cut as its headers say, on the channels that they name.
//!
//! Not here: the records that carry it (`records`), what the frames mean (`wire`).

use bytes::BytesMut;
use ringtalk_node::fuzzing::{cut_frames, frame_on};
use ringtalk_wire::limit::FRAME_BYTES;
use ringtalk_wire::{Channel, FrameHeader, HEADER_BYTES};

use crate::reader::Reader;

/// What is on a stream by an independent reading of it: the frames, each with the number of its channel, the bytes of all
/// of them, and whether a frame that is too long follows.
#[derive(Debug, Default)]
struct Expected<'a> {
    frames: Vec<(u16, &'a [u8])>,
    bytes: usize,
    is_too_long: bool,
}

/// Cuts a stream that comes in parts, and compares the frames with what the headers say.
pub(crate) fn check(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let part = usize::from(reader.byte()).max(1);
    let stream = reader.rest();
    let expected = read(stream);

    let (mut waiting, mut frames, mut again) = (BytesMut::new(), Vec::new(), Vec::new());
    let mut error = None;
    for part in stream.chunks(part) {
        waiting.extend_from_slice(part);
        let cut = cut_frames(&mut waiting, |channel, frame| {
            frames.push((channel.number(), frame.to_vec()));
            frame_on(channel, frame, &mut again);
        });
        error = cut.err();
        if error.is_some() {
            break;
        }
    }
    let frames: Vec<(u16, &[u8])> = frames.iter().map(|(on, frame)| (*on, &frame[..])).collect();
    assert_eq!(frames, expected.frames, "other frames than the headers say");
    assert_eq!(
        again,
        stream[..expected.bytes],
        "the frames go out as they came"
    );
    assert_eq!(error.is_some(), expected.is_too_long, "{error:?}");
    let headers = stream.windows(HEADER_BYTES);
    headers.for_each(|header| is_sound(header.try_into().expect("they are as long as a header")));
}

/// Reads a stream by the text of `PROTOCOL.md` §2: 12 bits of channel, 20 bits of length, big endian.
fn read(stream: &[u8]) -> Expected<'_> {
    let mut expected = Expected::default();
    while let [one, two, three, four, rest @ ..] = &stream[expected.bytes..] {
        let channel = u16::from(*one) << 4 | u16::from(*two) >> 4;
        let length = usize::from(*two & 15) << 16 | usize::from(*three) << 8 | usize::from(*four);
        if length > FRAME_BYTES {
            expected.is_too_long = true;
            break;
        }
        let Some(frame) = rest.get(..length) else {
            break;
        };
        expected.frames.push((channel, frame));
        expected.bytes += HEADER_BYTES + length;
    }
    expected
}

/// Checks that a header has a channel that exists, and goes out as it came.
fn is_sound(bytes: [u8; HEADER_BYTES]) {
    let header = FrameHeader::from_bytes(bytes);
    assert_eq!(header.to_bytes(), bytes, "the header changed");
    let channel = Channel::new(header.channel.number());
    assert_eq!(channel, Some(header.channel), "there is no such channel");
}
