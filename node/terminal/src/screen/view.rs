//! Draws the screen: the discussion, the members beside it, the status line, and the input text.
//!
//! It is a pure function from the screen to a grid of characters. Not here: the output of the grid (`tty::Painter`).

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::{Modifier, Style};

use super::layout::{Look, dim, name_width};
use super::query::SearchFailure;
use super::scroll::Rows;
use super::status_line::status_line;
use super::text_rows::TalkRow;
use super::{Mode, Screen, help, input, members, text_only, widths};
use crate::tty::{Hyperlinks, ScreenImage, fit, line_width, put_line, put_text, width};
use ringtalk_session::text::{escape_line, escape_multiline};

/// The maximum number of rows of input text. They are also at most a third of the window.
const INPUT_ROWS: u16 = 6;
/// The prompt before the input text.
const PROMPT: &str = "> ";
/// The prompt before the first row that is shown, if there are rows above it.
const PROMPT_BELOW: &str = "↑ ";
/// The words in the empty input line, those after Esc, and those before the node has joined.
const HINT: &str = "type a message; F1 for help";
const PICK_HINT: &str = "type a message; ↑ picks one to copy";
const EARLY_HINT: &str = "what you type is sent once you are in; F1 for help";
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

/// Returns the screen as a grid of characters, with its links and the position of the cursor.
pub(super) fn render(screen: &Screen) -> ScreenImage {
    let Size { width, height } = screen.size;
    let mut image = ScreenImage::from(Buffer::empty(Rect::new(0, 0, width, height)));
    image.cursor = draw(screen, &mut image);
    image
}

/// Draws everything, and returns the position of the cursor.
fn draw(screen: &Screen, image: &mut ScreenImage) -> Option<Position> {
    let ScreenImage {
        cells: buffer,
        links,
        ..
    } = image;
    if let Mode::TextOnly(view) = &screen.mode {
        text_only::draw(screen, *view, buffer.area, buffer);
        return None;
    }
    let layout = lay_out_input(screen);
    let areas = areas(screen, &layout);
    if let Mode::Help(first) = &screen.mode {
        let width = screen.size.width;
        help::draw(
            *first,
            Rect {
                width,
                ..areas.talk
            },
            buffer,
        );
    } else {
        let free = draw_talk(screen, areas.talk, buffer, links);
        if let Some(area) = areas.members {
            draw_members(screen, area, &free, buffer);
        }
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
    let picked = match &screen.mode {
        Mode::Picking(pick) => Some(pick.entry),
        _ => None,
    };
    let width = usize::from(talk.width);
    Look {
        width,
        window: usize::from(screen.size.width),
        name_width: name_width(screen.transcript.widest_head(), width),
        colors: screen.colors,
        query,
        current_match,
        picked,
    }
}

fn areas(screen: &Screen, layout: &input::InputLayout) -> Areas {
    let (width, height) = (screen.size.width, screen.size.height);
    let most = INPUT_ROWS.min(height / 3).max(1);
    let wanted = u16::try_from(layout.height()).unwrap_or(u16::MAX);
    let input_rows = wanted.min(most).min(height);
    let above = height - input_rows;
    let status_rows = above.min(1);
    let talk_rows = above - status_rows;
    let beside = widths::of_members(width);
    let members = Rect::new(width - beside, 0, beside, talk_rows);
    Areas {
        talk: Rect::new(0, 0, width - beside - beside.min(1), talk_rows),
        members: (beside > 0).then_some(members),
        status_line: Rect::new(0, talk_rows, width, status_rows),
        input: Rect::new(0, above, width, input_rows),
    }
}

/// Draws the discussion. Returns the rows in which it leaves the members their room.
fn draw_talk(screen: &Screen, area: Rect, buffer: &mut Buffer, links: &mut Hyperlinks) -> Vec<u16> {
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
        *last = look.unread_rule(&more_below(screen.below)).into();
    }
    draw_rows(&page, area, buffer, links)
}

fn more_below(messages: usize) -> String {
    match messages {
        0 => "more below: Esc goes there".to_owned(),
        1 => "1 new message below: Esc goes there".to_owned(),
        many => format!("{many} new messages below: Esc goes there"),
    }
}

/// Draws rows so that the last one is at the bottom. A row that must not be cut may be wider than the area. Returns
/// the rows of the area that have no such row.
fn draw_rows(
    rows: &[TalkRow],
    area: Rect,
    buffer: &mut Buffer,
    links: &mut Hyperlinks,
) -> Vec<u16> {
    let blank = usize::from(area.height).saturating_sub(rows.len());
    let mut free: Vec<u16> = (area.y..area.bottom()).take(blank).collect();
    let below = (area.y..area.bottom()).skip(blank);
    for (y, row) in below.zip(rows) {
        if line_width(&row.line) <= usize::from(area.width) {
            free.push(y);
        }
        let room = usize::from(buffer.area.width - area.x);
        put_line(buffer, (area.x, y), &row.line, room);
        links.set(y, &row.links);
    }
    free
}

