//! The help over the discussion: the commands, the keys, and the marks of messages.
//!
//! The commands come from the table of `/help`, which also lists the keys from here. Not here: the meaning of a command
//! (`stdin`) and of a key (`keys`).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::layout::dim;
use super::widths::{SIDE_BY_SIDE, WIDE_KEYS};
use crate::stdin::HELP;
use crate::tty::{put_line, put_text, width, wrap};

/// The keys, and what they do. Keys that do one thing each, in the order of their words, are separated by a comma.
pub(super) const KEYS: [(&str, &str); 21] = [
    ("Enter", "send"),
    (
        "Alt+Enter, Ctrl+J",
        "start another line; a paste is one message",
    ),
    (
        "Tab",
        "complete a name or a command; again for the next choice",
    ),
    ("↑, ↓", "bring back lines that you sent or cleared"),
    ("Ctrl+R", "find a line that you wrote"),
    ("Ctrl+S", "search the talk; then ↑ older, ↓ newer"),
    ("Ctrl+_, Alt+/", "undo, redo"),
    ("PgUp, PgDn", "scroll"),
    (
        "Ctrl+Home, Ctrl+End",
        "go to the oldest, to the newest message",
    ),
    ("Esc", "go back to the newest message; then ↑ picks one"),
    (
        "Alt+↑, Alt+↓",
        "pick a message: c copies it, v shows the text only",
    ),
    ("Ctrl+A, Ctrl+E", "go to the start, to the end of the line"),
    ("Ctrl+B, Ctrl+F", "go back, go on by a character"),
    ("Alt+B, Alt+F", "go back, go on by a word"),
    (
        "Ctrl+W, Ctrl+U, Ctrl+K",
        "cut a word, to the start, to the end of the line",
    ),
    ("Alt+D, Ctrl+T", "cut the next word, swap two characters"),
    ("Ctrl+Y", "insert what was cut"),
    ("Ctrl+C", "clear the line; on an empty line, leave"),
    ("Ctrl+L", "repaint the screen"),
    ("Ctrl+Z", "suspend"),
    ("F1", "this help"),
];

/// The marks of the user's own messages.
const MARKS: [(&str, &str); 4] = [
    ("… before", "waits to be sent"),
    ("· after", "sent; with a number: so many others have it"),
    ("✓ after", "delivered to everyone"),
    ("! after", "somebody has not got it after 10 s"),
];

/// The width of the first column, in columns: that of the longest list of keys, and two blanks.
const KEY_WIDTH: usize = 24;
/// The same in a narrow window.
const NARROW_KEY_WIDTH: usize = 14;
/// The margin on the left, in columns.
const MARGIN: usize = 2;
/// The rows of the last line of the help, with a blank one before it.
const CLOSE_ROWS: usize = 2;
/// The last line of the help.
const CLOSE: &str = "Esc closes this";
const CLOSE_OR_SCROLL: &str = "Esc closes this · ↑ ↓ scroll";

/// Returns the lines about keys and marks that `/help` adds to the commands.
pub(super) fn key_lines() -> impl Iterator<Item = String> {
    let entries = KEYS.iter().chain(&MARKS);
    entries.map(|(keys, what)| format!("{}{what}", padded(keys, KEY_WIDTH)))
}

/// Returns the last row from which the help may be shown in an area of this size: then its last row is shown.
pub(super) fn last_start(columns: usize, height: usize) -> usize {
    let room = height.saturating_sub(CLOSE_ROWS);
    rows(columns).len().saturating_sub(room)
}

/// Draws the help from its row `first` on, but not so far that a part of the area would be empty.
pub(super) fn draw(first: usize, area: Rect, buffer: &mut Buffer) {
    let rows = rows(usize::from(area.width));
    let room = usize::from(area.height).saturating_sub(CLOSE_ROWS);
    let first = first.min(last_start(area.width.into(), area.height.into()));
    for (y, row) in (area.y..area.bottom()).zip(rows.iter().skip(first).take(room)) {
        put_line(buffer, (area.x, y), row, area.width.into());
    }
    if let Some(y) = area.bottom().checked_sub(1).filter(|y| *y >= area.y) {
        let words = if rows.len() > room {
            CLOSE_OR_SCROLL
        } else {
            CLOSE
        };
        let words = format!("{:MARGIN$}{words}", "");
        put_text(buffer, (area.x, y), &words, area.width.into(), dim());
    }
}

