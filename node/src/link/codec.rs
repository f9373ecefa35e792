//! The framing of a stream: a frame's length as a big-endian `u32`, then its bytes.
//!
//! Not here: what the bytes mean (`ringtalk_wire::decode`), the records around them (`record`).

use ringtalk_wire::limit::FRAME_BYTES;

use super::LinkError;
use super::buffer::Buffer;

/// The size of the length, in bytes.
pub(super) const PREFIX_BYTES: usize = 4;

/// Returns the first frame of a stream without its length, or `None` if it is not complete. A frame that is too long
/// is refused by its length alone.
pub(super) fn split_frame(stream: &[u8]) -> Result<Option<&[u8]>, LinkError> {
    let Some((prefix, rest)) = stream.split_first_chunk::<PREFIX_BYTES>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*prefix);
    if length as usize > FRAME_BYTES {
        return Err(LinkError::TooLong(length));
    }
    Ok(rest.get(..length as usize))
}

/// Appends a frame with its length.
pub(super) fn append_frame(buffer: &mut Buffer, frame: &[u8]) {
    debug_assert!(frame.len() <= FRAME_BYTES, "a frame outgrew its limit");
    buffer.put(&(frame.len() as u32).to_be_bytes());
    buffer.put(frame);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_cut_once_it_is_complete() {
        let mut stream = Buffer::default();
        append_frame(&mut stream, b"one");
        append_frame(&mut stream, b"");
        let stream = stream.waiting();
        for end in 0..PREFIX_BYTES + 3 {
            assert_eq!(split_frame(&stream[..end]).unwrap(), None);
        }
        assert_eq!(split_frame(stream).unwrap(), Some(&b"one"[..]));
        assert_eq!(split_frame(&stream[7..]).unwrap(), Some(&b""[..]));
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
            Err(LinkError::TooLong(u32::MAX))
        ));
    }
}
