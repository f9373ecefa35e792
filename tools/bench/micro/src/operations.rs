//! The measured operations, each with its input prepared beforehand.

use std::hint::black_box;

use bytestring::ByteString;
use ringtalk_node::fuzzing::Records;
use ringtalk_node::identity::{CachingVerifier, Identity};
use ringtalk_node::link::Credentials;
use ringtalk_node::secret::Secret;
use ringtalk_proto::Verifier;
use ringtalk_proto::bench_api::{CausalBench, LogBench};
use ringtalk_wire::{
    Bundle, Digest, Direction, Frame, Interval, Item, MessageId, RingId, RingKey, Seal, SealHash, Sealed,
    Spread, BundleMessage, VectorClock, decode, encode, encode_item,
};

/// The ring in which the bundles are signed.
const RING: RingId = RingId::from_bytes([1; 16]);

/// The names of the operations.
pub(crate) const NAMES: [&str; 12] = [
    "encode-1",
    "encode-180",
    "decode-1",
    "decode-180",
    "causal-check",
    "log-insert",
    "digest-1000",
    "handshake",
    "seal-256",
    "seal-48k",
    "sign-180",
    "verify-180",
];

/// The length of a text, in bytes.
const TEXT_BYTES: usize = 256;
/// The most messages of that length in a bundle.
const FULL: usize = 180;
/// The number of authors.
const AUTHORS: u8 = 32;
/// The number of messages that the log keeps.
const HISTORY: usize = 10_000;

/// An operation that can be repeated.
type Work = Box<dyn FnMut()>;

/// Prepares the operation of this name; returns `None` if there is none.
pub(crate) fn prepare(name: &str) -> Option<Work> {
    Some(match name {
        "encode-1" => encode_bundle(1),
        "encode-180" => encode_bundle(FULL),
        "decode-1" => decode_frame(1),
        "decode-180" => decode_frame(FULL),
        "causal-check" => causal_check(),
        "log-insert" => log_insert(),
        "digest-1000" => digest(1_000),
        "handshake" => handshake(),
        "seal-256" => encrypt(TEXT_BYTES),
        "seal-48k" => encrypt(48 * 1024),
        "sign-180" => sign(),
        "verify-180" => verify(),
        _ => return None,
    })
}

fn author(number: u8) -> Identity {
    Identity::from_seed(&[number; 32])
}

/// Creates an author's bundle that begins with this sequence number.
fn bundle(author: &Identity, first: u64, messages: usize) -> Bundle {
    let text = BundleMessage::text(1_700_000_000_000, ByteString::from("x".repeat(TEXT_BYTES)));
    let before = MessageId {
        author: author.id(),
        seq: first.saturating_sub(1).max(1),
    };
    Bundle {
        author: author.id(),
        first,
        previous: SealHash([7; 16]),
        lamport: first,
        heads: if first > 1 { vec![before] } else { Vec::new() },
        messages: vec![text; messages],
    }
}

fn sealed(author: &Identity, bundle: &Bundle) -> Sealed {
    let raw = encode_item(bundle);
    let signature = author.sign(&ringtalk_wire::item_to_sign(RING, &raw));
    let key = author.public_key();
    let seal = Seal { key, signature };
    Sealed { raw, seal }
}

/// Encodes an author's bundle, and then the frame that carries it.
fn encode_bundle(messages: usize) -> Work {
    let ann = author(1);
    let bundle = bundle(&ann, 1, messages);
    let seal = sealed(&ann, &bundle).seal;
    Box::new(move || {
        let raw = encode_item(&bundle);
        black_box(encode(&spread(Sealed { raw, seal })));
    })
}

/// Decodes a frame, and then the bundle that it carries.
fn decode_frame(messages: usize) -> Work {
    let ann = author(1);
    let frame = encode(&spread(sealed(&ann, &bundle(&ann, 1, messages))));
    Box::new(move || {
        let decoded = decode(&frame).expect("it was encoded so");
        if let Frame::Spread(Spread {
            item: Item::Bundle(sealed),
            ..
        }) = decoded
        {
            black_box(sealed.bundle().expect("it was sealed so"));
        }
    })
}

