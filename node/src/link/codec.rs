//! The framing of a stream: a header with the channel and the length of a frame, then its bytes.
//!
//! Not here: what the bytes mean (`ringtalk_wire::decode`), the records around them (`record`).

use ringtalk_wire::limit::FRAME_BYTES;
use ringtalk_wire::{Channel, FrameHeader, HEADER_BYTES};

use super::LinkError;
use super::buffer::Buffer;

/// Returns the first frame of a stream without its header, and its channel, or `None` if it is not complete. A frame
/// that is too long is refused by its header alone.
pub(super) fn split_frame(stream: &[u8]) -> Result<Option<(Channel, &[u8])>, LinkError> {
    let Some((header, rest)) = stream.split_first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let FrameHeader { channel, length } = FrameHeader::from_bytes(*header);
    if length as usize > FRAME_BYTES {
        return Err(LinkError::TooLong(length));
    }
    let frame = rest.get(..length as usize);
    Ok(frame.map(|frame| (channel, frame)))
}

/// Appends a frame with its header.
pub(super) fn append_frame(buffer: &mut Buffer, channel: Channel, frame: &[u8]) {
    debug_assert!(frame.len() <= FRAME_BYTES, "a frame outgrew its limit");
    let header = FrameHeader {
        channel,
        length: frame.len() as u32,
    };
    buffer.put(&header.to_bytes());
    buffer.put(frame);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_cut_once_it_is_complete() {
        let mut stream = Buffer::default();
        let room = Channel::new(7).unwrap();
        append_frame(&mut stream, Channel::LOBBY, b"one");
        append_frame(&mut stream, room, b"");
        let stream = stream.waiting();
        for end in 0..HEADER_BYTES + 3 {
            assert_eq!(split_frame(&stream[..end]).unwrap(), None);
        }
        let one = (Channel::LOBBY, &b"one"[..]);
        assert_eq!(split_frame(stream).unwrap(), Some(one));
        assert_eq!(split_frame(&stream[7..]).unwrap(), Some((room, &b""[..])));
    }

    #[test]
    fn a_long_frame_is_refused_by_its_length_alone() {
        let longest = (FRAME_BYTES as u32).to_be_bytes();
        assert_eq!(split_frame(&longest).unwrap(), None);
        let longer = (FRAME_BYTES as u32 + 1).to_be_bytes();
        assert!(matches!(
            split_frame(&longer),
            Err(LinkError::TooLong(262_145))
        ));
        assert!(matches!(
            split_frame(&[0xff; 4]),
            Err(LinkError::TooLong(0xf_ffff))
        ));
    }
}
