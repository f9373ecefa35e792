//! Names and addresses from other nodes, made fit for XML and for the picture.

use ringtalk_session::text::escape_line;

/// The most characters of a name in the picture; the tooltip shows the whole name.
const NAME_CHARS: usize = 24;

/// The width of a letter in pixels, and of a letter that takes two columns.
const LETTER: f64 = 8.0;
const WIDE_LETTER: f64 = 15.0;

/// Returns a name, made harmless and cut if it is long. It is not escaped yet.
pub(super) fn shortened(name: &str) -> String {
    let name = escape_line(name);
    match name.char_indices().nth(NAME_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

/// Estimates the width of a text, in pixels: rather too wide than too narrow.
pub(super) fn width(text: &str) -> f64 {
    let letter = |char: char| match char {
        '\0'..'\u{1100}' => LETTER,
        _ => WIDE_LETTER,
    };
    text.chars().map(letter).sum()
}

/// Escapes text for an XML element or attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in escape_line(text).chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML does not allow these characters, not even escaped.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            char => safe.push(char),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(
            escaped("<b a=\"1\" c='2'>&"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;"
        );
        assert_eq!(escaped("]]>"), "]]&gt;");
        assert_eq!(
            escaped("a\u{0}\u{1b}\u{202e}\u{ffff}"),
            "a␀␛\\u{202e}\u{fffd}"
        );
        assert_eq!(escaped("你好 🎉 שלום"), "你好 🎉 שלום");
    }

    #[test]
    fn every_character_may_stand_in_xml() {
        for char in '\0'..='\u{ffff}' {
            let text = escaped(&char.to_string());
            let is_allowed = |c: char| {
                !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}' | '<' | '"' | '\'')
            };
            assert!(text.chars().all(is_allowed), "{char:?}: {text:?}");
        }
    }

    #[test]
    fn long_names_are_cut_in_the_picture() {
        assert_eq!(shortened("ann"), "ann");
        let cut = shortened(&"字".repeat(32));
        assert_eq!(cut.chars().count(), NAME_CHARS + 1);
        assert!(cut.ends_with('…'));
    }
}
