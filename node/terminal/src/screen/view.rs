//! Draws the screen: the discussion, the members beside it, the status line, and the input text.
//!
//! It is a pure function from the screen to a grid of characters. Not here: the output of the grid (`tty::Painter`).

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::layout::{Look, dim};
use super::scroll::Rows;
use super::standing::standing;
use super::{Mode, Screen, input, members};
use crate::tty::fit;
use ringtalk_session::text::{harmless, harmless_lines};

/// The minimum width of a window that has room for the members, in columns.
const WITH_MEMBERS: u16 = 80;
/// The width of the list of members, in columns, with the rule before it.
const MEMBERS: u16 = 18;
/// The same in a wide window.
const MEMBERS_WIDE: u16 = 24;
/// The minimum width of a wide window, in columns.
const WIDE: u16 = 100;
/// The maximum number of rows of input text. They are also at most a third of the window.
const INPUT_ROWS: u16 = 6;
/// The prompt before the input text.
const PROMPT: &str = "> ";
/// The maximum number of unsent texts that are shown.
const SENDING: usize = 5;

/// The area of each part of the screen.
#[derive(Clone, Copy, Debug)]
struct Areas {
    talk: Rect,
    members: Option<Rect>,
    standing: Rect,
    input: Rect,
}

/// Returns the screen as a grid of characters, and the place of the cursor.
pub(super) fn drawn(screen: &Screen) -> (Buffer, Option<Position>) {
    let Size { width, height } = screen.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let cursor = draw(screen, &mut buffer);
    (buffer, cursor)
}

/// Draws everything, and returns the place of the cursor.
fn draw(screen: &Screen, buffer: &mut Buffer) -> Option<Position> {
    let written = written(screen);
    let areas = areas(screen, &written);
    draw_talk(screen, areas.talk, buffer);
    if let Some(area) = areas.members {
        draw_members(screen, area, buffer);
    }
    draw_standing(screen, areas.standing, buffer);
    draw_input(screen, &written, areas.input, buffer)
}

/// Returns the look of the entries, and the number of rows for them.
pub(super) fn talk(screen: &Screen) -> (Look, usize) {
    let area = areas(screen, &written(screen)).talk;
    (look(screen, area), usize::from(area.height))
}

fn look(screen: &Screen, talk: Rect) -> Look {
    let (query, found) = match &screen.mode {
        Mode::Searching(search) => (search.query.clone(), search.found),
        _ => (String::new(), None),
    };
    Look {
        width: usize::from(talk.width),
        colors: screen.colors,
        query,
        found,
    }
}

fn areas(screen: &Screen, written: &input::Shown) -> Areas {
    let (width, height) = (screen.size.width, screen.size.height);
    let most = INPUT_ROWS.min(height / 3).max(1);
    let wanted = u16::try_from(written.rows.len()).unwrap_or(u16::MAX);
    let input_rows = wanted.min(most).min(height);
    let above = height - input_rows;
    let standing_rows = above.min(1);
    let talk_rows = above - standing_rows;
    let beside = match width {
        WIDE.. => MEMBERS_WIDE,
        WITH_MEMBERS.. => MEMBERS,
        _ => 0,
    };
    let members = Rect::new(width - beside, 0, beside, talk_rows);
    Areas {
        talk: Rect::new(0, 0, width - beside - beside.min(1), talk_rows),
        members: (beside > 0).then_some(members),
        standing: Rect::new(0, talk_rows, width, standing_rows),
        input: Rect::new(0, above, width, input_rows),
    }
}

