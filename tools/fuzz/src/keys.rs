//! The input from a terminal: keys, pastes, and whatever others can make it send.
//!
//! Not here: what a key does, and lines on stdin (`texts`).

use std::time::Duration;

use crossterm::event::KeyCode;
use ringtalk_terminal::fuzzing::{DecodedKeys, KEPT_BYTES, decode_keys};
use ringtalk_terminal::tty::TerminalEvent;

/// Reads how many bytes come at once and how many milliseconds are between them, and then these bytes.
///
/// Without pauses, the bytes mean the same however they arrive. With pauses, they are as harmless.
pub(crate) fn check(bytes: &[u8]) {
    let [part, pause, bytes @ ..] = bytes else {
        return;
    };
    let whole = decode_keys(bytes, bytes.len(), Duration::ZERO);
    assert_harmless(&whole);
    for part_bytes in [1, usize::from(*part)] {
        let parts = decode_keys(bytes, part_bytes, Duration::ZERO);
        assert_eq!(parts.events, whole.events, "{part_bytes} bytes at a time");
        assert_harmless(&parts);
    }
    let pause = Duration::from_millis((*pause).into());
    assert_harmless(&decode_keys(bytes, (*part).into(), pause));
}

fn assert_harmless(decoded: &DecodedKeys) {
    assert!(decoded.kept_bytes <= KEPT_BYTES, "too much is kept");
    for event in &decoded.events {
        let controls = match event {
            TerminalEvent::Key(key) => {
                matches!(key.code, KeyCode::Char(char) if char.is_control())
            }
            TerminalEvent::Paste(text) => {
                text.contains(|char: char| char.is_control() && !matches!(char, '\n' | '\t'))
            }
            _ => false,
        };
        assert!(!controls, "{event:?}");
    }
}
