//! Names and addresses come from strangers: here they become fit for XML, and for the picture.

use ringtalk_session::text::harmless;

/// The most characters of a name that are drawn; the whole name shows under a pointer.
const NAME_CHARS: usize = 24;

/// How wide a letter is, and one of those that take two columns.
const LETTER: f64 = 8.0;
const WIDE_LETTER: f64 = 15.0;

/// A name without anything harmful, cut where it is long. Not escaped yet.
pub(super) fn shortened(name: &str) -> String {
    let name = harmless(name);
    match name.char_indices().nth(NAME_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

/// About how wide a text is, in pixels: rather too wide than too narrow.
pub(super) fn width(text: &str) -> f64 {
    let letter = |char: char| match char {
        '\0'..'\u{1100}' => LETTER,
        _ => WIDE_LETTER,
    };
    text.chars().map(letter).sum()
}

/// Text as it may stand in an element or an attribute of XML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in harmless(text).chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML knows no such characters, not even escaped.
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
