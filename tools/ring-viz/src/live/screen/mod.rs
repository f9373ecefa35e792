//! The live picture: what is on the screen, as a function of the rings and of what was typed.
//!
//! [`Screen`] takes pictures and keys and does no I/O. Not here: how a ring is drawn (`circle`, `list`), and
//! what moves things between the screen and the terminal (`live`).

mod circle;
mod details;
mod dots;
mod list;
mod look;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ringtalk_session::text::harmless;
use ringtalk_terminal::tty::{fit, width, wrap};
use ringtalk_wire::NodeId;

use super::picture::Picture;
use crate::ring::Ring;
use look::{Look, dim, name, usual};

/// What can be typed, and what marks mean.
const KEYS: &str = "q quits · Tab chooses · l list";
const MARKS: &str = "★ coordinates · ? suspected · ○ does not answer";
/// The most rows of what is known of a member, and the most of a third of the window.
const DETAILS: usize = 5;
/// The fewest columns in which two rings stand side by side.
const SIDE_BY_SIDE: u16 = 24;

/// What the screen asks of those around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    /// Paint everything anew.
    Repaint,
    /// Stop the process until the shell continues it.
    Suspend,
    /// Give the terminal back.
    Quit,
}

/// What is on the screen.
#[derive(Debug)]
pub(super) struct Screen {
    /// Where the rings were found.
    directors: String,
    look: Look,
    size: Size,
    picture: Picture,
    /// Why there is nothing to show.
    trouble: Option<String>,
    /// What happened last.
    news: String,
    as_list: bool,
}

impl Screen {
    /// A screen that has shown nothing yet.
    pub(super) const fn new(directors: String, colors: bool, size: Size) -> Self {
        let look = Look {
            colors,
            chosen: None,
        };
        Self {
            directors,
            look,
            size,
            picture: Picture { rings: Vec::new() },
            trouble: None,
            news: String::new(),
            as_list: false,
        }
    }

    /// Takes in how things are now; true where that is to be seen.
    pub(super) fn show(&mut self, picture: Picture, trouble: Option<String>) -> bool {
        let is_seen = picture != self.picture || trouble != self.trouble;
        let news = picture.news(&self.picture);
        if !news.is_empty() && !self.picture.rings.is_empty() {
            self.news = harmless(&news.join(" · "));
        }
        self.picture = picture;
        self.trouble = trouble;
        is_seen
    }

    /// Takes in what the terminal reports.
    pub(super) fn take(&mut self, event: &Event) -> Option<Effect> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key),
            Event::Resize(width, height) => {
                self.size = Size::new(*width, *height);
                Some(Effect::Repaint)
            }
            _ => None,
        }
    }

    fn key(&mut self, key: KeyEvent) -> Option<Effect> {
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
            KeyCode::Esc => self.look.chosen = None,
            _ => {}
        }
        None
    }

    /// Chooses the next member clockwise, or the one before.
    fn choose(&mut self, steps: isize) {
        let ids = self.picture.ids();
        let count = ids.len().cast_signed();
        let is_chosen = |id: &NodeId| Some(*id) == self.look.chosen;
        let next = match ids.iter().position(is_chosen) {
            Some(here) => here.cast_signed() + steps,
            None if steps > 0 => 0,
            None => -1,
        };
        if count > 0 {
            self.look.chosen = Some(ids[next.rem_euclid(count).cast_unsigned()]);
        }
    }

    /// The screen as a grid of characters.
    pub(super) fn drawn(&self) -> Buffer {
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
        self.footing(last, &mut buffer);
        let mut rest = Rect {
            y: 1,
            height: height - 2,
            ..all
        };
        for line in self.details(rest).into_iter().rev() {
            rest.height -= 1;
            let y = rest.y + rest.height;
            buffer.set_stringn(0, y, line, width.into(), usual());
        }
        self.rings(rest, &mut buffer);
        buffer
    }

    /// How the rings are, and where they were found.
    fn heading(&self, area: Rect, buffer: &mut Buffer) {
        let room = usize::from(area.width);
        let summary = match self.picture.rings.as_slice() {
            [] => "nobody answers".to_owned(),
            [ring] => {
                let coordinator = ring.places.iter().find(|place| ring.coordinates(place));
                let name = coordinator.map(|place| name(place, room / 3));
                let name = name.unwrap_or_else(|| "nobody".to_owned());
                format!("{} · {} · {name} coordinates", ring.count(), ring.verdict())
            }
            rings => format!("{} rings, side by side", rings.len()),
        };
        let summary = fit(&summary, room);
        buffer.set_stringn(area.x, area.y, &summary, room, self.verdict());
        let left = room.saturating_sub(width(&summary) + 2);
        let directors = fit(&self.directors, left);
        let x = area.x + (room - width(&directors)) as u16;
        buffer.set_stringn(x, area.y, &directors, left, dim());
    }

    fn verdict(&self) -> ratatui::style::Style {
        let worst = self.picture.rings.iter().find(|ring| !ring.is_closed());
        let worst = worst.or(self.picture.rings.first());
        worst.map_or(usual(), |ring| self.look.verdict(ring))
    }

    /// What happened last, and what can be typed.
    fn footing(&self, area: Rect, buffer: &mut Buffer) {
        let room = usize::from(area.width);
        let help = [format!("{KEYS} · {MARKS}"), KEYS.to_owned()];
        let beside = |text: &&String| width(text) + 2 + width(&self.news) <= room;
        let fits = help.iter().find(beside).or(help.last());
        let help = fit(fits.map_or("", String::as_str), room);
        buffer.set_stringn(area.x, area.y, &help, room, dim());
        let left = room.saturating_sub(width(&help) + 2);
        let news = fit(&self.news, left);
        let x = area.x + (room - width(&news)) as u16;
        buffer.set_stringn(x, area.y, &news, left, usual());
    }

    /// What is known of who was chosen, or why there is nothing to show.
    fn details(&self, area: Rect) -> Vec<String> {
        let chosen = self.look.chosen.as_ref();
        let text = chosen.and_then(|id| details::details(&self.picture, id));
        let trouble = self.trouble.as_deref().map(harmless);
        let text = text.or(trouble.filter(|_| self.picture.rings.is_empty()));
        let Some(text) = text else {
            return Vec::new();
        };
        let rows = wrap(&text, area.width.into()).into_iter();
        let most = DETAILS.min(usize::from(area.height) / 3);
        rows.map(|row| text[row].to_owned()).take(most).collect()
    }

    /// The rings side by side, each as wide as its members need; as many as there is room for.
    fn rings(&self, area: Rect, buffer: &mut Buffer) {
        let most = usize::from((area.width / SIDE_BY_SIDE).max(1));
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
        if self.as_list || !circle::draw(ring, &self.look, area, buffer) {
            list::draw(ring, &self.look, area, buffer);
        }
    }
}

#[cfg(test)]
mod tests;
