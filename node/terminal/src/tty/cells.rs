//! Writes text into the cells of a buffer, by the widths that this crate gives it.
//!
//! The library's own functions count some marks as nothing, for which many terminals need a column. Not here: how cells
//! get to the terminal (`painter`).

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::Line;
use unicode_segmentation::UnicodeSegmentation;

use super::width::width;

/// Writes a text into a row, at most `room` columns of it. Returns the column behind it.
pub fn put_text(
    buffer: &mut Buffer,
    (x, y): (u16, u16),
    text: &str,
    room: usize,
    style: impl Into<Style>,
) -> u16 {
    let style = style.into();
    let room = u16::try_from(room).unwrap_or(u16::MAX);
    let end = x.saturating_add(room).min(buffer.area.right());
    if !(buffer.area.top()..buffer.area.bottom()).contains(&y) {
        return x;
    }
    let mut at = x;
    for cluster in text.graphemes(true) {
        let columns = u16::try_from(width(cluster)).unwrap_or(u16::MAX);
        let is_control = cluster.contains(char::is_control);
        if columns == 0 || is_control {
            continue;
        }
        if columns > end.saturating_sub(at) {
            break;
        }
        buffer[(at, y)].set_symbol(cluster).set_style(style);
        for covered in at + 1..at + columns {
            buffer[(covered, y)].reset();
        }
        at += columns;
    }
    at
}

/// Writes a line into a row, at most `room` columns of it.
pub fn put_line(buffer: &mut Buffer, (x, y): (u16, u16), line: &Line, room: usize) {
    let mut at = x;
    for span in &line.spans {
        let left = room.saturating_sub(usize::from(at - x));
        let style = line.style.patch(span.style);
        at = put_text(buffer, (at, y), &span.content, left, style);
    }
}

/// Returns the width of a line, in columns.
pub fn line_width(line: &Line) -> usize {
    line.spans.iter().map(|span| width(&span.content)).sum()
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;

    fn cells(text: &str, room: usize) -> Vec<String> {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        put_text(&mut buffer, (0, 0), text, room, Style::new());
        let cells = buffer.content.iter();
        cells.map(|cell| cell.symbol().to_owned()).collect()
    }

    #[test]
    fn each_cluster_has_as_many_cells_as_a_terminal_may_need() {
        assert_eq!(cells("a你b", 8)[..5], ["a", "你", " ", "b", " "]);
        assert_eq!(
            cells("ca\u{a9c0}rl", 8)[..5],
            ["c", "a\u{a9c0}", " ", "r", "l"]
        );
        assert_eq!(cells("e\u{301}x", 8)[..2], ["e\u{301}", "x"]);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        assert_eq!(cells("ab你", 3)[..3], ["a", "b", " "]);
        assert_eq!(cells("a\u{1b}b", 8)[..2], ["a", "b"]);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        assert_eq!(put_text(&mut buffer, (0, 1), "a", 2, Style::new()), 0);
        assert_eq!(put_text(&mut buffer, (1, 0), "ab", 9, Style::new()), 2);
    }
}
