//! The header of a record, in which the encrypted bytes of a link travel: `PROTOCOL.md` §3.3.
//!
//! The last byte of its contents names the stream that the others continue. A record has its length twice, the second time inverted. So the receiver notices a damaged length at once; otherwise
//! it would wait for bytes that nobody sends. Not here: the encryption (the links in `ringtalk-node`).

/// The length of a record's header, in bytes.
pub const RECORD_HEADER_BYTES: usize = 4;
/// The length of the tag that authenticates a record, in bytes: no record is shorter.
pub const RECORD_TAG_BYTES: usize = 16;

/// The last byte of the contents of a record that continues the main stream, in which any frame may be.
pub const MAIN_STREAM: u8 = 0;
/// The last byte of the contents of a record that continues the stream of urgent frames.
pub const URGENT_STREAM: u8 = 1;

/// Returns the header of a record with this many encrypted bytes.
pub const fn record_header(length: u16) -> [u8; RECORD_HEADER_BYTES] {
    let [high, low] = length.to_be_bytes();
    [high, low, !high, !low]
}

/// Returns the length that a record's header gives, or `None` if the header is damaged.
pub fn record_length(header: [u8; RECORD_HEADER_BYTES]) -> Option<usize> {
    let [high, low, ..] = header;
    let length = u16::from_be_bytes([high, low]);
    let is_valid = header == record_header(length) && usize::from(length) >= RECORD_TAG_BYTES;
    is_valid.then_some(length.into())
}
