//! The screen of the live view, as a function of the rings and of the keys pressed.
//!
//! [`Screen`] takes pictures and keys, and does no I/O. Not here: drawing a ring (`circle`, `list`), the terminal's
//! input and output (`live`).

mod appearance;
mod circle;
mod details;
mod dots;
mod list;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ringtalk_session::text::escape_line;
use ringtalk_terminal::tty::{TerminalEvent, fit, put_text, width, wrap};
use ringtalk_wire::NodeId;

use super::picture::Picture;
use crate::ring::Ring;
use appearance::{Appearance, dim, name, plain};

/// The help line: the keys, and the meaning of the marks.
const KEYS: &str = "q quit · Tab select · l list";
const MARKS: &str = "★ coordinator · ? suspected · ○ does not answer";
/// The most rows of details of a member; a third of the window if that is less.
const MAX_DETAIL_ROWS: usize = 5;
/// The fewest columns of a ring if several are side by side.
const MIN_RING_WIDTH: u16 = 24;

/// A request of the screen to its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    /// Repaint everything.
    Repaint,
    /// Stop the process until the shell continues it.
    Suspend,
    /// Give the terminal back and exit.
    Quit,
}

/// The state of the screen.
#[derive(Debug)]
pub(super) struct Screen {
    /// The directors that were asked, as they are shown.
    directors: String,
    appearance: Appearance,
    size: Size,
    picture: Picture,
    /// Why the last search at a director failed; it is shown if there is no ring.
    search_error: Option<String>,
    /// The latest changes, in words.
    changes: String,
    as_list: bool,
}

impl Screen {
    /// Creates a screen that has no picture yet.
    pub(super) const fn new(directors: String, colors: bool, size: Size) -> Self {
        let appearance = Appearance {
            colors,
            chosen: None,
        };
        Self {
            directors,
            appearance,
            size,
            picture: Picture { rings: Vec::new() },
            search_error: None,
            changes: String::new(),
            as_list: false,
        }
    }

    /// Takes a new picture. Returns true if that changes the screen.
    pub(super) fn show(&mut self, picture: Picture, search_error: Option<String>) -> bool {
        let is_changed = picture != self.picture || search_error != self.search_error;
        let changes = picture.describe_changes(&self.picture);
        if !changes.is_empty() && !self.picture.rings.is_empty() {
            self.changes = escape_line(&changes.join(" · "));
        }
        self.picture = picture;
        self.search_error = search_error;
        is_changed
    }

    /// Handles an event of the terminal.
    pub(super) fn handle_event(&mut self, event: &TerminalEvent) -> Option<Effect> {
        match event {
            TerminalEvent::Key(key) => self.handle_key(*key),
            TerminalEvent::Resize(width, height) => {
                self.size = Size::new(*width, *height);
                Some(Effect::Repaint)
            }
            _ => None,
        }
    }

