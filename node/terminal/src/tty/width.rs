//! Measures text in terminal columns, and cuts it to a width.
//!
//! Everything is counted in columns, by grapheme clusters. Where terminals differ, the larger number counts: text behind
//! a mark must not be drawn over it, or a name with the mark would look like one without. Not here: the reading order of
//! text (`bidi`).

use std::borrow::Cow;
use std::ops::Range;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The minimum width of wrapped text, in columns: the widest character must fit.
const MIN_WIDTH: usize = 2;

/// Returns the width of a text on one line, in columns.
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(cluster_width).sum()
}

/// Returns the width of a grapheme cluster, in columns.
fn cluster_width(cluster: &str) -> usize {
    if cluster.len() == 1 {
        return cluster.width();
    }
    cluster.width() + cluster.chars().map(unclear_width).sum::<usize>()
}

/// Returns the width of a character by itself, in columns.
pub(super) fn char_width(char: char) -> usize {
    char.width().unwrap_or(0) + unclear_width(char)
}

/// Returns how many columns some terminals need for a character that has no width by the tables used here: a spacing
/// mark, a sign before digits, or a filler. The C library has these widths.
fn unclear_width(char: char) -> usize {
    if char.is_ascii() || char.width() != Some(0) {
        return 0;
    }
    match char {
        '\u{302e}'..='\u{302f}' | '\u{16ff0}'..='\u{16ff1}' | '\u{3164}' => 2,
        '\u{600}'..='\u{605}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{890}'..='\u{891}'
        | '\u{8e2}'
        | '\u{110bd}'
        | '\u{110cd}'
        | '\u{ffa0}' => 1,
        _ => usize::from(char.general_category() == GeneralCategory::SpacingMark),
    }
}

/// Returns as much of a text as fits into `room` columns, with an ellipsis if that is not all.
pub fn fit(text: &str, room: usize) -> Cow<'_, str> {
    if width(text) <= room {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let taken = text.graphemes(true).take_while(|cluster| {
        used += cluster_width(cluster);
        used < room
    });
    let mut cut: String = taken.collect();
    if room > 0 {
        cut.push('…');
    }
    Cow::Owned(cut)
}

/// Cuts a line into rows, at blanks and after wide characters if possible. The blanks at a cut belong to no row.
pub fn wrap(text: &str, room: usize) -> Vec<Range<usize>> {
    wrap_by(text, room, cluster_width)
}

/// Cuts a line like [`wrap`], for a terminal that may show clusters wider than they are.
pub fn wrap_for_any_terminal(text: &str, room: usize) -> Vec<Range<usize>> {
    wrap_by(text, room, max_width)
}

/// Returns the most columns that any terminal gives a cluster. Some terminals show each character of an emoji by
/// itself, and some show characters of ambiguous width as wide.
fn max_width(cluster: &str) -> usize {
    let wide = |char: char| char >= '\u{1f000}' || char == '\u{fe0f}';
    let columns = |char: char| match char.width_cjk() {
        _ if wide(char) => 2,
        columns => columns.unwrap_or(0) + unclear_width(char),
    };
    cluster.chars().map(columns).sum()
}

fn wrap_by(text: &str, room: usize, columns_of: impl Fn(&str) -> usize) -> Vec<Range<usize>> {
    let mut rows = RowCutter {
        text,
        room: room.max(MIN_WIDTH),
        columns_of,
        done: Vec::new(),
        start: 0,
        used: 0,
        best_cut: None,
    };
    for (at, cluster) in text.grapheme_indices(true) {
        let columns = (rows.columns_of)(cluster);
        if columns <= rows.room {
            rows.add(at, cluster, columns);
            continue;
        }
        // A terminal would continue a cluster that is wider than a row in its first column, where it could look like
        // another member's line.
        for (inside, char) in cluster.char_indices() {
            let char = &cluster[inside..inside + char.len_utf8()];
            rows.add(at + inside, char, (rows.columns_of)(char));
        }
    }
    rows.done.push(rows.start..text.len());
    rows.done
}

/// The rows of a text while it is cut.
struct RowCutter<'a, F> {
    text: &'a str,
    room: usize,
    columns_of: F,
    done: Vec<Range<usize>>,
    /// The start of the current row, and the columns that it has so far.
    start: usize,
    used: usize,
    /// The end of the row at the last possible cut, and the start of the next row.
    best_cut: Option<(usize, usize)>,
}

