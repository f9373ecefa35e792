//! Draws the screen: the discussion, the members beside it, the status line, and the input text.
//!
//! It is a pure function from the screen to a grid of characters. Not here: the output of the grid (`tty::Painter`).

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::layout::{Look, dim};
use super::scroll::Rows;
use super::status_line::format_status_line;
use super::{Mode, Screen, input, members};
use crate::tty::fit;
use ringtalk_session::text::{escape_line, escape_multiline};

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
const SHOWN_UNSENT: usize = 5;

/// The area of each part of the screen.
#[derive(Clone, Copy, Debug)]
struct Areas {
    talk: Rect,
    members: Option<Rect>,
    status_line: Rect,
    input: Rect,
}

/// Returns the screen as a grid of characters, and the position of the cursor.
pub(super) fn render(screen: &Screen) -> (Buffer, Option<Position>) {
    let Size { width, height } = screen.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let cursor = draw(screen, &mut buffer);
    (buffer, cursor)
}

/// Draws everything, and returns the position of the cursor.
fn draw(screen: &Screen, buffer: &mut Buffer) -> Option<Position> {
    let layout = lay_out_input(screen);
    let areas = areas(screen, &layout);
    draw_talk(screen, areas.talk, buffer);
    if let Some(area) = areas.members {
        draw_members(screen, area, buffer);
    }
    draw_status_line(screen, areas.status_line, buffer);
    draw_input(screen, &layout, areas.input, buffer)
}

/// Returns the look of the entries, and the number of rows for them.
pub(super) fn talk_layout(screen: &Screen) -> (Look, usize) {
    let area = areas(screen, &lay_out_input(screen)).talk;
    (look(screen, area), usize::from(area.height))
}

fn look(screen: &Screen, talk: Rect) -> Look {
    let (query, current_match) = match &screen.mode {
        Mode::Searching(search) => (search.query.clone(), search.current),
        _ => (String::new(), None),
    };
    Look {
        width: usize::from(talk.width),
        colors: screen.colors,
        query,
        current_match,
    }
}

fn areas(screen: &Screen, layout: &input::InputLayout) -> Areas {
    let (width, height) = (screen.size.width, screen.size.height);
    let most = INPUT_ROWS.min(height / 3).max(1);
    let wanted = u16::try_from(layout.rows.len()).unwrap_or(u16::MAX);
    let input_rows = wanted.min(most).min(height);
    let above = height - input_rows;
    let status_rows = above.min(1);
    let talk_rows = above - status_rows;
    let beside = match width {
        WIDE.. => MEMBERS_WIDE,
        WITH_MEMBERS.. => MEMBERS,
        _ => 0,
    };
    let members = Rect::new(width - beside, 0, beside, talk_rows);
    Areas {
        talk: Rect::new(0, 0, width - beside - beside.min(1), talk_rows),
        members: (beside > 0).then_some(members),
        status_line: Rect::new(0, talk_rows, width, status_rows),
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
        let first = screen.unsent.len().saturating_sub(SHOWN_UNSENT);
        let waiting = screen.unsent.range(first..);
        page.extend(waiting.flat_map(|text| look.unsent_rows(&escape_multiline(text))));
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

fn draw_status_line(screen: &Screen, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width.saturating_sub(2));
    let text = format!(" {}", format_status_line(screen, room));
    let style = Style::new().add_modifier(Modifier::REVERSED);
    buffer.set_style(area, style);
    if area.height > 0 {
        buffer.set_stringn(area.x, area.y, text, usize::from(area.width), style);
    }
}

fn draw_input(
    screen: &Screen,
    layout: &input::InputLayout,
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
        Mode::Writing => return draw_input_text(layout, area, buffer),
        Mode::Searching(search) => {
            let over = if search.is_over { " (no more)" } else { "" };
            let text = format!("search: {}{over}", escape_line(&search.query));
            put(buffer, &fit(&text, width), bold);
        }
        Mode::ConfirmingExit => put(buffer, "leave the discussion? (Y/n)", bold),
        Mode::Leaving => put(buffer, "leaving …", dim()),
    }
    None
}

fn draw_input_text(
    layout: &input::InputLayout,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let (column, row) = layout.cursor;
    let first = (row + 1).saturating_sub(usize::from(area.height));
    for (y, text) in (area.y..area.bottom()).zip(&layout.rows[first..]) {
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

fn lay_out_input(screen: &Screen) -> input::InputLayout {
    let room = usize::from(screen.size.width).saturating_sub(PROMPT.len());
    input::lay_out(screen.editor.text(), screen.editor.cursor(), room)
}