fn draw_talk(screen: &Screen, area: Rect, buffer: &mut Buffer) {
    let look = look(screen, area);
    let rows = Rows {
        transcript: &screen.transcript,
        look: &look,
        unread: screen.unread,
    };
    let height = usize::from(area.height);
    let mut page = rows.page(screen.bottom, height);
    if screen.bottom.is_none() {
        let first = screen.sending.len().saturating_sub(SENDING);
        let waiting = screen.sending.range(first..);
        page.extend(waiting.flat_map(|text| look.sending(&harmless_lines(text))));
        page.drain(..page.len().saturating_sub(height));
    }
    if screen.bottom.is_some()
        && let Some(last) = page.last_mut()
    {
        *last = look.rule(&more_below(screen.below));
    }
    draw_rows(&page, area, buffer);
}

fn more_below(messages: usize) -> String {
    match messages {
        0 => "more below: Esc goes there".to_owned(),
        1 => "1 new message below: Esc goes there".to_owned(),
        many => format!("{many} new messages below: Esc goes there"),
    }
}

/// Draws rows so that the last one is at the bottom.
fn draw_rows(rows: &[Line], area: Rect, buffer: &mut Buffer) {
    let blank = usize::from(area.height).saturating_sub(rows.len());
    let lines = (area.y..area.bottom()).skip(blank);
    for (y, row) in lines.zip(rows) {
        buffer.set_line(area.x, y, row, area.width);
    }
}

fn draw_members(screen: &Screen, area: Rect, buffer: &mut Buffer) {
    for y in area.y..area.bottom() {
        buffer.set_string(area.x, y, "│", dim());
    }
    let inner = Rect::new(area.x + 2, area.y, area.width - 2, area.height);
    let (width, height) = (usize::from(inner.width), usize::from(inner.height));
    let rows = members::list(&screen.state, screen.colors, width, height);
    for (y, row) in (inner.y..inner.bottom()).zip(&rows) {
        buffer.set_line(inner.x, y, row, inner.width);
    }
}

fn draw_standing(screen: &Screen, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width.saturating_sub(2));
    let text = format!(" {}", standing(screen, room));
    let style = Style::new().add_modifier(Modifier::REVERSED);
    buffer.set_style(area, style);
    if area.height > 0 {
        buffer.set_stringn(area.x, area.y, text, usize::from(area.width), style);
    }
}

fn draw_input(
    screen: &Screen,
    written: &input::Shown,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let width = usize::from(area.width);
    let put = |buffer: &mut Buffer, text: &str, style| {
        if area.height > 0 {
            buffer.set_stringn(area.x, area.y, text, width, style);
        }
    };
    let bold = Style::new().add_modifier(Modifier::BOLD);
    match &screen.mode {
        Mode::Writing => return draw_written(written, area, buffer),
        Mode::Searching(search) => {
            let over = if search.is_over { " (no more)" } else { "" };
            let text = format!("search: {}{over}", harmless(&search.query));
            put(buffer, &fit(&text, width), bold);
        }
        Mode::Asking => put(buffer, "leave the discussion? (y/n)", bold),
        Mode::Leaving => put(buffer, "leaving …", dim()),
    }
    None
}

fn draw_written(shown: &input::Shown, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let (column, row) = shown.cursor;
    let first = (row + 1).saturating_sub(usize::from(area.height));
    for (y, text) in (area.y..area.bottom()).zip(&shown.rows[first..]) {
        if y == area.y && first == 0 {
            buffer.set_string(area.x, y, PROMPT, dim());
        }
        let room = usize::from(area.width).saturating_sub(PROMPT.len());
        let x = area.x + PROMPT.len() as u16;
        if x < area.right() {
            buffer.set_stringn(x, y, text, room, Style::new());
        }
    }
    let x = usize::from(area.x) + PROMPT.len() + column;
    let y = usize::from(area.y) + row - first;
    let position = Position::new(u16::try_from(x).ok()?, u16::try_from(y).ok()?);
    area.contains(position).then_some(position)
}

fn written(screen: &Screen) -> input::Shown {
    let room = usize::from(screen.size.width).saturating_sub(PROMPT.len());
    input::lay_out(screen.editor.text(), screen.editor.cursor(), room)
}
