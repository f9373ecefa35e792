//! Escapes characters that would control a terminal, or change the reading order of text.
//!
//! Such characters travel unchanged. Every face makes them visible with these functions, and so does any other code
//! that shows text from others. Not here: characters that are merely unusual, such as the joiners within emoji.

use std::io;

use serde_json::ser::Formatter;
use unicode_width::UnicodeWidthChar;

/// The replacement of a tab.
const TAB: &str = "    ";
/// The maximum number of marks that a character may carry, including joiners. No script needs more, and a tower of
/// them covers the lines around it.
const MAX_MARKS: usize = 4;
/// The replacement of the marks beyond that.
const TOO_MANY_MARKS: char = '\u{fffd}';
/// The longest run of blanks in plain lines, in columns: as long as a tab. After a longer run, a text could continue
/// at the start of the terminal's next row, and look like another line.
const MAX_BLANKS: usize = TAB.len();

/// Returns the text with everything harmful made visible. Line ends are kept.
pub fn escape_multiline(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escape_line).collect();
    lines.join("\n")
}

/// Returns the text on one line, with everything harmful made visible.
pub fn escape_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    // Start at the limit: a mark at the start would be drawn over whatever stands before the text.
    let mut marks = MAX_MARKS;
    for char in text.chars() {
        marks = if is_mark(char) { marks + 1 } else { 0 };
        match char {
            _ if marks > MAX_MARKS => {
                if marks == MAX_MARKS + 1 {
                    shown.push(TOO_MANY_MARKS);
                }
            }
            '\t' => shown.push_str(TAB),
            '\0'..='\u{1f}' => shown.extend(control_picture(char)),
            '\u{7f}' => shown.push('\u{2421}'),
            char if is_misleading(char) => shown.extend(char.escape_unicode()),
            char => shown.push(char),
        }
    }
    shown
}

/// Shortens the runs of blanks in a text that is already harmless. A character without width does not end a run.
pub fn collapse_blanks(text: &str) -> String {
    let mut columns = 0;
    let belongs = |char: &char| {
        match char.width() {
            Some(width) if is_blank(*char) => columns += width.max(1),
            Some(0) if columns > 0 => {}
            _ => columns = 0,
        }
        columns <= MAX_BLANKS
    };
    text.chars().filter(belongs).collect()
}

/// Returns true for characters that leave columns empty. Some of them are letters.
pub(crate) fn is_blank(char: char) -> bool {
    let is_empty_letter = matches!(
        char,
        '\u{115f}'..='\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{13441}'..='\u{13442}'
    );
    is_empty_letter || char.is_whitespace()
}

/// Returns the Unicode picture of an ASCII control character. The 32 pictures are in the same order.
fn control_picture(char: char) -> Option<char> {
    char::from_u32(0x2400 + u32::from(char))
}

/// Returns true for characters without width. They are drawn over the character before them, or let others be drawn
/// over it.
fn is_mark(char: char) -> bool {
    !is_misleading(char) && char.width() == Some(0)
}

/// Returns true for characters that mislead: DEL and the control characters beyond ASCII, Unicode line ends, and
/// characters that change the order of reading or cannot be seen.
///
/// The invisible ones include soft hyphens, invisible operators, the controls of shorthand and music, the marks of
/// interlinear annotations, and tags, in which a whole text can hide.
const fn is_misleading(char: char) -> bool {
    matches!(
        char,
        '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2061}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// A JSON formatter that writes one line. It escapes the same characters, so that the line can be shown as it is.
#[derive(Debug)]
pub struct EscapingFormatter;

impl Formatter for EscapingFormatter {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_misleading) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut chars = from.chars();
            for char in chars.by_ref().take(1) {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    fn json(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, EscapingFormatter);
        text.serialize(&mut serializer).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn control_characters_become_pictures() {
        assert_eq!(escape_line("\u{1b}[2J\u{7}\u{7f}"), "␛[2J␇␡");
        assert_eq!(escape_line("a\tb\r\nc"), "a    b␍␊c");
        assert_eq!(escape_line("\u{9b}2J"), "\\u{9b}2J");
    }

    #[test]
    fn direction_overrides_are_escaped() {
        assert_eq!(escape_line("a\u{202e}b\u{2066}c"), "a\\u{202e}b\\u{2066}c");
    }

    #[test]
    fn invisible_characters_are_escaped() {
        assert_eq!(
            escape_line("a\u{ad}b\u{200e}\u{fff9}"),
            "a\\u{ad}b\\u{200e}\\u{fff9}"
        );
        assert_eq!(escape_line("a\u{e0041}"), "a\\u{e0041}");
        assert_eq!(json("a\u{e0041}\u{ad}"), r#""a\udb40\udc41\u00ad""#);
    }

    #[test]
    fn a_run_of_blanks_is_shortened() {
        for (text, shown) in [
            ("a b    c", "a b    c"),
            ("a     b", "a    b"),
            (
                "a\u{a0}\u{2003}\u{2800}\u{3000}b",
                "a\u{a0}\u{2003}\u{2800}b",
            ),
            (
                "a \u{200b} \u{200d} \u{301} \u{200b} b",
                "a \u{200b} \u{200d} \u{301} \u{200b}b",
            ),
            ("", ""),
        ] {
            assert_eq!(collapse_blanks(text), shown, "{text:?}");
        }
        let long = format!("{}x{}", " ".repeat(500), "\u{3000}".repeat(500));
        assert_eq!(collapse_blanks(&long), "    x\u{3000}\u{3000}");
        for filler in ["\u{3164}", "\u{1160}", "\u{ffa0}", "\u{2800}"] {
            assert!(collapse_blanks(&filler.repeat(9)).chars().count() <= MAX_BLANKS);
        }
    }

    #[test]
    fn a_tower_of_marks_is_cut() {
        let marks = "\u{301}".repeat(4);
        assert_eq!(escape_line(&format!("a{marks}b")), format!("a{marks}b"));
        for storey in ["\u{301}\u{489}", "\u{301}\u{200d}", "\u{fe0f}\u{301}"] {
            let tower = storey.repeat(500);
            assert_eq!(escape_line(&format!("a{tower}b")).chars().count(), 7);
        }
    }

    #[test]
    fn a_mark_without_a_base_character_is_replaced() {
        for text in ["\u{301}a", "\u{200d}\u{301}a"] {
            assert_eq!(escape_line(text), "\u{fffd}a");
        }
        assert_eq!(escape_multiline("a\n\u{301}b"), "a\n\u{fffd}b");
    }

    #[test]
    fn line_ends_are_kept_in_multiline_text() {
        assert_eq!(escape_multiline("a\n\u{1b}b\r\n"), "a\n␛b␍\n");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        let emoji = "👩🏽\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨🏿 1\u{fe0f}\u{20e3}";
        let farsi = "می\u{200c}خواهم";
        for text in ["你好 🎉", "👩‍👩‍👧", "שָׁלוֹם", "é", "", emoji, farsi]
        {
            assert_eq!(escape_line(text), text);
        }
    }

    #[test]
    fn every_character_is_harmless_and_survives_json() {
        for char in ('\0'..='\u{ffff}').chain('\u{e0000}'..='\u{e01ff}') {
            let text = format!("a{char}b");
            for shown in [escape_line(&text), json(&text)] {
                assert!(!shown.chars().any(|c| c.is_control() || is_misleading(c)));
            }
            assert_eq!(serde_json::from_str::<String>(&json(&text)).unwrap(), text);
        }
    }
}
