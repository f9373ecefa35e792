//! Where a frame begins and ends: its length as a `u32`, big endian, then its bytes.
//!
//! Not here: what the bytes mean (`ringtalk_wire::decode`).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ringtalk_wire::limit::{FRAME_BYTES, HANDSHAKE_FRAME_BYTES};
use tokio_util::codec::Decoder;

use super::LinkError;

/// How many bytes the length has.
pub(super) const PREFIX_BYTES: usize = 4;

/// Cuts a stream of bytes into frames, and refuses a long one before any room is made for it.
#[derive(Debug)]
pub(super) struct Cutter {
    most: usize,
}

impl Cutter {
    /// For the handshake: frames are short.
    pub(super) const fn for_handshake() -> Self {
        Self {
            most: HANDSHAKE_FRAME_BYTES,
        }
    }

    /// After the handshake frames may have their full length.
    pub(super) const fn widen(&mut self) {
        self.most = FRAME_BYTES;
    }
}

impl Decoder for Cutter {
    type Item = Bytes;
    type Error = LinkError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Bytes>, LinkError> {
        let Some(prefix) = source.first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix);
        if length as usize > self.most {
            return Err(LinkError::TooLong(length));
        }
        let end = PREFIX_BYTES + length as usize;
        if source.len() < end {
            source.reserve(end - source.len());
            return Ok(None);
        }
        source.advance(PREFIX_BYTES);
        Ok(Some(source.split_to(length as usize).freeze()))
    }
}

/// Appends a frame with its length.
pub(super) fn append(buffer: &mut Vec<u8>, frame: &[u8]) {
    debug_assert!(frame.len() <= FRAME_BYTES, "a frame outgrew its limit");
    buffer.put_u32(frame.len() as u32);
    buffer.put_slice(frame);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(cutter: &mut Cutter, bytes: &[u8]) -> Result<Option<Bytes>, LinkError> {
        cutter.decode(&mut BytesMut::from(bytes))
    }

    #[test]
    fn frames_are_cut_wherever_the_stream_is() {
        let mut stream = Vec::new();
        append(&mut stream, b"one");
        append(&mut stream, b"");
        append(&mut stream, b"three");
        let mut cutter = Cutter::for_handshake();
        let mut buffer = BytesMut::new();
        let mut frames = Vec::new();
        for byte in stream {
            buffer.put_u8(byte);
            frames.extend(cutter.decode(&mut buffer).unwrap());
        }
        assert_eq!(frames, [&b"one"[..], b"", b"three"]);
    }

    #[test]
    fn a_long_frame_is_refused_by_its_length_alone() {
        let mut cutter = Cutter::for_handshake();
        let longest = (HANDSHAKE_FRAME_BYTES as u32).to_be_bytes();
        assert!(cut(&mut cutter, &longest).unwrap().is_none());
        let longer = (HANDSHAKE_FRAME_BYTES as u32 + 1).to_be_bytes();
        assert!(matches!(
            cut(&mut cutter, &longer),
            Err(LinkError::TooLong(1025))
        ));
        cutter.widen();
        assert!(cut(&mut cutter, &longer).unwrap().is_none());
        assert!(matches!(
            cut(&mut cutter, &[0xff; 4]),
            Err(LinkError::TooLong(u32::MAX))
        ));
    }

    #[test]
    fn room_is_made_for_one_frame_at_most() {
        let mut cutter = Cutter::for_handshake();
        cutter.widen();
        let mut buffer = BytesMut::from(&(FRAME_BYTES as u32).to_be_bytes()[..]);
        assert!(cutter.decode(&mut buffer).unwrap().is_none());
        assert!(buffer.capacity() <= 2 * (FRAME_BYTES + PREFIX_BYTES));
    }
}
