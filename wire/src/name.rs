//! The grammar of names, of persons and rooms: `PROTOCOL.md` §5.4.
//!
//! A name cannot imitate the text around it: it has no blank, no colon and no invisible character. So any output
//! may rely on where a name ends. Not here: which names look alike, and the name given to a person whose wish is
//! taken (`ringtalk-proto`).

use alloc::string::String;

use unicode_normalization::{UnicodeNormalization, is_nfc};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::limit::NAME_CHARS;

/// Replaces, in a name, whatever a name cannot have.
const FILLER: char = '-';

/// The most consecutive marks in a name. No script needs more, and a taller stack covers the lines around it.
const MARKS: usize = 4;

/// Words that cannot be names, since commands and notices use them in another sense.
pub const RESERVED: [&str; 8] = [
    "main", "all", "everyone", "here", "you", "me", "once", "ringtalk",
];

/// The role of a character in a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// A letter or a decimal digit.
    Solid,
    /// A mark on the preceding character.
    Mark,
    /// One of the separators.
    Separator,
    /// Unassigned in this node's Unicode tables; to a node with newer tables it may be a letter.
    Unknown,
    /// Not allowed in a name.
    Other,
}

/// Returns true if a text is a name.
///
/// All nodes must agree on the result, whatever Unicode tables they were built with; otherwise they would reject
/// each other's views. So a code point that is unassigned here passes, though [`from_wish`] never produces one.
pub fn is_name(text: &str) -> bool {
    let mut parts = Parts::default();
    let mut solid = false;
    for char in text.chars() {
        match parts.next(char) {
            Part::Other => return false,
            Part::Solid | Part::Unknown => solid = true,
            Part::Mark | Part::Separator => {}
        }
    }
    solid && text.chars().count() <= NAME_CHARS && is_nfc(text) && !is_reserved(text)
}

/// Returns the valid name nearest to a wish: each run of characters that a name cannot have becomes one `-`, or is
/// dropped at either end. Returns `None` if the wish has no letter and no digit.
///
/// The name may still be a reserved word, which counts as taken.
pub fn from_wish(wish: &str) -> Option<String> {
    let mut name = String::new();
    let (mut parts, mut gap, mut solid) = (Parts::default(), false, false);
    let mut room = NAME_CHARS;
    for char in wish.nfc() {
        let part = parts.next(char);
        if matches!(part, Part::Other | Part::Unknown) {
            parts = Parts::default();
            gap = true;
            continue;
        }
        let doubled = char == FILLER || name.ends_with(FILLER);
        if core::mem::take(&mut gap) && !name.is_empty() && !doubled {
            // A filler is kept only if something follows it.
            if room < 2 {
                break;
            }
            name.push(FILLER);
            room -= 1;
        }
        if room == 0 {
            break;
        }
        name.push(char);
        room -= 1;
        solid |= part == Part::Solid;
    }
    solid.then_some(name)
}

/// Returns true if a name is the same text as the wish for it, which may be composed in another way.
pub fn is_same_text(wish: &str, name: &str) -> bool {
    wish.nfc().eq(name.chars())
}

/// Returns true for the characters that separate parts of a name. They do not distinguish two names.
pub const fn is_separator(char: char) -> bool {
    matches!(char, '-' | '_' | '.' | '\'')
}

/// Returns true if a text is a reserved word, ignoring case and separators.
pub fn is_reserved(text: &str) -> bool {
    let letters = || {
        let letters = text.chars().filter(|&char| !is_separator(char));
        letters.flat_map(char::to_lowercase)
    };
    RESERVED.iter().any(|word| letters().eq(word.chars()))
}

/// Classifies a text character by character. A mark counts only after a letter, a digit or another mark.
#[derive(Debug, Default)]
struct Parts {
    /// True after a character that may carry a mark.
    carries: bool,
    marks: usize,
}

impl Parts {
    fn next(&mut self, char: char) -> Part {
        let part = part(char);
        if part != Part::Mark {
            self.carries = matches!(part, Part::Solid | Part::Unknown);
            self.marks = 0;
            return part;
        }
        self.marks += 1;
        if self.carries && self.marks <= MARKS {
            Part::Mark
        } else {
            Part::Other
        }
    }
}

fn part(char: char) -> Part {
    if char.is_ascii_alphanumeric() {
        return Part::Solid;
    }
    if is_separator(char) {
        return Part::Separator;
    }
    if char.is_ascii() || is_invisible(char) {
        return Part::Other;
    }
    match char.general_category() {
        GeneralCategory::DecimalNumber => Part::Solid,
        GeneralCategory::Unassigned if !is_noncharacter(char) => Part::Unknown,
        _ => match char.general_category_group() {
            GeneralCategoryGroup::Letter => Part::Solid,
            GeneralCategoryGroup::Mark => Part::Mark,
            _ => Part::Other,
        },
    }
}

/// Returns true for letters and marks that are invisible, and for unassigned code points that may become such: the
/// default ignorable code points (`DerivedCoreProperties.txt`) of these kinds, and three blank characters.
const fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2065}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{13441}'..='\u{13442}'
            | '\u{16fe4}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Returns true for code points that will never be characters.
