//! The records of a link, and the frames in them: nothing comes out that was not put in.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use ringtalk_node::fuzzing::{Records, cut_frames};
use ringtalk_wire::decode;
use ringtalk_wire::limit::FRAME_BYTES;

use crate::handshake::credentials;
use crate::memory;
use crate::reader::Reader;

/// Bytes of memory that decryption may use besides eight times the stream, which exists encrypted, decrypted and in
/// frames.
const BESIDE: usize = 1024 * 1024;

/// The distance between the record numbers of two inputs: more records than an input has.
const RECORDS: u64 = 1 << 20;
static SKIPPED: AtomicU64 = AtomicU64::new(0);

/// Encrypts some parts, changes the stream, appends bytes of the fuzzer's, and decrypts the result.
pub(crate) fn check(bytes: &[u8]) {
    static LINK: OnceLock<Records> = OnceLock::new();
    let link = LINK.get_or_init(|| {
        let [one, other] = credentials(b"records");
        Records::between(&one, &other).expect("an unchanged handshake succeeds")
    });
    let mut reader = Reader::new(bytes);
    let read_bytes = usize::from(reader.short());
    let parts: Vec<&[u8]> = (0..reader.byte() % 4).map(|_| reader.piece()).collect();
    let honest = parts.concat();
    // Never uses a tag twice: the fuzzer sees the values that its own bytes are compared with.
    let skipped = SKIPPED.fetch_add(RECORDS, Ordering::Relaxed);
    let mut stream = link.encrypt(skipped, parts);
    let encrypted = stream.clone();
    reader.edit(&mut stream);
    stream.extend_from_slice(reader.rest());

    let bound = BESIDE + 8 * stream.len();
    let mut decrypted = memory::within(bound, "a link", || {
        link.decrypt(skipped, &stream, read_bytes)
    });
    assert!(
        honest.starts_with(&decrypted.plain),
        "other bytes were decrypted than were encrypted"
    );
    let intact = stream.starts_with(&encrypted);
    assert!(
        !intact || decrypted.plain == honest,
        "intact records were not decrypted"
    );
    let whole = intact && stream.len() == encrypted.len();
    assert!(!whole || (decrypted.error.is_none() && decrypted.rest == 0));

    cut(&mut decrypted.plain);
    // The fuzzer's own bytes never pass as a record, but they may pass as a stream of frames.
    cut(&mut BytesMut::from(reader.rest()));
}

fn cut(plain: &mut BytesMut) {
    let _ = cut_frames(plain, |_, frame| {
        assert!(frame.len() <= FRAME_BYTES);
        drop(decode(frame));
    });
}
