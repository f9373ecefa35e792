//! The layout of the input text: its rows, and the place of the cursor.
//!
//! Not here: the effect of keys on it (`editor`).

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use crate::tty::{visual, width};
use ringtalk_session::text::harmless;

/// A stand-in for the cursor, which finds the column that the cursor gets.
const MARK: char = '\u{fffc}';

/// The input text, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    pub(super) rows: Vec<String>,
    /// The column and the row.
    pub(super) cursor: (usize, usize),
}

/// Lays out a text in rows of `room` columns. `cursor` is in bytes.
pub(super) fn lay_out(text: &str, cursor: usize, room: usize) -> Shown {
    let room = room.max(2);
    let mut rows = vec![String::new()];
    let (mut used, mut place) = (0, None);
    for (at, cluster) in text.grapheme_indices(true) {
        let shown = shown(cluster);
        // The cursor needs a column of its own behind the text.
        if used + width(&shown) >= room {
            rows.push(String::new());
            used = 0;
        }
        if at == cursor {
            place = Some((used, rows.len() - 1));
        }
        if cluster == "\n" {
            rows.push(String::new());
            used = 0;
        } else {
            used += width(&shown);
            if let Some(row) = rows.last_mut() {
                row.push_str(&shown);
            }
        }
    }
    let (column, row) = place.unwrap_or((used, rows.len() - 1));
    let column = visual_column(&rows[row], column);
    let rows = rows.iter().map(|row| visual(row, row).into_owned());
    Shown {
        rows: rows.collect(),
        cursor: (column, row),
    }
}

/// Returns a character as it is shown. A line end is not shown.
fn shown(cluster: &str) -> Cow<'_, str> {
    match cluster.as_bytes() {
        b"\n" => Cow::Borrowed(""),
        // Most characters are printable ASCII, and need no allocation.
        [b' '..=b'~'] => Cow::Borrowed(cluster),
        _ => Cow::Owned(harmless(cluster)),
    }
}

/// Returns the column of the cursor in a row that may be read from right to left.
fn visual_column(row: &str, column: usize) -> usize {
    let shown = visual(row, row);
    if shown == row {
        return column;
    }
    let mut used = 0;
    let before = row.graphemes(true).take_while(|cluster| {
        used += width(cluster);
        used <= column
    });
    let split = before.map(str::len).sum();
    let marked = format!("{}{MARK}{}", &row[..split], &row[split..]);
    let shown = visual(&marked, row).into_owned();
    shown.find(MARK).map_or(column, |at| width(&shown[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_go_on_in_the_next_row() {
        let shown = lay_out("abcdef", 6, 4);
        assert_eq!(shown.rows, ["abc", "def"]);
        assert_eq!(shown.cursor, (3, 1));
        assert_eq!(lay_out("abcdef", 3, 4).cursor, (0, 1));
        assert_eq!(lay_out("你好吗", 9, 5).rows, ["你好", "吗"]);
    }

    #[test]
    fn lines_are_rows() {
        let shown = lay_out("a\n\nb", 2, 10);
        assert_eq!(shown.rows, ["a", "", "b"]);
        assert_eq!(shown.cursor, (0, 1));
    }

    #[test]
    fn what_is_harmful_is_shown() {
        assert_eq!(lay_out("a\u{1b}[m", 0, 20).rows, ["a␛[m"]);
    }

    #[test]
    fn the_cursor_follows_the_order_of_reading() {
        let shown = lay_out("שלום", 8, 20);
        assert_eq!(shown.rows, ["םולש"]);
        assert_eq!(shown.cursor, (0, 0));
        assert_eq!(lay_out("ab שלום", 2, 20).cursor, (2, 0));
    }
}