const fn is_noncharacter(char: char) -> bool {
    char as u32 & 0xfffe == 0xfffe || matches!(char, '\u{fdd0}'..='\u{fdef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_composed_name_is_the_same_text() {
        assert!(is_same_text("mobi\u{301}l", "mob\u{ed}l"));
        assert!(!is_same_text("Mary Jane", "Mary-Jane"));
    }

    fn named(wish: &str) -> Option<String> {
        let name = from_wish(wish);
        if let Some(name) = name.as_ref().filter(|name| !is_reserved(name)) {
            assert!(is_name(name), "{wish:?} became {name:?}");
            assert_eq!(from_wish(name).as_ref(), Some(name));
        }
        name
    }

    #[test]
    fn letters_marks_digits_and_separators_of_every_script_stay() {
        for name in [
            "ann",
            "Mary-Jane",
            "o'neill_2.x",
            "_ann_",
            "Дмитрий",
            "小明",
            "דנה",
            "नमस्ते",
            "ทำคำนำ",
            "zo\u{eb}",
            "q\u{323}\u{32d}",
            "ann\u{662}",
        ] {
            assert_eq!(named(name).as_deref(), Some(name));
        }
    }

    #[test]
    fn each_run_of_anything_else_is_one_filler() {
        for (wish, name) in [
            ("Mary Jane", "Mary-Jane"),
            ("bob agrees to", "bob-agrees-to"),
            ("bob: I agree to pay", "bob-I-agree-to-pay"),
            ("  ann \t ", "ann"),
            ("a - b", "a-b"),
            ("a -b", "a-b"),
            ("ann🎉", "ann"),
            ("ann❤\u{fe0f}bob", "ann-bob"),
            ("👨\u{200d}👩\u{301}", "\u{0}"),
            ("\u{1b}[31mred", "31mred"),
            ("a\u{200b}nn", "a-nn"),
            ("می\u{200c}خواهم", "می-خواهم"),
            ("@ann#", "ann"),
            ("\u{301}ann", "ann"),
            ("-\u{301}ann", "-ann"),
            ("x²", "x"),
            ("a\u{2028}* ann left", "a-ann-left"),
        ] {
            let expected = Some(name).filter(|name| *name != "\u{0}");
            assert_eq!(named(wish).as_deref(), expected, "{wish:?}");
        }
    }

    #[test]
    fn a_wish_without_letter_and_digit_is_no_name() {
        for wish in [
            "",
            " ",
            "-",
            "._'",
            "🎉",
            "\u{3164}\u{200b}",
            "\u{2800}",
            "\u{301}",
        ] {
            assert_eq!(named(wish), None, "{wish:?}");
        }
    }

    #[test]
    fn a_name_is_composed_and_cut_to_its_length() {
        assert_eq!(named("zoe\u{308}").as_deref(), Some("zo\u{eb}"));
        assert!(!is_name("zoe\u{308}"));
        let long = "名".repeat(NAME_CHARS);
        assert_eq!(named(&(long.clone() + "x")).as_ref(), Some(&long));
        let blanks = "a".repeat(NAME_CHARS - 1) + " b";
        assert_eq!(named(&blanks), Some("a".repeat(NAME_CHARS - 1)));
        assert!(!is_name(&"a".repeat(NAME_CHARS + 1)));
    }

    #[test]
    fn a_tower_of_marks_is_no_name() {
        let tower = |marks| String::from("q") + &"\u{301}".repeat(marks);
        assert!(is_name(&tower(MARKS)) && !is_name(&tower(MARKS + 1)));
        assert_eq!(named(&tower(100)), Some(tower(MARKS)));
    }

    #[test]
    fn sentences_and_what_cannot_be_seen_are_no_names() {
        for text in [
            "",
            "a b",
            "bob:",
            "* ann",
            "a\u{ad}nn",
            "a\u{200e}",
            "\u{3164}",
            "a\u{e0041}",
            "a\n",
            "a\u{a0}b",
            "...",
            "a\u{13441}",
            "a\u{fffe}",
        ] {
            assert!(!is_name(text), "{text:?}");
        }
    }

    #[test]
    fn reserved_words_are_nobodys_name() {
        for word in ["me", "Me", "M.E", "_you_", "ALL", "Ringtalk", "every-one"] {
            assert!(is_reserved(word) && !is_name(word), "{word}");
        }
        for name in ["men", "me-2", "ringtalker"] {
            assert!(is_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_unknown_here_passes_and_is_not_given_out() {
        let unassigned = "a\u{3fffd}b";
        assert!(is_name(unassigned));
        assert_eq!(named(unassigned).as_deref(), Some("a-b"));
    }

    #[test]
    fn every_character_makes_a_name_or_none() {
        for char in '\0'..=char::MAX {
            let wish = alloc::format!("a{char}b");
            let name = from_wish(&wish).expect("it has letters");
            assert!(is_name(&name), "{wish:?} became {name:?}");
            let visible = |char: char| !char.is_whitespace() && !char.is_control();
            assert!(name.chars().all(visible), "{name:?}");
        }
    }
}
