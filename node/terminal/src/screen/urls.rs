//! Finds the web addresses in a text.
//!
//! A text that only looks like an address is none: what a terminal opens is what can be read, to the last character. Not
//! here: the sequence for terminals (`tty::hyperlink`).

use std::ops::Range;

use unicode_segmentation::GraphemeCursor;

use crate::tty::{SCHEMES, URL_BYTES, may_be_in_url};

/// The most characters of the sentence around an address that are taken for its end.
const MOST_PUNCTUATION: usize = 64;

/// Returns the ranges of the web addresses in a line, in bytes.
pub(super) fn find_urls(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = line[from..].find("://").map(|at| from + at) {
        let (url, end) = url_around(line, at);
        found.extend(url);
        from = end;
    }
    found
}

/// Returns the range of the address whose `://` is at this position, if it is one, and where to go on. Each character is
/// looked at a few times at most, whatever the text.
fn url_around(line: &str, at: usize) -> (Option<Range<usize>>, usize) {
    let behind = at + "://".len();
    let Some(start) = scheme_before(line, at) else {
        return (None, behind);
    };
    let length = line[start..].find(|char| !may_be_in_url(char));
    let end = length.map_or(line.len(), |length| start + length);
    let is_long = end - start > URL_BYTES + MOST_PUNCTUATION;
    let url = (!is_long)
        .then(|| url_in(line, start..end, behind))
        .flatten();
    let next = url.as_ref().map_or(end, |url| url.end);
    (url, next.max(behind))
}

/// Returns where the scheme begins whose `://` is at this position.
fn scheme_before(line: &str, at: usize) -> Option<usize> {
    let ends = SCHEMES.iter().map(|scheme| scheme.len() - "://".len());
    let schemes = SCHEMES.iter().zip(ends);
    let start = schemes.into_iter().find_map(|(scheme, length)| {
        let start = at.checked_sub(length)?;
        let typed = line.get(start..start + scheme.len())?;
        typed.eq_ignore_ascii_case(scheme).then_some(start)
    })?;
    let before = line[..start].chars().next_back();
    let is_in_word = before.is_some_and(|char| char.is_ascii_alphanumeric());
    (!is_in_word).then_some(start)
}

/// Returns the address in a range of characters that may be in one; its host begins at `host`.
fn url_in(line: &str, Range { start, end }: Range<usize>, host: usize) -> Option<Range<usize>> {
    // A letter that is not in addresses may look like one that is: the address would be another than what is read.
    if line[end..]
        .chars()
        .next()
        .is_some_and(char::is_alphanumeric)
    {
        return None;
    }
    let end = start + without_punctuation(&line[start..end]).len();
    let host = line.get(host..end)?;
    let has_host = host.starts_with(|char: char| char.is_ascii_alphanumeric() || char == '[');
    let is_whole = is_boundary(line, start) && is_boundary(line, end);
    let is_short = end - start <= URL_BYTES;
    (has_host && is_whole && is_short).then_some(start..end)
}

/// Returns an address without what belongs to the sentence around it.
fn without_punctuation(url: &str) -> &str {
    let excess = |open: char, close: char| {
        let closed = url.matches(close).count();
        closed.saturating_sub(url.matches(open).count())
    };
    let mut round = excess('(', ')');
    let mut square = excess('[', ']');
    let mut belongs = |char: char| {
        let unbalanced = match char {
            ')' => &mut round,
            ']' => &mut square,
            other => return !matches!(other, '.' | ',' | ';' | ':' | '!' | '?' | '\''),
        };
        let is_outside = *unbalanced > 0;
        *unbalanced = unbalanced.saturating_sub(1);
        !is_outside
    };
    let last = url.char_indices().rev().find(|(_, char)| belongs(*char));
    last.map_or("", |(at, char)| &url[..at + char.len_utf8()])
}

/// Returns true if nothing is drawn over the character before or after this position.
fn is_boundary(line: &str, at: usize) -> bool {
    GraphemeCursor::new(at, line.len(), true).is_boundary(line, 0) == Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, urls: &[&str]) {
        let found = find_urls(line).into_iter().map(|range| &line[range]);
        assert_eq!(found.collect::<Vec<_>>(), urls, "{line:?}");
    }

    #[test]
    fn an_address_ends_where_a_reader_sees_its_end() {
        check(
            "see https://a.example/b?c=d&e#f, please",
            &["https://a.example/b?c=d&e#f"],
        );
        check("(http://a.example)", &["http://a.example"]);
        check("http://a.example/b_(c).", &["http://a.example/b_(c)"]);
        check("<HTTP://[::1]:8080/>!", &["HTTP://[::1]:8080/"]);
        check(
            "http://a.example http://b.example",
            &["http://a.example", "http://b.example"],
        );
        check("看https://a.example/，好", &["https://a.example/"]);
        check("\"https://a.example\"", &["https://a.example"]);
    }

    /// The time grows with the length of the text, not faster: a test of time would depend on the machine.
    #[test]
    fn long_texts_that_look_like_addresses_are_none() {
        let brackets = format!("{}{}", "http://".repeat(1_000), ")".repeat(9_000));
        check(&brackets, &[]);
        let inside = format!("see {brackets} and http://a.example");
        check(&inside, &["http://a.example"]);
    }

    #[test]
    fn other_texts_are_no_address() {
        for line in [
            "",
            "://",
            "http://",
            "https://.",
            "ftp://a.example",
            "xhttps://a.example",
            "javascript://a.example",
            "https:// a.example",
        ] {
            check(line, &[]);
        }
    }

    #[test]
    fn what_is_read_is_what_is_opened() {
        // A Cyrillic letter, which would end the address early.
        check("https://ex\u{430}mple.com", &[]);
        check("https://a.example/\u{301}", &[]);
        check("\u{600}https://a.example/", &[]);
        check("https://a.example/\u{200d}b", &[]);
        let long = format!("https://{}", "a".repeat(URL_BYTES));
        check(&long, &[]);
    }
}
