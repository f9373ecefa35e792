//! Finds a text in another one, in upper or lower case.
//!
//! Not here: the texts that are searched (`screen`, `lines`).

use memchr::memchr2_iter;

/// Returns a text in lower case, as [`find_folded`] takes it.
pub(crate) fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(fold_char)
}

/// Returns a character in lower case. A sigma has one form, though Greek writes another at the end of a word.
fn fold_char(char: char) -> impl Iterator<Item = char> {
    let lower = char.to_lowercase();
    lower.map(|char| if char == 'ς' { 'σ' } else { char })
}

/// Finds `needle`, which is in lower case, in a text of any case. Returns the range of the match, in bytes.
pub(crate) fn find_folded(text: &str, needle: &str) -> Option<(usize, usize)> {
    let first = needle.chars().next()?;
    let found = |start: usize| Some((start, start + folded_prefix(&text[start..], needle)?));
    if let Ok(first) = u8::try_from(u32::from(first))
        && first.is_ascii()
    {
        // Each key that is typed searches the whole transcript, so this case has to be fast.
        let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
        let mut starts = memchr2_iter(lower, upper, text.as_bytes());
        return starts.find_map(found);
    }
    let starts = text.char_indices();
    let mut starts = starts.filter(|(_, char)| fold_char(*char).next() == Some(first));
    starts.find_map(|(start, _)| found(start))
}

/// Returns the length, in bytes, of the start of a text that equals `needle` in any case.
fn folded_prefix(text: &str, needle: &str) -> Option<usize> {
    let mut wanted = needle.chars();
    let mut awaited = wanted.next();
    for (at, char) in text.char_indices() {
        for lower in fold_char(char) {
            match awaited {
                None => return Some(at),
                Some(expected) if expected == lower => awaited = wanted.next(),
                Some(_) => return None,
            }
        }
    }
    awaited.is_none().then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter() {
        assert_eq!(find_folded("a ÜBER b", "über"), Some((2, 7)));
        assert_eq!(find_folded("abc", "C"), None, "the needle is in lower case");
        assert_eq!(find_folded("abc", ""), None);
    }
}