/// Draws the members into these rows.
fn draw_members(screen: &Screen, area: Rect, rows: &[u16], buffer: &mut Buffer) {
    for y in rows {
        put_text(buffer, (area.x, *y), "│", 1, dim());
    }
    let (x, width) = (area.x + 2, area.width - 2);
    let list = members::list(&screen.state, screen.colors, width.into(), rows.len());
    for (y, row) in rows.iter().zip(&list) {
        put_line(buffer, (x, *y), row, width.into());
    }
}

fn draw_status_line(screen: &Screen, area: Rect, buffer: &mut Buffer) {
    // It begins where the input text does.
    let begin = PROMPT.len() as u16;
    let room = area.width.saturating_sub(begin);
    if area.height > 0 && room > 0 {
        let line = status_line(screen, usize::from(room));
        put_line(buffer, (area.x + begin, area.y), &line, room.into());
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
            put_text(buffer, (area.x, area.y), text, width, style);
        }
    };
    let bold = Style::new().add_modifier(Modifier::BOLD);
    match &screen.mode {
        Mode::Writing | Mode::Recalling(_) | Mode::Help(_) => {
            return draw_input_text(screen, layout, area, buffer);
        }
        // The text stays in view, without a cursor: keys do not go there.
        Mode::Picking(_) | Mode::TextOnly(_) => {
            draw_input_text(screen, layout, area, buffer);
        }
        Mode::Searching(search) => {
            let query = escape_line(&search.query);
            let failure = SearchFailure::describe(search.failure);
            let text = format!("find in the talk: {query}{failure}");
            put(buffer, &fit(&text, width), bold);
        }
        Mode::ConfirmingExit { by_default } => {
            let answers = if *by_default { "(Y/n)" } else { "(y/N)" };
            put(buffer, &leave_question(screen, answers, width), bold);
        }
        Mode::Leaving => put(buffer, "leaving …", dim()),
    }
    None
}

/// Returns the question before this node leaves, with the possible answers, in at most `room` columns. What it says
/// besides is left out if there is no room.
fn leave_question(screen: &Screen, answers: &str, room: usize) -> String {
    let forms: &[&str] = if screen.state.ready && screen.is_alone() {
        &[
            "you are the last one here: when you leave, the discussion is gone. Leave?",
            "leave? The discussion is gone when its last one leaves",
        ]
    } else if screen.state.after_me.is_some() {
        &["leave the discussion? After that, newcomers need the invite above"]
    } else {
        &[]
    };
    let forms = forms.iter().chain(&["leave the discussion?"]);
    let mut questions = forms.map(|form| format!("{form} {answers}"));
    let fitting = questions.clone().find(|question| width(question) <= room);
    let shortest = || questions.next_back();
    let question = fitting.or_else(shortest).unwrap_or_default();
    fit(&question, room).into_owned()
}

fn draw_input_text(
    screen: &Screen,
    layout: &input::InputLayout,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let page = layout.page(area.height.into());
    let width = usize::from(area.width);
    let top = area.y + u16::from(page.note.is_some());
    if let Some(note) = &page.note {
        put_text(buffer, (area.x, area.y), &fit(note, width), width, dim());
    }
    let prompt = if page.rows.start == 0 {
        PROMPT
    } else {
        PROMPT_BELOW
    };
    if top < area.bottom() {
        put_text(buffer, (area.x, top), prompt, width, dim());
    }
    if screen.editor.is_empty() && matches!(screen.mode, Mode::Writing) {
        let hint = match screen.state.ready {
            true if screen.may_pick() => PICK_HINT,
            true => HINT,
            false => EARLY_HINT,
        };
        let hint = format!("{PROMPT}{hint}");
        put_text(buffer, (area.x, area.y), &fit(&hint, width), width, dim());
    }
    for (y, text) in (top..area.bottom()).zip(&layout.rows[page.rows.clone()]) {
        let x = area.x + PROMPT.len() as u16;
        if x < area.right() {
            let room = width.saturating_sub(PROMPT.len());
            put_text(buffer, (x, y), text, room, Style::new());
        }
    }
    let (column, row) = layout.cursor;
    let x = usize::from(area.x) + PROMPT.len() + column;
    let y = usize::from(top) + row.checked_sub(page.rows.start)?;
    let position = Position::new(u16::try_from(x).ok()?, u16::try_from(y).ok()?);
    area.contains(position).then_some(position)
}

fn lay_out_input(screen: &Screen) -> input::InputLayout {
    let shown = screen.shown_input();
    input::InputLayout {
        head: shown.head,
        ..input::lay_out(shown.text, shown.cursor, input_room(screen))
    }
}

/// Returns how many columns the input text has.
pub(super) fn input_room(screen: &Screen) -> usize {
    usize::from(screen.size.width).saturating_sub(PROMPT.len())
}
