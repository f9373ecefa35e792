//! Fuzz targets for everything that reads bytes from others.
//!
//! A target is a function that takes bytes and panics if a rule is broken. Each of the fuzzer's binaries in
//! `fuzz_targets/` calls one, and a plain test calls all of them with the corpora. Not here: the search for inputs
//! (libFuzzer), and honest nodes under faults (`tools/sim`).

mod differential;
mod director;
mod handshake;
mod header;
mod keys;
mod member;
mod memory;
mod reader;
mod records;
mod seeds;
mod terminal;
mod texts;
mod wire;

pub use seeds::seeds;

/// A target: a function that panics if the bytes break a rule.
pub type Check = fn(&[u8]);

/// All targets by name; the binaries and the corpora have the same names.
pub const TARGETS: [(&str, Check); 15] = [
    ("announcement", wire::announcement),
    ("answer", director::answer),
    ("bundle", wire::bundle),
    ("core", member::check),
    ("differential", differential::check),
    ("frame", wire::frame),
    ("handshake", handshake::check),
    ("harmless", terminal::check),
    ("header", header::check),
    ("introduction", wire::introduction),
    ("keys", keys::check),
    ("lines", texts::lines),
    ("places", texts::places),
    ("records", records::check),
    ("request", director::request),
];

/// Runs the target of that name.
///
/// # Panics
///
/// If there is no such target, or the bytes break a rule.
pub fn check(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, check) = target.expect("a target has this name");
    check(bytes);
}
