//! Text from others on its way to a terminal: nothing in it may control the terminal.
//!
//! Not here: its meaning to programs, which get it unchanged as JSON.

use ringtalk_session::text::{EscapingFormatter, escape_line, escape_multiline};
use ringtalk_terminal::fuzzing::render_faces;
use serde::Serialize;
use unicode_width::UnicodeWidthChar;

/// The most characters in a row that take no column.
const MARKS: usize = 4;
/// The most bytes that one byte may become.
const GROWTH: usize = 4;

/// Reads a name, a line end and a text, and checks every way to show them.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let one_line = escape_line(&text);
    assert_harmless(&one_line);
    assert!(
        one_line.len() <= GROWTH * text.len(),
        "the text grows too much"
    );
    assert_eq!(
        escape_line(&one_line),
        one_line,
        "escaping twice changes the text"
    );
    let lines = escape_multiline(&text);
    assert!(lines.split('\n').eq(text.split('\n').map(escape_line)));
    assert_json(&text);

    let (name, said) = text.split_once('\n').unwrap_or(("ann", &text));
    for line in render_faces(name, said) {
        assert_harmless(&line);
    }
}

/// Checks that JSON carries the text unchanged and is harmless too.
fn assert_json(text: &str) {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, EscapingFormatter);
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
        marks = if char.width() == Some(0) && !is_sign(char) {
            marks + 1
        } else {
            0
        };
        assert!(marks <= MARKS, "too many marks in a row in {line:?}");
    }
}

/// Returns true for the signs that stand before digits in some scripts. The tables give them no width, and a terminal
/// draws them in a column of their own.
fn is_sign(char: char) -> bool {
    matches!(
        char,
        '\u{600}'..='\u{605}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{110bd}'
            | '\u{110cd}'
    )
}

/// Returns true for control characters, line ends, and characters that change the reading direction.
fn does_something(char: char) -> bool {
    let orders = matches!(char, '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || orders || matches!(char, '\u{2028}' | '\u{2029}')
}