impl<F: Fn(&str) -> usize> RowCutter<'_, F> {
    /// Adds the piece of the text at this position, which is not cut.
    fn add(&mut self, at: usize, piece: &str, columns: usize) {
        let blank = piece == " ";
        if self.used + columns > self.room && !blank {
            let (end, next) = self.best_cut.take().unwrap_or((at, at));
            self.done.push(self.start..end);
            self.start = next;
            let moved = self.text[next..at].graphemes(true);
            self.used = moved.map(&self.columns_of).sum();
            if self.used + columns > self.room && next < at {
                // What moved leaves no room for this either.
                self.done.push(self.start..at);
                self.start = at;
                self.used = 0;
            }
        }
        self.used += columns;
        let after = at + piece.len();
        self.best_cut = match self.best_cut {
            Some((end, next)) if blank && next == at && end > self.start => Some((end, after)),
            _ if blank && at > self.start => Some((at, after)),
            _ if columns == 2 => Some((after, after)),
            best_cut => best_cut,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, room: usize) -> Vec<&str> {
        wrap(text, room).into_iter().map(|row| &text[row]).collect()
    }

    #[test]
    fn columns_are_what_a_terminal_shows() {
        assert_eq!(width("abc"), 3);
        assert_eq!(width("你好"), 4);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(width("👩‍👩‍👧"), 2);
        assert_eq!(width("🇨🇭"), 2);
        assert_eq!(width("नि"), 2);
    }

    /// Some terminals show them, and some do not. glibc gives them these widths.
    #[test]
    fn marks_that_need_a_column_in_some_terminals_get_it_everywhere() {
        for mark in [
            '\u{9be}',
            '\u{b3e}',
            '\u{bbe}',
            '\u{d3e}',
            '\u{d57}',
            '\u{a9c0}',
            '\u{1b44}',
            '\u{1734}',
            '\u{1d165}',
            '\u{605}',
            '\u{70f}',
            '\u{8e2}',
            '\u{ffa0}',
        ] {
            assert_eq!(width(&format!("a{mark}")), 2, "{mark:?}");
        }
        for mark in ['\u{302e}', '\u{3164}'] {
            assert_eq!(width(&format!("a{mark}")), 3, "{mark:?}");
        }
    }

    #[test]
    fn a_row_is_cut_again_if_what_moved_leaves_no_room() {
        let cluster = format!("a{}", "\u{1100}".repeat(20));
        for room in [20, 50, 80] {
            let text = format!("b {}", cluster.repeat(5));
            for row in wrap_for_any_terminal(&text, room) {
                let row = &text[row];
                let columns: usize = row.graphemes(true).map(max_width).sum();
                assert!(
                    columns <= room || row.chars().count() == 1,
                    "{columns} in {room}"
                );
            }
        }
    }

    #[test]
    fn a_cluster_that_is_wider_than_a_row_is_cut() {
        for cluster in [
            "\u{1100}".repeat(32),
            "\u{915}\u{94d}".repeat(45),
            "\u{600}".repeat(34) + "1",
        ] {
            let text = format!("so {cluster}");
            let rows = wrap_for_any_terminal(&text, 20);
            assert!(rows.len() > 1);
            let widths = rows.iter().map(|row| text[row.clone()].chars());
            let mut widths =
                widths.map(|row| row.map(|char| char.width_cjk().unwrap_or(0)).sum::<usize>());
            assert!(widths.all(|width| width <= 20), "{text}");
        }
    }

    #[test]
    fn a_cut_text_ends_in_an_ellipsis() {
        assert_eq!(fit("alexander", 9), "alexander");
        assert_eq!(fit("alexander", 5), "alex…");
        assert_eq!(fit("你好你好", 4), "你…");
        assert_eq!(fit("a", 0), "");
    }

    #[test]
    fn rows_end_at_blanks() {
        assert_eq!(rows("one two  three", 7), ["one two", "three"]);
        assert_eq!(rows("one two", 3), ["one", "two"]);
        assert_eq!(rows("", 7), [""]);
        assert_eq!(rows("  indented text", 10), ["  indented", "text"]);
    }

    #[test]
    fn long_words_and_wide_characters_are_cut_where_they_must_be() {
        assert_eq!(rows("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(rows("你好世界", 5), ["你好", "世界"]);
        assert_eq!(rows("hi 你好世界", 7), ["hi 你好", "世界"]);
        assert_eq!(rows("👩‍👩‍👧👩‍👩‍👧", 3), ["👩‍👩‍👧", "👩‍👩‍👧"]);
    }

    #[test]
    fn a_terminal_that_shows_text_wider_still_has_room_for_each_row() {
        let rows = wrap_for_any_terminal("👩‍👩‍👧👩‍👩‍👧 ±±± 1\u{fe0f}", 6);
        assert_eq!(rows.len(), 4, "{rows:?}");
        assert_eq!(wrap_for_any_terminal("one two", 7).len(), 1);
    }

    #[test]
    fn no_row_is_wider_than_its_room() {
        let text = "a bc  d你好 👩‍👩‍👧x e\u{301}e\u{301}e\u{301} longword    y";
        for room in 2..20 {
            for row in rows(text, room) {
                assert!(width(row.trim_end()) <= room, "{room}: {row:?}");
            }
        }
    }
}
