//! The layout of the input text: its rows, the part of them that is shown, and the position of the cursor.
//!
//! Not here: the effect of keys on it (`editor`).

use std::borrow::Cow;
use std::ops::Range;

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
    /// The line above the rows.
    pub(super) head: Option<String>,
}

/// The part of the input text that is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct InputPage {
    /// A row above the text: the head, and how many rows are hidden.
    pub(super) note: Option<String>,
    pub(super) rows: Range<usize>,
}

/// The minimum height of the input, in rows, in which one of them says how many are hidden.
const NOTE_HEIGHT: usize = 3;

impl InputLayout {
    /// Returns the height that the input would like to have.
    pub(super) fn height(&self) -> usize {
        self.rows.len() + usize::from(self.head.is_some())
    }

    /// Returns the part that is shown in this height. The cursor is in it, with a row below it if there is one.
    pub(super) fn page(&self, height: usize) -> InputPage {
        let is_whole = self.height() <= height;
        let has_note = if is_whole {
            self.head.is_some()
        } else {
            height >= NOTE_HEIGHT
        };
        let room = height.saturating_sub(usize::from(has_note)).max(1);
        let (cursor, all) = (self.cursor.1, self.rows.len());
        let below = usize::from(room > 1);
        let first = (cursor + 1 + below).saturating_sub(room);
        let first = first.min(all.saturating_sub(room));
        let rows = first..all.min(first + room);
        let hidden = describe_hidden(rows.start, all - rows.end);
        let parts: Vec<String> = self.head.iter().cloned().chain(hidden).collect();
        let note = has_note.then(|| parts.join(" · "));
        InputPage { note, rows }
    }
}

/// Returns the words for the rows that are not shown.
fn describe_hidden(above: usize, below: usize) -> Option<String> {
    let part = |count: usize, sign: char, side: &str| {
        let noun = if count == 1 { "row" } else { "rows" };
        (count > 0).then(|| format!("{sign} {count} {noun} {side}"))
    };
    let parts = [part(above, '↑', "above"), part(below, '↓', "below")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// Lays out a text in rows of `room` columns. `cursor` is in bytes.
pub(super) fn lay_out(text: &str, cursor: usize, room: usize) -> InputLayout {
    let mut rows = vec![String::new()];
    let mut position = (0, 0);
    for place in places(text, room) {
        if place.row == rows.len() {
            rows.push(String::new());
        }
        rows[place.row].push_str(&place.shown);
        if place.at <= cursor {
            position = (place.column, place.row);
        }
    }
    let (column, row) = position;
    let column = visual_column(&rows[row], column);
    let rows = rows
        .iter()
        .map(|row| to_visual_order(row, row).into_owned());
    InputLayout {
        rows: rows.collect(),
        cursor: (column, row),
        head: None,
    }
}

/// A direction in which the cursor goes to another row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RowStep {
    Up,
    Down,
}

/// A place for the cursor, in the order of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CursorPlace {
    /// In bytes.
    pub(super) at: usize,
    /// The column that the cursor aimed at: the row may be shorter.
    pub(super) column: usize,
}

/// Returns the place a row above or below the cursor, as near to `column` as possible, or to the cursor's own column.
/// Returns `None` if there is no such row.
pub(super) fn place_beside(
    text: &str,
    cursor: usize,
    room: usize,
    step: RowStep,
    column: Option<usize>,
) -> Option<CursorPlace> {
    let here = places(text, room)
        .take_while(|place| place.at <= cursor)
        .last()?;
    let row = match step {
        RowStep::Up => here.row.checked_sub(1)?,
        RowStep::Down => here.row + 1,
    };
    let column = column.unwrap_or(here.column);
    let mut row = places(text, room).filter(|place| place.row == row);
    let first = row.next()?;
    let at = row
        .take_while(|place| place.column <= column)
        .last()
        .map_or(first.at, |place| place.at);
    Some(CursorPlace { at, column })
}

