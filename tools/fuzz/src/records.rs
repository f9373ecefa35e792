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

/// What the ends of a link take for so many bytes: the stream, as it came and opened, and frames.
const BESIDE: usize = 1024 * 1024;

/// More records than one input has.
const RECORDS: u64 = 1 << 20;
static SKIPPED: AtomicU64 = AtomicU64::new(0);

/// Some parts, sealed, then changed on their way; and what the fuzzer thinks up by itself.
pub(crate) fn check(bytes: &[u8]) {
    static LINK: OnceLock<Records> = OnceLock::new();
    let link = LINK.get_or_init(|| {
        let [one, other] = credentials();
        Records::between(one, other).expect("nobody meddles")
    });
    let mut reader = Reader::new(bytes);
    let read_bytes = usize::from(reader.short());
    let parts: Vec<&[u8]> = (0..reader.byte() % 4).map(|_| reader.piece()).collect();
    let honest = parts.concat();
    // Never the same tag twice: the fuzzer sees with what its own is compared.
    let skipped = SKIPPED.fetch_add(RECORDS, Ordering::Relaxed);
    let mut stream = link.seal(skipped, parts);
    let sealed = stream.clone();
    reader.edit(&mut stream);
    stream.extend_from_slice(reader.rest());

    let bound = BESIDE + 8 * stream.len();
    let mut opened = memory::within(bound, "a link", || link.open(skipped, &stream, read_bytes));
    assert!(
        honest.starts_with(&opened.plain),
        "something else was opened than was sealed"
    );
    let intact = stream.starts_with(&sealed);
    assert!(
        !intact || opened.plain == honest,
        "what is intact is opened"
    );
    let whole = intact && stream.len() == sealed.len();
    assert!(!whole || (opened.error.is_none() && opened.rest == 0));

    cut(&mut opened.plain);
    // What the fuzzer thinks up never passes as a record: as a stream of frames it may.
    cut(&mut BytesMut::from(reader.rest()));
}

fn cut(plain: &mut BytesMut) {
    let _ = cut_frames(plain, |frame| {
        assert!(frame.len() <= FRAME_BYTES);
        drop(decode(frame));
    });
}
