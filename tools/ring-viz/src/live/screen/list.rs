//! A ring as a list in ring order: each member between the neighbours that it reports.
//!
//! For rings and windows that leave no room for a circle. Not here: what is known of one member (`details`).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ringtalk_terminal::tty::width;
use ringtalk_wire::NodeId;

use super::circle::per_second;
use super::look::{Look, name};
use crate::ring::{Place, Ring};

/// The most columns of a name, and the least: the list has three of them.
const NAME: usize = 24;
const LEAST_NAME: usize = 4;
/// What stands beside the names of a member and its neighbours: `★ name ← name → name  12/s  `.
const BESIDE: usize = 6;
const RATE: usize = 9;

/// Draws the ring.
pub(super) fn draw(ring: &Ring, look: &Look, area: Rect, buffer: &mut Buffer) {
    let Some(rows) = usize::from(area.height)
        .checked_sub(1)
        .filter(|rows| *rows > 0)
    else {
        return;
    };
    heading(ring, look, area, buffer);
    let all = usize::from(area.width);
    let names = ring.places.iter().map(|place| width(&name(place, NAME)));
    let room = all.saturating_sub(BESIDE + RATE) / 3;
    let longest = names
        .max()
        .unwrap_or(0)
        .clamp(LEAST_NAME, NAME)
        .min(room.max(LEAST_NAME));
    let column = 3 * longest + BESIDE + RATE;
    let columns = (all / column).max(1);
    let (first, shown) = page(ring, look, rows * columns);
    for (number, place) in ring.places.iter().enumerate().skip(first).take(shown) {
        let cell = number - first;
        let (x, y) = (cell / rows * column, 1 + cell % rows);
        let area = Rect {
            x: area.x + x as u16,
            y: area.y + y as u16,
            width: (all - x).min(column) as u16,
            height: 1,
        };
        row(ring, look, place, longest, area, buffer);
    }
}

/// What it comes to, in a line.
fn heading(ring: &Ring, look: &Look, area: Rect, buffer: &mut Buffer) {
    let text = format!(
        "{} · {} · epoch {}",
        ring.count(),
        ring.verdict(),
        ring.epoch().number
    );
    buffer.set_stringn(area.x, area.y, text, area.width.into(), look.verdict(ring));
}

/// Which members are shown where not all have room: the page of the one that was chosen.
fn page(ring: &Ring, look: &Look, room: usize) -> (usize, usize) {
    let chosen = look.chosen.and_then(|id| ring.position(&id)).unwrap_or(0);
    (chosen / room * room, room)
}

fn row(ring: &Ring, look: &Look, place: &Place, columns: usize, area: Rect, buffer: &mut Buffer) {
    let (mark, style) = look.mark(ring, place);
    let neighbour = |id: Option<NodeId>| match id.map(|id| ring.position(&id)) {
        Some(Some(at)) => name(&ring.places[at], columns),
        // Not of this view.
        Some(None) => "?".to_owned(),
        None => "-".to_owned(),
    };
    let padded = |text: &str| format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))));
    let text = format!(
        "{mark} {} ← {} → {}",
        padded(&name(place, columns)),
        padded(&neighbour(place.predecessor())),
        padded(&neighbour(place.successor()))
    );
    let room = usize::from(area.width);
    buffer.set_stringn(area.x, area.y, &text, room, style);
    if let Some(rate) = per_second(place.rates.values().sum()) {
        let used = width(&text).min(room);
        let text = format!(" {rate}/s");
        buffer.set_stringn(area.x + used as u16, area.y, text, room - used, look.rate());
    }
}