/// A character of a text in rows, or the end of the text.
struct TextPlace<'a> {
    /// In bytes.
    at: usize,
    row: usize,
    column: usize,
    shown: Cow<'a, str>,
}

/// Returns all places of a text in rows of `room` columns.
fn places(text: &str, room: usize) -> impl Iterator<Item = TextPlace<'_>> {
    let room = room.max(2);
    let (mut row, mut column) = (0, 0);
    let end = (text.len(), "");
    let clusters = text.grapheme_indices(true).chain([end]);
    clusters.map(move |(at, cluster)| {
        let shown = escape_cluster(cluster);
        let width = width(&shown);
        // The cursor needs a column of its own behind the text.
        if column + width >= room {
            (row, column) = (row + 1, 0);
        }
        let place = TextPlace {
            at,
            row,
            column,
            shown,
        };
        if cluster == "\n" {
            (row, column) = (row + 1, 0);
        } else {
            column += width;
        }
        place
    })
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
    fn the_cursor_goes_up_and_down_by_rows() {
        let text = "abcdefgh\nx\n你好吗";
        let beside = |cursor, step, column| {
            place_beside(text, cursor, 6, step, column).map(|place| (place.at, place.column))
        };
        // The rows are abcde, fgh, x, 你好 and 吗.
        assert_eq!(beside(2, RowStep::Up, None), None);
        assert_eq!(beside(2, RowStep::Down, None), Some((7, 2)));
        assert_eq!(beside(7, RowStep::Up, None), Some((2, 2)));
        assert_eq!(beside(7, RowStep::Down, None), Some((10, 2)));
        assert_eq!(beside(10, RowStep::Down, Some(2)), Some((14, 2)));
        assert_eq!(beside(10, RowStep::Down, Some(3)), Some((14, 3)));
        assert_eq!(beside(14, RowStep::Down, None), Some((20, 2)));
        assert_eq!(beside(20, RowStep::Down, None), None);
        assert_eq!(place_beside("", 0, 6, RowStep::Down, None), None);
        assert_eq!(
            place_beside("a\n", 1, 6, RowStep::Down, None).unwrap().at,
            2
        );
    }

    #[test]
    fn lines_are_rows() {
        let layout = lay_out("a\n\nb", 2, 10);
        assert_eq!(layout.rows, ["a", "", "b"]);
        assert_eq!(layout.cursor, (0, 1));
    }

    #[test]
    fn a_long_text_says_how_much_is_hidden() {
        let text = "1\n2\n3\n4\n5\n6\n7\n8";
        let page = |cursor, height| {
            let InputPage { note, rows } = lay_out(text, cursor, 10).page(height);
            (note.unwrap_or_default(), rows)
        };
        assert_eq!(page(text.len(), 8), (String::new(), 0..8));
        assert_eq!(page(text.len(), 6), ("↑ 3 rows above".to_owned(), 3..8));
        let middle = "↑ 2 rows above · ↓ 2 rows below";
        assert_eq!(page(8, 5), (middle.to_owned(), 2..6));
        assert_eq!(page(12, 6), ("↑ 3 rows above".to_owned(), 3..8));
        assert_eq!(page(10, 6).0, "↑ 2 rows above · ↓ 1 row below");
        assert_eq!(page(0, 5), ("↓ 4 rows below".to_owned(), 0..4));
        // A low window has no row for words.
        assert_eq!(page(text.len(), 2), (String::new(), 6..8));
        assert_eq!(page(8, 1), (String::new(), 4..5));
    }

    #[test]
    fn what_stands_above_the_text_takes_a_row() {
        let head = Some("find: x".to_owned());
        let long = InputLayout {
            head,
            ..lay_out("1\n2\n3\n4", 7, 10)
        };
        assert_eq!(long.height(), 5);
        let whole = long.page(5);
        assert_eq!((whole.note.as_deref(), whole.rows), (Some("find: x"), 0..4));
        let part = long.page(3);
        let note = "find: x · ↑ 2 rows above";
        assert_eq!((part.note.as_deref(), part.rows), (Some(note), 2..4));
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
