//! What must be true of everything that reads the bytes of others, whatever these are.
//!
//! A target is a function from bytes: it panics where something is not as it must be. The fuzzer's
//! binaries in `fuzz_targets/` call one each, and so does a plain test with the corpora. Not here: how
//! the bytes are found (libFuzzer), and honest nodes under faults (the simulator).

mod differential;
mod director;
mod handshake;
mod member;
mod memory;
mod reader;
mod records;
mod seeds;
mod terminal;
mod texts;
mod wire;

pub use seeds::seeds;

/// A function that panics where the bytes do what they must not.
pub type Check = fn(&[u8]);

/// All targets by their names, which are those of the binaries and of the corpora.
pub const TARGETS: [(&str, Check); 13] = [
    ("announcement", wire::announcement),
    ("answer", director::answer),
    ("bundle", wire::bundle),
    ("core", member::check),
    ("differential", differential::check),
    ("frame", wire::frame),
    ("handshake", handshake::check),
    ("harmless", terminal::check),
    ("introduction", wire::introduction),
    ("lines", texts::lines),
    ("places", texts::places),
    ("records", records::check),
    ("request", director::request),
];

/// The target of that name.
///
/// # Panics
///
/// Where there is none.
pub fn check(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, check) = target.expect("there is such a target");
    check(bytes);
}