    fn handle_key(&mut self, key: KeyEvent) -> Option<Effect> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'd') => Some(Effect::Quit),
                KeyCode::Char('z') => Some(Effect::Suspend),
                KeyCode::Char('l') => Some(Effect::Repaint),
                _ => None,
            };
        }
        match key.code {
            KeyCode::Char('q') => return Some(Effect::Quit),
            KeyCode::Char('l') => self.as_list = !self.as_list,
            KeyCode::Tab | KeyCode::Right | KeyCode::Down => self.choose(1),
            KeyCode::BackTab | KeyCode::Left | KeyCode::Up => self.choose(-1),
            KeyCode::Esc => self.appearance.chosen = None,
            _ => {}
        }
        None
    }

    /// Moves the choice by this many members, clockwise if positive.
    fn choose(&mut self, steps: isize) {
        let ids = self.picture.ids();
        let count = ids.len().cast_signed();
        let is_chosen = |id: &NodeId| Some(*id) == self.appearance.chosen;
        let next = match ids.iter().position(is_chosen) {
            Some(here) => here.cast_signed() + steps,
            None if steps > 0 => 0,
            None => -1,
        };
        if count > 0 {
            self.appearance.chosen = Some(ids[next.rem_euclid(count).cast_unsigned()]);
        }
    }

    /// Returns the screen as a grid of characters.
    pub(super) fn render(&self) -> Buffer {
        let Size { width, height } = self.size;
        let all = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(all);
        let [first, last] = [0, height.saturating_sub(1)].map(|y| Rect {
            y,
            height: 1,
            ..all
        });
        if height < 2 {
            return buffer;
        }
        self.heading(first, &mut buffer);
        self.footer(last, &mut buffer);
        let mut rest = Rect {
            y: 1,
            height: height - 2,
            ..all
        };
        for line in self.details(rest).into_iter().rev() {
            rest.height -= 1;
            let y = rest.y + rest.height;
            put_text(&mut buffer, (0, y), &line, width.into(), plain());
        }
        self.rings(rest, &mut buffer);
        buffer
    }

    /// Writes the first line: a summary of the rings, and the directors.
    fn heading(&self, area: Rect, buffer: &mut Buffer) {
        let room = usize::from(area.width);
        let summary = match self.picture.rings.as_slice() {
            [] => "no member answers".to_owned(),
            [ring] => {
                let coordinator = ring
                    .members
                    .iter()
                    .find(|member| ring.is_coordinator(member));
                let name = coordinator.map(|member| name(member, room / 3));
                let name = name.unwrap_or_else(|| "unknown".to_owned());
                format!(
                    "{} · {} · coordinator {name}",
                    ring.size_text(),
                    ring.verdict()
                )
            }
            rings => format!("{} rings, side by side", rings.len()),
        };
        let summary = fit(&summary, room);
        put_text(buffer, (area.x, area.y), &summary, room, self.verdict());
        let left = room.saturating_sub(width(&summary) + 2);
        let directors = fit(&self.directors, left);
        let x = area.x + (room - width(&directors)) as u16;
        put_text(buffer, (x, area.y), &directors, left, dim());
    }

    fn verdict(&self) -> ratatui::style::Style {
        let worst = self.picture.rings.iter().find(|ring| !ring.is_closed());
        let worst = worst.or(self.picture.rings.first());
        worst.map_or(plain(), |ring| self.appearance.verdict(ring))
    }

    /// Writes the last line: the keys, and the latest changes.
    fn footer(&self, area: Rect, buffer: &mut Buffer) {
        let room = usize::from(area.width);
        let help = [format!("{KEYS} · {MARKS}"), KEYS.to_owned()];
        let beside = |text: &&String| width(text) + 2 + width(&self.changes) <= room;
        let fits = help.iter().find(beside).or(help.last());
        let help = fit(fits.map_or("", String::as_str), room);
        put_text(buffer, (area.x, area.y), &help, room, dim());
        let left = room.saturating_sub(width(&help) + 2);
        let changes = fit(&self.changes, left);
        let x = area.x + (room - width(&changes)) as u16;
        put_text(buffer, (x, area.y), &changes, left, plain());
    }

    /// Returns the details of the chosen member, or the reason why there is no ring to show.
    fn details(&self, area: Rect) -> Vec<String> {
        let chosen = self.appearance.chosen.as_ref();
        let text = chosen.and_then(|id| details::describe(&self.picture, id));
        let search_error = self.search_error.as_deref().map(escape_line);
        let text = text.or(search_error.filter(|_| self.picture.rings.is_empty()));
        let Some(text) = text else {
            return Vec::new();
        };
        let rows = wrap(&text, area.width.into()).into_iter();
        let most = MAX_DETAIL_ROWS.min(usize::from(area.height) / 3);
        rows.map(|row| text[row].to_owned()).take(most).collect()
    }

    /// Draws the rings side by side, all of the same width: as many as there is room for.
    fn rings(&self, area: Rect, buffer: &mut Buffer) {
        let most = usize::from((area.width / MIN_RING_WIDTH).max(1));
        let rings = &self.picture.rings[..self.picture.rings.len().min(most)];
        let mut left = area;
        for (number, ring) in rings.iter().enumerate() {
            let share = left.width / (rings.len() - number) as u16;
            let part = Rect {
                width: share,
                ..left
            };
            self.ring(ring, part, buffer);
            left.x += share;
            left.width -= share;
        }
    }

    fn ring(&self, ring: &Ring, area: Rect, buffer: &mut Buffer) {
        if self.as_list || !circle::draw(ring, &self.appearance, area, buffer) {
            list::draw(ring, &self.appearance, area, buffer);
        }
    }
}

#[cfg(test)]
mod tests;
