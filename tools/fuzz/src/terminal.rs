//! What others wrote, on its way to somebody's terminal.
//!
//! Not here: what it means to programs, to which JSON brings it unchanged.

use ringtalk_session::text::{HarmlessJson, harmless, harmless_lines};
use ringtalk_terminal::fuzzing::shown;
use serde::Serialize;
use unicode_width::UnicodeWidthChar;

/// How many characters in a row may take no column.
const MARKS: usize = 4;
/// How many bytes may stand for one.
const GROWTH: usize = 4;

/// A name, a line end, and a text: nothing of them does anything to a terminal, however they are shown.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let one_line = harmless(&text);
    assert_harmless(&one_line);
    assert!(one_line.len() <= GROWTH * text.len(), "it grows too much");
    assert_eq!(harmless(&one_line), one_line, "once is enough");
    let lines = harmless_lines(&text);
    assert!(lines.split('\n').eq(text.split('\n').map(harmless)));
    assert_json(&text);

    let (name, said) = text.split_once('\n').unwrap_or(("ann", &text));
    for line in shown(name, said) {
        assert_harmless(&line);
    }
}

/// JSON brings it unchanged, and is harmless too.
fn assert_json(text: &str) {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, HarmlessJson);
    text.serialize(&mut serializer).expect("memory takes it");
    let json = String::from_utf8(bytes).expect("JSON of text is text");
    assert!(!json.chars().any(does_something), "{json:?}");
    assert_eq!(
        serde_json::from_str::<String>(&json).ok().as_deref(),
        Some(text)
    );
}

fn assert_harmless(line: &str) {
    let mut marks = 0;
    for char in line.chars() {
        assert!(!does_something(char), "{char:?} in {line:?}");
        marks = if char.width() == Some(0) {
            marks + 1
        } else {
            0
        };
        assert!(marks <= MARKS, "a tower in {line:?}");
    }
}

/// Controls, line ends, and what decides about the order of reading.
fn does_something(char: char) -> bool {
    let orders = matches!(char, '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || orders || matches!(char, '\u{2028}' | '\u{2029}')
}
