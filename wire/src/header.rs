//! The header of a frame: its channel, which says the ring that it belongs to, and its length.
//!
//! Not here: which ring a channel stands for (the links in `ringtalk-node`).

/// The size of a header, in bytes.
pub const HEADER_BYTES: usize = 4;

/// How many bits of a header the length takes. The channel has the 12 bits before them.
const LENGTH_BITS: u32 = 20;

/// The number of a channel of a link: each end numbers those on which it sends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Channel(u16);

impl Channel {
    /// The channel of the lobby, which every link has.
    pub const LOBBY: Self = Self(0);
    /// The highest number of a channel.
    pub const MAX: u16 = (1 << (u32::BITS - LENGTH_BITS)) - 1;

    /// Returns the channel with this number, if a header has room for it.
    pub const fn new(number: u16) -> Option<Self> {
        if number <= Self::MAX {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Returns its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// What comes before each frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// The channel on which the frame was sent.
    pub channel: Channel,
    /// The length of the frame, in bytes: below 1 MiB.
    pub length: u32,
}

impl FrameHeader {
    /// Returns the header as it travels, big endian.
    pub const fn to_bytes(self) -> [u8; HEADER_BYTES] {
        debug_assert!(self.length >> LENGTH_BITS == 0, "a frame is far shorter");
        ((self.channel.0 as u32) << LENGTH_BITS | self.length).to_be_bytes()
    }

    /// Returns the header that these bytes are. All bytes are a header, and not every length is allowed.
    pub const fn from_bytes(bytes: [u8; HEADER_BYTES]) -> Self {
        let header = u32::from_be_bytes(bytes);
        Self {
            channel: Channel((header >> LENGTH_BITS) as u16),
            length: header & ((1 << LENGTH_BITS) - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::FRAME_BYTES;

    #[test]
    fn a_header_comes_back_as_it_went() {
        for number in [0, 1, 0x7ff, Channel::MAX] {
            for length in [0, 1, FRAME_BYTES as u32, (1 << LENGTH_BITS) - 1] {
                let channel = Channel::new(number).unwrap();
                let header = FrameHeader { channel, length };
                assert_eq!(FrameHeader::from_bytes(header.to_bytes()), header);
            }
        }
        assert_eq!(Channel::new(Channel::MAX + 1), None);
    }

    #[test]
    fn the_lobby_has_the_header_of_a_plain_length() {
        let header = FrameHeader {
            channel: Channel::LOBBY,
            length: 258,
        };
        assert_eq!(header.to_bytes(), [0, 0, 1, 2]);
        let channel = Channel::new(0xabc).unwrap();
        let other = FrameHeader { channel, ..header };
        assert_eq!(other.to_bytes(), [0xab, 0xc0, 1, 2]);
    }
}
