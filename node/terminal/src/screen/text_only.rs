//! The talk without names, times and borders: the terminal's own mouse selects nothing but what was said.
//!
//! The view stands still while it is shown, because a terminal drops a selection when the text under it changes. Not
//! here: the keys that lead there (`picking`).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Screen;
use super::layout::dim;
use super::text_rows::{TextRow, text_rows};
use super::transcript::Transcript;
use crate::tty::{fit, put_text};

/// The words below the texts.
const HINT: &str = "any key goes back";

/// The view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TextOnly {
    /// The number of the picked message, with which the view begins if there is enough behind it.
    pub(super) picked: u64,
    /// The number of the entry behind the last one that may be shown.
    pub(super) end: u64,
}

/// Draws the view into the whole window.
pub(super) fn draw(screen: &Screen, view: TextOnly, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let Some(last) = area.bottom().checked_sub(1).filter(|y| *y >= area.y) else {
        return;
    };
    put_text(buffer, (area.x, last), &fit(HINT, columns), columns, dim());
    let height = usize::from(last - area.y);
    let rows = rows(&screen.transcript, view, columns, height);
    let top = last - u16::try_from(rows.len()).unwrap_or(0);
    for (y, row) in (top..last).zip(&rows) {
        put_text(buffer, (area.x, y), &row.text, columns, Style::new());
    }
}

/// Returns the rows of the messages from the picked one on, up to `height`. If there are fewer, those of older messages
/// stand above them.
fn rows(transcript: &Transcript, view: TextOnly, columns: usize, height: usize) -> Vec<TextRow> {
    let rows_of = |number: u64| {
        let message = transcript.message(number);
        let rows = message.map(|message| text_rows(&message.text, columns, None));
        rows.unwrap_or_default()
    };
    let mut rows = Vec::new();
    let mut next = transcript.message_from(view.picked);
    while let Some(number) = next.filter(|number| *number < view.end && rows.len() < height) {
        rows.extend(rows_of(number));
        next = transcript.message_from(number + 1);
    }
    rows.truncate(height);
    let mut next = transcript.message_before(view.picked);
    while let Some(number) = next.filter(|_| rows.len() < height) {
        let older = rows_of(number);
        let hidden = (older.len() + rows.len()).saturating_sub(height);
        rows.splice(..0, older.into_iter().skip(hidden));
        next = transcript.message_before(number);
    }
    rows
}