fn spread(sealed: Sealed) -> Frame {
    Frame::Spread(Spread {
        interval: Interval {
            direction: Direction::Clockwise,
            limit: RingKey(1 << 127),
            layout: 0,
        },
        item: Item::Bundle(sealed),
    })
}

/// Receives and delivers a message of each author in turn.
fn causal_check() -> Work {
    let authors: Vec<Identity> = (1..=AUTHORS).map(author).collect();
    let mut causal = CausalBench::of(authors.iter().map(Identity::id));
    let seal = sealed(&authors[0], &bundle(&authors[0], 1, 1));
    let mut turns = turns(&authors);
    Box::new(move || {
        let bundle = turns();
        assert_eq!(causal.take(seal.clone(), bundle), 1, "nothing is missing");
    })
}

/// Adds a message of each author in turn to a full log, which drops the oldest.
fn log_insert() -> Work {
    let authors: Vec<Identity> = (1..=AUTHORS).map(author).collect();
    let mut kept = LogBench::of(HISTORY);
    let seal = sealed(&authors[0], &bundle(&authors[0], 1, 1));
    let mut turns = turns(&authors);
    for _ in 0..HISTORY {
        kept.keep(seal.clone(), &turns());
    }
    Box::new(move || kept.keep(seal.clone(), &turns()))
}

/// Returns a function that creates the next bundle, of one message, of each author in turn.
fn turns(authors: &[Identity]) -> impl FnMut() -> Bundle + use<> {
    let firsts: Vec<Bundle> = authors.iter().map(|author| bundle(author, 1, 1)).collect();
    let mut turn = 0;
    move || {
        let mut bundle = firsts[turn % firsts.len()].clone();
        bundle.first += (turn / firsts.len()) as u64;
        turn += 1;
        bundle.lamport = turn as u64;
        bundle
    }
}

/// Encodes a node's vector clock as a digest, and decodes it.
fn digest(authors: u16) -> Work {
    let mut clock = VectorClock::new();
    for number in 0..authors {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        clock.advance(Identity::from_seed(&seed).id(), u64::from(number) + 1);
    }
    Box::new(move || {
        let digest = Digest {
            entries: clock.iter().collect(),
            answer: true,
        };
        let frame = encode(&Frame::Digest(digest));
        black_box(decode(&frame).expect("it was encoded so"));
    })
}

fn both_ends() -> [Credentials; 2] {
    let secret = Secret::open();
    [1, 2].map(|number| {
        Credentials::new(author(number), &secret).expect("the system has random numbers")
    })
}

/// Runs both ends of a handshake.
fn handshake() -> Work {
    let [one, other] = both_ends();
    Box::new(move || {
        assert!(
            Records::between(&one, &other).is_some(),
            "both have the secret"
        );
    })
}

/// Encrypts this many bytes at one end of a link, and decrypts them at the other.
fn encrypt(bytes: usize) -> Work {
    let [one, other] = both_ends();
    let records = Records::between(&one, &other).expect("both have the secret");
    let plain = vec![7; bytes];
    Box::new(move || {
        let stream = records.encrypt(0, [&plain[..]]);
        let decrypted = records.decrypt(0, &stream, stream.len());
        assert_eq!(decrypted.plain.len(), plain.len(), "it was sealed so");
    })
}

/// Signs a full bundle.
fn sign() -> Work {
    let ann = author(1);
    let sealed = sealed(&ann, &bundle(&ann, 1, FULL));
    Box::new(move || {
        black_box(ann.sign(&sealed.to_sign(RING)));
    })
}

/// Verifies the signature of a full bundle.
fn verify() -> Work {
    let ann = author(1);
    let sealed = sealed(&ann, &bundle(&ann, 1, FULL));
    let verifier = CachingVerifier::default();
    Box::new(move || {
        let Seal { key, signature } = &sealed.seal;
        let holds = verifier.verify(key, &sealed.to_sign(RING), signature);
        assert!(holds, "it was signed so");
    })
}