fn rows(columns: usize) -> Vec<Line<'static>> {
    let commands = section("Commands", &commands(), columns);
    let keys = || section("Keys", &KEYS, columns);
    let marks = || section("Marks of your messages", &MARKS, columns);
    if columns < SIDE_BY_SIDE {
        return [commands, keys(), marks()].concat();
    }
    let half = columns / 2;
    let left = [
        section("Commands", &self::commands(), half),
        section("Marks of your messages", &MARKS, half),
    ];
    let mut left = left.concat();
    let right = section("Keys", &KEYS, half);
    left.resize(left.len().max(right.len()), Line::default());
    let pairs = left
        .into_iter()
        .zip(right.into_iter().map(Some).chain(std::iter::repeat(None)));
    pairs
        .map(|(mut row, right)| {
            if let Some(right) = right {
                let pad = half.saturating_sub(row.width());
                row.push_span(Span::raw(" ".repeat(pad)));
                row.extend(right.spans);
            }
            row
        })
        .collect()
}

/// Returns the commands with their descriptions.
fn commands() -> Vec<(&'static str, &'static str)> {
    let pairs = HELP.iter().map(|line| line.split_once("  "));
    let pairs = pairs
        .zip(HELP)
        .map(|(pair, line)| pair.unwrap_or((line, "")));
    pairs
        .map(|(command, what)| (command, what.trim_start()))
        .collect()
}

fn section(
    title: &'static str,
    entries: &[(&'static str, &'static str)],
    columns: usize,
) -> Vec<Line<'static>> {
    let key_width = if columns < WIDE_KEYS {
        NARROW_KEY_WIDTH
    } else {
        KEY_WIDTH
    };
    let title = Line::from(vec![
        Span::raw(" ".repeat(MARGIN)),
        Span::styled(title, Style::new().add_modifier(Modifier::BOLD)),
    ]);
    let room = columns.saturating_sub(2 * MARGIN + key_width);
    let entries = entries.iter().flat_map(|(keys, what)| {
        let keys_fit = width(keys) < key_width;
        let own_row = (!keys_fit).then(|| entry_row(keys, "", key_width));
        let head = if keys_fit { *keys } else { "" };
        let heads = std::iter::once(head).chain(std::iter::repeat(""));
        let rows = wrap(what, room).into_iter().zip(heads);
        let rows = rows.map(move |(range, head)| entry_row(head, &what[range], key_width));
        own_row.into_iter().chain(rows).collect::<Vec<_>>()
    });
    let blank = std::iter::once(Line::default());
    std::iter::once(title).chain(entries).chain(blank).collect()
}

fn entry_row(keys: &str, what: &str, key_width: usize) -> Line<'static> {
    Line::from(vec![
        Span::raw(" ".repeat(MARGIN)),
        Span::raw(padded(keys, key_width)),
        Span::styled(what.to_owned(), dim()),
    ])
}

fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::super::keys::action;
    use super::*;

    fn key(name: &str) -> KeyEvent {
        let (modifiers, name) = match name.split_once('+') {
            Some(("Ctrl", name)) => (KeyModifiers::CONTROL, name),
            Some(("Alt", name)) => (KeyModifiers::ALT, name),
            _ => (KeyModifiers::NONE, name),
        };
        let code = match name {
            "Enter" => KeyCode::Enter,
            "Tab" => KeyCode::Tab,
            "Esc" => KeyCode::Esc,
            "PgUp" => KeyCode::PageUp,
            "PgDn" => KeyCode::PageDown,
            "Home" => KeyCode::Home,
            "End" => KeyCode::End,
            "↑" => KeyCode::Up,
            "↓" => KeyCode::Down,
            "F1" => KeyCode::F(1),
            letter => KeyCode::Char(letter.to_lowercase().parse().expect("one letter")),
        };
        KeyEvent::new(code, modifiers)
    }

    #[test]
    fn every_key_in_the_help_does_something() {
        for keys in KEYS.iter().map(|(keys, _)| keys) {
            for name in keys.split(", ") {
                assert!(action(key(name)).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn every_command_is_described() {
        for (command, what) in commands() {
            assert!(command.starts_with('/') && !what.is_empty(), "{command}");
        }
    }

    #[test]
    fn no_row_is_wider_than_the_window() {
        for columns in [20, 60, 80, 140] {
            for row in rows(columns) {
                assert!(
                    row.width() <= columns.max(NARROW_KEY_WIDTH + 20),
                    "{columns}: {row}"
                );
            }
        }
    }
}
