//! The layout of the input text: its rows, and the position of the cursor.
//!
//! Not here: the effect of keys on it (`editor`).

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use crate::tty::{to_visual_order, width};
use ringtalk_session::text::escape_line;

/// A stand-in for the cursor, which finds the column that the cursor gets.
const CURSOR_MARK: char = '\u{fffc}';

/// The input text, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct InputLayout {
    pub(super) rows: Vec<String>,
    /// The column and the row.
    pub(super) cursor: (usize, usize),
}

/// Lays out a text in rows of `room` columns. `cursor` is in bytes.
pub(super) fn lay_out(text: &str, cursor: usize, room: usize) -> InputLayout {
    let room = room.max(2);
    let mut rows = vec![String::new()];
    let (mut used, mut position) = (0, None);
    for (at, cluster) in text.grapheme_indices(true) {
        let shown = escape_cluster(cluster);
        // The cursor needs a column of its own behind the text.
        if used + width(&shown) >= room {
            rows.push(String::new());
            used = 0;
        }
        if at == cursor {
            position = Some((used, rows.len() - 1));
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
    let (column, row) = position.unwrap_or((used, rows.len() - 1));
    let column = visual_column(&rows[row], column);
    let rows = rows
        .iter()
        .map(|row| to_visual_order(row, row).into_owned());
    InputLayout {
        rows: rows.collect(),
        cursor: (column, row),
    }
}

/// Returns a character as it is shown. A line end is not shown.
fn escape_cluster(cluster: &str) -> Cow<'_, str> {
    match cluster.as_bytes() {
        b"\n" => Cow::Borrowed(""),
        // Most characters are printable ASCII, and need no allocation.
        [b' '..=b'~'] => Cow::Borrowed(cluster),
        _ => Cow::Owned(escape_line(cluster)),
    }
}

/// Returns the column of the cursor in a row that may be read from right to left.
fn visual_column(row: &str, column: usize) -> usize {
    let shown = to_visual_order(row, row);
    if shown == row {
        return column;
    }
    let mut used = 0;
    let before = row.graphemes(true).take_while(|cluster| {
        used += width(cluster);
        used <= column
    });
    let split = before.map(str::len).sum();
    let marked = format!("{}{CURSOR_MARK}{}", &row[..split], &row[split..]);
    let shown = to_visual_order(&marked, row).into_owned();
    shown
        .find(CURSOR_MARK)
        .map_or(column, |at| width(&shown[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_go_on_in_the_next_row() {
        let layout = lay_out("abcdef", 6, 4);
        assert_eq!(layout.rows, ["abc", "def"]);
        assert_eq!(layout.cursor, (3, 1));
        assert_eq!(lay_out("abcdef", 3, 4).cursor, (0, 1));
        assert_eq!(lay_out("你好吗", 9, 5).rows, ["你好", "吗"]);
    }

    #[test]
    fn lines_are_rows() {
        let layout = lay_out("a\n\nb", 2, 10);
        assert_eq!(layout.rows, ["a", "", "b"]);
        assert_eq!(layout.cursor, (0, 1));
    }

    #[test]
    fn harmful_characters_are_escaped() {
        assert_eq!(lay_out("a\u{1b}[m", 0, 20).rows, ["a␛[m"]);
    }

    #[test]
    fn the_cursor_follows_the_order_of_reading() {
        let layout = lay_out("שלום", 8, 20);
        assert_eq!(layout.rows, ["םולש"]);
        assert_eq!(layout.cursor, (0, 0));
        assert_eq!(lay_out("ab שלום", 2, 20).cursor, (2, 0));
    }
}
